"""Many products at once, as a catalogue's rows want them: what there is of them, and writing what is planned.

A check plans and writes nothing; an import plans anew, on locked rows, and writes what is planned: they cannot differ.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from models.database import Writer
from models.product_import import Group
from models.product_plan import Known, Named, Plan, Product, Variant
from models.records import PriceRecord, ProductOption
from models.tables.base import as_json, plain_uuid
from models.tables.listing import RELIST_LATER, relist

_LOCK = "SELECT FROM products WHERE slug = ANY ($1::text[]) ORDER BY id FOR NO KEY UPDATE"
_LOCK_CATEGORIES = "SELECT FROM categories WHERE slug = ANY ($1::text[]) ORDER BY id FOR SHARE"
_PRODUCTS = """
SELECT p.id, p.slug, p.name, p.description, c.slug AS category, v.slug AS vendor, p.tax_category, p.featured,
       p.options::text, p.archived_at IS NOT NULL AS archived,
       ARRAY(SELECT t.slug FROM product_tags x JOIN tags t ON t.id = x.tag_id WHERE x.product_id = p.id ORDER BY t.slug)
       AS tags
FROM products p JOIN categories c ON c.id = p.category_id LEFT JOIN vendors v ON v.id = p.vendor_id
WHERE p.slug = ANY ($1::text[])
"""
_VARIANTS = """
SELECT v.id, v.sku, p.slug AS product, v.attributes::text, v.weight, v.position, v.archived_at IS NOT NULL AS archived,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
           'price', jsonb_build_object('amount', r.amount, 'currency', r.currency),
           'compare_at_price', CASE WHEN r.compare_at IS NOT NULL
               THEN jsonb_build_object('amount', r.compare_at, 'currency', r.currency) END,
           'sale', CASE WHEN r.sale_amount IS NOT NULL THEN jsonb_build_object(
               'price', jsonb_build_object('amount', r.sale_amount, 'currency', r.currency),
               'starts_at', r.sale_starts_at, 'ends_at', r.sale_ends_at) END
       )) FROM prices r WHERE r.variant_id = v.id), '[]')::text AS prices
FROM variants v JOIN products p ON p.id = v.product_id
WHERE v.id IN (SELECT id FROM variants WHERE sku = ANY ($2::text[])
               UNION SELECT x.id FROM variants x JOIN products y ON y.id = x.product_id WHERE y.slug = ANY ($1::text[]))
"""
_NAMES = "SELECT slug, id, archived_at IS NOT NULL AS archived FROM {} WHERE slug = ANY ($1::text[])"

_INSERT_PRODUCTS = """
INSERT INTO products (id, slug, name, description, category_id, vendor_id, tax_category, featured, options)
SELECT * FROM jsonb_to_recordset($1::jsonb) AS new (id uuid, slug text, name text, description text, category_id uuid,
                                                    vendor_id uuid, tax_category text, featured boolean, options jsonb)
"""
_UPDATE_PRODUCTS = """
UPDATE products p SET name = new.name, description = new.description, category_id = new.category_id,
       vendor_id = new.vendor_id, tax_category = new.tax_category, featured = new.featured, options = new.options,
       updated_at = now()
FROM jsonb_to_recordset($1::jsonb) AS new (id uuid, name text, description text, category_id uuid, vendor_id uuid,
                                           tax_category text, featured boolean, options jsonb)
