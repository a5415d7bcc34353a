"""Variants and their prices as staff keep them. A variant belongs to its product for ever."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.ids import VariantId, new_id
from models.options import must_fit
from models.records import MOST_VARIANTS, PriceRecord, ProductOption, VariantRecord
from models.tables import inventory
from models.tables.base import Json, newest_first, plain_uuid
from models.tables.catalog import prices, products, variants
from models.tables.inventory import stock

_PRICES = """
coalesce((SELECT jsonb_agg(jsonb_build_object(
    'price', jsonb_build_object('amount', r.amount, 'currency', r.currency),
    'compare_at_price', CASE WHEN r.compare_at IS NOT NULL
        THEN jsonb_build_object('amount', r.compare_at, 'currency', r.currency) END,
    'sale', CASE WHEN r.sale_amount IS NOT NULL THEN jsonb_build_object(
        'price', jsonb_build_object('amount', r.sale_amount, 'currency', r.currency),
        'starts_at', r.sale_starts_at, 'ends_at', r.sale_ends_at) END
) ORDER BY r.currency) FROM prices r WHERE r.variant_id = variants.id), '[]')
"""
_QUERY = (
    sa.select(
        variants.c.id.label("_id"), variants.c.sku, products.c.slug.label("product"), variants.c.attributes,
        sa.literal_column(_PRICES, type_=Json).label("prices"), variants.c.weight, variants.c.position,
        variants.c.images, sa.func.coalesce(stock.c.on_hand, 0).label("on_hand"),
        sa.func.coalesce(stock.c.held, 0).label("held"), variants.c.created_at, variants.c.archived_at,
    )
    .join(products, products.c.id == variants.c.product_id)
    .outerjoin(stock, stock.c.variant_id == variants.c.id)
)  # fmt: skip
_IN_ORDER = (variants.c.archived_at.is_not(None), variants.c.position, variants.c.sku)

_LOCK_PRODUCT = """
SELECT p.id, p.slug, p.options::text, p.archived_at
FROM products p JOIN variants v ON v.product_id = p.id WHERE v.sku = $1 FOR NO KEY UPDATE OF p
"""
_ATTRIBUTES = "SELECT sku, attributes::text FROM variants WHERE product_id = $1 AND archived_at IS NULL ORDER BY sku"
_INSERT = """
INSERT INTO variants (id, product_id, sku, attributes, weight, position)
SELECT id, $1, sku, attributes, weight, 1000000 + row_number() OVER (ORDER BY place)
FROM unnest($2::uuid[], $3::text[], $4::jsonb[], $5::int[], $6::int[]) AS new (id, sku, attributes, weight, place)
ON CONFLICT DO NOTHING RETURNING sku
"""
_OTHERS = """
SELECT id FROM variants WHERE product_id = $1 AND archived_at IS NULL AND id IS DISTINCT FROM $2::uuid
ORDER BY position, sku
"""
_NUMBER = """
UPDATE variants v SET position = o.place - 1 FROM unnest($1::uuid[]) WITH ORDINALITY AS o (id, place)
WHERE v.id = o.id AND v.position <> o.place - 1
"""
_TOUCH = "UPDATE products SET updated_at = now() WHERE id = $1"

_options = msgspec.json.Decoder(list[ProductOption]).decode
_attributes = msgspec.json.Decoder(dict[str, str]).decode


class Shelved(msgspec.Struct, frozen=True):
    """A locked variant and what its locked product says of it."""

    id: VariantId
    product_id: UUID
    options: list[ProductOption]
    product_archived: bool
    record: VariantRecord


class NewRow(msgspec.Struct, frozen=True):
    """A variant to be made."""

    sku: str
    attributes: Mapping[str, str]
    prices: Sequence[PriceRecord]
    weight: int
    units: int
    """That come with it into the house."""


async def listed(
    database: Database, limit: int, after: Cursor | None, archived: bool, words: str | None, product: str | None
) -> list[tuple[UUID, VariantRecord]]:
    """Newest first, each with the id that its place in the list is told by: those sold, or those archived."""
    living = variants.c.archived_at.is_(None)
    query = _QUERY.where(~living if archived else living)
    if product is not None:
        query = query.where(products.c.slug == product)
    if words is not None:
        said = variants.c.sku.icontains(words, autoescape=True) | products.c.name.icontains(words, autoescape=True)
        query = query.where(said)
    async with database.reading() as reader:
        rows = await reader.execute(newest_first(query, variants.c.created_at, variants.c.id, limit, after))
        return [(plain_uuid(row["_id"]), _told(row)) for row in rows.mappings()]


async def of_product(reader: Reader, slug: str) -> list[VariantRecord]:
    """All of one product, in their order, archived ones last."""
    rows = await reader.execute(_QUERY.where(products.c.slug == slug).order_by(*_IN_ORDER))
    return [_told(row) for row in rows.mappings()]


async def find(database: Database, sku: str) -> VariantRecord | None:
    """One variant, also an archived one."""
    async with database.reading() as reader:
        row = (await reader.execute(_QUERY.where(variants.c.sku == sku))).mappings().one_or_none()
    return None if row is None else _told(row)


async def read(reader: Reader, sku: str) -> VariantRecord:
    """A variant that there is."""
    return _told((await reader.execute(_QUERY.where(variants.c.sku == sku))).mappings().one())


async def lock(writer: Writer, sku: str) -> Shelved | None:
    """One variant; nobody else changes its product or any variant of it to the end of the transaction."""
    product = (await writer.exec_driver_sql(_LOCK_PRODUCT, (sku,))).one_or_none()
    if product is None:
        return None
    row = (await writer.execute(_QUERY.where(variants.c.sku == sku))).mappings().one()
    return Shelved(
        VariantId(plain_uuid(row["_id"])), product.id, _options(product.options), product.archived_at is not None,
        _told(row),
    )  # fmt: skip


async def insert(
    writer: Writer, product: UUID, options: Sequence[ProductOption], new: Sequence[NewRow], actor: str
) -> None:
    """Variants of a locked product, behind those it has, with their prices and their first units.

    Raises: Refusal `sku_taken`, `options_mismatch`, `variants_alike`, `variants_full`.
    """
    known = await attributes_of(writer, product)
    if len(known) + len(new) > MOST_VARIANTS:
        raise Refusal("variants_full", f"A product has at most {MOST_VARIANTS} variants.", most=MOST_VARIANTS)
    must_fit(options, known | {row.sku: row.attributes for row in new})
    ids = {row.sku: VariantId(new_id()) for row in new}
    # Rows go in by their SKU's order: two requests for the same ones then wait for each other, and never in a circle.
    placed = sorted(enumerate(new), key=lambda each: each[1].sku)
    made = await writer.exec_driver_sql(
        _INSERT,
        (
            product, [ids[row.sku] for _, row in placed], [row.sku for _, row in placed],
            [msgspec.json.encode(row.attributes).decode() for _, row in placed], [row.weight for _, row in placed],
            [place for place, _ in placed],
        ),
    )  # fmt: skip
    taken = sorted(ids.keys() - set(made.scalars()))
    if taken:
        raise Refusal("sku_taken", f"There is a variant {taken[0]} already, maybe an archived one.", skus=taken)
    for row in new:
        await put_prices(writer, ids[row.sku], row.prices)
        if row.units:
            await inventory.receive(writer, ids[row.sku], row.units, actor, "came with the variant")
    await _number(writer, product)


async def change(writer: Writer, shelved: Shelved, wanted: Mapping[str, Any]) -> VariantRecord:
    """Bring a locked variant to what is `wanted`. Raises: Refusal `options_mismatch`, `variants_alike`."""
    if "attributes" in wanted:
        sku = shelved.record.sku
        must_fit(shelved.options, await attributes_of(writer, shelved.product_id) | {sku: wanted["attributes"]})
    values = {name: wanted[name] for name in ("attributes", "weight") if name in wanted}
    if values:
        await writer.execute(sa.update(variants).where(variants.c.id == shelved.id).values(values))
    if "position" in wanted:
        await _number(writer, shelved.product_id, shelved.id, wanted["position"])
    if "prices" in wanted:
        await put_prices(writer, shelved.id, wanted["prices"])
    return await _touched(writer, shelved)


async def archive(writer: Writer, shelved: Shelved) -> VariantRecord:
    """Sell a locked variant no more."""
    gone = sa.update(variants).where(variants.c.id == shelved.id).values(archived_at=sa.func.now())
    await writer.execute(gone)
    await _number(writer, shelved.product_id)
    return await _touched(writer, shelved)


async def restore(writer: Writer, shelved: Shelved) -> VariantRecord:
    """Sell a locked variant again, behind the others.

    Raises: Refusal `options_mismatch`, `variants_alike`, `variants_full`.
    """
    known = await attributes_of(writer, shelved.product_id)
    if len(known) >= MOST_VARIANTS:
        raise Refusal("variants_full", f"A product has at most {MOST_VARIANTS} variants.", most=MOST_VARIANTS)
    must_fit(shelved.options, known | {shelved.record.sku: shelved.record.attributes})
    await writer.execute(sa.update(variants).where(variants.c.id == shelved.id).values(archived_at=None))
    await _number(writer, shelved.product_id, shelved.id, len(known))
    return await _touched(writer, shelved)


async def attributes_of(writer: Writer, product: UUID) -> dict[str, Mapping[str, str]]:
    """Of each variant that is sold, by SKU."""
    rows = await writer.exec_driver_sql(_ATTRIBUTES, (product,))
    return {row.sku: _attributes(row.attributes) for row in rows}


async def put_prices(writer: Writer, variant: VariantId, wanted: Sequence[PriceRecord]) -> None:
    """What a variant costs from now on, in these currencies and in no other."""
    named = [price.price.currency for price in wanted]
    await writer.execute(sa.delete(prices).where(prices.c.variant_id == variant, prices.c.currency.not_in(named)))
    if not wanted:
        return
    new = pg.insert(prices).values([{"variant_id": variant, **_row(price)} for price in wanted])
    others = {name: new.excluded[name] for name in _row(wanted[0]) if name != "currency"}
    await writer.execute(new.on_conflict_do_update(index_elements=["variant_id", "currency"], set_=others))


def _row(price: PriceRecord) -> dict[str, Any]:
    sale = price.sale
    return {
        "currency": price.price.currency, "amount": price.price.amount,
        "compare_at": price.compare_at_price.amount if price.compare_at_price else None,
        "sale_amount": sale.price.amount if sale else None, "sale_starts_at": sale.starts_at if sale else None,
        "sale_ends_at": sale.ends_at if sale else None,
    }  # fmt: skip


async def _number(writer: Writer, product: UUID, variant: UUID | None = None, position: int = 0) -> None:
    """Number a product's variants from 0; `variant` goes to `position` among them."""
    rows = await writer.exec_driver_sql(_OTHERS, (product, variant))
    order = [plain_uuid(row.id) for row in rows]
    if variant is not None:
        order.insert(position, variant)
    await writer.exec_driver_sql(_NUMBER, (order,))


async def _touched(writer: Writer, shelved: Shelved) -> VariantRecord:
    await writer.exec_driver_sql(_TOUCH, (shelved.product_id,))
    return await read(writer, shelved.record.sku)


def _told(row: Any) -> VariantRecord:
    return msgspec.convert({name: row[name] for name in VariantRecord.__struct_fields__}, VariantRecord)
