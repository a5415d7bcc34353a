"""Keeps the search index like the catalogue. One workflow alone writes to it, so that nothing old overtakes the new."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.catalogue_changes import Changes
from activities.search import IndexProducts, NoteCategories, SearchActivities
from workflows import following, patience

INDEX_CATALOGUE_ID = "index-catalogue"
ROUNDS = 300
"""Rounds before the workflow begins anew with a short history."""
SEARCH = "search"
"""Reader of the changes; and what cached answers of searches are about."""


@workflow.defn
class IndexCatalogue:
    """Wait for changes of the catalogue, take them into the search index, settle them; for ever.

    Id: `index-catalogue`, one in a namespace. Waits: up to a minute for changes, then asks again; while the search
    engine is away, for it, and nothing else waits for this workflow.
    """

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_local_activity_method(
            SearchActivities.open_index, summary="Make sure that there is an index", **patience.DATABASE
        )
        for _ in range(ROUNDS):
            workflow.set_current_details("### Waiting for the catalogue to change")
            changes = await following.changes(SEARCH)
            if changes.ids:
                workflow.set_current_details(f"### Indexing {len(changes.ids)} changes")
                await self._follow(changes)
            if workflow.info().is_continue_as_new_suggested():
                break
        workflow.continue_as_new()

    async def _follow(self, changes: Changes) -> None:
        try:
            await self._index(changes)
        except ActivityError as failed:  # they stay to be done
            workflow.set_current_details(f"### The search engine does not answer\n\n{failed.cause}")
            workflow.logger.warning("the index cannot follow: %s", failed)
            return
        await following.make_old((SEARCH,), "Make answers of searches old")
        await following.settle(changes)

    async def _index(self, changes: Changes) -> None:
        if "synonyms" in changes.words:
            await workflow.execute_activity_method(
                SearchActivities.configure_index, summary="Tell synonyms", **patience.ENGINE
            )
        if changes.categories:
            await workflow.execute_activity_method(
                SearchActivities.note_categories,
                NoteCategories(changes.categories),
                summary="Have products of changed categories indexed",
                **patience.ENGINE,
            )
        if changes.products:
            await workflow.execute_activity_method(
                SearchActivities.index_products,
                IndexProducts(changes.products),
                summary=f"Index {len(changes.products)} products",
                **patience.ENGINE,
            )
