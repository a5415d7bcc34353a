"""The orders of one account, as its owner leafs through them."""

from typing import Any

import msgspec

from models.cursor import Cursor
from models.database import Database
from models.ids import OrderId, OrderNumber, UserId
from models.money import Money
from models.order import FulfilmentStatus, OrderCard, OrderLineName, OrderStatus
from models.tables.base import plain_uuid

MOST_LINES = 3
"""Lines that a list shows of an order."""

_PAGE = """
SELECT o.id, o.number, o.status, p.status AS payment_status, o.fulfilment_status, o.total, o.currency, o.placed_at,
       lines.units, lines.first, lines.out,
       CASE WHEN o.fulfilment_status <> 'unfulfilled' THEN (
           SELECT max(coalesce(s.delivered_at, s.shipped_at)) FROM shipments s WHERE s.order_id = o.id
       ) END AS last_parcel
FROM orders o
JOIN payments p ON p.order_id = o.id
CROSS JOIN LATERAL (
    SELECT sum(l.quantity) AS units, sum(l.shipped - l.returned) AS out,
           jsonb_agg(jsonb_build_object('sku', l.sku, 'name', l.name, 'quantity', l.quantity) ORDER BY l.position)
               FILTER (WHERE l.position < $3) AS first
    FROM order_lines l WHERE l.order_id = o.id
) lines
WHERE o.customer_id = $1 AND ($4::text IS NULL OR o.status = $4)
  AND ($5::timestamptz IS NULL OR (o.placed_at, o.id) < ($5, $6::uuid))
ORDER BY o.placed_at DESC, o.id DESC LIMIT $2
"""

_names = msgspec.json.Decoder(tuple[OrderLineName, ...]).decode


async def page(
    database: Database, customer: UserId, limit: int, status: OrderStatus | None = None, after: Cursor | None = None
) -> list[OrderCard]:
    """Orders of an account, newest first; only those of `status`."""
    place: tuple[Any, Any] = (after.at, after.id) if after else (None, None)
    rows = await database.fetch(_PAGE, customer, limit, MOST_LINES, status, *place)
    return [
        OrderCard(
            OrderId(plain_uuid(row["id"])), OrderNumber(row["number"]), OrderStatus(row["status"]),
            row["payment_status"], FulfilmentStatus(row["fulfilment_status"]), Money(row["total"], row["currency"]),
            row["placed_at"], row["units"], _names(row["first"]), row["out"], row["last_parcel"],
        )
        for row in rows
    ]  # fmt: skip
