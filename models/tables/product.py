"""Products as staff keep them, with what they stand in and what they are tagged with."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database, Reader, Writer
from models.options import must_fit
from models.records import ProductRecord, ProductSheet
from models.tables import category_tree as tree
from models.tables import variant as variants
from models.tables.catalog import products
from models.tables.catalog import variants as variant_rows
from models.tables.category import categories
from models.tables.named import Named, living
from models.tables.tag import product_tags, tags
from models.tables.variant import NewRow
from models.tables.vendor import vendors

_given = sa.select(tags.c.slug).join(product_tags, product_tags.c.tag_id == tags.c.id)
records = Named(
    products, ProductRecord,
    category=sa.select(categories.c.slug).where(categories.c.id == products.c.category_id).scalar_subquery(),
    vendor=sa.select(vendors.c.slug).where(vendors.c.id == products.c.vendor_id).scalar_subquery(),
    tags=sa.func.array(
        _given.where(product_tags.c.product_id == products.c.id).order_by(tags.c.slug).scalar_subquery()
    ),
)  # fmt: skip
"""The products as staff keep them."""

_PLAIN = ("name", "description", "featured", "tax_category")
_TAG = """
INSERT INTO product_tags (product_id, tag_id) SELECT $1, id FROM unnest($2::uuid[]) AS id ON CONFLICT DO NOTHING
"""
_UNTAG = """
DELETE FROM product_tags x USING tags t WHERE x.product_id = $1 AND t.id = x.tag_id AND t.slug = ANY ($2::text[])
"""


def in_category(slug: str) -> sa.ColumnElement[bool]:
    """Products in this category or in one below it."""
    top = sa.select(categories.c.id).where(categories.c.slug == slug).scalar_subquery()
    below = categories.alias("below")
    return products.c.category_id.in_(sa.select(below.c.id).where(below.c.lineage.contains(pg.array([top]))))


def of_vendor(slug: str) -> sa.ColumnElement[bool]:
    """Products of this vendor's."""
    return products.c.vendor_id == sa.select(vendors.c.id).where(vendors.c.slug == slug).scalar_subquery()


def owned_by(vendor: UUID) -> sa.ColumnElement[bool]:
    """Products of the vendor with this id."""
    return products.c.vendor_id == vendor


def tagged(slug: str) -> sa.ColumnElement[bool]:
    """Products that have this tag."""
    having = sa.select(product_tags.c.product_id).join(tags, tags.c.id == product_tags.c.tag_id)
    return products.c.id.in_(having.where(tags.c.slug == slug))


def is_featured(yes: bool) -> sa.ColumnElement[bool]:
    """Products that the shop shows off, or all others."""
    return products.c.featured.is_(yes)


def called(words: str) -> sa.ColumnElement[bool]:
    """Products whose slug or name, or the SKU of a variant of theirs, contain `words`."""
    matching = sa.select(variant_rows.c.product_id).where(variant_rows.c.sku.icontains(words, autoescape=True))
    return records.has(words) | products.c.id.in_(matching)


async def find(database: Database, slug: str) -> ProductSheet | None:
    """One product with its variants, also an archived one."""
    async with database.reading() as reader:
        found = await records.find_in(reader, slug)
        return None if found is None else await _sheet(reader, found)


async def find_of(database: Database, slug: str, vendor: UUID) -> ProductSheet | None:
    """The same, if it is this vendor's."""
    async with database.reading() as reader:
        mine = sa.select(products.c.id).where(products.c.slug == slug, owned_by(vendor))
        if (await reader.execute(mine)).scalar() is None:
            return None
        return await read(reader, slug)


async def read(reader: Reader, slug: str) -> ProductSheet:
    """A product that there is."""
    return await _sheet(reader, await records.read(reader, slug))


async def create(
    writer: Writer, slug: str, values: Mapping[str, Any], new: Sequence[NewRow], actor: str
) -> ProductSheet:
    """A new product with its variants.

    Raises: Refusal `slug_taken`, `sku_taken`, `category_unknown`, `vendor_unknown`, `tag_unknown`, `archived`,
    `options_mismatch`, `variants_alike`.
    """
    row, given = await _row(writer, values), values.get("tags", [])
    ids = await living(writer, tags, given, "tag", "tags")
    made = await records.insert(writer, slug, row)
    if ids:
        await writer.exec_driver_sql(_TAG, (made, list(ids.values())))
    if new:
        await variants.insert(writer, made, values.get("options", []), new, actor)
    return await read(writer, slug)


async def change(writer: Writer, product: UUID, was: ProductRecord, wanted: Mapping[str, Any]) -> ProductRecord:
    """Bring a locked product to what is `wanted`.

    Raises: Refusal `category_unknown`, `vendor_unknown`, `tag_unknown`, `archived`, `options_mismatch`,
    `variants_alike`.
    """
    if "options" in wanted:
        must_fit(wanted["options"], await variants.attributes_of(writer, product))
    if "tags" in wanted:
        new, old = set(wanted["tags"]), set(was.tags)
        ids = await living(writer, tags, sorted(new - old), "tag", "tags")
        await writer.exec_driver_sql(_TAG, (product, list(ids.values())))
        await writer.exec_driver_sql(_UNTAG, (product, sorted(old - new)))
    return await records.change(writer, was.slug, await _row(writer, wanted))


async def restore(writer: Writer, was: ProductRecord) -> ProductRecord:
    """Put a locked product on sale again. Raises: Refusal `archived` when its category is."""
    await tree.into(writer, was.category)
    return await records.move(writer, was.slug, archived=False)


async def _row(writer: Writer, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the table keeps them."""
    row: dict[str, Any] = {name: values[name] for name in _PLAIN if name in values}
    if "options" in values:
        row["options"] = msgspec.to_builtins(values["options"])
    if "category" in values:
        row["category_id"] = await tree.into(writer, values["category"])
    if "vendor" in values:
        vendor = values["vendor"]
        row["vendor_id"] = (await living(writer, vendors, [vendor], "vendor", "vendors"))[vendor] if vendor else None
    return row


async def _sheet(reader: Reader, found: ProductRecord) -> ProductSheet:
    return ProductSheet(**msgspec.structs.asdict(found), variants=await variants.of_product(reader, found.slug))
