"""What lists filter and sort by: one row a product and currency it is sold in, derived from all other catalogue rows.

Postgres itself keeps it (`relist`, called by triggers of the rows it is made from, in their transaction), so that no
path of the code can forget to; who writes very much in one transaction may put it off to its end.
Prices move with time alone when a sale window opens or closes: `until` says when.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cart import MOST_SHOWN
from models.catalog import CategoryName, Image, ProductCard
from models.database import Database, Writer
from models.money import Money
from models.tables.base import currency, metadata, minor_units, moment, plain_uuid

listings = sa.Table(
    "listings", metadata,
    sa.Column("product_id", pg.UUID(as_uuid=True), sa.ForeignKey("products.id"), primary_key=True),
    currency(primary_key=True),
    moment("created_at", comment="of the product"),
    minor_units("amount", comment="of the cheapest variant, in a sale window the sale's"),
    minor_units("compare_at", nullable=True, comment="what that variant cost before"),
    sa.Column("in_stock", sa.Boolean, nullable=False, comment="some variant sold in this currency can be bought now"),
    sa.Column("featured", sa.Boolean, nullable=False),
    sa.Column("rating", sa.Float, nullable=False, comment="mean of the published stars; 0: nobody rated it"),
    sa.Column("popularity", sa.BigInteger, nullable=False, comment="of product_figures"),
    sa.Column("sold", sa.BigInteger, nullable=False, comment="of product_figures"),
    sa.Column("trend", sa.Float, nullable=False, comment="of product_figures"),
    sa.Column("vendor_id", pg.UUID(as_uuid=True), comment="null: the shop's own"),
    sa.Column("category_ids", pg.ARRAY(pg.UUID(as_uuid=True)), nullable=False, comment="lineage of its category"),
    sa.Column("tag_ids", pg.ARRAY(pg.UUID(as_uuid=True)), nullable=False),
    moment("sale_ends_at", nullable=True, comment="end of the sale window that is open now; null: none is"),
    moment("until", nullable=True, comment="when the next sale window of this product opens or closes"),
    sa.Column("variant_ids", pg.ARRAY(pg.UUID(as_uuid=True)), nullable=False,
              comment="those that are sold in this currency"),
    sa.Index("ix_listings_newest", "currency", sa.text("created_at DESC"), sa.text("product_id DESC")),
    sa.Index("ix_listings_amount", "currency", "amount", "product_id"),
    sa.Index("ix_listings_rating", "currency", sa.text("rating DESC"), sa.text("product_id DESC")),
    sa.Index("ix_listings_popularity", "currency", sa.text("popularity DESC"), sa.text("product_id DESC")),
    sa.Index("ix_listings_sold", "currency", sa.text("sold DESC"), sa.text("product_id DESC")),
    sa.Index("ix_listings_trend", "currency", sa.text("trend DESC"), sa.text("product_id DESC")),
    sa.Index("ix_listings_vendor_id", "vendor_id", "currency", sa.text("created_at DESC"), sa.text("product_id DESC"),
             postgresql_where=sa.text("vendor_id IS NOT NULL")),
    sa.Index("ix_listings_category_ids", "category_ids", postgresql_using="gin"),
    sa.Index("ix_listings_tag_ids", "tag_ids", postgresql_using="gin"),
    sa.Index("ix_listings_featured", "currency", sa.text("created_at DESC"), sa.text("product_id DESC"),
             postgresql_where=sa.text("featured")),
    sa.Index("ix_listings_sale_ends_at", "currency", "sale_ends_at", "product_id",
             postgresql_where=sa.text("sale_ends_at IS NOT NULL")),
    sa.Index("ix_listings_until", "until", postgresql_where=sa.text("until IS NOT NULL")),
)  # fmt: skip

product_figures = sa.Table(
    "product_figures", metadata,
    sa.Column("product_id", pg.UUID(as_uuid=True), sa.ForeignKey("products.id"), primary_key=True),
    sa.Column("sold", sa.BigInteger, nullable=False, server_default="0", comment="units sold in the last 90 days"),
    sa.Column("popularity", sa.BigInteger, nullable=False, server_default="0",
              comment="views and, weighing more, units sold of the last 30 days"),
    sa.Column("trend", sa.Float, nullable=False, server_default="0", comment="popularity's growth; 0: none"),
    moment("computed_at", server_default=sa.func.now()),
)  # fmt: skip

RELIST_LATER = "SELECT set_config('holdfast.relist', 'later', true)"
"""To the end of this transaction no trigger makes listings; the transaction ends with `relist`."""


async def relist(writer: Writer, product_ids: Sequence[UUID]) -> None:
    """Make the listings of these products from what there is of them now."""
    await writer.exec_driver_sql("SELECT relist($1)", (list(product_ids),))


CARD = """
    p.slug, p.name, c.slug, c.name, p.images -> 0, coalesce(live.cheapest[1], l.amount),
    CASE WHEN live.cheapest IS NULL THEN l.compare_at ELSE live.cheapest[2] END,
    CASE WHEN live.cheapest IS NULL THEN l.sale_ends_at ELSE live.sale_ends_at END, units.available, p.stars, p.ratings
