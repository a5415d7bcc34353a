"""Stock levels, what orders hold of them, and the ledger of movements. Overselling is refused here, whoever asks.

A level is a variant at a location, and the truth. `stock` is the sum of a variant's levels, which readers read;
triggers keep it. Goods leave when they leave: an order holds its units until they are sent, or are not to be.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models import clock
from models.address import Address
from models.allocation import Place, Portion, Rule, Shelf, fewest_parcels
from models.database import Reader, Writer
from models.errors import Refusal
from models.ids import LocationId, OrderId, VariantId, new_id
from models.inventory import MAIN, Drifted, Held, Movement
from models.tables import backorder as backorders
from models.tables.base import key, metadata, moment, now_column, one_of, plain_uuid
from models.tables.location import locations

_NOT_OVERSOLD = ("on_hand >= 0", "on_hand_not_negative"), ("held >= 0", "held_not_negative"), (
    "held <= on_hand", "never_oversold",
)  # fmt: skip

stock = sa.Table(
    "stock", metadata,
    sa.Column("variant_id", pg.UUID(as_uuid=True), sa.ForeignKey("variants.id"), primary_key=True),
    sa.Column("on_hand", sa.Integer, nullable=False, comment="units in the house"),
    sa.Column("held", sa.Integer, nullable=False, server_default="0", comment="of these, promised to open orders"),
    sa.Column("backorder_limit", sa.Integer, nullable=False, server_default="0",
              comment="units that may be sold before they are here"),
    sa.Column("backorder_days", sa.Integer, nullable=False, server_default="0",
              comment="within so many days such units are sent"),
    sa.Column("backordered", sa.Integer, nullable=False, server_default="0", comment="units that orders wait for"),
    sa.Column("sellable", sa.Integer,
              sa.Computed("on_hand - held + greatest(backorder_limit - backordered, 0)", persisted=True),
              comment="what can be bought now"),
    *(sa.CheckConstraint(rule, name=name) for rule, name in _NOT_OVERSOLD),
    sa.CheckConstraint("backordered >= 0", name="backordered_not_negative"),
    sa.CheckConstraint("backorder_limit = 0 OR backorder_limit > 0 AND backorder_days > 0", name="backorder_sensible"),
    comment="sums of stock_levels, kept by its triggers",
)  # fmt: skip

levels = sa.Table(
    "stock_levels", metadata,
    sa.Column("variant_id", pg.UUID(as_uuid=True), sa.ForeignKey("variants.id"), primary_key=True),
    sa.Column("location_id", pg.UUID(as_uuid=True), sa.ForeignKey(locations.c.id), primary_key=True),
    sa.Column("on_hand", sa.Integer, nullable=False, comment="units that lie there"),
    sa.Column("held", sa.Integer, nullable=False, server_default="0", comment="of these, promised to orders"),
    sa.Column("reorder_point", sa.Integer, comment="fewer available: it is time to order more; null: nobody watches"),
    sa.Column("reorder_quantity", sa.Integer, comment="how many are ordered at a time; null: up to the point"),
    *(sa.CheckConstraint(rule, name=name) for rule, name in _NOT_OVERSOLD),
    sa.CheckConstraint("reorder_point >= 0 AND reorder_quantity > 0", name="reorder_sensible"),
    sa.Index("ix_stock_levels_location_id", "location_id"),
)  # fmt: skip

_ON_LEVEL = ["stock_levels.variant_id", "stock_levels.location_id"]

holds = sa.Table(
    "stock_holds", metadata,
    sa.Column("order_id", pg.UUID(as_uuid=True), primary_key=True, comment="no foreign key: held before the order row"),
    sa.Column("variant_id", pg.UUID(as_uuid=True), primary_key=True),
    sa.Column("location_id", pg.UUID(as_uuid=True), primary_key=True),
    sa.Column("open", sa.Integer, nullable=False, comment="still to be sent: part of the level's held"),
    sa.Column("shipped", sa.Integer, nullable=False, server_default="0"),
    sa.Column("released", sa.Integer, nullable=False, server_default="0", comment="promised once, but not to be sent"),
    moment("until", nullable=True, comment="how long an order that is not paid keeps it; null: it is paid"),
    sa.CheckConstraint("open >= 0 AND shipped >= 0 AND released >= 0", name="nothing_negative"),
    sa.CheckConstraint("open + shipped + released > 0", name="something_held"),
    sa.ForeignKeyConstraint(["variant_id", "location_id"], _ON_LEVEL, name="fk_stock_holds_level"),
)  # fmt: skip

movements = sa.Table(
    "stock_movements", metadata,
    key(),
    sa.Column("variant_id", pg.UUID(as_uuid=True), nullable=False),
    sa.Column("location_id", pg.UUID(as_uuid=True), nullable=False),
    *one_of("kind", Movement),
    sa.Column("on_hand", sa.Integer, nullable=False, comment="change of on hand"),
    sa.Column("held", sa.Integer, nullable=False, comment="change of held"),
    sa.Column("order_id", pg.UUID(as_uuid=True)),
    sa.Column("operation", sa.Text, nullable=False, comment="what it was part of: done once, however often asked"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    now_column("at"),
    sa.UniqueConstraint("operation", "variant_id", "location_id"),
    sa.ForeignKeyConstraint(["variant_id", "location_id"], _ON_LEVEL, name="fk_stock_movements_level"),
    sa.Index("ix_stock_movements_variant_id", "variant_id", "id"),
    sa.Index("ix_stock_movements_order_id", "order_id", postgresql_where=sa.text("order_id IS NOT NULL")),
)  # fmt: skip


_LOCK = """
SELECT l.variant_id, l.location_id, l.on_hand - l.held AS available, v.sku, o.code, o.country, o.region, o.priority
FROM stock_levels l JOIN variants v ON v.id = l.variant_id JOIN locations o ON o.id = l.location_id
WHERE l.variant_id = ANY ($1) ORDER BY l.variant_id, l.location_id FOR UPDATE OF l
"""
_HOLD = """
WITH portions AS (SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::int[]) AS p (variant_id, location_id, quantity)),
held AS (
    INSERT INTO stock_holds (order_id, variant_id, location_id, open, until)
    SELECT $1::uuid, variant_id, location_id, quantity, $5::timestamptz FROM portions
), counted AS (
    UPDATE stock_levels l SET held = l.held + p.quantity FROM portions p
    WHERE l.variant_id = p.variant_id AND l.location_id = p.location_id
)
INSERT INTO stock_movements (id, variant_id, location_id, kind, on_hand, held, order_id, operation, actor, reason)
SELECT uuidv7(), variant_id, location_id, 'hold', 0, quantity, $1, 'hold/' || $1::uuid, 'order', 'checkout'
FROM portions
"""
"""Numbers change with the ledger rows that explain them in one statement: one round trip while a hot row is locked."""

_KEEP = "UPDATE stock_holds SET until = $2 WHERE order_id = $1 AND open > 0"
_PROMISE = "UPDATE stock_holds SET until = NULL WHERE order_id = $1 AND open > 0"
_HELD = """
SELECT h.variant_id, h.location_id, h.open, h.shipped, h.released FROM stock_levels l
JOIN stock_holds h ON l.variant_id = h.variant_id AND l.location_id = h.location_id
WHERE h.order_id = $1 ORDER BY h.variant_id, h.location_id
"""
_LOCK_HELD = f"{_HELD} FOR UPDATE"
"""Locks a level before what is held of it, as they stand in the query: whoever fills a backorder does so too."""
_RELEASE = f"""
WITH mine AS ({_LOCK_HELD}), given AS (SELECT * FROM mine WHERE open > 0), settled AS (
    UPDATE stock_holds h SET open = 0, released = h.released + g.open FROM given g
    WHERE h.order_id = $1 AND h.variant_id = g.variant_id AND h.location_id = g.location_id
), counted AS (
    UPDATE stock_levels l SET held = l.held - g.open FROM given g
    WHERE l.variant_id = g.variant_id AND l.location_id = g.location_id
)
INSERT INTO stock_movements (id, variant_id, location_id, kind, on_hand, held, order_id, operation, actor, reason)
SELECT uuidv7(), variant_id, location_id, 'release', 0, -open, $1::uuid,
       'release/' || $1::uuid || CASE WHEN released > 0 THEN '/' || released ELSE '' END, $2, $3
