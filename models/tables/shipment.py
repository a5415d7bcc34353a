"""Parcels: which units of which position left, from where and with whom. No unit is sent twice, whoever asks."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database, Writer
from models.ids import LocationId, OrderId, VariantId
from models.order import FulfilmentStatus, OrderStatus
from models.payment import PaymentStatus
from models.position import Position, Taken
from models.shipment import ShipItem, Shipment
from models.tables.base import key, metadata, moment, now_column, plain_uuid, reference

shipments = sa.Table(
    "shipments", metadata,
    key(),
    reference("order_id", "orders.id"),
    sa.Column("n", sa.Integer, nullable=False, comment="counts the parcels of the order, from 1"),
    reference("location_id", "locations.id"),
    sa.Column("carrier", sa.Text, nullable=False),
    sa.Column("tracking", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    now_column("shipped_at"),
    moment("delivered_at", nullable=True),
    sa.UniqueConstraint("order_id", "n"),
    sa.CheckConstraint("n > 0", name="counted_from_one"),
)  # fmt: skip

shipment_lines = sa.Table(
    "shipment_lines", metadata,
    sa.Column("shipment_id", pg.UUID(as_uuid=True), sa.ForeignKey("shipments.id"), primary_key=True),
    sa.Column("order_line_id", pg.UUID(as_uuid=True), sa.ForeignKey("order_lines.id"), primary_key=True, index=True),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.CheckConstraint("quantity > 0", name="quantity_positive"),
)  # fmt: skip


class Standing(msgspec.Struct, frozen=True):
    """Where an order stands, its row locked."""

    status: OrderStatus
    payment: PaymentStatus
    fulfilment: FulfilmentStatus
    attention: bool


_LOCK = """
SELECT o.status, o.fulfilment_status, p.status AS payment, o.attention IS NOT NULL AS attention
FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.id = $1 FOR NO KEY UPDATE OF o
"""
_LEFT = """
SELECT id, variant_id, sku, quantity - shipped - cancelled AS left
FROM order_lines WHERE order_id = $1 ORDER BY position
"""
_SENT = "SELECT EXISTS (SELECT FROM shipments WHERE order_id = $1 AND n = $2)"
_SEND = """
WITH parcel AS (
    INSERT INTO shipments (id, order_id, n, location_id, carrier, tracking, actor)
    VALUES ($1::uuid, $2::uuid, $3, $4::uuid, $5, $6, $7)
), content AS (SELECT * FROM unnest($8::uuid[], $9::int[]) AS c (line_id, quantity)),
counted AS (
    UPDATE order_lines l SET shipped = l.shipped + c.quantity FROM content c WHERE l.id = c.line_id
)
INSERT INTO shipment_lines (shipment_id, order_line_id, quantity) SELECT $1, line_id, quantity FROM content
"""
_ARRIVE = """
UPDATE shipments SET delivered_at = now()
WHERE order_id = $1 AND delivered_at IS NULL AND ($2::int IS NULL OR n = $2) RETURNING n
"""
_UNDERWAY = "SELECT count(*) FROM shipments WHERE order_id = $1 AND delivered_at IS NULL"
_ALL = """
SELECT s.n, s.carrier, s.tracking, s.shipped_at, s.delivered_at, o.code,
       (SELECT jsonb_agg(jsonb_build_object('sku', l.sku, 'quantity', c.quantity) ORDER BY l.position)
        FROM shipment_lines c JOIN order_lines l ON l.id = c.order_line_id WHERE c.shipment_id = s.id) AS items
FROM shipments s JOIN locations o ON o.id = s.location_id WHERE s.order_id = $1 ORDER BY s.n
"""
_PLACES = "SELECT id, code FROM locations WHERE id = ANY ($1::uuid[])"
_PLACE = "SELECT id FROM locations WHERE code = $1"

_items = msgspec.json.Decoder(tuple[ShipItem, ...]).decode


async def lock(writer: Writer, order: OrderId) -> Standing:
    """Where an order stands; nobody else moves it to the end of the transaction."""
    row = (await writer.exec_driver_sql(_LOCK, (order,))).one()
    return Standing(
        OrderStatus(row.status), PaymentStatus(row.payment), FulfilmentStatus(row.fulfilment_status), row.attention
    )


async def is_sent(writer: Writer, order: OrderId, n: int) -> bool:
    """Whether the order's `n`-th parcel has left already."""
    return bool((await writer.exec_driver_sql(_SENT, (order, n))).scalar())


async def left(writer: Writer, order: OrderId) -> list[Position]:
    """Every position, and how much of it is still to be sent."""
    rows = await writer.exec_driver_sql(_LEFT, (order,))
    return [Position(plain_uuid(row.id), VariantId(plain_uuid(row.variant_id)), row.sku, row.left) for row in rows]


async def send(
    writer: Writer, shipment: UUID, order: OrderId, n: int, location: LocationId, carrier: str, tracking: str,
    actor: str, packed: Taken,
) -> None:  # fmt: skip
    """Write a parcel down, and count its units off the order's positions."""
    content = [line.line for line, _ in packed], [units for _, units in packed]
    await writer.exec_driver_sql(_SEND, (shipment, order, n, location, carrier, tracking, actor, *content))


async def arrive(writer: Writer, order: OrderId, n: int | None) -> list[int]:
    """One parcel arrived, or (None) all that are under way; the numbers of those that had not before."""
    return sorted(row.n for row in await writer.exec_driver_sql(_ARRIVE, (order, n)))


async def underway(writer: Writer, order: OrderId) -> int:
    """How many parcels have not arrived yet."""
    count: int = (await writer.exec_driver_sql(_UNDERWAY, (order,))).scalar_one()
    return count


_NEVER = "UPDATE order_lines SET cancelled = quantity - shipped WHERE order_id = $1"


async def call_off(writer: Writer, order: OrderId) -> None:
    """What is left of an order will never be sent."""
    await writer.exec_driver_sql(_NEVER, (order,))


async def place(writer: Writer, code: str) -> LocationId | None:
    """The location of this code; None: there is none."""
    found = (await writer.exec_driver_sql(_PLACE, (code,))).scalar()
    return None if found is None else LocationId(plain_uuid(found))


async def codes(writer: Writer, places: Sequence[LocationId]) -> dict[LocationId, str]:
    """What people call these locations."""
    rows = await writer.exec_driver_sql(_PLACES, (list(places),))
    return {LocationId(plain_uuid(row.id)): row.code for row in rows}


async def of_order(database: Database, order: OrderId) -> list[Shipment]:
    """The parcels of an order, in their order."""
    return [_shipment(row) for row in await database.fetch(_ALL, order)]


def _shipment(row: Any) -> Shipment:
    return Shipment(
        row["n"], row["carrier"], row["tracking"], _items(row["items"]), row["shipped_at"], row["delivered_at"],
        row["code"],
    )  # fmt: skip
