"""Asking a workflow that may not have begun: start it or meet the one that runs, and wait for its answer a while."""

from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar, cast

from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import TemporalError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.context import House
from models.errors import Unavailable, refusal_of

T = TypeVar("T")

_A_MOMENT = timedelta(seconds=1)


async def ask(
    house: House,
    owner: str,
    start: WithStartWorkflowOperation[Any, T],
    update: Any,
    message: Any,
    key: str,
    kind: type[T],
) -> T | None:
    """The owner's answer, which its workflow returns too. None: it has begun, and needs longer than the budget.

    `owner` is its workflow id, `key` the update's: the same key gets the same answer.
    Raises: Refusal as the owner says; Unavailable when it is not known whether it has begun.
    """
    try:
        return cast(T, await _answered(house, start, update, message, key))
    except WorkflowUpdateFailedError as failed:
        refusal = refusal_of(failed.cause)
        if refusal is not None:
            raise refusal from failed
        return await _left(house, owner, kind)
    except WorkflowAlreadyStartedError:
        return await _left(house, owner, kind)
    except WorkflowUpdateRPCTimeoutOrCancelledError as away:
        try:
            seen = await house.temporal.get_workflow_handle(owner).describe(rpc_timeout=_A_MOMENT)
        except RPCError as error:
            raise Unavailable("temporal", "send the same request again, it is done once") from error
        if seen.status is not WorkflowExecutionStatus.RUNNING:
            raise Unavailable("temporal", "it just ended; send the same request again for its outcome") from away
        return None


async def _answered(
    house: House, start: WithStartWorkflowOperation[Any, Any], update: Any, message: Any, key: str
) -> Any:
    """One update-with-start."""
    try:
        return await house.temporal.execute_update_with_start_workflow(
            update, message, start_workflow_operation=start, id=key, rpc_timeout=house.settings.answer_budget
        )
    except TemporalError:
        with suppress(TemporalError):  # it failed alike; unread it would be logged as never retrieved
            await start.workflow_handle()
        raise


async def _left(house: House, owner: str, kind: type[T]) -> T | None:
    """What a workflow that has ended left behind. Raises: Unavailable when it left nothing."""
    try:
        ended = house.temporal.get_workflow_handle(owner, result_type=kind)
        return cast(T, await ended.result(rpc_timeout=_A_MOMENT))
    except (WorkflowFailureError, RPCError) as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.DEADLINE_EXCEEDED:
            return None
        raise Unavailable("temporal", "send the same request again") from error
