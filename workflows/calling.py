"""How a process that is no order's asks for a person: by its search attributes, and in the list of what waits."""

from temporalio import workflow

from activities.attention import AttentionActivities, CallForPerson
from workflows import patience, telling


class Calling:
    """What people are asked for about this process: one thing at a time."""

    def __init__(self, topic: str, *, is_calling: bool = False) -> None:
        self._topic = topic
        self._calls = 0
        self._is_calling = is_calling

    async def call(self, step: str, why: str) -> None:
        """This could not be done: somebody has to look."""
        self._is_calling = True
        await self._tell(step, f"{step}: {why}")

    async def settle(self) -> None:
        """Nobody has to look any more; nothing to be done when nobody had to."""
        if self._is_calling:
            self._is_calling = False
            await self._tell(None, None)

    async def _tell(self, step: str | None, why: str | None) -> None:
        self._calls += 1
        telling.ask(why is not None, step)
        info = workflow.info()
        await workflow.execute_local_activity_method(
            AttentionActivities.call_for_person,
            CallForPerson(info.workflow_id, self._topic, f"{info.run_id}/{self._calls}", why),
            summary="Ask for attention" if why else "Attention no longer needed",
            **patience.DATABASE,
        )
