"""Units that are sold before they are here: promised for a day, and held for their order as soon as they come in.

Whoever brings units in has them filled by a trigger on `stock`, at the end of the same transaction, the oldest first.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Reader, Writer
from models.ids import OrderId, VariantId
from models.stock import Backorder
from models.tables.base import metadata, moment, now_column, plain_uuid, reference

backorders = sa.Table(
    "backorders", metadata,
    reference("order_id", "orders.id", primary_key=True),
    sa.Column("variant_id", pg.UUID(as_uuid=True), sa.ForeignKey("variants.id"), primary_key=True),
    sa.Column("quantity", sa.Integer, nullable=False, comment="units that were not here when they were sold"),
    sa.Column("filled", sa.Integer, nullable=False, server_default="0", comment="came since, and are held for it"),
    sa.Column("given_up", sa.Integer, nullable=False, server_default="0", comment="will never be needed"),
    moment("promised_at", comment="by when its buyer was told that they are sent"),
    now_column(),
    sa.CheckConstraint(
        "quantity > 0 AND filled >= 0 AND given_up >= 0 AND filled + given_up <= quantity", name="filled_once"
    ),
    sa.Index("ix_backorders_waiting", "variant_id", "created_at",
             postgresql_where=sa.text("quantity > filled + given_up")),
)  # fmt: skip


class Room(msgspec.Struct, frozen=True):
    """What of a variant can be sold beyond what is here."""

    sku: str
    units: int
    within: timedelta


class Waiting(msgspec.Struct, frozen=True):
    """What an order still waits for."""

    sku: str
    quantity: int
    promised_at: datetime


_ROOM = """
SELECT s.variant_id, v.sku, greatest(s.backorder_limit - s.backordered, 0) AS units, s.backorder_days
FROM stock s JOIN variants v ON v.id = s.variant_id WHERE s.variant_id = ANY ($1) ORDER BY 1 FOR UPDATE OF s
"""
_PROMISE = """
WITH new AS (SELECT * FROM unnest($2::uuid[], $3::int[], $4::timestamptz[]) AS n (variant_id, quantity, promised_at)),
written AS (
    INSERT INTO backorders (order_id, variant_id, quantity, promised_at)
    SELECT $1::uuid, variant_id, quantity, promised_at FROM new
)
UPDATE stock s SET backordered = s.backordered + new.quantity FROM new WHERE s.variant_id = new.variant_id
"""
_LOCK = "SELECT FROM backorders WHERE order_id = $1 ORDER BY variant_id FOR UPDATE"
_LOCK_LEVELS = """
SELECT FROM stock_levels WHERE variant_id IN (
    SELECT variant_id FROM backorders WHERE order_id = $1 UNION SELECT variant_id FROM stock_holds WHERE order_id = $1
) ORDER BY variant_id, location_id FOR UPDATE
"""
_GIVE_UP = """
WITH gone AS (
    UPDATE backorders SET given_up = quantity - filled WHERE order_id = $1 AND quantity > filled + given_up
    RETURNING variant_id, new.given_up - old.given_up AS units
)
UPDATE stock s SET backordered = s.backordered - gone.units FROM gone WHERE s.variant_id = gone.variant_id
"""
_WAITING = """
SELECT v.sku, b.quantity - b.filled - b.given_up AS quantity, b.promised_at
FROM backorders b JOIN variants v ON v.id = b.variant_id
WHERE b.order_id = $1 AND b.quantity > b.filled + b.given_up ORDER BY v.sku
"""
_PROMISED = "SELECT max(promised_at) FROM backorders WHERE order_id = $1 AND given_up < quantity"


async def room(writer: Writer, variants: Collection[VariantId]) -> dict[VariantId, Room]:
    """What can be sold of these beyond what is here; nobody else sells them to the end of the transaction."""
    rows: Any = await writer.exec_driver_sql(_ROOM, (list(variants),))
    return {
        VariantId(plain_uuid(row.variant_id)): Room(row.sku, row.units, timedelta(days=row.backorder_days))
        for row in rows
    }


async def promise(
    writer: Writer, order: OrderId, missing: Mapping[VariantId, int], by: Mapping[VariantId, datetime]
) -> None:
    """Sell units that are not here yet; their room is locked."""
    await writer.exec_driver_sql(
        _PROMISE, (order, list(missing), list(missing.values()), [by[variant] for variant in missing])
    )


async def lock(writer: Writer, order: OrderId) -> None:
    """Nothing is filled for an order to the end of the transaction."""
    await writer.exec_driver_sql(_LOCK, (order,))


async def lock_levels(writer: Writer, order: OrderId) -> None:
    """Levels of what an order waits for or holds, as whoever brings units in has them: so nobody fills it meanwhile."""
    await writer.exec_driver_sql(_LOCK_LEVELS, (order,))


async def give_up(writer: Writer, order: OrderId) -> None:
    """An order waits for nothing any more; again: changes nothing.

    Before what it holds is released, which fills others.
    """
    await lock_levels(writer, order)
    await writer.exec_driver_sql(_GIVE_UP, (order,))


async def fill(writer: Writer) -> None:
    """What came in so far is held for who waits for it now, and not at the end of the transaction."""
    await writer.exec_driver_sql("SET CONSTRAINTS filled IMMEDIATE")


async def waiting(reader: Reader, order: OrderId) -> list[Waiting]:
    """What an order still waits for."""
    return [Waiting(row.sku, row.quantity, row.promised_at) for row in await reader.exec_driver_sql(_WAITING, (order,))]


async def promised(reader: Reader, order: OrderId) -> datetime | None:
    """By when the last is sent of what was not here when it was sold; None: nothing of that is to be sent any more."""
    found: datetime | None = (await reader.exec_driver_sql(_PROMISED, (order,))).scalar_one()
    return found


_TERMS = "SELECT backorder_limit, backorder_days, backordered FROM stock WHERE variant_id = $1"
_BEGIN = "INSERT INTO stock (variant_id, on_hand) VALUES ($1, 0) ON CONFLICT DO NOTHING"
_ALLOW = "UPDATE stock SET backorder_limit = $2, backorder_days = $3 WHERE variant_id = $1"


async def terms(reader: Reader, variant: VariantId, lock: bool = False) -> Backorder:
    """How far a variant is sold beyond what is here; with `lock` nobody else changes that meanwhile."""
    row = (await reader.exec_driver_sql(_TERMS + (" FOR UPDATE" if lock else ""), (variant,))).first()
    return Backorder(0, 0, 0) if row is None else Backorder(*tuple(row))


async def allow(writer: Writer, variant: VariantId, limit: int, days: int) -> None:
    """So many units may be waited for, which are sent within so many days; 0: what is here is all that is sold."""
    await writer.exec_driver_sql(_BEGIN, (variant,))
    await writer.exec_driver_sql(_ALLOW, (variant, limit, days))
