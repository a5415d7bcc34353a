"""Two who move one order, or want its goods, in the same moment: one does, and money and goods agree with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.cancellations import CancellationActivities, CancelPaidOrder
from activities.edits import EditActivities, MakeEdit
from activities.shipments import SendParcel, ShipmentActivities
from models.capture import Capture
from models.errors import Refusal, refusal_of
from models.ids import CartId, OrderId
from models.order import OrderStatus, workflow_id
from models.settings import WorkerSettings
from models.tables import inventory, refund_end
from tests.flow import Flow, Handle
from tests.workflows import ledgers, refunding
from tests.workflows.shipping import Reserved
from tests.workflows.stories import MUG, TWO_MUGS, WINDOW, Shelf, kept_card
from tests.workflows.test_editing import FOUR_MUGS, NEVER_MIND, PARCEL, YES, edits, settled, two_mugs, wish
from tests.workflows.trouble import Trouble
from workflows.order import Order
from workflows.order_messages import OrderState

ALL_FIVE = 5 * 1000 + 500 + 500
"""What the whole shelf costs."""
_EXPIRE = "UPDATE stock_holds SET until = now() - interval '1 second' WHERE until IS NOT NULL"
SHOP = {"Authorization": "Bearer sk_test_browser"}


AT_SHIPMENT = pytest.mark.parametrize("capture", [Capture.AT_SHIPMENT])
"""In a shop that takes its money then."""


@pytest.fixture
def settings(settings: WorkerSettings, request: pytest.FixtureRequest) -> WorkerSettings:
    """Of a shop that takes its money when the test says."""
    callspec = getattr(request.node, "callspec", None)
    capture = callspec.params.get("capture", Capture.AT_ONCE) if callspec is not None else Capture.AT_ONCE
    return msgspec.structs.replace(settings, capture=capture)


class Rival:
    """Somebody else who wants all five."""

    def __init__(self, shelf: Shelf, carts: list[CartId]) -> None:
        self._flow = shelf.flow
        self._carts = carts

    @classmethod
    async def of(cls, shelf: Shelf) -> "Rival":
        """With carts for two tries."""
        return cls(shelf, [await shelf.flow.cart({shelf.sku: 5}) for _ in range(2)])

    async def tries(self) -> str:
        """To buy them; the order's status, or why it is refused."""
        handle, answer = await self._flow.buy(self._carts.pop(), ALL_FIVE)
        if answer.refusal is not None:
            return answer.refusal.code
        return (await self._flow.until(handle, OrderStatus.CONFIRMED)).status


async def pays(shelf: Shelf, reference: str) -> bool:
    """The buyer's browser confirms the payment with another card, past the shop. Whether the provider takes it."""
    answer = await shelf.flow.stripe.http.post(
        f"/v1/payment_intents/{reference}/confirm", data={"payment_method": "pm_card_visa"}, headers=SHOP
    )
    return answer.status_code == 200


