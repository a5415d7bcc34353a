"""What is new of an order, for who watches it."""

from uuid import UUID

import msgspec

from models.database import Database
from models.ids import OrderId
from models.order import OrderEvent, OrderStatus
from models.tables.base import plain_uuid
from models.timeline import WINDOW, born


class News(msgspec.Struct, frozen=True):
    """An order at one moment."""

    status: OrderStatus
    busy: bool
    """A refund or a return of it is not over yet."""
    events: list[tuple[UUID, OrderEvent]]
    """Oldest first."""


_NEWS = """
SELECT o.status, EXISTS (SELECT FROM refunds r WHERE r.order_id = o.id AND r.status = 'open')
           OR EXISTS (SELECT FROM returns g WHERE g.order_id = o.id AND g.settled_at IS NULL) AS busy,
       e.id, e.type, e.actor, e.at, e.facts
FROM orders o LEFT JOIN order_events e ON e.order_id = o.id AND e.id >= $2::uuid
WHERE o.id = $1 ORDER BY e.id
"""


async def since(database: Database, order: OrderId, last: UUID | None) -> News:
    """All that happened; with `last`: from two minutes before it was born on, in which others may have come late."""
    first = UUID(int=max(born(last) - WINDOW, 0) << 80) if last else UUID(int=0)
    rows = await database.fetch(_NEWS, order, first)
    return News(
        OrderStatus(rows[0]["status"]), rows[0]["busy"],
        [
            (plain_uuid(row["id"]), OrderEvent(row["type"], row["actor"], row["at"], msgspec.json.decode(row["facts"])))
            for row in rows if row["id"] is not None
        ],
    )  # fmt: skip