"""
"""What a card is made of, of listings `l` and of what OFFER joins to them."""
OFFER = """
JOIN products p ON p.id = l.product_id
JOIN categories c ON c.id = p.category_id
LEFT JOIN LATERAL (
    SELECT sum(greatest(s.sellable, 0)) AS available FROM stock s WHERE s.variant_id = ANY (l.variant_ids)
) units ON true
LEFT JOIN LATERAL (
    SELECT min(ARRAY[r.price_now, r.price_before]) AS cheapest,
           min(r.sale_ends_at) FILTER (WHERE now() >= r.sale_starts_at AND now() < r.sale_ends_at) AS sale_ends_at
    FROM prices r WHERE l.until <= now() AND r.variant_id = ANY (l.variant_ids) AND r.currency = l.currency
) live ON true
"""
"""Prices are those of this moment: a listing that a sale window has overtaken is not believed."""

_CARDS = f"""
SELECT l.product_id, {CARD} FROM unnest($2::uuid[]) AS w (id)
JOIN listings l ON l.product_id = w.id AND l.currency = $1 {OFFER}
"""  # noqa: S608 - words of ours
_image = msgspec.json.Decoder(Image).decode


class Cards:
    """Makes cards out of rows of one currency."""

    def __init__(self, currency: str) -> None:
        self._currency = currency
        self._categories: dict[str, CategoryName] = {}

    def card(
        self, slug: str, name: str, category: str, category_name: str, image: str | None,
        price: int, before: int | None, sale_ends_at: datetime | None, available: int | None, stars: int,
        ratings: int,
    ) -> ProductCard:  # fmt: skip
        """One row of `CARD`."""
        place = self._categories.get(category)
        if place is None:
            place = self._categories[category] = CategoryName(category, category_name)
        return ProductCard(
            slug, name, place, None if image is None else _image(image), Money(price, self._currency),
            None if before is None else Money(before, self._currency), shown(available),
            mean(stars, ratings), ratings, sale_ends_at,
        )  # fmt: skip


async def cards(database: Database, currency: str, product_ids: Sequence[UUID]) -> list[ProductCard]:
    """These products as lists show them, in this order; those that are not sold in `currency` are left out."""
    made = Cards(currency)
    rows: dict[UUID, Any] = {row[0]: row for row in await database.fetch(_CARDS, currency, product_ids)}
    return [made.card(*rows[id][1:]) for id in map(plain_uuid, product_ids) if id in rows]


def mean(stars: int, ratings: int) -> float | None:
    """The rating as a page tells it."""
    return round(stars / ratings, 2) if ratings else None


def shown(available: int | None) -> int:
    """Units as a page tells them."""
    return 0 if not available or available < 0 else available if available < MOST_SHOWN else MOST_SHOWN
