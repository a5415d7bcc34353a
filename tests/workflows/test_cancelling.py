"""An order that is called off: by its buyer, by an operator, at any moment; one outcome, and the ledgers agree."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from models.order import OrderStatus, workflow_id
from models.payment import PaymentStatus
from tests import coupons
from tests.flow import Flow, Handle
from tests.workflows import ledgers
from tests.workflows.stories import MUG, Shelf
from tests.workflows.trouble import Trouble
from workflows import patience
from workflows.order import Order
from workflows.order_messages import AwaitCheckout, CancelCheckout, OrderState, PayOrder, ShipOrder

NEVER_MIND = CancelCheckout("never mind", "changed my mind", "buyer")


async def cancelled(shelf: Shelf, handle: Handle, reason: str, actor: str) -> None:
    """Check that the order ended, wholly undone, for this reason."""
    ended = await asyncio.wait_for(handle.result(), 60)
    assert (ended.status, ended.payment_status, ended.attention) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED, None)
    assert (await shelf.row())["cancel_reason"] == reason
    facts = await shelf.flow.database.fetch("SELECT actor FROM order_events WHERE type = 'order_cancelled'")
    assert [fact["actor"] for fact in facts] == [actor]
    assert await shelf.left() == (5, 0)
    assert await shelf.charged() == (0, 0)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_buyer_cancels_while_unpaid(shelf: Shelf) -> None:
    """The answer comes when it is done; who asks again gets the same answer; the cart can be bought again."""
    handle, _ = await shelf.buy("pm_card_chargeDeclined")

    first, second = await asyncio.gather(
        shelf.ask(handle, Order.cancel, NEVER_MIND), shelf.ask(handle, Order.cancel, NEVER_MIND)
    )

    assert (first.status, first.payment_status, first.digest) == (
        OrderStatus.CANCELLED, PaymentStatus.VOIDED, "never mind",
    )  # fmt: skip
    assert first == second
    await cancelled(shelf, handle, "changed my mind", "buyer")
    assert await shelf.letters() == ["payment_failed", "order_cancelled"]
    _, again = await shelf.flow.buy(shelf.cart, 1600, attempt=2)
    assert again.payment_status is PaymentStatus.AUTHORIZED


async def test_cancel_wins_over_money_that_is_only_reserved(shelf: Shelf, trouble: Trouble) -> None:
    """Asked for while the card is being authorized: the reservation is given back, the payer is told so."""
    handle, _ = await shelf.buy("pm_card_chargeDeclined")
    arrived, go = trouble.hold(handle.id, "authorize_payment")
    paying = asyncio.create_task(shelf.ask(handle, Order.pay, PayOrder("again", "pm_card_visa")))
    await arrived.wait()

    cancelling = asyncio.create_task(shelf.ask(handle, Order.cancel, NEVER_MIND))
    await shelf.heard(handle, "cancel")
    go.set()

    assert (await cancelling).status is OrderStatus.CANCELLED
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await paying
    assert isinstance(refused.value.cause, ApplicationError) and refused.value.cause.type == "wrong_move"
    await cancelled(shelf, handle, "changed my mind", "buyer")


async def test_pay_and_cancel_at_once_have_one_outcome(shelf: Shelf) -> None:
    """Whoever comes first: the order is sold or undone, and both answers say the same."""
    handle, _ = await shelf.buy("pm_card_chargeDeclined")

    paid, ended = await asyncio.gather(
        shelf.ask(handle, Order.pay, PayOrder("again", "pm_card_visa")),
        shelf.ask(handle, Order.cancel, NEVER_MIND),
        return_exceptions=True,
    )

    assert isinstance(paid, OrderState) != isinstance(ended, OrderState)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED if isinstance(paid, OrderState) else OrderStatus.CANCELLED)
    assert await ledgers.disagreements(shelf.flow) == []


@pytest.mark.parametrize("who", ["buyer", "operator"])
async def test_cancel_before_there_is_an_order(
    shelf: Shelf, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """Postgres was away, and nobody wants the order any more when it is back: no card is touched."""
    monkeypatch.setitem(patience.DATABASE, "retry_policy", RetryPolicy(initial_interval=timedelta(minutes=1)))
    trouble.plan(workflow_id(shelf.cart, 1), "place_order", "before")
    handle = await shelf.begin()
    waiting = asyncio.create_task(shelf.ask(handle, Order.await_checkout, AwaitCheckout("digest")))
    await shelf.heard(handle, "await_checkout")
    if who == "operator":
        await handle.cancel()
        ends = [waiting]
    else:
        ends = [waiting, asyncio.create_task(shelf.ask(handle, Order.cancel, NEVER_MIND))]
        await shelf.heard(handle, "cancel")

    await shelf.flow.fast_forward(handle, patience.SEARCH_LAG + timedelta(minutes=2))

    assert {(await each).status for each in ends} == {OrderStatus.CANCELLED}
    reason = "cancelled_by_operator" if who == "operator" else "changed my mind"
    await cancelled(shelf, handle, reason, who)
    assert trouble.runs[handle.id, "authorize_payment_now"] == 0


@pytest.mark.parametrize("moment", ["tried again", "under way"])
async def test_cancel_does_not_wait_for_a_provider_that_is_down(shelf: Shelf, trouble: Trouble, moment: str) -> None:
    """The authorization is given up at once, or as soon as the try under way is over; what it made is searched for."""
    path = "/v1/payment_intents"
    await shelf.flow.stripe.fault("error_before", status=503, path=path, times=None if moment == "tried again" else 1)
    arrived, go = trouble.hold(workflow_id(shelf.cart, 1), "authorize_payment")
    handle = await shelf.begin()
    await arrived.wait()
    if moment == "tried again":
        go.set()
        while trouble.runs[handle.id, "authorize_payment"] < 2:
            await asyncio.sleep(0.02)
    cancelling = asyncio.create_task(shelf.ask(handle, Order.cancel, NEVER_MIND))
    await shelf.heard(handle, "cancel")
    go.set()
    if moment == "tried again":
        await shelf.until_card(handle, "Giving the payment up")
        await shelf.flow.stripe.clear()
        await shelf.flow.fast_forward(handle, patience.SEARCH_LAG + timedelta(minutes=1))

    assert (await cancelling).status is OrderStatus.CANCELLED
    await cancelled(shelf, handle, "changed my mind", "buyer")


async def refunded(shelf: Shelf, credit: int = 0, of: int = MUG) -> None:
    """Wait until all that was paid has gone back; the order is over, its goods are on the shelf, the books agree."""
    async with asyncio.timeout(60):
        while (await shelf.row())["payment_status"] != "refunded":
            await asyncio.sleep(0.05)
    row = await shelf.row()
    assert (row["status"], row["fulfilment_status"], row["attention"]) == ("cancelled", "unfulfilled", None)
    assert await shelf.left() == (5, 0)
    lines = await shelf.flow.database.fetch(
        "SELECT shipped, cancelled FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.number = $1",
        shelf.number,
    )
    assert [tuple(line) for line in lines] == [(0, 1)]
    intents = await shelf.flow.intents(shelf.number)
    assert sum(each["captured"] for each in intents) == sum(each["refunded"] for each in intents) == of - credit
    assert await ledgers.disagreements(shelf.flow) == []


@pytest.mark.parametrize("credit", [0, 600])
async def test_a_paid_order_is_cancelled_before_it_is_sent(shelf: Shelf, credit: int) -> None:
    """Its goods go back to the shelf, its money to where it came from, once however often it is asked for."""
    handle, _ = await shelf.buy(**await shelf.credit(credit) if credit else {})
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)

    first, second = await asyncio.gather(
        shelf.ask(handle, Order.cancel, NEVER_MIND, "one"), shelf.ask(handle, Order.cancel, NEVER_MIND, "one")
    )

    assert first == second
    assert (first.status, first.digest) == (OrderStatus.CANCELLED, "never mind")
    assert (await asyncio.wait_for(handle.result(), 60)).status is OrderStatus.CANCELLED
    await refunded(shelf, credit)
    assert await shelf.letters() == ["order_confirmed", "order_cancelled_paid", "refund"]
    assert (await shelf.facts())[-3:] == ["refund_started", "order_cancelled", "refund_succeeded"]
    assert (await shelf.row())["cancel_reason"] == "changed my mind"


async def test_a_coupon_of_a_paid_order_that_is_cancelled_can_be_used_again(shelf: Shelf) -> None:
    """Its use was final, and is given back all the same, once."""
    async with shelf.flow.database.writing() as writer:
        await coupons.coupon(writer, "ONCE", max_redemptions=1)
    await coupons.on_cart(shelf.flow.database, shelf.cart, "ONCE")
    handle, _ = await shelf.flow.buy(shelf.cart, MUG - 110, number=shelf.number)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await coupons.redeemed(shelf.flow.database, "ONCE") == 1
    await shelf.ask(handle, Order.cancel, NEVER_MIND)
    assert await coupons.redeemed(shelf.flow.database, "ONCE") == 0
    await refunded(shelf, of=MUG - 110)


async def test_of_a_parcel_and_a_cancellation_at_once_one_wins(flow: Flow) -> None:
    """Either all of it is sent and nothing goes back, or nothing is sent and all of it goes back."""
    shelves = [await Shelf.open(flow) for _ in range(4)]
    for shelf in shelves:
        handle, _ = await shelf.buy()
        await flow.until(handle, OrderStatus.CONFIRMED)
        parcel = shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
        end = shelf.ask(handle, Order.cancel, NEVER_MIND)
        asked = (parcel, end) if shelf is shelves[0] or shelf is shelves[2] else (end, parcel)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(answer, OrderState) for answer in answers) == 1, answers
        if (await shelf.row())["status"] == "cancelled":
            await refunded(shelf)
        else:
            assert (await shelf.row())["status"] == "shipped"
            assert await shelf.left() == (4, 0)
            assert await flow.database.fetch(
                "SELECT FROM refunds r JOIN orders o ON o.id = r.order_id WHERE o.number = $1", shelf.number
            ) == []  # fmt: skip


async def test_a_shipped_order_is_not_cancelled(shelf: Shelf) -> None:
    """What has left the house comes back by a return; nothing moves."""
    handle, _ = await shelf.buy()
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await shelf.ask(handle, Order.cancel, NEVER_MIND)

    assert isinstance(refused.value.cause, ApplicationError)
    assert (refused.value.cause.type, refused.value.cause.details[0]) == ("wrong_move", {"status": "shipped"})
    assert await ledgers.disagreements(shelf.flow) == []


async def test_an_operators_cancel_undoes_an_unpaid_order(shelf: Shelf) -> None:
    """`temporal workflow cancel` is heard as a cancel: the order ends by itself, nothing is left behind."""
    handle, _ = await shelf.buy("pm_card_authenticationRequired")

    await handle.cancel()

    await cancelled(shelf, handle, "cancelled_by_operator", "operator")
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("step", ["secure_order", "capture_payment", "confirm_order"])
async def test_an_operators_cancel_in_the_middle_of_a_step(shelf: Shelf, trouble: Trouble, step: str) -> None:
    """Past the point of no return it has no effect: the order goes on and can be shipped."""
    arrived, go = trouble.hold(workflow_id(shelf.cart, 1), step)
    handle = await shelf.begin()
    await arrived.wait()

    await handle.cancel()
    go.set()

    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    assert await ledgers.disagreements(shelf.flow) == []
