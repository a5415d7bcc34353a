"""What Temporal remembers: histories of workflows that are over hold addresses as long as the server keeps them."""

from typing import Any

import msgspec
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from models.errors import Unavailable
from models.ids import UserId

AT_ONCE = 50
"""Histories deleted in one call of the activity."""


class DeleteHistories(msgspec.Struct, frozen=True):
    """Forget what an account's workflows said."""

    user: UserId


class HistoriesLeft(msgspec.Struct, frozen=True):
    """What the server still knew when it was asked; all zero: it knows nothing any more."""

    deleted: int
    running: int


class HistoryActivities:
    """Needs Temporal alone, by the client of its worker."""

    @activity.defn
    async def delete_histories(self, request: DeleteHistories) -> HistoriesLeft:
        """Delete the histories of an account's orders and cards that are over; those that run are left alone.

        Changes: at Temporal, closed executions are deleted, a moment later also from its list.
        Again: what is gone is not found.
        Undo: none.
        """
        client, deleted, running = activity.client(), 0, 0
        try:
            async for found in client.list_workflows(_theirs(request.user), limit=AT_ONCE):
                if found.status is WorkflowExecutionStatus.RUNNING:
                    running += 1
                else:
                    await _delete(client, found.id, found.run_id)
                    deleted += 1
        except RPCError as error:
            raise Unavailable("temporal", f"{error.status.name}: {error.message}") from error
        return HistoriesLeft(deleted, running)


def _theirs(user: UserId) -> str:
    """An account's cart has its id, and so has the search attribute of each order of that cart."""
    ids = (f"payment-method/{user}/", f"payment-method-removal/{user}/")
    return " OR ".join([f'CartId = "{user}"', *(f'WorkflowId STARTS_WITH "{begin}"' for begin in ids)])


async def _delete(client: Client, workflow: str, run: str) -> None:
    execution: Any = WorkflowExecution(workflow_id=workflow, run_id=run)
    try:
        await client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
