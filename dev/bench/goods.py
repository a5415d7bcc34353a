"""What the bench's buyers buy: a few baskets of sample goods with plenty of stock, and carts full of them."""

from collections.abc import Sequence
from uuid import UUID

import httpx
import msgspec
import sqlalchemy as sa

from dev.bench.load import request
from dev.buying import ADDRESS, METHOD
from models import tokens
from models.database import Database
from models.ids import CartId, VariantId, new_id
from models.tables import cart as carts
from models.tables import inventory

BASKETS = 6
LINES = 2
"""Different goods a basket."""
PLENTY = 1_000_000
CURRENCY = "usd"


class Basket(msgspec.Struct, frozen=True):
    """Goods that are bought together, and their total as the shop quotes it."""

    goods: tuple[tuple[UUID, str, int], ...]
    """Variant, SKU and unit price."""
    total: dict[str, object]


_FIND = """
SELECT v.id, v.sku, r.amount FROM variants v JOIN prices r ON r.variant_id = v.id AND r.currency = $1
JOIN products p ON p.id = v.product_id
WHERE v.position = 0 AND p.archived_at IS NULL ORDER BY v.sku LIMIT $2
"""


async def prepare(database: Database, api: str, secret_key: bytes) -> list[Basket]:
    """Stock up, and ask the shop what each basket costs."""
    rows = await database.fetch(_FIND, CURRENCY, BASKETS * LINES)
    async with database.writing() as writer:
        for row in rows:
            await inventory.receive(writer, VariantId(row["id"]), PLENTY, "bench", "plenty for the bench")
    found = []
    async with httpx.AsyncClient(base_url=f"{api}/api/v1", trust_env=False, timeout=30) as shop:
        for first in range(0, len(rows), LINES):
            goods = tuple((row["id"], row["sku"], row["amount"]) for row in rows[first : first + LINES])
            (cart,) = await fill_carts(database, [Basket(goods, {})], 1)
            answer = await shop.post(
                "/checkout/quote", json={"shipping_address": ADDRESS, "shipping_method": METHOD},
                headers={"Cart-Token": tokens.cart_token(secret_key, cart)},
            )  # fmt: skip
            answer.raise_for_status()
            found.append(Basket(goods, answer.json()["totals"]["total"]))
    await database.fetch("ANALYZE")  # as autovacuum does a minute after the goods came
    return found


async def fill_carts(database: Database, baskets: Sequence[Basket], count: int) -> list[CartId]:
    """New carts, the baskets dealt out to them in turn."""
    made = [(CartId(new_id()), baskets[index % len(baskets)]) for index in range(count)]
    async with database.writing() as writer:
        await writer.execute(sa.insert(carts.carts), [{"id": cart, "currency": CURRENCY} for cart, _ in made])
        await writer.execute(
            sa.insert(carts.cart_items),
            [{"id": new_id(), "cart_id": cart, "variant_id": variant, "quantity": 1, "seen_price": amount}
             for cart, basket in made for variant, _, amount in basket.goods],
        )  # fmt: skip
    return [cart for cart, _ in made]


def checkout(secret_key: bytes, cart: CartId, basket: Basket) -> bytes:
    """The request that buys this cart with a good card."""
    body = {
        "email": "ada@example.com",
        "shipping_address": ADDRESS,
        "shipping_method": METHOD,
        "expected_total": basket.total,
        "payment": {"provider": "stripe", "payment_method": "pm_card_visa"},
    }
    headers = {"Cart-Token": tokens.cart_token(secret_key, cart), "Idempotency-Key": str(new_id())}
    return request("POST", "/api/v1/checkout", headers, body)
