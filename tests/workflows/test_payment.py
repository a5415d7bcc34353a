"""How an order gets its money, or ends without: every card, wait and window."""

from datetime import timedelta
from typing import cast

from models.order import OrderStatus
from models.payment import PaymentStatus, Standing
from tests import shop
from tests.flow import Flow
from workflows.order import Order, OrderState, PayOrder


async def test_a_good_card_confirms_the_order(flow: Flow) -> None:
    """Hold, authorize, capture, confirm: stock is sold, money booked once, the answer comes at the authorization."""
    async with flow.database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 5)

    handle, answer = await flow.buy(await flow.cart({"MUG": 2}), 2000 + 500 + 200)

    assert (answer.status, answer.payment_status) == (OrderStatus.PENDING, PaymentStatus.AUTHORIZED)
    await flow.until(handle, OrderStatus.CONFIRMED)
    assert await shop.stock_of(flow.database, mug) == (3, 0)
    assert await shop.money_booked(flow.database) == {"provider:stripe": 2700, "sales": -2700}
    [intent] = await flow.intents(answer.number)
    assert (intent["captured"], intent["authorized"]) == (2700, 2700)


async def test_a_declined_card_leaves_the_order_payable_with_another(flow: Flow) -> None:
    """The first card is declined, the second pays the same order and the same intent."""
    async with flow.database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 5)

    handle, answer = await flow.buy(await flow.cart({"MUG": 1}), 1600, "pm_card_chargeDeclinedInsufficientFunds")

    assert answer.payment is not None
    assert (answer.payment.standing, answer.payment.code) == (Standing.DECLINED, "insufficient_funds")
    assert (answer.status, answer.payment_status) == (OrderStatus.PENDING, PaymentStatus.FAILED)
    assert await shop.stock_of(flow.database, mug) == (5, 1)
    paid = cast(OrderState, await handle.execute_update(Order.pay, PayOrder("digest", "pm_card_visa")))
    assert paid.payment_status is PaymentStatus.AUTHORIZED
    await flow.until(handle, OrderStatus.CONFIRMED)
    assert len(await flow.intents(answer.number)) == 1


async def test_a_closed_window_undoes_everything(flow: Flow) -> None:
    """Nobody pays for 30 minutes: hold released, intent cancelled, order cancelled, buyer told, cart free again."""
    async with flow.database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 5)
    cart = await flow.cart({"MUG": 1})

    handle, answer = await flow.buy(cart, 1600, "pm_card_chargeDeclined")
    await flow.fast_forward(handle, timedelta(minutes=31))

    ended = await handle.result()
    assert (ended.status, ended.payment_status) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED)
    assert await shop.stock_of(flow.database, mug) == (5, 0)
    assert await shop.money_booked(flow.database) == {}
    [intent] = await flow.intents(answer.number)
    assert (intent["status"], intent["captured"]) == ("canceled", 0)
    again, second = await flow.buy(cart, 1600, attempt=2)
    await flow.until(again, OrderStatus.CONFIRMED)
    assert second.number != answer.number
