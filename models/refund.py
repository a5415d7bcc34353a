"""Money that goes back to a buyer: how much of an order is left, what each unit is worth, and where the money goes.

It goes back to where it came from: to the payment provider what the provider took, to gift cards and store credit what
they paid. All sums are exact: whatever the parts in which an order is refunded, they add up to what was paid.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from models.audit import Author
from models.charge import RefundPart
from models.ids import CreditAccountId, OrderId, OrderNumber, PaymentId, RefundId
from models.money import Money
from models.payment import PaymentStatus


class RefundStatus(StrEnum):
    """Where one refund stands."""

    OPEN = "open"
    """Its money is reserved, so that nobody gives it back a second time; it is on its way."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It did not arrive, or came back later: the money can be refunded again, another way."""


REFUND_MOVES: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    RefundStatus.OPEN: frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED}),
    RefundStatus.SUCCEEDED: frozenset({RefundStatus.FAILED}),
    RefundStatus.FAILED: frozenset(),
}
"""From each status, where a refund may go next. A bank can send money back weeks after it took it."""


class RefundedItem(msgspec.Struct, frozen=True):
    """Units of one position of an order."""

    sku: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class RefundWish(msgspec.Struct, frozen=True):
    """What somebody wants given back: an amount, or what items and shipping cost; none of them: all that is left."""

    key: str
    """Names the request: an order has one refund a key, however often it is asked for."""
    reason: str
    actor: str
    """For the timeline: `buyer`, `order`, or as `author` is named there."""
    digest: str = ""
    """Of the request: another one under the same key was not meant."""
    amount: Money | None = None
    items: tuple[RefundedItem, ...] = ()
    shipping: bool = False
    """What was paid for shipping, its tax included."""
    store_credit: bool = False
    """To the buyer's store credit, wherever the money came from."""
    gift_card: bool = False
    """To a new gift card, whose code is mailed to the buyer, wherever the money came from."""
    author: Author | None = None
    """Who of the staff asks; it is written into the audit log then."""
    fee: Money | None = None
    """Kept of what the items cost."""
    up_to: bool = False
    """Units that were paid back before count nothing, and no more goes back than is left, instead of a refusal."""
    card: CreditAccountId | None = None
    """Of an exchange: it pays for other goods, by this gift card, which has it already."""
    at_most: Money | None = None
    """No more than this, whatever the items cost."""


class Refund(msgspec.Struct, frozen=True):
    """One refund of an order, as Postgres holds it."""

    id: RefundId
    order_id: OrderId
    order_number: OrderNumber
    n: int
    """Counts the refunds of the order, from 1."""
    key: str
    digest: str
    status: RefundStatus
    amount: Money
    from_provider: Money
    """Of what the payment provider took."""
    from_credit: Money
    """Of what gift cards and store credit paid."""
    store_credit: bool
    provider: str
    payment_reference: str | None
    """The provider's id of the payment."""
    created_at: datetime
    reason: str = ""
    reference: str | None = None
    """The provider's id of the refund."""
    error: str | None = None
    """Why it failed."""
    settled_at: datetime | None = None
    """When it succeeded, or failed."""
    returned_at: datetime | None = None
    """When it came back after it had succeeded."""
    gift_card: bool = False
    """All of it goes to a new gift card, which has the refund's id."""
    parts: tuple[RefundPart, ...] = ()
    """What each payment at the provider gives, where the order has several; none: the one gives all."""
    card: CreditAccountId | None = None
    """Of an exchange: the gift card by which it pays for other goods; it has it already."""

    @property
    def to_provider(self) -> Money:
        """What the payment provider has to send back."""
        return Money.zero(self.amount.currency) if self.store_credit or self.gift_card else self.from_provider


class ProviderRefundStanding(StrEnum):
    """What the provider says of a refund."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    """Taken on; the bank has not said yet."""
    FAILED = "failed"
    """It will not arrive, or came back."""


class ProviderRefund(msgspec.Struct, frozen=True):
    """A refund as the provider sees it."""

    standing: ProviderRefundStanding
    reference: str | None = None
    code: str | None = None
    """The provider's code of why it failed."""
    detail: str | None = None


class Split(msgspec.Struct, frozen=True):
    """What a refund takes from each of those that paid."""

    provider: Money
    credit: Mapping[CreditAccountId, Money]


def split(amount: Money, captured: Money, credit: Mapping[CreditAccountId, Money]) -> Split:
    """Share a refund out over what is left of each payment: the provider's first, then credit in the given order.

    Raises: ValueError when that is not enough.
    """
    rest = amount.amount
    from_provider = min(rest, captured.amount)
    rest -= from_provider
    parts = {}
    for account, left in credit.items():
        if part := min(rest, left.amount):
            parts[account] = Money(part, amount.currency)
            rest -= part
    if rest:
        raise ValueError(f"{amount} is more than is left")
    return Split(Money(from_provider, amount.currency), parts)


def share(left: Money, units_left: int, units: int) -> Money:
    """What `units` of a position are worth when `left` is to be given back for `units_left`.

    The odd cents go to the first units, so that the last one takes exactly what is left.
    """
    if not 0 < units <= units_left:
        raise ValueError(f"{units} of {units_left} units")
    each, odd = divmod(left.amount, units_left)
    return Money(each * units + min(odd, units), left.currency)


def status_after(paid: int, refunded: int) -> PaymentStatus:
    """What a payment is when this much of it, in minor units, has gone back."""
    if refunded <= 0:
        return PaymentStatus.PAID
    return PaymentStatus.PARTIALLY_REFUNDED if refunded < paid else PaymentStatus.REFUNDED


def workflow_id(order: UUID, n: int) -> str:
    """The id of the workflow that owns an order's `n`-th refund."""
    return f"refund/{order}/{n}"


_WORKFLOW_ID = re.compile(r"refund/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/([1-9][0-9]{0,8})", re.ASCII)


def named_by(name: str) -> tuple[OrderId, int] | None:
    """Order and number of the refund that `name`, which came from outside, is the workflow id of; None: of none."""
    found = _WORKFLOW_ID.fullmatch(name)
    return (OrderId(UUID(found[1])), int(found[2])) if found else None


class RefundOutline(msgspec.Struct, frozen=True):
    """A refund as people read it beside its order."""

    n: int
    status: RefundStatus
    amount: Money
    to_provider: Money
    """What the payment provider sends back."""
    to_credit: Money
    """What goes to gift cards and store credit."""
    store_credit: bool
    """All of it goes to the account's store credit, however it was paid."""
    shipping: Money
    """Of the amount, what was paid for shipping; 0 where an amount went back without naming what for."""
    items: tuple[RefundedItem, ...]
    reason: str
    """Staff's, for staff."""
    error: str | None
    """Why it failed, for staff."""
    reference: str | None
    """The provider's id of the refund."""
    created_at: datetime
    settled_at: datetime | None
    gift_card: bool = False
    """All of it goes to a new gift card, whose code its buyer has by mail."""


class PaymentRecord(msgspec.Struct, frozen=True):
    """How one order was paid, and what went back."""

    id: PaymentId
    order_id: OrderId
    order_number: OrderNumber
    provider: str
    status: PaymentStatus
    amount: Money
    """Asked of the payment provider."""
    captured: Money
    """Taken by it."""
    refunded: Money
    """Of that, gone back, or on its way."""
    credit: Money
    """Paid by gift cards and store credit besides."""
    placed_at: datetime
    refunds: tuple[RefundOutline, ...] = ()
