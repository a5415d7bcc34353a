"""Returns: units that are set apart as soon as they are asked for, so that none comes back twice, whoever asks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.exchange import Exchange, ExchangeStatus
from models.ids import LocationId, OrderId, OrderNumber, ReturnId, VariantId
from models.money import Money
from models.position import Position, Taken
from models.refund import RefundStatus
from models.returns import RETURN_MOVES, Return, ReturnLine, ReturnStatus, ReturnWish, Sorted
from models.tables.base import key, metadata, minor_units, moment, now_column, one_of, plain_uuid, reference

returns = sa.Table(
    "returns", metadata,
    key(),
    reference("order_id", "orders.id"),
    sa.Column("n", sa.Integer, nullable=False, comment="counts the returns of the order, from 1"),
    sa.Column("key", sa.Text, nullable=False, comment="names the request, so that it is done once"),
    sa.Column("digest", sa.Text, nullable=False, comment="of the request: another one under its key was not meant"),
    *one_of("status", ReturnStatus),
    sa.Column("reason", sa.Text, nullable=False, comment="the buyer's words"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("decision", sa.Text, comment="why it was rejected"),
    minor_units("fee", server_default="0", comment="kept of what the goods cost"),
    sa.Column("refund_n", sa.Integer, comment="number of the order's refund that it brought about"),
    now_column("requested_at"),
    moment("decided_at", nullable=True),
    moment("send_until", nullable=True, comment="the goods have to be there by then"),
    moment("received_at", nullable=True),
    moment("inspected_at", nullable=True),
    moment("settled_at", nullable=True, comment="over, whatever way"),
    sa.UniqueConstraint("order_id", "n"),
    sa.UniqueConstraint("order_id", "key"),
    sa.ForeignKeyConstraint(["order_id", "refund_n"], ["refunds.order_id", "refunds.n"], name="fk_returns_refund"),
    sa.CheckConstraint("n > 0", name="counted_from_one"),
    sa.CheckConstraint("fee >= 0", name="fee_not_negative"),
    sa.Index("ix_returns_newest", sa.text("requested_at DESC"), sa.text("id DESC")),
)  # fmt: skip

return_lines = sa.Table(
    "return_lines", metadata,
    sa.Column("return_id", pg.UUID(as_uuid=True), sa.ForeignKey("returns.id"), primary_key=True),
    sa.Column("order_line_id", pg.UUID(as_uuid=True), sa.ForeignKey("order_lines.id"), primary_key=True, index=True),
    sa.Column("quantity", sa.Integer, nullable=False, comment="asked for"),
    sa.Column("received", sa.Integer, nullable=False, server_default="0", comment="of these, came"),
    sa.Column("restocked", sa.Integer, nullable=False, server_default="0", comment="of what came, for sale again"),
    sa.Column("written_off", sa.Integer, nullable=False, server_default="0", comment="of what came, not"),
    sa.Column("exchange_variant_id", pg.UUID(as_uuid=True), sa.ForeignKey("variants.id"),
              comment="wanted instead; null: money"),
    sa.CheckConstraint("quantity > 0 AND received BETWEEN 0 AND quantity", name="no_more_than_asked"),
    sa.CheckConstraint(
        "restocked >= 0 AND written_off >= 0 AND restocked + written_off <= received", name="no_more_than_came"
    ),
)  # fmt: skip

_FIND = """
SELECT r.*, o.number, o.currency, f.status AS refund_status, e.status AS exchange_status, e.number AS exchange_number,
       e.price AS exchange_price, e.paid AS exchange_paid, e.rest_n, e.why AS exchange_why, (
    SELECT jsonb_agg(
        jsonb_build_object('sku', l.sku, 'name', l.name, 'quantity', x.quantity, 'received', x.received,
                           'restocked', x.restocked, 'written_off', x.written_off,
                           'exchange_sku', (SELECT sku FROM variants v WHERE v.id = x.exchange_variant_id)
        ) ORDER BY l.position
    ) FROM return_lines x JOIN order_lines l ON l.id = x.order_line_id WHERE x.return_id = r.id
) AS lines
FROM returns r JOIN orders o ON o.id = r.order_id LEFT JOIN refunds f ON f.order_id = r.order_id AND f.n = r.refund_n
LEFT JOIN exchanges e ON e.return_id = r.id
WHERE {}
"""
_BY_ID = _FIND.format("r.id = $1")
_BY_N = _FIND.format("r.order_id = $1 AND r.n = $2")
_BY_KEY = _FIND.format("r.order_id = $1 AND r.key = $2")
_OF_ORDER = _FIND.format("r.order_id = $1 ORDER BY r.n")
_NEXT = "SELECT coalesce(max(n), 0) + 1 AS n FROM returns WHERE order_id = $1"
_OUT = """
SELECT id, variant_id, sku, shipped - returned AS left FROM order_lines WHERE order_id = $1 ORDER BY position
"""
_LAST_PARCEL = "SELECT max(coalesce(delivered_at, shipped_at)) FROM shipments WHERE order_id = $1"
_OPEN = """
WITH made AS (
    INSERT INTO returns (id, order_id, n, key, digest, status, reason, actor)
    VALUES ($1::uuid, $2::uuid, $3, $4, $5, 'requested', $6, $7)
), content AS (SELECT * FROM unnest($8::uuid[], $9::int[], $10::uuid[]) AS c (line_id, quantity, wanted)),
counted AS (
    UPDATE order_lines l SET returned = l.returned + c.quantity FROM content c WHERE l.id = c.line_id
)
INSERT INTO return_lines (return_id, order_line_id, quantity, exchange_variant_id)
SELECT $1, line_id, quantity, wanted FROM content
"""

_lines = msgspec.json.Decoder(tuple[ReturnLine, ...]).decode


async def out(writer: Writer, order: OrderId) -> list[Position]:
    """Every position of an order, and how many of its units its buyer has, of which no return was asked for."""
    return _goods(await writer.exec_driver_sql(_OUT, (order,)))


async def currency_of(writer: Writer, order: OrderId) -> str:
    """What an order was paid in."""
    found: str = (await writer.exec_driver_sql("SELECT currency FROM orders WHERE id = $1", (order,))).scalar_one()
    return found


async def last_parcel(writer: Writer, order: OrderId) -> datetime | None:
    """When the order's last parcel arrived, or left; None: nothing has left."""
    found: datetime | None = (await writer.exec_driver_sql(_LAST_PARCEL, (order,))).scalar_one()
    return found


