"""Many products at once, as a catalogue's rows want them: what there is, what cannot be as wanted, what to write.

A check plans and writes nothing; an import plans anew, on locked rows, and writes what is planned: they cannot differ.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from models.database import Writer
from models.errors import Refusal
from models.ids import new_id
from models.options import must_fit
from models.product_csv import ProductCells, Unfit
from models.product_import import BadRow, Group, Line, problem_of
from models.records import MOST_VARIANTS, PriceRecord, ProductOption
from models.tables.base import as_json, plain_uuid

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
WHERE v.sku = ANY ($2::text[]) OR v.product_id IN (SELECT id FROM products WHERE slug = ANY ($1::text[]))
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


class _Product(msgspec.Struct):
    """A product as it is, or will be."""

    id: UUID
    slug: str
    archived: bool
    name: str = ""
    description: str = ""
    category: str = ""
    vendor: str | None = None
    tags: list[str] = []
    tax_category: str = "standard"
    featured: bool = False
    options: list[ProductOption] = []


class _Variant(msgspec.Struct):
    """A variant as it is, or will be."""

    id: UUID
    sku: str
    product: str
    attributes: Mapping[str, str]
    weight: int
    position: int
    archived: bool
    prices: dict[str, PriceRecord]


class _Named(msgspec.Struct, frozen=True):
    id: UUID
    archived: bool


class Written(msgspec.Struct, frozen=True):
    """What a batch came to."""

    products_created: int = 0
    products_changed: int = 0
    variants_created: int = 0
    variants_changed: int = 0


class Plan(msgspec.Struct):
    """What to write, and why some products cannot be written."""

    problems: list[BadRow] = []
    new_products: list[dict[str, Any]] = []
    products: list[dict[str, Any]] = []
    untag: list[tuple[UUID, str]] = []
    tag: list[tuple[UUID, UUID]] = []
    new_variants: list[dict[str, Any]] = []
    variants: list[dict[str, Any]] = []
    unprice: list[tuple[UUID, str]] = []
    price: list[dict[str, Any]] = []
    touched: set[UUID] = set()
    changed_variants: set[UUID] = set()


class _Known:
    """What there is of all that some groups are about."""

    products: dict[str, _Product]
    variants: dict[str, _Variant]
    of_product: dict[str, list[_Variant]]
    categories: dict[str, _Named]
    vendors: dict[str, _Named]
    tags: dict[str, _Named]


async def plan(writer: Writer, groups: Sequence[Group], *, lock: bool) -> Plan:
    """What it takes to bring products to what is wanted; with `lock` it stays true to the end of the transaction."""
    known, made = await _known(writer, groups, lock), Plan()
    for group in groups:
        if group.problems:
            made.problems += group.problems
            continue
        try:
            _plan(known, group, made)
        except _Bad as bad:
            made.problems += bad.problems
    return made


async def write(writer: Writer, wanted: Plan) -> Written:
    """Do what is planned."""
    run = writer.exec_driver_sql
    for statement, rows in ((_INSERT_PRODUCTS, wanted.new_products), (_UPDATE_PRODUCTS, wanted.products)):
        if rows:
            await run(statement, (as_json(rows),))
    for statement, pairs in ((_UNTAG, wanted.untag), (_TAG, wanted.tag)):
        if pairs:
            await run(statement, tuple(map(list, zip(*pairs, strict=True))))
    for statement, rows in ((_INSERT_VARIANTS, wanted.new_variants), (_UPDATE_VARIANTS, wanted.variants)):
        if rows:
            await run(statement, (as_json(rows),))
    if wanted.unprice:
        await run(_UNPRICE, tuple(map(list, zip(*wanted.unprice, strict=True))))
    if wanted.price:
        await run(_PRICE, (as_json(wanted.price),))
    written = {each["id"] for each in (*wanted.new_products, *wanted.products)}
    if wanted.touched - written:
        await run(_TOUCH, (sorted(wanted.touched - written),))
    created = {each["id"] for each in wanted.new_variants}
    new = {each["id"] for each in wanted.new_products}
    return Written(
        len(new), len((wanted.touched | written) - new), len(created), len(wanted.changed_variants - created)
    )


class _Bad(Exception):
    """A product that cannot be written."""

    def __init__(self, problems: list[BadRow]) -> None:
        super().__init__(problems)
        self.problems = problems


async def _known(writer: Writer, groups: Sequence[Group], lock: bool) -> _Known:
    said = [group.said.product for group in groups if group.said and group.said.product]
    slugs = sorted({group.slug for group in groups})
    skus = sorted({line.variant.sku for group in groups for line in group.lines if line.variant})
    run, found = writer.exec_driver_sql, _Known()
    if lock:
        await run(_LOCK, (slugs,))
    rows = (await run(_PRODUCTS, (slugs,))).mappings()
    found.products = {
        row["slug"]: _Product(**{**row, "id": plain_uuid(row["id"]), "options": _options(row["options"])})
        for row in rows
    }  # fmt: skip
    found.variants, found.of_product = {}, {}
    for row in (await run(_VARIANTS, (slugs, skus))).mappings():
        prices = {price.price.currency: price for price in _prices(row["prices"])}
        attributes = _attributes(row["attributes"])
        variant = _Variant(**{**row, "id": plain_uuid(row["id"]), "attributes": attributes, "prices": prices})
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
        setattr(found, table, {row.slug: _Named(plain_uuid(row.id), row.archived) for row in named})
    return found


def _plan(known: _Known, group: Group, made: Plan) -> None:
    """One product. Raises: _Bad, and then nothing of it is planned."""
    was = known.products.get(group.slug)
    product, problems = _product(known, group, was)
    variants, more = _variants(known, group, product)
    problems += more
    if not problems:
        problems += _misfits(group, product, variants, known.of_product.get(group.slug, []))
    if problems:
        raise _Bad(problems)
    row = {
        "id": product.id, "slug": product.slug, "name": product.name, "description": product.description,
        "category_id": known.categories[product.category].id,
        "vendor_id": known.vendors[product.vendor].id if product.vendor else None,
        "tax_category": product.tax_category, "featured": product.featured, "options": product.options,
    }  # fmt: skip
    if was is None:
        made.new_products.append(row)
    elif msgspec.structs.replace(product, tags=was.tags) != was:
        made.products.append(row)
    before = set(was.tags if was else [])
    made.untag += [(product.id, tag) for tag in sorted(before - set(product.tags))]
    made.tag += [(product.id, known.tags[tag].id) for tag in sorted(set(product.tags) - before)]
    if before != set(product.tags):
        made.touched.add(product.id)
    for variant in variants:
        _plan_variant(known.variants.get(variant.sku), variant, product, made)


def _product(known: _Known, group: Group, was: _Product | None) -> tuple[_Product, list[BadRow]]:
    line = group.said.line if group.said else group.line
    cells = group.said.product if group.said and group.said.product else ProductCells()
    problems = []
    if was is None and (cells.name is UNSET or cells.category is UNSET):
        problems.append(BadRow(group.line, "product", "there is no such product, and a new one has name and category"))
    if was is not None and was.archived:
        problems.append(BadRow(group.line, "product", "archived: restore it first"))
    given = {name: value for name in cells.__struct_fields__ if (value := getattr(cells, name)) is not UNSET}
    product = (
        msgspec.structs.replace(was, **given)
        if was
        else _Product(id=new_id(), slug=group.slug, archived=False, **given)
    )
    named = (
        ("category", [product.category] if product.category else [], known.categories, [was.category] if was else []),
        ("vendor", [product.vendor] if product.vendor else [], known.vendors, [was.vendor] if was else []),
        ("tags", product.tags, known.tags, was.tags if was else []),
    )
    for column, slugs, found, before in named:
        for slug in slugs:
            if slug in before:
                continue
            if slug not in found:
                problems.append(BadRow(line, column, f"there is no {slug!r}"))
            elif found[slug].archived:
                problems.append(BadRow(line, column, f"{slug!r} is archived: restore it first"))
    return product, problems


def _variants(known: _Known, group: Group, product: _Product) -> tuple[list[_Variant], list[BadRow]]:
    found, problems = [], []
    last = max((each.position for each in known.of_product.get(group.slug, []) if not each.archived), default=-1)
    for line in group.lines:
        if line.variant is None:
            continue
        was = known.variants.get(line.variant.sku)
        try:
            variant = _variant(line, was, product)
        except Unfit as unfit:
            problems.append(problem_of(line.line, unfit))
            continue
        if was is None:
            last += 1
            variant.position = last
        found.append(variant)
    return found, problems


def _variant(line: Line, was: _Variant | None, product: _Product) -> _Variant:
    """Raises: Unfit."""
    cells = line.variant
    assert cells is not None
    if was is not None and was.product != product.slug:
        raise Unfit("sku", f"belongs to the product {was.product!r}, and a variant never moves")
    if was is not None and was.archived:
        raise Unfit("sku", "archived: restore it first")
    if was is None and cells.weight is UNSET:
        raise Unfit("weight", "there is no such variant, and a new one has a weight")
    prices = dict(was.prices) if was else {}
    for currency, cell in cells.prices.items():
        price = cell.record(currency, prices.pop(currency, None))
        if price is not None:
            prices[currency] = price
    return _Variant(
        id=was.id if was else new_id(), sku=cells.sku, product=product.slug,
        attributes=cells.attributes if cells.attributes is not UNSET else was.attributes if was else {},
        weight=cells.weight if cells.weight is not UNSET else was.weight if was else 0,
        position=was.position if was else 0, archived=False, prices=prices,
    )  # fmt: skip


def _misfits(
    group: Group, product: _Product, variants: Sequence[_Variant], before: Sequence[_Variant]
) -> Iterator[BadRow]:
    """What is wrong with a product's variants together."""
    attributes = {each.sku: each.attributes for each in (*(old for old in before if not old.archived), *variants)}
    lines = {line.variant.sku: line.line for line in group.lines if line.variant}
    if len(attributes) > MOST_VARIANTS:
        yield BadRow(group.line, "product", f"a product has at most {MOST_VARIANTS} variants")
    try:
        must_fit(product.options, attributes)
    except Refusal as refusal:
        concerned = [lines[sku] for sku in refusal.facts.get("skus", []) if sku in lines]
        yield BadRow(max(concerned, default=group.line), "attributes", refusal.detail)


