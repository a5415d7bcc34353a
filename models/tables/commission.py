"""What the shop keeps of what vendors sell: rules, of which the most specific counts."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.commission import Rule, Terms
from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.ids import new_id
from models.tables.base import currency, key, metadata, minor_units, newest_first, now_column, plain_uuid, reference
from models.tables.category import categories
from models.tables.vendor import vendors
from models.vendor import CommissionRule

commission_rules = sa.Table(
    "commission_rules", metadata,
    key(),
    reference("vendor_id", "vendors.id", nullable=True, comment="null: of whatever vendor"),
    reference("category_id", "categories.id", nullable=True, index=True,
              comment="with all that stands in it; null: of whatever category"),
    currency(nullable=True, comment="null: in whatever currency"),
    sa.Column("ppm", sa.Integer, nullable=False, comment="of what the goods cost without tax"),
    minor_units("fixed", server_default="0", comment="besides, a position"),
    now_column(),
    sa.UniqueConstraint("vendor_id", "category_id", "currency", postgresql_nulls_not_distinct=True),
    sa.CheckConstraint("ppm BETWEEN 0 AND 1000000 AND fixed >= 0", name="keeps_a_part"),
    sa.CheckConstraint("fixed = 0 OR currency IS NOT NULL", name="fixed_in_a_currency"),
)  # fmt: skip

_r = commission_rules.c
_QUERY = sa.select(
    _r.id, vendors.c.slug.label("vendor"), categories.c.slug.label("category"), _r.currency, _r.ppm, _r.fixed,
    _r.created_at,
).outerjoin(vendors, vendors.c.id == _r.vendor_id).outerjoin(categories, categories.c.id == _r.category_id)  # fmt: skip


async def listed(
    database: Database, limit: int, after: Cursor | None, vendor: str | None = None
) -> list[CommissionRule]:
    """Newest first; those that name this vendor."""
    query = _QUERY.where(vendors.c.slug == vendor) if vendor is not None else _QUERY
    async with database.reading() as reader:
        rows = await reader.execute(newest_first(query, _r.created_at, _r.id, limit, after))
        return [_told(row) for row in rows]


async def find(reader: Reader, rule: UUID) -> CommissionRule | None:
    """One rule."""
    row = (await reader.execute(_QUERY.where(_r.id == rule))).one_or_none()
    return None if row is None else _told(row)


async def lock(writer: Writer, rule: UUID) -> CommissionRule | None:
    """One rule, which nobody else changes to the end of the transaction."""
    await writer.execute(sa.select(_r.id).where(_r.id == rule).with_for_update())
    return await find(writer, rule)


async def insert(
    writer: Writer, vendor: UUID | None, category: UUID | None, kind: str | None, ppm: int, fixed: int
) -> CommissionRule:
    """A new rule. Raises: Refusal `commission_rule_exists`."""
    new = pg.insert(commission_rules).values(
        id=new_id(), vendor_id=vendor, category_id=category, currency=kind, ppm=ppm, fixed=fixed
    )
    made = (await writer.execute(new.on_conflict_do_nothing().returning(_r.id))).scalar()
    if made is None:
        raise Refusal("commission_rule_exists", "There is a rule for exactly this already: change that one.")
    found = await find(writer, plain_uuid(made))
    assert found is not None
    return found


async def change(writer: Writer, rule: UUID, values: Mapping[str, Any]) -> None:
    """Other terms from now on; what was sold before keeps its own."""
    await writer.execute(sa.update(commission_rules).where(_r.id == rule).values(**values))


async def remove(writer: Writer, rule: UUID) -> None:
    """It counts no more for what is sold from now on."""
    await writer.execute(sa.delete(commission_rules).where(_r.id == rule))


async def all_rules(reader: Reader) -> Sequence[Rule]:
    """Every rule, as `terms_for` takes them."""
    rows = await reader.exec_driver_sql("SELECT vendor_id, category_id, currency, ppm, fixed FROM commission_rules")
    return [
        Rule(
            Terms(row.ppm, row.fixed), plain_uuid(row.vendor_id) if row.vendor_id else None,
            plain_uuid(row.category_id) if row.category_id else None, row.currency,
        )
        for row in rows
    ]  # fmt: skip


def _told(row: Any) -> CommissionRule:
    return CommissionRule(
        plain_uuid(row.id), row.vendor, row.category, row.currency, row.ppm, row.fixed, row.created_at
    )
