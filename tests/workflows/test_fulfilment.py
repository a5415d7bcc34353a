"""What people see of an order and do with it once it is placed: search, state card, parcels, commands out of turn."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from models.database import fetching
from models.order import OrderStatus
from models.shipment import ShipItem
from models.tables import cart as carts
from tests.flow import Handle
from tests.workflows import ledgers
from tests.workflows.steps import tries_on_our_rows
from tests.workflows.stories import MUG, TWO_MUGS, Shelf
from tests.workflows.trouble import Trouble
from workflows.order import Order
from workflows.order_messages import DeliverOrder, OrderState, ShipOrder
from workflows.steadfast import RetryStep


async def test_orders_are_found_and_understood_in_the_temporal_ui(shelf: Shelf) -> None:
    """At every stage: status, payment and total to search by, a card in plain words, the state for a query."""
    handle, _ = await shelf.buy("pm_card_chargeDeclined")
    await seen(shelf, handle, 'OrderStatus="pending" AND PaymentStatus="failed" AND NeedsAttention=false')
    card = await shelf.card(handle)
    assert "Not paid: generic_decline" in card and "**Waits for:** the buyer to pay with another card" in card
    assert f"**Order:** {shelf.number}" in card and "UTC" in card

    await handle.terminate()
    other = await Shelf.open(shelf.flow)
    handle, _ = await other.buy()
    await other.flow.until(handle, OrderStatus.CONFIRMED)
    await seen(other, handle, f'OrderStatus="confirmed" AND PaymentStatus="paid" AND OrderTotal={MUG}')
    await seen(other, handle, f'OrderCurrency="usd" AND CartId="{other.cart}" AND PlacedAt IS NOT NULL')
    assert "**Waits for:** the warehouse to ship it" in await other.card(handle)

    shipped = await other.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    assert (shipped.status, (await other.row())["fulfilment_status"]) == (OrderStatus.SHIPPED, "fulfilled")
    await seen(other, handle, 'OrderStatus="shipped"')
    assert "Shipped with UPS" in await other.card(handle)

    delivered = await other.ask(handle, Order.deliver, DeliverOrder("carrier"))
    assert delivered == await handle.result() == await other.flow.until(handle, OrderStatus.DELIVERED)
    await seen(other, handle, 'OrderStatus="delivered"')
    assert "nothing, it is done" in await other.card(handle)
    assert (await other.facts())[-3:] == ["order_shipped", "parcel_delivered", "order_delivered"]


async def seen(shelf: Shelf, handle: Handle, query: str) -> None:
    """Wait until staff's search finds the order."""
    async with asyncio.timeout(60):
        while True:
            found = shelf.flow.client.list_workflows(f'{query} AND WorkflowId="{handle.id}"')
            if [each.id async for each in found] == [handle.id]:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("stage", "command", "request_"),
    [
        ("unpaid", Order.ship, ShipOrder("warehouse", "UPS", "1Z")),
        ("unpaid", Order.deliver, DeliverOrder("carrier")),
        ("unpaid", Order.retry, RetryStep("bob", "why not")),
        ("confirmed", Order.deliver, DeliverOrder("carrier")),
        ("confirmed", Order.retry, RetryStep("bob", "why not")),
        ("shipped", Order.ship, ShipOrder("warehouse", "DHL", "2Z")),
    ],
)
async def test_commands_out_of_turn_are_refused(shelf: Shelf, stage: str, command: object, request_: object) -> None:
    """Each is told where the order stands, and nothing moves."""
    handle, _ = await shelf.buy("pm_card_chargeDeclined" if stage == "unpaid" else "pm_card_visa")
    if stage != "unpaid":
        await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    if stage == "shipped":
        await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    before = await shelf.facts()

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await shelf.ask(handle, command, request_)

    assert isinstance(refused.value.cause, ApplicationError) and refused.value.cause.type == "wrong_move"
    assert refused.value.cause.details[0] == {"status": {"unpaid": "pending"}.get(stage, stage)}
    assert await shelf.facts() == before


async def test_two_parcels_at_once_are_one(shelf: Shelf) -> None:
    """The second hand-over of the same goods is refused while the first is being written down."""
    handle, _ = await shelf.buy()
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)

    first, second = await asyncio.gather(
        shelf.ask(handle, Order.ship, ShipOrder("a", "UPS", "1Z")),
        shelf.ask(handle, Order.ship, ShipOrder("b", "DHL", "2Z")),
        return_exceptions=True,
    )

    assert isinstance(first, OrderState) != isinstance(second, OrderState)
    assert await tries_on_our_rows(handle, "send_parcel") == 1


async def test_an_order_that_is_not_shipped_in_time_asks_for_a_person(shelf: Shelf) -> None:
    """Given three days without a parcel, then staff are told; when it is shipped, nobody has to look any more."""
    handle, _ = await shelf.buy()
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    await shelf.flow.fast_forward(handle, timedelta(days=3, minutes=1))
    assert await shelf.attention(handle) == "not shipped in time"
    assert (await shelf.row())["attention"] == "not shipped in time"
    assert "**Waits for:** the warehouse to ship it" in await shelf.card(handle)
    await seen(shelf, handle, "NeedsAttention=true")

    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))

    await seen(shelf, handle, "NeedsAttention=false")
    assert (await shelf.row())["attention"] is None
    await shelf.ask(handle, Order.deliver, DeliverOrder("carrier"))
    await handle.result()
    assert (await shelf.facts())[-5:] == [
        "attention_needed", "order_shipped", "attention_settled", "parcel_delivered", "order_delivered",
    ]  # fmt: skip


async def test_a_refused_parcel_takes_no_number(shelf: Shelf, trouble: Trouble) -> None:
    """Given a parcel with what the order has not, then it is refused by code, and the next one is the first."""
    handle, _ = await shelf.buy()
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z", (ShipItem("NOTHING", 1),)))
    assert isinstance(refused.value.cause, ApplicationError)
    assert (refused.value.cause.type, refused.value.cause.details[0]) == ("unknown_sku", {"skus": ["NOTHING"]})
    assert await shelf.left() == (5, 1)

    assert (await shelf.ask(handle, Order.ship, ShipOrder("w", "UPS", "1Z"))).status is OrderStatus.SHIPPED
    [row] = await shelf.flow.database.fetch("SELECT n FROM shipments")
    assert row["n"] == 1
    assert await shelf.left() == (4, 0)


async def test_of_eight_parcels_at_once_as_many_leave_as_there_are_goods(shelf: Shelf) -> None:
    """Given two mugs and eight parcels of one mug each at the same moment, then two leave, and the ledgers agree."""
    async with shelf.flow.database.writing() as writer:
        await carts.add(fetching(writer), shelf.cart, shelf.sku, 1, None, "usd")
    handle, _ = await shelf.flow.buy(shelf.cart, TWO_MUGS, number=shelf.number)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    one = (ShipItem(shelf.sku, 1),)

    answers = await asyncio.gather(
        *(shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", f"{n}Z", one)) for n in range(8)),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, OrderState) for answer in answers) == 2
    assert (await shelf.row())["fulfilment_status"] == "fulfilled"
    assert await shelf.left() == (3, 0)
    assert await ledgers.disagreements(shelf.flow) == []
