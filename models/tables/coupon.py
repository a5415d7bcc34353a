"""Coupons, who has put them into a cart, and which orders used them up."""

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.coupon import Coupon
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
    sa.Column("order_id", pg.UUID(as_uuid=True), primary_key=True),
    sa.Column("coupon_id", pg.UUID(as_uuid=True), sa.ForeignKey("coupons.id"), primary_key=True),
    *one_of("status", HoldStatus),
    sa.Column("user_id", pg.UUID(as_uuid=True), index=True),
    sa.Column("email", sa.Text, comment="lower case; null once its owner was forgotten"),
    minor_units("amount"),
    currency(),
    now_column(),
    sa.Index("ix_coupon_redemptions_email", "coupon_id", "email"),
)  # fmt: skip

OF_CART = """
BEGIN
    RETURN (
        SELECT jsonb_agg(
            jsonb_build_object(
                'id', k.id, 'code', k.code, 'description', k.description, 'ppm', k.ppm, 'amounts', k.amounts,
                'min_subtotals', k.min_subtotals, 'starts_at', k.starts_at, 'ends_at', k.ends_at,
                'max_redemptions', k.max_redemptions, 'redeemed', k.redeemed, 'max_per_buyer', k.max_per_buyer,
                'first_order_only', k.first_order_only, 'stackable', k.stackable,
                'archived', k.archived_at IS NOT NULL,
                'goods', CASE WHEN cardinality(k.product_ids) + cardinality(k.category_ids) > 0 THEN (
                    SELECT coalesce(jsonb_agg(i.variant_id), '[]')
                    FROM cart_items i
                    JOIN variants v ON v.id = i.variant_id
                    JOIN products p ON p.id = v.product_id
                    WHERE i.cart_id = $1 AND (p.id = ANY (k.product_ids) OR p.category_id IN (
                        WITH RECURSIVE below AS (
                            SELECT unnest(k.category_ids) AS id
                            UNION
                            SELECT child.id FROM categories child JOIN below ON child.parent_id = below.id
                        ) SELECT id FROM below
                    ))
                ) END,
                'used_by_buyer', CASE WHEN k.max_per_buyer IS NULL OR u.id IS NULL THEN 0 ELSE (
                    SELECT count(*) FROM coupon_redemptions r
                    WHERE r.coupon_id = k.id AND r.status <> 'released'
                      AND (r.user_id = u.id OR r.email = lower(u.email))
                ) END,
                'ordered_before', k.first_order_only AND u.id IS NOT NULL AND EXISTS (
                    SELECT FROM orders o
                    WHERE o.status <> 'cancelled' AND (o.customer_id = u.id OR lower(o.email) = lower(u.email))
                )
            ) ORDER BY x.added_at, x.coupon_id
        )
        FROM cart_coupons x
        JOIN carts c ON c.id = x.cart_id
        JOIN coupons k ON k.id = x.coupon_id
        LEFT JOIN users u ON u.id = c.user_id
        WHERE x.cart_id = $1
    );
END
"""
"""Body of the function `coupons_of_cart(uuid)`: a cart's coupons as JSON for `in_cart`. It is a function because it is
asked inside the cart's one statement, where its dozen tables would cost every cart that has no coupon its time."""

in_cart = msgspec.json.Decoder(tuple[Coupon, ...]).decode
