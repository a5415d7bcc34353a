"""3-D Secure: the bank wants to see the buyer, and its word reaches us by webhook, or not."""

from datetime import timedelta

import pytest

from models.order import OrderStatus, workflow_id
from models.payment import PaymentStatus, Standing
from tests.workflows import ledgers
from tests.workflows.stories import WINDOW, Shelf
from tests.workflows.trouble import Trouble
from workflows import patience
from workflows.order import Order
from workflows.order_messages import PayOrder

CARD = "pm_card_authenticationRequired"


async def test_the_webhook_moves_the_order_on(shelf: Shelf, trouble: Trouble) -> None:
    """The answer carries the secret; news before the buyer is back is harmless; five times the same news is one."""
    handle, answer = await shelf.buy(CARD)

    assert answer.payment is not None and answer.payment.reference is not None
    assert (answer.payment.standing, answer.payment_status) == (Standing.ACTION_REQUIRED, PaymentStatus.PENDING)
    assert answer.payment.client_secret is not None
    assert "the buyer to confirm with their bank (3-D Secure)" in await shelf.card(handle)
    assert await shelf.left() == (5, 1)
    for _ in range(5):
        await shelf.news(handle, "evt_requires_action")
    await shelf.flow.stripe.authenticate(answer.payment.reference)
    for _ in range(5):
        await shelf.news(handle, "evt_amount_capturable")
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert trouble.runs[workflow_id(shelf.cart, 1), "read_payment"] in (1, 2)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_lost_webhook_is_made_up_for_by_a_look_after_a_minute(shelf: Shelf, trouble: Trouble) -> None:
    """Nobody tells us; the first look of our own finds the money."""
    handle, answer = await shelf.buy(CARD)
    assert answer.payment is not None and answer.payment.reference is not None
    await shelf.flow.stripe.authenticate(answer.payment.reference)

    await shelf.flow.fast_forward(handle, timedelta(seconds=61))

    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert trouble.runs[workflow_id(shelf.cart, 1), "read_payment"] == 1
    assert await ledgers.disagreements(shelf.flow) == []


async def test_who_fails_at_the_bank_can_pay_with_another_card(shelf: Shelf) -> None:
    """The bank says no: the order is as after a decline."""
    handle, answer = await shelf.buy(CARD)
    assert answer.payment is not None and answer.payment.reference is not None

    await shelf.flow.stripe.authenticate(answer.payment.reference, "failure")
    await shelf.news(handle)
    paid = await shelf.ask(handle, Order.pay, PayOrder("again", "pm_card_visa"))

    assert paid.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_the_bank_may_ask_twice(shelf: Shelf) -> None:
    """A declined card, then one that the bank wants to see: the answer to `pay` carries the secret."""
    handle, _ = await shelf.buy("pm_card_chargeDeclined")

    asked = await shelf.ask(handle, Order.pay, PayOrder("again", CARD))

    assert asked.payment is not None and asked.payment.reference is not None
    assert (asked.payment.standing, asked.payment_status) == (Standing.ACTION_REQUIRED, PaymentStatus.PENDING)
    assert asked.payment.client_secret is not None
    await shelf.flow.stripe.authenticate(asked.payment.reference)
    await shelf.news(handle)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_the_last_moment_counts(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Confirmed at the bank after our last look but one, and the news is lost: the window closes with a sale."""
    monkeypatch.setattr(patience, "FIRST_LOOK", timedelta(minutes=15))
    handle, answer = await shelf.buy(CARD)
    assert answer.payment is not None and answer.payment.reference is not None
    await shelf.flow.fast_forward(handle, timedelta(minutes=29))
    await shelf.flow.stripe.authenticate(answer.payment.reference)

    await shelf.flow.fast_forward(handle, timedelta(minutes=2))

    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_buyer_who_never_comes_back_from_the_bank(shelf: Shelf, trouble: Trouble) -> None:
    """We look less and less often, after 1, 3, 7, 15 and 30 minutes, and the window closes: nothing is charged."""
    handle, _ = await shelf.buy(CARD)

    await shelf.flow.fast_forward(handle, WINDOW)

    assert (await handle.result()).status is OrderStatus.CANCELLED
    assert trouble.runs[handle.id, "read_payment"] == 5
    assert await shelf.left() == (5, 0)
    assert await shelf.charged() == (0, 0)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_payment_that_the_provider_gave_up_ends_the_order(shelf: Shelf) -> None:
    """Somebody cancelled the intent in the provider's dashboard: the hold is released at once."""
    handle, answer = await shelf.buy(CARD)
    assert answer.payment is not None and answer.payment.reference is not None

    await shelf.cancel_at_provider(answer.payment.reference)
    await shelf.news(handle)

    assert (await handle.result()).status is OrderStatus.CANCELLED
    assert (await shelf.row())["cancel_reason"] == "cancelled_at_provider"
    assert await ledgers.disagreements(shelf.flow) == []
