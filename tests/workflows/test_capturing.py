"""Money taken at shipment: parcel by parcel, never more than was sent, reserved anew in time, and both sides agree."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from models.capture import Capture
from models.order import OrderStatus
from models.payment import PaymentStatus
from models.settings import WorkerSettings
from tests import purse
from tests.flow import Flow
from tests.workflows import shipping as stories
from tests.workflows.refunding import disagreements
from tests.workflows.shipping import FIRST, SECOND, Reserved, asked, count, until
from tests.workflows.steps import asked_by
from tests.workflows.stories import TWO_MUGS
from tests.workflows.test_histories import keep
from tests.workflows.trouble import Kind, Trouble
from workflows.order import Order
from workflows.order_messages import OrderState

KINDS: tuple[Kind, ...] = ("before", "after")
STEPS: dict[stories.Story, tuple[str, ...]] = {
    stories.sent_and_taken: ("confirm_order", "weigh_parcel", "capture_payment", "send_parcel"),
    stories.taken_in_two_parcels: ("authorize_further", "record_charge", "weigh_parcel", "send_parcel"),
    stories.reserved_anew: ("authorize_further", "record_charge", "void_payment"),
    stories.reserved_and_cancelled: ("read_payment", "cancel_paid_order", "void_payment"),
    stories.rest_declined: ("authorize_further", "note_shortfall", "flag_order", "void_payment"),
    stories.taken_by_staff: ("capture_payment", "settle_capture", "record_charge", "drop_charge"),
    stories.let_go_early: ("read_payment", "authorize_further"),
}
"""What can fail in each story."""
ALONE = {"settle_charge"}
"""Nobody asks for it yet but an edit that makes an order dearer."""
MATRIX = sum(len(steps) for steps in STEPS.values()) * len(KINDS)


@pytest.fixture
def settings(settings: WorkerSettings) -> WorkerSettings:
    """A shop that takes money at shipment."""
    return msgspec.structs.replace(settings, capture=Capture.AT_SHIPMENT)


async def refused(asked: object) -> str:
    """The code of a refusal."""
    with pytest.raises(WorkflowUpdateFailedError) as no:
        await asked  # type: ignore[misc]
    assert isinstance(no.value.cause, ApplicationError)
    return str(no.value.cause.type)


@pytest.mark.parametrize("story", STEPS)
async def test_a_step_that_fails_once_harms_nothing(
    flow: Flow, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, story: stories.Story
) -> None:
    """The story ends as it should, money was taken as it was sent, and every planned failure came."""
    open_one = Flow.buy
    cases = [(step, kind) for step in STEPS[story] for kind in KINDS]
    planned = iter(cases)

    async def buy_troubled(self: Flow, cart: object, *arguments: object, **more: object) -> object:
        trouble.plan(f"order/{cart}/1", *next(planned))
        return await open_one(self, cart, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Flow, "buy", buy_troubled)

    told = await asyncio.gather(*(story(flow) for _ in cases))

    assert trouble.to_come() == []
    assert await disagreements(flow) == []
    for bought in told:
        assert await bought.held() == 0


def test_the_matrix_knows_every_step(record_property: Callable[[str, object], None]) -> None:
    """An activity that comes into the path of money taken at shipment needs its place here."""
    tried = {step for steps in STEPS.values() for step in steps}
    assert asked_by("capturing") - asked_by("collecting") <= tried | ALONE
    record_property("measured", f"fault matrix of money taken at shipment: {MATRIX} cases in {len(STEPS)} stories")


async def test_record_anew(flow: Flow) -> None:
    """Collected with --record-histories only: tell every story once more and keep what the server wrote down."""
    for story in stories.ALL:
        bought = await story(flow)
        keep(story.__name__, (await bought.handle.fetch_history()).to_json())


async def test_a_parcel_takes_what_is_in_it(flow: Flow) -> None:
    """Given two mugs for 27.00, then nothing is taken until one leaves, then its 16.00, then the other's 11.00."""
    bought = await Reserved.open(flow)
    assert await bought.payment() == ("authorized", 0)
    assert await bought.moved() == [("requires_capture", 0, TWO_MUGS)]
    assert await bought.booked() == {}
    assert "Confirmed: its money is reserved" in await bought.shelf.card(bought.handle)
    assert await bought.shelf.letters() == ["order_confirmed"]

    part = await bought.ship(1)

    assert (part.status, part.payment_status) == (OrderStatus.PROCESSING, PaymentStatus.AUTHORIZED)
    assert await bought.payment() == ("authorized", FIRST)
    assert await bought.moved() == [("succeeded", FIRST, 0), ("requires_capture", 0, SECOND)]
    assert await bought.booked() == {"provider:stripe": FIRST, "sales": -FIRST}

    whole = await bought.ship()

    assert (whole.status, whole.payment_status) == (OrderStatus.SHIPPED, PaymentStatus.PAID)
    assert await bought.payment() == ("paid", TWO_MUGS)
    assert await bought.moved() == [("succeeded", FIRST, 0), ("succeeded", SECOND, 0)]
    assert await bought.booked() == {"provider:stripe": TWO_MUGS, "sales": -TWO_MUGS}
    assert (await bought.arrive()).status is OrderStatus.DELIVERED
    assert await bought.shelf.facts() == [
        "order_placed", "payment_authorized", "order_confirmed", "payment_captured", "order_shipped",
        "charge_authorized", "payment_captured", "order_shipped", "parcel_delivered", "parcel_delivered",
        "order_delivered",
    ]  # fmt: skip
    assert await disagreements(flow) == []


