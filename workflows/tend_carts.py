"""Carts left behind: who wants to be is reminded once, and what nobody will come back for is removed."""

from datetime import datetime, timedelta

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

from activities.carts import CartActivities, FindForgottenCarts, RemindOfCarts, RemoveCarts
from workflows import patience

TEND_CARTS_ID = "tend-carts"
BATCH = 100
"""Carts a step."""
ROUNDS = 50
"""Steps of each kind in one run; what is left over is the next one's."""
LONGEST = timedelta(hours=1)
"""A run that cannot get on, because a neighbour is away, makes room for the next one after this."""


class Tending(msgspec.Struct, frozen=True):
    """What counts as left behind. `every`: how often somebody looks."""

    remind_after: timedelta
    lifetime: timedelta
    every: timedelta


class Tended(msgspec.Struct, frozen=True):
    """What one look came to."""

    reminded: int
    removed: int


@workflow.defn
class TendCarts:
    """Write letters about carts left behind, then remove forgotten ones, in batches.

    Id: `tend-carts-<time>`, begun by the schedule `tend-carts`. Waits: for nothing; when it is done, it is done.
    """

    def __init__(self) -> None:
        self._reminded = 0
        self._removed = 0

    @workflow.run
    async def run(self, request: Tending) -> Tended:
        again_at = workflow.info().start_time + request.every
        self._tell("Reminding of carts left behind", again_at)
        for _ in range(ROUNDS):
            if not await self._remind(request.remind_after):
                break
        self._tell("Removing forgotten carts", again_at)
        for _ in range(ROUNDS):
            if not await self._remove(request.lifetime):
                break
        self._tell("Done", again_at)
        return Tended(self._reminded, self._removed)

    async def _remind(self, after: timedelta) -> bool:
        """One batch. Whether there may be more."""
        done = await workflow.execute_local_activity_method(
            CartActivities.remind_of_carts,
            RemindOfCarts(after, BATCH),
            summary="Remind owners who want it",
            **patience.DATABASE,
        )
        self._reminded += done.count
        return done.count == BATCH

    async def _remove(self, lifetime: timedelta) -> bool:
        """One batch. Whether there may be more."""
        found = await workflow.execute_local_activity_method(
            CartActivities.find_forgotten_carts,
            FindForgottenCarts(lifetime, BATCH),
            summary="Find carts nobody comes back for",
            **patience.DATABASE,
        )
        if not found.carts:
            return False
        left = await workflow.execute_local_activity_method(
            CartActivities.spare_carts_being_bought,
            found,
            summary="Spare those whose checkout runs",
            **patience.DATABASE,
        )
        done = await workflow.execute_local_activity_method(
            CartActivities.remove_carts,
            RemoveCarts(tuple(each.cart for each in left.carts), lifetime),
            summary=f"Remove {len(left.carts)} carts",
            **patience.DATABASE,
        )
        self._removed += done.count
        return len(found.carts) == BATCH and done.count > 0

    def _tell(self, step: str, again_at: datetime) -> None:
        workflow.set_current_details(
            f"### {step}\n\n**Reminded:** {self._reminded}  \n**Removed:** {self._removed}  \n"
            f"**Looks again at:** {again_at:%Y-%m-%d %H:%M:%S} UTC\n"
        )


def tending(request: Tending) -> Schedule:
    """The schedule: every so often, never two at a time, and looks that were missed are not made up for."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            TendCarts.run, request, id=TEND_CARTS_ID, task_queue=patience.ORDERS, execution_timeout=LONGEST,
            static_summary="Reminds of carts left behind and removes forgotten ones",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=request.every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )  # fmt: skip
