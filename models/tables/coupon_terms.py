"""Coupons as staff make, find, change and withdraw them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.coupon_terms import CouponReport, CouponTerms, CouponUse
from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.ids import CouponId, new_id
from models.money import Money
from models.tables.base import newest_first, plain_uuid
from models.tables.catalog import categories, products
from models.tables.coupon import coupon_redemptions as redemptions
from models.tables.coupon import coupons


def _slugs(table: sa.Table, ids: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.array(
        sa.select(table.c.slug).where(table.c.id == sa.any_(ids)).order_by(table.c.slug).scalar_subquery()
    )


_COLUMNS: list[Any] = [
    *coupons.c,
    _slugs(products, coupons.c.product_ids).label("products"),
    _slugs(categories, coupons.c.category_ids).label("categories"),
]
_VALID = (
    coupons.c.archived_at.is_(None)
    & (coupons.c.starts_at <= sa.func.now())
    & sa.func.coalesce(coupons.c.ends_at > sa.func.now(), True)
    & sa.func.coalesce(coupons.c.redeemed < coupons.c.max_redemptions, True)
)


async def listed(
    database: Database, limit: int, words: str | None, active: bool | None, archived: bool, after: Cursor | None
) -> list[tuple[CouponId, CouponTerms]]:
    """Newest first: of which code or description contain `words`, which can (or cannot) be used now."""
    query = sa.select(*_COLUMNS).where(
        coupons.c.archived_at.is_not(None) if archived else coupons.c.archived_at.is_(None)
    )
    if words is not None:
        query = query.where(
            coupons.c.code.icontains(words, autoescape=True) | coupons.c.description.icontains(words, autoescape=True)
        )
    if active is not None:
        query = query.where(_VALID if active else ~_VALID)
    async with database.reading() as reader:
        rows = await reader.execute(newest_first(query, coupons.c.created_at, coupons.c.id, limit, after))
        return [(CouponId(plain_uuid(row["id"])), _terms(row)) for row in rows.mappings()]


async def find(database: Database, code: str) -> CouponReport | None:
    """One coupon, also an archived one, with its use."""
    async with database.reading() as reader:
        row = (await reader.execute(sa.select(*_COLUMNS).where(coupons.c.code == code))).mappings().one_or_none()
        if row is None:
            return None
        used = redemptions.c.coupon_id == row["id"]
        counts = await reader.execute(
            sa.select(redemptions.c.status, redemptions.c.currency, sa.func.count(), sa.func.sum(redemptions.c.amount))
            .where(used).group_by(redemptions.c.status, redemptions.c.currency).order_by(redemptions.c.currency)
        )  # fmt: skip
        tally = {"held": 0, "committed": 0, "released": 0}
        given = []
        for status, currency, count, amount in counts:
            tally[status] += count
            if status == "committed":
                given.append(Money(int(amount), currency))
        return CouponReport(**msgspec.structs.asdict(_terms(row)), use=CouponUse(**tally, discounts=given))


async def lock(writer: Writer, code: str) -> CouponTerms | None:
    """One coupon, which nobody else changes and no order uses up to the end of the transaction."""
    # Two statements: one that had to wait for the lock would see the row's slugs as they were before it waited.
    await writer.execute(sa.select(coupons.c.id).where(coupons.c.code == code).with_for_update(key_share=True))
    return await _one(writer, code)


async def create(writer: Writer, codes: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """Coupons of the same terms, one a code; those whose code is taken are left out. Returns the codes made.

    Raises: Refusal `coupon_scope_unknown`.
    """
    row = await _row(writer, values)
    rows = [{**row, "id": new_id(), "code": code} for code in codes]
    made = await writer.execute(pg.insert(coupons).values(rows).on_conflict_do_nothing().returning(coupons.c.code))
    return list(made.scalars())


async def change(writer: Writer, code: str, values: Mapping[str, Any]) -> CouponTerms:
    """Give a locked coupon other terms. Raises: Refusal `coupon_scope_unknown`."""
    row = await _row(writer, values)
    await writer.execute(sa.update(coupons).where(coupons.c.code == code).values(**row, updated_at=sa.func.now()))
    return await read(writer, code)


async def move(writer: Writer, code: str, archived: bool) -> CouponTerms:
    """Withdraw a locked coupon, or let it be used again."""
    at = sa.func.now() if archived else None
    await writer.execute(
        sa.update(coupons).where(coupons.c.code == code).values(archived_at=at, updated_at=sa.func.now())
    )
    return await read(writer, code)


async def read(writer: Writer, code: str) -> CouponTerms:
    """A coupon that there is."""
    found = await _one(writer, code)
    assert found is not None
    return found


async def _row(writer: Writer, values: Mapping[str, Any]) -> dict[str, Any]:
    """Terms as the table keeps them."""
    row = dict(values)
    for name in ("amounts", "min_subtotals"):
        if row.get(name) is not None:
            row[name] = {each.currency: each.amount for each in row[name]}
    if row.get("amounts") is not None:
        row |= {"kind": "fixed", "ppm": None}
    elif row.get("ppm") is not None:
        row |= {"kind": "percentage", "amounts": None}
    unknown: dict[str, list[str]] = {}
    for name, table, column in (("products", products, "product_ids"), ("categories", categories, "category_ids")):
        if name in row:
            row[column], missing = await _ids(writer, table, row.pop(name))
            if missing:
                unknown[name] = missing
    if unknown:
        raise Refusal("coupon_scope_unknown", "Some of these products or categories do not exist.", **unknown)
    return row


async def _ids(writer: Writer, table: sa.Table, slugs: Sequence[str]) -> tuple[list[UUID], list[str]]:
    """Their ids, and the slugs that nothing is called by."""
    if not slugs:
        return [], []
    rows = await writer.execute(sa.select(table.c.slug, table.c.id).where(table.c.slug.in_(slugs)))
    known = {row.slug: plain_uuid(row.id) for row in rows}
    return list(known.values()), sorted(set(slugs) - known.keys())


async def _one(reader: Reader, code: str) -> CouponTerms | None:
    row = (await reader.execute(sa.select(*_COLUMNS).where(coupons.c.code == code))).mappings().one_or_none()
    return None if row is None else _terms(row)


def _terms(row: Any) -> CouponTerms:
    named = {name: row[name] for name in CouponTerms.__struct_fields__}
    for name in ("amounts", "min_subtotals"):
        if named[name] is not None:
            named[name] = [Money(amount, currency) for currency, amount in sorted(named[name].items())]
    return CouponTerms(**named)
