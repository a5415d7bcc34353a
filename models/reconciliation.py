"""What a payment provider has, against what we wrote down: where they differ, who can mend it, what a person decides.

Pure: the rows side by side come from `models/tables/reconciliation.py`, and `workflows/reconcile.py` acts on what is
found here.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from models.ids import OrderId
from models.money import Money
from models.payment import PaymentStatus, Standing, is_page
from models.refund import ProviderRefundStanding, RefundStatus
from models.vendor import PayoutStatus


class Thing(StrEnum):
    """What providers have."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    TRANSFER = "transfer"
    """Money that a vendor was paid out."""


RETURNED = "returned"
"""Standing of a payment that was taken and has gone back, all of it: said by providers that forget the difference."""


class SeenObject(msgspec.Struct, frozen=True):
    """A payment, a refund or a dispute as the provider has it."""

    thing: Thing
    reference: str
    """The provider's id of it."""
    standing: str
    """A `Standing`, a `ProviderRefundStanding` or a `DisputeStatus`, or `RETURNED`."""
    amount: Money
    made_at: datetime
    moved: int = 0
    """Minor units: taken for a payment, sent back for a refund, taken from the shop by a dispute so far, with a vendor
    after a transfer."""
    ours: UUID | None = None
    """Our id of the payment, refund or payout, which was written on it; None: none was."""
    payment_reference: str | None = None
    """The provider's id of the payment that a refund or dispute is of."""


class CaseKind(StrEnum):
    """In which way they differ."""

    PAYMENT_UNKNOWN = "payment_unknown"
    """The provider took money for a payment that nobody here knows."""
    PAYMENT_TWICE = "payment_twice"
    """A second payment was made for an order."""
    PAYMENT_UNSETTLED = "payment_unsettled"
    """The provider is further with a payment than its order."""
    PAYMENT_DIFFERS = "payment_differs"
    """We say that it is paid, the provider says another sum, or nothing."""
    AUTHORIZATION_LEFT = "authorization_left"
    """The provider reserves money for an order that has ended."""
    REFUND_UNKNOWN = "refund_unknown"
    """The provider sent money back, and nobody here asked for it."""
    REFUND_DIFFERS = "refund_differs"
    """We and the provider tell different things of a refund."""
    REFUND_MISSING = "refund_missing"
    """We say that money went back, the provider knows of nothing."""
    DISPUTE_DIFFERS = "dispute_differs"
    """We and the provider tell different things of a dispute."""
    TRANSFER_UNKNOWN = "transfer_unknown"
    """The provider sent money to a vendor, and nobody here asked for it."""
    TRANSFER_DIFFERS = "transfer_differs"
    """We and the provider tell different things of a payout."""
    TRANSFER_MISSING = "transfer_missing"
    """We say that a vendor was paid out, the provider knows of nothing."""
    LEDGER = "ledger"
    """Our own rows do not add up to our ledger of money."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that differs."""

    kind: CaseKind
    object: str
    """The provider's id of it; ours where it has none."""
    provider: str
    made_at: datetime
    facts: Mapping[str, Any]
    """Both sides, as they were told."""
    order_id: OrderId | None = None
    owner: str | None = None
    """The workflow that mends it when it looks; None: nobody does, a person has to."""
    ask: str | None = None
    """As the provider is asked for it once more; None: it need not be."""

    @property
    def name(self) -> tuple[str, str]:
        """What there is one case of at a time."""
        return self.kind, self.object

    @property
    def thing(self) -> "Thing | None":
        """What it is that differs; None: our own rows."""
        return _ABOUT.get(self.kind.partition("_")[0])


_ABOUT = {
    "payment": Thing.PAYMENT,
    "authorization": Thing.PAYMENT,
    "refund": Thing.REFUND,
    "dispute": Thing.DISPUTE,
    "transfer": Thing.TRANSFER,
}


class OurPayment(msgspec.Struct, frozen=True):
    """What we say of a payment."""

    status: PaymentStatus
    reference: str | None
    captured: Money


class OurRefund(msgspec.Struct, frozen=True):
    """What we say of a refund."""

    status: RefundStatus
    to_provider: Money


class OurPayout(msgspec.Struct, frozen=True):
    """What we say of a payout."""

    status: PayoutStatus
    amount: Money


def judge_transfer(seen: SeenObject | None, ours: OurPayout | None) -> CaseKind | None:
    """How the two sides of a payout differ; None: they do not, or not in a way that matters."""
    if seen is None:
        return CaseKind.TRANSFER_MISSING if ours is not None and ours.status is PayoutStatus.PAID else None
    if ours is None:
        return CaseKind.TRANSFER_UNKNOWN if seen.moved else None
    sent = Money(seen.moved, seen.amount.currency)
    wanted = ours.amount if ours.status is PayoutStatus.PAID else Money.zero(ours.amount.currency)
    return CaseKind.TRANSFER_DIFFERS if sent != wanted else None


_UNPAID = frozenset({PaymentStatus.PENDING, PaymentStatus.FAILED})


def judge_payment(seen: SeenObject | None, ours: OurPayment | None) -> CaseKind | None:
    """How the two sides of a payment differ; None: they do not, or not in a way that matters."""
    if seen is None:
        sure = ours is not None and (ours.captured.amount or ours.status is PaymentStatus.AUTHORIZED)
        return CaseKind.PAYMENT_DIFFERS if sure else None
    taken = bool(seen.moved) and seen.standing != RETURNED
    reserved = seen.standing == Standing.AUTHORIZED
    if ours is None:
        return CaseKind.PAYMENT_UNKNOWN if taken else None
    if is_page(ours.reference):
        if ours.status is PaymentStatus.VOIDED and reserved:
            return CaseKind.AUTHORIZATION_LEFT
        # Others that were canceled on the way: a card before the page, or the page's when it was closed.
        return CaseKind.PAYMENT_UNSETTLED if taken or reserved else None
    if ours.reference not in (None, seen.reference):
        return CaseKind.PAYMENT_TWICE if taken or reserved else None
    if ours.captured.amount:
        same = Money(seen.moved, seen.amount.currency) == ours.captured
        return None if same else CaseKind.PAYMENT_DIFFERS
    if taken or (reserved and ours.status in _UNPAID):
        return CaseKind.PAYMENT_UNSETTLED
    if reserved and ours.status is PaymentStatus.VOIDED:
        return CaseKind.AUTHORIZATION_LEFT
    ended = seen.standing == Standing.CANCELED and ours.status is not PaymentStatus.VOIDED
    return CaseKind.PAYMENT_UNSETTLED if ended else None


_SAID = {
    RefundStatus.OPEN: ProviderRefundStanding.PENDING,
    RefundStatus.SUCCEEDED: ProviderRefundStanding.SUCCEEDED,
    RefundStatus.FAILED: ProviderRefundStanding.FAILED,
}


def judge_refund(seen: SeenObject | None, ours: OurRefund | None) -> CaseKind | None:
    """How the two sides of a refund differ; None: they do not, or not in a way that matters."""
    if seen is None:
        sent = ours is not None and ours.status is RefundStatus.SUCCEEDED and ours.to_provider.amount
        return CaseKind.REFUND_MISSING if sent else None
    if ours is None:
        return None if seen.standing == ProviderRefundStanding.FAILED else CaseKind.REFUND_UNKNOWN
    if seen.amount != ours.to_provider or seen.standing != _SAID[ours.status]:
        return CaseKind.REFUND_DIFFERS
    return None
