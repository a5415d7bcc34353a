"""What clients are told of an order: workflow answers and rows become these shapes, and nothing else gets out."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from litestar import Response

from api.context import House
from api.edit_replies import EditReply, edit_reply
from models import clock, tokens
from models.address import Address
from models.credit import Bill
from models.errors import Refusal
from models.exchange import SHIPPING_CODE, Exchange, ExchangeStatus
from models.ids import OrderNumber
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
from models.payment import PaymentStatus, ProviderPayment, Standing
from models.refund import RefundedItem, RefundOutline, RefundStatus
from models.returns import Return, ReturnStatus, closes_at
from models.shipment import ShipItem, Shipment
from models.tables import exchange as exchanges
from models.tables import returns
from models.tables import shipment as shipments
from workflows.order_messages import OrderState


class OrderSummary(msgspec.Struct):
    """An order just placed."""

    number: OrderNumber
    order_token: str
    """Opens this order without an account: send it back as header `Order-Token`."""
    status: OrderStatus
    payment_status: PaymentStatus
    total: Money | None
    url: str
    credit: Money | None = None
    """Of the total, what gift cards and store credit pay."""
    due: Money | None = None
    """Of the total, what the payment provider takes."""


class PaymentReply(msgspec.Struct):
    """Where the payment stands."""

    status: str
    """`authorized` or `captured`: done. `action_required`: confirm with `client_secret` (3-D Secure).
    `method_required`: pay with `client_secret`, or on the page `redirect_url`. `declined`: try another method.
    `unknown`: not known yet."""
    client_secret: str | None = None
    redirect_url: str | None = None
    """Send the buyer there: to their bank, or to the provider's page on which they pay."""
    code: str | None = None
    detail: str | None = None


class CheckoutReply(msgspec.Struct):
    """The outcome of a checkout or of another try to pay."""

    order: OrderSummary
    payment: PaymentReply


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


class RefundReply(msgspec.Struct, frozen=True):
    """Money of an order that went back."""

    n: int
    """Counts the refunds of the order."""
    status: RefundStatus
    """`open`: on its way. `failed`: it did not arrive; the shop sees to it."""
    amount: Money
    to_provider: Money
    """Of it, to the card or account that was paid with."""
    to_credit: Money
    """Of it, to gift cards or store credit."""
    items: list[RefundedItem]
    """What it is for; empty where an amount went back without naming what for."""
    created_at: datetime
    settled_at: datetime | None
    """When it arrived, or failed."""
    gift_card: bool = False
    """All of it is on a new gift card, whose code was mailed; or it pays for what is sent in exchange."""


class ReturnedItem(msgspec.Struct, frozen=True):
    """Units of one thing that come back."""

    sku: str
    quantity: int
    received: int
    """Of these, came."""
    exchange_sku: str | None = None
    """Wanted instead; null: the money."""


class ExchangeOrder(msgspec.Struct, frozen=True):
    """What is sent instead of goods that came back: an order like any."""

    status: ExchangeStatus
    """`open`: see the order whether something is left to pay. `done`. `refunded`: the money goes back instead."""
    number: OrderNumber | None
    """Null: none could be made."""
    order_token: str | None
    """Opens that order without an account."""
    due: Money | None
    """What was to be paid besides what came back."""
    why: str | None
    """Why the money goes back: `out_of_stock`, `payment_window_closed` …"""


class ReturnReply(msgspec.Struct, frozen=True):
    """Goods of an order that its buyer sends back."""

    n: int
    """Counts the returns of the order."""
    status: ReturnStatus
    """`approved`: send them. `expired`: they never came. `settled`: it is over, see `refund`."""
    items: list[ReturnedItem]
    reason: str
    """As its buyer said it."""
    decision: str | None
    """Why it was rejected."""
    send_until: datetime | None
    """Once approved: they have to be there by then."""
    fee: Money | None
    """Kept of what they cost."""
    refund: int | None
    """Number of the order's refund that gives the money back."""
    requested_at: datetime
    settled_at: datetime | None
    """When it was over, whatever way."""
    exchange_order: ExchangeOrder | None = None
    """Once somebody has looked into the parcel, when other goods are wanted."""


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


