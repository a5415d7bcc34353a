"""Stock as staff look it up: what lies where, what moved it, and what is running out."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor
from models.database import Database, Reader
from models.ids import LocationId, OrderNumber, VariantId
from models.inventory import Movement
from models.stock import LevelRecord, LowStock, MovementRecord, StockCard, StockSheet, suggested
from models.tables import backorder as backorders
from models.tables.base import newest_first, plain_uuid
from models.tables.catalog import products, variants
from models.tables.inventory import levels, movements, stock
from models.tables.location import locations
from models.tables.order import orders

LAST = 20
"""Movements on the sheet of a variant."""

_AVAILABLE = levels.c.on_hand - levels.c.held
_LOW = levels.c.reorder_point > _AVAILABLE
_GOODS = sa.join(variants, products, products.c.id == variants.c.product_id)
_NAMED = (variants.c.id, variants.c.created_at, variants.c.sku, products.c.slug.label("product"), products.c.name)
_LEVELS = sa.select(
    levels.c.variant_id, locations.c.code, levels.c.on_hand, levels.c.held, levels.c.reorder_point,
    levels.c.reorder_quantity,
).join(locations, locations.c.id == levels.c.location_id).order_by(levels.c.variant_id, locations.c.priority,
                                                                   locations.c.code)  # fmt: skip
_MOVED = (
    sa.select(
        movements.c.id, movements.c.at, variants.c.sku, locations.c.code.label("location"), movements.c.kind,
        movements.c.on_hand, movements.c.held, orders.c.number.label("order"), movements.c.operation,
        movements.c.actor, movements.c.reason,
    )
    .join(variants, variants.c.id == movements.c.variant_id)
    .join(locations, locations.c.id == movements.c.location_id)
    .outerjoin(orders, orders.c.id == movements.c.order_id)
    .order_by(movements.c.id.desc())
)  # fmt: skip

Placed = tuple[Cursor, Any]
"""An item and its place in the list."""


class Sought(msgspec.Struct, frozen=True):
    """What a list of stock is narrowed to; None: to nothing."""

    words: str | None = None
    """In the SKU or the product's name."""
    sku: str | None = None
    location: LocationId | None = None
    low: bool | None = None


async def listed(
    database: Database, limit: int, after: Cursor | None, sought: Sought
) -> list[tuple[Cursor, StockCard]]:
    """Variants, newest first, with what lies of each at the location, or at all of them."""
    there = levels.alias()
    low = _low_somewhere(sought.location)
    numbers: sa.FromClause = stock if sought.location is None else there
    on = numbers.c.variant_id == variants.c.id
    source = (
        sa.outerjoin(_GOODS, stock, on) if sought.location is None
        else sa.join(_GOODS, there, on & (there.c.location_id == sought.location))
    )  # fmt: skip
    on_hand, held = (sa.func.coalesce(numbers.c[name], 0).label(name) for name in ("on_hand", "held"))
    query = sa.select(*_NAMED, on_hand, held, low.label("low")).select_from(source)
    if sought.words is not None:
        query = query.where(
            variants.c.sku.icontains(sought.words, autoescape=True)
            | products.c.name.icontains(sought.words, autoescape=True)
        )
    if sought.sku is not None:
        query = query.where(variants.c.sku == sought.sku)
    if sought.low is not None:
        query = query.where(low if sought.low else ~low)
    async with database.reading() as reader:
        rows = await reader.execute(newest_first(query, variants.c.created_at, variants.c.id, limit, after))
        return [
            (_place(row), StockCard(row["sku"], row["product"], row["name"], row["on_hand"], row["held"],
                                    row["on_hand"] - row["held"], row["low"]))
            for row in rows.mappings()
        ]  # fmt: skip


async def variant_of(reader: Reader, sku: str) -> VariantId | None:
    """The variant that people know by `sku`."""
    found = (await reader.execute(sa.select(variants.c.id).where(variants.c.sku == sku))).scalar()
    return None if found is None else VariantId(plain_uuid(found))


