"""The doors to Postgres: one transaction or none, and `Unavailable` whenever it is Postgres that says not now."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import sqlalchemy as sa

from models.database import STATEMENT_TIMEOUT, Database, patiently
from models.errors import Refusal, Unavailable
from tests.models.tables.shelf import Shelf

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
KILL = f"SELECT pg_terminate_backend(pid) {OTHERS}"


@pytest.fixture
async def nowhere() -> AsyncIterator[Database]:
    """A database at a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        database = Database(f"postgresql://u:p@127.0.0.1:{free.getsockname()[1]}/shop")
        yield database
        await database.close()


async def test_an_absent_postgres_is_unavailable_through_every_door(nowhere: Database) -> None:
    """Given a port where nobody listens, then reading, writing and fetching all say that Postgres is unavailable."""
    with pytest.raises(Unavailable) as told:
        await nowhere.fetch("SELECT 1")
    assert told.value.neighbour == "postgres"
    with pytest.raises(Unavailable):
        async with nowhere.reading():
            pass
    with pytest.raises(Unavailable):
        async with nowhere.writing():
            pass


async def test_a_transaction_is_all_or_nothing(shelf: Shelf) -> None:
    """Given a block that fails after a write, then nothing of it is there, and its own error comes out."""
    with pytest.raises(Refusal, match="changed my mind"):
        async with shelf.database.writing() as writer:
            await writer.execute(sa.text("UPDATE products SET name = 'Jar'"))
            raise Refusal("x", "changed my mind")
    assert await shelf.ask("SELECT DISTINCT name FROM products ORDER BY 1") == [("Cup",), ("Mug",)]
    async with shelf.database.writing() as writer:
        await writer.execute(sa.text("UPDATE products SET name = 'Jar'"))
    assert await shelf.ask("SELECT DISTINCT name FROM products") == [("Jar",)]


async def test_a_statement_that_takes_too_long_is_unavailable(database: Database) -> None:
    """Given a statement past its time, by either driver, then it is ended and Postgres counts as unavailable."""
    with pytest.raises(Unavailable, match="QueryCanceled"):
        async with database.writing() as writer:
            await writer.execute(sa.text("SET LOCAL statement_timeout = '20ms'"))
            await writer.execute(sa.text("SELECT pg_sleep(10)"))
    with pytest.raises(Unavailable, match="QueryCanceled"):
        await database.fetch("SET statement_timeout = '20ms'")  # stays on the one connection that is open
        await database.fetch("SELECT pg_sleep(10)")


async def test_every_connection_has_a_time_limit(database: Database) -> None:
    """Given either door, then a statement may take five seconds, no more."""
    async with database.reading() as reader:
        assert (await reader.execute(sa.text("SHOW statement_timeout"))).scalar() == "5s"
    [(limit,)] = await database.fetch("SHOW statement_timeout")
    assert limit == "5s"


async def test_a_lost_connection_is_unavailable_once_and_then_replaced(database: Database) -> None:
    """Given connections that Postgres closed, as a restart does, then the next use says so, and the one after works."""
    async with database.reading() as reader:
        await reader.execute(sa.text("SELECT 1"))
    await database.fetch(KILL)
    while (await database.fetch(f"SELECT count(*) {OTHERS}"))[0][0]:  # they are told to go, and then go
        await asyncio.sleep(0.01)
    with pytest.raises(Unavailable):
        async with database.reading() as reader:
            await reader.execute(sa.text("SELECT 1"))
    async with database.reading() as reader:
        assert (await reader.execute(sa.text("SELECT 1"))).scalar() == 1
        await reader.execute(sa.text(KILL))
    with suppress(Unavailable):  # this driver may have noticed by itself
        await database.fetch("SELECT 1")
    assert len(await database.fetch("SELECT 1")) == 1


async def test_a_deadlock_asks_for_another_try(shelf: Shelf) -> None:
    """Given two transactions that wait for each other, then one is told to try again, and the other is done."""
    first_holds, second_holds = asyncio.Event(), asyncio.Event()

    async def cross(mine: object, other: object, said: asyncio.Event, heard: asyncio.Event) -> None:
        async with shelf.database.writing() as writer:
            await writer.execute(sa.text("SET LOCAL deadlock_timeout = '20ms'"))
            await writer.execute(_TOUCH, {"variant": mine})
            said.set()
            await heard.wait()
            await writer.execute(_TOUCH, {"variant": other})

    answers = await asyncio.gather(
        cross(shelf.mug, shelf.cup, first_holds, second_holds),
        cross(shelf.cup, shelf.mug, second_holds, first_holds),
        return_exceptions=True,
    )
    assert sorted(str(answer).split(":")[1].strip() for answer in answers if answer) == ["DeadlockDetectedError"]
    assert [type(answer) for answer in answers if answer] == [Unavailable]
    assert sorted(await shelf.ask("SELECT on_hand FROM stock")) == [(11,), (11,)]


_TOUCH = sa.text("UPDATE stock SET on_hand = on_hand + 1 WHERE variant_id = :variant")


async def test_no_free_connection_is_unavailable(database_url: str) -> None:
    """Given all connections in use for too long, then the next one to come is told so, instead of a defect."""
    busy = Database(database_url, size=1)
    busy.engine.pool._timeout = 0.05  # type: ignore[attr-defined]
    async with busy.reading():
        with pytest.raises(Unavailable, match="QueuePool"):
            async with busy.reading():
                pass
    await busy.close()


async def test_a_burst_of_first_reads_opens_one_pool(database_url: str, database: Database) -> None:
    """Given a process whose first twenty reads come at once, then they share a pool no larger than it may be."""
    started = Database(database_url, size=3)
    await asyncio.gather(*(started.fetch("SELECT pg_sleep(0.01)") for _ in range(20)))
    [(open_now,)] = await database.fetch(f"SELECT count(*)::int {OTHERS} AND query LIKE '%pg_sleep(0.01)%'")
    await started.close()
    assert 1 <= open_now <= 3


async def test_defects_stay_defects(database: Database) -> None:
    """Given a mistake of ours in a statement, then it is no neighbour's fault."""
    with pytest.raises(sa.exc.ProgrammingError):
        async with database.reading() as reader:
            await reader.execute(sa.text("SELECT nonsense"))
    with pytest.raises(Exception, match="nonsense") as mistake:
        await database.fetch("SELECT nonsense")
    assert not isinstance(mistake.value, Unavailable)


async def test_what_turns_over_the_shop_may_take_longer(database: Database) -> None:
    """Given a statement of more than five seconds, then staff's few long ones end well, and all others are cut off."""
    async with database.writing() as writer:
        await patiently(writer, "SELECT pg_sleep($1)", 6.3)
        assert (await writer.exec_driver_sql("SHOW statement_timeout")).scalar_one() == f"{STATEMENT_TIMEOUT}s"
    async with database.reading() as reader:
        assert (await reader.exec_driver_sql("SHOW statement_timeout")).scalar_one() == f"{STATEMENT_TIMEOUT}s"
