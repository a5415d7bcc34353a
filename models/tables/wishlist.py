"""Products that a buyer wants to remember."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.tables.base import metadata, now_column

wishlist_items = sa.Table(
    "wishlist_items", metadata,
    sa.Column("user_id", pg.UUID(as_uuid=True), sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("product_id", pg.UUID(as_uuid=True), sa.ForeignKey("products.id"), primary_key=True),
    now_column("added_at"),
)  # fmt: skip