@contextlib.asynccontextmanager
async def in_the_middle_of(step: str, shelf: Shelf, handle: Handle, trouble: Trouble) -> AsyncIterator[None]:
    """The window closes, and what follows stands still before this step."""
    arrived, go = trouble.hold(handle.id, step)
    passing = asyncio.create_task(shelf.flow.fast_forward(handle, WINDOW))
    await asyncio.wait_for(arrived.wait(), 60)
    yield
    go.set()
    with contextlib.suppress(RPCError):  # it ended first
        await passing


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize(
    ("step", "taken", "end", "left"),
    [
        ("read_payment", True, OrderStatus.CONFIRMED, (5, 1)),
        ("void_payment", True, OrderStatus.CANCELLED, (5, 0)),
        ("cancel_order", False, OrderStatus.CANCELLED, (5, 0)),
    ],
    ids=["before the last look", "after it", "after the payment was given up"],
)
async def test_a_payment_while_the_window_closes(
    shelf: Shelf, trouble: Trouble, step: str, taken: bool, end: OrderStatus, left: tuple[int, int]
) -> None:
    """Given goods that are held, when money comes as time runs out, then it is a sale, or it is the buyer's again.

    Until that is decided nobody else gets the goods; as soon as it is, they do.
    """
    rival = await Rival.of(shelf)
    handle, answer = await shelf.buy("pm_card_chargeDeclined")
    assert answer.payment is not None and answer.payment.reference is not None

    async with in_the_middle_of(step, shelf, handle, trouble):
        assert await shelf.left() == (5, 1)
        assert await rival.tries() == "out_of_stock"
        assert await pays(shelf, answer.payment.reference) is taken

    await shelf.flow.until(handle, end)
    assert await shelf.left() == left
    assert await rival.tries() == ("out_of_stock" if end is OrderStatus.CONFIRMED else "confirmed")
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_capture_that_takes_longer_than_the_hold(shelf: Shelf, trouble: Trouble) -> None:
    """Given authorized money, when the hold's time is over before it is taken, then the goods stay with the order."""
    arrived, go = trouble.hold(workflow_id(shelf.cart, 1), "capture_payment")
    rival = await Rival.of(shelf)
    handle, _ = await shelf.buy()
    await asyncio.wait_for(arrived.wait(), 60)

    await shelf.flow.database.fetch(_EXPIRE)
    assert await rival.tries() == "out_of_stock"
    go.set()

    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await shelf.left() == (5, 1)
    assert await rival.tries() == "out_of_stock"
    assert await ledgers.disagreements(shelf.flow) == []


async def outcome(ask: Callable[[], Awaitable[OrderState]]) -> str:
    """The order's status as whoever asks is told, or the code of the refusal."""
    while True:
        try:
            return (await asyncio.wait_for(ask(), 60)).status
        except WorkflowUpdateFailedError as failed:
            refusal = refusal_of(failed.cause)
            assert refusal is not None, failed.cause
            return refusal.code
        except RPCError as away:
            if away.status is RPCStatusCode.NOT_FOUND:  # it has ended: the API says so
                return "wrong_move"
            if (
                away.status is not RPCStatusCode.FAILED_PRECONDITION
            ):  # it was ending just then: asked again, as by the API
                raise


ENDS = {
    "ship": {"ship": "shipped", "cancel": "wrong_move"}, "cancel": {"ship": "wrong_move", "cancel": "cancelled"},
}  # fmt: skip
"""By who wins, what both are told."""


async def reserved_books(bought: Reserved, *, sent: bool) -> None:
    """Money and goods of an order of two mugs that was reserved: all of it paid and sent, or none."""
    assert await bought.payment() == (("paid", TWO_MUGS) if sent else ("voided", 0))
    assert await bought.booked() == ({"provider:stripe": TWO_MUGS, "sales": -TWO_MUGS} if sent else {})
    assert (await bought.held(), await bought.shelf.left()) == (0, (3, 0) if sent else (5, 0))


@AT_SHIPMENT
@pytest.mark.parametrize("first", ["ship", "cancel"])
async def test_a_parcel_and_a_cancellation_of_what_is_reserved(flow: Flow, capture: Capture, first: str) -> None:
    """Given both at the same moment, then it was sent and is paid, or nothing was taken; whoever lost is told so."""
    bought = [await Reserved.open(flow) for _ in range(3)]
    for each in bought:
        asked = {"ship": each.ship, "cancel": each.cancel}
        names = sorted(asked, key=lambda name: name != first)
        told = dict(zip(names, await asyncio.gather(*(outcome(asked[name]) for name in names)), strict=True))
        sent = told["ship"] == "shipped"
        assert told == ENDS["ship" if sent else "cancel"]
        await reserved_books(each, sent=sent)
    assert await refunding.disagreements(flow) == []


@AT_SHIPMENT
@pytest.mark.parametrize(
    ("step", "first", "second"), [("capture_payment", "ship", "cancel"), ("void_payment", "cancel", "ship")]
)
async def test_whoever_comes_while_reserved_money_moves(
    flow: Flow, trouble: Trouble, capture: Capture, step: str, first: str, second: str
) -> None:
    """Given a parcel whose money is being taken, or a cancellation that lets it go, then whoever comes is too late."""
    bought = await Reserved.open(flow)
    asked = {"ship": bought.ship, "cancel": bought.cancel}
    arrived, go = trouble.hold(bought.handle.id, step)
    earlier = asyncio.create_task(outcome(asked[first]))
    await asyncio.wait_for(arrived.wait(), 60)
    later = asyncio.create_task(outcome(asked[second]))
    await bought.shelf.heard(bought.handle, second)
    go.set()

    assert {first: await earlier, second: await later} == ENDS[first]
    await reserved_books(bought, sent=first == "ship")
    assert await refunding.disagreements(flow) == []