async def test_credit_pays_first(flow: Flow) -> None:
    """Given 6.00 of a gift card, then the first parcel takes 10.00 of the card, and the second the rest."""
    bought = await Reserved.open(flow, credit=600)
    assert await bought.booked() == {"gift_card": 600, "sales": -600}
    await bought.ship(1)
    assert await bought.payment() == ("authorized", FIRST - 600)
    await bought.ship()
    assert await bought.payment() == ("paid", TWO_MUGS - 600)
    assert await bought.booked() == {"gift_card": 600, "provider:stripe": TWO_MUGS - 600, "sales": -TWO_MUGS}
    assert await disagreements(flow) == []


async def test_what_cannot_be_taken_is_not_sent(flow: Flow) -> None:
    """Given a provider that refuses the capture, then nothing moves and a person is told; then it leaves after all."""
    bought = await Reserved.open(flow)
    left = await bought.shelf.left()
    about = {"order": str(bought.shelf.number)}
    await flow.stripe.fault("error_before", status=400, path="/v1/payment_intents/*/capture", metadata=about)
    assert await refused(bought.ship(1)) == "capture_failed"
    assert (await bought.payment(), await bought.shelf.left()) == (("authorized", 0), left)
    assert await bought.booked() == {}
    assert (await bought.shelf.row())["attention"].startswith("capture the payment: ")
    assert "order_shipped" not in await bought.shelf.facts()
    assert (await bought.ship(1)).status is OrderStatus.PROCESSING
    assert (await bought.shelf.row())["attention"] is None
    assert await bought.payment() == ("authorized", FIRST)
    assert await disagreements(flow) == []


async def test_a_parcel_that_may_not_leave_takes_nothing(flow: Flow) -> None:
    """Given more than is left, then it is refused before the provider hears of it."""
    bought = await Reserved.open(flow)
    assert await refused(bought.ship(3)) == "nothing_left"
    assert await bought.moved() == [("requires_capture", 0, TWO_MUGS)]


async def test_the_rest_waits_for_a_card_that_is_good(flow: Flow) -> None:
    """Given a bank that wants to see its buyer each time, then the rest is not sent, and buyer and staff are told."""
    bought = await Reserved.open(flow, "pm_card_authenticationRequired")
    assert (await bought.ship(1)).status is OrderStatus.PROCESSING
    assert await bought.payment() == ("authorized", FIRST)
    assert (await bought.shelf.row())["attention"].startswith("reserve the rest of the money: ")
    assert await bought.shelf.letters() == ["order_confirmed", "shipped", "rest_declined"]
    assert await refused(bought.ship()) == "capture_failed"
    assert await bought.shelf.left() == (4, 1)
    await bought.retry()
    await until(bought, lambda: asked(bought, 4))
    assert await bought.held() == 0
    assert (await bought.shelf.letters()).count("rest_declined") == 1
    assert await disagreements(flow) == []


async def test_a_card_that_is_good_again(flow: Flow) -> None:
    """Given a rest that was declined once, when staff say retry, then it is reserved, and can be sent."""
    bought = await Reserved.open(flow)
    await flow.stripe.fault("error_before", status=400, method="POST", path="/v1/payment_intents",
                            metadata={"order": str(bought.shelf.number)})  # fmt: skip
    await bought.ship(1)
    assert (await bought.shelf.row())["attention"].startswith("reserve the rest of the money: ")
    await bought.retry()
    await until(bought, lambda: count(bought, 2))
    await until(bought, lambda: _calm(bought))
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    assert await disagreements(flow) == []


async def _calm(bought: Reserved) -> bool:
    return (await bought.shelf.row())["attention"] is None


async def test_it_is_reserved_anew_before_it_lapses(flow: Flow) -> None:
    """Given nothing sent for six days, then the money is reserved by a payment of its own, and the old one let go."""
    bought = await Reserved.open(flow)
    await flow.fast_forward(bought.handle, stories.LIFE - timedelta(hours=1))
    assert await bought.moved() == [("requires_capture", 0, TWO_MUGS)]
    for payments in (2, 3):
        await flow.fast_forward(bought.handle, timedelta(hours=2) if payments == 2 else stories.LIFE)
        await until(bought, lambda payments=payments: count(bought, payments))  # type: ignore[misc]
    assert await bought.moved() == [("canceled", 0, 0), ("canceled", 0, 0), ("requires_capture", 0, TWO_MUGS)]
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    assert await bought.booked() == {"provider:stripe": TWO_MUGS, "sales": -TWO_MUGS}
    assert await disagreements(flow) == []


