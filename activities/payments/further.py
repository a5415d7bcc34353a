"""More money of an order at Stripe while its buyer is away: with the card that paid first, or one that is named."""

from datetime import timedelta
from typing import Any

import stripe
from temporalio import activity

from activities.payments.connection import Connection, is_about_the_method, rejected
from activities.payments.providers import AuthorizeFurther
from activities.payments.standings import decline_of, seen_of
from models import clock
from models.payment import ProviderPayment, Standing

CLOCKS_DIFFER = timedelta(hours=1)
KNOWN_AFTER = timedelta(minutes=1)
"""From then on it is looked for what an earlier try has made: within a minute its key finds it."""
SETTLED = frozenset({Standing.AUTHORIZED, Standing.CAPTURED, Standing.CANCELED})


class StripeFurther:
    """What `StripeProvider` does for a charge."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stripe = connection.v1

    async def authorize(self, request: AuthorizeFurther) -> ProviderPayment:
        """One intent a charge, found again by our id before it is made again, and one confirmation an attempt."""
        try:
            first = await self._connection.ask(self._stripe.payment_intents.retrieve_async(request.first))
        except stripe.InvalidRequestError as refused:
            raise rejected(refused) from refused
        # The card that paid is good with the customer that it paid for, whoever its buyer is by now.
        customer = (request.customer if request.method else None) or _id(first.customer)
        method = request.method or _id(first.payment_method)
        known = await self._known(request, customer) if self._may_be_there(request) else None
        if known is not None and (seen_of(known).standing in SETTLED or request.attempt == 1):
            return seen_of(known)
        if method is None:
            return ProviderPayment(Standing.DECLINED, code="payment_method_missing", detail="No card is known.")
        # Only a card that the buyer has paid with may be charged while they are away; with another one they are here.
        here = {"error_on_requires_action": True} if request.method else {"off_session": True}
        try:
            if known is not None:
                params: Any = {"payment_method": method, **here}
                return seen_of(await self._connection.ask(self._confirming(request, known.id, params)))
            return seen_of(await self._connection.ask(self._making(request, customer, method, here)))
        except stripe.CardError as declined:
            return decline_of(declined, known.id if known else None)
        except stripe.InvalidRequestError as refused:
            if is_about_the_method(refused):
                return ProviderPayment(
                    Standing.DECLINED, known.id if known else None, code="payment_method_invalid",
                    detail=refused.user_message,
                )  # fmt: skip
            raise rejected(refused) from refused

    def _confirming(self, request: AuthorizeFurther, reference: str, params: Any) -> Any:
        key = f"{request.charge_id}:confirm:{request.attempt}"
        return self._stripe.payment_intents.confirm_async(reference, params, {"idempotency_key": key})

    def _making(self, request: AuthorizeFurther, customer: str | None, method: str, here: Any) -> Any:
        params: Any = {
            "amount": request.amount.amount,
            "currency": request.amount.currency,
            "capture_method": "manual",
            "payment_method_types": ["card"],
            "description": f"Order {request.order_number}, {request.purpose}",
            "metadata": {
                "order": request.order_number,
                "payment": str(request.charge_id),
                "workflow": request.workflow_id,
            },
            "payment_method": method,
            "confirm": True,
            **here,
            **({"customer": customer} if customer else {}),
        }
        key = f"{request.charge_id}:create:{request.attempt}"
        return self._stripe.payment_intents.create_async(params, {"idempotency_key": key})

    @staticmethod
    def _may_be_there(request: AuthorizeFurther) -> bool:
        return activity.info().attempt > 1 or request.attempt > 1 or clock.now() - request.asked_at > KNOWN_AFTER

    async def _known(self, request: AuthorizeFurther, customer: str | None) -> stripe.PaymentIntent | None:
        """The intent that carries our id: among the customer's, whose list does not lag; without one, by search."""
        if customer is None:
            query = f"metadata['payment']:'{request.charge_id}'"
            found = await self._connection.ask(self._stripe.payment_intents.search_async({"query": query}))
            return found.data[0] if found.data else None
        since = int((request.asked_at - CLOCKS_DIFFER).timestamp())
        page = await self._connection.ask(
            self._stripe.payment_intents.list_async({"customer": customer, "created": {"gte": since}, "limit": 100})
        )
        while True:
            for intent in page.data:
                if getattr(intent.metadata, "payment", None) == str(request.charge_id):
                    return intent
            if not page.has_more:
                return None
            page = await self._connection.ask(page.next_page_async())


def _id(named: Any) -> str | None:
    return named if named is None or isinstance(named, str) else str(named.id)
