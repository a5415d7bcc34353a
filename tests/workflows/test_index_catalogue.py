"""The search index follows the catalogue, is rebuilt while searches go on, and is mended where it was lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from temporalio.client import ScheduleActionStartWorkflow, ScheduleHandle, WorkflowHandle
from temporalio.testing import ActivityEnvironment

import worker
from activities.search import NoteCategories, SearchActivities
from models.database import Database
from models.ids import new_id
from models.search.embedded import Embedded
from models.search.question import Ask
from models.settings import WorkerSettings
from models.tables import search_generation as generations
from models.tables.catalog import categories, products, variants
from models.tables.catalogue_change import catalogue_changes
from models.tables.tag import product_tags, tags
from tests import shop
from tests.flow import Flow
from tests.workflows.schedules import forget_schedules
from tests.workflows.trouble import Trouble
from workflows import heal_search, rebuild_search
from workflows.heal_search import HEAL_SEARCH_ID, Healed, HealSearch
from workflows.index_catalogue import INDEX_CATALOGUE_ID, IndexCatalogue
from workflows.patience import ORDERS
from workflows.rebuild_search import RebuildSearch, Rebuilt


class Shelves:
    """A shop whose index follows, and a search in it."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.database: Database = flow.database
        self.engine = Embedded(flow.database)

    async def stock(self, *skus: str) -> None:
        """Products of these names."""
        for sku in skus:
            async with self.database.writing() as writer:
                await shop.stock_product(writer, sku, 5)

    async def tell(self, statement: sa.Update | sa.Insert | sa.Delete) -> None:
        """A change by somebody, committed."""
        async with self.database.writing() as writer:
            await writer.execute(statement)

    async def found(self, text: str, **more: Any) -> list[str]:
        """Slugs of what is found now."""
        self.engine.forget()
        answer = await self.engine.search(Ask(text, "usd", 50, **more))
        rows = await self.database.fetch("SELECT slug FROM products WHERE id = ANY ($1)", answer.products)
        return sorted(row["slug"] for row in rows)

    async def until(self, look: Callable[[], Awaitable[object]], wanted: object, within: float = 60) -> None:
        """Wait until `look` sees this."""
        seen: object = None
        try:
            async with asyncio.timeout(within):
                while (seen := await look()) != wanted:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"still {seen!r}, not {wanted!r}")

    async def until_found(self, text: str, *slugs: str) -> None:
        """Wait until these are found, and nothing else."""
        await self.until(lambda: self.found(text), sorted(slugs))

    async def settled(self) -> None:
        """Wait until no change is left."""
        await self.until(self.left, 0)

    async def left(self) -> int:
        """Changes that the index has yet to follow."""
        [row] = await self.database.fetch("SELECT count(*) AS n FROM catalogue_changes WHERE reader = 'search'")
        return int(row["n"])

    async def run(self, story: Any, **options: Any) -> Any:
        """A workflow to its end, in real time."""
        with self.flow.skipper.with_time_skipping_disabled():
            handle = await self.flow.client.start_workflow(
                story.run, id=f"{story.__name__}-{new_id()}", task_queue=ORDERS, **options
            )
        return await asyncio.wait_for(handle.result(), 60)


@pytest.fixture
async def shelves(flow: Flow) -> Shelves:
    """Nothing follows yet: `follower` does."""
    return Shelves(flow)


@pytest.fixture
async def follower(flow: Flow, shelves: Shelves) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    """The workflow that follows, on three products that were there before it."""
    await shelves.stock("COPPER-KETTLE", "STEEL-KETTLE", "GARDEN-CHAIR")
    with flow.skipper.with_time_skipping_disabled():
        handle = await flow.client.start_workflow(IndexCatalogue.run, id=INDEX_CATALOGUE_ID, task_queue=ORDERS)
    await shelves.until_found("kettle", "copper-kettle", "steel-kettle")
    yield handle
    await handle.terminate("the test is over")


async def test_an_index_that_is_new_is_filled(shelves: Shelves, follower: WorkflowHandle[Any, Any]) -> None:
    """Given a shop that never had one, then everything is in it, and nothing is left to follow."""
    await shelves.until_found("chair", "garden-chair")
    await shelves.settled()


