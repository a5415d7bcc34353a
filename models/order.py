"""What an order is: its three axes, the moves each permits, and its lines. Data, so that it can be proven and drawn."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from models.address import Address
from models.ids import CartId, OrderId, OrderNumber, UserId, VariantId
from models.money import Money
from models.pricing import Totals


class OrderStatus(StrEnum):
    """Where the order as a whole stands."""

    PENDING = "pending"
    """Stock is held, payment is not settled: the order can still end unpaid."""
    ON_HOLD = "on_hold"
    """A person must look before it goes on."""
    CONFIRMED = "confirmed"
    """Paid for and promised to the buyer."""
    PROCESSING = "processing"
    """Somebody is packing it."""
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    """Delivered and past the time in which it can be returned."""
    CANCELLED = "cancelled"


class FulfilmentStatus(StrEnum):
    """How much of the goods has left the house."""

    UNFULFILLED = "unfulfilled"
    PARTIAL = "partial"
    FULFILLED = "fulfilled"
    RETURNED = "returned"


_S, _F = OrderStatus, FulfilmentStatus

ORDER_MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    _S.PENDING: frozenset({_S.ON_HOLD, _S.CONFIRMED, _S.CANCELLED}),
    _S.ON_HOLD: frozenset({_S.PENDING, _S.CONFIRMED, _S.CANCELLED}),
    _S.CONFIRMED: frozenset({_S.PROCESSING, _S.SHIPPED, _S.CANCELLED}),
    _S.PROCESSING: frozenset({_S.SHIPPED, _S.CANCELLED}),
    _S.SHIPPED: frozenset({_S.DELIVERED}),
    _S.DELIVERED: frozenset({_S.COMPLETED}),
    _S.COMPLETED: frozenset(),
    _S.CANCELLED: frozenset(),
}
"""From each status, where an order may go next. An empty set is an end."""

FULFILMENT_MOVES: Mapping[FulfilmentStatus, frozenset[FulfilmentStatus]] = {
    _F.UNFULFILLED: frozenset({_F.PARTIAL, _F.FULFILLED}),
    _F.PARTIAL: frozenset({_F.FULFILLED, _F.RETURNED}),
    _F.FULFILLED: frozenset({_F.RETURNED}),
    _F.RETURNED: frozenset(),
}


SOLD = (_S.CONFIRMED, _S.PROCESSING, _S.SHIPPED, _S.DELIVERED, _S.COMPLETED)
"""Paid for: an order is confirmed when its money is captured, and not before."""


class OrderLine(msgspec.Struct, frozen=True):
    """One position of an order, frozen at checkout: later price or name changes never reach it."""

    variant_id: VariantId
    sku: str
    name: str
    quantity: int
    unit_price: Money
    line_total: Money
    """Before the discount."""
    tax: Money
    """The line's share of the order's tax; contained in what is paid for the line where the tax is inclusive."""
    discount: Money


class OrderLineName(msgspec.Struct, frozen=True):
    """What was bought, without its sums."""

    sku: str
    name: str
    quantity: int


class UsedCoupon(msgspec.Struct, frozen=True):
    """A coupon that an order used up; later changes of the coupon never reach it."""

    code: str
    discount: Money


class Shipping(msgspec.Struct, frozen=True):
    """The shipping method as promised at checkout."""

    code: str
    name: str
    estimate: str


class OrderEvent(msgspec.Struct, frozen=True):
    """One fact of an order's timeline, each written once."""

    type: str
    actor: str
    at: datetime
    facts: dict[str, object]


class Order(msgspec.Struct, frozen=True):
    """An order as Postgres holds it."""

    id: OrderId
    number: OrderNumber
    workflow_id: str
    cart_id: CartId
    attempt: int
    customer_id: UserId | None
    email: str
    status: OrderStatus
    payment_status: str
    fulfilment_status: FulfilmentStatus
    totals: Totals
    shipping: Shipping
    shipping_address: Address
    billing_address: Address
    lines: tuple[OrderLine, ...]
    placed_at: datetime
    pay_until: datetime
    cancel_reason: str | None = None
    attention: str | None = None
    payment_reference: str | None = None
    client_secret: str | None = None
    payment_error: str | None = None
    credit: Money | None = None
    """Of the total, what gift cards and store credit pay; None: nothing."""
    coupons: tuple[UsedCoupon, ...] = ()


class OrderCard(msgspec.Struct, frozen=True):
    """An order in its buyer's list."""

    id: OrderId
    number: OrderNumber
    status: OrderStatus
    payment_status: str
    fulfilment_status: FulfilmentStatus
    total: Money
    placed_at: datetime
    units: int
    first_lines: tuple[OrderLineName, ...]


def may_move(start: OrderStatus, end: OrderStatus) -> bool:
    """Whether an order may go from `start` to `end` in one step."""
    return end in ORDER_MOVES[start]


def buyer_actions(status: OrderStatus, payment_status: str) -> list[str]:
    """What the buyer can do now: the order's `can`."""
    if status is OrderStatus.PENDING and payment_status in ("pending", "failed"):
        return ["cancel", "pay"]
    return []


def workflow_id(cart: UUID, attempt: int) -> str:
    """The id of the one workflow that owns this checkout: a second click, tab or webhook meets the same one."""
    return f"order/{cart}/{attempt}"


_WORKFLOW_ID = re.compile(r"order/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/[1-9][0-9]{0,8}", re.ASCII)


def is_workflow_id(name: str) -> bool:
    """Whether `name`, which came from outside, is made as `workflow_id` makes them."""
    return _WORKFLOW_ID.fullmatch(name) is not None