async def open(
    writer: Writer, id: ReturnId, order: OrderId, n: int, wish: ReturnWish, chosen: Taken,
    instead: Mapping[str, VariantId],
) -> None:  # fmt: skip
    """Write a return down, and set its units apart; `instead`: by SKU, what is wanted for them."""
    lines, units = [each.line for each, _ in chosen], [units for _, units in chosen]
    content = lines, units, [instead.get(each.sku) for each, _ in chosen]
    row = (id, order, n, wish.key, wish.digest, wish.reason, wish.actor, *content)
    await writer.exec_driver_sql(_OPEN, row)


async def find(reader: Reader, order: OrderId, n: int) -> Return | None:
    """An order's `n`-th return."""
    return await _one(reader, _BY_N, order, n)


async def find_by_key(reader: Reader, order: OrderId, key: str) -> Return | None:
    """The return that was asked for under this key, within a transaction."""
    return await _one(reader, _BY_KEY, order, key)


async def next_number(reader: Reader, order: OrderId) -> int:
    """The number that the order's next return gets."""
    n: int = (await reader.exec_driver_sql(_NEXT, (order,))).scalar_one()
    return n


async def by_key(database: Database, order: OrderId, key: str) -> Return | None:
    """The return that was asked for under this key."""
    return _first(await database.fetch(_BY_KEY, order, key))


async def by_number(database: Database, order: OrderId, n: int) -> Return | None:
    """An order's `n`-th return, outside a transaction."""
    return _first(await database.fetch(_BY_N, order, n))


async def by_id(database: Database, id: ReturnId) -> Return | None:
    """The return with this id."""
    return _first(await database.fetch(_BY_ID, id))


async def of_order(database: Database, order: OrderId) -> list[Return]:
    """All returns of an order, oldest first."""
    return [_return(row) for row in await database.fetch(_OF_ORDER, order)]


async def upcoming(database: Database, order: OrderId) -> int:
    """The number that the order's next return gets, outside a transaction."""
    n: int = (await database.fetch(_NEXT, order))[0]["n"]
    return n


