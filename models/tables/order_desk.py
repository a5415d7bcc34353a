"""Orders as staff find them, and what of staff's doing is written down with them."""

from datetime import datetime

import msgspec

from models.audit import PERSONAL, Author
from models.cursor import Cursor
from models.database import Database, Writer
from models.ids import OrderId, OrderNumber, UserId
from models.money import Money
from models.order import DeskCard, FulfilmentStatus, OrderLineName, OrderStatus
from models.payment import PaymentStatus
from models.tables import audit
from models.tables.base import as_json, plain_uuid
from models.tables.order_history import MOST_LINES

_CARD = """
SELECT o.id, o.number, o.status, p.status AS payment_status, o.fulfilment_status, o.attention, o.customer_id, o.email,
       o.shipping_address ->> 'full_name' AS name, o.total, o.currency, o.placed_at, lines.units, lines.first
FROM orders o
JOIN payments p ON p.order_id = o.id
CROSS JOIN LATERAL (
    SELECT sum(l.quantity) AS units,
           jsonb_agg(jsonb_build_object('sku', l.sku, 'name', l.name, 'quantity', l.quantity) ORDER BY l.position)
               FILTER (WHERE l.position < $2) AS first
    FROM order_lines l WHERE l.order_id = o.id
) lines
"""
_names = msgspec.json.Decoder(tuple[OrderLineName, ...]).decode

_WORDS = """(
    o.number = upper({0}) OR strpos(lower(o.email), lower({0})) > 0
    OR strpos(lower(o.shipping_address ->> 'full_name'), lower({0})) > 0
    OR EXISTS (SELECT FROM order_lines l WHERE l.order_id = o.id AND upper(l.sku) = upper({0}))
)"""


class Wanted(msgspec.Struct, frozen=True):
    """Which orders staff look for. Filters add up; None: any."""

    status: OrderStatus | None = None
    payment_status: PaymentStatus | None = None
    fulfilment_status: FulfilmentStatus | None = None
    attention: bool | None = None
    """Whether a person is asked for."""
    customer: UserId | None = None
    placed_from: datetime | None = None
    """Counted in."""
    placed_to: datetime | None = None
    """Not counted in."""
    words: str | None = None
    """An order's number, a SKU in it, or a part of its buyer's address or name."""


_FILTERS = {
    "status": "o.status = {}", "payment_status": "p.status = {}", "fulfilment_status": "o.fulfilment_status = {}",
    "attention": "(o.attention IS NOT NULL) = {}", "customer": "o.customer_id = {}",
    "placed_from": "o.placed_at >= {}", "placed_to": "o.placed_at < {}", "words": _WORDS,
}  # fmt: skip


async def listed(database: Database, limit: int, wanted: Wanted, after: Cursor | None = None) -> list[DeskCard]:
    """Newest first."""
    arguments: list[object] = [limit, MOST_LINES]
    conditions = []
    for name, value in msgspec.structs.asdict(wanted).items():
        if value is not None:
            arguments.append(value)
            conditions.append(_FILTERS[name].format(f"${len(arguments)}"))
    if after is not None:
        arguments += [after.at, after.id]
        conditions.append(f"(o.placed_at, o.id) < (${len(arguments) - 1}, ${len(arguments)})")
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    # One value is met by five orders and another by all of them: planned for what is asked.
    rows = await database.fetch_planned(
        f"{_CARD}{where}ORDER BY o.placed_at DESC, o.id DESC LIMIT $1", *arguments
    )  # fmt: skip
    return [
        DeskCard(
            OrderId(plain_uuid(row["id"])), OrderNumber(row["number"]), OrderStatus(row["status"]),
            row["payment_status"], FulfilmentStatus(row["fulfilment_status"]), row["attention"],
            UserId(plain_uuid(row["customer_id"])) if row["customer_id"] else None, row["email"], row["name"],
            Money(row["total"], row["currency"]), row["placed_at"], row["units"], _names(row["first"]),
        )
        for row in rows
    ]  # fmt: skip


_STAFF_DID = """
WITH told AS (
    INSERT INTO order_events (id, order_id, key, type, actor, facts)
    VALUES (uuidv7(), $1::uuid, $2, $3, $4, $5::jsonb) ON CONFLICT (order_id, key) DO NOTHING RETURNING order_id
)
SELECT o.number FROM orders o JOIN told ON told.order_id = o.id
"""


async def staff_did(
    writer: Writer, order: OrderId, fact: str, type: str, author: Author, reason: str | None, **facts: object
) -> None:
    """Append what one of the staff did to the timeline and to the audit log; again: changes nothing.

    `facts` are words about the buyer, such as a note: the log names them alone.
    """
    told = await writer.exec_driver_sql(
        _STAFF_DID, (order, fact, type, author.actor, as_json(facts))
    )  # fmt: skip
    number = told.scalar()
    if number is not None:
        await audit.append(writer, author, f"order.{type}", number, after=dict.fromkeys(facts, PERSONAL), reason=reason)


_DID = "SELECT EXISTS (SELECT FROM order_events WHERE order_id = $1 AND key = $2)"


async def did(writer: Writer, order: OrderId, fact: str) -> bool:
    """Whether this stands in the timeline."""
    return bool((await writer.exec_driver_sql(_DID, (order, fact))).scalar_one())


_NUMBER = "SELECT number FROM orders WHERE id = $1"


async def write_down(
    writer: Writer,
    order: OrderId,
    author: Author | None,
    action: str,
    before: object,
    after: object,
    reason: str | None,
) -> None:
    """Append a move that one of the staff asked for to the audit log, in its transaction; None: nobody of them did."""
    if author is not None:
        number = (await writer.exec_driver_sql(_NUMBER, (order,))).scalar_one()
        await audit.append(writer, author, action, number, before=before, after=after, reason=reason)
