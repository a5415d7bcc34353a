"""Money that Stripe sends to vendors: made once under our id, and looked for under it before it is asked for again."""

from typing import Any

import stripe

from activities.payments.connection import Connection
from activities.payments.providers import SendTransfer
from models.vendor import ProviderTransfer


class StripeTransfers:
    """What Stripe does for a payout."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stripe = connection.v1

    async def send(self, request: SendTransfer) -> ProviderTransfer:
        """Looked for by our id among the transfers of its group first; then made, under a key that is good for a day.

        Raises: Unavailable, ApplicationError `provider_denied`: to be asked again.
        """
        known = await self._known(request)
        if known is not None:
            return known
        params: Any = {
            "amount": request.amount.amount, "currency": request.amount.currency, "destination": request.destination,
            "transfer_group": request.group,
            "metadata": {"payout": str(request.payout_id), "workflow": request.workflow_id},
        }  # fmt: skip
        call = self._stripe.transfers.create_async(params, {"idempotency_key": f"{request.payout_id}:transfer"})
        try:
            return ProviderTransfer((await self._connection.ask(call)).id)
        except (stripe.InvalidRequestError, stripe.CardError) as refused:
            return ProviderTransfer(None, refused.code, refused.user_message)

    async def _known(self, request: SendTransfer) -> ProviderTransfer | None:
        """The transfer that carries our id. Unlike Stripe's search, its lists do not lag."""
        wanted: Any = {"transfer_group": request.group, "limit": 100}
        page = await self._connection.ask(self._stripe.transfers.list_async(wanted))
        for each in page.data:
            if getattr(each.metadata, "payout", None) == str(request.payout_id):
                return ProviderTransfer(each.id)
        return None
