"""What is written down of money that came for an order that had ended, and went back."""

import msgspec
from temporalio import activity

from models.database import Database
from models.ids import OrderId, PaymentId
from models.payment import Returned
from models.tables import order as orders
from models.tables import outbox
from models.tables import payment as payments

UNCLAIMED = "unclaimed"
"""The account of money that nobody has a claim to but whoever paid it."""


class RecordReturn(msgspec.Struct, frozen=True):
    """Late money is on its way back."""

    order_id: OrderId
    payment_id: PaymentId
    provider: str
    returned: Returned


class LatePaymentActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def record_late_payment(self, request: RecordReturn) -> None:
        """Write down that late money came and went back, and tell the buyer.

        Changes: money ledger, timeline, outbox.
        Again: each ledger row, fact and letter is written once.
        Undo: nothing, it is history.
        """
        order, amount, came = request.order_id, request.returned.amount, request.returned.reference
        account = f"provider:{request.provider}"
        async with self._database.writing() as writer:
            await payments.book(writer, order, f"late/{came}", {account: amount, UNCLAIMED: -amount})
            await payments.book(writer, order, f"late_return/{came}", {account: -amount, UNCLAIMED: amount})
            await orders.tell(writer, order, f"late/{came}", "payment_returned", "provider", amount=amount)
            await outbox.write_letter(writer, "payment_returned", order, facts={"amount": amount})
