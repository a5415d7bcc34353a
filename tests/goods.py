"""Builders: products with all that lists filter and sort by; each test says only what it is about."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models import clock
from models.database import Writer
from models.ids import VariantId, new_id
from models.tables import inventory
from models.tables.catalog import categories, prices, products, variants
from models.tables.listing import product_figures
from models.tables.tag import product_tags, tags
from models.tables.vendor import vendors

HOUR = timedelta(hours=1)


class Sold(NamedTuple):
    """One variant on the shelf."""

    units: int = 5
    price: Mapping[str, int] = {"usd": 1000}
    compare_at: int | None = None
    sale: tuple[int, datetime, datetime] | None = None
    """Amount, opens, closes."""


def open_sale(amount: int) -> tuple[int, datetime, datetime]:
    """One that is open for another hour."""
    return amount, clock.now() - HOUR, clock.now() + HOUR


async def category(writer: Writer, slug: str, parent: UUID | None = None, **more: Any) -> UUID:
    """One more category."""
    id = new_id()
    await writer.execute(
        sa.insert(categories).values(id=id, slug=slug, name=slug.title(), parent_id=parent, **more)
    )  # fmt: skip
    return id


async def tag(writer: Writer, slug: str) -> UUID:
    """One more tag."""
    id = new_id()
    await writer.execute(sa.insert(tags).values(id=id, slug=slug, name=slug.title()))
    return id


async def vendor(writer: Writer, slug: str) -> UUID:
    """One more vendor."""
    id = new_id()
    await writer.execute(sa.insert(vendors).values(id=id, slug=slug, name=slug.title(), description=f"Of {slug}."))
    return id


async def product(
    writer: Writer,
    slug: str,
    *sold: Sold,
    category: UUID | None = None,
    tags: Sequence[UUID] = (),
    figures: Mapping[str, float] | None = None,
    **columns: Any,
) -> tuple[UUID, list[VariantId]]:
    """A product with these variants (one usual one when none is named), in the first category unless said; its ids."""
    if category is None:
        category = (await writer.execute(sa.select(categories.c.id).order_by(categories.c.id).limit(1))).scalar_one()
    id = new_id()
    await writer.execute(
        sa.insert(products).values(id=id, slug=slug, name=slug.title(), category_id=category, **columns)
    )  # fmt: skip
    made = []
    for place, each in enumerate(sold or (Sold(),)):
        variant = VariantId(new_id())
        made.append(variant)
        await writer.execute(
            sa.insert(variants).values(
                id=variant, product_id=id, sku=f"{slug.upper()}-{place}", weight=300, position=place
            )
        )
        amount, starts, ends = each.sale or (None, None, None)
        window = {"sale_amount": amount, "sale_starts_at": starts, "sale_ends_at": ends}
        await writer.execute(
            sa.insert(prices),
            [{"variant_id": variant, "currency": currency, "amount": usual, "compare_at": each.compare_at, **window}
             for currency, usual in each.price.items()],
        )  # fmt: skip
        if each.units:
            await inventory.receive(writer, variant, each.units, "test", "first stock")
    if tags:
        await writer.execute(sa.insert(product_tags), [{"product_id": id, "tag_id": each} for each in tags])
    if figures:
        await writer.execute(pg.insert(product_figures).values(product_id=id, **figures))
    return id, made
