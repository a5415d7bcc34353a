"""What changed on the shelves, for whoever keeps a copy: written by triggers in the transaction of the change.

Each reader has rows of its own, takes them in batches, acts, and only then deletes them: at least once, none lost.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models import cache
from models.database import Database, Writer
from models.tables.base import metadata, now_column, plain_uuid
from models.tables.listing import relist

catalogue_changes = sa.Table(
    "catalogue_changes", metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("reader", sa.Text, nullable=False, comment="`answers`: cached answers; `search`: the search index"),
    sa.Column("product_id", pg.UUID(as_uuid=True), comment="this product changed"),
    sa.Column("category_id", pg.UUID(as_uuid=True), comment="null product: this changed; else: that was in here"),
    sa.Column("word", sa.Text, comment="the list of this name changed: `tags`, `vendors`"),
    now_column(),
    sa.Index("ix_catalogue_changes_reader", "reader", "id"),
)  # fmt: skip

RELIST = 200
"""Products at most that one look brings up to date because a sale window of theirs has opened or closed."""


class Noted(NamedTuple):
    """Changes that one reader has not dealt with, oldest first."""

    ids: list[int]
    products: list[UUID]
    categories: list[UUID]
    """Which changed themselves: their name, their place, whether they are shown."""
    left: list[UUID]
    """Which lost a product to another category."""
    words: list[str]


async def noted(database: Database, reader: str, most: int) -> Noted:
    """At most so many changes; what changed twice is named once."""
    rows = await database.fetch(
        "SELECT id, product_id, category_id, word FROM catalogue_changes WHERE reader = $1 ORDER BY id LIMIT $2",
        reader, most,
    )  # fmt: skip
    products, categories, left, words = dict[UUID, None](), dict[UUID, None](), dict[UUID, None](), dict[str, None]()
    for _, product, category, word in rows:
        if word is not None:
            words[word] = None
        if product is not None:
            products[plain_uuid(product)] = None
        if category is not None:
            (categories if product is None else left)[plain_uuid(category)] = None
    return Noted([row["id"] for row in rows], list(products), list(categories), list(left), list(words))


async def settle(writer: Writer, ids: Sequence[int]) -> None:
    """These are dealt with. By id: a change that was begun earlier and committed later is still to be seen."""
    await writer.exec_driver_sql("DELETE FROM catalogue_changes WHERE id = ANY ($1)", (list(ids),))


async def relist_due(database: Database) -> int:
    """Bring listings up to date whose sale window has opened or closed by the clock; how many."""
    due = await database.fetch("SELECT product_id FROM listings WHERE until <= now() ORDER BY until LIMIT $1", RELIST)
    if due:
        async with database.writing() as writer:
            await relist(writer, list({row["product_id"] for row in due}))
    return len(due)


_SHOWN_IN = """
SELECT 'product' AS kind, slug FROM products WHERE id = ANY ($1)
UNION ALL
SELECT 'category', slug FROM categories WHERE id IN (
    SELECT unnest(lineage) FROM categories WHERE id = ANY ($2)
    UNION
    SELECT unnest(c.lineage) FROM products p JOIN categories c ON c.id = p.category_id WHERE p.id = ANY ($1)
)
"""


async def outdated(
    database: Database, products: Sequence[UUID], categories: Sequence[UUID], left: Sequence[UUID], words: Sequence[str]
) -> list[str]:
    """What cached answers are about (`models/cache.py`) that such changes make untrue."""
    rows = await database.fetch(_SHOWN_IN, products, [*categories, *left])
    return [
        *(cache.about_product(slug) if kind == "product" else cache.about_category(slug) for kind, slug in rows),
        *([cache.PRODUCTS] if products or categories or left else ()),
        *([cache.CATEGORIES] if categories else ()),
        *words,
    ]
