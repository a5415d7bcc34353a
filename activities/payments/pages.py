"""Stripe's own payment page, a Checkout Session: opened for a buyer who chose it, looked at, and closed.

The page makes its payment intent when the buyer first tries to pay; ours is told by its metadata. A page whose address
got lost on the way is nobody's: it was shown to no one, and closes by itself.
"""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, TypeVar

import stripe
from temporalio import activity

from activities.payments import customers
from activities.payments.connection import Connection, rejected
from activities.payments.providers import AuthorizePayment
from activities.payments.standings import seen_of
from models import clock
from models.errors import Unavailable
from models.payment import PAGE_CLOSED, ProviderPayment, Standing

T = TypeVar("T")

SHORTEST = timedelta(minutes=36)
"""Stripe opens no page for less than half an hour after it is asked; an order that ends before closes its own."""
LONGEST = timedelta(hours=23)
"""Nor for more than a day."""
ROUND = timedelta(minutes=5)
"""How long the same end is asked for; after that Stripe would find it too near."""
HELD = frozenset({Standing.AUTHORIZED, Standing.CAPTURED, Standing.PROCESSING})


class StripePages:
    """What `StripeProvider` does for buyers who pay on Stripe's page. `shop`: where they go afterwards."""

    def __init__(self, connection: Connection, shop: str) -> None:
        self._connection = connection
        self._sessions = connection.v1.checkout.sessions
        self._intents = connection.v1.payment_intents
        self._shop = shop

    async def open(self, request: AuthorizePayment, customer: str | None) -> ProviderPayment:
        """A page. Asked for again it is the same, unless Stripe has failed meanwhile."""
        assert request.page_until is not None
        rounds = max((clock.now() - request.asked_at) // ROUND, 0)
        begun = request.asked_at + rounds * ROUND
        until = min(max(request.page_until, begun + SHORTEST), begun + LONGEST)
        told = {
            "order": request.order_number,
            "payment": str(request.payment_id),
            "workflow": request.workflow_id,
        }
        back = request.return_url or self._shop
        name = f"Order {request.order_number}"
        amount = {"currency": request.amount.currency, "unit_amount": request.amount.amount}
        payment: dict[str, Any] = {"capture_method": "manual", "description": name, "metadata": told}
        params: Any = {
            "mode": "payment",
            "line_items": [{"quantity": 1, "price_data": {**amount, "product_data": {"name": name}}}],
            "payment_method_types": ["card"],
            "payment_intent_data": payment,
            "metadata": told,
            "success_url": back,
            "cancel_url": back,
            "expires_at": int(until.timestamp()),
        }
        if customer is not None:
            params["customer"] = customer
            if request.save or request.again:
                payment["setup_future_usage"] = "off_session"
        # A failure of Stripe's own is remembered with its key: the next try takes another, and opens another page.
        tries = f"{request.attempt}:{rounds}:{activity.info().attempt}"
        key = f"{request.payment_id}:page:{tries}" + customers.in_key(request.customer, customer)
        session = await self._ask(self._sessions.create_async(params, {"idempotency_key": key}))
        return ProviderPayment(Standing.METHOD_REQUIRED, session.id, redirect_url=session.url)

    async def read(self, reference: str, save: bool = False) -> ProviderPayment:
        """What came of a page: the payment made on it once that is sure, or the page while somebody may pay there."""
        session = await self._ask(self._sessions.retrieve_async(reference, _shown(save)))
        made = session.payment_intent
        assert not isinstance(made, str)  # it was asked for whole
        seen = seen_of(made, save) if made is not None else None
        if seen is not None and seen.standing in HELD:
            return seen
        if session.status == "open":
            tried = seen is not None and seen.standing is Standing.DECLINED
            return ProviderPayment(
                Standing.DECLINED if tried else Standing.METHOD_REQUIRED, session.id, redirect_url=session.url,
                code=seen.code if seen else None, detail=seen.detail if seen else None,
            )  # fmt: skip
        if session.status == "complete" and seen is not None:
            return seen
        return ProviderPayment(
            Standing.DECLINED, session.id, code=PAGE_CLOSED, detail="The page on which it was to be paid is closed."
        )

    async def close(self, reference: str) -> ProviderPayment | None:
        """Nobody pays there any more. Not None: somebody has, and it is that payment which holds the money."""
        try:
            session = await self._connection.ask(self._sessions.expire_async(reference, _shown(False)))
        except stripe.InvalidRequestError:  # it is closed already, or paid
            session = await self._ask(self._sessions.retrieve_async(reference, _shown(False)))
            if session.status == "open":
                raise Unavailable("stripe", "the page is being paid on, and cannot be closed") from None
        made = session.payment_intent
        assert not isinstance(made, str)
        if made is None:
            return None
        seen = seen_of(made)
        if seen.standing in HELD:
            return seen
        if seen.standing is not Standing.CANCELED:
            key = {"idempotency_key": f"{made.id}:left"}
            await self._ask(self._intents.cancel_async(made.id, {"cancellation_reason": "abandoned"}, key))  # type: ignore[arg-type]
        return None

    async def _ask(self, call: Awaitable[T]) -> T:
        """One call. Raises: Unavailable; ApplicationError `provider_rejected` for a mistake of ours."""
        try:
            return await self._connection.ask(call)
        except stripe.InvalidRequestError as refused:
            raise rejected(refused) from refused


def _shown(save: bool) -> Any:
    """The payment that was made on it, whole; with `save` its card too."""
    return {"expand": ["payment_intent", *(["payment_intent.payment_method"] if save else [])]}
