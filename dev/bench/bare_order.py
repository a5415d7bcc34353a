"""The floor of a checkout: a workflow with one empty local activity, answering an update as soon as that is done."""

from datetime import timedelta

from temporalio import activity, workflow


@activity.defn
async def do_nothing() -> None:
    """What every real step costs at least."""


@workflow.defn
class BareOrder:
    """Runs one local activity and answers."""

    def __init__(self) -> None:
        self._done = False

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_local_activity(do_nothing, start_to_close_timeout=timedelta(seconds=10))
        self._done = True
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update
    async def placed(self) -> str:
        """Answers when the activity is done."""
        await workflow.wait_condition(lambda: self._done)
        return "placed"
