"""Products that a buyer wants to remember. A withdrawn one stays on the list, and is no longer on sale."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cart import MOST_SHOWN
from models.catalog import CategoryName, Image
from models.cursor import Cursor
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import ProductId, UserId
from models.money import Money
from models.tables import user as users
from models.tables.base import metadata, now_column, plain_uuid
from models.wishlist import MOST_WISHES, Wish

wishlist_items = sa.Table(
    "wishlist_items", metadata,
    sa.Column("user_id", pg.UUID(as_uuid=True), sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("product_id", pg.UUID(as_uuid=True), sa.ForeignKey("products.id"), primary_key=True),
    now_column("added_at"),
)  # fmt: skip

_WISHES = """
SELECT w.product_id, w.added_at, p.slug, p.name, p.archived_at, c.slug AS category, c.name AS category_name,
       (p.images -> 0)::text AS image, offer.cheapest, offer.available,
       p.stars, p.ratings, offer.sale_ends_at
FROM wishlist_items w
JOIN products p ON p.id = w.product_id
JOIN categories c ON c.id = p.category_id
CROSS JOIN LATERAL (
    SELECT min(ARRAY[r.price_now, r.price_before]) AS cheapest, coalesce(sum(s.sellable), 0) AS available,
           min(r.sale_ends_at) FILTER (WHERE now() >= r.sale_starts_at AND now() < r.sale_ends_at) AS sale_ends_at
    FROM variants v
    JOIN prices r ON r.variant_id = v.id AND r.currency = $2
    LEFT JOIN stock s ON s.variant_id = v.id
    WHERE v.product_id = p.id AND v.archived_at IS NULL
) offer
WHERE w.user_id = $1
"""
_PAGE = (
    _WISHES
    + """
  AND ($4::timestamptz IS NULL OR (w.added_at, w.product_id) < ($4, $5::uuid))
ORDER BY w.added_at DESC, w.product_id DESC LIMIT $3
"""
)
_ONE = _WISHES + "AND p.slug = $3"
_WANTED = """
SELECT p.id, p.archived_at IS NULL AS sold,
       EXISTS (SELECT FROM wishlist_items w WHERE w.user_id = $1 AND w.product_id = p.id) AS listed,
       (SELECT count(*) FROM wishlist_items w WHERE w.user_id = $1) AS wishes
FROM products p WHERE p.slug = $2
"""
_ADD = "INSERT INTO wishlist_items (user_id, product_id) VALUES ($1, $2)"
_REMOVE = """
DELETE FROM wishlist_items w USING products p WHERE w.user_id = $1 AND p.id = w.product_id AND p.slug = $2
"""
_CLEAR = "DELETE FROM wishlist_items WHERE user_id = $1"

_image = msgspec.json.Decoder(Image).decode


async def page(database: Database, user: UserId, currency: str, limit: int, after: Cursor | None = None) -> list[Wish]:
    """What an account remembers, newest first, priced in `currency`."""
    place = (after.at, after.id) if after else (None, None)
    return _wishes(await database.fetch(_PAGE, user, currency, limit, *place), currency)


async def find(database: Database, user: UserId, slug: str, currency: str) -> Wish | None:
    """One product of the list; None: it is not on it."""
    return next(iter(_wishes(await database.fetch(_ONE, user, currency, slug), currency)), None)


async def add(writer: Writer, user: UserId, slug: str, currency: str) -> tuple[Wish, bool]:
    """Remember a product; whether it is new on the list. Raises: Refusal `product_not_found`, `wishlist_full`."""
    await users.lock(writer, user)
    wanted = (await writer.exec_driver_sql(_WANTED, (user, slug))).mappings().one_or_none()
    if wanted is None or not (wanted["sold"] or wanted["listed"]):
        raise Refusal("product_not_found", f"There is no product {slug!r}.", slug=slug)
    if not wanted["listed"]:
        if wanted["wishes"] >= MOST_WISHES:
            raise Refusal("wishlist_full", f"A wishlist holds at most {MOST_WISHES} products.", most=MOST_WISHES)
        await writer.exec_driver_sql(_ADD, (user, wanted["id"]))
    rows = (await writer.exec_driver_sql(_ONE, (user, currency, slug))).mappings().all()
    return _wishes(rows, currency)[0], not wanted["listed"]


async def remove(writer: Writer, user: UserId, slug: str) -> None:
    """Forget a product; again: changes nothing."""
    await writer.exec_driver_sql(_REMOVE, (user, slug))


async def clear(writer: Writer, user: UserId) -> None:
    """Forget all; again: changes nothing."""
    await writer.exec_driver_sql(_CLEAR, (user,))


def _wishes(rows: Sequence[Any], currency: str) -> list[Wish]:
    found = []
    for row in rows:
        price, before = row["cheapest"] or (None, None)
        on_sale = row["archived_at"] is None and price is not None
        found.append(
            Wish(
                ProductId(plain_uuid(row["product_id"])), row["slug"], row["name"],
                CategoryName(row["category"], row["category_name"]), _image(row["image"]) if row["image"] else None,
                None if price is None else Money(price, currency), None if before is None else Money(before, currency),
                min(max(row["available"], 0), MOST_SHOWN) if on_sale else 0, on_sale, row["added_at"],
                round(row["stars"] / row["ratings"], 2) if row["ratings"] else None, row["ratings"],
                row["sale_ends_at"] if on_sale else None,
            )
        )  # fmt: skip
    return found
