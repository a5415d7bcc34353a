"""Staff end an order that has left in part: what is not sent never will be, and its stock and money go back, once."""

import asyncio

import msgspec
import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from models.audit import Author
from models.capture import Capture
from models.ids import UserId, new_id
from models.invoice import PaperKind
from models.order import OrderStatus
from models.papers.paper import Shop
from models.settings import WorkerSettings
from models.tables import paper as papers
from tests.flow import Flow
from tests.workflows.awaited import sold as sold_seven
from tests.workflows.refunding import Sold, disagreements
from tests.workflows.shipping import FIRST, Reserved, until
from tests.workflows.stories import TWO_MUGS, Shelf
from workflows.order import Order
from workflows.order_messages import CancelCheckout, DeliverOrder, OrderState, ShipOrder

MUG = 1000 + 100
"""One of them with its tax."""


@pytest.fixture(params=list(Capture), ids=str)
def settings(settings: WorkerSettings, request: pytest.FixtureRequest) -> WorkerSettings:
    """A shop that takes money at once, and one that takes it at shipment."""
    return msgspec.structs.replace(settings, capture=request.param)


@pytest.fixture
def at_shipment(settings: WorkerSettings) -> bool:
    """Whether the shop takes money then."""
    return settings.capture is Capture.AT_SHIPMENT


async def call_off(bought: Reserved, key: str | None = None) -> OrderState:
    """Staff say that no more of it will come."""
    bob = Author(UserId(new_id()))
    wish = CancelCheckout("rest", "the maker is out of business", bob.actor, bob)
    return await bought.shelf.ask(bought.handle, Order.cancel, wish, key)


async def stands(shelf: Shelf) -> tuple[str, str, str]:
    """Its three axes."""
    row = await shelf.row()
    return row["status"], row["payment_status"], row["fulfilment_status"]


async def settled(bought: Reserved, amount: int) -> None:
    """So much went back, all else of it is at rest, and all books agree."""
    sold = Sold(bought.shelf, await bought.order())

    async def is_so() -> bool:
        _, _, back = await sold.payment()
        done = all(status == "succeeded" for _, status, *_ in await sold.rows())
        return done and back == amount and await sold.given_back() == amount and await bought.held() == 0

    await until(bought, is_so)
    assert await disagreements(bought.flow) == []


async def test_what_is_not_sent_goes_back(flow: Flow, at_shipment: bool) -> None:
    """Given one mug of two sent, then the other is for sale again, and its 11.00 are the buyer's; the one arrives."""
    bought = await Reserved.open(flow)
    await bought.ship(1)

    ended, again = await asyncio.gather(call_off(bought, "one"), call_off(bought, "one"))

    assert ended == again
    assert ended.status is OrderStatus.SHIPPED
    await settled(bought, 0 if at_shipment else MUG)
    assert await stands(bought.shelf) == ("shipped", "paid" if at_shipment else "partially_refunded", "fulfilled")
    assert await bought.shelf.left() == (4, 0)
    [line] = await flow.database.fetch(
        "SELECT shipped, cancelled FROM order_lines WHERE order_id = $1", await bought.order()
    )
    assert tuple(line) == (1, 1)
    assert (await bought.shelf.facts()).count("rest_cancelled") == 1
    assert (await bought.shelf.letters())[:3] == ["order_confirmed", "shipped", "rest_cancelled"]
    [log] = await flow.database.fetch("SELECT action, reason FROM audit_log")
    assert tuple(log) == ("order.cancel_rest", "the maker is out of business")
    assert "Shipped with UPS" in await bought.shelf.card(bought.handle)
    assert (await bought.arrive()).status is OrderStatus.DELIVERED


async def test_with_its_last_parcel_there_it_is_delivered(flow: Flow) -> None:
    """Given that what was sent has arrived, then the order is over."""
    bought = await Reserved.open(flow)
    await bought.ship(1)
    await bought.shelf.ask(bought.handle, Order.deliver, DeliverOrder("carrier"))

    assert (await call_off(bought)).status is OrderStatus.DELIVERED

    assert (await asyncio.wait_for(bought.handle.result(), 60)).status is OrderStatus.DELIVERED
    assert (await bought.shelf.facts())[-1] in ("order_delivered", "refund_succeeded")


async def test_its_buyer_cannot(flow: Flow) -> None:
    """Given one mug sent, then its buyer's word is refused, and nothing moves."""
    bought = await Reserved.open(flow)
    await bought.ship(1)
    before = await stands(bought.shelf), await bought.shelf.left(), await bought.shelf.facts()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await bought.cancel()
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "wrong_move"
    assert (await stands(bought.shelf), await bought.shelf.left(), await bought.shelf.facts()) == before


