"""Makes cached answers of the catalogue old as soon as what they say has changed, and none besides."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.answers import AnswerActivities, DropAnswers
from activities.catalogue_changes import AwaitChanges, CatalogueChangeActivities, Changes, SettleChanges
from workflows import patience

REFRESH_ANSWERS_ID = "refresh-answers"
BATCH = 500
"""Changes a round."""
ROUNDS = 500
"""Rounds before the workflow begins anew with a short history."""
POLL = 0.25
"""Seconds between two looks."""


@workflow.defn
class RefreshAnswers:
    """Wait for changes of the catalogue, make the answers old that told otherwise, settle them; for ever.

    Id: `refresh-answers`, one in a namespace. Waits: up to a minute for changes, then asks again.
    """

    @workflow.run
    async def run(self) -> None:
        for _ in range(ROUNDS):
            workflow.set_current_details("### Waiting for the catalogue to change")
            changes = await self._changes()
            if changes.ids:
                workflow.set_current_details(f"### Telling of {len(changes.ids)} changes")
                await self._tell(changes)
            if workflow.info().is_continue_as_new_suggested():
                break
        workflow.continue_as_new()

    async def _changes(self) -> Changes:
        try:
            return await workflow.execute_activity_method(
                CatalogueChangeActivities.await_changes,
                AwaitChanges("answers", most=BATCH, seconds=60, poll=POLL),
                summary="Wait for changes",
                **patience.CHANGES,
            )
        except ActivityError as failed:
            workflow.logger.warning("changes cannot be read: %s", failed)
            return Changes()

    async def _tell(self, changes: Changes) -> None:
        outdated = await workflow.execute_local_activity_method(
            CatalogueChangeActivities.find_outdated,
            changes,
            summary="Find what is told of them",
            **patience.DATABASE,
        )
        try:
            await workflow.execute_activity_method(
                AnswerActivities.drop_answers,
                DropAnswers(outdated.about),
                summary=f"Make answers old about {len(outdated.about)} things",
                **patience.REDIS,
            )
        except ActivityError as failed:  # by now they are too old to be given anyway
            workflow.logger.warning("answers cannot be dropped: %s", failed)
        await workflow.execute_local_activity_method(
            CatalogueChangeActivities.settle_changes,
            SettleChanges(changes.ids),
            summary="Write down that it is done",
            **patience.DATABASE,
        )
