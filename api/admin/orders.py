"""Orders as staff see them: found, read whole, and what can be done with each."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get
from litestar.params import QueryParameter

from api import pages
from api.admin.readings import LIST, write_down_reading
from api.admin.refusals import staff_refuses
from api.admin.return_records import DeskReturn, desk_return
from api.context import Caller, House, Identity
from api.orders import Number
from api.pages import PageSize, Place
from api.problems import FieldError, Invalid
from api.replies.edits import DeskEdit, desk_edit
from api.replies.orders import Addresses, returned, sent
from models import logs
from models.approval import ApprovalRecord
from models.credit import Bill
from models.cursor import Cursor
from models.dispute import DisputeOutline
from models.errors import Refusal
from models.ids import OrderNumber, UserId
from models.money import Money
from models.order import (
    Action,
    DeskCard,
    FulfilmentStatus,
    Order,
    OrderEvent,
    OrderLineName,
    OrderStatus,
    Shipping,
    UsedCoupon,
    staff_actions,
)
from models.payment import PaymentStatus
from models.refund import RefundOutline
from models.roles import Role, Scope
from models.screening import ScreeningOutline
from models.shipment import Shipment
from models.steering import open_to
from models.tables import approval as approvals
from models.tables import dispute as disputes
from models.tables import order as orders
from models.tables import order_desk as desk
from models.tables import screening

InStatus = Annotated[OrderStatus | None, QueryParameter(name="status", description="Only orders that are in it now")]
Paid = Annotated[PaymentStatus | None, QueryParameter(name="payment_status", description="Only with this payment")]
Sent = Annotated[FulfilmentStatus | None, QueryParameter(name="fulfilment_status", description="Only those so far")]
Attention = Annotated[bool | None, QueryParameter(description="True: only those that ask for a person; false: others")]
OfCustomer = Annotated[UUID | None, QueryParameter(name="customer", description="Only of this account")]
From = Annotated[str | None, QueryParameter(name="placed_from", format="date-time", description="Placed then or later")]
To = Annotated[str | None, QueryParameter(name="placed_to", format="date-time", description="Placed before")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Words = Annotated[
    str | None,
    QueryParameter(
        name="q", min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$",
        description="An order's number, a SKU in it, or part of its buyer's e-mail address or name",
    ),
]  # fmt: skip


class DeskItem(msgspec.Struct, frozen=True):
    """An order in staff's list."""

    number: str
    status: str
    payment_status: str
    fulfilment_status: str
    attention: str | None
    """Why a person has to look; null: nobody has to."""
    customer_id: UserId | None
    """Null: a guest."""
    email: str
    name: str
    """Who gets the goods."""
    total: Money
    placed_at: datetime
    item_count: int
    """Units of all goods."""
    items: list[OrderLineName]
    """The first three positions."""
    actions: list[Action]
    """What you can do now."""


class DeskList(msgspec.Struct, frozen=True):
    """One page of orders, newest first."""

    items: list[DeskItem]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class DeskPayment(msgspec.Struct, frozen=True):
    """How the order is paid."""

    status: str
    reference: str | None
    """The provider's id of the payment."""
    error: str | None
    """Why the last try was declined: the provider's code."""


class DeskPosition(msgspec.Struct, frozen=True):
    """One position of an order, as staff see it."""

    sku: str
    name: str
    quantity: int
    shipped: int
    """Units that have left."""
    cancelled: int
    """Units that never will."""
    returned: int
    """Units that came back, or are to."""
    waiting: int
    """Units that have still to come in."""
    promised_at: datetime | None
    """By when what was not here is sent; null: all of it was, or what was not never will be."""
    unit_price: Money
    line_total: Money
    """Before the discount."""
    discount: Money
    tax: Money


class DeskOrder(msgspec.Struct, frozen=True):
    """An order as staff see it."""

    number: str
    status: str
    payment_status: str
    fulfilment_status: str
    attention: str | None
    """Why a person has to look; null: nobody has to."""
    customer_id: UserId | None
    """Null: a guest."""
    email: str
    items: list[DeskPosition]
    shipments: list[Shipment]
    addresses: Addresses
    shipping_method: Shipping
    totals: Bill
    coupons: list[UsedCoupon]
    payment: DeskPayment
    refunds: list[RefundOutline]
    disputes: list[DisputeOutline]
    """What its buyer wants back by way of their bank."""
    returns: list[DeskReturn]
    edits: list[DeskEdit]
    """Changes that were asked for before it was sent."""
    placed_at: datetime
    pay_until: datetime
    """Until when it is kept unpaid."""
    cancel_reason: str | None
    screening: ScreeningOutline | None
    """How much it looks like fraud, and what was decided; null: it was not screened."""
    events: list[OrderEvent]
    """What happened, oldest first; with staff's notes, which its buyer does not see."""
    workflow_id: str
    """The one workflow that owns it, as the Temporal UI knows it."""
    approvals: list[ApprovalRecord]
    """What waits for a second person to say yes."""
    actions: list[Action]
    """What you can do now."""


