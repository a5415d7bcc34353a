"""What becomes of a dispute on our own rows: booked, shown, and staff are asked for."""

import msgspec
from temporalio import activity

from models.database import Database
from models.dispute import DisputeStatus, ProviderDispute
from models.ids import OrderNumber
from models.order import OrderStatus
from models.tables import attention
from models.tables import dispute as disputes
from models.tables import order as orders

OPENED = "dispute {} of {} ({}): answer it at the provider{}"
"""Stays until it is decided."""
LEFT_OVER = "dispute {} is won: {} of an order that was cancelled can go back now"


class RecordDispute(msgspec.Struct, frozen=True):
    """How a dispute stands at the provider."""

    provider: str
    seen: ProviderDispute


class DisputeRecorded(msgspec.Struct, frozen=True):
    """Whose it is; None: no payment of ours is meant."""

    order_number: OrderNumber | None


class DisputeActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def record_dispute(self, request: RecordDispute) -> DisputeRecorded:
        """Write down how a dispute stands, book what the provider took or gave back, and ask for a person.

        Changes: dispute, ledger of money, timeline; the order needs attention until it is decided.
        Again: the dispute is as it is, and each fact and sum is written once.
        Undo: nothing, it is history.
        """
        seen = request.seen
        async with self._database.writing() as writer:
            kept = await disputes.record(writer, request.provider, seen)
            if kept is None:
                return DisputeRecorded(None)
            if kept.moved:
                topic = f"dispute/{seen.reference}"
                facts = {"dispute": seen.reference, "amount": seen.amount, "reason": seen.reason}
                status = "opened" if seen.status is DisputeStatus.OPEN else seen.status
                await orders.tell(
                    writer, kept.order, f"dispute/{seen.reference}/{status}", f"dispute_{status}", "provider", **facts
                )
                if seen.status is DisputeStatus.OPEN:
                    until = f" until {seen.answer_by:%Y-%m-%d}" if seen.answer_by else ""
                    asked = OPENED.format(seen.reference, seen.amount, seen.reason.replace("_", " "), until)
                    await attention.ask(writer, kept.order, topic, asked)
                else:
                    await attention.settle(writer, kept.order, topic)
                if seen.status is DisputeStatus.WON and kept.order_status is OrderStatus.CANCELLED:
                    await attention.ask(writer, kept.order, topic, LEFT_OVER.format(seen.reference, seen.amount))
        return DisputeRecorded(kept.number)
