"""Goods that are not where they should be, when the step that says so fails: it is done once, wholly, or not at all."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from models import explanation
from models.database import fetching
from models.explanation import Whereabouts
from models.ids import LocationId, OrderId
from models.order import Order as OrderRow
from models.order import OrderStatus, workflow_id
from models.shipment import ShipItem
from models.tables import cart as carts
from models.tables import inventory, order_ledger, vendor_order
from models.tables import order as orders
from tests import sellers
from tests.flow import Flow, Handle
from tests.workflows import awaited, refunding
from tests.workflows.awaited import DAYS, SEVEN_MUGS
from tests.workflows.market import Market
from tests.workflows.stories import TWO_MUGS, Shelf
from tests.workflows.trouble import Kind, Trouble
from workflows import patience
from workflows.order import Order
from workflows.order_messages import AcceptShortage, CancelCheckout, DeliverOrder, OrderState, ShipOrder, SwitchLocation

STEPS = frozenset({"switch_goods", "give_up_goods"})
"""What fails here."""
KINDS: tuple[Kind, ...] = ("before", "after", "lost", "silent")
ATTIC = LocationId(UUID("01900000-0000-7000-8000-0000000000a7"))
MUG = 1000 + 100
"""One of them with its tax."""
_ATTIC = "INSERT INTO locations (id, code, name, priority) VALUES ($1, 'attic', 'Attic', 990) ON CONFLICT DO NOTHING"


async def two_mugs(flow: Flow) -> tuple[Shelf, Handle]:
    """Paid for, and neither is sent; two more lie in the attic."""
    shelf = await Shelf.open(flow)
    async with flow.database.writing() as writer:
        await writer.exec_driver_sql(_ATTIC, (ATTIC,))
        await inventory.receive(writer, shelf.mug, 2, "test", "for the attic", ATTIC)
        await carts.add(fetching(writer), shelf.cart, shelf.sku, 1, None, "usd")
    handle, _ = await flow.buy(shelf.cart, TWO_MUGS, number=shelf.number)
    await flow.until(handle, OrderStatus.CONFIRMED)
    return shelf, handle


async def lie(shelf: Shelf) -> dict[str, tuple[int, int]]:
    """By location: on hand, and held."""
    rows = await shelf.flow.database.fetch(
        "SELECT o.code, l.on_hand, l.held FROM stock_levels l JOIN locations o ON o.id = l.location_id "
        "WHERE l.variant_id = $1", shelf.mug,
    )  # fmt: skip
    return {row["code"]: (row["on_hand"], row["held"]) for row in rows}


@pytest.mark.parametrize("kind", KINDS)
async def test_goods_are_switched_once(flow: Flow, trouble: Trouble, kind: Kind) -> None:
    """Given a step that fails so, then both mugs are held in the attic, once, and leave from there."""
    shelf, handle = await two_mugs(flow)
    trouble.plan(workflow_id(shelf.cart, 1), "switch_goods", kind)

    await shelf.ask(handle, Order.switch_location, SwitchLocation("d", "bob", "under water", "main", "attic"))

    assert await lie(shelf) == {"main": (5, 0), "attic": (2, 2)}
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    await shelf.ask(handle, Order.deliver, DeliverOrder("carrier"))
    assert (await handle.result()).status is OrderStatus.DELIVERED
    assert await lie(shelf) == {"main": (5, 0), "attic": (0, 0)}
    assert trouble.to_come() == []
    assert await refunding.disagreements(flow) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_goods_are_given_up_once(flow: Flow, trouble: Trouble, kind: Kind) -> None:
    """Given a step that fails so, then one mug is given up and its money goes back, once, and the other one leaves."""
    shelf, handle = await two_mugs(flow)
    trouble.plan(workflow_id(shelf.cart, 1), "give_up_goods", kind)
    one = (ShipItem(shelf.sku, 1),)

    await shelf.ask(handle, Order.accept_shortage, AcceptShortage("d", "bob", "broken", one))

    assert (await lie(shelf))["main"] == (4, 1)
    async with asyncio.timeout(120):
        while (await shelf.row())["payment_status"] != "partially_refunded":
            await asyncio.sleep(0.05)
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    await shelf.ask(handle, Order.deliver, DeliverOrder("carrier"))
    assert (await handle.result()).status is OrderStatus.DELIVERED
    rows = await flow.database.fetch(
        "SELECT r.amount, r.status FROM refunds r JOIN orders o ON o.id = r.order_id WHERE o.number = $1", shelf.number
    )
    assert [tuple(row) for row in rows] == [(1100, "succeeded")]
    assert (await shelf.letters()).count("shortage") == 1
    assert trouble.to_come() == []
    assert await refunding.disagreements(flow) == []


# Units that were sold before they were here, and never come. Seven mugs are bought, of which five lie here.


async def go_without(shelf: Shelf, handle: Handle, units: int, key: str | None = None, **changes: Any) -> OrderState:
    """Staff say that so many mugs do not come."""
    wish = AcceptShortage("d", "bob", "the maker is gone", (ShipItem(shelf.sku, units),), **changes)
    return await shelf.ask(handle, Order.accept_shortage, wish, key)


async def stock(shelf: Shelf) -> tuple[int, int, int, int]:
    """(on hand, held, waited for, sellable) of the mugs."""
    [row] = await shelf.flow.database.fetch(
        "SELECT on_hand, held, backordered, sellable FROM stock WHERE variant_id = $1", shelf.mug
    )
    return row["on_hand"], row["held"], row["backordered"], row["sellable"]


async def promised(shelf: Shelf) -> tuple[int, int, int]:
    """(promised, came, given up) of what was not here."""
    [row] = await shelf.flow.database.fetch(
        "SELECT quantity, filled, given_up FROM backorders b JOIN orders o ON o.id = b.order_id WHERE o.number = $1",
        shelf.number,
    )
    return row["quantity"], row["filled"], row["given_up"]


async def read(shelf: Shelf) -> OrderRow:
    """The order as people read it."""
    found = await orders.find(shelf.flow.database, shelf.number)
    assert found is not None
    return found


async def given_back(shelf: Shelf, amount: int) -> None:
    """Wait until all refunds are over; so much has gone back by them, and all books agree."""
    sold = refunding.Sold(shelf, OrderId((await shelf.row())["id"]))
    async with asyncio.timeout(120):
        while await shelf.flow.database.fetch("SELECT FROM refunds WHERE status = 'open'"):
            await asyncio.sleep(0.05)
    assert (await sold.given_back(), sum(each for _, _, each, *_ in await sold.rows())) == (amount, amount)
    assert await refunding.disagreements(shelf.flow) == []


async def until_shipped(shelf: Shelf, handle: Handle) -> tuple[datetime, datetime]:
    """Until when it has to be sent, as its owner says, and as its rows do."""
    told = cast(Whereabouts, await handle.query(Order.told))
    order = await read(shelf)
    events = await orders.timeline(shelf.flow.database, order.id)
    within = await order_ledger.ship_within(shelf.flow.database, order.number)
    rows = explanation.of_rows(order, events, within, patience.PAUSE_BEFORE_NEXT_TRY)
    assert told.until is not None and rows.until is not None
    assert (told.step, told.waiting_for) == (rows.step, rows.waiting_for)
    return told.until, rows.until


@pytest.mark.parametrize("kind", KINDS)
async def test_goods_that_never_come_are_given_up_once(flow: Flow, trouble: Trouble, kind: Kind) -> None:
    """Given five of seven mugs here, when staff accept that two never come, then these are paid back and waited for no
    longer, the five leave and arrive, and what comes in later is for sale."""
    shelf = await Shelf.open(flow)
    handle = await awaited.sold(shelf)
    trouble.plan(workflow_id(shelf.cart, 1), "give_up_goods", kind)

    await asyncio.gather(*(go_without(shelf, handle, 2, "s-1") for _ in range(2)))

    assert (await promised(shelf), await stock(shelf)) == ((2, 0, 2), (5, 5, 0, 3))
    [line] = (await read(shelf)).lines
    assert (line.quantity, line.cancelled, line.waiting, line.promised_at) == (7, 2, 0, None)
    await given_back(shelf, 2 * MUG)
    row = await shelf.row()
    assert (row["payment_status"], row["total"]) == ("partially_refunded", SEVEN_MUGS)
    sent = await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    assert sent.status is OrderStatus.SHIPPED
    await shelf.ask(handle, Order.deliver, DeliverOrder("carrier"))
    assert (await handle.result()).status is OrderStatus.DELIVERED
    await awaited.come(shelf, 2)
    assert await stock(shelf) == (2, 0, 0, 5)
    assert [(await shelf.facts()).count(fact) for fact in ("shortage_accepted", "refund_succeeded", "goods_came")] == [
        1, 1, 0
    ]  # fmt: skip
    assert (await shelf.letters()).count("shortage") == 1
    assert trouble.to_come() == []
    await given_back(shelf, 2 * MUG)


@pytest.mark.parametrize(("gone", "left"), [(True, (4, 4, 0, 3)), (False, (5, 4, 0, 4))])
async def test_what_has_to_come_in_goes_first(shelf: Shelf, gone: bool, left: tuple[int, int, int, int]) -> None:
    """Given three mugs less, then the two that have to come in, and one that lies here."""
    handle = await awaited.sold(shelf)

    await go_without(shelf, handle, 3, gone=gone)

    assert (await promised(shelf), await stock(shelf)) == ((2, 0, 2), left)
    await given_back(shelf, 3 * MUG)
    assert (await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))).status is OrderStatus.SHIPPED
    await given_back(shelf, 3 * MUG)


async def test_one_comes_and_one_never_does(shelf: Shelf) -> None:
    """Given five of seven sent and one of the others given up, then the last is waited for, sent when it came, and
    without it there is no shortage but an end."""
    handle = await awaited.sold(shelf)
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))

    await go_without(shelf, handle, 1)

    assert (await promised(shelf), await stock(shelf)) == ((2, 0, 1), (0, 0, 1, 2))
    [line] = (await read(shelf)).lines
    assert (line.waiting, line.promised_at is not None) == (1, True)
    await given_back(shelf, MUG)
    await awaited.come(shelf, 3)
    assert (await promised(shelf), await stock(shelf)) == ((2, 1, 1), (3, 1, 0, 5))
    whole = await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "2Z"))
    assert whole.status is OrderStatus.SHIPPED
    assert await stock(shelf) == (2, 0, 0, 5)
    await given_back(shelf, MUG)


@pytest.mark.parametrize("some", [False, True], ids=["nothing sent", "five sent"])
async def test_it_can_be_called_off_after_that(shelf: Shelf, some: bool) -> None:
    """Given one of two awaited mugs given up, when what is left is called off, then each is given up once."""
    handle = await awaited.sold(shelf)
    if some:
        await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    await go_without(shelf, handle, 1)
    await given_back(shelf, MUG)

    ended = await shelf.ask(handle, Order.cancel, CancelCheckout("c", "never mind", "staff"))

    assert ended.status is (OrderStatus.SHIPPED if some else OrderStatus.CANCELLED)
    assert await promised(shelf) == (2, 0, 2)
    assert await stock(shelf) == ((0, 0, 0, 3) if some else (5, 0, 0, 8))
    await given_back(shelf, 2 * MUG if some else SEVEN_MUGS)


async def test_what_was_promised_later_is_to_be_sent_now(shelf: Shelf) -> None:
    """Given an order that had fourteen days, when nothing of it is awaited any more, then it has the usual three, as
    its owner and its rows say."""
    handle = await awaited.sold(shelf)
    began = await until_shipped(shelf, handle)
    assert began[0] == began[1]
    await go_without(shelf, handle, 2)
    await given_back(shelf, 2 * MUG)
    owner, rows = await until_shipped(shelf, handle)
    assert abs(owner - rows) < timedelta(minutes=1)
    assert timedelta(days=DAYS - 3) - timedelta(minutes=5) < began[0] - owner < timedelta(days=DAYS - 3)

    await shelf.flow.fast_forward(handle, timedelta(days=3, minutes=5))

    assert await shelf.attention(handle) == "not shipped in time"


async def test_what_is_awaited_still_keeps_its_time(shelf: Shelf) -> None:
    """Given one of two awaited mugs given up, then nobody is asked before the promise of the other has passed."""
    handle = await awaited.sold(shelf)
    await go_without(shelf, handle, 1)
    await given_back(shelf, MUG)

    await shelf.flow.fast_forward(handle, timedelta(days=4))
    assert (await shelf.row())["attention"] is None
    await shelf.flow.fast_forward(handle, timedelta(days=DAYS - 4, minutes=5))

    assert await shelf.attention(handle) == "not shipped in time"


async def test_they_come_in_at_that_moment(flow: Flow) -> None:
    """Given mugs that come in while they are given up, then no unit is counted twice, whoever is first."""
    shelves = [await Shelf.open(flow) for _ in range(8)]
    handles = [await awaited.sold(shelf) for shelf in shelves]

    await asyncio.gather(
        *(go_without(shelf, handle, 2) for shelf, handle in zip(shelves, handles, strict=True)),
        *(awaited.come(shelf, 2) for shelf in shelves),
    )

    for shelf, handle in zip(shelves, handles, strict=True):
        was, now = await promised(shelf), await stock(shelf)
        assert (was, now) in [((2, 0, 2), (7, 5, 0, 5)), ((2, 2, 0), (5, 5, 0, 3))]
        assert (await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))).status is OrderStatus.SHIPPED
        await given_back(shelf, 2 * MUG)


async def test_their_vendor_loses_what_does_not_come(flow: Flow) -> None:
    """Given Anna's mugs, of which two never come, then her share is that of five, and five are hers to send."""
    market, shelf = await Market.open(flow), await Shelf.open(flow)
    async with flow.database.writing() as writer:
        await sellers.give(writer, market.anna.id, shelf.mug)
    handle = await awaited.sold(shelf)
    following = await market.follow()
    await market.until_said({"captured": -8200, "shop": 1200, "commission/anna": 700, "vendor/anna": 6300})

    await go_without(shelf, handle, 2)

    await market.until_said(
        {"captured": -8200, "refunded": 2200, "shop": 1000, "commission/anna": 500, "vendor/anna": 4500}
    )
    [card] = await vendor_order.page(flow.database, market.anna.id, 10, True)
    assert (card.units, card.open_units, card.earning.earned.amount) == (7, 5, 4500)
    part = await vendor_order.find(flow.database, market.anna.id, shelf.number)
    assert part is not None
    assert [(item.quantity, item.shipped, item.cancelled) for item in part.items] == [(7, 0, 2)]
    sent = await shelf.ask(handle, Order.ship, ShipOrder("anna", "UPS", "1Z"))
    assert sent.status is OrderStatus.SHIPPED
    assert await vendor_order.page(flow.database, market.anna.id, 10, True) == []
    await following.terminate("the test is over")
    await given_back(shelf, 2 * MUG)
