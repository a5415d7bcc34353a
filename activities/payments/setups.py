"""Cards kept at Stripe without a purchase: set up, looked at, given up; and everything forgotten with its owner.

A setup intent is created once under a key of ours and then acted on by its id. Stripe's search does not know setup
intents, but their list does, at once: that is where a lost answer is looked for once the key is not to be relied on.
"""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
import stripe
from temporalio import activity

from activities.payments import cards, customers
from activities.payments.connection import Connection, is_about_the_method, rejected
from models import clock
from models.ids import UserId
from models.payment_method import ProviderSetup, SetupStanding

KEY_RELIED_ON = timedelta(minutes=2)
"""From then on a key may remember a failure of Stripe's own that came after the effect, and after a day nothing."""
SHOWN: Any = {"expand": ["payment_method"]}


class EnsureCustomer(msgspec.Struct, frozen=True):
    """Make the account known to the provider."""

    user: UserId
    gone: str | None = None
    """The customer that was, and was deleted at the provider."""


class StartSetup(msgspec.Struct, frozen=True):
    """Begin to save a card; without a method the buyer's browser sends one."""

    customer: str
    workflow_id: str
    asked_at: datetime
    method: str | None = None


class ReadSetup(msgspec.Struct, frozen=True):
    """Ask how the saving of a card stands."""

    reference: str


class CancelSetup(msgspec.Struct, frozen=True):
    """Give up the saving of a card."""

    reference: str


class DetachMethod(msgspec.Struct, frozen=True):
    """Let a card go."""

    reference: str


class ForgetCustomer(msgspec.Struct, frozen=True):
    """Forget everything about an account. `customer`: as whom the provider knows it, if that was written down."""

    user: UserId
    customer: str | None = None


