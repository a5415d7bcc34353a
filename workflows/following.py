"""Following the catalogue: waiting for its changes, making old what was told of them, writing down that it is done."""

from collections.abc import Sequence

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.answers import AnswerActivities, DropAnswers
from activities.catalogue_changes import AwaitChanges, CatalogueChangeActivities, Changes, SettleChanges
from workflows import patience

BATCH = 500
"""Changes a round."""
POLL = 0.25
"""Seconds between two looks."""


async def changes(reader: str) -> Changes:
    """The next ones that `reader` has to follow; none, after a minute or when they cannot be read."""
    try:
        return await workflow.execute_activity_method(
            CatalogueChangeActivities.await_changes,
            AwaitChanges(reader, most=BATCH, seconds=60, poll=POLL),
            summary="Wait for changes",
            **patience.CHANGES,
        )
    except ActivityError as failed:
        workflow.logger.warning("changes cannot be read: %s", failed)
        return Changes()


async def make_old(about: Sequence[str], summary: str) -> None:
    """Have nobody told any more what was told about these."""
    try:
        await workflow.execute_activity_method(
            AnswerActivities.drop_answers, DropAnswers(tuple(about)), summary=summary, **patience.REDIS
        )
    except ActivityError as failed:  # by now they are too old to be given anyway
        workflow.logger.warning("answers cannot be dropped: %s", failed)


async def settle(done: Changes) -> None:
    """Write down that they are done."""
    await workflow.execute_local_activity_method(
        CatalogueChangeActivities.settle_changes,
        SettleChanges(done.ids),
        summary="Write down that it is done",
        **patience.DATABASE,
    )
