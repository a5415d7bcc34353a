"""What a buyer with an account is told of an order: each turn once, however often a step had to run."""

from models.order import OrderStatus, workflow_id
from tests import people
from tests.workflows.stories import MUG, Shelf
from tests.workflows.trouble import Trouble
from workflows.order import Order
from workflows.order_messages import DeliverOrder, PayOrder, ShipOrder


async def test_each_turn_is_told_once_though_its_answer_is_lost(shelf: Shelf, trouble: Trouble) -> None:
    """Given steps that happen and are run again because nobody heard of it, then the buyer is told of each once."""
    async with shelf.flow.database.writing() as writer:
        buyer = await people.account(writer)
    for step in ("record_payment_attempt", "confirm_order", "send_parcel", "note_arrival"):
        trouble.plan(workflow_id(shelf.cart, 1), step, "after")

    handle, _ = await shelf.buy("pm_card_chargeDeclined", customer_id=buyer)
    await shelf.ask(handle, Order.pay, PayOrder("another", "pm_card_visa"))
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    await shelf.ask(handle, Order.deliver, DeliverOrder("carrier"))
    await handle.result()

    assert trouble.to_come() == []
    rows = await shelf.flow.database.fetch("SELECT user_id, kind, order_number, facts FROM notifications ORDER BY id")
    assert [(row["user_id"], row["order_number"]) for row in rows] == [(buyer, shelf.number)] * 4
    assert [row["kind"] for row in rows] == ["payment_failed", "order_confirmed", "order_shipped", "order_delivered"]
    assert f'"amount": {MUG}' in rows[1]["facts"]
