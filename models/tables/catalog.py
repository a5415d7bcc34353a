"""Products, variants and prices: what can be bought.

What a variant costs now is `prices.price_now`, and what it cost before `prices.price_before`: functions of the
database over one row, because a sale window opens and closes by the clock. Nobody else reads `amount` to sell.
"""

from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cart import MOST_SHOWN
from models.catalog import CategoryName, Image, Option, Product, Sale, TagName, Variant, VendorName
from models.database import Database
from models.money import Money
from models.tables.base import Json, currency, key, metadata, minor_units, moment, now_column, reference
from models.tables.category import categories as categories
from models.tables.listing import shown

products = sa.Table(
    "products", metadata,
    key(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    reference("category_id", "categories.id", index=True),
    sa.Column("tax_category", sa.Text, nullable=False, server_default="standard"),
    sa.Column("featured", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("images", Json, nullable=False, server_default="[]", comment="[{url, alt, …}], the first is the primary"),
    reference("vendor_id", "vendors.id", nullable=True, index=True),
    sa.Column("options", Json, nullable=False, server_default="[]",
              comment="[{name, values}], what its variants differ in; empty: anything goes"),
    sa.Column("ratings", sa.Integer, nullable=False, server_default="0", comment="published reviews"),
    sa.Column("stars", sa.BigInteger, nullable=False, server_default="0", comment="sum of their stars"),
    now_column(),
    moment("updated_at", server_default=sa.func.now()),
    sa.Column("archived_at", sa.DateTime(timezone=True), comment="set: not on sale, kept for orders that refer to it"),
    sa.Index("ix_products_newest", sa.text("created_at DESC"), sa.text("id DESC"),
             postgresql_where=sa.text("archived_at IS NULL")),
    sa.CheckConstraint("ratings >= 0 AND stars BETWEEN ratings AND 5 * ratings", name="stars_of_ratings"),
)  # fmt: skip

variants = sa.Table(
    "variants", metadata,
    key(),
    reference("product_id", "products.id", index=True),
    sa.Column("sku", sa.Text, nullable=False, unique=True),
    sa.Column("attributes", Json, nullable=False, server_default="{}", comment='{"size": "M", "colour": "sand"}'),
    sa.Column("weight", sa.Integer, nullable=False, comment="grams"),
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
    sa.Column("images", Json, nullable=False, server_default="[]", comment="ids of its product's images that show it"),
    now_column(),
    sa.Column("archived_at", sa.DateTime(timezone=True), comment="set: not on sale, kept for orders that refer to it"),
    # Of all variants: one of the living alone is taken for look-ups by product too, while statistics are old.
    sa.Index("ix_variants_newest", sa.text("created_at DESC"), sa.text("id DESC")),
    sa.CheckConstraint("weight >= 0", name="weight_not_negative"),
)  # fmt: skip

prices = sa.Table(
    "prices", metadata,
    sa.Column("variant_id", pg.UUID(as_uuid=True), sa.ForeignKey("variants.id"), primary_key=True),
    currency(primary_key=True),
    minor_units("amount"),
    minor_units("compare_at", nullable=True, comment="the price before, shown struck through"),
    minor_units("sale_amount", nullable=True, comment="the price while its sale window is open"),
    moment("sale_starts_at", nullable=True, comment="counted in"),
    moment("sale_ends_at", nullable=True, comment="not counted in"),
    sa.CheckConstraint("amount >= 0", name="amount_not_negative"),
    sa.CheckConstraint("num_nonnulls(sale_amount, sale_starts_at, sale_ends_at) IN (0, 3)", name="sale_whole"),
    sa.CheckConstraint("sale_amount BETWEEN 0 AND amount AND sale_starts_at < sale_ends_at", name="sale_in_order"),
    sa.Index("ix_prices_sale_ends_at", "sale_ends_at", postgresql_where=sa.text("sale_ends_at IS NOT NULL")),
)  # fmt: skip

_PRODUCT = """
SELECT p.slug, p.name, p.description, p.images, p.featured, p.options, p.stars, p.ratings, s.slug, s.name,
       ARRAY(SELECT (c.slug, c.name) FROM categories c WHERE c.id = ANY (o.lineage)
             ORDER BY array_position(o.lineage, c.id)),
       ARRAY(SELECT (t.slug, t.name) FROM product_tags x JOIN tags t ON t.id = x.tag_id
             WHERE x.product_id = p.id AND t.archived_at IS NULL ORDER BY t.name, t.slug),
       ARRAY(SELECT (v.sku, v.attributes, v.images, r.price_now, r.price_before,
                     CASE WHEN now() >= r.sale_starts_at AND now() < r.sale_ends_at THEN r.sale_starts_at END,
                     r.sale_ends_at, k.sellable,
                     CASE WHEN k.on_hand <= k.held AND k.sellable > 0 THEN k.backorder_days END)
             FROM variants v
             LEFT JOIN prices r ON r.variant_id = v.id AND r.currency = $2
             LEFT JOIN stock k ON k.variant_id = v.id
             WHERE v.product_id = p.id AND v.archived_at IS NULL ORDER BY v.position, v.sku)
FROM products p
JOIN categories o ON o.id = p.category_id
LEFT JOIN vendors s ON s.id = p.vendor_id AND s.archived_at IS NULL
WHERE p.slug = $1 AND p.archived_at IS NULL
"""

_images = msgspec.json.Decoder(list[Image]).decode
_options = msgspec.json.Decoder(list[Option]).decode
_attributes = msgspec.json.Decoder(dict[str, str]).decode
_ids = msgspec.json.Decoder(list[str]).decode


async def product(database: Database, slug: str, currency: str) -> Product | None:
    """One product's page, priced in `currency`; None when nothing on sale has this name."""
    rows = await database.fetch(_PRODUCT, slug, currency)
    if not rows:
        return None
    ((slug, name, description, images, featured, options, stars, ratings, vendor, vendor_name, path, tags, found),) = (
        rows
    )
    variants = [_variant(currency, *each) for each in found]
    sold = [variant for variant in variants if variant.price is not None]
    cheapest = min(sold, key=lambda variant: variant.price.amount if variant.price else 0, default=None)
    return Product(
        slug, name, description, [CategoryName(*each) for each in path], _images(images),
        cheapest.price if cheapest else None, cheapest.compare_at_price if cheapest else None,
        min(sum(variant.available for variant in sold), MOST_SHOWN), variants, featured,
        round(stars / ratings, 2) if ratings else None, ratings, cheapest.sale if cheapest else None,
        None if vendor is None else VendorName(vendor, vendor_name), [TagName(*each) for each in tags],
        _options(options),
    )  # fmt: skip


def _variant(
    currency: str, sku: str, attributes: str, images: str, price: int | None, before: int | None,
    sale_starts_at: datetime | None, sale_ends_at: datetime | None, available: int | None,
    backorder_days: int | None,
) -> Variant:  # fmt: skip
    return Variant(
        sku, _attributes(attributes), None if price is None else Money(price, currency),
        None if before is None else Money(before, currency), shown(available),
        Sale(sale_starts_at, sale_ends_at) if sale_starts_at and sale_ends_at else None, _ids(images),
        backorder_days,
    )  # fmt: skip
