"""Hundreds of products changed in one transaction: all of them, or none and what stood in the way."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from models import clock
from models.bulk import PriceShift, SaleOff, without_sale
from models.database import Writer
from models.errors import Refusal
from models.ids import VariantId
from models.money import Money
from models.records import DEAREST, PriceRecord, SaleWindow
from models.tables import category_tree as tree
from models.tables.base import plain_uuid
from models.tables.catalog import products
from models.tables.named import living
from models.tables.tag import tags
from models.tables.vendor import vendors

_LOCK = "SELECT FROM products WHERE slug = ANY ($1::text[]) ORDER BY id FOR NO KEY UPDATE"
_LOCK_CATEGORIES = """
SELECT FROM categories WHERE id IN (
    SELECT category_id FROM products WHERE slug = ANY ($1::text[]) AND archived_at IS NOT NULL
) ORDER BY id FOR SHARE
"""
_READ = """
SELECT p.id, p.slug, p.archived_at, c.slug AS category, c.archived_at IS NOT NULL AS category_archived,
       (SELECT slug FROM vendors WHERE id = p.vendor_id) AS vendor, p.featured,
       ARRAY(SELECT t.slug FROM product_tags x JOIN tags t ON t.id = x.tag_id WHERE x.product_id = p.id
             ORDER BY t.slug) AS tags
FROM products p JOIN categories c ON c.id = p.category_id WHERE p.slug = ANY ($1::text[])
"""
_TAG = """
INSERT INTO product_tags (product_id, tag_id)
SELECT product, tag FROM unnest($1::uuid[]) AS product, unnest($2::uuid[]) AS tag ON CONFLICT DO NOTHING
"""
_UNTAG = """
DELETE FROM product_tags x USING tags t
WHERE x.product_id = ANY ($1::uuid[]) AND t.id = x.tag_id AND t.slug = ANY ($2::text[])
"""
_PRICES = """
SELECT v.product_id, v.id, v.sku, r.currency, r.amount, r.compare_at, r.sale_amount, r.sale_starts_at, r.sale_ends_at
FROM variants v JOIN prices r ON r.variant_id = v.id
WHERE v.product_id = ANY ($1::uuid[]) AND v.archived_at IS NULL ORDER BY v.sku, r.currency
"""
_SET_PRICES = """
UPDATE prices r SET amount = n.amount, compare_at = n.compare_at, sale_amount = n.sale_amount,
                    sale_starts_at = n.sale_starts_at, sale_ends_at = n.sale_ends_at
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::timestamptz[])
     AS n (variant_id, currency, amount, compare_at, sale_amount, sale_starts_at, sale_ends_at)
