"""Further money of an order: payments at its provider beyond the first one, which the order's own payment names.

An order has one payment: what it asks for, has and gave back in all. Usually that is one object at the provider. Where
what was reserved runs out, or more is asked for, there are more of them: the second, the third, each a charge.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import uuid5

import msgspec

from models.ids import ChargeId, PaymentId, RefundId
from models.money import Money


class Purpose(StrEnum):
    """Why one was not enough."""

    REST = "rest"
    """A part was taken of what was reserved, and the provider let the rest go: it is reserved anew."""
    RENEWAL = "renewal"
    """What was reserved would have lapsed before it was taken."""
    EDIT = "edit"
    """The order became dearer."""


class ChargeStatus(StrEnum):
    """Where one stands. Only those that were authorized are written down."""

    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    """Taken, all or a part; what was not taken is the buyer's again."""
    VOIDED = "voided"
    """Let go, by us or by the provider."""


CHARGE_MOVES: Mapping[ChargeStatus, frozenset[ChargeStatus]] = {
    ChargeStatus.AUTHORIZED: frozenset({ChargeStatus.CAPTURED, ChargeStatus.VOIDED}),
    ChargeStatus.CAPTURED: frozenset(),
    ChargeStatus.VOIDED: frozenset(),
}
"""From each status, where a charge may go next. What was taken goes back by a refund, which is no move of it."""

INSTEAD = (Purpose.REST, Purpose.RENEWAL)
"""Those that take the place of the one before: the first one is over when there is such a one."""


class Charge(msgspec.Struct, frozen=True):
    """One of them, reserved."""

    id: ChargeId
    payment_id: PaymentId
    n: int
    """Counts the order's payments at the provider; the first one is no charge, so from 2."""
    purpose: Purpose
    reference: str
    """The provider's id of it."""
    amount: Money
    authorized_at: datetime
    lapses_at: datetime | None = None
    """When it is reserved anew, unless it was taken by then; None: it is to be taken at once."""


class Taken(msgspec.Struct, frozen=True):
    """So much was taken at the provider."""

    payment_id: PaymentId
    n: int
    """Of the order's payments at the provider, which one."""
    charge: ChargeId | None
    """None: the first one."""
    amount: Money
    provider: str


def charge_id(payment: PaymentId, n: int) -> ChargeId:
    """The id of a payment's `n`-th charge: the same whoever asks and however often, before there is a row of it."""
    return ChargeId(uuid5(payment, f"charge/{n}"))


class Source(msgspec.Struct, frozen=True):
    """One payment at the provider, and what of it was taken and has not gone back."""

    charge: ChargeId | None
    """None: the first one, which is no charge."""
    reference: str
    left: Money


class RefundPart(msgspec.Struct, frozen=True):
    """What a refund sends back of one payment at the provider, where several have to give."""

    id: RefundId
    """Names it at the provider."""
    charge: ChargeId | None
    """None: of the first one."""
    payment_reference: str
    """The provider's id of the payment."""
    amount: Money


def draw(amount: Money, sources: Sequence[Source]) -> list[tuple[Source, Money]]:
    """What each of them gives back, the first ones first. Raises: ValueError when that is not enough."""
    rest, drawn = amount.amount, []
    for source in sources:
        if part := min(rest, source.left.amount):
            drawn.append((source, Money(part, amount.currency)))
            rest -= part
    if rest:
        raise ValueError(f"{amount} is more than is left")
    return drawn
