"""What a payment provider is to us: what an order and its refunds ask of it, whoever it is.

A provider is one class that does them, named in `models/payment.py` with what it can do and made in `worker.py`.
"""

from datetime import datetime
from typing import Protocol

import msgspec

from models.dispute import ProviderDispute
from models.ids import ChargeId, OrderNumber, PaymentId, PayoutId, RefundId, UserId
from models.money import Money
from models.payment import STRIPE, ProviderPayment, Returned
from models.reconciliation import SeenObject, Thing
from models.refund import ProviderRefund


class AuthorizePayment(msgspec.Struct, frozen=True):
    """Reserve the money. The first call makes the payment intent, later ones act on `reference`."""

    payment_id: PaymentId
    order_number: OrderNumber
    workflow_id: str
    amount: Money
    attempt: int
    """Counts the buyer's tries, from 1; part of the idempotency key."""
    asked_at: datetime
    """When this try began, or earlier."""
    method: str | None = None
    reference: str | None = None
    save: bool = False
    """Keep the method for `buyer`."""
    customer: str | None = None
    """The provider's id of the buyer, when they have one."""
    buyer: UserId | None = None
    provider: str = STRIPE
    return_url: str | None = None
    """Where a page of the provider's sends the buyer afterwards; None: to the shop."""
    page_until: datetime | None = None
    """Open a page of the provider's on which the buyer pays, until then; None: none, unless it knows no other way."""
    again: bool = False
    """The order may need more money later, while its buyer is away: the card that pays is good for that."""


class AuthorizeFurther(msgspec.Struct, frozen=True):
    """Reserve more money for an order, while its buyer is away. What is made is captured and voided as a payment."""

    charge_id: ChargeId
    order_number: OrderNumber
    workflow_id: str
    purpose: str
    amount: Money
    first: str
    """The provider's id of a payment of the order, whose card is charged."""
    asked_at: datetime
    """When this charge was asked for first."""
    attempt: int = 1
    """Counts the tries that somebody asked for, from 1; part of the idempotency key."""
    method: str | None = None
    """Another card, which its buyer names now."""
    customer: str | None = None
    """The provider's id of the buyer, when they have one."""
    provider: str = STRIPE


class CapturePayment(msgspec.Struct, frozen=True):
    """Take the reserved money, all of it or a part; then the rest is the buyer's again."""

    payment_id: PaymentId
    """Or of a charge."""
    reference: str
    amount: Money
    provider: str = STRIPE


class VoidPayment(msgspec.Struct, frozen=True):
    """Give up a payment. Without a reference it is looked for by our own id."""

    payment_id: PaymentId
    """Or of a charge."""
    reference: str | None
    provider: str = STRIPE


class ReadPayment(msgspec.Struct, frozen=True):
    """Ask how a payment stands."""

    payment_id: PaymentId
    """Or of a charge."""
    reference: str
    save: bool = False
    """Say which card is kept."""
    provider: str = STRIPE
    amount: Money | None = None
    """What was asked for: money is believed when it is this much. None: any."""


class ReturnPayment(msgspec.Struct, frozen=True):
    """Send everything back that was paid for an order that had ended. Without a reference it is looked for."""

    payment_id: PaymentId
    reference: str | None
    provider: str


class RefundPayment(msgspec.Struct, frozen=True):
    """Send captured money back to where it came from."""

    refund_id: RefundId
    order_number: OrderNumber
    workflow_id: str
    reference: str
    """The provider's id of the payment."""
    amount: Money
    provider: str = STRIPE


class ReadRefund(msgspec.Struct, frozen=True):
    """Ask how a refund stands."""

    refund_id: RefundId
    reference: str
    """The provider's id of the payment."""
    provider: str = STRIPE


class SendTransfer(msgspec.Struct, frozen=True):
    """Send a vendor what they are owed."""

    payout_id: PayoutId
    group: str
    """As the provider lists it."""
    workflow_id: str
    amount: Money
    destination: str
    """The vendor's account at the provider."""


class ReadDispute(msgspec.Struct, frozen=True):
    """Ask how a dispute stands."""

    reference: str
    """The provider's id of it."""
    provider: str = STRIPE


class ListObjects(msgspec.Struct, frozen=True):
    """Ask what a provider has: a page of all that was made since then, or these alone."""

    provider: str
    thing: Thing
    since: datetime
    after: str | None = None
    """Its id of the last one of the page before."""
    only: tuple[str, ...] = ()
    """Its ids of payments and disputes. Of refunds: its ids of their payments; where it has no lists, ours with their
    currency."""


class SeenPage(msgspec.Struct, frozen=True):
    """What it has, newest first."""

    objects: tuple[SeenObject, ...]
    after: str | None = None
    """Behind which the next page begins; None: this was the last."""


class Provider(Protocol):
    """Moves the money of one order; its answers are in our words, and each of its acts may be asked for twice.

    Raises, all of them: Unavailable, to be asked again; ApplicationError `provider_denied` when it does not accept our
    key, to be asked again; ApplicationError `provider_rejected`, not to be asked again, for a mistake of ours.
    """

    async def authorize(self, request: AuthorizePayment) -> ProviderPayment:
        """Reserve the money, or hand out what the buyer needs to pay: a client secret, a page of the provider's.

        The same try again finds what the first one did; a payment that is settled is told as it is.
        """

    async def further(self, request: AuthorizeFurther) -> ProviderPayment:
        """Reserve more for the same order, without its buyer. `DECLINED`: it cannot be had like this.

        The same charge again finds what the first try made. Raises: ApplicationError `provider_rejected` where a
        provider cannot do it at all.
        """

    async def read(self, request: ReadPayment) -> ProviderPayment:
        """How a payment stands. Of money, only what was read like this is believed."""

    async def capture(self, request: CapturePayment) -> ProviderPayment:
        """Take what was reserved. Raises: ApplicationError `authorization_lost` when that cannot be any more."""

    async def void(self, request: VoidPayment) -> None:
        """Make sure that a payment never takes money. Raises: ApplicationError `void_refused` when it has.

        One that takes money at once lets nobody begin to pay any more; what comes even so is asked for afterwards.
        """

    async def give_back(self, request: ReturnPayment) -> Returned | None:
        """Send back what came too late. None: nothing has come. Only for providers that take money at once."""

    async def refund(self, request: RefundPayment) -> ProviderRefund:
        """Send money back, once under our id of the refund, which is looked for first. `FAILED`: never, a person must.

        `PENDING`: taken on, and `read_refund` will tell.
        """

    async def read_refund(self, request: ReadRefund) -> ProviderRefund | None:
        """How a refund stands; None: the provider has none under our id."""

    async def read_dispute(self, request: ReadDispute) -> ProviderDispute | None:
        """How a dispute stands; None: there is none of this id, or this provider has no disputes at all."""

    async def objects(self, request: ListObjects) -> SeenPage:
        """What it has, ours or not, as a list that does not lag. Without lists: what is asked for, one by one."""

    async def close(self) -> None:
        """Hand the connections back."""
