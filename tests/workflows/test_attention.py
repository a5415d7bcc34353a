"""Steps that must succeed and do not: a person is told, the order keeps its promise, nothing is refunded by itself."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.common import RetryPolicy

from models.order import OrderStatus, workflow_id
from models.payment import PaymentStatus
from tests.flow import Handle
from tests.workflows import ledgers
from tests.workflows.stories import MUG, WINDOW, Shelf
from tests.workflows.trouble import Trouble
from workflows import patience
from workflows.order import Order
from workflows.order_messages import CancelCheckout
from workflows.steadfast import RetryStep
from workflows.visibility import FAILED_STEP

CAPTURE, CANCEL = "/v1/payment_intents/*/capture", "/v1/payment_intents/*/cancel"
RETRY = RetryStep("bob", "the provider says it is mended")


@pytest.fixture(autouse=True)
def rare_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step at the provider is tried every four minutes: each try costs a test a second."""
    monkeypatch.setattr(patience, "_RETRY_PROVIDER", RetryPolicy(timedelta(minutes=4), 1.0))


async def flagged(shelf: Shelf, handle: Handle) -> bool:
    """Whether staff's list of orders that need a person has this one."""
    found = shelf.flow.client.list_workflows(f'NeedsAttention=true AND WorkflowId="{handle.id}"')
    return [each.id async for each in found] == [handle.id]


async def failed_at(shelf: Shelf, handle: Handle) -> str | None:
    """The step by which others that cannot be done are found, too."""
    return (await handle.describe()).typed_search_attributes.get(FAILED_STEP)


async def until_flagged(shelf: Shelf, handle: Handle, wanted: bool) -> None:
    async with asyncio.timeout(60):
        while await flagged(shelf, handle) != wanted:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("by", ["staff", "itself"])
async def test_a_capture_that_fails_for_ten_minutes_asks_for_a_person_and_goes_on(shelf: Shelf, by: str) -> None:
    """Paid as far as the buyer knows: never refunded, never lost; done when staff says retry, or after an hour."""
    await shelf.flow.stripe.fault("error_before", status=503, path=CAPTURE, times=None)
    handle, answer = await shelf.buy()
    assert answer.payment_status is PaymentStatus.AUTHORIZED

    await shelf.flow.fast_forward(handle, patience.PROVIDER_ATTENTION + timedelta(minutes=1))

    assert (await shelf.attention(handle)).startswith("capture the payment: ")
    await until_flagged(shelf, handle, True)
    assert (await shelf.row())["attention"].startswith("capture the payment: ")
    assert await failed_at(shelf, handle) == "capture the payment"
    card = await shelf.card(handle)
    assert "Needs attention: could not capture the payment" in card and "no deadline" not in card
    assert (await shelf.row())["status"] == "pending"
    assert await shelf.charged() == (0, MUG)
    assert await shelf.left() == (5, 1)
    await shelf.flow.stripe.clear()
    if by == "staff":
        await shelf.ask(handle, Order.retry, RETRY)
    else:
        await shelf.flow.fast_forward(handle, patience.PAUSE_BEFORE_NEXT_TRY)
    confirmed = await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert (confirmed.attention, (await shelf.row())["attention"]) == (None, None)
    await until_flagged(shelf, handle, False)
    assert await failed_at(shelf, handle) is None
    assert [fact for fact in await shelf.facts() if "attention" in fact] == ["attention_needed", "attention_settled"]
    assert await ledgers.disagreements(shelf.flow) == []


async def test_money_that_was_lost_after_all_stays_with_a_person(shelf: Shelf, trouble: Trouble) -> None:
    """Somebody cancelled the intent before we took the money: said at once, and nothing is sold or undone alone."""
    arrived, go = trouble.hold(workflow_id(shelf.cart, 1), "capture_payment")
    handle, answer = await shelf.buy()
    assert answer.payment is not None and answer.payment.reference is not None
    await arrived.wait()
    await shelf.cancel_at_provider(answer.payment.reference)
    go.set()

    assert "canceled at the provider and cannot be captured" in await shelf.attention(handle)
    await until_flagged(shelf, handle, True)
    await shelf.ask(handle, Order.retry, RETRY)
    async with asyncio.timeout(60):
        while (await shelf.facts()).count("attention_needed") < 2:
            await asyncio.sleep(0.02)
    row = await shelf.row()
    assert (row["status"], row["payment_status"]) == ("pending", "authorized")
    assert await shelf.left() == (5, 1)
    assert await shelf.charged() == (0, 0)
    assert await shelf.letters() == []


async def test_a_void_that_fails_holds_the_stock_until_it_is_done(shelf: Shelf) -> None:
    """The window is closed but the payment could still be made: the goods stay held until it cannot.

    Who cancels meanwhile waits for the same end.
    """
    handle, _ = await shelf.buy("pm_card_chargeDeclined")
    await shelf.flow.stripe.fault("error_before", status=400, path=CANCEL)
    await shelf.flow.fast_forward(handle, WINDOW)

    assert (await shelf.attention(handle)).startswith("void the payment: ")
    await until_flagged(shelf, handle, True)
    assert await shelf.left() == (5, 1)
    impatient = asyncio.create_task(shelf.ask(handle, Order.cancel, CancelCheckout("now", "hurry up", "buyer")))
    await shelf.heard(handle, "cancel")
    await shelf.ask(handle, Order.retry, RETRY)

    assert (await impatient).status is OrderStatus.CANCELLED
    assert (await shelf.row())["cancel_reason"] == "payment_window_closed"
    ended = await handle.result()
    assert (ended.status, ended.attention) == (OrderStatus.CANCELLED, None)
    await until_flagged(shelf, handle, False)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_money_that_somebody_took_by_hand_is_a_sale(shelf: Shelf) -> None:
    """Captured in the provider's dashboard while the order waited for its webhook: it goes on and books it once."""
    handle, answer = await shelf.buy("pm_card_authenticationRequired")
    assert answer.payment is not None and answer.payment.reference is not None
    await shelf.flow.stripe.authenticate(answer.payment.reference)
    captured = await shelf.flow.stripe.http.post(
        f"/v1/payment_intents/{answer.payment.reference}/capture", headers={"Authorization": "Bearer sk_test_dashboard"}
    )
    captured.raise_for_status()

    await shelf.news(handle)

    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await shelf.charged() == (MUG, 0)
    assert await ledgers.disagreements(shelf.flow) == []
