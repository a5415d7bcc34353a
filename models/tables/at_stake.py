"""How much money an action of staff's would move: whether one person may decide that follows from it.

What goes back counts with all that single persons gave back of the order before, whichever way: many small sums are a
large one.
"""

from collections.abc import Mapping

from models.database import Reader, Writer
from models.edit import OrderEdit
from models.ids import OrderId
from models.money import Money
from models.order import FulfilmentStatus
from models.refund import RefundedItem, RefundWish
from models.returns import InspectionWish, Return, pays, sort_out
from models.shipment import without
from models.tables import parcel_worth, returns
from models.tables import refund as refunds
from models.tables import shipment as shipments

_MONEY = """
SELECT o.currency, o.fulfilment_status, p.amount - p.captured AS reserved, p.captured - p.refunded + coalesce((
    SELECT sum(h.amount - h.refunded) FROM credit_holds h WHERE h.order_id = o.id AND h.status = 'committed'
), 0)::bigint AS paid
FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.id = $1
"""
_GIVEN = """
SELECT coalesce(sum(f.amount), 0)::bigint FROM refunds f
WHERE f.order_id = $1 AND f.status <> 'failed' AND f.actor LIKE 'staff/%'
  AND f.key NOT LIKE 'approval/%' AND f.key NOT LIKE 'shortage/approval/%' AND NOT EXISTS (
    SELECT FROM approvals a
    LEFT JOIN order_edits e ON e.order_id = a.order_id AND e.n = (a.wish ->> 'n')::int
    LEFT JOIN returns r ON r.order_id = a.order_id AND r.n = (a.wish ->> 'n')::int
    WHERE a.order_id = f.order_id AND a.status IN ('approved', 'done') AND CASE a.action
        WHEN 'cancel' THEN f.key LIKE 'cancel%' WHEN 'edit' THEN f.key = 'edit/' || e.id
        WHEN 'return' THEN f.key IN ('return/' || r.id, 'return/' || r.id || '/rest') END
)
"""
"""Without what two people have agreed to: a refund is named by the question, or by what the question is about."""


async def of_cancel(writer: Writer, order: OrderId) -> Money:
    """What would go back when an order, or what of it is not sent, is called off, with what went back before; nothing
    when nothing would.
    """
    row = (await writer.exec_driver_sql(_MONEY, (order,))).one()
    nothing = Money.zero(row.currency)
    if row.fulfilment_status != FulfilmentStatus.PARTIAL:
        back = Money(max(row.paid, 0), row.currency)
        return back + await _given(writer, order, row.currency) if back.amount else nothing
    left = tuple(RefundedItem(line.sku, line.left) for line in await shipments.left(writer, order) if line.left)
    unsent = await parcel_worth.unsent(writer, order)
    return await of_refund(writer, order, RefundWish("", "", "", items=left, up_to=True, at_most=unsent)) or nothing


async def of_capture(reader: Reader, order: OrderId, amount: Money | None) -> Money:
    """What would be taken: so much, or all that is reserved."""
    row = (await reader.exec_driver_sql(_MONEY, (order,))).one()
    return amount or Money(max(row.reserved, 0), row.currency)


async def of_refund(writer: Writer, order: OrderId, wish: RefundWish) -> Money | None:
    """What a refund would give back, with what went back before. None: it gives nothing back.

    Raises: Refusal, as the refund would.
    """
    worth = await refunds.worth(writer, order, wish)
    return None if worth is None else worth + await _given(writer, order, worth.currency)


async def of_shortage(writer: Writer, order: OrderId, missing: Mapping[str, int]) -> Money | None:
    """What goes back for units that an order goes without, by SKU, with what went back before. None: nothing.

    Raises: Refusal, as the shortage would.
    """
    without(await shipments.left(writer, order), missing)
    items = tuple(RefundedItem(sku, units) for sku, units in missing.items())
    return await of_refund(writer, order, RefundWish("", "", "", items=items, up_to=True))


async def of_return(writer: Writer, goods: Return, wish: InspectionWish) -> Money | None:
    """What goods that came back are paid back with, or exchanged for, with what went back before. None: nothing.

    Raises: Refusal, as the inspection would.
    """
    found = sort_out(await returns.arrived(writer, goods.id), wish)
    if wish.location is not None:
        await returns.place(writer, wish.location)
    return await of_refund(writer, goods.order_id, pays(goods, found, wish))


async def of_edit(reader: Reader, edit: OrderEdit) -> Money | None:
    """What an order costs more then; or less, with what went back before. None: as much."""
    more = edit.difference
    if more.amount >= 0:
        return more if more.amount else None
    return await _given(reader, edit.order_id, more.currency) - more


async def _given(reader: Reader, order: OrderId, currency: str) -> Money:
    """What single persons of staff gave back of an order."""
    given: int = (await reader.exec_driver_sql(_GIVEN, (order,))).scalar_one()
    return Money(given, currency)
