"""One dispute of one payment, looked at whenever the provider says that something happened to it.

Id: `dispute/<provider>/<reference>`. Begun by the provider's news, and by a reconciliation that finds one which is not
here as it is there.
"""

import msgspec
from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.disputes import DisputeActivities, DisputeRecorded, RecordDispute
from activities.payments.money import PaymentActivities
from activities.payments.providers import ReadDispute
from models.dispute import DisputeStatus
from workflows import patience, telling, visibility
from workflows.enduring import to_its_end
from workflows.news import ProviderNews


class WatchDispute(msgspec.Struct, frozen=True):
    """Look at a dispute."""

    provider: str
    reference: str


class DisputeState(msgspec.Struct, frozen=True):
    """Where a dispute stands; None: the provider knows of none."""

    status: DisputeStatus | None = None
    order_number: str | None = None
    """Whose it is; None: no payment of ours is meant."""


@workflow.defn
class FollowDispute:
    """Read the dispute at the provider; book what it took or gave back; ask for a person. Begun again by the next news.

    Waits: for the provider, up to three days; a reconciliation looks after that. Temporal's own cancel has no effect.
    """

    @workflow.init
    def __init__(self, watch: WatchDispute) -> None:
        self._watch = watch
        self._unread = True
        self._state = DisputeState()

    @workflow.run
    async def run(self, watch: WatchDispute) -> DisputeState:
        await to_its_end(self._story(), called_off=lambda: None)
        return self._state

    async def _story(self) -> None:
        while self._unread:
            self._unread = False
            self._tell("Looking at the dispute", "the payment provider")
            try:
                seen = await workflow.execute_activity_method(
                    PaymentActivities.read_dispute,
                    ReadDispute(self._watch.reference, self._watch.provider),
                    summary="Ask the provider how the dispute stands",
                    **patience.provider(patience.DISPUTE_NEWS),
                )
            except FailureError as failed:
                self._tell(f"Could not look: {telling.cause(failed)}. The next reconciliation looks again")
                continue
            if seen is None:
                self._tell("The provider knows of no such dispute")
                continue
            kept: DisputeRecorded = await workflow.execute_local_activity_method(
                DisputeActivities.record_dispute,
                RecordDispute(self._watch.provider, seen),
                summary="Book it, and ask for a person",
                **patience.DATABASE,
            )
            self._state = DisputeState(seen.status, kept.order_number)
            if kept.order_number is not None:
                workflow.upsert_search_attributes([visibility.ORDER_NUMBER.value_set(kept.order_number)])
            self._tell(f"{seen.status.capitalize()}: {seen.amount}, order {kept.order_number or 'unknown'}")

    def _tell(self, step: str, waiting_for: str | None = None) -> None:
        wait = f"**Waits for:** {waiting_for}" if waiting_for else "**Waits for:** nothing, it is done"
        workflow.set_current_details(f"### {step}\n\n**Dispute:** {self._watch.reference}  \n{wait}\n")

    @workflow.signal(description="The payment provider's webhook: look at the dispute again.")
    async def provider_news(self, news: ProviderNews) -> None:
        self._unread = True

    @workflow.query(description="Where the dispute stands.")
    def state(self) -> DisputeState:
        return self._state
