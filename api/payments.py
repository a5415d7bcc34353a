"""How one's orders were paid, and what of it went back."""

from datetime import datetime
from uuid import UUID

import msgspec
from litestar import get
from litestar.params import FromPath

from api import pages
from api.context import Caller, House
from api.pages import PageSize, Place
from api.problems import SIGNED_IN, refuses
from api.replies.refunds import RefundReply, refund_replies
from models.cursor import Cursor
from models.errors import Refusal
from models.ids import PaymentId
from models.money import Money
from models.payment import PaymentStatus
from models.refund import PaymentRecord
from models.roles import Scope
from models.tables import payment_history


class PaymentItem(msgspec.Struct, frozen=True):
    """The payment of one order."""

    id: PaymentId
    order_number: str
    provider: str
    """Who took the money; `credit`: nobody, gift cards and store credit paid for everything."""
    status: PaymentStatus
    amount: Money
    """Asked of the provider."""
    captured: Money
    """Taken by the provider."""
    refunded: Money
    """Of that, given back, or on its way."""
    credit: Money
    """Paid by gift cards and store credit besides."""
    refunds: list[RefundReply]
    placed_at: datetime
    """When the order was placed."""


class PaymentList(msgspec.Struct, frozen=True):
    """One page of payments, those of the newest orders first."""

    items: list[PaymentItem]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/payments", operation_id="listPayments", access=Scope.ACCOUNT, tags=["Orders"], summary="One's own payments",
    responses=refuses(*SIGNED_IN, "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_payments(house: House, caller: Caller, limit: PageSize = 20, place: Place = None) -> PaymentList:
    """One an order, those of the newest orders first."""
    found = await payment_history.page(house.database, caller.account, limit + 1, pages.begin(house, place))
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.placed_at, last.order_id))
    return PaymentList([_item(each) for each in shown], more)


@get(
    "/payments/{payment_id:uuid}", operation_id="readPayment", access=Scope.ACCOUNT, tags=["Orders"],
    summary="A payment", responses=refuses(*SIGNED_IN, "payment_not_found"),
)  # fmt: skip
async def read_payment(house: House, caller: Caller, payment_id: FromPath[UUID]) -> PaymentItem:
    """With all refunds of its order."""
    found = await payment_history.find(house.database, caller.account, PaymentId(payment_id))
    if found is None:
        raise Refusal("payment_not_found", "There is no such payment, or it is not yours.")
    return _item(found)


def _item(payment: PaymentRecord) -> PaymentItem:
    return PaymentItem(
        payment.id, payment.order_number, payment.provider, payment.status, payment.amount, payment.captured,
        payment.refunded, payment.credit, refund_replies(payment.refunds), payment.placed_at,
    )  # fmt: skip


handlers = [list_payments, read_payment]
