"""The tree of categories: each row knows its way down from the root, so that a subtree is one look-up."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.records import CategoryRecord
from models.tables.base import key, metadata, now_column, reference
from models.tables.named import Named

categories = sa.Table(
    "categories", metadata,
    key(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    reference("parent_id", "categories.id", nullable=True, index=True),
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
    sa.Column("lineage", pg.ARRAY(pg.UUID(as_uuid=True)), nullable=False, server_default="{}",
              comment="from the outermost category to this one; kept by a trigger, which refuses cycles"),
    now_column(),
    sa.Column("archived_at", sa.DateTime(timezone=True), comment="set: not shown; has nothing living in it"),
    sa.Index("ix_categories_lineage", "lineage", postgresql_using="gin"),
)  # fmt: skip

_above = categories.alias("above")

records = Named(
    categories, CategoryRecord,
    parent=sa.select(_above.c.slug).where(_above.c.id == categories.c.parent_id).scalar_subquery(),
    path=sa.func.array(
        sa.select(_above.c.slug).where(_above.c.id == sa.any_(categories.c.lineage))
        .order_by(sa.func.cardinality(_above.c.lineage)).scalar_subquery()
    ),
)  # fmt: skip
"""The categories as staff keep them."""


def below(slug: str) -> sa.ColumnElement[bool]:
    """Categories that stand in this one, at any depth."""
    top = sa.select(_above.c.id).where(_above.c.slug == slug).scalar_subquery()
    return categories.c.lineage.contains(pg.array([top])) & (categories.c.id != top)
