"""How much money an action of staff's would move: whether one person may decide that follows from it."""

from models.database import Reader, Writer
from models.ids import OrderId
from models.money import Money
from models.order import FulfilmentStatus
from models.refund import RefundWish
from models.tables import parcel_worth
from models.tables import refund as refunds

_MONEY = """
SELECT o.currency, o.fulfilment_status, p.amount - p.captured AS reserved, p.captured - p.refunded + coalesce((
    SELECT sum(h.amount - h.refunded) FROM credit_holds h WHERE h.order_id = o.id AND h.status = 'committed'
), 0)::bigint AS paid
FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.id = $1
"""
_GIVEN = """
SELECT coalesce(sum(amount), 0)::bigint FROM refunds
WHERE order_id = $1 AND status <> 'failed' AND actor_id IS NOT NULL AND key NOT LIKE 'approval/%'
"""


async def of_cancel(reader: Reader, order: OrderId) -> Money:
    """What would go back at most when an order, or what of it is not sent, is called off."""
    row = (await reader.exec_driver_sql(_MONEY, (order,))).one()
    paid = Money(max(row.paid, 0), row.currency)
    if row.fulfilment_status != FulfilmentStatus.PARTIAL:
        return paid
    return min(paid, await parcel_worth.unsent(reader, order))


async def of_capture(reader: Reader, order: OrderId, amount: Money | None) -> Money:
    """What would be taken: so much, or all that is reserved."""
    row = (await reader.exec_driver_sql(_MONEY, (order,))).one()
    return amount or Money(max(row.reserved, 0), row.currency)


async def of_refund(writer: Writer, order: OrderId, wish: RefundWish) -> Money | None:
    """What a refund would give back, with all that single persons gave back of the order before: many small ones are
    a large one. None: it gives nothing back. Raises: Refusal, as the refund would.
    """
    worth = await refunds.worth(writer, order, wish)
    if worth is None:
        return None
    given: int = (await writer.exec_driver_sql(_GIVEN, (order,))).scalar_one()
    return Money(worth.amount + given, worth.currency)
