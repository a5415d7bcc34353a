"""Puts processes that are no order's on the list of what waits for a person, and takes them off."""

import msgspec
from temporalio import activity

from models.database import Database
from models.tables import attention


class CallForPerson(msgspec.Struct, frozen=True):
    """A person has to look at a process; (`why` None) nobody has to any more."""

    workflow_id: str
    topic: str
    """`payout`, `card`, `erasure`, `parts`."""
    fact: str
    """Names what happened, so that it is told once."""
    why: str | None


class AttentionActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def call_for_person(self, request: CallForPerson) -> None:
        """Put a process on the list of what waits for a person, or take it off.

        Changes: attentions.
        Again: it is there, or gone.
        Undo: the same with `why` None.
        """
        async with self._database.writing() as writer:
            if request.why is None:
                await attention.settle_about(writer, request.workflow_id)
            else:
                await attention.ask_about(writer, request.workflow_id, request.topic, request.why, request.fact)