async def sheet(reader: Reader, sku: str) -> StockSheet | None:
    """All about one variant's stock."""
    row = (await reader.execute(sa.select(*_NAMED).select_from(_GOODS).where(variants.c.sku == sku))).mappings().first()
    if row is None:
        return None
    mine = [_level(each) for each in (await reader.execute(_LEVELS.where(levels.c.variant_id == row["id"]))).mappings()]
    last = await reader.execute(_MOVED.where(movements.c.variant_id == row["id"]).limit(LAST))
    on_hand, held = sum(each.on_hand for each in mine), sum(each.held for each in mine)
    return StockSheet(
        sku,
        row["product"],
        row["name"],
        on_hand,
        held,
        on_hand - held,
        await backorders.terms(reader, VariantId(plain_uuid(row["id"]))),
        mine,
        [_moved(each) for each in last.mappings()],
    )


async def ledger(
    database: Database, limit: int, after: Cursor | None, sku: str | None, location: LocationId | None,
    order: OrderNumber | None, kinds: Collection[Movement] = (),
) -> list[MovementRecord]:  # fmt: skip
    """What moved, newest first; `kinds`: only by such movements, none: by any."""
    query = _MOVED.limit(limit)
    if after is not None:
        query = query.where(movements.c.id < after.id)
    if sku is not None:
        query = query.where(
            movements.c.variant_id == sa.select(variants.c.id).where(variants.c.sku == sku).scalar_subquery()
        )
    if location is not None:
        query = query.where(movements.c.location_id == location)
    if order is not None:
        query = query.where(
            movements.c.order_id == sa.select(orders.c.id).where(orders.c.number == order).scalar_subquery()
        )
    if kinds:
        query = query.where(movements.c.kind.in_(kinds))
    async with database.reading() as reader:
        return [_moved(row) for row in (await reader.execute(query)).mappings()]


async def running_out(
    database: Database, limit: int, after: Cursor | None, location: LocationId | None
) -> list[tuple[Cursor, LowStock]]:
    """Variants of which fewer are available somewhere than the reorder point there, newest first."""
    query = sa.select(*_NAMED).select_from(_GOODS).where(_low_somewhere(location), variants.c.archived_at.is_(None))
    async with database.reading() as reader:
        rows = (
            (await reader.execute(newest_first(query, variants.c.created_at, variants.c.id, limit, after)))
            .mappings()
            .all()
        )
        low = _LEVELS.where(_LOW, levels.c.variant_id.in_([row["id"] for row in rows]))
        if location is not None:
            low = low.where(levels.c.location_id == location)
        found: dict[UUID, list[LevelRecord]] = {}
        for each in (await reader.execute(low)).mappings():
            found.setdefault(each["variant_id"], []).append(_level(each))
    return [(_place(row), LowStock(row["sku"], row["product"], row["name"], found.get(row["id"], []))) for row in rows]


def _low_somewhere(location: LocationId | None) -> sa.ColumnElement[bool]:
    here = sa.select(sa.literal(1)).where(levels.c.variant_id == variants.c.id, _LOW)
    if location is not None:
        here = here.where(levels.c.location_id == sa.literal(location, pg.UUID(as_uuid=True)))
    return sa.exists(here.correlate(variants))


def _place(row: Any) -> Cursor:
    return Cursor(row["created_at"], plain_uuid(row["id"]))


def _level(row: Any) -> LevelRecord:
    available, point, quantity = row["on_hand"] - row["held"], row["reorder_point"], row["reorder_quantity"]
    return LevelRecord(
        row["code"], row["on_hand"], row["held"], available, point, quantity, suggested(available, point, quantity)
    )


def _moved(row: Any) -> MovementRecord:
    told = {name: row[name] for name in MovementRecord.__struct_fields__}
    return msgspec.convert({**told, "id": plain_uuid(row["id"])}, MovementRecord)
