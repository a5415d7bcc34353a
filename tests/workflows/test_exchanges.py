"""Exchanges: other goods instead of the money; even, dearer, cheaper, not paid, not there; nothing twice."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models.ids import new_id
from models.money import Money
from models.order import OrderStatus
from models.refund import RefundWish
from models.refund import workflow_id as refund_id
from models.returns import ReturnItem, ReturnStatus
from models.tables import backorder as backorders
from models.tables import inventory
from tests import shop
from tests.flow import Flow
from tests.workflows import returning as stories
from tests.workflows.refunding import disagreements
from tests.workflows.returning import Gone, usd
from workflows import patience
from workflows.order import Order
from workflows.order_messages import CancelCheckout, PayOrder, ShipOrder
from workflows.patience import ORDERS
from workflows.refund import Refund, RefundOrder

MUG_ALONE = 1100
"""What a mug is worth without its shipping: its price and its tax."""


async def booked(flow: Flow) -> dict[str, int]:
    """The ledger of money, without accounts that are even."""
    return {account: amount for account, amount in (await shop.money_booked(flow.database)).items() if amount}


async def cards(flow: Flow) -> list[int]:
    """What is left on the gift cards of all exchanges."""
    rows = await flow.database.fetch("SELECT balance FROM credit_accounts WHERE kind = 'gift_card'")
    return [row["balance"] for row in rows]


async def at_provider(gone: Gone) -> tuple[int, int]:
    """(taken, sent back) of the order that was returned."""
    intents = await gone.flow.intents(gone.shelf.number)
    return sum(each["captured"] for each in intents), sum(each["refunded"] for each in intents)


async def until_placed(gone: Gone) -> None:
    """Wait until the order that an exchange made is there, and waits for the rest of its price."""
    async with asyncio.timeout(60):
        while not await gone.flow.database.fetch(
            "SELECT FROM order_events v JOIN orders o ON o.id = v.order_id JOIN exchanges e ON e.number = o.number "
            "JOIN returns r ON r.id = e.return_id WHERE r.order_id = $1 AND v.type = 'payment_method_required'",
            gone.order,
        ):  # fmt: skip
            await asyncio.sleep(0.02)
    await gone.until_card("to be paid")


async def row_of(gone: Gone) -> Any:
    """The order that an exchange made."""
    number = (await gone.row()).exchange
    assert number is not None
    [row] = await gone.flow.database.fetch(
        "SELECT o.*, p.status AS payment_status, p.provider FROM orders o JOIN payments p ON p.order_id = o.id "
        "WHERE o.number = $1", number.number,
    )  # fmt: skip
    return row


async def test_the_same_price(flow: Flow) -> None:
    """Given a cup wanted for the mug, then no money moves, the cup is promised, and the mug is for sale again."""
    gone = await stories.exchanged(flow)

    goods = await gone.row()
    assert (goods.status, goods.refund, goods.refund_status) == (ReturnStatus.SETTLED, 1, "succeeded")
    assert goods.exchange is not None
    assert (goods.exchange.price, goods.exchange.paid, goods.exchange.rest) == (usd(1100), usd(1100), None)
    other = await row_of(gone)
    assert (other["status"], other["payment_status"], other["provider"]) == ("confirmed", "paid", "credit")
    assert (other["total"], other["shipping"], other["credit"]) == (1100, 0, 1100)
    assert gone.other is not None
    assert await shop.stock_of(flow.database, gone.other) == (3, 1)
    assert await gone.shelf.left() == (5, 0)
    assert await at_provider(gone) == (1600, 0)
    assert await cards(flow) == [0]
    assert await booked(flow) == {"provider:stripe": 1600, "sales": -1600}
    assert await gone.shelf.letters() == ["order_confirmed", "shipped", "return"]
    assert await disagreements(flow) == []


async def test_cheaper_goods(flow: Flow) -> None:
    """Given a spoon of 4.00 wanted for the mug, then what the mug is worth more goes back to the card."""
    gone = await Gone.open(flow)
    other = await gone.wants("SPOON", 400)
    ended = await gone.end()

    assert (await flow.until(other, OrderStatus.CONFIRMED)).total == usd(440)
    assert ended.exchange == await gone.exchange("done")
    assert ended.exchange is not None and ended.exchange.rest == 2
    assert await gone.refunds() == [(1, "succeeded", 440), (2, "succeeded", MUG_ALONE - 440)]
    assert await at_provider(gone) == (1600, 660)
    assert await booked(flow) == {"provider:stripe": 940, "sales": -940}
    assert await disagreements(flow) == []


async def test_dearer_goods_wait_for_the_rest(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a jug of 15.00 wanted for the mug, when 5.50 are paid, then it is promised, at once, and nothing went back.

    Although the return would look by itself in some days only.
    """
    monkeypatch.setattr(patience, "FIRST_LOOK_AT_EXCHANGE", timedelta(days=3))
    gone = await Gone.open(flow)
    other = await gone.wants("JUG", 1500)
    await until_placed(gone)
    assert await gone.exchange("open")
    assert (await row_of(gone))["credit"] == MUG_ALONE
    assert await gone.refunds() == [(1, "open", MUG_ALONE)]
    assert "exchange" in await gone.shelf.letters()

    paid = await gone.shelf.ask(other, Order.pay, PayOrder("rest", "pm_card_visa"))
    assert paid.total == usd(1650)
    await flow.until(other, OrderStatus.CONFIRMED)
    await gone.end()

    assert await gone.exchange("done")
    assert sum(each["captured"] for each in await flow.intents((await row_of(gone))["number"])) == 550
    assert await at_provider(gone) == (1600, 0)
    assert await booked(flow) == {"provider:stripe": 2150, "sales": -2150}
    assert await cards(flow) == [0]
    assert await disagreements(flow) == []