async def test_goods_that_never_come_are_waited_for_no_longer(flow: Flow, at_shipment: bool) -> None:
    """Given five of seven sent and two that never come in, then they are promised to nobody any more."""
    shelf = await Shelf.open(flow)
    bought = Reserved(shelf, await sold_seven(shelf))
    await shelf.ask(bought.handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))

    assert (await call_off(bought)).status is OrderStatus.SHIPPED

    [stock] = await flow.database.fetch("SELECT on_hand, backordered FROM stock WHERE variant_id = $1", shelf.mug)
    assert tuple(stock) == (0, 0)
    [waiting] = await flow.database.fetch("SELECT quantity, filled, given_up FROM backorders")
    assert tuple(waiting) == (2, 0, 2)
    await settled(bought, 0 if at_shipment else 2 * MUG)


async def test_all_given_back_is_no_dead_end(flow: Flow) -> None:
    """Given all that was taken given back after a parcel, then nothing more goes back, and the order ends."""
    bought = await Reserved.open(flow)
    await bought.ship(1)
    sold = Sold(bought.shelf, await bought.order())
    await sold.refund()
    await sold.end()
    [(_, _, taken, _, _)] = await sold.rows()

    assert (await call_off(bought)).status is OrderStatus.SHIPPED

    await settled(bought, taken)
    assert await stands(bought.shelf) == ("shipped", "refunded", "fulfilled")


@pytest.mark.parametrize("settings", [Capture.AT_SHIPMENT], indirect=True, ids=str)
async def test_money_that_was_taken_for_what_is_not_sent_goes_back(flow: Flow) -> None:
    """Given 20.00 taken by hand, of which what was sent cost 16.00, then 4.00 go back and the rest is let go."""
    bought = await Reserved.open(flow)
    await bought.capture(2000)
    await bought.ship(1)

    assert (await call_off(bought)).status is OrderStatus.SHIPPED

    await settled(bought, 2000 - FIRST)
    assert await stands(bought.shelf) == ("shipped", "partially_refunded", "fulfilled")


@pytest.mark.parametrize("settings", [Capture.AT_SHIPMENT], indirect=True, ids=str)
async def test_a_card_that_is_dead_is_no_dead_end(flow: Flow) -> None:
    """Given a rest that cannot be reserved, then the order goes without it, and nobody has to look any more."""
    bought = await Reserved.open(flow, "pm_card_authenticationRequired")
    await bought.ship(1)
    assert await bought.needs_attention()

    assert (await call_off(bought)).status is OrderStatus.SHIPPED

    await settled(bought, 0)
    assert await stands(bought.shelf) == ("shipped", "paid", "fulfilled")
    assert not await bought.needs_attention()
    assert (await bought.arrive()).status is OrderStatus.DELIVERED


async def test_its_papers_say_what_was_sent(flow: Flow, at_shipment: bool) -> None:
    """Given 27.00 bought and 16.00 sent, then an invoice of all of it and a credit note of the rest, whoever paid."""
    bought = await Reserved.open(flow)
    await bought.ship(1)
    await call_off(bought)
    await settled(bought, 0 if at_shipment else MUG)
    order = await bought.order()
    shop = Shop("Holdfast Ltd", ("1 High Street",), "GB123456789")

    for _ in range(2):
        async with flow.database.writing() as writer:
            await papers.lock(writer, [order])
            await papers.issue(writer, order, shop)

    found = await papers.of_order(flow.database, order)
    assert [(each.kind, each.total.amount, each.refund) for each in found] == [
        (PaperKind.INVOICE, TWO_MUGS, None), (PaperKind.CREDIT_NOTE, MUG, 0 if at_shipment else 1),
    ]  # fmt: skip
    async with flow.database.reading() as reader:
        invoice, note = [await papers.read(reader, each.id) for each in found]
    assert [(tender.by, tender.amount.amount) for tender in invoice.paid] == [
        ("stripe", FIRST if at_shipment else TWO_MUGS)
    ]  # fmt: skip
    assert [(row.sku, row.quantity, row.amount.amount) for row in note.sums.rows] == [(bought.shelf.sku, 1, MUG)]


@pytest.mark.parametrize("credit", [600, 2000])
async def test_credit_for_what_is_not_sent_goes_back(flow: Flow, credit: int) -> None:
    """Given a gift card beside the card, then the order has cost 16.00 in the end, whoever paid them."""
    bought = await Reserved.open(flow, credit=credit)
    await bought.ship(1)

    assert (await call_off(bought)).status is OrderStatus.SHIPPED

    sold = Sold(bought.shelf, await bought.order())

    async def is_over() -> bool:
        return all(status == "succeeded" for _, status, *_ in await sold.rows()) and await bought.held() == 0

    await until(bought, is_over)
    _, captured, back = await sold.payment()
    given = sum(amount for _, _, amount, _, _ in await sold.rows())
    assert captured + credit - given == FIRST
    assert (await stands(bought.shelf))[1] == ("paid" if not given else "partially_refunded")
    assert sum((await bought.booked()).values()) == 0
    assert (await bought.booked())["sales"] == -FIRST
    assert captured <= TWO_MUGS - credit and back <= captured
    assert await disagreements(flow) == []
