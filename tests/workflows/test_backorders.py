"""Orders of which not all is here: promised, waited for, sent when it came in, or given up; over HTTP too."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from models.ids import OrderNumber
from models.order import OrderStatus, workflow_id
from models.roles import Role
from tests import people, shop
from tests.api.conftest import Api, media
from tests.flow import Flow
from tests.workflows import awaited, ledgers
from tests.workflows.awaited import DAYS, come, sold
from tests.workflows.stories import Shelf, Story
from tests.workflows.test_histories import keep
from tests.workflows.test_screening import KEY, KINDS, address, desk
from tests.workflows.trouble import Trouble
from workflows.order import Order
from workflows.order_messages import ShipOrder

__all__ = ["desk", "media"]


async def waiting(shelf: Shelf) -> tuple[int, int, int, int]:
    """(on hand, held, waited for, sellable) of the mugs."""
    [row] = await shelf.flow.database.fetch(
        "SELECT on_hand, held, backordered, sellable FROM stock WHERE variant_id = $1", shelf.mug
    )
    return row["on_hand"], row["held"], row["backordered"], row["sellable"]


LEFT: dict[Story, tuple[int, int, int, int]] = {
    awaited.sent_when_it_came: (0, 0, 0, 3),
    awaited.cancelled_while_it_waits: (5, 0, 0, 8),
    awaited.never_paid_while_it_waits: (5, 0, 0, 8),
}
"""What the shelf has afterwards."""


@pytest.mark.parametrize("story", awaited.ALL, ids=lambda story: story.__name__)
async def test_it_is_sold_or_undone_whole(shelf: Shelf, story: Story) -> None:
    """Given an order that waits for some of its goods, then it is wholly sold or wholly undone, and nothing waits."""
    await story(shelf)
    assert await ledgers.disagreements(shelf.flow) == []
    assert await waiting(shelf) == LEFT[story]


@pytest.mark.parametrize("story", awaited.STEPS, ids=lambda story: story.__name__)
async def test_a_step_that_fails_once_harms_nothing(flow: Flow, trouble: Trouble, story: Story) -> None:
    """The story ends as it should, each order is wholly sold or wholly undone, and every planned failure came."""
    cases = [(step, kind) for step in awaited.STEPS[story] for kind in KINDS]
    shelves = [await Shelf.open(flow) for _ in cases]
    for shelf, (step, kind) in zip(shelves, cases, strict=True):
        trouble.plan(workflow_id(shelf.cart, 1), step, kind)

    await asyncio.gather(*(story(shelf) for shelf in shelves))

    assert await ledgers.disagreements(flow) == []
    assert trouble.to_come() == []
    assert [await waiting(shelf) for shelf in shelves] == [LEFT[story]] * len(shelves)


async def test_it_is_given_the_time_that_was_promised(shelf: Shelf) -> None:
    """Given goods promised in 14 days, then nobody is asked after the usual three, but when the promise has passed."""
    handle = await sold(shelf)
    await shelf.flow.fast_forward(handle, timedelta(days=4))
    assert (await shelf.row())["attention"] is None
    await shelf.flow.fast_forward(handle, timedelta(days=DAYS - 4, minutes=5))
    assert await shelf.attention(handle) == "not shipped in time"


async def test_what_waits_cannot_be_sent(shelf: Shelf) -> None:
    """Given an order of which five are here, then a parcel of seven is refused, nothing moves, and five are sent."""
    handle = await sold(shelf)
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    before = await shelf.facts(), await waiting(shelf)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "2Z"))
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "on_backorder"
    assert (await shelf.facts(), await waiting(shelf)) == before
    await come(shelf, 2)
    whole = await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "2Z"))
    assert whole.status is OrderStatus.SHIPPED


async def test_record_anew(flow: Flow) -> None:
    """Collected with --record-histories only: tell every story once more and keep what the server wrote down."""
    for story in awaited.ALL:
        handle = await story(await Shelf.open(flow))
        keep(story.__name__, (await handle.fetch_history()).to_json())


async def test_sold_before_it_is_here_over_http(desk: Api, shelf: Shelf) -> None:
    """Given a variant that staff let be sold beyond stock, then page, cart and order tell, and parcels wait for it."""
    async with shelf.flow.database.writing() as writer:
        staff = await people.signed_in(writer, KEY.encode(), Role.ADMIN)
    stock, page = f"/api/v1/admin/inventory/{shelf.sku}", f"/api/v1/products/{shelf.sku.lower()}?currency=usd"
    cart = (await desk.post("/api/v1/cart/items", json={"sku": shelf.sku, "quantity": 6})).json()
    guest = {"Cart-Token": cart["cart_token"]}
    assert [warning["code"] for warning in cart["warnings"]] == ["not_enough_stock"]

    for body in ({"limit": -1}, {"limit": 2**40}, {"limit": 3, "days": 0}, {"limit": 3, "days": 400}, {}, {"limit": 3}):
        assert (await desk.patch(f"{stock}/backorder", json=body, headers=staff)).status_code == 422, body
    told = await desk.patch(f"{stock}/backorder", json={"limit": 3, "days": DAYS, "reason": "#1"}, headers=staff)
    assert (told.status_code, told.json()["backorder"]) == (200, {"limit": 3, "days": DAYS, "waiting": 0})
    missing = await desk.patch("/api/v1/admin/inventory/NONE/backorder", json={"limit": 1, "days": 1}, headers=staff)
    assert (missing.status_code, missing.json()["code"]) == (404, "variant_not_found")

    [line] = (await desk.get("/api/v1/cart", headers=guest)).json()["items"]
    assert (line["available"], line["backorder_days"]) == (8, DAYS)
    [variant] = (await desk.get(page)).json()["variants"]
    assert (variant["available"], variant["backorder_days"]) == (8, None)
    total = 6 * 1000 + 500 + 600
    answer = await desk.post(
        "/api/v1/checkout",
        json={
            "email": "ada@example.com", "shipping_address": address(shop.NEW_YORK), "shipping_method": "standard",
            "expected_total": {"amount": total, "currency": "usd"}, "payment": {"payment_method": "pm_card_visa"},
        },
        headers=guest,
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    order = answer.json()["order"]
    shelf.number = OrderNumber(order["number"])
    await shelf.flow.until(shelf.flow.handle(cart["id"]), OrderStatus.CONFIRMED)
    mine = {"Order-Token": order["order_token"]}

    async def item() -> dict[str, Any]:
        [found] = (await desk.get(f"/api/v1/orders/{order['number']}", headers=mine)).json()["items"]
        whole: dict[str, Any] = found
        return whole

    seen = await item()
    assert (seen["quantity"], seen["waiting"]) == (6, 1)
    placed = (await shelf.row())["placed_at"]
    late = datetime.fromisoformat(seen["promised_at"]) - placed - timedelta(days=DAYS)
    assert timedelta(0) <= late < timedelta(minutes=5)
    events = (await desk.get(f"/api/v1/orders/{order['number']}/events", headers=mine)).json()["items"]
    assert "goods_awaited" in [each["type"] for each in events]
    assert (await desk.get(stock, headers=staff)).json()["backorder"]["waiting"] == 1

    change = {"items": [{"sku": shelf.sku, "quantity": 1}]}
    edit = await desk.post(f"/api/v1/orders/{order['number']}/edits", json=change, headers=mine)
    assert (edit.status_code, edit.json()["code"]) == (409, "on_backorder")
    path = f"/api/v1/admin/orders/{order['number']}/actions/ship"
    parcel = {"carrier": "UPS", "tracking": "1Z"}
    too_much = {**parcel, "items": [{"sku": shelf.sku, "quantity": 6}]}
    refused = await desk.post(path, json=too_much, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "on_backorder")
    [waits] = refused.json()["facts"]["items"]
    assert (waits["sku"], waits["quantity"]) == (shelf.sku, 1)
    sent = await desk.post(path, json=parcel, headers=staff)
    assert (sent.status_code, sent.json()["status"], sent.json()["items"][0]["waiting"]) == (200, "processing", 1)

    came = await desk.post(
        f"{stock}/adjustments", json={"change": 4, "kind": "receive", "reason": "delivery 8"}, headers=staff
    )
    assert (came.json()["levels"][0]["on_hand"], came.json()["levels"][0]["held"]) == (4, 1)
    assert came.json()["backorder"]["waiting"] == 0
    assert (await item())["waiting"] == 0
    done = await desk.post(path, json=parcel, headers=staff)
    assert (done.status_code, done.json()["status"]) == (200, "shipped")
    assert await waiting(shelf) == (3, 0, 0, 6)
    assert await ledgers.disagreements(shelf.flow) == []
