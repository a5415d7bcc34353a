"""Ways an order can go of which not all is here when it is bought. Each takes a `Shelf`, and leaves it at rest."""

import asyncio
from datetime import timedelta

from models.database import fetching
from models.order import OrderStatus
from models.tables import backorder as backorders
from models.tables import cart as carts
from models.tables import inventory
from tests.flow import Handle
from tests.workflows.stories import Shelf, Story
from workflows.order import Order
from workflows.order_messages import CancelCheckout, DeliverOrder, ShipOrder

SEVEN_MUGS = 7000 + 500 + 700
"""Five are here."""
DAYS = 14


async def put_seven(shelf: Shelf) -> None:
    """Seven mugs into the cart, of which two have to come in first; one more could be sold."""
    async with shelf.flow.database.writing() as writer:
        await backorders.allow(writer, shelf.mug, 3, DAYS)
        await carts.add(fetching(writer), shelf.cart, shelf.sku, 6, None, "usd")


async def sold(shelf: Shelf, method: str = "pm_card_visa") -> Handle:
    """Seven mugs are bought and paid for."""
    await put_seven(shelf)
    handle, _ = await shelf.flow.buy(shelf.cart, SEVEN_MUGS, method, number=shelf.number)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    return handle


async def come(shelf: Shelf, units: int) -> None:
    """Mugs come in."""
    async with shelf.flow.database.writing() as writer:
        await inventory.receive(writer, shelf.mug, units, "staff", "delivery")


async def sent_when_it_came(shelf: Shelf) -> Handle:
    """What is here is sent, and the rest when it has come in."""
    handle = await sold(shelf)
    part = await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    assert part.status is OrderStatus.PROCESSING
    await come(shelf, 2)
    whole = await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "2Z"))
    assert whole.status is OrderStatus.SHIPPED
    await shelf.ask(handle, Order.deliver, DeliverOrder("carrier"))
    assert (await handle.result()).status is OrderStatus.DELIVERED
    return handle


async def cancelled_while_it_waits(shelf: Shelf) -> Handle:
    """The buyer does not want to wait; all of it goes back."""
    handle = await sold(shelf)
    ended = await shelf.ask(handle, Order.cancel, CancelCheckout("never mind", "it takes too long", "buyer"))
    assert ended.status is OrderStatus.CANCELLED
    await handle.result()
    async with asyncio.timeout(60):
        while (await shelf.row())["payment_status"] != "refunded":
            await asyncio.sleep(0.05)
    return handle


async def never_paid_while_it_waits(shelf: Shelf) -> Handle:
    """The card is declined and nobody pays."""
    await put_seven(shelf)
    handle, _ = await shelf.flow.buy(shelf.cart, SEVEN_MUGS, "pm_card_chargeDeclined", number=shelf.number)
    await shelf.flow.fast_forward(handle, timedelta(minutes=31))
    assert (await handle.result()).status is OrderStatus.CANCELLED
    return handle


ALL: tuple[Story, ...] = (sent_when_it_came, cancelled_while_it_waits, never_paid_while_it_waits)
"""All of them."""

STEPS: dict[Story, tuple[str, ...]] = {
    sent_when_it_came: ("place_order", "confirm_order", "send_parcel"),
    cancelled_while_it_waits: ("place_order", "confirm_order", "cancel_paid_order"),
    never_paid_while_it_waits: ("place_order", "cancel_order"),
}
"""What can fail in each story, of what does more when something waits."""
