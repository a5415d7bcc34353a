"""Following the catalogue: each change is seen by each reader, names what it makes untrue, and is settled by id."""

import asyncio
from uuid import UUID

import pytest
import sqlalchemy as sa
from redis.asyncio import Redis
from temporalio.testing import ActivityEnvironment

from activities.answers import AnswerActivities, DropAnswers
from activities.catalogue_changes import AwaitChanges, CatalogueChangeActivities, Changes, SettleChanges
from models import cache
from models.database import Database
from models.errors import Unavailable
from models.ids import new_id
from models.tables import inventory
from models.tables.catalog import categories, prices, products
from models.tables.tag import tags
from tests.activities.till import Till


async def waited(database: Database, reader: str = "answers", seconds: float = 0, most: int = 100) -> Changes:
    """What changed for this reader."""
    activity = CatalogueChangeActivities(database).await_changes
    found: Changes = await ActivityEnvironment().run(activity, AwaitChanges(reader, most, seconds, 0.02))
    return found


async def settle(database: Database, changes: Changes) -> None:
    """They are dealt with."""
    activity = CatalogueChangeActivities(database).settle_changes
    await ActivityEnvironment().run(activity, SettleChanges(changes.ids))


async def outdated(database: Database, changes: Changes) -> set[str]:
    """What answers are about that they make untrue."""
    return set((await ActivityEnvironment().run(CatalogueChangeActivities(database).find_outdated, changes)).about)


async def calm(till: Till) -> None:
    """Both readers have dealt with all that has happened."""
    for reader in ("answers", "search"):
        await settle(till.database, await waited(till.database, reader, most=1000))


async def product_of(till: Till, slug: str) -> UUID:
    """Its id."""
    [(found,)] = await till.ask("SELECT id FROM products WHERE slug = $1", slug)
    return UUID(str(found))


async def test_a_change_is_seen_once_by_each_reader(till: Till) -> None:
    """Given a price set twice, then each reader hears of the product once, until it has settled that itself."""
    await calm(till)
    mug = await product_of(till, "mug")
    for amount in (900, 800):
        async with till.database.writing() as writer:
            await writer.execute(sa.update(prices).where(prices.c.variant_id == till.mug).values(amount=amount))

    heard = await waited(till.database)
    assert (len(heard.ids), heard.products, heard.categories) == (2, (mug,), ())
    await settle(till.database, heard)
    await settle(till.database, heard)
    assert await waited(till.database) == Changes()
    assert (await waited(till.database, "search")).products == (mug,)


async def test_a_change_ends_the_wait(till: Till) -> None:
    """Given somebody who waits, when something changes, then it is seen at the next look."""
    await calm(till)
    waiting = asyncio.create_task(waited(till.database, seconds=60))
    await asyncio.sleep(0)
    async with till.database.writing() as writer:
        await writer.execute(sa.insert(tags).values(id=new_id(), slug="new", name="New"))

    assert (await asyncio.wait_for(waiting, 50)).words == ("tags",)


async def test_a_change_that_commits_late_is_not_passed_over(till: Till) -> None:
    """Given two changes of which the first commits last, when the second is settled, then the first is still seen."""
    await calm(till)
    mug, cup = await product_of(till, "mug"), await product_of(till, "cup")
    async with till.database.writing() as slow:
        await slow.execute(sa.update(products).where(products.c.id == mug).values(name="Jug"))
        async with till.database.writing() as quick:
            await quick.execute(sa.update(products).where(products.c.id == cup).values(name="Bowl"))
        first = await waited(till.database)
        assert first.products == (cup,)
        await settle(till.database, first)

    assert (await waited(till.database)).products == (mug,)


async def test_the_clock_changes_prices_too(till: Till) -> None:
    """Given a sale window that opened without anybody's doing, then the product is relisted and heard of."""
    async with till.database.writing() as writer:
        await writer.exec_driver_sql(
            "UPDATE prices SET sale_amount = 500, sale_starts_at = now() + interval '1 hour', "
            "sale_ends_at = now() + interval '2 hours' WHERE variant_id = $1 AND currency = 'usd'", (till.mug,),
        )  # fmt: skip
    await calm(till)
    listed = "SELECT amount, compare_at, sale_ends_at IS NULL FROM listings JOIN products ON id = product_id "
    listed += "WHERE slug = 'mug' AND currency = 'usd'"
    assert await till.ask(listed) == [(1000, None, True)]

    async with till.database.writing() as writer:  # an hour passes, and no trigger hears of it
        await writer.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await writer.exec_driver_sql("UPDATE prices SET sale_starts_at = sale_starts_at - interval '1 hour'")
        await writer.exec_driver_sql("UPDATE listings SET until = until - interval '1 hour'")
    assert await till.ask(listed) == [(1000, None, True)]

    assert (await waited(till.database, seconds=10)).products == (await product_of(till, "mug"),)

    assert await till.ask(listed) == [(500, 1000, False)]


async def test_what_answers_are_outdated(till: Till) -> None:
    """A product makes its page and the lists of its categories old; a category those of all above it; others stay."""
    root, below, other = new_id(), new_id(), new_id()
    async with till.database.writing() as writer:
        for id, slug, parent in ((root, "home", None), (below, "mugs", root), (other, "garden", None)):
            await writer.execute(sa.insert(categories).values(id=id, slug=slug, name=slug, parent_id=parent))
    assert await outdated(till.database, await waited(till.database)) == {
        "product:mug", "product:cup", "category:all", "category:home", "category:mugs", "category:garden",
        "products", "categories",
    }  # fmt: skip
    await calm(till)

    async with till.database.writing() as writer:
        await writer.execute(sa.update(products).where(products.c.slug == "mug").values(category_id=below))
    moved = await waited(till.database)
    assert await outdated(till.database, moved) == {
        "product:mug", "category:all", "category:home", "category:mugs", "products",
    }  # fmt: skip
    await calm(till)

    async with till.database.writing() as writer:
        await inventory.receive(writer, till.mug, 1, "test", "more of what there is")
    assert await waited(till.database) == Changes()
    async with till.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE stock_levels SET on_hand = 0 WHERE variant_id = $1", (till.cup,))
    assert await outdated(till.database, await waited(till.database)) == {"product:cup", "category:all", "products"}
    await calm(till)

    async with till.database.writing() as writer:
        await writer.execute(sa.update(categories).where(categories.c.id == below).values(name="Mugs & Cups"))
    renamed = await outdated(till.database, await waited(till.database))
    assert renamed == {"category:home", "category:mugs", "products", "categories"}


async def test_versions_change_alone(parts: dict[str, str]) -> None:
    """Given two versions, when one thing changes, then its own is another one and the other is what it was."""
    async with Redis.from_url(parts["REDIS_URL"]) as redis:
        await redis.set(cache.version("product:left-alone"), "1")
        drop = AnswerActivities(parts["REDIS_URL"]).drop_answers
        seen = []
        for _ in range(2):
            await ActivityEnvironment().run(drop, DropAnswers(("product:dropped",)))
            seen.append(await redis.get(cache.version("product:dropped")))
        assert None not in seen and len(set(seen)) == 2
        assert 0 < await redis.ttl(cache.version("product:dropped")) <= 3600
        assert await redis.get(cache.version("product:left-alone")) == b"1"


async def test_redis_away(unused_port: int) -> None:
    """Given no Redis, then the step says so, to be tried again."""
    with pytest.raises(Unavailable):
        drop = AnswerActivities(f"redis://127.0.0.1:{unused_port}/0").drop_answers
        await ActivityEnvironment().run(drop, DropAnswers(("products",)))