@get(
    "/admin/orders", operation_id="listAllOrders", access=Scope.ORDERS_READ, tags=["Staff"], summary="Orders",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_orders(
    house: House,
    caller: Caller,
    status: InStatus = None,
    paid: Paid = None,
    sent: Sent = None,
    attention: Attention = None,
    customer: OfCustomer = None,
    since: From = None,
    before: To = None,
    words: Words = None,
    limit: PageSize = 20,
    place: Place = None,
) -> DeskList:
    """Newest first. Filters add up."""
    wanted = desk.Wanted(
        status, paid, sent, attention, UserId(customer) if customer else None, _moment("placed_from", since),
        _moment("placed_to", before), words,
    )  # fmt: skip
    found = await desk.listed(house.database, limit + 1, wanted, pages.begin(house, place))
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.placed_at, last.id))
    await write_down_reading(house, caller, "order.read", [LIST])
    return DeskList([_item(card, caller.roles) for card in shown], more)


@get(
    "/admin/orders/{number:str}", operation_id="readAnyOrder", access=Scope.ORDERS_READ, tags=["Staff"],
    summary="An order, whole", responses=staff_refuses("order_not_found", "invalid"),
)  # fmt: skip
async def read_order(house: House, caller: Caller, number: Number) -> DeskOrder:
    """With all that happened to it, and what can be done with it now."""
    return await desk_order(house, caller, await find(house, number))


def _moment(parameter: str, text: str | None) -> datetime | None:
    """Read here: the framework would take a number for seconds since 1970. Raises: Invalid."""
    if text is None:
        return None
    try:
        return msgspec.convert(text, Moment).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        raise Invalid(FieldError("This is no time: RFC 3339, with an offset", parameter=parameter)) from None


async def find(house: House, number: str) -> Order:
    """Raises: Refusal `order_not_found`."""
    logs.bind(order=number)
    order = await orders.find(house.database, OrderNumber(number))
    if order is None:
        raise Refusal("order_not_found", "There is no such order.")
    return order


def actions_of(order: Order | DeskCard, roles: Iterable[Role]) -> list[Action]:
    """What somebody with these roles can do with it now: the one place where that is decided."""
    legal = staff_actions(order.status, order.payment_status, order.fulfilment_status, order.attention is not None)
    return open_to(legal, roles)


async def desk_order(house: House, caller: Identity, order: Order) -> DeskOrder:
    """The order as this person sees it; that they do is written down."""
    await write_down_reading(house, caller, "order.read", [order.number])
    return DeskOrder(
        number=order.number, status=order.status, payment_status=order.payment_status,
        fulfilment_status=order.fulfilment_status, attention=order.attention, customer_id=order.customer_id,
        email=order.email, items=_positions(order), shipping_method=order.shipping, shipments=await sent(house, order),
        addresses=Addresses(order.shipping_address, order.billing_address),
        totals=Bill.of(order.totals, order.credit), coupons=list(order.coupons),
        payment=DeskPayment(order.payment_status, order.payment_reference, order.payment_error),
        refunds=list(order.refunds), disputes=await disputes.of_order(house.database, order.id),
        returns=[desk_return(each) for each in await returned(house, order)],
        edits=[desk_edit(each) for each in order.edits],
        placed_at=order.placed_at, pay_until=order.pay_until, cancel_reason=order.cancel_reason,
        screening=await screening.of_order(house.database, order.number, order.id),
        events=await orders.timeline(house.database, order.id), workflow_id=order.workflow_id,
        approvals=await approvals.pending(house.database, order.id), actions=actions_of(order, caller.roles),
    )  # fmt: skip


def _positions(order: Order) -> list[DeskPosition]:
    return [
        DeskPosition(
            line.sku, line.name, line.quantity, line.shipped, line.cancelled, line.returned, line.waiting,
            line.promised_at, line.unit_price, line.line_total, line.discount, line.tax,
        )
        for line in order.lines
    ]  # fmt: skip


def _item(card: DeskCard, roles: Iterable[Role]) -> DeskItem:
    return DeskItem(
        card.number, card.status, card.payment_status, card.fulfilment_status, card.attention, card.customer_id,
        card.email, card.name, card.total, card.placed_at, card.units, list(card.first_lines), actions_of(card, roles),
    )  # fmt: skip


handlers = [list_orders, read_order]
