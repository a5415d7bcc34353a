"""A dispute: the buyer asked their bank for the money back, and the provider took it from the shop until it is decided.

The shop neither opens nor decides one; it answers at the provider. Here it is followed, booked and shown.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from models.money import Money


class DisputeStatus(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"
    """The bank has not decided. Staff can answer it at the provider."""
    WON = "won"
    """The shop keeps the money, or nothing was taken."""
    LOST = "lost"
    """The buyer has it."""


_S = DisputeStatus

DISPUTE_MOVES: Mapping[DisputeStatus, frozenset[DisputeStatus]] = {
    _S.OPEN: frozenset({_S.WON, _S.LOST}),
    _S.WON: frozenset({_S.LOST}),
    _S.LOST: frozenset({_S.WON}),
}
"""From each status, where a dispute may go next: a bank decides anew where card and shop appeal."""


class ProviderDispute(msgspec.Struct, frozen=True):
    """A dispute as the provider sees it. All amounts are in its currency, and never negative."""

    reference: str
    """The provider's id of it."""
    payment_reference: str | None
    """The provider's id of the payment; None: of a charge without one."""
    status: DisputeStatus
    reason: str
    """The provider's word: `fraudulent`, `product_not_received` …"""
    amount: Money
    """What the buyer wants back."""
    withdrawn: Money
    """What the provider took from the shop for it, so far."""
    fee: Money
    """What the provider took beside, for its work."""
    returned: Money
    """What it gave back."""
    fee_returned: Money
    answer_by: datetime | None = None
    """Until when the shop can answer."""

    @property
    def taken(self) -> Money:
        """What the shop is without because of it."""
        return self.withdrawn + self.fee - self.returned - self.fee_returned


class DisputeOutline(msgspec.Struct, frozen=True):
    """A dispute as staff read it beside its order."""

    reference: str
    """The provider's id of it."""
    status: DisputeStatus
    reason: str
    """The provider's word: `fraudulent`, `product_not_received` …"""
    amount: Money
    """What the buyer wants back."""
    withdrawn: Money
    """What the provider took from the shop for it."""
    fee: Money
    """What the provider took beside, for its work."""
    returned: Money
    """What it gave back, with what it gave back of the fee."""
    answer_by: datetime | None
    """Until when it can be answered at the provider."""
    opened_at: datetime
    closed_at: datetime | None


def workflow_id(provider: str, reference: str) -> str:
    """The id of the workflow that follows a dispute."""
    return f"dispute/{provider}/{reference}"


_REFERENCE = re.compile(r"d[pu]_[A-Za-z0-9]{1,200}", re.ASCII)


def is_reference(name: str) -> bool:
    """Whether `name`, which came from outside, is made as the provider makes its ids of disputes."""
    return _REFERENCE.fullmatch(name) is not None
