"""Stories about the shelves, told to the end or to where they wait: their histories are replayed by every build."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from models.ids import new_id
from models.product_import import import_workflow_id
from models.settings import WorkerSettings
from models.storage import Storage
from models.tables.search_synonym import create as mean_the_same
from tests import people, shop
from tests.flow import Flow
from tests.reviewers import bought
from tests.workflows.importing import Imports, rows
from tests.workflows.trouble import Trouble
from workflows import heal_search, rebuild_search, study_shelves
from workflows.heal_search import HealSearch
from workflows.import_products import AwaitOpening, ImportProducts
from workflows.index_catalogue import INDEX_CATALOGUE_ID, IndexCatalogue
from workflows.patience import ORDERS
from workflows.rebuild_search import RebuildSearch
from workflows.study_shelves import Study, StudyShelves

Handle = WorkflowHandle[Any, Any]
STEP = 3
"""Of what is done in steps: few, so that there are several."""


class Shelving:
    """Five products, which somebody has bought, in a search index that follows them."""

    def __init__(self, flow: Flow, imports: Imports, trouble: Trouble, follower: Handle) -> None:
        self.flow = flow
        self.imports = imports
        self.trouble = trouble
        self.follower = follower

    @classmethod
    @asynccontextmanager
    async def open(cls, flow: Flow, settings: WorkerSettings, trouble: Trouble) -> AsyncIterator["Shelving"]:
        """All of it, while small steps are taken."""
        async with flow.database.writing() as writer:
            for number in range(5):
                await shop.stock_product(writer, f"S{number}", 10)
            user = await people.account(writer)
        for number in range(4):
            await bought(flow.database, user, f"S{number}")
        with flow.skipper.with_time_skipping_disabled():
            follower = await flow.client.start_workflow(IndexCatalogue.run, id=INDEX_CATALOGUE_ID, task_queue=ORDERS)
        imports = Imports(flow, Storage(settings.media_dir, settings.storage_url))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("activities.product_imports.ROWS", {"checking": STEP, "importing": STEP})
            for name in ("ORDERS_A_STEP", "FIGURES_A_STEP", "RELATIONS_A_STEP"):
                patch.setattr(study_shelves, name, STEP)
            patch.setattr(rebuild_search, "BATCH", STEP)
            patch.setattr(heal_search, "BATCH", STEP)
            yield cls(flow, imports, trouble, follower)
        await follower.terminate("recorded")

    async def tell(self, statement: str) -> None:
        """A change by somebody."""
        async with self.flow.database.writing() as writer:
            await writer.exec_driver_sql(statement)

    async def settled(self) -> None:
        """Wait until the index has followed."""
        async with asyncio.timeout(60):
            while await self.flow.database.fetch("SELECT FROM catalogue_changes WHERE reader = 'search' LIMIT 1"):
                await asyncio.sleep(0.05)

    async def run(self, story: Any, *given: Any) -> Handle:
        """A workflow, at its end."""
        with self.flow.skipper.with_time_skipping_disabled():
            handle = await self.flow.client.start_workflow(
                story.run, *given, id=f"{story.__name__}-{new_id()}", task_queue=ORDERS
            )
        await asyncio.wait_for(handle.result(), 60)
        return handle


async def imported(shelves: Shelving) -> Handle:
    """Somebody sends a file in and asks what is under way; all its rows are checked, then imported."""
    handle = await shelves.imports.begin(rows(7), new_id())
    assert await handle.execute_update(ImportProducts.await_opening, AwaitOpening())
    await asyncio.wait_for(handle.result(), 60)
    return handle


async def import_stopped(shelves: Shelving) -> Handle:
    """An import is cancelled while it checks."""
    id = new_id()
    arrived, go = shelves.trouble.hold(import_workflow_id(id), "go_on_with_import")
    handle = await shelves.imports.begin(rows(7), id)
    await asyncio.wait_for(arrived.wait(), 60)
    await handle.cancel()
    go.set()
    await asyncio.wait_for(handle.result(), 60)
    return handle


async def studied(shelves: Shelving) -> Handle:
    """What was bought is gathered, products are counted and related, all in steps."""
    return await shelves.run(StudyShelves, Study())


async def indexed(shelves: Shelving) -> Handle:
    """The index is made; then it follows products, a category and synonyms, and waits."""
    await shelves.settled()
    await shelves.tell("UPDATE products SET name = 'Kettle' WHERE slug = 's1'")
    await shelves.settled()
    await shelves.tell("UPDATE categories SET name = 'Everything'")
    async with shelves.flow.database.writing() as writer:
        await mean_the_same(writer, ["kettle", "pot"])
    await shelves.settled()
    return shelves.follower


async def rebuilt(shelves: Shelving) -> Handle:
    """The index is made anew in steps, each followed before the next, and swapped."""
    return await shelves.run(RebuildSearch)


async def healed(shelves: Shelving) -> Handle:
    """All products are compared in steps; one that the index has lost is indexed again."""
    await shelves.tell("DELETE FROM search_documents WHERE product_id = (SELECT id FROM products WHERE slug = 's2')")
    return await shelves.run(HealSearch)


ALL = (imported, import_stopped, studied, indexed, rebuilt, healed)
