"""Builders: somebody who reviews products over HTTP, and purchases that make a review a verified one."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.database import Database
from models.ids import UserId, VariantId
from models.order import OrderStatus
from models.roles import Role
from models.tables import order as orders
from models.tables.catalog import variants
from tests import people
from tests.api.conftest import Api
from tests.models.tables.shelf import Shelf

BASE = "/api/v1"


class Reviewer:
    """Somebody with an account and opinions."""

    def __init__(self, api: Api, user: UserId, headers: dict[str, str]) -> None:
        self.api = api
        self.user = user
        self.headers = headers

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Any operation."""
        return await self.api.client.request(method, BASE + path, json=body, headers={**self.headers, **headers})

    async def write(self, slug: str = "mug", stars: int = 4, **said: Any) -> dict[str, Any]:
        """A review that is taken."""
        answer = await self.ask("POST", f"/products/{slug}/reviews", {"stars": stars, **said})
        assert answer.status_code == 201, answer.text
        written: dict[str, Any] = answer.json()
        return written


async def reviewer(api: Api, database: Database, *roles: Role) -> Reviewer:
    """Somebody new."""
    async with database.writing() as writer:
        user = await people.account(writer, *roles)
    return Reviewer(api, user, await api.sign_in(user=user))


async def bought(
    database: Database, user: UserId | None, sku: str, status: OrderStatus = OrderStatus.DELIVERED, quantity: int = 1
) -> UUID:
    """An order of one's own that stands there."""
    async with database.writing() as writer:
        variant = VariantId((await writer.execute(sa.select(variants.c.id).where(variants.c.sku == sku))).scalar_one())
        order = Shelf(database, variant, variant).row({variant: quantity}, customer_id=user, status=status)
        await orders.insert(writer, order)
    return order.id


async def seen(api: Api, slug: str = "mug", **query: Any) -> dict[str, Any]:
    """What everybody reads now."""
    answer = await api.get(f"{BASE}/products/{slug}/reviews", params=query, headers={"Cache-Control": "no-cache"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def recounted(database: Database) -> None:
    """Every count that triggers keep is what counting anew finds."""
    products = await database.fetch(
        "SELECT p.slug, p.ratings, p.stars, count(r.id) AS n, coalesce(sum(r.stars), 0) AS s FROM products p "
        "LEFT JOIN reviews r ON r.product_id = p.id AND r.status = 'published' GROUP BY p.id"
    )
    assert [(row["slug"], row["ratings"], row["stars"]) for row in products] == [
        (row["slug"], row["n"], row["s"]) for row in products
    ]
    votes = await database.fetch(
        "SELECT r.id, r.helpful, count(v.user_id) AS n FROM reviews r "
        "LEFT JOIN review_votes v ON v.review_id = r.id GROUP BY r.id"
    )
    assert [(row["id"], row["helpful"]) for row in votes] == [(row["id"], row["n"]) for row in votes]
    listed = await database.fetch(
        "SELECT p.slug, l.rating, p.ratings, p.stars FROM listings l JOIN products p ON p.id = l.product_id"
    )
    for row in listed:
        assert row["rating"] == (row["stars"] / row["ratings"] if row["ratings"] else 0), row["slug"]