WHERE p.id = new.id
"""
_UNTAG = """
DELETE FROM product_tags x USING unnest($1::uuid[], $2::text[]) AS old (product, tag), tags t
WHERE t.slug = old.tag AND x.product_id = old.product AND x.tag_id = t.id
"""
_TAG = """
INSERT INTO product_tags (product_id, tag_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING
"""
_INSERT_VARIANTS = """
INSERT INTO variants (id, product_id, sku, attributes, weight, position)
SELECT * FROM jsonb_to_recordset($1::jsonb) AS new (id uuid, product_id uuid, sku text, attributes jsonb, weight int,
                                                    position int)
"""
_UPDATE_VARIANTS = """
UPDATE variants v SET attributes = new.attributes, weight = new.weight
FROM jsonb_to_recordset($1::jsonb) AS new (id uuid, attributes jsonb, weight int) WHERE v.id = new.id
"""
_UNPRICE = """
DELETE FROM prices r USING unnest($1::uuid[], $2::text[]) AS old (variant, currency)
WHERE r.variant_id = old.variant AND r.currency = old.currency
"""
_PRICE = """
INSERT INTO prices AS r (variant_id, currency, amount, compare_at, sale_amount, sale_starts_at, sale_ends_at)
SELECT * FROM jsonb_to_recordset($1::jsonb) AS new (
    variant_id uuid, currency text, amount bigint, compare_at bigint, sale_amount bigint, sale_starts_at timestamptz,
    sale_ends_at timestamptz)
ON CONFLICT (variant_id, currency) DO UPDATE SET amount = excluded.amount, compare_at = excluded.compare_at,
    sale_amount = excluded.sale_amount, sale_starts_at = excluded.sale_starts_at, sale_ends_at = excluded.sale_ends_at
"""
_TOUCH = "UPDATE products SET updated_at = now() WHERE id = ANY ($1::uuid[])"

_options = msgspec.json.Decoder(list[ProductOption]).decode
_attributes = msgspec.json.Decoder(dict[str, str]).decode
_prices = msgspec.json.Decoder(list[PriceRecord]).decode


async def known(writer: Writer, groups: Sequence[Group], *, lock: bool) -> Known:
    """What there is of all that rows are about; with `lock` it stays true to the end of the transaction."""
    said = [group.said.product for group in groups if group.said and group.said.product]
    slugs = sorted({group.slug for group in groups})
    skus = sorted({line.variant.sku for group in groups for line in group.lines if line.variant})
    run, found = writer.exec_driver_sql, Known()
    if lock:
        await run(_LOCK, (slugs,))
    rows = (await run(_PRODUCTS, (slugs,))).mappings()
    found.products = {
        row["slug"]: Product(**{**row, "id": plain_uuid(row["id"]), "options": _options(row["options"])})
        for row in rows
    }  # fmt: skip
    for row in (await run(_VARIANTS, (slugs, skus))).mappings():
        prices = {price.price.currency: price for price in _prices(row["prices"])}
        attributes = _attributes(row["attributes"])
        variant = Variant(**{**row, "id": plain_uuid(row["id"]), "attributes": attributes, "prices": prices})
        found.variants[variant.sku] = variant
        found.of_product.setdefault(variant.product, []).append(variant)
    wanted = {
        "categories": {cells.category for cells in said if cells.category is not UNSET},
        "vendors": {cells.vendor for cells in said if cells.vendor},
        "tags": {tag for cells in said for tag in cells.tags or []},
    }
    wanted["categories"] |= {each.category for each in found.products.values()}
    wanted["vendors"] |= {each.vendor for each in found.products.values() if each.vendor}
    if lock:
        await run(_LOCK_CATEGORIES, (sorted(map(str, wanted["categories"])),))
    for table, names in wanted.items():
        named = await run(_NAMES.format(table), (sorted(map(str, names)),))
        setattr(found, table, {row.slug: Named(plain_uuid(row.id), row.archived) for row in named})
    return found


async def write(writer: Writer, wanted: Plan) -> None:
    """Do what is planned. Listings are made once, not after each statement."""
    await writer.exec_driver_sql(RELIST_LATER)
    for statement, given in _statements(wanted):
        await writer.exec_driver_sql(statement, given)
    if wanted.concerned:
        await relist(writer, sorted(wanted.concerned))


def _statements(wanted: Plan) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for statement, rows in ((_INSERT_PRODUCTS, wanted.new_products), (_UPDATE_PRODUCTS, wanted.products)):
        if rows:
            yield statement, (as_json(rows),)
    for statement, pairs in ((_UNTAG, wanted.untag), (_TAG, wanted.tag)):
        if pairs:
            yield statement, tuple(map(list, zip(*pairs, strict=True)))
    for statement, rows in ((_INSERT_VARIANTS, wanted.new_variants), (_UPDATE_VARIANTS, wanted.variants)):
        if rows:
            yield statement, (as_json(rows),)
    if wanted.unprice:
        yield _UNPRICE, tuple(map(list, zip(*wanted.unprice, strict=True)))
    if wanted.price:
        yield _PRICE, (as_json(wanted.price),)
    if wanted.only_touched:
        yield _TOUCH, (sorted(wanted.only_touched),)
