"""Two people for much money: what one of the staff asked for, and another one says yes or no to."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from models.audit import Actor
from models.money import Money
from models.roles import Scope


class ApprovalStatus(StrEnum):
    """Where a question to a second person stands."""

    PENDING = "pending"
    """Nobody has answered it; nothing was done."""
    APPROVED = "approved"
    """A second person said yes, and it is under way."""
    DONE = "done"
    REFUSED = "refused"
    """A second person said yes, but by then it could not be done."""
    REJECTED = "rejected"
    """Somebody said no."""
    EXPIRED = "expired"
    """Nobody answered in time."""


_A = ApprovalStatus

APPROVAL_MOVES: Mapping[ApprovalStatus, frozenset[ApprovalStatus]] = {
    _A.PENDING: frozenset({_A.APPROVED, _A.REJECTED, _A.EXPIRED}),
    _A.APPROVED: frozenset({_A.DONE, _A.REFUSED}),
    _A.DONE: frozenset(),
    _A.REFUSED: frozenset(),
    _A.REJECTED: frozenset(),
    _A.EXPIRED: frozenset(),
}
"""From each status, where a question may go next. An empty set is an end."""


class Guarded(StrEnum):
    """What two people are needed for when it is about much money."""

    ACCEPT_SHORTAGE = "accept_shortage"
    CANCEL = "cancel"
    CAPTURE = "capture"
    EDIT = "edit"
    """A yes to a change of an order that gives much back, or charges much."""
    REFUND = "refund"
    RETURN = "return"
    """To say what became of goods that came back: their money follows."""
    STORE_CREDIT = "store_credit"
    GIFT_CARD = "gift_card"


NEEDS: Mapping[Guarded, Scope] = {
    Guarded.ACCEPT_SHORTAGE: Scope.ORDERS_WRITE,
    Guarded.CANCEL: Scope.ORDERS_WRITE,
    Guarded.CAPTURE: Scope.ORDERS_WRITE,
    Guarded.EDIT: Scope.ORDERS_WRITE,
    Guarded.REFUND: Scope.REFUNDS_WRITE,
    Guarded.RETURN: Scope.RETURNS_WRITE,
    Guarded.STORE_CREDIT: Scope.CREDIT_WRITE,
    Guarded.GIFT_CARD: Scope.CREDIT_WRITE,
}
"""The scope of each: whoever says yes needs it as much as whoever asks."""


class ApprovalRecord(msgspec.Struct, frozen=True):
    """A question to a second person, as staff read it."""

    id: UUID
    action: Guarded
    subject: str
    """What it is about: an order's number, an account's id, `gift-cards`."""
    amount: Money
    """How much money it is about."""
    reason: str
    """Why it is wanted."""
    wish: dict[str, Any]
    """What was asked for, word for word."""
    status: ApprovalStatus
    asked_by: Actor
    asked_at: datetime
    expires_at: datetime
    """Until then somebody else can say yes."""
    decided_by: Actor | None
    decided_at: datetime | None
    decision: str | None
    """Why they said yes, or no."""
    error: str | None
    """Why it could not be done after all."""


def needs_two(limits: Mapping[str, int], amount: Money) -> bool:
    """Whether it is more than one person may decide. `limits`: minor units by currency; others have no limit."""
    limit = limits.get(amount.currency)
    return limit is not None and amount.amount > limit
