"""The money of one order at Stripe; its answers translated once: what it says of a payment, not how it says it.

A payment intent is created once under a key of ours and afterwards acted on by its id; before anything is tried again
it is read, because the provider forgets keys after a day and an answer may have been lost on the way.
"""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import stripe
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.payments import customers
from activities.payments.connection import Connection, is_about_the_method, rejected
from activities.payments.disputes import StripeDisputes
from activities.payments.further import StripeFurther
from activities.payments.lists import StripeLists
from activities.payments.pages import StripePages
from activities.payments.providers import (
    AuthorizeFurther,
    AuthorizePayment,
    CapturePayment,
    ListObjects,
    ReadDispute,
    ReadPayment,
    ReadRefund,
    RefundPayment,
    ReturnPayment,
    SeenPage,
    VoidPayment,
)
from activities.payments.refunds import StripeRefunds
from activities.payments.standings import EXPANDED, decline_of, seen_of
from models import clock
from models.dispute import ProviderDispute
from models.ids import PaymentId
from models.payment import ProviderPayment, Returned, Standing, is_page
from models.refund import ProviderRefund

SEARCHABLE_AFTER = timedelta(minutes=2)
"""Stripe finds by search what it did a minute ago. From then on we search before we create again: a key may remember
a failure of Stripe's own that happened after the effect, and after 24 hours it remembers nothing."""
SURE = frozenset({Standing.AUTHORIZED, Standing.CAPTURED})


