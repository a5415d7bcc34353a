"""The tree of categories: each row knows its way down from the root, so that a subtree is one look-up."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.tables.base import key, metadata, now_column, reference

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
