"""The message that the outside gets of an order: what its buyer sees of it, and what happened."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from models.address import Address
from models.credit import Bill
from models.money import Money
from models.order import Order, Shipping, UsedCoupon
from models.refund import RefundedItem, RefundStatus
from models.returns import Return, ReturnStatus
from models.shipment import ShipItem, Shipment


class PublicItem(msgspec.Struct, frozen=True):
    """One position of an order."""

    sku: str
    name: str
    quantity: int
    unit_price: Money
    line_total: Money
    """Before the discount."""
    discount: Money
    tax: Money
    cancelled: int
    waiting: int
    promised_at: datetime | None


class PublicAddresses(msgspec.Struct, frozen=True):
    """Where the goods and the bill go."""

    shipping: Address
    billing: Address


class PublicParcel(msgspec.Struct, frozen=True):
    """A parcel that left."""

    carrier: str
    tracking: str
    items: tuple[ShipItem, ...]
    shipped_at: datetime
    delivered_at: datetime | None


class PublicRefund(msgspec.Struct, frozen=True):
    """Money that went back, or is on its way."""

    n: int
    status: RefundStatus
    amount: Money
    to_provider: Money
    to_credit: Money
    items: list[RefundedItem]
    created_at: datetime
    settled_at: datetime | None


class PublicReturnedItem(msgspec.Struct, frozen=True):
    """Units that come back."""

    sku: str
    quantity: int
    received: int
    exchange_sku: str | None


class PublicReturn(msgspec.Struct, frozen=True):
    """Goods that come back."""

    n: int
    status: ReturnStatus
    items: list[PublicReturnedItem]
    reason: str
    decision: str | None
    send_until: datetime | None
    fee: Money | None
    refund: int | None
    requested_at: datetime
    settled_at: datetime | None


class PublicOrder(msgspec.Struct, frozen=True):
    """An order as its buyer sees it, without what only its buyer can do."""

    number: str
    status: str
    payment_status: str
    fulfilment_status: str
    items: list[PublicItem]
    addresses: PublicAddresses
    shipping_method: Shipping
    totals: Bill
    placed_at: datetime
    cancel_reason: str | None
    coupons: list[UsedCoupon]
    shipments: list[PublicParcel]
    refunds: list[PublicRefund]
    returns: list[PublicReturn]


def public(order: Order, parcels: Sequence[Shipment], returns: Sequence[Return]) -> PublicOrder:
    """What of an order leaves the house."""
    return PublicOrder(
        order.number, order.status, order.payment_status, order.fulfilment_status,
        [
            PublicItem(each.sku, each.name, each.quantity, each.unit_price, each.line_total, each.discount, each.tax,
                       each.cancelled, each.waiting, each.promised_at)
            for each in order.lines
        ],
        PublicAddresses(order.shipping_address, order.billing_address), order.shipping,
        Bill.of(order.totals, order.credit), order.placed_at, order.cancel_reason, list(order.coupons),
        [
            PublicParcel(each.carrier, each.tracking, each.items, each.shipped_at, each.delivered_at)
            for each in parcels
        ],
        [
            PublicRefund(each.n, each.status, each.amount, each.to_provider, each.to_credit, list(each.items),
                         each.created_at, each.settled_at)
            for each in order.refunds
        ],
        [
            PublicReturn(
                each.n, each.status,
                [PublicReturnedItem(line.sku, line.quantity, line.received, line.exchange_sku) for line in each.lines],
                each.reason, each.decision, each.send_until, each.fee, each.refund, each.requested_at, each.settled_at,
            )
            for each in returns
        ],
    )  # fmt: skip


class Data(msgspec.Struct, frozen=True):
    """What a message is about."""

    order: PublicOrder
    """As it was when it was sent for the first time."""
    fact: Mapping[str, Any]
    """What happened, as in the order's timeline."""
    actor: str
    """`buyer`, `staff`, `provider`, or `order`: the order itself."""


class Message(msgspec.Struct, frozen=True):
    """The body of a webhook."""

    id: UUID
    type: str
    timestamp: datetime
    """When it happened."""
    data: Data | Mapping[str, str]
