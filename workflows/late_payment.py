"""Money for an order that has ended without it: watched for, sent back, and its buyer is told.

A buyer who pays on a provider's page may press the button while the order's window closes. Nobody can call that back;
it is waited for, and returned.
"""

from datetime import timedelta

import msgspec
from temporalio import workflow

from activities.late_payments import LatePaymentActivities, RecordReturn
from activities.payments.money import PaymentActivities
from activities.payments.providers import ReturnPayment
from models.explanation import Whereabouts
from models.ids import OrderId, OrderNumber, PaymentId
from models.order import OrderStatus
from models.payment import PaymentStatus, Returned
from workflows import patience
from workflows.enduring import to_its_end
from workflows.news import ProviderNews
from workflows.steadfast import Attention, RetryStep
from workflows.telling import Board


class WatchPayment(msgspec.Struct, frozen=True):
    """Look out for money that comes after all."""

    order_id: OrderId
    payment_id: PaymentId
    number: OrderNumber
    provider: str
    reference: str | None


def late_payment_id(order: str) -> str:
    """The id of the one workflow that waits for late money; `order` is the id of the order's own."""
    return f"late-payment/{order.removeprefix('order/')}"


@workflow.defn
class LatePayment:
    """Look at the provider, again and again; what has come is sent back, written down, and the buyer is told.

    Id: `late-payment/<cart>/<attempt>`.
    Waits: for news or the next look of its own, after one minute and then each time twice as long, for four days: a
    webhook is sent again for three. A refund that fails is tried again every hour.
    """

    @workflow.init
    def __init__(self, watch: WatchPayment) -> None:
        self._watch = watch
        self._news: set[str] = set()
        self._unread = False
        self._board = Board(watch.number)
        self._board.status, self._board.payment_status = OrderStatus.CANCELLED, PaymentStatus.VOIDED
        self._attention = Attention(self._board, "late_payment/attention")

    @workflow.run
    async def run(self, watch: WatchPayment) -> Returned | None:
        returned: list[Returned] = []
        await to_its_end(self._story(returned), called_off=lambda: None)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return returned[0] if returned else None

    async def _story(self, returned: list[Returned]) -> None:
        until, pause = workflow.now() + patience.LATE_MONEY, patience.FIRST_LOOK
        while True:
            self._unread = False
            found = await self._look()
            if found is not None:
                returned.append(found)
                await self._record(found)
                return
            left = until - workflow.now()
            if left <= timedelta(0):
                self._board.tell("No money came after the order had ended")
                return
            self._board.tell("The order has ended without money", "money that comes even so", until)
            try:
                await workflow.wait_condition(
                    lambda: self._unread, timeout=min(pause, left), timeout_summary="Look whether money has come"
                )
            except TimeoutError:
                pause *= 2

    async def _look(self) -> Returned | None:
        """What had come and is on its way back; None: nothing."""
        request = ReturnPayment(self._watch.payment_id, self._watch.reference, self._watch.provider)
        return await self._attention.steadfast(
            self._watch.order_id,
            "send a late payment back",
            lambda: workflow.execute_activity_method(
                PaymentActivities.return_payment, request, summary="Send back what came late", **patience.provider()
            ),
        )

    async def _record(self, found: Returned) -> None:
        await workflow.execute_local_activity_method(
            LatePaymentActivities.record_late_payment,
            RecordReturn(self._watch.order_id, self._watch.payment_id, self._watch.provider, found),
            summary="Write down that it went back, tell the buyer",
            **patience.DATABASE,
        )
        self._board.tell(f"{found.amount} came after the order had ended, and went back")

    @workflow.query(description="What it does now, what it waits for and until when.")
    def told(self) -> Whereabouts:
        return self._board.told

    @workflow.signal(description="The payment provider's webhook: look whether money has come.")
    async def provider_news(self, news: ProviderNews) -> None:
        if news.event_id not in self._news:
            self._news.add(news.event_id)
            self._unread = True

    @workflow.update(description="Staff: try the step that needs attention again, now.")
    async def retry(self, request: RetryStep) -> bool:
        await self._attention.retry(self._watch.order_id, request)
        return True

    @retry.validator
    def _may_retry(self, request: RetryStep) -> None:
        self._attention.may_retry()
