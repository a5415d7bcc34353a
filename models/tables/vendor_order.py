"""Orders as a vendor sees them: their own positions, where those go, and what they come to. Nothing of anybody else's.

Every query takes the vendor as an argument: a row of another vendor's does not exist here.
"""

from typing import Any

import msgspec

from models.address import Address
from models.cursor import Cursor
from models.database import Database
from models.ids import OrderId, OrderNumber, VendorId
from models.money import Money
from models.order import OrderStatus, Shipping
from models.shipment import ShipItem
from models.tables.base import plain_uuid
from models.vendor import Earning, VendorOrder, VendorOrderCard, VendorOrderItem, VendorParcel

_EARNED = """coalesce((
    SELECT sum(e.amount) FROM payout_entries e
    WHERE e.order_id = p.order_id AND e.vendor_id = p.vendor_id AND e.account = 'vendor'
), 0)::bigint AS earned"""
_PAGE = f"""
SELECT p.id, p.created_at, p.currency, p.goods, p.commission, p.share, o.number, o.status, o.placed_at, {_EARNED},
       lines.units, lines.open_units
FROM vendor_parts p JOIN orders o ON o.id = p.order_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(l.quantity), 0) AS units, coalesce(sum(l.quantity - l.shipped - l.cancelled), 0) AS open_units
    FROM order_lines l JOIN line_terms t ON t.order_line_id = l.id
    WHERE l.order_id = p.order_id AND t.vendor_id = p.vendor_id
) lines
WHERE p.vendor_id = $1 AND lines.units > 0 AND ($5::boolean IS NULL OR (lines.open_units > 0) = $5)
  AND ($3::timestamptz IS NULL OR (p.created_at, p.id) < ($3, $4::uuid))
ORDER BY p.created_at DESC, p.id DESC LIMIT $2
"""  # noqa: S608 - only our own words are put in
_ONE = f"""
SELECT p.order_id, p.currency, p.goods, p.commission, p.share, {_EARNED}, o.number, o.status, o.placed_at,
       o.workflow_id, o.shipping_address::text AS address, o.shipping_method::text AS method
FROM vendor_parts p JOIN orders o ON o.id = p.order_id WHERE p.vendor_id = $1 AND o.number = $2
"""  # noqa: S608
_LINES = """
SELECT l.* FROM order_lines l JOIN line_terms t ON t.order_line_id = l.id
WHERE t.vendor_id = $1 AND l.order_id = $2 ORDER BY l.position
"""
_PARCELS = """
SELECT s.n, s.carrier, s.tracking, s.shipped_at, s.delivered_at,
       jsonb_agg(jsonb_build_object('sku', l.sku, 'quantity', c.quantity) ORDER BY l.position)::text AS items
FROM shipments s JOIN shipment_lines c ON c.shipment_id = s.id JOIN order_lines l ON l.id = c.order_line_id
JOIN line_terms t ON t.order_line_id = l.id AND t.vendor_id = $1
WHERE s.order_id = $2 GROUP BY s.id ORDER BY s.n
"""

_items = msgspec.json.Decoder(tuple[ShipItem, ...]).decode


async def page(
    database: Database, vendor: VendorId, limit: int, open: bool | None, after: Cursor | None = None
) -> list[VendorOrderCard]:
    """A vendor's orders, newest first; only those with something to send, or without, where given."""
    place: tuple[Any, Any] = (after.at, after.id) if after else (None, None)
    return [
        VendorOrderCard(
            plain_uuid(row["id"]), OrderNumber(row["number"]), OrderStatus(row["status"]), row["units"],
            row["open_units"], row["placed_at"], row["created_at"], _earning(row),
        )
        for row in await database.fetch(_PAGE, vendor, limit, *place, open)
    ]  # fmt: skip


async def find(database: Database, vendor: VendorId, number: str) -> VendorOrder | None:
    """A vendor's part of the order with this number; None: they have none in it."""
    rows = await database.fetch(_ONE, vendor, number)
    if not rows:
        return None
    [row] = rows
    order, kind = OrderId(plain_uuid(row["order_id"])), row["currency"]
    lines = await database.fetch(_LINES, vendor, order)
    if not lines:  # an edit took off what was theirs: where the rest goes is nothing to them
        return None
    parcels = await database.fetch(_PARCELS, vendor, order)
    return VendorOrder(
        OrderNumber(row["number"]), OrderStatus(row["status"]), tuple(_item(line, kind) for line in lines),
        tuple(
            VendorParcel(each["n"], each["carrier"], each["tracking"], _items(each["items"]), each["shipped_at"],
                         each["delivered_at"])
            for each in parcels
        ),
        msgspec.json.decode(row["address"], type=Address), msgspec.json.decode(row["method"], type=Shipping),
        row["placed_at"], _earning(row), row["workflow_id"],
    )  # fmt: skip


def _item(line: Any, kind: str) -> VendorOrderItem:
    return VendorOrderItem(
        line["sku"], line["name"], line["quantity"], line["shipped"], line["cancelled"], line["returned"],
        Money(line["unit_price"], kind), Money(line["line_total"], kind), Money(line["discount"], kind),
        Money(line["tax"], kind),
    )  # fmt: skip


def _earning(row: Any) -> Earning:
    kind = row["currency"]
    return Earning(*(Money(row[name], kind) for name in ("goods", "commission", "share", "earned")))