async def test_the_rest_is_not_paid(flow: Flow) -> None:
    """Given that nobody pays the rest, then the jug is for sale again, and the mug's money goes back to the card."""
    gone = await stories.exchange_not_paid(flow)

    exchange = await gone.exchange("refunded")
    assert exchange.why == "payment_window_closed"
    assert (await row_of(gone))["status"] == "cancelled"
    assert gone.other is not None
    assert await shop.stock_of(flow.database, gone.other) == (3, 0)
    assert await gone.refunds() == [(1, "succeeded", MUG_ALONE)]
    assert await at_provider(gone) == (1600, MUG_ALONE)
    assert await cards(flow) == [0]
    assert await booked(flow) == {"provider:stripe": 500, "sales": -500}
    assert (await gone.shelf.letters()).count("exchange") == 2
    assert await disagreements(flow) == []


async def test_its_buyer_calls_it_off(flow: Flow) -> None:
    """Given a buyer who cancels what they wanted instead, then at once the money goes back."""
    gone = await Gone.open(flow)
    other = await gone.wants("JUG", 1500)
    await until_placed(gone)
    await gone.shelf.ask(other, Order.cancel, CancelCheckout("never", "changed my mind", "buyer"))
    assert (await gone.end()).refund_status == "succeeded"
    assert (await gone.exchange("refunded")).why is not None
    assert await at_provider(gone) == (1600, MUG_ALONE)
    assert await disagreements(flow) == []


async def test_a_refund_that_is_begun_meanwhile_does_not_carry_out_what_an_exchange_has_reserved(flow: Flow) -> None:
    """Given a jug to be paid for, when staff's refund comes with the number that the exchange has taken, then it
    leaves that alone; and when nobody pays, the money still goes back to the card."""
    gone = await Gone.open(flow)
    other = await gone.wants("JUG", 1500)
    await until_placed(gone)
    asked = RefundWish("staff/late", "kindness", "bob", digest="late", amount=usd(100))
    state = await flow.client.execute_workflow(
        Refund.run, RefundOrder(gone.order, 1, asked), id=refund_id(gone.order, 1), task_queue=ORDERS
    )
    assert (state.refund, state.refusal and state.refusal.code) == (None, "refund_superseded")
    assert await gone.refunds() == [(1, "open", MUG_ALONE)]

    await gone.shelf.ask(other, Order.cancel, CancelCheckout("never", "changed my mind", "buyer"))
    await gone.end()

    assert await gone.exchange("refunded")
    assert await gone.refunds() == [(1, "succeeded", MUG_ALONE)]
    assert await at_provider(gone) == (1600, MUG_ALONE)
    assert await booked(flow) == {"provider:stripe": 500, "sales": -500}
    assert await disagreements(flow) == []


