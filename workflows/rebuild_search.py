"""The search index made from nothing, while searches go on in the old one."""

from uuid import UUID

import msgspec
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.answers import AnswerActivities, DropAnswers
from activities.search import AwaitIndexed, NoteProducts, SearchActivities, TidySearch
from workflows import patience
from workflows.index_catalogue import SEARCH

REBUILD_SEARCH_ID = "rebuild-search"
BATCH = 2000
"""Products a step: changes that staff make meanwhile wait for no more than these."""


class Rebuilt(msgspec.Struct, frozen=True):
    """The generation that is searched now, and the products it was made of."""

    generation: int
    products: int


@workflow.defn
class RebuildSearch:
    """Open a new generation, have all products indexed, which writes them into both, swap, forget the old one.

    Id: `rebuild-search`, one at a time. Waits: for `index-catalogue` to follow, step by step, a day in all.
    """

    @workflow.run
    async def run(self) -> Rebuilt:
        rebuild = await workflow.execute_local_activity_method(
            SearchActivities.begin_rebuild, summary="Open a generation", **patience.DATABASE
        )
        after: UUID | None = UUID(int=0)
        count = 0
        while after is not None:
            workflow.set_current_details(f"### Building generation {rebuild.generation}\n\n**Products:** {count}")
            noted = await workflow.execute_local_activity_method(
                SearchActivities.note_products,
                NoteProducts(after, BATCH),
                summary="Have the next products indexed",
                **patience.DATABASE,
            )
            await self._indexed(noted.change)
            count, after = count + noted.count, noted.after
        swapped = await workflow.execute_local_activity_method(
            SearchActivities.swap_generation, rebuild, summary="Search in it", **patience.DATABASE
        )
        if not swapped.live:
            raise ApplicationError("another rebuild took its place", non_retryable=True)
        await workflow.execute_activity_method(
            AnswerActivities.drop_answers,
            DropAnswers((SEARCH,)),
            summary="Make answers of searches old",
            **patience.REDIS,
        )
        await workflow.execute_activity_method(
            SearchActivities.tidy_search,
            TidySearch(patience.TALLIES_KEPT),
            summary="Forget the old generation",
            **patience.ENGINE,
        )
        workflow.set_current_details(f"### Done\n\n**Generation:** {rebuild.generation}  \n**Products:** {count}")
        return Rebuilt(rebuild.generation, count)

    async def _indexed(self, change: int) -> None:
        while True:
            followed = await workflow.execute_activity_method(
                SearchActivities.await_indexed,
                AwaitIndexed(change, seconds=60, poll=0.25),
                summary="Wait for the index to follow",
                **patience.CHANGES,
            )
            if followed.done:
                return
