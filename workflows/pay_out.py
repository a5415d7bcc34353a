"""Pays one vendor out: the amount fixed first, sent once, then written down how it ended."""

import contextlib

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.payments.money import PaymentActivities
from activities.payments.providers import SendTransfer
from activities.payouts import DuePayout, EndPayout, PayoutActivities
from models.vendor import Payout, PayoutStatus, ProviderTransfer
from workflows import patience, telling
from workflows.calling import Calling
from workflows.enduring import to_its_end
from workflows.news import ProviderNews

SEND = "send a payout"


@workflow.defn
class PayOut:
    """Fix the amount and take it out of what is owed; send it; write down how it ended.

    Id: `payout/<vendor>/<currency>/<day>`.
    Waits: for the provider, ten minutes; then a person is told, and it is tried again each hour, or when somebody says
    so. It is looked for before it is sent again. What the provider refuses is owed again, and in the next payout.
    Temporal's own cancel has no effect: what is fixed is sent, or owed again.
    """

    @workflow.init
    def __init__(self, due: DuePayout) -> None:
        self._due = due
        self._again = False
        self._payout: Payout | None = None
        self._calling = Calling("payout")

    @workflow.run
    async def run(self, due: DuePayout) -> PayoutStatus | None:
        ended: list[PayoutStatus] = []
        await to_its_end(self._story(ended), called_off=lambda: None)
        return ended[0] if ended else None

    async def _story(self, ended: list[PayoutStatus]) -> None:
        workflow.set_current_details("### Fixing what is owed")
        payout: Payout | None = await workflow.execute_local_activity_method(
            PayoutActivities.fix_payout, self._due, summary="Fix what is owed", **patience.DATABASE
        )
        if payout is None:
            workflow.set_current_details("### Nothing is paid out: less is owed than the minimum\n")
            return
        if payout.status is PayoutStatus.OPEN:
            seen = await self._send(payout)
            await workflow.execute_local_activity_method(
                PayoutActivities.settle_payout, EndPayout(payout, seen),
                summary="Write down that it was sent" if seen.reference else "It was refused: owe it again",
                **patience.DATABASE,
            )  # fmt: skip
            sent = seen.reference is not None
            ended.append(PayoutStatus.PAID if sent else PayoutStatus.FAILED)
            await self._calling.settle()
            telling.ask(not sent, None if sent else SEND)  # one that failed is on the list by its row
            told = "were sent" if sent else f"were refused, needs attention: {seen.why}"
            workflow.set_current_details(f"### {payout.amount} {told}\n\n**{payout.vendor}**, {payout.destination}\n")
        else:
            ended.append(payout.status)

    async def _send(self, payout: Payout) -> ProviderTransfer:
        """Until the provider has said yes or no."""
        request = SendTransfer(
            payout.id, payout.group, workflow.info().workflow_id, payout.amount, payout.destination
        )  # fmt: skip
        while True:
            workflow.set_current_details(
                f"### Sending {payout.amount} to {payout.vendor}\n\n**Waits for:** the payment provider\n"
            )
            self._again = False
            try:
                return await workflow.execute_activity_method(
                    PaymentActivities.send_transfer, request, summary=f"Send {payout.amount}", **patience.provider()
                )
            except FailureError as failed:
                workflow.logger.error("payout %s cannot be sent: %s", payout.id, failed)
                await self._calling.call(SEND, telling.cause(failed))
                workflow.set_current_details(
                    f"### Needs attention: {payout.amount} cannot be sent to {payout.vendor}\n\n"
                    f"{telling.cause(failed)}\n\n**Tried again:** in an hour, or at the signal `provider_news`\n"
                )
                with contextlib.suppress(TimeoutError):
                    await workflow.wait_condition(
                        lambda: self._again, timeout=patience.PAUSE_BEFORE_NEXT_TRY, timeout_summary="Try to send again"
                    )

    @workflow.signal(description="A person, or a reconciliation: try again now.")
    async def provider_news(self, news: ProviderNews) -> None:
        self._again = True