WHERE r.variant_id = n.variant_id AND r.currency = n.currency
"""
_TOUCH = "UPDATE products SET updated_at = now() WHERE id = ANY ($1::uuid[])"


class Shelf(msgspec.Struct, frozen=True):
    """What can be changed of a product here."""

    archived_at: datetime | None
    category: str
    vendor: str | None
    featured: bool
    tags: list[str]


class Changed(msgspec.Struct, frozen=True):
    """A product that is not what it was: the fields that differ, before and after."""

    slug: str
    before: dict[str, Any]
    after: dict[str, Any]


class Refused(msgspec.Struct, frozen=True):
    """A product that stood in the way."""

    product: str
    code: str
    detail: str


class _Found(msgspec.Struct, frozen=True):
    id: UUID
    slug: str
    category_archived: bool
    shelf: Shelf


class _Repriced(msgspec.Struct, frozen=True):
    variant: VariantId
    sku: str
    was: PriceRecord
    now: PriceRecord


async def change(writer: Writer, slugs: Sequence[str], wanted: Mapping[str, Any]) -> list[Changed]:
    """Bring all these products to what is `wanted`; those that are not so already.

    Raises: Refusal `bulk_refused` with `refused: [{product, code, detail}]`; `category_unknown`, `vendor_unknown`,
    `tag_unknown`, `archived` for what is wanted of all.
    """
    await writer.exec_driver_sql(_LOCK, (slugs,))
    category = await tree.into(writer, wanted["category"]) if "category" in wanted else None
    vendor = await _vendor(writer, wanted.get("vendor"))
    given = await living(writer, tags, wanted["add_tags"], "tag", "tags")
    await writer.exec_driver_sql(_LOCK_CATEGORIES, (slugs,))
    found = {row.slug: _found(row) for row in await writer.exec_driver_sql(_READ, (slugs,))}
    refused = [why for slug in slugs if (why := _obstacle(slug, found.get(slug), wanted))]
    repriced, too_dear = await _reprice(writer, [each.id for each in found.values()], wanted)
    refused += [
        Refused(each.slug, "price_too_high", f"Nothing costs more than {DEAREST} minor units.")
        for each in found.values() if each.id in too_dear
    ]  # fmt: skip
    if refused:
        told = f"{len({each.product for each in refused})} of {len(slugs)} products stand in the way: nothing is done."
        raise Refusal("bulk_refused", told, refused=[msgspec.to_builtins(each) for each in refused])

    now = {slug: _wished(found[slug].shelf, wanted) for slug in slugs}
    moving = [found[slug].id for slug in slugs if found[slug].shelf != now[slug]]
    values = {
        name: value for name, value in (
            ("category_id", category), ("vendor_id", vendor), ("featured", wanted.get("featured")),
        ) if name.removesuffix("_id") in wanted
    }  # fmt: skip
    if "archived" in wanted:
        since = sa.func.coalesce(products.c.archived_at, clock.now()) if wanted["archived"] else None
        values["archived_at"] = since
    if moving:
        stamped = sa.update(products).where(products.c.id.in_(moving)).values(**values, updated_at=sa.func.now())
        await writer.execute(stamped)
        await writer.exec_driver_sql(_TAG, (moving, list(given.values())))
        await writer.exec_driver_sql(_UNTAG, (moving, wanted["remove_tags"]))
    await _set_prices(writer, repriced)
    after = {row.slug: _found(row).shelf for row in await writer.exec_driver_sql(_READ, (slugs,))}
    return [
        changed for slug in slugs
        if (changed := _told(slug, found[slug].shelf, after[slug], repriced.get(found[slug].id, [])))
    ]  # fmt: skip


def _obstacle(slug: str, found: _Found | None, wanted: Mapping[str, Any]) -> Refused | None:
    """Why a product cannot become what is wanted; None: it can."""
    if found is None:
        return Refused(slug, "product_not_found", f"There is no product {slug!r}.")
    if found.shelf.archived_at is None or (wanted.get("archived") and _only_archives(wanted)):
        return None
    if wanted.get("archived") is not False:
        return Refused(slug, "archived", "It is archived: restore it first, or in the same request.")
    if found.category_archived and "category" not in wanted:
        return Refused(slug, "archived", f"Its category {found.shelf.category!r} is archived.")
    return None


def _only_archives(wanted: Mapping[str, Any]) -> bool:
    return {name for name, value in wanted.items() if value != []} == {"archived"}


def _wished(was: Shelf, wanted: Mapping[str, Any]) -> Shelf:
    """What a product shall be."""
    plain = {name: wanted[name] for name in ("category", "vendor", "featured") if name in wanted}
    if "archived" in wanted:
        plain["archived_at"] = (was.archived_at or clock.now()) if wanted["archived"] else None
    given = sorted((set(was.tags) | set(wanted["add_tags"])) - set(wanted["remove_tags"]))
    return msgspec.structs.replace(was, tags=given, **plain)


async def _vendor(writer: Writer, slug: str | None) -> UUID | None:
    return (await living(writer, vendors, [slug], "vendor", "vendors"))[slug] if slug else None


async def _reprice(
    writer: Writer, ids: list[UUID], wanted: Mapping[str, Any]
) -> tuple[dict[UUID, list[_Repriced]], set[UUID]]:
    """By product, the prices that become others, and the products of which one would be too high."""
    shift, sale = wanted.get("prices"), wanted.get("sale", msgspec.UNSET)
    steps: list[tuple[str | None, Callable[[PriceRecord], PriceRecord]]] = []
    if isinstance(shift, PriceShift):
        steps.append((shift.currency, shift.of))
    if isinstance(sale, SaleOff):
        steps.append((sale.currency, sale.of))
    elif sale is None:
        steps.append((None, without_sale))
    if not steps:
        return {}, set()
    found: dict[UUID, list[_Repriced]] = {}
    too_dear = set()
    for row in await writer.exec_driver_sql(_PRICES, (ids,)):
        product, now = plain_uuid(row.product_id), (was := _price(row))
        try:
            for currency, step in steps:
                now = step(now) if currency in (None, row.currency) else now
        except OverflowError:
            too_dear.add(product)
        if now != was:
            found.setdefault(product, []).append(_Repriced(VariantId(plain_uuid(row.id)), row.sku, was, now))
    return found, too_dear


async def _set_prices(writer: Writer, repriced: Mapping[UUID, Iterable[_Repriced]]) -> None:
    if not repriced:
        return
    rows = [
        (
            each.variant, each.now.price.currency, each.now.price.amount,
            each.now.compare_at_price and each.now.compare_at_price.amount,
            sale and sale.price.amount, sale and sale.starts_at, sale and sale.ends_at,
        )
        for prices in repriced.values() for each in prices for sale in (each.now.sale,)
    ]  # fmt: skip
    await writer.exec_driver_sql(_SET_PRICES, tuple(list(column) for column in zip(*rows, strict=True)))
    await writer.exec_driver_sql(_TOUCH, (list(repriced),))


def _told(slug: str, was: Shelf, now: Shelf, repriced: Sequence[_Repriced]) -> Changed | None:
    """What became other; None: nothing."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name in Shelf.__struct_fields__:
        if getattr(was, name) != getattr(now, name):
            before[name], after[name] = getattr(was, name), getattr(now, name)
    for each in repriced:
        before.setdefault("prices", {}).setdefault(each.sku, []).append(each.was)
        after.setdefault("prices", {}).setdefault(each.sku, []).append(each.now)
    return Changed(slug, before, after) if after else None


def _found(row: Any) -> _Found:
    shelf = Shelf(row.archived_at, row.category, row.vendor, row.featured, list(row.tags))
    return _Found(plain_uuid(row.id), row.slug, row.category_archived, shelf)


def _price(row: Any) -> PriceRecord:
    kind = row.currency
    sale = None if row.sale_amount is None else SaleWindow(
        Money(row.sale_amount, kind), row.sale_starts_at, row.sale_ends_at
    )  # fmt: skip
    return PriceRecord(Money(row.amount, kind), None if row.compare_at is None else Money(row.compare_at, kind), sale)
