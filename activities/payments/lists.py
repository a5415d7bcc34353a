"""What Stripe has: its lists, page by page, newest first, and single objects asked for again."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import stripe

from activities.payments.connection import Connection, rejected
from activities.payments.disputes import seen_of as dispute_of
from activities.payments.providers import ListObjects, SeenPage
from activities.payments.refunds import seen_of as refund_of
from activities.payments.standings import seen_of as payment_of
from models.money import Money
from models.reconciliation import SeenObject, Thing

PAGE = 100


class StripeLists:
    """What `StripeProvider` does for a reconciliation."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stripe = connection.v1

    async def page(self, request: ListObjects) -> SeenPage:
        """A page of what was made since, or those that are asked for. Unlike Stripe's search, its lists do not lag."""
        if request.only:
            found = [await self._only(request.thing, name) for name in request.only]
            return SeenPage(tuple(each for some in found for each in some))
        params: dict[str, Any] = {"limit": PAGE, "created": {"gte": int(request.since.timestamp())}}
        if request.after is not None:
            params["starting_after"] = request.after
        page = await self._list(request.thing, params)
        return SeenPage(
            tuple(_SEEN[request.thing](each) for each in page.data),
            page.data[-1].id if page.has_more and page.data else None,
        )

    async def _list(self, thing: Thing, params: Any) -> Any:
        lists: dict[Thing, Any] = {
            Thing.PAYMENT: self._stripe.payment_intents, Thing.REFUND: self._stripe.refunds,
            Thing.DISPUTE: self._stripe.disputes, Thing.TRANSFER: self._stripe.transfers,
        }  # fmt: skip
        try:
            return await self._connection.ask(lists[thing].list_async(params))
        except stripe.InvalidRequestError as refused:
            raise rejected(refused) from refused

    async def _only(self, thing: Thing, name: str) -> list[SeenObject]:
        """One payment, dispute or transfer by its id, or the refunds of a payment; nothing where there is none."""
        try:
            if thing is Thing.REFUND:
                page = await self._connection.ask(
                    self._stripe.refunds.list_async({"payment_intent": name, "limit": PAGE})
                )
                return [_refund(each) for each in page.data]
            if thing is Thing.PAYMENT:
                return [_payment(await self._connection.ask(self._stripe.payment_intents.retrieve_async(name)))]
            if thing is Thing.TRANSFER:
                return [_transfer(await self._connection.ask(self._stripe.transfers.retrieve_async(name)))]
            return [_dispute(await self._connection.ask(self._stripe.disputes.retrieve_async(name)))]
        except stripe.InvalidRequestError as refused:
            if refused.code == "resource_missing":
                return []
            raise rejected(refused) from refused


def _payment(intent: stripe.PaymentIntent) -> SeenObject:
    return SeenObject(
        Thing.PAYMENT, intent.id, payment_of(intent).standing, Money(intent.amount, intent.currency),
        _moment(intent.created), intent.amount_received, _ours(intent.metadata, "payment"),
    )  # fmt: skip


def _refund(refund: stripe.Refund) -> SeenObject:
    standing = refund_of(refund).standing
    return SeenObject(
        Thing.REFUND, refund.id, standing, Money(refund.amount, refund.currency), _moment(refund.created),
        refund.amount, _ours(refund.metadata, "refund"), _named(refund.payment_intent),
    )  # fmt: skip


def _dispute(dispute: stripe.Dispute) -> SeenObject:
    seen = dispute_of(dispute)
    return SeenObject(
        Thing.DISPUTE, seen.reference, seen.status, seen.amount, _moment(dispute.created), seen.taken.amount, None,
        seen.payment_reference,
    )  # fmt: skip


def _transfer(transfer: stripe.Transfer) -> SeenObject:
    return SeenObject(
        Thing.TRANSFER, transfer.id, "reversed" if transfer.amount_reversed else "sent",
        Money(transfer.amount, transfer.currency), _moment(transfer.created),
        transfer.amount - transfer.amount_reversed, _ours(transfer.metadata, "payout"),
    )  # fmt: skip


_SEEN: dict[Thing, Any] = {
    Thing.PAYMENT: _payment, Thing.REFUND: _refund, Thing.DISPUTE: _dispute, Thing.TRANSFER: _transfer,
}  # fmt: skip


def _ours(metadata: Any, name: str) -> UUID | None:
    """Our id, as we wrote it there; None: somebody else made it, or wrote something else."""
    try:
        return UUID(str(getattr(metadata, name, None)))
    except ValueError:
        return None


def _named(reference: Any) -> str | None:
    return reference if reference is None or isinstance(reference, str) else str(reference.id)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