async def test_it_follows_what_changes(shelves: Shelves, follower: WorkflowHandle[Any, Any]) -> None:
    """Given a product that is new, renamed, tagged, sold out, withdrawn, then searches see it within seconds."""
    await shelves.stock("IRON-KETTLE")
    await shelves.until_found("kettle", "copper-kettle", "iron-kettle", "steel-kettle")

    await shelves.tell(sa.update(products).where(products.c.slug == "iron-kettle").values(name="Cast pan"))
    await shelves.until_found("kettle", "copper-kettle", "steel-kettle")
    await shelves.until_found("cast", "iron-kettle")

    tag = new_id()
    await shelves.tell(sa.insert(tags).values(id=tag, slug="handmade", name="Handmade"))
    pan = sa.select(products.c.id).where(products.c.slug == "iron-kettle").scalar_subquery()
    await shelves.tell(sa.insert(product_tags).values(product_id=pan, tag_id=tag))
    await shelves.until_found("handmade", "iron-kettle")

    await shelves.tell(sa.update(products).where(products.c.slug == "iron-kettle").values(archived_at=sa.func.now()))
    await shelves.until_found("cast")
    await shelves.tell(sa.update(variants).where(variants.c.sku == "STEEL-KETTLE").values(archived_at=sa.func.now()))
    await shelves.until_found("kettle", "copper-kettle")
    await shelves.settled()


