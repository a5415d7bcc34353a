"""Money that Stripe sends back: made once under our id, and looked for under it before it is asked for again."""

from typing import Any

import stripe

from activities.payments.connection import Connection, rejected
from activities.payments.providers import ReadRefund, RefundPayment
from models.ids import RefundId
from models.refund import ProviderRefund, ProviderRefundStanding

FINAL = frozenset(
    {"charge_disputed", "charge_already_refunded", "charge_not_refundable", "insufficient_funds_for_refund"}
)
"""What Stripe will say again however often it is asked; a person has to give the money back another way."""


class StripeRefunds:
    """What `StripeProvider` does for a refund."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stripe = connection.v1

    async def refund(self, request: RefundPayment) -> ProviderRefund:
        """Looked for by our id among the payment's refunds first; then made, under a key that is good for a day."""
        known = await self._known(request.refund_id, request.reference)
        if known is not None:
            return known
        params: Any = {
            "payment_intent": request.reference,
            "amount": request.amount.amount,
            "metadata": {
                "order": request.order_number,
                "refund": str(request.refund_id),
                "workflow": request.workflow_id,
            },
        }
        call = self._stripe.refunds.create_async(params, {"idempotency_key": f"{request.refund_id}:refund"})
        try:
            return seen_of(await self._connection.ask(call))
        except stripe.InvalidRequestError as refused:
            if refused.code in FINAL or _is_too_much(refused):
                code = refused.code or "amount_too_large"
                return ProviderRefund(ProviderRefundStanding.FAILED, None, code, refused.user_message)
            raise rejected(refused) from refused

    async def read(self, request: ReadRefund) -> ProviderRefund | None:
        """As it is now; None: there is none."""
        return await self._known(request.refund_id, request.reference)

    async def _known(self, refund: RefundId, reference: str) -> ProviderRefund | None:
        """The refund that carries our id. Unlike Stripe's search, its lists do not lag."""
        try:
            page = await self._connection.ask(
                self._stripe.refunds.list_async({"payment_intent": reference, "limit": 100})
            )
        except stripe.InvalidRequestError as refused:
            raise rejected(refused) from refused
        while True:
            for each in page.data:
                if getattr(each.metadata, "refund", None) == str(refund):
                    return seen_of(each)
            if not page.has_more:
                return None
            page = await self._connection.ask(page.next_page_async())


def _is_too_much(refused: stripe.InvalidRequestError) -> bool:
    """Whether less than this is left there: Stripe has no code for it."""
    return refused.code is None and refused.param == "amount"


_STANDINGS = {
    "succeeded": ProviderRefundStanding.SUCCEEDED,
    "failed": ProviderRefundStanding.FAILED,
    "canceled": ProviderRefundStanding.FAILED,
}


def seen_of(refund: stripe.Refund) -> ProviderRefund:
    """A refund in our words."""
    standing = _STANDINGS.get(refund.status or "", ProviderRefundStanding.PENDING)
    why = getattr(refund, "failure_reason", None) if standing is ProviderRefundStanding.FAILED else None
    return ProviderRefund(standing, refund.id, why, (why or refund.status or "").replace("_", " ") if why else None)
