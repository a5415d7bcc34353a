"""What an order is: its three axes, the moves each permits, and its lines. Data, so that it can be proven and drawn."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from models.address import Address
from models.edit import EditOutline
from models.ids import CartId, OrderId, OrderNumber, UserId, VariantId
from models.money import Money
from models.payment import PaymentStatus
from models.refund import RefundOutline
from models.totals import TaxPart, Totals


class OrderStatus(StrEnum):
    """Where the order as a whole stands."""

    PENDING = "pending"
    """Stock is held, payment is not settled: the order can still end unpaid."""
    ON_HOLD = "on_hold"
    """A person must look before it goes on."""
    CONFIRMED = "confirmed"
    """Paid for and promised to the buyer."""
    PROCESSING = "processing"
    """A part of it has left the house."""
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


UNSETTLED = frozenset({_S.PENDING, _S.ON_HOLD})
"""Not paid for yet: such an order can end as if it had never been."""
SOLD = (_S.CONFIRMED, _S.PROCESSING, _S.SHIPPED, _S.DELIVERED, _S.COMPLETED)
"""Paid for, or, where money is taken at shipment, sure to be: an order is confirmed then, and not before."""


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
    shipped: int = 0
    """Units that have left."""
    cancelled: int = 0
    """Units that never will."""
    returned: int = 0
    """Units that came back, or are to."""
    waiting: int = 0
    """Units that have still to come in."""
    promised_at: datetime | None = None
    """By when what was not here is sent; None: all of it was, or what was not never will be."""


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
    redirect_url: str | None = None
    """The provider's page on which the buyer pays."""
    payment_error: str | None = None
    provider: str = "stripe"
    """Whoever takes the money; `credit`: nobody has to."""
    credit: Money | None = None
    """Of the total, what gift cards and store credit pay; None: nothing."""
    coupons: tuple[UsedCoupon, ...] = ()
    refunds: tuple[RefundOutline, ...] = ()
    edits: tuple[EditOutline, ...] = ()
    taxes: tuple[TaxPart, ...] = ()
    """What the tax is made of, by the places of its lines."""
    locale: str = "en"
    """Its buyer's language when they bought (BCP 47): of its letters and papers."""


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
    out: int = 0
    """Units that the buyer has, of which no return was asked for."""
    last_parcel: datetime | None = None
    """When the last one arrived, or left; None: nothing has left."""


class DeskCard(msgspec.Struct, frozen=True):
    """An order in staff's list."""

    id: OrderId
    number: OrderNumber
    status: OrderStatus
    payment_status: str
    fulfilment_status: FulfilmentStatus
    attention: str | None
    customer_id: UserId | None
    email: str
    name: str
    total: Money
    placed_at: datetime
    units: int
    first_lines: tuple[OrderLineName, ...]


def may_move(start: OrderStatus, end: OrderStatus) -> bool:
    """Whether an order may go from `start` to `end` in one step."""
    return end in ORDER_MOVES[start]


class Action(StrEnum):
    """What somebody can ask of an order."""

    PAY = "pay"
    CANCEL = "cancel"
    EDIT = "edit"
    RETURN = "return"
    APPROVE = "approve"
    REJECT = "reject"
    SHIP = "ship"
    DELIVER = "deliver"
    CAPTURE = "capture"
    REFUND = "refund"
    RETRY = "retry"
    EXTEND_HOLD = "extend_hold"
    NOTE = "note"
    SWITCH_LOCATION = "switch_location"
    ACCEPT_SHORTAGE = "accept_shortage"


class When(msgspec.Struct, frozen=True):
    """Where an order has to stand for an action: every axis that is named has to agree; None: it may be anywhere."""

    status: frozenset[OrderStatus] | None = None
    payment: frozenset[PaymentStatus] | None = None
    fulfilment: frozenset[FulfilmentStatus] | None = None
    attention: bool | None = None
    """Whether a person is asked for."""

    def holds(self, status: OrderStatus, payment: PaymentStatus, fulfilment: FulfilmentStatus, attention: bool) -> bool:
        """Whether an order that stands there meets it."""
        return (
            (self.status is None or status in self.status)
            and (self.payment is None or payment in self.payment)
            and (self.fulfilment is None or fulfilment in self.fulfilment)
            and (self.attention is None or attention is self.attention)
        )


_P = PaymentStatus
_UNPAID = When(frozenset({_S.PENDING}), frozenset({_P.PENDING, _P.FAILED}))
_IN_HAND = frozenset({_P.PAID, _P.PARTIALLY_REFUNDED})
"""The shop has money of the buyer's."""

_SENT = frozenset({_F.PARTIAL, _F.FULFILLED, _F.RETURNED})
"""Something has left, and may be back before anybody said that it arrived."""

_HELD = When(frozenset({_S.ON_HOLD}), frozenset({_P.AUTHORIZED}))
"""A person has to look before its money is taken."""