class SetupActivities:
    """Needs Stripe alone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stripe = connection.v1

    @activity.defn
    async def ensure_customer(self, request: EnsureCustomer) -> str:
        """Make the account known to the provider, by our id and nothing else. Returns the provider's id of it.

        Changes: at Stripe, one customer an account.
        Again: the key answers the same, and from its second minute on the customer is found by our id.
        Undo: `forget_customer`; one without cards harms nobody.
        """
        return await customers.find_or_make(self._connection, request.user, request.gone)

    @activity.defn
    async def start_setup(self, request: StartSetup) -> ProviderSetup:
        """Begin to save a card, and finish when one was given and its bank asks for nothing.

        Changes: at Stripe, one setup intent a workflow; the card is the customer's when it succeeds.
        Again: the key answers the same, and after a while the intent is looked for in the customer's list.
        Undo: `cancel_setup`, or `detach_method` when it succeeded.
        """
        if clock.now() - request.asked_at > KEY_RELIED_ON:
            known = await self._known(request)
            if known is not None:
                return known
        params: Any = {
            "customer": request.customer,
            "usage": "off_session",
            "payment_method_types": ["card"],
            "metadata": {"workflow": request.workflow_id},
            **SHOWN,
        }
        if request.method:
            params |= {"payment_method": request.method, "confirm": True}
        key = sha256(f"{request.workflow_id}:{request.customer}".encode()).hexdigest()  # Stripe's are short
        return await self._ask(self._stripe.setup_intents.create_async(params, {"idempotency_key": key}), None)

    @activity.defn
    async def read_setup(self, request: ReadSetup) -> ProviderSetup:
        """Ask the provider how the saving of a card stands.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        return await self._read(request.reference)

    @activity.defn
    async def cancel_setup(self, request: CancelSetup) -> ProviderSetup:
        """Give up the saving of a card. Returns how it ended: it may have succeeded a moment before.

        Changes: at Stripe, the intent is canceled.
        Again: what is canceled stays canceled.
        Undo: nothing, final.
        """
        params: Any = {"cancellation_reason": "abandoned", **SHOWN}
        key = f"{request.reference}:cancel"
        call = self._stripe.setup_intents.cancel_async(request.reference, params, {"idempotency_key": key})
        return await self._ask(call, request.reference)

    @activity.defn
    async def detach_method(self, request: DetachMethod) -> None:
        """Let a card go, so that it can never pay again.

        Changes: at Stripe, the card is nobody's.
        Again: a card that is nobody's already, or was never there, is let go.
        Undo: none, Stripe takes no such card back.
        """
        await self._detach(request.reference)

    @activity.defn
    async def forget_customer(self, request: ForgetCustomer) -> None:
        """Let the provider forget an account: its cards, and who it was.

        Changes: at Stripe, cards are let go and the customer is deleted; one that was never written down too.
        Again: what is gone already is done.
        Undo: nothing, final.
        """
        known = await customers.find(self._connection, request.user)
        for customer in dict.fromkeys([*([request.customer] if request.customer else []), *known]):
            kept = await self._list(customer)
            for method in kept:
                await self._detach(method)
            try:
                await self._connection.ask(self._stripe.customers.delete_async(customer))
            except stripe.InvalidRequestError as refused:
                if refused.code != "resource_missing":
                    raise rejected(refused) from refused

    async def _known(self, request: StartSetup) -> ProviderSetup | None:
        """The intent that an earlier try made, should its answer have been lost."""
        params: Any = {"customer": request.customer, "limit": 100, "expand": ["data.payment_method"]}
        try:
            page = await self._connection.ask(self._stripe.setup_intents.list_async(params))
        except stripe.InvalidRequestError:
            return None  # a customer that is gone is told apart where it is named next
        for intent in page.data:
            if getattr(intent.metadata, "workflow", None) == request.workflow_id:
                return _seen(intent)
        return None

    async def _list(self, customer: str) -> list[str]:
        """The customer's cards."""
        try:
            page = await self._connection.ask(
                self._stripe.payment_methods.list_async({"customer": customer, "limit": 100})
            )
        except stripe.InvalidRequestError as refused:
            if refused.code == "resource_missing":
                return []
            raise rejected(refused) from refused
        return [method.id for method in page.data]

    async def _detach(self, method: str) -> None:
        try:
            await self._connection.ask(self._stripe.payment_methods.detach_async(method))
        except stripe.InvalidRequestError as refused:
            if not await self._is_free(method):
                raise rejected(refused) from refused

    async def _is_free(self, method: str) -> bool:
        """Whether a card is nobody's. Stripe has no code for it."""
        try:
            return (await self._connection.ask(self._stripe.payment_methods.retrieve_async(method))).customer is None
        except stripe.InvalidRequestError as refused:
            return refused.code == "resource_missing"

    async def _read(self, reference: str) -> ProviderSetup:
        return await self._ask(self._stripe.setup_intents.retrieve_async(reference, SHOWN), None)

    async def _ask(self, call: Awaitable[stripe.SetupIntent], reference: str | None) -> ProviderSetup:
        """One call. Raises: Unavailable to be retried; ApplicationError `provider_rejected` for a mistake of ours."""
        try:
            return _seen(await self._connection.ask(call))
        except stripe.CardError as declined:
            intent = declined.error.setup_intent if declined.error else None
            return ProviderSetup(
                SetupStanding.DECLINED,
                reference=intent.id if intent else reference,
                code=(declined.error.decline_code if declined.error else None) or declined.code,
                detail=declined.user_message,
            )
        except stripe.InvalidRequestError as refused:
            if refused.code == "setup_intent_unexpected_state" and reference:
                return await self._read(reference)
            if customers.is_gone(refused):
                return ProviderSetup(SetupStanding.CUSTOMER_GONE)
            if is_about_the_method(refused):
                return ProviderSetup(
                    SetupStanding.DECLINED, reference, code="payment_method_invalid", detail=refused.user_message
                )
            raise rejected(refused) from refused


_STANDINGS = {
    "succeeded": SetupStanding.SAVED,
    "requires_action": SetupStanding.ACTION_REQUIRED,
    "processing": SetupStanding.PROCESSING,
    "canceled": SetupStanding.CANCELED,
}


def _seen(intent: stripe.SetupIntent) -> ProviderSetup:
    error = intent.last_setup_error
    redirect = getattr(intent.next_action, "redirect_to_url", None)
    standing = _STANDINGS.get(intent.status, SetupStanding.METHOD_REQUIRED)
    kept = cards.kept(intent.payment_method, intent.customer) if standing is SetupStanding.SAVED else None
    if standing is SetupStanding.SAVED and kept is None:
        return ProviderSetup(SetupStanding.DECLINED, intent.id, code="payment_method_invalid", detail="No card.")
    return ProviderSetup(
        standing,
        reference=intent.id,
        client_secret=intent.client_secret,
        redirect_url=redirect.url if redirect else None,
        code=(getattr(error, "decline_code", None) or error.code) if error else None,
        detail=error.message if error else None,
        kept=kept,
    )
