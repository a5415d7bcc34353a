"""Coupons, who has put them into a cart, and which orders used them up."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.inventory import HoldStatus
from models.tables.base import Json, currency, key, metadata, minor_units, moment, now_column, one_of

coupons = sa.Table(
    "coupons", metadata,
    key(),
    sa.Column("code", sa.Text, nullable=False, unique=True, comment="upper case"),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("ppm", sa.Integer, comment="percentage: parts per million, 100000 is 10 %"),
    sa.Column("amounts", Json, comment='fixed: minor units by currency, {"usd": 500}'),
    sa.Column("min_subtotals", Json, nullable=False, server_default="{}", comment="minor units by currency"),
    sa.Column("product_ids", pg.ARRAY(pg.UUID(as_uuid=True)), nullable=False, server_default="{}"),
    sa.Column("category_ids", pg.ARRAY(pg.UUID(as_uuid=True)), nullable=False, server_default="{}",
              comment="with everything below them; both lists empty: all goods"),
    moment("starts_at", server_default=sa.func.now()),
    moment("ends_at", nullable=True, comment="not counted in"),
    sa.Column("max_redemptions", sa.Integer),
    sa.Column("max_per_buyer", sa.Integer),
    sa.Column("first_order_only", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("stackable", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("redeemed", sa.Integer, nullable=False, server_default="0", comment="by orders that are not cancelled"),
    now_column(),
    moment("updated_at", server_default=sa.func.now()),
    sa.Column("archived_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint(
        "(kind = 'percentage' AND ppm BETWEEN 1 AND 1000000 AND amounts IS NULL) "
        "OR (kind = 'fixed' AND amounts IS NOT NULL AND ppm IS NULL)", name="kind_has_its_value",
    ),
    sa.CheckConstraint("redeemed >= 0 AND redeemed <= coalesce(max_redemptions, redeemed)", name="never_overused"),
)  # fmt: skip

cart_coupons = sa.Table(
    "cart_coupons", metadata,
    sa.Column("cart_id", pg.UUID(as_uuid=True), sa.ForeignKey("carts.id"), primary_key=True),
    sa.Column("coupon_id", pg.UUID(as_uuid=True), sa.ForeignKey("coupons.id"), primary_key=True),
    now_column("added_at"),
)  # fmt: skip

coupon_redemptions = sa.Table(
    "coupon_redemptions", metadata,
    sa.Column("coupon_id", pg.UUID(as_uuid=True), sa.ForeignKey("coupons.id"), primary_key=True),
    sa.Column("order_id", pg.UUID(as_uuid=True), primary_key=True),
    *one_of("status", HoldStatus),
    sa.Column("user_id", pg.UUID(as_uuid=True), index=True),
    sa.Column("email", sa.Text, comment="lower case; null once its owner was forgotten"),
    minor_units("amount"),
    currency(),
    now_column(),
    sa.Index("ix_coupon_redemptions_email", "coupon_id", "email"),
)  # fmt: skip