async def test_a_category_s_new_name_reaches_all_in_it(
    shelves: Shelves, follower: WorkflowHandle[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a category with products, when it is renamed, then they are found by the new name and not by the old."""
    monkeypatch.setattr("activities.search.NOTED", 2)
    await shelves.tell(sa.update(categories).where(categories.c.slug == "all").values(name="Household"))

    await shelves.until_found("household", "copper-kettle", "garden-chair", "steel-kettle")


async def test_a_category_has_each_product_indexed_once(shelves: Shelves) -> None:
    """Given products on their way already, when their categories are renamed, then the others alone are noted, once."""
    await shelves.stock("COPPER-KETTLE", "STEEL-KETTLE", "GARDEN-CHAIR")
    noted = "SELECT product_id, category_id FROM catalogue_changes WHERE reader = 'search'"
    begun = await shelves.database.fetch(noted)
    assert {row["category_id"] for row in begun} == {None}, "of a new category there is nothing to index"
    await shelves.tell(sa.delete(catalogue_changes))
    await shelves.tell(sa.update(products).where(products.c.slug == "copper-kettle").values(name="Copper pot"))
    await shelves.tell(sa.update(categories).where(categories.c.slug == "all").values(name="Household"))

    every = [row["id"] for row in await shelves.database.fetch("SELECT id FROM categories")]
    activities = SearchActivities(shelves.database, shelves.engine)
    for _ in range(2):
        await ActivityEnvironment().run(activities.note_categories, NoteCategories(tuple(every)))

    waiting = [row["product_id"] for row in await shelves.database.fetch(f"{noted} AND product_id IS NOT NULL")]
    assert sorted(waiting) == sorted(row["id"] for row in await shelves.database.fetch("SELECT id FROM products"))
    assert [row["category_id"] for row in await shelves.database.fetch(f"{noted} AND product_id IS NULL")] == every


async def test_steps_that_fail_are_done_again(
    shelves: Shelves, follower: WorkflowHandle[Any, Any], trouble: Trouble
) -> None:
    """Given steps that fail before or after they did their work, then the index is right all the same."""
    trouble.plan(INDEX_CATALOGUE_ID, "index_products", "before", "after")
    trouble.plan(INDEX_CATALOGUE_ID, "settle_changes", "before", "after")
    await shelves.stock("IRON-KETTLE")

    await shelves.until_found("iron", "iron-kettle")
    await shelves.settled()
    assert trouble.to_come() == []
    answer = await shelves.engine.search(Ask("kettle", "usd", 50))
    assert answer.total == 3


async def test_a_rebuild_makes_everything_anew_while_searches_go_on(
    shelves: Shelves, follower: WorkflowHandle[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given searches and changes all the time, when the index is rebuilt, then no search misses a thing, what changed
    meanwhile is in the new generation, and the old one is gone."""
    monkeypatch.setattr(rebuild_search, "BATCH", 2)
    await shelves.settled()
    was = (await generations.known(shelves.database, "postgres")).live
    seen: list[list[str]] = []
    over = asyncio.Event()

    async def search() -> None:
        while not over.is_set():
            seen.append(await shelves.found("kettle"))
            await asyncio.sleep(0.01)

    async def change() -> None:
        for number in range(6):
            await shelves.stock(f"LAMP-{number}")
            await asyncio.sleep(0.05)

    searching, changing = asyncio.create_task(search()), asyncio.create_task(change())
    rebuilt: Rebuilt = await shelves.run(RebuildSearch)
    await changing
    over.set()
    await searching

    assert rebuilt.products >= 3
    assert {tuple(each) for each in seen} == {("copper-kettle", "steel-kettle")}
    known = await generations.known(shelves.database, "postgres")
    assert (known.live, known.building, known.retired) == (rebuilt.generation, None, [])
    assert rebuilt.generation != was
    await shelves.until_found("lamp", *(f"lamp-{number}" for number in range(6)))
    rows = await shelves.database.fetch("SELECT DISTINCT generation FROM search_documents")
    assert [row["generation"] for row in rows] == [rebuilt.generation]


async def test_what_was_lost_is_healed(
    shelves: Shelves, follower: WorkflowHandle[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an index that misses a product, has one wrongly and one that is withdrawn, then healing finds these three
    and mends them; and finds nothing the next time."""
    monkeypatch.setattr(heal_search, "BATCH", 2)
    await shelves.settled()
    assert await shelves.run(HealSearch) == Healed(3, 0)
    async with shelves.database.writing_by_driver() as fetch:
        ids = {row["slug"]: row["id"] for row in await fetch("SELECT id, slug FROM products")}
        lost = "DELETE FROM search_documents WHERE product_id = $1"
        await fetch(lost, ids["copper-kettle"])
        await fetch("UPDATE search_documents SET digest = 'x', amount = 1 WHERE product_id = $1", ids["steel-kettle"])
        await fetch("UPDATE products SET archived_at = now() WHERE id = $1", ids["garden-chair"])
        await fetch("DELETE FROM catalogue_changes WHERE reader = 'search'")
    assert await shelves.found("kettle") == ["steel-kettle"]

    assert await shelves.run(HealSearch) == Healed(3, 3)

    await shelves.until_found("kettle", "copper-kettle", "steel-kettle")
    await shelves.until_found("chair")
    await shelves.settled()
    [row] = await shelves.database.fetch(
        "SELECT amount FROM search_documents WHERE product_id = $1", UUID(int=ids["steel-kettle"].int)
    )
    assert row["amount"] == 1000
    assert await shelves.run(HealSearch) == Healed(3, 0)


async def test_a_rebuild_that_stopped_half_way_is_given_up_by_the_next(
    shelves: Shelves, follower: WorkflowHandle[Any, Any]
) -> None:
    """Given one that a person terminated, when another runs, then there is one generation and it is whole."""
    await shelves.settled()
    async with shelves.database.writing_by_driver() as fetch:
        half = await generations.begin(fetch, "postgres")
    await shelves.stock("IRON-KETTLE")
    await shelves.settled()

    rebuilt: Rebuilt = await shelves.run(RebuildSearch)

    known = await generations.known(shelves.database, "postgres")
    assert (known.live, known.building, known.retired) == (rebuilt.generation, None, [])
    assert half != rebuilt.generation
    assert await shelves.found("kettle") == ["copper-kettle", "iron-kettle", "steel-kettle"]


@pytest.fixture
async def schedule(flow: Flow, settings: WorkerSettings) -> AsyncIterator[ScheduleHandle]:
    """The schedule that a worker makes."""
    handle = flow.client.get_schedule_handle(HEAL_SEARCH_ID)
    yield handle
    await forget_schedules(flow, settings)


async def test_a_worker_that_starts_has_the_index_healed(
    flow: Flow, settings: WorkerSettings, schedule: ScheduleHandle
) -> None:
    """Given a worker that starts, then the schedule is as its settings say."""
    await worker.keep_schedules(flow.client, settings)

    found = (await schedule.describe()).schedule
    assert [interval.every for interval in found.spec.intervals] == [timedelta(hours=1)]
    assert isinstance(found.action, ScheduleActionStartWorkflow)
    assert (found.action.workflow, found.action.id) == ("HealSearch", HEAL_SEARCH_ID)
