"""Categories, products, variants and prices: what can be bought."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.tables.base import Json, currency, key, metadata, minor_units, now_column, reference

categories = sa.Table(
    "categories", metadata,
    key(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    reference("parent_id", "categories.id", nullable=True, index=True),
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
)  # fmt: skip

products = sa.Table(
    "products", metadata,
    key(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    reference("category_id", "categories.id", index=True),
    sa.Column("tax_category", sa.Text, nullable=False, server_default="standard"),
    sa.Column("featured", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("images", Json, nullable=False, server_default="[]", comment="[{url, alt}], the first is the primary"),
    now_column(),
    sa.Column("archived_at", sa.DateTime(timezone=True), comment="set: not on sale, kept for orders that refer to it"),
    sa.Index("ix_products_newest", sa.text("created_at DESC"), sa.text("id DESC"),
             postgresql_where=sa.text("archived_at IS NULL")),
)  # fmt: skip

variants = sa.Table(
    "variants", metadata,
    key(),
    reference("product_id", "products.id", index=True),
    sa.Column("sku", sa.Text, nullable=False, unique=True),
    sa.Column("attributes", Json, nullable=False, server_default="{}", comment='{"size": "M", "colour": "sand"}'),
    sa.Column("weight", sa.Integer, nullable=False, comment="grams"),
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("weight >= 0", name="weight_not_negative"),
)  # fmt: skip

prices = sa.Table(
    "prices", metadata,
    sa.Column("variant_id", pg.UUID(as_uuid=True), sa.ForeignKey("variants.id"), primary_key=True),
    currency(primary_key=True),
    minor_units("amount"),
    minor_units("compare_at", nullable=True, comment="the price before, shown struck through"),
    sa.CheckConstraint("amount >= 0", name="amount_not_negative"),
)  # fmt: skip
