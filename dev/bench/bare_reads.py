"""The floors of the read path: the least that a Litestar application can do, with and without Postgres.

Each runs as a granian process of its own, with the same flags as the API.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import msgspec
from litestar import Litestar, get
from litestar.datastructures import State

SQL = """
SELECT p.slug, p.name, p.images -> 0 ->> 'url', r.amount, r.compare_at
FROM products p
JOIN variants v ON v.product_id = p.id AND v.position = 0
JOIN prices r ON r.variant_id = v.id AND r.currency = $1
WHERE p.archived_at IS NULL
ORDER BY p.created_at DESC, p.id DESC
LIMIT 20
"""
"""A page of products with a price, as anybody would begin to write it: no stock, no cheapest of several variants."""


class Hello(msgspec.Struct):
    """The smallest answer."""

    message: str


class Price(msgspec.Struct):
    """An amount in minor units."""

    amount: int
    currency: str


class Card(msgspec.Struct):
    """A product in a list."""

    slug: str
    name: str
    image: str | None
    price: Price
    compare_at_price: Price | None


@get("/hello", sync_to_thread=False)
def hello() -> Hello:
    """No input, no database."""
    return Hello("hello")


@get("/products")
async def products(state: State) -> list[Card]:
    """One statement, straight into structs."""
    rows = await state.pool.fetch(SQL, "usd")
    return [
        Card(slug, name, image, Price(amount, "usd"), None if before is None else Price(before, "usd"))
        for slug, name, image, amount, before in rows
    ]


def hello_app() -> Litestar:
    """Floor of everything that answers over HTTP."""
    return Litestar([hello], openapi_config=None, logging_config=None)


def select_app() -> Litestar:
    """Floor of a product list from Postgres: asyncpg's pool as it comes."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["DATABASE_URL"]) as pool:
            app.state.pool = pool
            yield

    return Litestar([products], openapi_config=None, logging_config=None, lifespan=[lifespan])
