"""What lists filter and sort by: one row a product and currency it is sold in, derived from all other catalogue rows.

Postgres itself keeps it (`relist`, called by triggers of the rows it is made from, in their transaction), so that no
path of the code can forget to. Prices move with time alone when a sale window opens or closes: `until` says when.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.tables.base import currency, metadata, minor_units, moment

listings = sa.Table(
    "listings", metadata,
    sa.Column("product_id", pg.UUID(as_uuid=True), sa.ForeignKey("products.id"), primary_key=True),
    currency(primary_key=True),
    moment("created_at", comment="of the product"),
    minor_units("amount", comment="of the cheapest variant, in a sale window the sale's"),
    minor_units("compare_at", nullable=True, comment="what that variant cost before"),
    sa.Column("in_stock", sa.Boolean, nullable=False, comment="some variant sold in this currency can be bought now"),
    sa.Column("featured", sa.Boolean, nullable=False),
    sa.Column("rating", sa.Float, nullable=False, comment="mean of the published stars; 0: nobody rated it"),
    sa.Column("popularity", sa.BigInteger, nullable=False, comment="of product_figures"),
    sa.Column("sold", sa.BigInteger, nullable=False, comment="of product_figures"),
    sa.Column("trend", sa.Float, nullable=False, comment="of product_figures"),
    sa.Column("vendor_id", pg.UUID(as_uuid=True), comment="null: the shop's own"),
    sa.Column("category_ids", pg.ARRAY(pg.UUID(as_uuid=True)), nullable=False, comment="lineage of its category"),
    sa.Column("tag_ids", pg.ARRAY(pg.UUID(as_uuid=True)), nullable=False),
    moment("sale_ends_at", nullable=True, comment="end of the sale window that is open now; null: none is"),
    moment("until", nullable=True, comment="when the next sale window of this product opens or closes"),
    sa.Index("ix_listings_newest", "currency", sa.text("created_at DESC"), sa.text("product_id DESC")),
    sa.Index("ix_listings_amount", "currency", "amount", "product_id"),
    sa.Index("ix_listings_rating", "currency", sa.text("rating DESC"), sa.text("product_id DESC")),
    sa.Index("ix_listings_popularity", "currency", sa.text("popularity DESC"), sa.text("product_id DESC")),
    sa.Index("ix_listings_sold", "currency", sa.text("sold DESC"), sa.text("product_id DESC")),
    sa.Index("ix_listings_trend", "currency", sa.text("trend DESC"), sa.text("product_id DESC")),
    sa.Index("ix_listings_vendor_id", "vendor_id", postgresql_where=sa.text("vendor_id IS NOT NULL")),
    sa.Index("ix_listings_category_ids", "category_ids", postgresql_using="gin"),
    sa.Index("ix_listings_tag_ids", "tag_ids", postgresql_using="gin"),
    sa.Index("ix_listings_sale_ends_at", "currency", "sale_ends_at",
             postgresql_where=sa.text("sale_ends_at IS NOT NULL")),
    sa.Index("ix_listings_until", "until", postgresql_where=sa.text("until IS NOT NULL")),
)  # fmt: skip

product_figures = sa.Table(
    "product_figures", metadata,
    sa.Column("product_id", pg.UUID(as_uuid=True), sa.ForeignKey("products.id"), primary_key=True),
    sa.Column("sold", sa.BigInteger, nullable=False, server_default="0", comment="units sold in the last 90 days"),
    sa.Column("popularity", sa.BigInteger, nullable=False, server_default="0",
              comment="views and, weighing more, units sold of the last 30 days"),
    sa.Column("trend", sa.Float, nullable=False, server_default="0", comment="popularity's growth; 0: none"),
    moment("computed_at", server_default=sa.func.now()),
)  # fmt: skip
