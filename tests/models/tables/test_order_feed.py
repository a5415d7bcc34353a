"""The feed of all orders on real rows: every fact once, none passed over, whoever commits when."""

import asyncio
import re
from pathlib import Path

import pytest

from models.database import Database
from models.ids import OrderId
from models.tables import order as orders
from models.tables import order_feed
from models.tables.order_feed import Told
from tests.models.tables.shelf import Shelf

READER = "tests"
SOON = 120
"""Seconds in which the oldest transaction of the whole cluster ends, other tests' own among them."""


async def tell(database: Database, order: OrderId, *names: str, type: str = "order_shipped") -> None:
    """Facts of an order, in one transaction."""
    async with database.writing() as writer:
        await orders.tell_all(writer, order, *(orders.Fact(name, type, "order", {"n": name}) for name in names))


async def take(database: Database, most: int = 100, types: tuple[str, ...] = ("order_shipped",)) -> list[Told]:
    """What the reader is told next, in a transaction of its own."""
    async with database.writing() as writer:
        return await order_feed.take(writer, READER, types, most)


async def until_told(database: Database, count: int, most: int = 100) -> list[str]:
    """The next facts by name, when there are so many."""
    told: list[Told] = []
    async with asyncio.timeout(SOON):
        while len(told) < count:
            if await order_feed.waiting(database, READER, ("order_shipped",)):
                told += await take(database, most)
            else:
                await asyncio.sleep(0.02)
    return names(told)


def names(told: list[Told]) -> list[str]:
    """Which facts."""
    return [fact.facts["n"] for fact in told]


async def test_facts_are_told_once_oldest_first(shelf: Shelf) -> None:
    """Given facts of two orders, then a new reader is told all there are, in order, once, by as many as it takes."""
    (first, _), (second, _) = await shelf.order(), await shelf.order()
    await tell(shelf.database, first, "a", "b")
    await tell(shelf.database, second, "c")
    await tell(shelf.database, first, "d", "e")
    assert await until_told(shelf.database, 5, most=2) == ["a", "b", "c", "d", "e"]
    assert await take(shelf.database) == []
    assert not await order_feed.waiting(shelf.database, READER, ("order_shipped",))
    await tell(shelf.database, second, "f")
    assert await until_told(shelf.database, 1) == ["f"]


async def test_a_fact_comes_whole(shelf: Shelf) -> None:
    """Given a fact, then it is told as it stands in the timeline of its order."""
    order, _ = await shelf.order()
    await tell(shelf.database, order, "a")
    async with asyncio.timeout(SOON):
        while not (told := await take(shelf.database)):
            await asyncio.sleep(0.02)
    [row] = await shelf.ask("SELECT id, at FROM order_events")
    assert told == [Told(row[0], order, "order_shipped", "order", row[1], {"n": "a"})]


async def test_only_what_a_reader_follows_is_told(shelf: Shelf) -> None:
    """Given facts of other types, then they are passed over, and each reader has a place of its own."""
    order, _ = await shelf.order()
    await tell(shelf.database, order, "a", type="order_placed")
    await tell(shelf.database, order, "b")
    await tell(shelf.database, order, "c", type="order_placed")
    assert await until_told(shelf.database, 1) == ["b"]
    assert not await order_feed.waiting(shelf.database, READER, ("order_shipped",))
    others: list[str] = []
    async with asyncio.timeout(SOON):
        while len(others) < 3:
            async with shelf.database.writing() as writer:
                others += names(await order_feed.take(writer, "others", ("order_placed", "order_shipped"), 10))
    assert others == ["a", "b", "c"]


async def test_what_commits_late_is_not_passed_over(shelf: Shelf) -> None:
    """Given a fact that is written first and committed last, then later ones wait for it, and it is told first."""
    (late, _), (early, _) = await shelf.order(), await shelf.order()
    async with shelf.database.writing() as writer:
        await orders.tell(writer, late, "late", "order_shipped", "order", n="late")
        await tell(shelf.database, early, "early")
        assert await take(shelf.database) == []
        assert not await order_feed.waiting(shelf.database, READER, ("order_shipped",))
    assert await until_told(shelf.database, 2) == ["late", "early"]