FROM given
RETURNING -held AS quantity
"""  # noqa: S608 - words of ours
_DONE = """
SELECT 1 FROM stock_movements WHERE operation = $1 AND location_id = $2 AND variant_id = ANY ($3::uuid[]) LIMIT 1
"""
_SHIP = """
WITH parcel AS (SELECT * FROM unnest($3::uuid[], $4::int[]) AS p (variant_id, quantity)), settled AS (
    UPDATE stock_holds h SET open = h.open - p.quantity, shipped = h.shipped + p.quantity FROM parcel p
    WHERE h.order_id = $1::uuid AND h.variant_id = p.variant_id AND h.location_id = $2::uuid
), counted AS (
    UPDATE stock_levels l SET on_hand = l.on_hand - p.quantity, held = l.held - p.quantity FROM parcel p
    WHERE l.variant_id = p.variant_id AND l.location_id = $2
)
INSERT INTO stock_movements (id, variant_id, location_id, kind, on_hand, held, order_id, operation, actor, reason)
SELECT uuidv7(), variant_id, $2, 'commit', -quantity, -quantity, $1, $5, 'order', 'shipped' FROM parcel
"""
_RECEIVE = """
WITH booked AS (
    INSERT INTO stock_movements (id, variant_id, location_id, kind, on_hand, held, order_id, operation, actor, reason)
    VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5::int, 0, $6::uuid, $7, $8, $9)
    ON CONFLICT (operation, variant_id, location_id) DO NOTHING RETURNING variant_id, location_id, on_hand
)
INSERT INTO stock_levels AS l (variant_id, location_id, on_hand) SELECT * FROM booked
ON CONFLICT (variant_id, location_id) DO UPDATE SET on_hand = l.on_hand + excluded.on_hand RETURNING l.on_hand
"""
_WRITE_OFF = """
WITH booked AS (
    INSERT INTO stock_movements (id, variant_id, location_id, kind, on_hand, held, order_id, operation, actor, reason)
    VALUES ($1::uuid, $2::uuid, $3::uuid, 'adjust', -$4::int, 0, $5::uuid, $6, $7, $8)
    ON CONFLICT (operation, variant_id, location_id) DO NOTHING RETURNING variant_id, location_id, on_hand
)
UPDATE stock_levels l SET on_hand = l.on_hand + b.on_hand FROM booked b
WHERE l.variant_id = b.variant_id AND l.location_id = b.location_id
"""
_BACK = """
SELECT coalesce(sum(on_hand), 0)::int AS units FROM stock_movements
WHERE order_id = $1 AND variant_id = $2 AND kind = 'return'
"""


async def hold(
    writer: Writer, order: OrderId, wanted: Mapping[VariantId, int], until: datetime, to: Address,
    rule: Rule = fewest_parcels, beyond: bool = False,
) -> dict[VariantId, datetime]:  # fmt: skip
    """Promise units to an order, all or none; `rule` says from where. Rows are locked in one order everywhere, so two
    buyers never deadlock.

    `beyond`: also units that are not here yet, of variants that are sold so; by when each of those is promised.
    Raises: Refusal `out_of_stock` with `items: [{sku, requested, available}]`; nothing is held then.
    """
    found, missing = await _portions(writer, wanted, to, rule, beyond)
    taken = [[each.variant for each in found], [each.location for each in found]]
    await writer.exec_driver_sql(_HOLD, (order, *taken, [each.quantity for each in found], until))
    promised = {variant: clock.now() + within for variant, (_, within) in missing.items()}
    if missing:
        await backorders.promise(writer, order, {variant: units for variant, (units, _) in missing.items()}, promised)
    return promised


async def portions(writer: Writer, wanted: Mapping[VariantId, int], to: Address, rule: Rule) -> list[Portion]:
    """From where so many units would come; nobody else moves what lies there to the end of the transaction.

    Raises: Refusal `out_of_stock`.
    """
    found, _ = await _portions(writer, wanted, to, rule, beyond=False)
    return found


Missing = dict[VariantId, tuple[int, timedelta]]
"""Units that are not here, and within how long they can be sent."""


async def _portions(
    writer: Writer, wanted: Mapping[VariantId, int], to: Address, rule: Rule, beyond: bool
) -> tuple[list[Portion], Missing]:
    rows = (await writer.exec_driver_sql(_LOCK, (list(wanted),))).all()
    left, skus = dict.fromkeys(wanted, 0), {row.variant_id: row.sku for row in rows}
    for row in rows:
        left[row.variant_id] += row.available
    missing = {variant: quantity - left[variant] for variant, quantity in wanted.items() if left[variant] < quantity}
    room = await backorders.room(writer, missing) if missing and beyond else {}
    skus |= {variant: each.sku for variant, each in room.items()}
    more = {variant: room[variant].units if variant in room else 0 for variant in missing}
    short = [
        {"sku": skus.get(variant, ""), "requested": wanted[variant], "available": left[variant] + more[variant]}
        for variant, units in missing.items()
        if more[variant] < units
    ]
    if short:
        raise Refusal("out_of_stock", "Some items are no longer available in the quantity you want.", items=short)
    shelves = [
        Shelf(row.variant_id, Place(row.location_id, row.country, row.region, row.priority, row.code), row.available)
        for row in rows
    ]
    here = {variant: quantity - missing.get(variant, 0) for variant, quantity in wanted.items()}
    found = rule(to, {variant: quantity for variant, quantity in here.items() if quantity}, shelves)
    return found, {variant: (units, room[variant].within) for variant, units in missing.items()}


async def promise(writer: Writer, order: OrderId) -> None:
    """The order is paid: what it holds is its own, for as long as it takes to send it. No number moves."""
    await writer.exec_driver_sql(_PROMISE, (order,))


async def keep(writer: Writer, order: OrderId, until: datetime) -> None:
    """What an order holds is held until then, though it is not paid. No number moves."""
    await writer.exec_driver_sql(_KEEP, (order, until))


async def holds_of(reader: Reader, order: OrderId) -> list[Held]:
    """What an order was promised, and what became of it: one of each variant and location it comes from."""
    return [_held(*tuple(row)) for row in await reader.exec_driver_sql(_HELD, (order,))]


async def ship(
    writer: Writer, order: OrderId, shipment: UUID, location: LocationId, units: Mapping[VariantId, int]
) -> None:
    """Units that an order holds leave a location; the same shipment again: changes nothing.

    Raises: Refusal `not_held` with `items: [{variant, requested, held}]` when more is to go than it holds there.
    """
    rows = (await writer.exec_driver_sql(_LOCK_HELD, (order,))).all()
    operation = f"ship/{shipment}"
    if (await writer.exec_driver_sql(_DONE, (operation, location, list(units)))).first() is not None:
        return
    held = {row.variant_id: row.open for row in rows if row.location_id == location}
    short = [
        {"variant": variant, "requested": quantity, "held": held.get(variant, 0)}
        for variant, quantity in units.items()
        if held.get(variant, 0) < quantity
    ]
    if short:
        raise Refusal("not_held", "The order does not hold so much at this location.", items=short)
    await writer.exec_driver_sql(_SHIP, (order, location, list(units), list(units.values()), operation))


async def release(writer: Writer, order: OrderId, reason: str, actor: str = "order") -> int:
    """Give back all that an order holds and that was not sent; again: changes nothing. How many units it was."""
    rows = await writer.exec_driver_sql(_RELEASE, (order, actor, reason))
    return sum(row.quantity for row in rows)


async def take_back(
    writer: Writer, operation: str, order: OrderId, variant: VariantId, location: LocationId, quantity: int,
    actor: str, reason: str,
) -> None:  # fmt: skip
    """Units that were sent to a buyer lie on a shelf again; the same operation again: changes nothing.

    Raises: Refusal `not_shipped` with `{shipped, back}` when more comes back than went out.
    """
    rows = (await writer.exec_driver_sql(_LOCK_HELD, (order,))).all()
    if (await writer.exec_driver_sql(_DONE, (operation, location, [variant]))).first() is not None:
        return
    shipped = sum(row.shipped for row in rows if row.variant_id == variant)
    back: int = (await writer.exec_driver_sql(_BACK, (order, variant))).scalar_one()
    if back + quantity > shipped:
        raise Refusal("not_shipped", "More came back than was sent.", shipped=shipped, back=back)
    row = (new_id(), variant, location, Movement.RETURN, quantity, order, operation, actor, reason)
    await writer.exec_driver_sql(_RECEIVE, row)


async def write_off(
    writer: Writer, operation: str, order: OrderId, variant: VariantId, location: LocationId, quantity: int,
    actor: str, reason: str,
) -> None:  # fmt: skip
    """Units that came back cannot be sold again; the same operation again: changes nothing."""
    row = (new_id(), variant, location, quantity, order, operation, actor, reason)
    await writer.exec_driver_sql(_WRITE_OFF, row)


async def receive(
    writer: Writer, variant: VariantId, quantity: int, actor: str, reason: str, location: LocationId = MAIN,
    operation: str | None = None,
) -> None:  # fmt: skip
    """Goods came in; the same operation again: changes nothing."""
    id = new_id()
    row = (id, variant, location, Movement.RECEIVE, quantity, None, operation or f"receive/{id}", actor, reason)
    await writer.exec_driver_sql(_RECEIVE, row)


_DRIFT = """
WITH booked AS (
    SELECT variant_id, location_id, sum(on_hand)::int AS on_hand, sum(held)::int AS held
    FROM stock_movements GROUP BY 1, 2
), promised AS (
    SELECT variant_id, location_id, sum(open)::int AS held FROM stock_holds WHERE open > 0 GROUP BY 1, 2
), summed AS (
    SELECT variant_id, sum(on_hand)::int AS on_hand, sum(held)::int AS held FROM stock_levels GROUP BY 1
), waiting AS (
    SELECT variant_id, sum(quantity - filled - given_up)::int AS units FROM backorders
    WHERE quantity > filled + given_up GROUP BY 1
), numbers AS (
    SELECT l.variant_id, l.location_id, told.*
    FROM stock_levels l
    LEFT JOIN booked b ON b.variant_id = l.variant_id AND b.location_id = l.location_id
    LEFT JOIN promised p ON p.variant_id = l.variant_id AND p.location_id = l.location_id
    CROSS JOIN LATERAL (VALUES ('on_hand', l.on_hand, coalesce(b.on_hand, 0)), ('held', l.held, coalesce(b.held, 0)),
                               ('holds', l.held, coalesce(p.held, 0))) AS told (what, counted, explained)
    UNION ALL
    SELECT variant_id, NULL, told.*
    FROM stock s FULL JOIN summed l USING (variant_id) LEFT JOIN waiting w USING (variant_id)
    CROSS JOIN LATERAL (VALUES ('on_hand', coalesce(s.on_hand, 0), coalesce(l.on_hand, 0)),
                               ('held', coalesce(s.held, 0), coalesce(l.held, 0)),
                               ('backordered', coalesce(s.backordered, 0), coalesce(w.units, 0)))
        AS told (what, counted, explained)
)
SELECT v.sku, o.code, n.what, n.counted, n.explained
FROM numbers n JOIN variants v ON v.id = n.variant_id LEFT JOIN locations o ON o.id = n.location_id
WHERE n.counted <> n.explained ORDER BY v.sku, o.code NULLS LAST, n.what
"""


async def drift(reader: Reader) -> list[Drifted]:
    """Numbers that are not what their rows add up to: levels against ledger and holds, sums against levels."""
    return [Drifted(*tuple(row)) for row in await reader.exec_driver_sql(_DRIFT)]


def _held(variant: UUID, location: UUID, open: int, shipped: int, released: int) -> Held:
    return Held(VariantId(plain_uuid(variant)), LocationId(plain_uuid(location)), open, shipped, released)
