"""What a buyer is told inside the shop, and in which words. Facts are stored; words are made when they are read."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from models.ids import NotificationId
from models.money import Money


class NotificationKind(StrEnum):
    """What there is to tell."""

    ORDER_CONFIRMED = "order_confirmed"
    PAYMENT_FAILED = "payment_failed"
    """A card was declined; the order waits for another one."""
    ORDER_ON_HOLD = "order_on_hold"
    """Somebody looks at it before it goes on."""
    ORDER_CANCELLED = "order_cancelled"
    ORDER_SHIPPED = "order_shipped"
    ORDER_DELIVERED = "order_delivered"
    ORDER_REFUNDED = "order_refunded"
    """Wholly or in part; each refund is told."""
    RETURN_APPROVED = "return_approved"
    RETURN_REJECTED = "return_rejected"
    RETURN_EXPIRED = "return_expired"
    """The goods never came."""


_K = NotificationKind

NEWS: Mapping[str, NotificationKind] = {
    "order_confirmed": _K.ORDER_CONFIRMED,
    "payment_declined": _K.PAYMENT_FAILED,
    "order_on_hold": _K.ORDER_ON_HOLD,
    "order_cancelled": _K.ORDER_CANCELLED,
    "order_shipped": _K.ORDER_SHIPPED,
    "order_delivered": _K.ORDER_DELIVERED,
    "refund_succeeded": _K.ORDER_REFUNDED,
    "return_approved": _K.RETURN_APPROVED,
    "return_rejected": _K.RETURN_REJECTED,
    "return_expired": _K.RETURN_EXPIRED,
}
"""Types of an order's events of which its buyer is told, if they have an account; once a kind and order,
refund or return."""

_WHY_CANCELLED = {
    "cancelled_by_buyer": "You called it off.",
    "payment_window_closed": "It was not paid in time.",
    "cancelled_at_provider": "Its payment was called off.",
    "cancelled_by_operator": "The shop had to cancel it.",
    "not_accepted": "The shop cannot accept it.",
    "not_reviewed_in_time": "The shop could not check it in time.",
}


class Notification(msgspec.Struct, frozen=True):
    """Something that a buyer was told. `kind` is open: a newer version may have written it."""

    id: NotificationId
    kind: str
    order_number: str | None
    facts: Mapping[str, Any]
    created_at: datetime
    read_at: datetime | None


class Words(NamedTuple):
    """How it is said in English."""

    title: str
    text: str


def words(kind: str, order_number: str | None, facts: Mapping[str, Any]) -> Words:
    """What there is to say, from the facts alone. One that this version does not know is named, not hidden."""
    yours = f"Your order {order_number}" if order_number else "Your order"
    match kind:
        case _K.ORDER_CONFIRMED:
            total = _money(facts.get("total"))
            return Words("Order confirmed", f"{yours}{f' of {total}' if total else ''} is confirmed. Thank you!")
        case _K.PAYMENT_FAILED:
            return Words("Payment declined", f"{yours} is not paid: the payment was declined. Please pay another way.")
        case _K.ORDER_CANCELLED:
            reason = str(facts.get("reason") or "")
            why = _WHY_CANCELLED.get(reason) or (f"Reason: {reason}" if reason else "")
            return Words("Order cancelled", f"{yours} was cancelled. {why}".rstrip())
        case _K.ORDER_ON_HOLD:
            return Words("Order on hold", f"{yours} is on hold: somebody of the shop looks at it before it goes on.")
        case _K.ORDER_SHIPPED:
            carrier, tracking = facts.get("carrier"), facts.get("tracking")
            way = (f" with {carrier}" if carrier else "") + (f", tracking number {tracking}" if tracking else "")
            return Words("Order shipped", f"{yours} is on its way{way}.")
        case _K.ORDER_DELIVERED:
            return Words("Order delivered", f"{yours} has arrived.")
        case _K.ORDER_REFUNDED:
            what = _money(facts.get("amount")) or "Money"
            where = " as store credit" if facts.get("store_credit") is True else ""
            where = " as a gift card, whose code was mailed" if facts.get("gift_card") is True else where
            return Words("Money back", f"{what} of {yours[0].lower()}{yours[1:]} went back to you{where}.")
        case _K.RETURN_APPROVED:
            return Words("Return approved", f"{yours}: please send back what you want to return.")
        case _K.RETURN_REJECTED:
            why = f" Reason: {facts['reason']}" if facts.get("reason") else ""
            return Words("Return not possible", f"{yours} cannot be returned as you asked.{why}")
        case _K.RETURN_EXPIRED:
            return Words("Return ended", f"{yours}: what you wanted to return did not arrive.")
    return Words(kind.replace("_", " ").capitalize(), f"There is news of order {order_number}." if order_number else "")


def _money(value: Any) -> str | None:
    try:
        return str(msgspec.convert(value, Money))
    except msgspec.ValidationError:
        return None
