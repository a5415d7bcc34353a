"""Words that products have in common across categories."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Writer, patiently
from models.records import TagRecord
from models.tables.base import key, metadata, now_column
from models.tables.named import Named

tags = sa.Table(
    "tags", metadata,
    key(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    now_column(),
    sa.Column("archived_at", sa.DateTime(timezone=True), comment="set: no longer shown or given"),
    sa.Index("ix_tags_name", "name", "slug"),
)  # fmt: skip

product_tags = sa.Table(
    "product_tags", metadata,
    sa.Column("product_id", pg.UUID(as_uuid=True), sa.ForeignKey("products.id"), primary_key=True),
    sa.Column("tag_id", pg.UUID(as_uuid=True), sa.ForeignKey("tags.id"), primary_key=True),
    sa.Index("ix_product_tags_tag_id", "tag_id"),
)  # fmt: skip

records = Named(tags, TagRecord)
"""The tags as staff keep them."""

_MOVE = "UPDATE tags SET archived_at = CASE WHEN $2 THEN now() END WHERE slug = $1"


async def move(writer: Writer, slug: str, archived: bool) -> TagRecord:
    """Archive a locked tag, or take it back into use; with it move the lists of all products that have it."""
    await patiently(writer, _MOVE, slug, archived)
    return await records.read(writer, slug)
