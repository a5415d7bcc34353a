"""Makes cached answers of the catalogue old as soon as what they say has changed, and none besides."""

from temporalio import workflow

from activities.catalogue_changes import CatalogueChangeActivities, Changes
from workflows import following, patience

REFRESH_ANSWERS_ID = "refresh-answers"
ROUNDS = 500
"""Rounds before the workflow begins anew with a short history."""
ANSWERS = "answers"
"""Reader of the changes."""


@workflow.defn
class RefreshAnswers:
    """Wait for changes of the catalogue, make the answers old that told otherwise, settle them; for ever.

    Id: `refresh-answers`, one in a namespace. Waits: up to a minute for changes, then asks again.
    """

    @workflow.run
    async def run(self) -> None:
        for _ in range(ROUNDS):
            workflow.set_current_details("### Waiting for the catalogue to change")
            changes = await following.changes(ANSWERS)
            if changes.ids:
                workflow.set_current_details(f"### Telling of {len(changes.ids)} changes")
                await self._tell(changes)
            if workflow.info().is_continue_as_new_suggested():
                break
        workflow.continue_as_new()

    async def _tell(self, changes: Changes) -> None:
        outdated = await workflow.execute_local_activity_method(
            CatalogueChangeActivities.find_outdated,
            changes,
            summary="Find what is told of them",
            **patience.DATABASE,
        )
        await following.make_old(outdated.about, f"Make answers old about {len(outdated.about)} things")
        await following.settle(changes)
