"""Names for identities: a UUIDv7 each, kept apart by type, and the order number that people read aloud."""

from datetime import datetime
from typing import NewType
from uuid import UUID

import uuid_utils.compat

AddressId = NewType("AddressId", UUID)
CartId = NewType("CartId", UUID)
CartItemId = NewType("CartItemId", UUID)
ChargeId = NewType("ChargeId", UUID)
CouponId = NewType("CouponId", UUID)
CreditAccountId = NewType("CreditAccountId", UUID)
EditId = NewType("EditId", UUID)
LocationId = NewType("LocationId", UUID)
NotificationId = NewType("NotificationId", UUID)
OrderId = NewType("OrderId", UUID)
PaperId = NewType("PaperId", UUID)
PaymentId = NewType("PaymentId", UUID)
PayoutId = NewType("PayoutId", UUID)
ProductId = NewType("ProductId", UUID)
RefundId = NewType("RefundId", UUID)
ResetId = NewType("ResetId", UUID)
ReturnId = NewType("ReturnId", UUID)
ReviewId = NewType("ReviewId", UUID)
SessionId = NewType("SessionId", UUID)
UserId = NewType("UserId", UUID)
VariantId = NewType("VariantId", UUID)
VendorId = NewType("VendorId", UUID)
OrderNumber = NewType("OrderNumber", str)


def new_id() -> UUID:
    """A fresh UUIDv7: sorts by time of birth. Outside workflows only (inside: `workflow.uuid7()`)."""
    return uuid_utils.compat.uuid7()


TAIL = (1 << 62) - 1
"""The largest `tail`."""


def tail(id: UUID) -> int:
    """Its last 62 bits, which are chance: they tell some thousand ids apart as well as the whole does, and faster."""
    return id.int & TAIL


def first_id(at: datetime) -> UUID:
    """The smallest id that can be born at this moment: what is born later sorts after it."""
    return UUID(int=int(at.timestamp() * 1000) << 80)
