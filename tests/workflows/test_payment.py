"""How an order gets its money with cards: good ones, bad ones, none, several; or ends without."""

import asyncio
from collections import Counter

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from models.order import OrderStatus
from models.payment import PaymentStatus, Standing
from tests import shop
from tests.workflows import ledgers
from tests.workflows.stories import MUG, WINDOW, Shelf
from workflows.order import Order
from workflows.order_messages import PayOrder


async def test_a_good_card_confirms_the_order(shelf: Shelf) -> None:
    """Hold, authorize, capture, confirm: stock is kept, money booked once, the answer comes at the authorization."""
    handle, answer = await shelf.buy()

    assert (answer.status, answer.payment_status) == (OrderStatus.PENDING, PaymentStatus.AUTHORIZED)
    confirmed = await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert (confirmed.payment_status, confirmed.attention, confirmed.refusal) == (PaymentStatus.PAID, None, None)
    assert await shelf.left() == (5, 1)
    assert await shop.money_booked(shelf.flow.database) == {"provider:stripe": MUG, "sales": -MUG}
    assert await shelf.charged() == (MUG, 0)
    assert await shelf.letters() == ["order_confirmed"]
    assert await shelf.facts() == ["order_placed", "payment_authorized", "payment_captured", "order_confirmed"]
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_declined_card_leaves_the_order_payable_with_another(shelf: Shelf) -> None:
    """The first card is declined, the second pays the same order and the same intent."""
    handle, answer = await shelf.buy("pm_card_chargeDeclinedInsufficientFunds")

    assert answer.payment is not None
    assert (answer.payment.standing, answer.payment.code) == (Standing.DECLINED, "insufficient_funds")
    assert (answer.status, answer.payment_status) == (OrderStatus.PENDING, PaymentStatus.FAILED)
    assert await shelf.left() == (5, 1)
    paid = await shelf.ask(handle, Order.pay, PayOrder("again", "pm_card_visa"))
    assert (paid.payment_status, paid.digest) == (PaymentStatus.AUTHORIZED, "again")
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert len(await shelf.flow.intents(shelf.number)) == 1
    assert await ledgers.disagreements(shelf.flow) == []


async def test_many_cards_are_tried_in_turn_and_each_is_answered(shelf: Shelf) -> None:
    """Three declines, each told with its own reason but in one letter, then a method that is none, then a good card."""
    handle, first = await shelf.buy("pm_card_chargeDeclined")
    codes = [first.payment and first.payment.code]
    for method in ("pm_card_chargeDeclinedExpiredCard", "pm_card_chargeDeclinedFraudulent", "pm_none"):
        answer = await shelf.ask(handle, Order.pay, PayOrder(method, method))
        assert (answer.payment_status, answer.digest) == (PaymentStatus.FAILED, method)
        codes.append(answer.payment and answer.payment.code)

    assert codes == ["generic_decline", "expired_card", "fraudulent", "payment_method_invalid"]
    assert await shelf.ask(handle, Order.pay, PayOrder("good", "pm_card_visa"))
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await shelf.letters() == ["payment_failed", "order_confirmed"]
    assert Counter(await shelf.facts())["payment_declined"] == 4
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_first_method_that_does_not_exist_is_no_dead_end(shelf: Shelf) -> None:
    """Refused before there was an intent: the next card begins one of its own."""
    handle, answer = await shelf.buy("pm_none")

    assert answer.payment is not None and answer.payment.code == "payment_method_invalid"
    await shelf.ask(handle, Order.pay, PayOrder("good", "pm_card_visa"))
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_of_two_good_cards_at_once_one_pays(shelf: Shelf) -> None:
    """Two tabs: the first wish is charged, the second is refused and its card never touched."""
    handle, _ = await shelf.buy("pm_card_chargeDeclined")

    visa, amex = await asyncio.gather(
        shelf.ask(handle, Order.pay, PayOrder("a", "pm_card_visa")),
        shelf.ask(handle, Order.pay, PayOrder("b", "pm_card_amex")),
        return_exceptions=True,
    )

    won, lost = (visa, amex) if not isinstance(visa, BaseException) else (amex, visa)
    assert not isinstance(won, BaseException) and won.payment_status is PaymentStatus.AUTHORIZED
    assert isinstance(lost, WorkflowUpdateFailedError) and isinstance(lost.cause, ApplicationError)
    assert lost.cause.type == "wrong_move"
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert (await shelf.flow.intents(shelf.number))[0]["charges"] == 1
    assert await ledgers.disagreements(shelf.flow) == []


async def test_without_a_method_the_order_waits_for_one(shelf: Shelf) -> None:
    """The answer carries the secret that a browser pays with; here the buyer sends a card instead."""
    handle, answer = await shelf.buy(None)

    assert answer.payment is not None and answer.payment.client_secret is not None
    assert (answer.payment.standing, answer.payment_status) == (Standing.METHOD_REQUIRED, PaymentStatus.PENDING)
    assert "the buyer to enter a card" in await shelf.card(handle)
    paid = await shelf.ask(handle, Order.pay, PayOrder("later", "pm_card_visa"))
    assert paid.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await shelf.letters() == ["order_confirmed"]


async def test_a_closed_window_undoes_everything_and_the_cart_can_be_bought_again(shelf: Shelf) -> None:
    """Nobody pays for 30 minutes: hold released, intent cancelled, order cancelled, buyer told, cart free again."""
    handle, answer = await shelf.buy("pm_card_chargeDeclined")
    await shelf.flow.fast_forward(handle, WINDOW)

    ended = await handle.result()
    assert (ended.status, ended.payment_status) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED)
    assert await shelf.left() == (5, 0)
    assert await shop.money_booked(shelf.flow.database) == {}
    [intent] = await shelf.flow.intents(answer.number)
    assert (intent["status"], intent["captured"]) == ("canceled", 0)
    row = await shelf.row()
    assert (row["status"], row["payment_status"], row["cancel_reason"]) == (
        "cancelled", "voided", "payment_window_closed",
    )  # fmt: skip
    assert await shelf.letters() == ["payment_failed", "order_cancelled"]
    again, second = await shelf.flow.buy(shelf.cart, MUG, attempt=2)
    await shelf.flow.until(again, OrderStatus.CONFIRMED)
    assert second.number != answer.number
    assert await shelf.left() == (5, 1)
    assert await ledgers.disagreements(shelf.flow) == []


@pytest.mark.parametrize("ending", ["confirmed", "cancelled"])
async def test_a_settled_order_takes_no_card(shelf: Shelf, ending: str) -> None:
    """Pay after the end is refused by the order while it runs, and by Temporal once it is closed."""
    handle, _ = await shelf.buy("pm_card_visa" if ending == "confirmed" else "pm_card_chargeDeclined")
    if ending == "confirmed":
        await shelf.flow.until(handle, OrderStatus.CONFIRMED)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await shelf.ask(handle, Order.pay, PayOrder("late", "pm_card_visa"))
        assert isinstance(refused.value.cause, ApplicationError)
        assert (refused.value.cause.type, refused.value.cause.details[0]) == ("wrong_move", {"status": "confirmed"})
    else:
        await shelf.flow.fast_forward(handle, WINDOW)
        with pytest.raises(RPCError, match="already completed"):
            await shelf.ask(handle, Order.pay, PayOrder("late", "pm_card_visa"))
    assert await ledgers.disagreements(shelf.flow) == []
