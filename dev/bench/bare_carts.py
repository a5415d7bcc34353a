"""The floors of the cart: a row written in a transaction, and a cart's lines read, by a Litestar application alone."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import msgspec
from litestar import Litestar, get, post
from litestar.datastructures import State
from litestar.params import FromPath, JSONBody

from dev.bench.bare_reads import Price
from models.ids import new_id

TABLE = "CREATE TABLE IF NOT EXISTS bench_rows (id uuid PRIMARY KEY, sku text NOT NULL, quantity integer NOT NULL)"
WRITE = "INSERT INTO bench_rows (id, sku, quantity) VALUES ($1, $2, $3)"
READ = """
SELECT i.id, v.sku, p.name, i.quantity, r.amount
FROM cart_items i
JOIN variants v ON v.id = i.variant_id
JOIN products p ON p.id = v.product_id
JOIN prices r ON r.variant_id = v.id AND r.currency = 'usd'
WHERE i.cart_id = $1
"""
"""A cart's lines with their prices, as anybody would begin to write it: no stock, no warnings, no coupons."""


class Row(msgspec.Struct):
    """What is written."""

    sku: str
    quantity: int


class Line(msgspec.Struct):
    """A cart's line."""

    id: str
    sku: str
    name: str
    quantity: int
    unit_price: Price


@post("/rows")
async def write_row(data: JSONBody[Row], state: State) -> Row:
    """One transaction that writes one row."""
    async with state.pool.acquire() as connection, connection.transaction():
        await connection.execute(WRITE, new_id(), data.sku, data.quantity)
    return data


@get("/carts/{cart:uuid}")
async def read_cart(cart: FromPath[UUID], state: State) -> list[Line]:
    """One statement, straight into structs."""
    return [
        Line(str(key), sku, name, quantity, Price(amount, "usd"))
        for key, sku, name, quantity, amount in await state.pool.fetch(READ, cart)
    ]


def app() -> Litestar:
    """asyncpg's pool as it comes."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["DATABASE_URL"]) as pool:
            await pool.execute(TABLE)
            app.state.pool = pool
            yield

    return Litestar([write_row, read_cart], openapi_config=None, logging_config=None, lifespan=[lifespan])
