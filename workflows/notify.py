"""Sends the letters of the outbox. One workflow for all orders, so that a slow mail server never holds an order up."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.mail import MailActivities, Sending
from activities.outbox import AwaitLetters, DueLetters, OutboxActivities, Settled, SettleLetters
from workflows import patience

NOTIFY_ID = "notify"
BATCH = 50
"""Letters over one connection to the mail server."""
ROUNDS = 500
"""Batches before the workflow begins anew with a short history."""


@workflow.defn
class Notify:
    """Wait for letters that are due, send them, write down what became of each; for ever.

    Id: `notify`, one in a namespace. Waits: up to a minute for letters, then asks again.
    """

    @workflow.run
    async def run(self) -> None:
        for _ in range(ROUNDS):
            workflow.set_current_details("### Waiting for letters to send")
            due = await self._due()
            if due.letters:
                workflow.set_current_details(f"### Sending {len(due.letters)} letters")
                await self._send(due)
            if workflow.info().is_continue_as_new_suggested():
                break
        workflow.continue_as_new()

    async def _due(self) -> DueLetters:
        try:
            return await workflow.execute_activity_method(
                OutboxActivities.await_letters,
                AwaitLetters(most=BATCH, seconds=60, poll=0.5),
                summary="Wait for letters",
                **patience.OUTBOX,
            )
        except ActivityError as failed:
            workflow.logger.warning("the outbox cannot be read: %s", failed)
            return DueLetters(())

    async def _send(self, due: DueLetters) -> None:
        try:
            sent = await workflow.execute_activity_method(
                MailActivities.send_letters,
                Sending(due.letters, due.own),
                summary=f"Send {len(due.letters)} letters",
                **patience.MAIL_SERVER,
            )
        except ActivityError as failed:  # they stay due
            workflow.logger.warning("letters cannot be sent: %s", failed)
            return
        await workflow.execute_local_activity_method(
            OutboxActivities.settle_letters,
            SettleLetters(
                tuple(Settled(each.letter, each.error, each.final, each.bounced, each.failure) for each in sent.results)
            ),
            summary="Write down what became of them",
            **patience.DATABASE,
        )