async def listed(
    database: Database, limit: int, status: ReturnStatus | None, order: str | None, after: Cursor | None = None
) -> list[Return]:
    """Newest first; of this status, of the order with this number."""
    arguments: list[object] = [limit]
    conditions = []
    for column, value in (("r.status", status), ("o.number", order)):
        if value is not None:
            arguments.append(value)
            conditions.append(f"{column} = ${len(arguments)}")
    if after is not None:
        arguments += [after.at, after.id]
        conditions.append(f"(r.requested_at, r.id) < (${len(arguments) - 1}, ${len(arguments)})")
    query = _FIND.format(" AND ".join(conditions) or "true")
    rows = await database.fetch_planned(f"{query} ORDER BY r.requested_at DESC, r.id DESC LIMIT $1", *arguments)
    return [_return(row) for row in rows]


async def move(writer: Writer, id: ReturnId, to: ReturnStatus, **values: Any) -> bool:
    """Bring a return to `to` if its moves allow it; `values` are written along. False: it is not where it could."""
    sources = [status for status, ends in RETURN_MOVES.items() if to in ends]
    over = {"settled_at": sa.func.now()} if not RETURN_MOVES[to] else {}
    moved = await writer.execute(
        sa.update(returns)
        .where(returns.c.id == id, returns.c.status.in_(sources))
        .values(status=to, **_TIMES.get(to, {}), **over, **values)
    )
    return moved.rowcount == 1


_TIMES: dict[ReturnStatus, dict[str, Any]] = {
    ReturnStatus.APPROVED: {"decided_at": sa.func.now()},
    ReturnStatus.REJECTED: {"decided_at": sa.func.now()},
    ReturnStatus.RECEIVED: {"received_at": sa.func.now()},
    ReturnStatus.INSPECTED: {"inspected_at": sa.func.now()},
}

_ASKED = """
SELECT l.id, l.variant_id, l.sku, x.{} AS left FROM return_lines x JOIN order_lines l ON l.id = x.order_line_id
WHERE x.return_id = $1 ORDER BY l.position
"""
_RECEIVE = """
UPDATE return_lines x SET received = c.quantity FROM unnest($2::uuid[], $3::int[]) AS c (line_id, quantity)
WHERE x.return_id = $1 AND x.order_line_id = c.line_id
"""
_GIVE_BACK = """
UPDATE order_lines l SET returned = l.returned - (x.quantity - x.received) FROM return_lines x
WHERE x.return_id = $1 AND x.order_line_id = l.id AND x.quantity > x.received
"""
_INSPECT = """
UPDATE return_lines x SET restocked = c.restocked, written_off = c.written_off
FROM unnest($2::uuid[], $3::int[], $4::int[]) AS c (line_id, restocked, written_off)
WHERE x.return_id = $1 AND x.order_line_id = c.line_id
"""
_PUT = "UPDATE returns SET fee = $2, refund_n = $3 WHERE id = $1"
_LOCK_SHELVES = """
SELECT FROM stock_levels WHERE variant_id = ANY ($1::uuid[]) ORDER BY variant_id, location_id FOR UPDATE
"""
_WHERE = "SELECT id FROM locations WHERE code = $1 AND archived_at IS NULL FOR KEY SHARE"
_WHENCE = """
SELECT x.order_line_id, (array_agg(s.location_id ORDER BY s.n DESC))[1] AS location_id
FROM return_lines x JOIN shipment_lines c USING (order_line_id) JOIN shipments s ON s.id = c.shipment_id
JOIN locations p ON p.id = s.location_id AND p.archived_at IS NULL
WHERE x.return_id = $1 GROUP BY x.order_line_id
"""
_ALL_BACK = """
SELECT NOT EXISTS (
    SELECT FROM order_lines l LEFT JOIN return_lines x ON x.order_line_id = l.id
    WHERE l.order_id = $1 GROUP BY l.id HAVING coalesce(sum(x.restocked + x.written_off), 0) < l.quantity - l.cancelled
) AND EXISTS (SELECT FROM order_lines WHERE order_id = $1 AND shipped > 0)
"""


async def asked(writer: Writer, id: ReturnId) -> list[Position]:
    """The positions of a return, with the units that are to come."""
    return _goods(await writer.exec_driver_sql(_ASKED.format("quantity"), (id,)))


async def arrived(writer: Writer, id: ReturnId) -> list[Position]:
    """The positions of a return, with the units that came."""
    return _goods(await writer.exec_driver_sql(_ASKED.format("received"), (id,)))


