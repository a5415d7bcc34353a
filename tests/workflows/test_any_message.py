"""Whatever is asked of an order, in whatever order: allowed, it is done; else it is refused and nothing moved; and
after each message stock, money and the provider agree."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError

from models.database import fetching
from models.edit import EditItem, EditWish
from models.ids import OrderId, new_id
from models.order import Action, buyer_actions, staff_actions
from models.shipment import ShipItem
from models.tables import cart as carts
from tests.flow import Flow, Handle
from tests.workflows import refunding
from tests.workflows.refunding import Sold
from tests.workflows.returning import Gone
from tests.workflows.stories import TWO_MUGS, Shelf
from workflows.order import Order
from workflows.order_messages import (
    CancelCheckout,
    CommitEdit,
    DeliverOrder,
    DropEdit,
    PayOrder,
    ProposeEdit,
    ShipOrder,
)
from workflows.steadfast import RetryStep

T = TypeVar("T")
CARDS = st.sampled_from(["pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired", None])
EXAMPLES, MESSAGES = 10, 10
WAYS = [
    ("approve", "receive", "inspect"),
    ("approve", "receive"),
    ("reject", "approve"),
    ("receive",),
    ("inspect",),
    (),
]
"""What staff say of a return, one after the other."""
REST = 60.0
"""Seconds within which an order that nobody asks anything comes to rest."""
_STANDS = """
SELECT o.id, o.status, p.status AS payment, o.fulfilment_status AS fulfilment, o.attention IS NOT NULL AS attention,
       (SELECT count(*)::int FROM order_edits e WHERE e.order_id = o.id) AS edits,
       (SELECT count(*)::int FROM returns r WHERE r.order_id = o.id) AS returns,
       EXISTS(SELECT FROM returns r WHERE r.order_id = o.id AND r.status = 'inspected')
       OR EXISTS(SELECT FROM refunds r WHERE r.order_id = o.id AND r.status = 'open') AS going_back
FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.number = $1
"""
_UNBALANCED = "SELECT operation, currency FROM money_entries GROUP BY 1, 2 HAVING sum(amount) <> 0"


class AnyMessage(RuleBasedStateMachine):
    """An order of two mugs; the shop's loop runs in another thread."""

    flow: ClassVar[Flow]
    loop: ClassVar[asyncio.AbstractEventLoop]
    sent: ClassVar[list[str]] = []
    """What was asked in all examples, and how it was answered."""

    shelf: Shelf
    handle: Handle

    def run_in_shop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(2 * REST)

    @initialize(card=st.just("pm_card_visa") | CARDS, then=st.sampled_from(["nothing", "edit", "ship"]))
    def buy(self, card: str | None, then: str) -> None:
        async def open_and_buy() -> None:
            self.shelf = await Shelf.open(self.flow)
            async with self.flow.database.writing() as writer:
                await carts.add(fetching(writer), self.shelf.cart, self.shelf.sku, 1, None, "usd")
            self.handle, _ = await self.flow.buy(self.shelf.cart, TWO_MUGS, card, number=self.shelf.number)
            await self.rest()

        self.run_in_shop(open_and_buy())
        if then == "edit":
            self.edit(1, Order.commit_edit)
        elif then == "ship":
            self.ship(None)

    @rule(card=CARDS.filter(bool))
    def pay(self, card: str) -> None:
        self.ask(Action.PAY, buyer=True, command=Order.pay, request=PayOrder(new_id().hex, card))

    @rule(buyer=st.booleans())
    def cancel(self, buyer: bool) -> None:
        request = CancelCheckout(new_id().hex, "changed my mind", "buyer" if buyer else "staff/bob")
        self.ask(Action.CANCEL, buyer=buyer, command=Order.cancel, request=request)

    @rule(units=st.sampled_from([None, 1, 2, 3]))
    def ship(self, units: int | None) -> None:
        items = (ShipItem(self.shelf.sku, units),) if units else ()
        self.ask(Action.SHIP, command=Order.ship, request=ShipOrder("staff/bob", "UPS", "1Z", items))

    @rule(shipment=st.sampled_from([None, 1, 2, 9]))
    def deliver(self, shipment: int | None) -> None:
        self.ask(Action.DELIVER, command=Order.deliver, request=DeliverOrder("carrier", shipment))

    @rule()
    def retry(self) -> None:
        self.ask(Action.RETRY, command=Order.retry, request=RetryStep("staff/bob", "mended"))

    @rule(amount=st.integers(1, TWO_MUGS + 1))
    def refund(self, amount: int) -> None:
        async def refund() -> None:
            order, _, _, _ = stands = await self.stands()
            sold = Sold(self.shelf, order)
            answer = await sold.refund(amount, n=len(await sold.rows()) + 1)
            if answer.refusal is not None:
                assert await self.stands() == stands
            self.sent.append(f"refund: {answer.refusal.code if answer.refusal else 'done'}")
            await self.rest()

        self.run_in_shop(refund())

    @rule(units=st.integers(0, 4), then=st.sampled_from([Order.commit_edit, Order.drop_edit, None]))
    def edit(self, units: int, then: Any) -> None:
        key = new_id().hex
        wish = EditWish(f"buyer/{key}", key, "buyer", (EditItem(self.shelf.sku, units),))
        self.ask(Action.EDIT, buyer=True, command=Order.propose_edit, request=ProposeEdit(key, wish))
        if then is not None:
            n = self.run_in_shop(self.counted("edits")) or 1
            said = CommitEdit(key, n, "buyer") if then is Order.commit_edit else DropEdit(key, n, "buyer")
            self.ask(None, command=then, request=said)

    @rule(units=st.integers(1, 3), then=st.sampled_from(WAYS))
    def send_back(self, units: int, then: tuple[str, ...]) -> None:
        async def ask() -> None:
            order, where, _, _ = stands = await self.stands()
            gone = Gone(self.shelf, self.handle, order)
            answer = await gone.ask(gone.wish(units), await self.counted("returns") + 1)
            code = "done" if answer.refusal is None else answer.refusal.code
            self.sent.append(f"return: {code}")
            assert Action.RETURN in buyer_actions(*where, returnable=True) or code == "wrong_move", (where, code)
            await self.rest()
            assert await self.stands() == stands  # its units are only set apart

        self.run_in_shop(ask())
        for command in then:
            self.all_agree()
            self.run_in_shop(self.move_return(command))

    async def move_return(self, command: str) -> None:
        """Staff say so of the return that was asked for last."""
        order, _, _, _ = stands = await self.stands()
        gone, code = Gone(self.shelf, self.handle, order), "done"
        try:
            await getattr(gone, command)(n=await self.counted("returns") or 1)
        except WorkflowUpdateFailedError as refused:
            assert isinstance(refused.cause, ApplicationError)
            code = refused.cause.type or "?"
        except RPCError as over:  # it has ended, or was never begun
            assert "completed" in str(over) or "not found" in str(over), over
            code = "over"
        self.sent.append(f"{command}: {code}")
        await self.rest()
        if code != "done":
            assert code in ("wrong_move", "over"), code
            assert await self.stands() == stands

    @rule(again=st.booleans())
    def news(self, again: bool) -> None:
        async def tell() -> None:
            try:
                await self.shelf.news(self.handle, "evt_1" if again else f"evt_{new_id()}")
            except RPCError:  # its life is over
                assert (await self.handle.describe()).status is not None
            await self.rest()

        self.run_in_shop(tell())

    @rule()
    def reload(self) -> None:
        async def reload() -> None:
            stands = await self.stands()
            with suppress(WorkflowAlreadyStartedError):  # it is over: the API answers from the row
                await self.flow.buy(self.shelf.cart, TWO_MUGS, "pm_card_visa", number=self.shelf.number, key="reload")
            assert await self.stands() == stands

        self.run_in_shop(reload())

    @invariant()
    def all_agree(self) -> None:
        """Rows, ledgers and the provider; in a while, since what was begun may still be on its way."""

        async def look() -> None:
            found: list[str] = []
            try:
                async with asyncio.timeout(REST):
                    while found := await refunding.disagreements(self.flow):
                        await asyncio.sleep(0.05)
            except TimeoutError:
                raise AssertionError(found) from None
            assert await self.flow.database.fetch(_UNBALANCED) == []

        if hasattr(self, "handle"):
            self.run_in_shop(look())

    def ask(self, action: Action | None, *, command: Any, request: Any, buyer: bool = False) -> None:
        """Send it. The data say whether it may be done, of an action; what is refused has moved nothing."""

        async def send() -> None:
            _, where, attention, _ = stands = await self.stands()
            legal = action is None or action in (
                buyer_actions(*where, returnable=True) if buyer else staff_actions(*where, attention)
            )
            code = "done"
            try:
                await self.shelf.ask(self.handle, command, request)
            except WorkflowUpdateFailedError as refused:
                assert isinstance(refused.cause, ApplicationError)
                code = refused.cause.type or "?"
            except RPCError as over:  # its workflow has ended: an order that is over takes no message
                assert "completed" in str(over) or "not found" in str(over), over
                code = "over"
            self.sent.append(f"{action or type(request).__name__}: {code}")
            assert legal or code in ("wrong_move", "over"), (action, where, code)
            await self.rest()
            if code != "done":
                assert await self.stands() == stands

        self.run_in_shop(send())

    async def stands(self) -> tuple[OrderId, tuple[str, str, str], bool, tuple[int, int]]:
        """Its id, its three axes, whether a person is asked for, and the shelf."""
        [row] = await self.flow.database.fetch(_STANDS, self.shelf.number)
        where = row["status"], row["payment"], row["fulfilment"]
        return OrderId(row["id"]), where, row["attention"], await self.shelf.left()

    async def counted(self, what: str) -> int:
        """How many edits or returns of it there are."""
        [row] = await self.flow.database.fetch(_STANDS, self.shelf.number)
        return int(row[what])

    async def rest(self) -> None:
        """Wait until nothing goes on by itself any more."""
        async with asyncio.timeout(REST):
            while True:
                [row] = await self.flow.database.fetch(_STANDS, self.shelf.number)
                status, payment, going = row["status"], row["payment"], row["going_back"]
                going |= status == "pending" and payment == "authorized"
                going |= status == "cancelled" and payment in ("paid", "partially_refunded", "pending", "failed")
                if not going:
                    return
                await asyncio.sleep(0.03)


async def test_any_messages_in_any_order(flow: Flow) -> None:
    """Given orders and messages drawn at random, then each is done or refused by the data, and all books agree."""
    AnyMessage.flow, AnyMessage.loop = flow, asyncio.get_running_loop()
    AnyMessage.sent.clear()

    await asyncio.to_thread(
        run_state_machine_as_test,
        AnyMessage,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=MESSAGES, deadline=None, database=None,
                          suppress_health_check=list(HealthCheck)),
    )  # fmt: skip

    print(f"{EXAMPLES} orders, {len(AnyMessage.sent)} messages")  # noqa: T201 - the size of what was tried
    print([f"{each}: {times}" for each, times in Counter(AnyMessage.sent).items()])  # noqa: T201
    assert any("done" in each for each in AnyMessage.sent)
    assert any("done" not in each for each in AnyMessage.sent)