_PAID_AND_HERE = When(
    frozenset({_S.CONFIRMED}), frozenset({_P.AUTHORIZED, _P.PAID, _P.PARTIALLY_REFUNDED, _P.REFUNDED}),
    frozenset({_F.UNFULFILLED}),
)  # fmt: skip
"""Paid for, or sure to be when it is sent, and nothing of it has left the house."""
_RESERVED_AND_HERE = When(frozenset({_S.CONFIRMED}), frozenset({_P.AUTHORIZED}), frozenset({_F.UNFULFILLED}))
"""Its money is taken when it is sent, and nothing was sent yet."""
_TO_SEND = When(
    frozenset({_S.CONFIRMED, _S.PROCESSING}), _IN_HAND | {_P.AUTHORIZED}, frozenset({_F.UNFULFILLED, _F.PARTIAL})
)
"""Something of it can leave; where its money is only reserved, it is taken then."""

_PARTLY_TAKEN = When(frozenset({_S.PROCESSING}), frozenset({_P.AUTHORIZED}), frozenset({_F.PARTIAL}))
"""What has left is paid for, what has not is only reserved."""

_PARTLY_SENT = When(
    frozenset({_S.PROCESSING}), frozenset({_P.AUTHORIZED, _P.PAID, _P.PARTIALLY_REFUNDED, _P.REFUNDED}),
    frozenset({_F.PARTIAL}),
)  # fmt: skip
"""Staff can say that no more of it will come."""

_EDITABLE = When(frozenset({_S.CONFIRMED}), _IN_HAND, frozenset({_F.UNFULFILLED}))
"""Its content can be another one: money can go back, and nothing of it has left the house."""

BUYER_ACTIONS: Mapping[Action, tuple[When, ...]] = {
    Action.CANCEL: (_UNPAID, _HELD, _PAID_AND_HERE),
    Action.PAY: (_UNPAID,),
    Action.EDIT: (_EDITABLE,),
    Action.RETURN: (
        When(
            frozenset({_S.PROCESSING, _S.SHIPPED, _S.DELIVERED}),
            frozenset({_P.PAID, _P.PARTIALLY_REFUNDED, _P.REFUNDED}),
            frozenset({_F.PARTIAL, _F.FULFILLED}),
        ),
        _PARTLY_TAKEN,
    ),
}
"""What a buyer can do, and when: any of the conditions will do."""

STAFF_ACTIONS: Mapping[Action, tuple[When, ...]] = {
    Action.CANCEL: (_UNPAID, _HELD, _PAID_AND_HERE, _PARTLY_SENT),
    Action.EXTEND_HOLD: (_UNPAID,),
    Action.APPROVE: (_HELD,),
    Action.REJECT: (_HELD,),
    Action.EDIT: (_EDITABLE,),
    Action.SHIP: (_TO_SEND,),
    Action.SWITCH_LOCATION: (_TO_SEND,),
    Action.ACCEPT_SHORTAGE: (
        When(frozenset({_S.CONFIRMED, _S.PROCESSING}), _IN_HAND, frozenset({_F.UNFULFILLED, _F.PARTIAL})),
    ),
    Action.CAPTURE: (_RESERVED_AND_HERE,),
    Action.DELIVER: (When(frozenset({_S.PROCESSING, _S.SHIPPED}), None, _SENT),),
    Action.REFUND: (When(None, _IN_HAND), _PARTLY_TAKEN),
    Action.RETRY: (When(attention=True),),
    Action.NOTE: (When(),),
}
"""What staff can do, and when."""

INTERNAL = frozenset(
    "note retry_asked order_screened order_approved order_rejected review_expired dispute_opened dispute_won "
    "dispute_lost letter_refused location_switched approval_asked approval_given approval_rejected".split()
)
"""Types of a timeline's facts that are staff's own: its buyer is not told."""


def told_to_buyer(events: list[OrderEvent]) -> list[OrderEvent]:
    """An order's timeline without what is staff's own; of staff only that it was one of them."""
    return [
        msgspec.structs.replace(event, actor=event.actor.partition("/")[0])
        for event in events
        if event.type not in INTERNAL
    ]


def _actions(
    table: Mapping[Action, tuple[When, ...]], status: str, payment: str, fulfilment: str, attention: bool
) -> list[Action]:
    stands = OrderStatus(status), PaymentStatus(payment), FulfilmentStatus(fulfilment), attention
    return [action for action, whens in table.items() if any(when.holds(*stands) for when in whens)]


def buyer_actions(status: str, payment: str, fulfilment: str, returnable: bool) -> list[Action]:
    """What the buyer can do now: the order's `can`. `returnable`: units are left, and time, for a return."""
    found = _actions(BUYER_ACTIONS, status, payment, fulfilment, False)
    return [action for action in found if returnable or action is not Action.RETURN]


def staff_actions(status: str, payment: str, fulfilment: str, attention: bool) -> list[Action]:
    """What staff can do now: the order's `actions`."""
    return _actions(STAFF_ACTIONS, status, payment, fulfilment, attention)


def workflow_id(cart: UUID, attempt: int) -> str:
    """The id of the one workflow that owns this checkout: a second click, tab or webhook meets the same one."""
    return f"order/{cart}/{attempt}"


_WORKFLOW_ID = re.compile(r"order/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/[1-9][0-9]{0,8}", re.ASCII)


def is_workflow_id(name: str) -> bool:
    """Whether `name`, which came from outside, is made as `workflow_id` makes them."""
    return _WORKFLOW_ID.fullmatch(name) is not None