async def receive(writer: Writer, id: ReturnId, came: Taken) -> None:
    """So many units came; the others are their buyer's again, as if no return had been asked for."""
    await writer.exec_driver_sql(_RECEIVE, (id, [each.line for each, _ in came], [units for _, units in came]))
    await give_back(writer, id)


async def give_back(writer: Writer, id: ReturnId) -> None:
    """Units that did not come are their buyer's: a return of them can be asked for again. Once a return."""
    await writer.exec_driver_sql(_GIVE_BACK, (id,))


async def inspect(writer: Writer, id: ReturnId, found: Sorted) -> None:
    """Of each position, units for sale again, and units that are not."""
    columns = [each.line for each, _, _ in found], [good for _, good, _ in found], [bad for _, _, bad in found]
    await writer.exec_driver_sql(_INSPECT, (id, *columns))


async def put(writer: Writer, id: ReturnId, fee: int, refund: int | None) -> None:
    """What is kept, in minor units, and the refund of the rest."""
    await writer.exec_driver_sql(_PUT, (id, fee, refund))


async def lock_shelves(writer: Writer, variants: Sequence[VariantId]) -> None:
    """Nobody else moves these goods; taken in the order that everybody takes them in."""
    await writer.exec_driver_sql(_LOCK_SHELVES, (list(variants),))


async def place(writer: Writer, code: str) -> LocationId:
    """The location of this code that takes goods. Raises: Refusal `location_unknown`."""
    found = (await writer.exec_driver_sql(_WHERE, (code,))).scalar()
    if found is None:
        raise Refusal("location_unknown", f"There is no location {code}.")
    return LocationId(plain_uuid(found))


async def whence(writer: Writer, id: ReturnId) -> dict[UUID, UUID]:
    """By position of a return, the location that its goods came from last, where that still takes goods."""
    rows = await writer.exec_driver_sql(_WHENCE, (id,))
    return {plain_uuid(row.order_line_id): plain_uuid(row.location_id) for row in rows}


async def is_all_back(writer: Writer, order: OrderId) -> bool:
    """Whether every unit that was bought, and not called off, came back."""
    return bool((await writer.exec_driver_sql(_ALL_BACK, (order,))).scalar_one())


def _goods(rows: Any) -> list[Position]:
    return [Position(plain_uuid(row.id), VariantId(plain_uuid(row.variant_id)), row.sku, row.left) for row in rows]


async def _one(reader: Reader, query: str, order: OrderId, value: object) -> Return | None:
    row = (await reader.exec_driver_sql(query, (order, value))).mappings().one_or_none()
    return None if row is None else _return(row)


def _first(rows: list[Any]) -> Return | None:
    return _return(rows[0]) if rows else None


def _return(row: Any) -> Return:
    return Return(
        id=ReturnId(plain_uuid(row["id"])), order_id=OrderId(plain_uuid(row["order_id"])),
        order_number=OrderNumber(row["number"]), n=row["n"], key=row["key"], digest=row["digest"],
        status=ReturnStatus(row["status"]), reason=row["reason"], lines=_read_lines(row["lines"]),
        requested_at=row["requested_at"], decision=row["decision"], decided_at=row["decided_at"],
        send_until=row["send_until"], received_at=row["received_at"], inspected_at=row["inspected_at"],
        settled_at=row["settled_at"], fee=Money(row["fee"], row["currency"]) if row["fee"] else None,
        refund=row["refund_n"], refund_status=RefundStatus(row["refund_status"]) if row["refund_status"] else None,
        exchange=_exchange(row) if row["exchange_status"] else None,
    )  # fmt: skip


def _exchange(row: Any) -> Exchange:
    status, number, kind = ExchangeStatus(row["exchange_status"]), row["exchange_number"], row["currency"]
    if number is None:
        return Exchange(status, why=row["exchange_why"])
    return Exchange(
        status, OrderNumber(number), Money(row["exchange_price"], kind), Money(row["exchange_paid"], kind),
        row["rest_n"], row["exchange_why"],
    )  # fmt: skip


def _read_lines(lines: Any) -> tuple[ReturnLine, ...]:
    """The driver gives JSON as text, SQLAlchemy as what it means."""
    return _lines(lines) if isinstance(lines, str) else msgspec.convert(lines, tuple[ReturnLine, ...])