async def test_nothing_is_left_of_it(flow: Flow) -> None:
    """Given that the last cup was sold meanwhile, then no order is made, the money goes back, and the buyer is told."""
    gone = await Gone.open(flow)
    await gone.wants("CUP", left=0)
    ended = await gone.end()
    assert ended.exchange is not None
    assert (ended.exchange.status, ended.exchange.why, ended.exchange.number) == ("refunded", "out_of_stock", None)
    assert await gone.refunds() == [(1, "succeeded", MUG_ALONE)]
    assert await at_provider(gone) == (1600, MUG_ALONE)
    assert "exchange" in await gone.shelf.letters()
    assert await cards(flow) == []
    assert await disagreements(flow) == []


async def test_what_is_sold_before_it_is_here_can_be_wanted(flow: Flow) -> None:
    """Given no cup here and one that may be waited for, then its order is placed and waits for it as any would;
    a second one cannot be had."""
    one, two = await Gone.open(flow), await Gone.open(flow)
    sku = f"CUP-{new_id().hex[-12:]}"
    async with flow.database.writing() as writer:
        cup = await shop.stock_product(writer, sku, 0)
        await backorders.allow(writer, cup, 1, 14)
    other = await one.swaps(sku)

    assert (await one.end()).exchange == await one.exchange("done")
    await flow.until(other, OrderStatus.CONFIRMED)
    order = (await row_of(one))["id"]
    async with flow.database.reading() as reader:
        assert [(each.sku, each.quantity) for each in await backorders.waiting(reader, order)] == [(sku, 1)]
    await two.swaps(sku)
    await two.end()
    assert (await two.exchange("refunded")).why == "out_of_stock"

    async with flow.database.writing() as writer:
        await inventory.receive(writer, cup, 1, "staff", "delivery")
    assert await shop.stock_of(flow.database, cup) == (1, 1)
    sent = await one.shelf.ask(other, Order.ship, ShipOrder("warehouse", "UPS", "2Z"))
    assert sent.status is OrderStatus.SHIPPED
    assert await disagreements(flow) == []


async def test_nothing_is_left_to_pay_with(flow: Flow) -> None:
    """Given a mug of which all that it is worth is kept, then nothing is sent, and nobody promises money for it."""
    gone = await Gone.open(flow)
    sku = f"CUP-{new_id().hex[-12:]}"
    async with flow.database.writing() as writer:
        cup = await shop.stock_product(writer, sku, 1)
    await gone.ask(gone.wish(items=(ReturnItem(gone.shelf.sku, 1, sku),)))
    await gone.approve()
    await gone.receive()
    await gone.inspect(0, 1, fee=usd(MUG_ALONE))
    ended = await gone.end()
    assert (ended.refund, ended.exchange and ended.exchange.why) == (None, "nothing_to_exchange")
    assert await gone.refunds() == []
    assert await shop.stock_of(flow.database, cup) == (1, 0)
    said = await flow.database.fetch(
        "SELECT payload -> 'back' AS back FROM outbox WHERE order_id = $1 AND payload ->> 'template' = 'exchange'",
        gone.order,
    )  # fmt: skip
    assert [row["back"] for row in said] == ["false"]
    assert await disagreements(flow) == []


async def test_two_want_the_last_one(flow: Flow) -> None:
    """Given two who send mugs back for the last cup at once, then one gets it, and the other their money."""
    one, two = await Gone.open(flow), await Gone.open(flow)
    sku = f"CUP-{new_id().hex[-12:]}"
    async with flow.database.writing() as writer:
        cup = await shop.stock_product(writer, sku, 1)

    await asyncio.gather(one.swaps(sku), two.swaps(sku))
    ended = await asyncio.gather(one.end(), two.end())

    assert sorted(each.exchange.status for each in ended if each.exchange) == ["done", "refunded"]
    assert await shop.stock_of(flow.database, cup) == (1, 1)
    taken, back = zip(await at_provider(one), await at_provider(two), strict=True)
    assert (sum(taken), sum(back)) == (3200, MUG_ALONE)
    assert sum(await cards(flow)) == 0
    assert await disagreements(flow) == []