async def test_what_is_rolled_back_holds_nobody_up(shelf: Shelf) -> None:
    """Given a fact whose transaction fails, then it is never told, and those after it are."""
    order, _ = await shelf.order()
    with pytest.raises(RuntimeError):
        async with shelf.database.writing() as writer:
            await orders.tell(writer, order, "never", "order_shipped", "order", n="never")
            await tell(shelf.database, (await shelf.order())[0], "told")
            raise RuntimeError("it did not happen")
    assert await until_told(shelf.database, 1) == ["told"]


async def test_what_a_reader_did_not_do_is_told_again(shelf: Shelf) -> None:
    """Given a transaction that takes and fails, then the same facts come again."""
    order, _ = await shelf.order()
    await tell(shelf.database, order, "a")
    async with asyncio.timeout(SOON):
        while not await order_feed.waiting(shelf.database, READER, ("order_shipped",)):
            await asyncio.sleep(0.02)
    with pytest.raises(RuntimeError):
        async with shelf.database.writing() as writer:
            assert names(await order_feed.take(writer, READER, ("order_shipped",), 10)) == ["a"]
            raise RuntimeError("no effect")
    assert await until_told(shelf.database, 1) == ["a"]


async def test_two_takers_at_once_share_the_facts(shelf: Shelf) -> None:
    """Given four that take at once while orders are written, then each fact is taken by one of them, in order."""
    several = [(await shelf.order())[0] for _ in range(5)]
    taken: list[str] = []

    async def write(order: OrderId, name: str) -> None:
        for n in range(6):
            await tell(shelf.database, order, f"{name}{n}")

    async def follow() -> None:
        while len(taken) < 30:
            async with shelf.database.writing() as writer:
                taken.extend(names(await order_feed.take(writer, READER, ("order_shipped",), 3)))
            await asyncio.sleep(0.01)

    async with asyncio.timeout(SOON):
        await asyncio.gather(
            *(write(order, "abcde"[place]) for place, order in enumerate(several)), *(follow() for _ in range(4))
        )
    assert sorted(taken) == sorted(f"{name}{n}" for name in "abcde" for n in range(6))
    for name in "abcde":
        assert [each for each in taken if each[0] == name] == [f"{name}{n}" for n in range(6)]


async def test_a_reader_without_news_moves_on(shelf: Shelf) -> None:
    """Given nothing but facts of other types, when they are skipped, then the place is past them; else it is not."""
    order, _ = await shelf.order()
    assert await take(shelf.database) == []
    await tell(shelf.database, order, "a", type="order_placed")
    async with asyncio.timeout(SOON):
        while await shelf.ask("SELECT FROM order_events e, order_readers r WHERE r.xid <= e.xid"):
            async with shelf.database.writing() as writer:
                await order_feed.skip(writer, READER, ("order_shipped",))
    async with shelf.database.writing() as writer:
        await orders.tell(writer, order, "b", "order_shipped", "order", n="b")
        async with shelf.database.writing() as other:
            await order_feed.skip(other, READER, ("order_shipped",))
    assert await until_told(shelf.database, 1) == ["b"]


async def test_a_restored_database_is_noticed_and_mended(shelf: Shelf) -> None:
    """Given numbers of transactions that are not reached yet, then nothing is taken until the manual's remedy ran."""
    order, _ = await shelf.order()
    await tell(shelf.database, order, "a")
    assert await until_told(shelf.database, 1) == ["a"]
    await tell(shelf.database, order, "b")
    async with shelf.database.writing() as writer:
        await writer.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await writer.exec_driver_sql("UPDATE order_events SET xid = '4000000000000' WHERE key = 'a'")
        await writer.exec_driver_sql("UPDATE order_events SET xid = '4000000000002' WHERE key = 'b'")
        await writer.exec_driver_sql("UPDATE order_readers SET xid = '4000000000001'")
    with pytest.raises(RuntimeError, match="After a restore"):
        await take(shelf.database)
    manual = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()
    [remedy] = re.findall(r"After a restore.*?```sql\nBEGIN;\n(.*?)COMMIT;\n```", manual, re.DOTALL)
    async with shelf.database.writing() as writer:
        raw = await writer.get_raw_connection()
        await raw.driver_connection.execute(remedy)  # type: ignore[union-attr]
    assert await until_told(shelf.database, 1) == ["b"]
    await tell(shelf.database, order, "c")
    assert await until_told(shelf.database, 1) == ["c"]
