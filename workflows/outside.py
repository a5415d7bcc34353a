"""Tells the outside what happens to orders: one workflow fills the queues of receivers, one a receiver empties its own.

None of them is in an order's path: what they tell of is in the timeline, and waits there.
"""

from typing import Any
from uuid import UUID

import msgspec
from temporalio import workflow
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

from activities.outgoing.deliveries import EnlistDeliveries, OutgoingActivities, SendDeliveries
from workflows import patience

ENLIST_WEBHOOKS_ID = "enlist-webhooks"
ROUNDS = 300
"""Rounds, of a minute each, before a workflow begins anew with a short history."""
LONGEST = 60.0
"""Seconds of one round: each costs the Temporal server as much as a step of an order does."""
FILL, EMPTY = 0.5, 0.5
"""Seconds between two looks at the timeline, and at a receiver's queue."""


class DeliverTo(msgspec.Struct, frozen=True):
    """Which receiver."""

    endpoint: UUID


def delivery_workflow_id(endpoint: UUID) -> str:
    """Who sends to this receiver: one in a namespace."""
    return f"deliver/{endpoint}"


@workflow.defn
class EnlistWebhooks:
    """Put what happens to orders into the queues of receivers, and see that somebody sends to each; for ever.

    Id: `enlist-webhooks`, one in a namespace. Waits: up to a minute for what happens, then asks again.
    """

    @workflow.init
    def __init__(self) -> None:
        self._senders: dict[UUID, ChildWorkflowHandle[Any, Any] | None] = {}
        """Who sends to whom; None: somebody that an earlier life began."""

    @workflow.run
    async def run(self) -> None:
        for _ in range(ROUNDS):
            workflow.set_current_details(f"### Waiting for what happens to orders\n\n{len(self._senders)} receivers")
            for endpoint in await self._enlist():
                await self._see_to(endpoint)
            if workflow.info().is_continue_as_new_suggested():
                break
        workflow.continue_as_new()

    async def _enlist(self) -> tuple[UUID, ...]:
        self._senders = {each: sender for each, sender in self._senders.items() if sender is None or not sender.done()}
        try:
            found = await workflow.execute_activity_method(
                OutgoingActivities.enlist_deliveries,
                EnlistDeliveries(tuple(self._senders), seconds=LONGEST, poll=FILL),
                summary="Fill the queues of receivers",
                **patience.FEED,
            )
        except ActivityError as failed:
            workflow.logger.warning("queues of receivers cannot be filled: %s", failed)
            return ()
        self._senders = {each: sender for each, sender in self._senders.items() if each in found.endpoints}
        return found.endpoints

    async def _see_to(self, endpoint: UUID) -> None:
        sender = self._senders.get(endpoint)
        if sender is not None and not sender.done():
            return
        try:
            self._senders[endpoint] = await workflow.start_child_workflow(
                DeliverWebhooks.run,
                DeliverTo(endpoint),
                id=delivery_workflow_id(endpoint),
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary="Tells one receiver outside what happens to orders",
            )
        except WorkflowAlreadyStartedError:
            self._senders[endpoint] = None


@workflow.defn
class DeliverWebhooks:
    """Send to one receiver what is in its queue, until it is archived; nothing while it is paused.

    Id: `deliver/<endpoint>`. Waits: up to a minute for something to send, then asks again.
    """

    @workflow.run
    async def run(self, request: DeliverTo) -> None:
        for _ in range(ROUNDS):
            workflow.set_current_details("### Sending what happens to orders")
            if not await self._send(request.endpoint):
                workflow.set_current_details("### Archived: nothing more is sent")
                return
            if workflow.info().is_continue_as_new_suggested():
                break
        workflow.continue_as_new(request)

    async def _send(self, endpoint: UUID) -> bool:
        try:
            return await workflow.execute_activity_method(
                OutgoingActivities.send_deliveries,
                SendDeliveries(endpoint, seconds=LONGEST, poll=EMPTY),
                summary="Send what is in the queue",
                **patience.RECEIVERS,
            )
        except ActivityError as failed:  # they stay in the queue
            workflow.logger.warning("nothing can be sent to a receiver: %s", failed)
            return True
