"""A return as staff see it."""

from datetime import datetime

import msgspec

from models.exchange import Exchange
from models.ids import OrderNumber, ReturnId
from models.money import Money
from models.refund import RefundStatus
from models.returns import Return, ReturnAction, ReturnLine, ReturnStatus, return_actions


class DeskReturn(msgspec.Struct, frozen=True):
    """Goods of an order that come back."""

    id: ReturnId
    order_number: OrderNumber
    n: int
    """Counts the returns of the order."""
    status: ReturnStatus
    reason: str
    """The buyer's words."""
    items: list[ReturnLine]
    decision: str | None
    """Why it was rejected."""
    fee: Money | None
    """Kept of what the goods cost."""
    refund: int | None
    """Number of the order's refund that gives the money back; null: none is needed, or not yet."""
    refund_status: RefundStatus | None
    requested_at: datetime
    decided_at: datetime | None
    send_until: datetime | None
    """The goods have to be there by then."""
    received_at: datetime | None
    inspected_at: datetime | None
    settled_at: datetime | None
    """When it was over, whatever way."""
    actions: list[ReturnAction]
    """What staff can do now."""
    exchange: Exchange | None
    """Once inspected, when other goods are wanted: the order that sends them, or why the money goes back."""


def desk_return(goods: Return) -> DeskReturn:
    """A return as staff see it."""
    return DeskReturn(
        goods.id, goods.order_number, goods.n, goods.status, goods.reason, list(goods.lines), goods.decision,
        goods.fee, goods.refund, goods.refund_status, goods.requested_at, goods.decided_at, goods.send_until,
        goods.received_at, goods.inspected_at, goods.settled_at, return_actions(goods.status), goods.exchange,
    )  # fmt: skip
