"""Pays vendors out every so often: whoever is owed enough gets all of it, by a workflow of their own.

Id: `pay-vendors-<time>`, begun by the schedule `pay-vendors`.
"""

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
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.payouts import MOST_MENDED, DuePayout, FindDue, MendBooks, PayoutActivities
from models import vendor
from workflows import patience
from workflows.pay_out import PayOut

PAY_VENDORS_ID = "pay-vendors"
LONGEST = timedelta(hours=6)
"""A run that cannot get on, because a neighbour is away, makes room for the next one after this."""
A_RUN = 200
"""Payouts that one run begins; the next run of the same workflow goes on, so that no history grows too long."""


class Paying(msgspec.Struct, frozen=True):
    """Pay out what is owed. `look_back`: of orders whose money moved since then the books are put right before."""

    look_back: timedelta
    begun: int = 0
    rest: tuple[DuePayout, ...] | None = None
    """None: it begins."""


@workflow.defn
class PayVendors:
    """Put the books right, find who is owed enough, begin a payout for each.

    Id: `pay-vendors-<time>`, begun by the schedule `pay-vendors`. Waits: for nothing; payouts go their own way.
    """

    @workflow.run
    async def run(self, request: Paying) -> int:
        rest = request.rest
        if rest is None:
            await self._mend(request.look_back)
            found = await workflow.execute_activity_method(
                PayoutActivities.find_due, FindDue(workflow.now().date()), summary="Who is owed enough",
                **patience.STUDY,
            )  # fmt: skip
            rest = found.due
        for due in rest[:A_RUN]:
            await self._begin(due)
        begun = request.begun + len(rest[:A_RUN])
        workflow.set_current_details(f"### Paying vendors out\n\n**Begun:** {begun}  \n**Left:** {len(rest[A_RUN:])}\n")
        if rest[A_RUN:]:
            workflow.continue_as_new(msgspec.structs.replace(request, begun=begun, rest=rest[A_RUN:]))
        return begun

    async def _mend(self, look_back: timedelta) -> None:
        """What the follower of orders did not hear of, or has not heard of yet."""
        since, mended = workflow.now() - look_back, MOST_MENDED
        while mended == MOST_MENDED:
            mended = await workflow.execute_activity_method(
                PayoutActivities.mend_books, MendBooks(since), summary="Put the books right", **patience.STUDY
            )

    async def _begin(self, due: DuePayout) -> None:
        """A payout of its own, which outlives this run; one that is under way goes on."""
        try:
            await workflow.start_child_workflow(
                PayOut.run, due, id=vendor.workflow_id(due.vendor_id, due.currency, due.day),
                task_queue=patience.ORDERS, parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                static_summary=f"Payout in {due.currency}, {due.day}",
            )  # fmt: skip
        except WorkflowAlreadyStartedError:
            workflow.logger.info("the payout of %s in %s is under way", due.vendor_id, due.currency)


def paying(every: timedelta) -> Schedule:
    """The schedule: every so often, never two at a time, and runs that were missed are not made up for."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            PayVendors.run, Paying(max(every * 3, timedelta(days=7))), id=PAY_VENDORS_ID, task_queue=patience.ORDERS,
            execution_timeout=LONGEST, static_summary="Pays vendors out",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )  # fmt: skip
