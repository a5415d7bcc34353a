"""Checkouts that the business refuses: the answer names the reason, and nothing is left behind."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from models.money import Money
from models.order import OrderStatus
from models.payment import PaymentStatus
from models.tables import catalog
from tests import shop
from tests.workflows.stories import MUG, Shelf
from workflows.order import Order
from workflows.order_messages import ShipOrder

TABLES = ("orders", "payments", "stock_holds", "stock_movements", "order_events", "outbox")
COUNTED = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in TABLES)


async def dearer(shelf: Shelf) -> None:
    async with shelf.flow.database.writing() as writer:
        await shop.set_price(writer, shelf.mug, 1100)


async def withdrawn(shelf: Shelf) -> None:
    async with shelf.flow.database.writing() as writer:
        await writer.execute(sa.update(catalog.products).values(archived_at=sa.func.now()))


async def sold_out(shelf: Shelf) -> None:
    handle, _ = await shelf.flow.buy(await shelf.flow.cart({shelf.sku: 5}), 5 * 1000 + 500 + 500)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)


async def emptied(shelf: Shelf) -> None:
    async with shelf.flow.database.writing() as writer:
        await writer.execute(sa.text("DELETE FROM cart_items"))


async def bought_already(shelf: Shelf) -> None:
    async with shelf.flow.database.writing() as writer:
        await writer.execute(sa.text("UPDATE carts SET attempt = 2"))


async def nothing(shelf: Shelf) -> None:
    """The world is as it was; the request is what is wrong."""


@pytest.mark.parametrize(
    ("happened", "changes", "code", "facts"),
    [
        (sold_out, {}, "out_of_stock", {"items": [{"sku": "SKU", "requested": 1, "available": 0}]}),
        (withdrawn, {}, "out_of_stock", {"items": [{"sku": "SKU", "requested": 0, "available": 0}]}),
        (dearer, {}, "price_changed", {
            "total": {"amount": 1710, "currency": "usd"}, "expected_total": {"amount": MUG, "currency": "usd"},
        }),
        (emptied, {}, "cart_empty", {}),
        (bought_already, {}, "checkout_superseded", {}),
        (nothing, {"expected_total": Money(MUG, "eur")}, "currency_mismatch", {"currency": "usd"}),
        (nothing, {"shipping_method": "pigeon"}, "shipping_method_unknown", {"shipping_methods": ["standard"]}),
    ],
)  # fmt: skip
async def test_a_refusal_leaves_nothing_and_ends_the_checkout(
    shelf: Shelf, happened: Callable[[Shelf], Awaitable[None]], changes: dict[str, Any], code: str,
    facts: dict[str, Any],
) -> None:  # fmt: skip
    """The answer names the reason and its facts; no order, no hold, no intent, no letter; the cart moves on."""
    await happened(shelf)
    before = dict((await shelf.flow.database.fetch(COUNTED))[0])

    handle, answer = await shelf.buy(**changes)

    assert answer.refusal is not None and answer.refusal.code == code
    if "items" in facts:
        facts = {"items": [{**item, "sku": shelf.sku} for item in facts["items"]]}
    assert answer.refusal.facts == facts
    assert (answer.status, answer.payment_status, answer.total) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED, None)
    assert await handle.result() == answer
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert "Refused: " in await shelf.card(handle)
    assert dict((await shelf.flow.database.fetch(COUNTED))[0]) == before
    assert await shelf.flow.intents(shelf.number) == []
    rows = await shelf.flow.database.fetch("SELECT attempt FROM carts WHERE id = $1", shelf.cart)
    assert rows[0]["attempt"] == 2
    with pytest.raises(RPCError, match="already completed"):
        await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
