"""What an order's goods cost and what of its money is taken: what a parcel has to take before it leaves."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from models.capture import Goods, due_by
from models.database import Reader
from models.ids import OrderId
from models.money import Money
from models.tables.base import plain_uuid

_GOODS = """
SELECT l.id, l.quantity, l.shipped, l.line_total - l.discount + CASE WHEN o.tax_included THEN 0 ELSE l.tax END AS worth,
       o.total, o.credit, o.currency, p.captured
FROM order_lines l JOIN orders o ON o.id = l.order_id JOIN payments p ON p.order_id = o.id
WHERE l.order_id = $1 ORDER BY l.position
"""


class Worth(msgspec.Struct, frozen=True):
    """What has to be taken, and what was."""

    due: Money
    """By the provider, in all, once the parcel has left."""
    captured: Money

    @property
    def missing(self) -> Money:
        """What is still to be taken; nothing when enough is taken already."""
        return Money(max(self.due.amount - self.captured.amount, 0), self.due.currency)


async def unsent(reader: Reader, order: OrderId) -> Money:
    """What was had for goods that have not left, the provider's part and credit alike; nothing when it was not yet."""
    rows = (await reader.exec_driver_sql(_GOODS, (order,))).all()
    kind = rows[0].currency
    goods = [Goods(Money(row.worth, kind), row.quantity, row.shipped) for row in rows]
    sent = due_by(goods, Money(rows[0].total, kind), Money.zero(kind))
    return Money(max(rows[0].captured + rows[0].credit - sent.amount, 0), kind)


async def of_parcel(reader: Reader, order: OrderId, units: Mapping[UUID, int]) -> Worth:
    """With these units by position in the next parcel."""
    rows = (await reader.exec_driver_sql(_GOODS, (order,))).all()
    kind = rows[0].currency
    goods = [
        Goods(Money(row.worth, kind), row.quantity, row.shipped + units.get(plain_uuid(row.id), 0)) for row in rows
    ]
    due = due_by(goods, Money(rows[0].total, kind), Money(rows[0].credit, kind))
    return Worth(due, Money(rows[0].captured, kind))
