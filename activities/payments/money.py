"""The money of one order, at whichever provider its buyer chose: each step is handed on to that one."""

import asyncio
from collections.abc import Mapping

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.payments.intents import StripeProvider
from activities.payments.providers import (
    AuthorizeFurther,
    AuthorizePayment,
    CapturePayment,
    ListObjects,
    Provider,
    ReadDispute,
    ReadPayment,
    ReadRefund,
    RefundPayment,
    ReturnPayment,
    SeenPage,
    SendTransfer,
    VoidPayment,
)
from activities.payments.transfers import StripeTransfers
from models.dispute import ProviderDispute
from models.errors import Unavailable
from models.payment import STRIPE, ProviderPayment, Returned, Standing
from models.refund import ProviderRefund
from models.vendor import ProviderTransfer

QUICK_ANSWER = 2.5
"""Seconds that a buyer's checkout waits for the provider inside its first workflow task."""
QUICK_CALLS = 16
"""How many checkouts may wait like that at once: a slow provider must not use up the worker's workflow slots."""


class PaymentActivities:
    """Needs Stripe, and this shop's other providers by their names."""

    def __init__(self, stripe: StripeProvider, others: Mapping[str, Provider] | None = None) -> None:
        self.connection = stripe.connection
        self._transfers = StripeTransfers(stripe.connection)
        self._providers: Mapping[str, Provider] = {STRIPE: stripe, **(others or {})}
        self._quick_calls = 0

    async def close(self) -> None:
        """Hand the connections back."""
        for provider in self._providers.values():
            await provider.close()

    @activity.defn
    async def authorize_payment_now(self, request: AuthorizePayment) -> ProviderPayment:
        """`authorize_payment` for the buyer who is waiting: one try, a short patience, `UNKNOWN` past it.

        Changes: as `authorize_payment`.
        Again: the patient one follows under the same keys and finds what this one did.
        Undo: `void_payment`.
        """
        if self._quick_calls >= QUICK_CALLS:
            return ProviderPayment(Standing.UNKNOWN, detail="too many checkouts wait for the provider already")
        self._quick_calls += 1
        try:
            async with asyncio.timeout(QUICK_ANSWER):
                return await self._of(request.provider).authorize(request)
        except (TimeoutError, Unavailable) as slow:
            return ProviderPayment(Standing.UNKNOWN, detail=str(slow) or "no answer in time")
        except ApplicationError as told:
            if told.non_retryable:
                raise
            return ProviderPayment(Standing.UNKNOWN, detail=told.message)
        finally:
            self._quick_calls -= 1

    @activity.defn
    async def authorize_payment(self, request: AuthorizePayment) -> ProviderPayment:
        """Reserve the money on the buyer's card, or open the provider's page on which they pay.

        Changes: at the provider, one payment an order, and one try of it an attempt; the buyer's customer, when a card
        is to be kept and they have none yet.
        Again: the same try finds what the first one did; a payment that is authorized already is read.
        Undo: `void_payment`.
        """
        return await self._of(request.provider).authorize(request)

    @activity.defn
    async def authorize_further(self, request: AuthorizeFurther) -> ProviderPayment:
        """Reserve more money for an order whose buyer is away, with the card that paid before, or one they named.

        Changes: at the provider, one payment a charge, and one try of it an attempt.
        Again: it is found by our id; what is reserved is told as it stands.
        Undo: `void_payment`.
        """
        return await self._of(request.provider).further(request)

    @activity.defn
    async def read_payment(self, request: ReadPayment) -> ProviderPayment:
        """Ask the provider how a payment stands.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        return await self._of(request.provider).read(request)

    @activity.defn
    async def capture_payment(self, request: CapturePayment) -> ProviderPayment:
        """Take the money that was reserved.

        Changes: at the provider, one capture of one payment.
        Again: the payment is read first; what is captured stays captured.
        Undo: none, a refund is a process of its own.
        """
        return await self._of(request.provider).capture(request)

    @activity.defn
    async def void_payment(self, request: VoidPayment) -> None:
        """Give up a payment so that it can never take money.

        Changes: at the provider, the payment is canceled and a reservation given back.
        Again: what is canceled stays canceled.
        Undo: nothing, final.
        """
        await self._of(request.provider).void(request)

    @activity.defn
    async def refund_payment(self, request: RefundPayment) -> ProviderRefund:
        """Send captured money back to the buyer.

        Changes: at the provider, one refund of the payment.
        Again: it is looked for by our id first; what was sent is told as it stands.
        Undo: none.
        """
        return await self._of(request.provider).refund(request)

    @activity.defn
    async def read_refund(self, request: ReadRefund) -> ProviderRefund | None:
        """Ask the provider how a refund stands; None: it knows of none.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        return await self._of(request.provider).read_refund(request)

    @activity.defn
    async def read_dispute(self, request: ReadDispute) -> ProviderDispute | None:
        """Ask the provider how a dispute stands; None: it knows of none.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        return await self._of(request.provider).read_dispute(request)

    @activity.defn
    async def send_transfer(self, request: SendTransfer) -> ProviderTransfer:
        """Send a vendor what they are owed; without a reference: the provider refuses.

        Changes: at Stripe, one transfer a payout.
        Again: it is looked for by our id first; what was sent is not sent again.
        Undo: none.
        """
        return await self._transfers.send(request)

    @activity.defn
    async def list_objects(self, request: ListObjects) -> SeenPage:
        """Ask a provider what it has: a page of its payments, refunds or disputes.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        return await self._of(request.provider).objects(request)

    @activity.defn
    async def return_payment(self, request: ReturnPayment) -> Returned | None:
        """Send back what was paid for an order that had ended without money. None: nothing was.

        Changes: at the provider, one refund of all that was paid.
        Again: what has gone back is read, not sent again.
        Undo: nothing, final.
        """
        return await self._of(request.provider).give_back(request)

    def _of(self, name: str) -> Provider:
        """Raises: ApplicationError `provider_rejected` when this shop has no key of that provider."""
        if name not in self._providers:
            raise ApplicationError(
                f"this shop is not set up to be paid with {name}", type="provider_rejected", non_retryable=True
            )
        return self._providers[name]
