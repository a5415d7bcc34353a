"""What support staff can filter orders by in the Temporal UI. Never personal data: these are stored in the clear."""

from datetime import datetime

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from models.checkout import Purchase
from models.order import OrderStatus
from models.payment import PaymentStatus

ORDER_NUMBER = SearchAttributeKey.for_keyword("OrderNumber")
ORDER_STATUS = SearchAttributeKey.for_keyword("OrderStatus")
PAYMENT_STATUS = SearchAttributeKey.for_keyword("PaymentStatus")
NEEDS_ATTENTION = SearchAttributeKey.for_bool("NeedsAttention")
FAILED_STEP = SearchAttributeKey.for_keyword("FailedStep")
"""Of what needs a person: which step could not be done, without numbers and sums."""
ORDER_TOTAL = SearchAttributeKey.for_int("OrderTotal")
"""Minor units of `OrderCurrency`."""
ORDER_CURRENCY = SearchAttributeKey.for_keyword("OrderCurrency")
PLACED_AT = SearchAttributeKey.for_datetime("PlacedAt")
CART_ID = SearchAttributeKey.for_keyword("CartId")

ALL = (
    ORDER_NUMBER, ORDER_STATUS, PAYMENT_STATUS, NEEDS_ATTENTION, FAILED_STEP, ORDER_TOTAL, ORDER_CURRENCY, PLACED_AT,
    CART_ID,
)  # fmt: skip
"""Registered at the server before any worker starts: with an unknown one no workflow task completes."""


def at_start(purchase: Purchase, now: datetime) -> TypedSearchAttributes:
    """Attributes of an order that begins."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(ORDER_NUMBER, purchase.number),
            SearchAttributePair(ORDER_STATUS, OrderStatus.PENDING),
            SearchAttributePair(PAYMENT_STATUS, PaymentStatus.PENDING),
            SearchAttributePair(NEEDS_ATTENTION, False),
            SearchAttributePair(ORDER_TOTAL, purchase.expected_total.amount),
            SearchAttributePair(ORDER_CURRENCY, purchase.expected_total.currency),
            SearchAttributePair(PLACED_AT, now),
            SearchAttributePair(CART_ID, str(purchase.cart_id)),
        ]
    )


BEGINNING = (OrderStatus.PENDING, PaymentStatus.PENDING)
"""Where every order starts."""