@pytest.mark.parametrize("first", ["ship", "cancel"])
async def test_whoever_comes_while_an_edit_is_paid_finds_the_order_changed(
    shelf: Shelf, trouble: Trouble, first: str
) -> None:
    """Given a dearer edit whose money is being reserved, then a parcel and a cancellation wait, and one wins."""
    handle = await two_mugs(shelf, **await kept_card(shelf))
    await shelf.ask(handle, Order.propose_edit, wish(shelf, 4))
    arrived, go = trouble.hold(handle.id, "authorize_further")
    yes = asyncio.create_task(outcome(lambda: shelf.ask(handle, Order.commit_edit, YES)))
    await asyncio.wait_for(arrived.wait(), 60)
    asked = {
        "ship": lambda: shelf.ask(handle, Order.ship, PARCEL),
        "cancel": lambda: shelf.ask(handle, Order.cancel, NEVER_MIND),
    }
    told = {}
    for name in sorted(asked, key=lambda name: name != first):
        told[name] = asyncio.create_task(outcome(asked[name]))
        await shelf.heard(handle, name)
    go.set()

    assert await yes == "confirmed"
    assert {name: await task for name, task in told.items()} == ENDS[first]
    assert await edits(shelf) == [(1, "committed", 2200)]
    await settled(shelf, FOUR_MUGS if first == "ship" else 0, held=0)
    assert await shelf.left() == ((1, 0) if first == "ship" else (5, 0))


WAYS = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]


async def test_rows_let_one_win_whatever_the_owner_believes(flow: Flow) -> None:
    """Given a yes to an edit, a parcel and a cancellation past the owner, at once, then one order comes out of it."""
    changing, sending = EditActivities(flow.database), ShipmentActivities(flow.database)
    ending = CancellationActivities(flow.database)
    for way in WAYS:
        shelf = await Shelf.open(flow)
        handle = await two_mugs(shelf)
        await shelf.ask(handle, Order.propose_edit, wish(shelf, 1))
        await handle.terminate("its steps are done by hand from here on")
        order = OrderId((await shelf.row())["id"])
        asked: tuple[Awaitable[object], ...] = (
            changing.commit_edit(MakeEdit(order, 1, "buyer")),
            sending.send_parcel(SendParcel(order, 1, "UPS", "1Z", "warehouse")),
            ending.cancel_paid_order(CancelPaidOrder(order, "changed my mind", "buyer")),
        )
        answers = await asyncio.gather(*(asked[each] for each in way), return_exceptions=True)
        assert all(isinstance(each, Refusal) for each in answers if isinstance(each, BaseException)), answers
        yes, sent, ended = (not isinstance(answers[way.index(each)], Refusal) for each in range(3))
        assert sent is not ended, answers
        await one_came_out(shelf, yes=yes, sent=sent)
    async with flow.database.reading() as reader:
        assert (await inventory.drift(reader), await refund_end.drift(reader)) == ([], [])


async def one_came_out(shelf: Shelf, *, yes: bool, sent: bool) -> None:
    """Row, shelf, money that is to go back and timeline say the same of an order of two mugs, or of one."""
    row, units = await shelf.row(), 1 if yes else 2
    assert (row["status"], row["total"]) == ("shipped" if sent else "cancelled", MUG if yes else TWO_MUGS)
    assert await shelf.left() == ((5 - units if sent else 5), 0)
    [back] = await shelf.flow.database.fetch(
        "SELECT coalesce(sum(amount), 0)::int AS amount FROM refunds WHERE order_id = $1", row["id"]
    )
    assert back["amount"] == TWO_MUGS - (row["total"] if sent else 0)
    facts = await shelf.facts()
    told = [facts.count(name) for name in ("order_edited", "order_shipped", "order_cancelled")]
    assert told == [int(yes), int(sent), int(not sent)]
