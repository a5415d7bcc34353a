"""Completes delivered orders when the time for returns is over, long after their own workflows have ended."""

from datetime import timedelta

import msgspec
from temporalio import workflow
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from activities.completions import CompleteOrders, CompletionActivities
from workflows import patience

COMPLETE_DELIVERED_ID = "complete-delivered"
EVERY = timedelta(hours=1)
ORDERS_A_STEP = 500
LONGEST = timedelta(hours=6)
"""A run that cannot get on, because Postgres is away, makes room for the next one after this."""


class Completing(msgspec.Struct, frozen=True):
    """How far it has come: a long run begins anew with a short history."""

    orders: int = 0


@workflow.defn
class CompleteDelivered:
    """Complete orders, oldest first, some hundreds a step, until none is left that could be.

    Id: `complete-delivered-<time>`, begun by the schedule `complete-delivered`. Waits: for nothing; when it is done,
    it is done.
    """

    @workflow.run
    async def run(self, request: Completing) -> int:
        orders = request.orders
        while True:
            workflow.set_current_details(f"### Completing delivered orders\n\n**So far:** {orders}\n")
            done = await workflow.execute_activity_method(
                CompletionActivities.complete_orders, CompleteOrders(ORDERS_A_STEP),
                summary=f"Complete {ORDERS_A_STEP} orders", **patience.STUDY,
            )  # fmt: skip
            orders += done.orders
            if done.orders < ORDERS_A_STEP:
                workflow.set_current_details(f"### Done\n\n**Completed:** {orders}\n")
                return orders
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(Completing(orders))


def completing() -> Schedule:
    """The schedule: every so often, never two at a time, and runs that were missed are not made up for."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            CompleteDelivered.run, Completing(), id=COMPLETE_DELIVERED_ID, task_queue=patience.ORDERS,
            execution_timeout=LONGEST, static_summary="Completes delivered orders that cannot be returned any more",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )  # fmt: skip
