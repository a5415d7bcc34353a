"""Who looked at which product, once a day: kept for a month, of people whom nobody can name without our key."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database
from models.tables.base import metadata, moment

product_views = sa.Table(
    "product_views", metadata,
    sa.Column("visitor", pg.UUID(as_uuid=True), primary_key=True,
              comment="keyed hash of account or cart and month, see models/tokens.py"),
    sa.Column("product_id", pg.UUID(as_uuid=True), sa.ForeignKey("products.id"), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True, server_default=sa.text("CURRENT_DATE")),
    moment("viewed_at", server_default=sa.func.now(), comment="the first time that day"),
    sa.Index("ix_product_views_product", "product_id", sa.text("viewed_at DESC")),
    sa.Index("ix_product_views_viewed_at", "viewed_at"),
)  # fmt: skip

_VIEW = """
WITH seen AS (SELECT id FROM products WHERE slug = $1 AND archived_at IS NULL), kept AS (
    INSERT INTO product_views (visitor, product_id) SELECT $2::uuid, id FROM seen WHERE $2::uuid IS NOT NULL
    ON CONFLICT (visitor, product_id, day) DO NOTHING
) SELECT FROM seen
"""


async def view(database: Database, slug: str, visitor: UUID | None) -> bool:
    """Note that somebody looks at a product; nobody known: note nothing. False: there is no such product."""
    async with database.writing_by_driver() as fetch:
        return bool(await fetch(_VIEW, slug, visitor))
