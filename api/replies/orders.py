"""What buyers are told of an order: workflow answers and rows become these shapes, and nothing else gets out."""

from datetime import datetime

import msgspec

from api.context import House
from api.replies.checkout import PaymentReply, payment_of
from api.replies.edits import EditReply, edit_reply
from api.replies.refunds import RefundReply, refund_replies
from api.replies.returns import ReturnReply, return_reply
from models import clock
from models.address import Address
from models.credit import Bill
from models.exchange import SHIPPING_CODE
from models.money import Money
from models.order import (
    Action,
    FulfilmentStatus,
    Order,
    OrderCard,
    OrderLineName,
    OrderStatus,
    Shipping,
    UsedCoupon,
    buyer_actions,
)
from models.returns import Return, closes_at
from models.shipment import ShipItem, Shipment
from models.tables import exchange as exchanges
from models.tables import returns
from models.tables import shipment as shipments


class Item(msgspec.Struct):
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
    """Units that never will be sent."""
    waiting: int
    """Units that have still to come in."""
    promised_at: datetime | None
    """By when what was not here is sent; null: all of it was, or what was not never will be."""


class Addresses(msgspec.Struct):
    """Where the goods and the bill go."""

    shipping: Address
    billing: Address


class ShipmentReply(msgspec.Struct):
    """A parcel that is on its way, or has arrived."""

    carrier: str
    tracking: str
    items: tuple[ShipItem, ...]
    shipped_at: datetime
    delivered_at: datetime | None
    """Null: it is on its way."""


class OrderReply(msgspec.Struct):
    """An order as its buyer sees it."""

    number: str
    status: str
    payment_status: str
    fulfilment_status: str
    items: list[Item]
    addresses: Addresses | None
    shipping_method: Shipping | None
    totals: Bill | None
    placed_at: datetime | None
    pay_until: datetime | None
    """Until when an unpaid order is kept."""
    cancel_reason: str | None
    can: list[str]
    """What the buyer can do now: `cancel`, `pay`, `edit`, `return`."""
    payment: PaymentReply | None = None
    """While it can be paid: the client secret with which the buyer's browser finishes the payment."""
    shipments: list[ShipmentReply] = []
    refunds: list[RefundReply] = []
    returns: list[ReturnReply] = []
    edits: list[EditReply] = []
    """Changes that were asked for before it was sent."""
    coupons: list[UsedCoupon] = []
    """Which coupons it used up, and what each took off; together `totals.discount`."""
    exchange_of: str | None = None
    """Number of the order whose goods came back for this one."""


class OrderListItem(msgspec.Struct):
    """An order in its buyer's list."""

    number: str
    status: str
    payment_status: str
    fulfilment_status: str
    total: Money
    placed_at: datetime
    item_count: int
    """Units of all goods."""
    items: list[OrderLineName]
    """The first three positions."""
    can: list[str]
    """What the buyer can do now: `cancel`, `pay`, `edit`, `return`."""


class OrderList(msgspec.Struct):
    """One page of orders, newest first."""

    items: list[OrderListItem]
    next_cursor: str | None
    """Give it as `cursor` for the next page; None: this was the last."""
    total: int | None = None
    """Not counted."""


async def sent(house: House, order: Order) -> list[Shipment]:
    """The order's parcels; an order of which nothing has left is not asked."""
    if order.fulfilment_status is FulfilmentStatus.UNFULFILLED:
        return []
    return await shipments.of_order(house.database, order.id)


async def returned(house: House, order: Order) -> list[Return]:
    """The order's returns; an order of which nothing has left is not asked."""
    if order.fulfilment_status is FulfilmentStatus.UNFULFILLED:
        return []
    return await returns.of_order(house.database, order.id)


def can_of(house: House, order: Order, parcels: list[Shipment]) -> list[Action]:
    """What its buyer can do now."""
    closes = closes_at(parcels, house.settings.return_within)
    out = any(line.shipped > line.returned for line in order.lines)
    returnable = out and closes is not None and clock.now() <= closes
    found = buyer_actions(order.status, order.payment_status, order.fulfilment_status, returnable)
    # What is sent in exchange is what was asked for instead: it can be called off, not become another thing.
    return [each for each in found if each is not Action.EDIT or order.shipping.code != SHIPPING_CODE]


async def order_reply(house: House, order: Order) -> OrderReply:
    """The order as its buyer sees it."""
    parcels = await sent(house, order)
    can = list[str](can_of(house, order, parcels))
    return OrderReply(
        number=order.number,
        status=order.status,
        payment_status=order.payment_status,
        fulfilment_status=order.fulfilment_status,
        items=[
            Item(
                line.sku,
                line.name,
                line.quantity,
                line.unit_price,
                line.line_total,
                line.discount,
                line.tax,
                line.cancelled,
                line.waiting,
                line.promised_at,
            )
            for line in order.lines
        ],
        addresses=Addresses(order.shipping_address, order.billing_address),
        shipping_method=order.shipping,
        totals=Bill.of(order.totals, order.credit),
        placed_at=order.placed_at,
        pay_until=order.pay_until if order.status is OrderStatus.PENDING else None,
        cancel_reason=order.cancel_reason,
        can=can,
        payment=payment_of(order) if "pay" in can else None,
        coupons=list(order.coupons),
        refunds=refund_replies(order.refunds),
        returns=[return_reply(house, each) for each in await returned(house, order)],
        edits=[edit_reply(each) for each in order.edits],
        exchange_of=await exchanged(house, order),
        shipments=[
            ShipmentReply(each.carrier, each.tracking, each.items, each.shipped_at, each.delivered_at)
            for each in parcels
        ],
    )


async def exchanged(house: House, order: Order) -> str | None:
    """Number of the order whose goods came back for this one; others are not asked."""
    return await exchanges.origin(house.database, order.number) if order.shipping.code == SHIPPING_CODE else None


def order_list_item(house: House, order: OrderCard) -> OrderListItem:
    """The order as a list shows it."""
    last, within = order.last_parcel, house.settings.return_within
    returnable = order.out > 0 and last is not None and clock.now() <= last + within
    return OrderListItem(
        number=order.number, status=order.status, payment_status=order.payment_status,
        fulfilment_status=order.fulfilment_status, total=order.total, placed_at=order.placed_at,
        item_count=order.units, items=list(order.first_lines),
        can=list[str](buyer_actions(order.status, order.payment_status, order.fulfilment_status, returnable)),
    )  # fmt: skip


def nothing_yet(number: str, status: OrderStatus, reason: str | None) -> OrderReply:
    """A checkout that was accepted and has no order: not begun yet, or refused."""
    payment = "voided" if status is OrderStatus.CANCELLED else "pending"
    return OrderReply(number, status, payment, "unfulfilled", [], None, None, None, None, None, reason, [])
