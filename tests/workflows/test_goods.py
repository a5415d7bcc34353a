"""Goods that are not where they should be, when the step that says so fails: it is done once, wholly, or not at all."""

import asyncio
from uuid import UUID

import pytest

from models.database import fetching
from models.ids import LocationId
from models.order import OrderStatus, workflow_id
from models.shipment import ShipItem
from models.tables import cart as carts
from models.tables import inventory
from tests.flow import Flow, Handle
from tests.workflows import refunding
from tests.workflows.stories import TWO_MUGS, Shelf
from tests.workflows.trouble import Kind, Trouble
from workflows.order import Order
from workflows.order_messages import AcceptShortage, DeliverOrder, ShipOrder, SwitchLocation

STEPS = frozenset({"switch_goods", "give_up_goods"})
"""What fails here."""
KINDS: tuple[Kind, ...] = ("before", "after", "lost", "silent")
ATTIC = LocationId(UUID("01900000-0000-7000-8000-0000000000a7"))
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