class StripeProvider:
    """Stripe, by payment intents with a capture of their own. `shop`: where its page sends buyers afterwards."""

    def __init__(self, secret_key: str, base: str | None = None, shop: str = "http://127.0.0.1:8000") -> None:
        self.connection = Connection(secret_key, base)
        self._stripe = self.connection.v1
        self._refunds = StripeRefunds(self.connection)
        self._disputes = StripeDisputes(self.connection)
        self._lists = StripeLists(self.connection)
        self._pages = StripePages(self.connection, shop)
        self._further = StripeFurther(self.connection)

    async def close(self) -> None:
        """Hand the connections back."""
        await self.connection.close()

    async def authorize(self, request: AuthorizePayment) -> ProviderPayment:
        """One payment intent an order, and one confirmation an attempt; an authorized one is not confirmed again.

        Or a page, one a try. What the buyer had before is given up first, so that nobody pays twice.
        """
        turned = is_page(request.reference) or (request.page_until is not None and request.reference is not None)
        if turned:
            paid = await self._give_up(request)
            if paid is not None:
                return paid
        elif request.reference is not None:
            return await self._confirm(request, request.reference)
        if request.page_until is None and clock.now() - request.asked_at > SEARCHABLE_AFTER:
            for reference in await self._search(request.payment_id):
                if not turned or (await self._read(reference)).standing is not Standing.CANCELED:
                    return await self._confirm(request, reference)
        begin = self._create if request.page_until is None else self._pages.open
        customer = await self._customer(request)
        try:
            return await begin(request, customer)
        except ApplicationError as rejection:
            if not customers.is_gone(rejection):
                raise
            # Nobody's order fails because their kept cards are gone.
            return await begin(request, await self._nobody(request) if request.again else None)

    async def _give_up(self, request: AuthorizePayment) -> ProviderPayment | None:
        """Close the page, or cancel the intent, that the buyer turns away from. Not None: it was paid already."""
        assert request.reference is not None
        if is_page(request.reference):
            return await self._pages.close(request.reference)
        seen = await self._read(request.reference, request.save)
        if seen.standing in SURE:
            return seen
        await self._cancel(request.payment_id, request.reference)
        return None

    async def further(self, request: AuthorizeFurther) -> ProviderPayment:
        """An intent of its own."""
        return await self._further.authorize(request)

    async def read(self, request: ReadPayment) -> ProviderPayment:
        """The intent as it is now, or the page."""
        if is_page(request.reference):
            return await self._pages.read(request.reference, request.save)
        return await self._read(request.reference, request.save)

    async def capture(self, request: CapturePayment) -> ProviderPayment:
        """The intent is read before it is tried again."""
        if activity.info().attempt > 1:
            seen = await self._read(request.reference)
            if seen.standing is Standing.CAPTURED:
                return seen
        call = self._stripe.payment_intents.capture_async(
            request.reference,
            {"amount_to_capture": request.amount.amount},
            {"idempotency_key": f"{request.payment_id}:capture:{request.amount.amount}"},
        )
        seen = await self._ask(call, request.reference)
        if seen.standing is not Standing.CAPTURED:
            raise ApplicationError(
                f"the payment is {seen.standing} at the provider and cannot be captured",
                {"reference": request.reference, "standing": seen.standing},
                type="authorization_lost",
                non_retryable=True,
            )
        return seen

    async def void(self, request: VoidPayment) -> None:
        """The intent is canceled, the page closed; intents that nobody told us of are searched for."""
        if request.reference is not None and not is_page(request.reference):
            await self._cancel(request.payment_id, request.reference)
            return
        paid = await self._pages.close(request.reference) if request.reference is not None else None
        found = await self._search(request.payment_id)
        for reference in dict.fromkeys([*found, *([paid.reference] if paid and paid.reference else [])]):
            await self._cancel(request.payment_id, reference)

    async def _cancel(self, payment: PaymentId, reference: str) -> None:
        """One intent takes no money any more. Raises: ApplicationError `void_refused` when it has."""
        call = self._stripe.payment_intents.cancel_async(
            reference,
            {"cancellation_reason": "abandoned"},
            # The intent is part of the key: there may be two, and a key is good for one.
            {"idempotency_key": f"{payment}:void:{reference}"},
        )
        seen = await self._ask(call, reference)
        if seen.standing is not Standing.CANCELED:
            raise ApplicationError(
                f"the payment is {seen.standing} at the provider and cannot be voided",
                {"reference": reference, "standing": seen.standing},
                type="void_refused",
                non_retryable=True,
            )

    async def give_back(self, request: ReturnPayment) -> Returned | None:
        """Nothing comes late: an intent that is canceled takes no money."""
        return None

    async def _create(self, request: AuthorizePayment, customer: str | None) -> ProviderPayment:
        params: Any = {
            "amount": request.amount.amount,
            "currency": request.amount.currency,
            "capture_method": "manual",
            "payment_method_types": ["card"],
            "description": f"Order {request.order_number}",
            "metadata": {
                "order": request.order_number,
                "payment": str(request.payment_id),
                "workflow": request.workflow_id,
            },
        }
        if request.method:
            params |= {"payment_method": request.method, "confirm": True}
        if customer is not None:
            params["customer"] = customer
            if request.save or request.again:
                params |= {"setup_future_usage": "off_session", **EXPANDED}
        # A card that was refused before there was an intent leaves its key behind.
        key = f"{request.payment_id}:create:{request.attempt}" + customers.in_key(request.customer, customer)
        call = self._stripe.payment_intents.create_async(params, {"idempotency_key": key})
        return await self._ask(call, None, request.save)

    async def refund(self, request: RefundPayment) -> ProviderRefund:
        """One refund of the intent, found again by our id."""
        return await self._refunds.refund(request)

    async def read_refund(self, request: ReadRefund) -> ProviderRefund | None:
        """The refund as it is now."""
        return await self._refunds.read(request)

    async def read_dispute(self, request: ReadDispute) -> ProviderDispute | None:
        """The dispute as it is now."""
        return await self._disputes.read(request.reference)

    async def objects(self, request: ListObjects) -> SeenPage:
        """Its lists, page by page."""
        return await self._lists.page(request)

    async def _confirm(self, request: AuthorizePayment, reference: str) -> ProviderPayment:
        """Try a card on the intent that there is, unless that is settled."""
        known = await self._known(reference, request.save)
        seen = seen_of(known, request.save)
        settled = seen.standing in (Standing.AUTHORIZED, Standing.CAPTURED, Standing.CANCELED)
        if settled or request.method is None:
            return seen
        customer = None if known.customer else await self._customer(request)
        if customer is not None:
            await self._introduce(request, reference, customer)
        params: Any = {
            "payment_method": request.method,
            # Said each time: whoever wanted the card before this one kept need not want it of this one.
            "setup_future_usage": "off_session" if request.save or request.again else "",
            **(EXPANDED if request.save else {}),
        }
        key = f"{request.payment_id}:confirm:{request.attempt}"
        call = self._stripe.payment_intents.confirm_async(reference, params, {"idempotency_key": key})
        return await self._ask(call, reference, request.save)

    async def _introduce(self, request: AuthorizePayment, reference: str, customer: str) -> None:
        """Say whose the intent is: they were nobody to the provider when it was made."""
        key = f"{request.payment_id}:customer:{customer}"
        change = self._stripe.payment_intents.update_async(reference, {"customer": customer}, {"idempotency_key": key})
        try:
            await self._ask(change, reference)
        except ApplicationError as rejection:
            if not customers.is_gone(rejection):
                raise
            if request.again and customer == request.customer:
                await self._introduce(request, reference, await self._nobody(request))

    async def _customer(self, request: AuthorizePayment) -> str | None:
        """The provider's id of the buyer; made when a card is to be kept and they have none."""
        if request.customer is None and request.save and request.buyer is not None:
            return await customers.find_or_make(self.connection, request.buyer)
        if request.customer is None and request.again:
            return await self._nobody(request)
        return request.customer

    async def _nobody(self, request: AuthorizePayment) -> str:
        """A customer of this order alone: a card can be charged again for a customer only, and this buyer is none."""
        made = await self.connection.ask(
            self._stripe.customers.create_async(
                {"metadata": {"payment": str(request.payment_id)}},
                {"idempotency_key": f"{request.payment_id}:customer"},
            )
        )
        return made.id

    async def _read(self, reference: str, save: bool = False) -> ProviderPayment:
        return seen_of(await self._known(reference, save), save)

    async def _known(self, reference: str, save: bool) -> stripe.PaymentIntent:
        """The intent as it is now."""
        shown: Any = EXPANDED if save else {}
        try:
            return await self.connection.ask(self._stripe.payment_intents.retrieve_async(reference, shown))
        except stripe.InvalidRequestError as refused:
            raise rejected(refused) from refused

    async def _search(self, payment: PaymentId) -> list[str]:
        """Intents that carry our id. The provider's search may lag a minute behind its writes."""
        query = f"metadata['payment']:'{payment}'"
        found = await self.connection.ask(self._stripe.payment_intents.search_async({"query": query}))
        return [intent.id for intent in found.data]

    async def _ask(
        self, call: Awaitable[stripe.PaymentIntent], reference: str | None, save: bool = False
    ) -> ProviderPayment:
        """One call. Raises: Unavailable to be retried; ApplicationError `provider_rejected` for a mistake of ours."""
        try:
            return seen_of(await self.connection.ask(call), save)
        except stripe.CardError as declined:
            return decline_of(declined, reference)
        except stripe.InvalidRequestError as refused:
            if refused.code == "payment_intent_unexpected_state" and reference:
                return await self._read(reference, save)
            if is_about_the_method(refused):
                return ProviderPayment(
                    Standing.DECLINED, reference, code="payment_method_invalid", detail=refused.user_message
                )
            raise rejected(refused) from refused