def reply_to(house: House, number: OrderNumber, answer: OrderState | Order, done: int = 201) -> Response[CheckoutReply]:
    """The outcome as a response: `done`, or 202 while it is open. Raises: Refusal when the business said no."""
    token = tokens.order_token(house.settings.secret_key, number)
    url = f"/api/v1/orders/{number}"
    if isinstance(answer, Order):
        summary = OrderSummary(
            number, token, answer.status, PaymentStatus(answer.payment_status), answer.totals.total, url,
            *_parts(answer.totals.total, answer.credit),
        )  # fmt: skip
        return Response(CheckoutReply(summary, payment_of(answer)), status_code=done, headers={"Location": url})
    if answer.refusal is not None:
        raise Refusal(answer.refusal.code, answer.refusal.detail, **answer.refusal.facts)
    parts = _parts(answer.total, answer.credit) if answer.total else ()
    summary = OrderSummary(number, token, answer.status, answer.payment_status, answer.total, url, *parts)
    seen = answer.payment or ProviderPayment(Standing.UNKNOWN)
    if seen.standing is Standing.DECLINED:
        raise Refusal(
            "payment_declined", seen.detail or "The payment was declined.",
            order=summary, decline_code=seen.code, client_secret=seen.client_secret,
            **({"redirect_url": seen.redirect_url} if seen.redirect_url else {}),
        )  # fmt: skip
    payment = PaymentReply(seen.standing, seen.client_secret, seen.redirect_url, seen.code, seen.detail)
    open_still = seen.standing in (Standing.UNKNOWN, Standing.PROCESSING)
    return Response(
        CheckoutReply(summary, payment),
        status_code=202 if open_still else done,
        headers={"Location": url, **({"Retry-After": "2"} if open_still else {})},
    )


def _parts(total: Money, credit: Money | None) -> tuple[Money, Money]:
    """Of the total, what credit pays and what is due."""
    credit = credit or Money.zero(total.currency)
    return credit, total - credit


def payment_of(order: Order) -> PaymentReply:
    """The payment as the row tells it."""
    return PaymentReply(order.payment_status, order.client_secret, order.redirect_url, order.payment_error)


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


def refund_replies(refunds: Iterable[RefundOutline]) -> list[RefundReply]:
    """Refunds as the buyer sees them: without what staff wrote."""
    return [
        RefundReply(each.n, each.status, each.amount, each.to_provider, each.to_credit, list(each.items),
                    each.created_at, each.settled_at, each.gift_card)
        for each in refunds
    ]  # fmt: skip


async def exchanged(house: House, order: Order) -> str | None:
    """Number of the order whose goods came back for this one; others are not asked."""
    return await exchanges.origin(house.database, order.number) if order.shipping.code == SHIPPING_CODE else None


def return_reply(house: House, goods: Return) -> ReturnReply:
    """A return as its buyer sees it."""
    items = [ReturnedItem(each.sku, each.quantity, each.received, each.exchange_sku) for each in goods.lines]
    return ReturnReply(
        goods.n, goods.status, items, goods.reason, goods.decision, goods.send_until, goods.fee, goods.refund,
        goods.requested_at, goods.settled_at, _exchange_order(house, goods.exchange) if goods.exchange else None,
    )  # fmt: skip


def _exchange_order(house: House, exchange: Exchange) -> ExchangeOrder:
    token = tokens.order_token(house.settings.secret_key, exchange.number) if exchange.number else None
    due = exchange.price - exchange.paid if exchange.price and exchange.paid else None
    return ExchangeOrder(exchange.status, exchange.number, token, due, exchange.why)


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