def _plan_variant(was: _Variant | None, variant: _Variant, product: _Product, made: Plan) -> None:
    if was is None:
        made.new_variants.append(
            {"id": variant.id, "product_id": product.id, "sku": variant.sku, "attributes": variant.attributes,
             "weight": variant.weight, "position": variant.position}
        )  # fmt: skip
    elif (variant.attributes, variant.weight) != (was.attributes, was.weight):
        made.variants.append({"id": variant.id, "attributes": variant.attributes, "weight": variant.weight})
    if variant == was:
        return
    made.touched.add(product.id)
    made.changed_variants.add(variant.id)
    before = was.prices if was else {}
    made.unprice += [(variant.id, currency) for currency in sorted(before.keys() - variant.prices.keys())]
    made.price += [
        _row(variant.id, price) for currency, price in sorted(variant.prices.items()) if before.get(currency) != price
    ]


def _row(variant: UUID, price: PriceRecord) -> dict[str, Any]:
    sale, before = price.sale, price.compare_at_price
    return {
        "variant_id": variant, "currency": price.price.currency, "amount": price.price.amount,
        "compare_at": before.amount if before else None, "sale_amount": sale.price.amount if sale else None,
        "sale_starts_at": sale.starts_at if sale else None, "sale_ends_at": sale.ends_at if sale else None,
    }  # fmt: skip
