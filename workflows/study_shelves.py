"""Studies what people buy and look at, so that lists know what is popular and products know what goes with them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

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

from activities.study import ForgetOld, GatherPurchases, StudyActivities, StudyProducts
from workflows import patience

STUDY_SHELVES_ID = "study-shelves"
ORDERS_A_STEP = 1000
TRACES_A_STEP = 5000
FIGURES_A_STEP = 250
"""Their listings are locked together: an order that takes the last unit of one waits for the step."""
RELATIONS_A_STEP = 100
LONGEST = timedelta(hours=12)
"""A study that cannot get on makes room for the next one after this."""


class Study(msgspec.Struct, frozen=True):
    """What to study, and how far it has come: a long one begins anew with a short history."""

    part: int = 0
    after: UUID | None = None
    steps: int = 0


@workflow.defn
class StudyShelves:
    """Gather purchases, forget what is old, count each product, then relate products; in steps of some each.

    Id: `study-shelves-<time>`, begun by the schedule `study-shelves`. Waits: for nothing; when it is done, it is done.
    """

    @workflow.init
    def __init__(self, request: Study) -> None:
        self._part, self._after, self._steps = request.part, request.after, request.steps

    @workflow.run
    async def run(self, request: Study) -> int:
        parts: list[tuple[str, Callable[[], Awaitable[UUID | None]]]] = [
            ("Gathering what was bought", self._gather), ("Forgetting what is too old", self._forget),
            ("Counting", self._figure), ("Finding what goes with what", self._relate),
        ]  # fmt: skip
        while self._part < len(parts):
            told, step = parts[self._part]
            workflow.set_current_details(f"### {told}\n\n**Steps so far:** {self._steps}\n")
            self._after = await step()
            self._steps += 1
            if self._after is None:
                self._part += 1
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(Study(self._part, self._after, self._steps))
        workflow.set_current_details(f"### Done\n\n**Steps:** {self._steps}\n")
        return self._steps

    async def _gather(self) -> UUID | None:
        done = await workflow.execute_activity_method(
            StudyActivities.gather_purchases, GatherPurchases(ORDERS_A_STEP, self._after),
            summary=f"Keep what {ORDERS_A_STEP} orders bought", **patience.STUDY,
        )  # fmt: skip
        return done.after

    async def _forget(self) -> UUID | None:
        done = await workflow.execute_activity_method(
            StudyActivities.forget_old_traces, ForgetOld(TRACES_A_STEP),
            summary="Forget what is too old", **patience.STUDY,
        )  # fmt: skip
        return UUID(int=0) if done.more else None

    async def _figure(self) -> UUID | None:
        done = await workflow.execute_activity_method(
            StudyActivities.figure_products, self._from_here(FIGURES_A_STEP),
            summary=f"Count {FIGURES_A_STEP} products", **patience.STUDY,
        )  # fmt: skip
        return done.after

    async def _relate(self) -> UUID | None:
        done = await workflow.execute_activity_method(
            StudyActivities.relate_products, self._from_here(RELATIONS_A_STEP),
            summary=f"Relate {RELATIONS_A_STEP} products", **patience.STUDY,
        )  # fmt: skip
        return done.after

    def _from_here(self, most: int) -> StudyProducts:
        return StudyProducts(most) if self._after is None else StudyProducts(most, self._after)


def studying(every: timedelta) -> Schedule:
    """The schedule: every so often, never two at a time, and studies that were missed are not made up for."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            StudyShelves.run, Study(), id=STUDY_SHELVES_ID, task_queue=patience.ORDERS, execution_timeout=LONGEST,
            static_summary="Counts what people buy and look at, and relates products",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )  # fmt: skip
