"""What Stripe says of a dispute, in our words."""

from datetime import UTC, datetime
from typing import Any

import stripe

from activities.payments.connection import Connection, rejected
from models.dispute import DisputeStatus, ProviderDispute
from models.money import Money

_STATUSES = {
    "won": DisputeStatus.WON,
    "prevented": DisputeStatus.WON,
    "warning_closed": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
}  # fmt: skip
"""Any other: it is not decided. Of an inquiry (`warning_…`) no money is taken."""


class StripeDisputes:
    """What `StripeProvider` does for a dispute."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stripe = connection.v1

    async def read(self, reference: str) -> ProviderDispute | None:
        """As it is now; None: there is none."""
        try:
            return seen_of(await self._connection.ask(self._stripe.disputes.retrieve_async(reference)))
        except stripe.InvalidRequestError as refused:
            if refused.code == "resource_missing":
                return None
            raise rejected(refused) from refused


def seen_of(dispute: stripe.Dispute) -> ProviderDispute:
    """A dispute in our words: its sums are those of its movements of the shop's balance, in its own currency."""
    kind = dispute.currency
    moved = [each for each in dispute.balance_transactions if each.currency == kind]
    taken, back = [each for each in moved if each.amount <= 0], [each for each in moved if each.amount > 0]
    due = dispute.evidence_details.due_by
    payment: Any = dispute.payment_intent
    return ProviderDispute(
        dispute.id,
        payment if payment is None or isinstance(payment, str) else payment.id,
        _STATUSES.get(dispute.status, DisputeStatus.OPEN),
        dispute.reason,
        Money(dispute.amount, kind),
        Money(-sum(each.amount for each in taken), kind),
        Money(sum(each.fee for each in taken if each.fee > 0), kind),
        Money(sum(each.amount for each in back), kind),
        Money(-sum(each.fee for each in moved if each.fee < 0), kind),
        datetime.fromtimestamp(due, UTC) if due else None,
    )