async def test_a_fee_is_kept_of_an_exchange(flow: Flow) -> None:
    """Given a worn mug of which 3.00 are kept, then 3.00 of the cup are to be paid."""
    gone = await Gone.open(flow)
    sku = f"CUP-{new_id().hex[-12:]}"
    async with flow.database.writing() as writer:
        await shop.stock_product(writer, sku, 1)
    await gone.ask(gone.wish(items=(ReturnItem(gone.shelf.sku, 1, sku),)))
    await gone.approve()
    await gone.receive()
    await gone.inspect(0, 1, fee=usd(300))
    exchange = await gone.exchange("open")
    assert (exchange.price, exchange.paid) == (usd(1100), usd(800))
    other = await gone.sent_instead()
    await until_placed(gone)
    await gone.shelf.ask(other, Order.cancel, CancelCheckout("never", "changed my mind", "buyer"))
    await gone.end()
    assert await gone.refunds() == [(1, "succeeded", 800)]
    assert await disagreements(flow) == []


async def test_nothing_that_is_not_sold_can_be_wanted(flow: Flow) -> None:
    """Given an unknown SKU, or one that is not sold in this currency, then the return is refused, nothing set apart."""
    gone = await Gone.open(flow)
    euro = f"EURO-{new_id().hex[-12:]}"
    async with flow.database.writing() as writer:
        await shop.stock_product(writer, euro, 3, {"eur": 900})
    for sku, code in (("NO-SUCH-THING", "unknown_sku"), (euro, "not_sold_in_currency")):
        no = await gone.ask(gone.wish(items=(ReturnItem(gone.shelf.sku, 1, sku),)))
        assert no.refusal is not None and no.refusal.code == code
    assert await gone.line() == (1, 0)


async def test_what_is_left_to_pay_is_never_too_little_for_a_card(flow: Flow) -> None:
    """Given 10 cents to pay, which no card is charged, then 50 are, and the 40 go back."""
    gone = await Gone.open(flow)
    other = await gone.wants("CUP", 1009)
    await until_placed(gone)
    exchange = await gone.exchange("open")
    assert (exchange.price, exchange.paid) == (Money(1110, "usd"), Money(1060, "usd"))
    await gone.shelf.ask(other, Order.pay, PayOrder("rest", "pm_card_visa"))
    await flow.until(other, OrderStatus.CONFIRMED)
    await gone.end()
    assert await gone.refunds() == [(1, "succeeded", 1060), (2, "succeeded", 40)]
    assert await booked(flow) == {"provider:stripe": 1600 - 40 + 50, "sales": -1610}
    assert await disagreements(flow) == []


async def test_what_is_called_off_after_it_was_paid_is_the_buyer_s(flow: Flow) -> None:
    """Given a cup that was got for the mug, and is cancelled before it is sent, then a gift card has its worth."""
    gone = await stories.exchanged(flow)
    other = await gone.sent_instead()
    number = (await row_of(gone))["number"]
    await gone.shelf.ask(other, Order.cancel, CancelCheckout("never", "changed my mind", "buyer"))
    async with asyncio.timeout(60):
        while (await row_of(gone))["payment_status"] != "refunded":
            await asyncio.sleep(0.05)
    assert await cards(flow) == [MUG_ALONE]
    letters = await flow.database.fetch(
        "SELECT x.payload ->> 'template' AS template FROM outbox x JOIN orders o ON o.id = x.order_id "
        "WHERE o.number = $1 ORDER BY x.id", number,
    )  # fmt: skip
    assert [row["template"] for row in letters][-1] == "exchange_card"
    assert await gone.exchange("done")
    assert await booked(flow) == {"provider:stripe": 1600, "gift_card": -MUG_ALONE, "sales": MUG_ALONE - 1600}
    assert await disagreements(flow) == []
