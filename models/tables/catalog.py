"""Products, variants and prices: what can be bought.

What a variant costs now is `prices.price_now`, and what it cost before `prices.price_before`: functions of the
database over one row, because a sale window opens and closes by the clock. Nobody else reads `amount` to sell.
"""

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cart import MOST_SHOWN
from models.catalog import Category, CategoryName, Image, Listed, Product, ProductCard, Variant
from models.cursor import Cursor
from models.database import Database
from models.money import Money
from models.tables.base import Json, currency, key, metadata, minor_units, moment, now_column, reference
from models.tables.category import categories as categories

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

_BELOW = """
AND p.category_id = ANY (ARRAY(
    WITH RECURSIVE below AS (
        SELECT id FROM categories WHERE slug = ${n}
        UNION
        SELECT child.id FROM categories child JOIN below ON child.parent_id = below.id
    ) SELECT id FROM below))
"""
_AFTER = "AND (p.created_at, p.id) < (${n}, ${m})"
_LIST = """
SELECT p.id, p.created_at, p.slug, p.name, c.slug, c.name, p.images -> 0, offer.cheapest, offer.available
FROM products p
JOIN categories c ON c.id = p.category_id
CROSS JOIN LATERAL (
    SELECT min(ARRAY[r.price_now, r.price_before]) AS cheapest, sum(s.on_hand - s.held) AS available
    FROM variants v
    JOIN prices r ON r.variant_id = v.id AND r.currency = $1
    LEFT JOIN stock s ON s.variant_id = v.id
    WHERE v.product_id = p.id AND v.archived_at IS NULL
    HAVING count(*) > 0
) offer
WHERE p.archived_at IS NULL {below} {after}
ORDER BY p.created_at DESC, p.id DESC
LIMIT $2
"""
"""Walks the index of newest products and looks up each one's offer until the page is full."""
_LISTS = {
    (False, False): _LIST.format(below="", after=""),
    (True, False): _LIST.format(below=_BELOW.format(n=3), after=""),
    (False, True): _LIST.format(below="", after=_AFTER.format(n=3, m=4)),
    (True, True): _LIST.format(below=_BELOW.format(n=3), after=_AFTER.format(n=4, m=5)),
}

_PRODUCT = """
SELECT p.slug, p.name, p.description, p.images, p.featured,
       v.sku, v.attributes, r.price_now AS amount, r.price_before AS compare_at,
       coalesce(s.on_hand - s.held, 0) AS available,
       ARRAY(
           WITH RECURSIVE up AS (
               SELECT id, parent_id, slug, name, 0 AS depth FROM categories WHERE id = p.category_id
               UNION
               SELECT c.id, c.parent_id, c.slug, c.name, up.depth + 1 FROM categories c JOIN up ON c.id = up.parent_id
           ) SELECT ARRAY[slug, name] FROM up ORDER BY depth DESC
       ) AS path
FROM products p
LEFT JOIN variants v ON v.product_id = p.id AND v.archived_at IS NULL
LEFT JOIN prices r ON r.variant_id = v.id AND r.currency = $2
LEFT JOIN stock s ON s.variant_id = v.id
WHERE p.slug = $1 AND p.archived_at IS NULL
ORDER BY v.position, v.sku
"""

_image = msgspec.json.Decoder(Image).decode
_images = msgspec.json.Decoder(list[Image]).decode
_attributes = msgspec.json.Decoder(dict[str, str]).decode


async def listed(
    database: Database, currency: str, limit: int, category: str | None = None, after: Cursor | None = None
) -> list[Listed]:
    """Products on sale in `currency`, newest first; those of `category` and all below it."""
    arguments: list[object] = [currency, limit]
    if category is not None:
        arguments.append(category)
    if after is not None:
        arguments += (after.at, after.id)
    rows = await database.fetch(_LISTS[category is not None, after is not None], *arguments)
    names: dict[str, CategoryName] = {}
    return [
        Listed(
            ProductCard(
                slug, name, names.get(category) or names.setdefault(category, CategoryName(category, category_name)),
                _image(image) if image else None,
                Money(price, currency), None if before is None else Money(before, currency), _shown(available),
            ),
            at, id,
        )
        for id, at, slug, name, category, category_name, image, (price, before), available in rows
    ]  # fmt: skip


async def product(database: Database, slug: str, currency: str) -> Product | None:
    """One product's page, priced in `currency`; None when nothing on sale has this name."""
    rows = await database.fetch(_PRODUCT, slug, currency)
    if not rows:
        return None
    first = rows[0]
    found = [
        Variant(
            row["sku"], _attributes(row["attributes"]), _money(row["amount"], currency),
            _money(row["compare_at"], currency), _shown(row["available"]),
        )
        for row in rows
        if row["sku"] is not None
    ]  # fmt: skip
    sold = [variant for variant in found if variant.price is not None]
    cheapest = min(sold, key=lambda variant: variant.price.amount if variant.price else 0, default=None)
    return Product(
        slug=first["slug"], name=first["name"], description=first["description"], featured=first["featured"],
        category_path=[CategoryName(*pair) for pair in first["path"]], images=_images(first["images"]),
        price=cheapest.price if cheapest else None, compare_at_price=cheapest.compare_at_price if cheapest else None,
        available=_shown(sum(row["available"] for row in rows if row["amount"] is not None)), variants=found,
    )  # fmt: skip


async def category_tree(database: Database) -> list[Category]:
    """All categories as a forest, in the order staff gave them."""
    rows = await database.fetch("SELECT id, parent_id, slug, name FROM categories ORDER BY position, name")
    nodes = {row["id"]: Category(row["slug"], row["name"], []) for row in rows}
    roots: list[Category] = []
    for row in rows:
        parent = nodes.get(row["parent_id"])
        (roots if parent is None else parent.children).append(nodes[row["id"]])
    return roots


async def has_category(database: Database, slug: str) -> bool:
    """Whether there is a category of this name."""
    return bool(await database.fetch("SELECT FROM categories WHERE slug = $1", slug))


def _money(amount: int | None, currency: str) -> Money | None:
    return None if amount is None else Money(amount, currency)


def _shown(available: int | None) -> int:
    return 0 if not available or available < 0 else available if available < MOST_SHOWN else MOST_SHOWN
