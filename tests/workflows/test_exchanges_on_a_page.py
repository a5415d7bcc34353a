"""Exchanges of what was paid on a page of the provider's: what the new goods cost more is asked for there as well."""

from datetime import timedelta

from temporalio.client import WorkflowHandle

from models.ids import OrderId
from models.money import Money
from models.order import OrderStatus
from models.payment import CHAPA, Returned
from tests import shop
from tests.flow import Flow, Handle
from tests.workflows.ledgers import kept_by_chapa
from tests.workflows.refunding import disagreements
from tests.workflows.returning import Gone
from tests.workflows.stories import MUG, Shelf
from tests.workflows.test_exchanges import MUG_ALONE, booked, cards, row_of, until_placed
from workflows.late_payment import LatePayment, late_payment_id
from workflows.news import ProviderNews
from workflows.order import Order
from workflows.order_messages import PayOrder, ShipOrder

JUG, REST = 1650, 550
"""A jug of 15.00 and its tax; what of it a mug does not pay."""


async def page_of(gone: Gone) -> str:
    """The reference of the page on which the rest is to be paid; its address is told with the new order."""
    number = (await row_of(gone))["number"]
    [row] = await gone.flow.database.fetch(
        "SELECT p.* FROM payments p JOIN orders o ON o.id = p.order_id WHERE o.number = $1", number
    )
    assert (row["provider"], row["status"], row["amount"]) == (CHAPA, "pending", REST)
    [page] = await gone.flow.chapa.ledger(row["reference"])
    assert (page["open"], page["amount"], page["currency"].lower()) == (True, "5.50", "usd")
    assert row["redirect_url"] is not None and row["redirect_url"].endswith(page["checkout"])
    return str(row["reference"])


async def kept(gone: Gone) -> int:
    """What the old order has of its buyer at Chapa."""
    [row] = await gone.flow.database.fetch("SELECT id FROM payments WHERE order_id = $1", gone.order)
    return await kept_by_chapa(gone.flow, row["id"])


async def paid(gone: Gone, other: Handle, page: str) -> None:
    """The buyer pays the rest on the page: they have the other goods for sure."""
    await gone.flow.chapa.buy(page)
    await gone.shelf.news(other)
    await gone.flow.until(other, OrderStatus.CONFIRMED)
    await gone.end()


async def test_the_rest_is_paid_on_a_page_of_the_same_provider(flow: Flow) -> None:
    """Given a jug wanted for a mug that Chapa was paid for, then a page asks for 5.50; paid there, the jug is sent."""
    gone = await Gone.open_by_chapa(flow)
    other = await gone.wants("JUG", 1500)
    await until_placed(gone)
    page = await page_of(gone)
    assert "exchange" in await gone.shelf.letters()

    await paid(gone, other, page)

    assert await gone.exchange("done")
    sent = await gone.shelf.ask(other, Order.ship, ShipOrder("warehouse", "UPS", "2Z"))
    assert (sent.status, sent.total) == (OrderStatus.SHIPPED, Money(JUG, "usd"))
    assert gone.other is not None
    assert await shop.stock_of(flow.database, gone.other) == (2, 0)
    assert await kept(gone) == MUG
    assert await booked(flow) == {"provider:chapa": MUG + REST, "sales": -MUG - REST}
    assert await cards(flow) == [0]
    assert await disagreements(flow) == []


async def test_another_page_for_the_rest(flow: Flow) -> None:
    """Given a buyer who has lost the page, then `pay` opens another one, and the first is closed."""
    gone = await Gone.open_by_chapa(flow)
    other = await gone.wants("JUG", 1500)
    await until_placed(gone)
    first = await page_of(gone)

    again = await gone.shelf.ask(other, Order.pay, PayOrder("again", None))

    assert again.payment is not None
    assert again.payment.reference != first
    assert [each["open"] for each in await flow.chapa.ledger(first[:32])] == [False, True]
    assert again.payment.reference == await page_of(gone)
    await paid(gone, other, again.payment.reference)
    assert await booked(flow) == {"provider:chapa": MUG + REST, "sales": -MUG - REST}