async def test_what_the_provider_let_go_is_reserved_anew(flow: Flow) -> None:
    """Given a reservation that lapsed early, told or not, then the next parcel is paid by another one."""
    told, untold = await Reserved.open(flow), await Reserved.open(flow)
    for bought in (told, untold):
        await bought.lapse()
    await told.handle.signal(Order.provider_news, stories.canceled())
    await until(told, lambda: count(told, 2))
    for bought in (told, untold):
        assert (await bought.ship()).payment_status is PaymentStatus.PAID
        assert await bought.moved() == [("canceled", 0, 0), ("succeeded", TWO_MUGS, 0)]
    assert await disagreements(flow) == []


async def test_a_reserved_order_that_is_cancelled_has_taken_nothing(flow: Flow) -> None:
    """Given 6.00 of a gift card and a card that is reserved, then the one is given back and the other voided."""
    bought = await stories.reserved_and_cancelled(flow)
    assert await bought.payment() == ("voided", 0)
    assert await bought.moved() == [("canceled", 0, 0)]
    async with asyncio.timeout(60):
        while await bought.booked() != {"gift_card": 0, "sales": 0}:
            await asyncio.sleep(0.02)
    [card] = await flow.database.fetch("SELECT id FROM credit_accounts")
    assert await purse.entries(flow.database, card["id"]) == [("issue", 600), ("hold", -600), ("refund", 600)]
    assert await bought.shelf.left() == (5, 0)
    assert await disagreements(flow) == []


async def test_staff_take_money_before_it_is_sent(flow: Flow) -> None:
    """Given 20.00 taken by staff, then the first parcel takes nothing, and the last one what is left."""
    bought = await Reserved.open(flow)
    assert await refused(bought.capture(TWO_MUGS + 1)) == "capture_exceeds"
    assert (await bought.capture(2000)).payment_status is PaymentStatus.AUTHORIZED
    assert await bought.moved() == [("succeeded", 2000, 0), ("requires_capture", 0, TWO_MUGS - 2000)]
    await bought.ship(1)
    assert await bought.payment() == ("authorized", 2000)
    assert await refused(bought.capture()) == "wrong_move"
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    assert await bought.booked() == {"provider:stripe": TWO_MUGS, "sales": -TWO_MUGS}
    assert await disagreements(flow) == []


async def test_what_staff_took_goes_back_when_it_is_cancelled(flow: Flow) -> None:
    """Given 20.00 of 27.00 taken by staff, when it is cancelled, then they are refunded and the rest is voided."""
    bought = await Reserved.open(flow)
    await bought.capture(2000)
    assert (await bought.cancel()).status is OrderStatus.CANCELLED
    async with asyncio.timeout(60):
        while await bought.payment() != ("refunded", 2000):
            await asyncio.sleep(0.02)
    assert [(status, held) for status, _, held in await bought.moved()] == [("succeeded", 0), ("canceled", 0)]
    assert await bought.booked() == {"provider:stripe": 0, "sales": 0}
    assert await disagreements(flow) == []


async def test_all_taken_is_paid(flow: Flow) -> None:
    """Given all of it taken by staff, then the order is paid as any other, and is refunded as one."""
    bought = await Reserved.open(flow)
    assert (await bought.capture()).payment_status is PaymentStatus.PAID
    assert await bought.payment() == ("paid", TWO_MUGS)
    assert (await bought.cancel()).status is OrderStatus.CANCELLED
    async with asyncio.timeout(60):
        while await bought.payment() != ("refunded", TWO_MUGS):
            await asyncio.sleep(0.02)
    assert await disagreements(flow) == []


async def test_cancel_and_shipment_race(flow: Flow) -> None:
    """Given a buyer who cancels while the parcel is handed over, then one of them wins, and the money says which."""
    bought = [await Reserved.open(flow) for _ in range(6)]
    ends = [asyncio.gather(each.ship(), each.cancel(), return_exceptions=True) for each in bought]
    for each, answers in zip(bought, await asyncio.gather(*ends), strict=True):
        assert sum(isinstance(answer, OrderState) for answer in answers) == 1, answers
        sent = isinstance(answers[0], OrderState)
        assert await each.payment() == (("paid", TWO_MUGS) if sent else ("voided", 0))
        assert await each.held() == 0
        assert await each.shelf.left() == ((3, 0) if sent else (5, 0))
    assert await disagreements(flow) == []
