"""What a buyer is told inside the shop, and in which words. Facts are stored; words are made when they are read."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from models.ids import NotificationId
from models.money import Money
from models.wording.catalogues import later, said
from models.wording.formats import money
from models.wording.reasons import reason


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


class Notification(msgspec.Struct, frozen=True):
    """Something that a buyer was told. `kind` is open: a newer version may have written it."""

    id: NotificationId
    kind: str
    order_number: str | None
    facts: Mapping[str, Any]
    created_at: datetime
    read_at: datetime | None


class Words(NamedTuple):
    """How it is said."""

    title: str
    text: str


def words(kind: str, order_number: str | None, facts: Mapping[str, Any], locale: str | None = None) -> Words:
    """What there is to say in a reader's language, from the facts alone. What this version does not know is named."""

    def told(message: str, **values: object) -> str:
        return re.sub(r" +", " ", said(locale, message, number=order_number or "", **values))

    def word(message: str) -> str:
        return said(locale, message)

    match kind:
        case _K.ORDER_CONFIRMED:
            text = told(later("Your order %(number)s is confirmed. Thank you!"))
            if total := _money(facts.get("total"), locale):
                text = told(later("Your order %(number)s of %(total)s is confirmed. Thank you!"), total=total)
            return Words(word(later("Order confirmed")), text)
        case _K.PAYMENT_FAILED:
            text = told(later("Your order %(number)s is not paid: the payment was declined. Please pay another way."))
            return Words(word(later("Payment declined")), text)
        case _K.ORDER_CANCELLED:
            text = told(later("Your order %(number)s was cancelled."))
            if facts.get("reason"):
                why = reason(facts["reason"], locale)
                text = told(later("Your order %(number)s was cancelled: %(why)s."), why=why)
            return Words(word(later("Order cancelled")), text)
        case _K.ORDER_ON_HOLD:
            text = told(later("Your order %(number)s is on hold: somebody of the shop looks at it before it goes on."))
            return Words(word(later("Order on hold")), text)
        case _K.ORDER_SHIPPED:
            message, way = _way(facts)
            return Words(word(later("Order shipped")), told(message, **way))
        case _K.ORDER_DELIVERED:
            return Words(word(later("Order delivered")), told(later("Your order %(number)s has arrived.")))
        case _K.ORDER_REFUNDED:
            amount = _money(facts.get("amount"), locale)
            return Words(word(later("Money back")), told(_refund(facts, amount), amount=amount))
        case _K.RETURN_APPROVED:
            text = told(later("Your order %(number)s: please send back what you want to return."))
            return Words(word(later("Return approved")), text)
        case _K.RETURN_REJECTED:
            text = told(later("Your order %(number)s cannot be returned as you asked."))
            if facts.get("reason"):
                why = reason(facts["reason"], locale)
                text = told(later("Your order %(number)s cannot be returned as you asked: %(why)s."), why=why)
            return Words(word(later("Return not possible")), text)
        case _K.RETURN_EXPIRED:
            text = told(later("Your order %(number)s: what you wanted to return did not arrive."))
            return Words(word(later("Return ended")), text)
    news = told(later("There is news of order %(number)s.")) if order_number else ""
    return Words(kind.replace("_", " ").capitalize(), news)


def _way(facts: Mapping[str, Any]) -> tuple[str, dict[str, object]]:
    carrier, tracking = facts.get("carrier"), facts.get("tracking")
    if carrier and tracking:
        message = later("Your order %(number)s is on its way with %(carrier)s, tracking number %(tracking)s.")
        return message, {"carrier": carrier, "tracking": tracking}
    if carrier:
        return later("Your order %(number)s is on its way with %(carrier)s."), {"carrier": carrier}
    return later("Your order %(number)s is on its way."), {}


def _refund(facts: Mapping[str, Any], amount: str | None) -> str:
    if amount is None:
        return later("Money of your order %(number)s went back to you.")
    if facts.get("gift_card") is True:
        return later("%(amount)s of your order %(number)s went back to you as a gift card, whose code was mailed.")
    if facts.get("store_credit") is True:
        return later("%(amount)s of your order %(number)s went back to you as store credit.")
    return later("%(amount)s of your order %(number)s went back to you.")


def _money(value: Any, locale: str | None) -> str | None:
    try:
        return money(msgspec.convert(value, Money), locale)
    except msgspec.ValidationError:
        return None
