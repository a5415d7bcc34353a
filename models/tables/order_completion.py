"""Delivered orders past the time in which they can be returned: nothing is expected of them any more."""

from datetime import datetime

import sqlalchemy as sa

from models.database import Writer
from models.order import ORDER_MOVES, OrderStatus
from models.refund import RefundStatus
from models.returns import RETURN_MOVES

_GOING_ON = [status.value for status, ends in RETURN_MOVES.items() if ends]
_FROM = [status.value for status, ends in ORDER_MOVES.items() if OrderStatus.COMPLETED in ends]
_COMPLETE = """
WITH due AS (
    SELECT o.id FROM orders o
    WHERE o.status = 'delivered' AND o.status = ANY ($3::text[])
    AND NOT EXISTS (
        SELECT FROM shipments s WHERE s.order_id = o.id AND coalesce(s.delivered_at, s.shipped_at) > $1
    )
    AND NOT EXISTS (SELECT FROM returns r WHERE r.order_id = o.id AND r.status = ANY ($4::text[]))
    AND NOT EXISTS (SELECT FROM refunds r WHERE r.order_id = o.id AND r.status = $5)
    ORDER BY o.placed_at, o.id LIMIT $2 FOR NO KEY UPDATE OF o SKIP LOCKED
), completed AS (
    UPDATE orders o SET status = 'completed' FROM due WHERE o.id = due.id RETURNING o.id
)
INSERT INTO order_events (id, order_id, key, type, actor, facts)
SELECT uuidv7(), id, 'completed', 'order_completed', 'order', '{}'::jsonb FROM completed
"""


async def complete(writer: Writer, before: datetime, most: int) -> int:
    """Complete up to `most` orders whose last parcel arrived, or left, no later than `before`; oldest first.

    Left alone: who has a return or a refund going on, and whom somebody else is changing. Returns how many there were.
    """
    done: sa.CursorResult[tuple[()]] = await writer.exec_driver_sql(
        _COMPLETE, (before, most, _FROM, _GOING_ON, RefundStatus.OPEN)
    )
    return done.rowcount
