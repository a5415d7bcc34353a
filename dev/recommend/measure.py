"""Fills a database with a market, studies it as the worker does, and asks what each buyer may like next."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from dev.recommend.market import Market
from models import clock
from models.database import Database
from models.ids import CartId, UserId, first_id, new_id
from models.inventory import MAIN
from models.order import OrderStatus
from models.tables import study
from models.tables.catalog import categories, prices, products, variants
from models.tables.inventory import levels
from models.tables.order import order_lines, orders
from models.tables.recommendation import recommended
from models.tables.view import product_views

CURRENCY = "usd"
SHOWN = 10
CATEGORIES = 12
AT_ONCE = 500
"""Rows a statement."""


class Rates(msgspec.Struct, frozen=True):
    """Of how many buyers the next purchase was among the ten that they were shown."""

    buyers: int
    recommended: float
    popular: float


async def fill(database: Database, market: Market) -> dict[UserId, int]:
    """The market as rows; who buys what next."""
    goods = [new_id() for _ in range(market.products)]
    sold = [new_id() for _ in goods]
    shelves = [new_id() for _ in range(CATEGORIES)]
    rows: dict[sa.Table, list[dict[str, Any]]] = {
        categories: [{"id": shelf, "slug": f"c-{n}", "name": f"C {n}"} for n, shelf in enumerate(shelves)],
        products: [
            {"id": good, "slug": f"p-{n}", "name": f"P {n}", "category_id": shelves[n // market.tastes % CATEGORIES]}
            for n, good in enumerate(goods)
        ],
        variants: [
            {"id": each, "product_id": goods[n], "sku": f"P-{n}", "weight": 1} for n, each in enumerate(sold)
        ],
        prices: [{"variant_id": each, "currency": CURRENCY, "amount": 1000} for each in sold],
        levels: [{"variant_id": each, "location_id": MAIN, "on_hand": 1_000_000} for each in sold],
        orders: [], order_lines: [], product_views: [],
    }  # fmt: skip
    hidden: dict[UserId, int] = {}
    now = clock.now()
    for number, buyer in enumerate(market.buyers):
        user = UserId(new_id())
        hidden[user] = buyer.next
        for place, basket in enumerate(buyer.orders):
            at = now - timedelta(days=60 - 50 * place / len(buyer.orders), seconds=number)
            order = UUID(int=first_id(at).int + new_id().int % 2**64)
            rows[orders].append(_order(order, user, at))
            rows[order_lines] += [
                {"id": new_id(), "order_id": order, "variant_id": sold[good], "position": line, "sku": f"P-{good}",
                 "name": f"P {good}", "quantity": 1, "unit_price": 1000, "line_total": 1000, "tax": 0}
                for line, good in enumerate(basket)
            ]  # fmt: skip
        visitor = new_id()
        rows[product_views] += [{"visitor": visitor, "product_id": goods[good]} for good in buyer.looked_at]
    for table, values in rows.items():
        for start in range(0, len(values), AT_ONCE):
            async with database.writing() as writer:
                await writer.execute(sa.insert(table), values[start : start + AT_ONCE])
    return hidden


async def study_all(database: Database) -> None:
    """Everything that `StudyShelves` does, without pauses."""
    async with database.writing() as writer:
        after: UUID | None = await study.begin(writer)
    while after is not None:
        async with database.writing() as writer:
            after = await study.gather(writer, after, 1000)
    for step, most in ((study.figure, 250), (study.relate, 100)):
        after = study.START
        while after is not None:
            async with database.writing() as writer:
                after = await step(writer, after, most)


async def measured(database: Database, hidden: dict[UserId, int]) -> Rates:
    """Hit rates of what is recommended, and of what is most popular and not theirs yet."""
    best = await database.fetch(_BEST)
    hits = popular_hits = 0
    for user, good in hidden.items():
        slug = f"p-{good}"
        shown = await recommended(database, CURRENCY, user, CartId(user), [], SHOWN)
        hits += slug in [card.slug for card in shown]
        owned = {row["slug"] for row in await database.fetch(_OWNED, user)}
        popular_hits += slug in [row["slug"] for row in best if row["slug"] not in owned][:SHOWN]
    return Rates(len(hidden), hits / len(hidden), popular_hits / len(hidden))


_BEST = """
SELECT p.slug FROM listings l JOIN products p ON p.id = l.product_id ORDER BY l.popularity DESC, p.id LIMIT 100
"""
_OWNED = """
SELECT p.slug FROM purchases x JOIN products p ON p.id = x.product_id WHERE x.buyer = $1
"""


def _order(order: UUID, user: UserId, at: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("subtotal", "discount", "shipping", "tax", "total"), 0)
    return {
        "id": order, "number": order.hex, "workflow_id": f"order/{order}/1", "cart_id": order, "attempt": 1,
        "customer_id": user, "email": "x@example.com", "status": OrderStatus.DELIVERED,
        "fulfilment_status": "fulfilled", "currency": CURRENCY, **nothing, "tax_included": False,
        "shipping_method": {}, "shipping_address": {}, "billing_address": {}, "placed_at": at, "pay_until": at,
    }  # fmt: skip