async def test_the_rest_is_not_paid_in_time(flow: Flow) -> None:
    """Given that nobody pays on the page, then it is closed, the mug's money goes back by Chapa, and what is paid on
    the page even so does, too."""
    gone = await Gone.open_by_chapa(flow)
    other = await gone.wants("JUG", 1500)
    await until_placed(gone)
    page = await page_of(gone)

    await flow.fast_forward(other, timedelta(days=4))
    await flow.fast_forward(gone.handle(), timedelta(hours=3))
    await gone.end()

    assert (await gone.exchange("refunded")).why == "payment_window_closed"
    assert await gone.refunds() == [(1, "succeeded", MUG_ALONE)]
    assert await kept(gone) == MUG - MUG_ALONE
    assert gone.other is not None
    assert await shop.stock_of(flow.database, gone.other) == (3, 0)
    assert [each["open"] for each in await flow.chapa.ledger(page[:32])] == [False]
    assert await cards(flow) == [0]
    assert await booked(flow) == {"provider:chapa": MUG - MUG_ALONE, "sales": MUG_ALONE - MUG}

    await flow.chapa.buy(page, late=True)
    late: WorkflowHandle[LatePayment, Returned | None] = flow.client.get_workflow_handle_for(
        LatePayment.run, late_payment_id(other.id)
    )
    await late.signal(LatePayment.provider_news, ProviderNews("late", "charge.success"))
    assert await late.result() is not None
    assert [each["refunded"] for each in await flow.chapa.ledger(page[:32])] == ["5.50"]
    assert await booked(flow) == {"provider:chapa": MUG - MUG_ALONE, "sales": MUG_ALONE - MUG}
    assert await disagreements(flow) == []


async def test_what_was_an_exchange_itself_is_paid_where_the_first_order_was(flow: Flow) -> None:
    """Given a cup that was got for a mug of Chapa's, and a jug that is wanted for the cup, then Chapa asks for 5.50."""
    first = await Gone.open_by_chapa(flow)
    cup = await first.wants("CUP")
    await first.end()
    await first.shelf.ask(cup, Order.ship, ShipOrder("warehouse", "UPS", "2Z"))
    row = await row_of(first)
    [line] = await flow.database.fetch("SELECT sku, variant_id FROM order_lines WHERE order_id = $1", row["id"])
    shelf = Shelf(flow, line["sku"], line["variant_id"], row["cart_id"])
    shelf.number = row["number"]

    second = Gone(shelf, cup, OrderId(row["id"]))
    jug = await second.wants("JUG", 1500)
    await until_placed(second)
    await paid(second, jug, await page_of(second))

    assert await second.exchange("done")
    assert await booked(flow) == {"provider:chapa": MUG + REST, "sales": -MUG - REST}
    assert await disagreements(flow) == []


async def test_what_a_gift_card_paid_is_paid_like_an_order_of_whoever_names_no_provider(flow: Flow) -> None:
    """Given a mug that a gift card paid alone, then a card is asked for what the jug costs more."""
    shelf = await Shelf.open(flow)
    mug, _ = await shelf.buy(None, **await shelf.credit(MUG))
    await flow.until(mug, OrderStatus.CONFIRMED)
    await shelf.ask(mug, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    gone = Gone(shelf, mug, OrderId((await shelf.row())["id"]))
    jug = await gone.wants("JUG", 1500)
    await until_placed(gone)
    assert (await row_of(gone))["provider"] == "stripe"
    await gone.shelf.ask(jug, Order.pay, PayOrder("rest", "pm_card_visa"))
    await flow.until(jug, OrderStatus.CONFIRMED)
    await gone.end()
    assert await gone.exchange("done")
    assert await disagreements(flow) == []
