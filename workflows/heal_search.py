"""Holds the search index against the catalogue, and mends what was lost on the way."""

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

from activities.search import CompareIndex, SearchActivities, TidySearch
from workflows import patience

HEAL_SEARCH_ID = "heal-search"
BATCH = 2000
"""Products a step."""
LONGEST = timedelta(hours=1)
"""A run that cannot get on, because a neighbour is away, makes room for the next one after this."""


class Healed(msgspec.Struct, frozen=True):
    """How many products were compared, and how many of them the index did not have as they are."""

    products: int
    drifted: int


@workflow.defn
class HealSearch:
    """Compare every product with the index, step by step; have indexed anew what differs; forget what is old.

    Id: `heal-search-<time>`, begun by the schedule `heal-search`. Waits: for nothing; when it is done, it is done.
    """

    @workflow.run
    async def run(self) -> Healed:
        after: UUID | None = UUID(int=0)
        products = drifted = 0
        while after is not None:
            compared = await workflow.execute_activity_method(
                SearchActivities.compare_index,
                CompareIndex(after, BATCH),
                summary="Compare products with the index",
                **patience.ENGINE,
            )
            products, drifted, after = products + compared.products, drifted + compared.drifted, compared.after
            workflow.set_current_details(f"### Comparing\n\n**Products:** {products}  \n**Differed:** {drifted}")
        await workflow.execute_activity_method(
            SearchActivities.tidy_search,
            TidySearch(patience.TALLIES_KEPT),
            summary="Forget what is old",
            **patience.ENGINE,
        )
        workflow.set_current_details(f"### Done\n\n**Products:** {products}  \n**Differed:** {drifted}")
        return Healed(products, drifted)


def healing(every: timedelta) -> Schedule:
    """The schedule: every so often, never two at a time, and looks that were missed are not made up for."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            HealSearch.run, id=HEAL_SEARCH_ID, task_queue=patience.ORDERS, execution_timeout=LONGEST,
            static_summary="Holds the search index against the catalogue",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )  # fmt: skip
