"""Watching the outbox: a letter is seen when it is written, and nobody waits in vain or for ever."""

import asyncio
import time

import pytest
from temporalio.testing import ActivityEnvironment

from activities.outbox import AwaitLetters, DueLetters, OutboxActivities, Settled, SettleLetters
from models.ids import OrderId, new_id
from models.tables import outbox
from tests import people
from tests.activities.till import Till


@pytest.fixture
async def order(till: Till) -> OrderId:
    """An order to write letters about."""
    return (await till.placed(await till.cart())).order_id


async def write(till: Till, order: OrderId, *templates: str) -> None:
    """Letters about it."""
    async with till.database.writing() as writer:
        for template in templates:
            await outbox.write_letter(writer, template, order)


async def waited(
    till: Till, seconds: float, most: int = 10, environment: ActivityEnvironment | None = None, company: float = 0.01
) -> DueLetters:
    """What came while we waited."""
    activity = OutboxActivities(till.database, company).await_letters
    found: DueLetters = await (environment or ActivityEnvironment()).run(activity, AwaitLetters(most, seconds, 0.02))
    return found


async def test_waiting_letters_are_taken_at_once(till: Till, order: OrderId) -> None:
    """Given three letters, then two are given out when two are asked for, oldest first, without waiting."""
    await write(till, order, "a")
    await write(till, order, "b")
    await write(till, order, "c")
    started = time.monotonic()
    assert [letter.template for letter in (await waited(till, 60, most=2)).letters] == ["a", "b"]
    assert time.monotonic() - started < 50


async def test_a_letter_ends_the_wait(till: Till, order: OrderId) -> None:
    """Given somebody who waits, when a letter is written, then it is seen at the next look."""
    environment, looked = ActivityEnvironment(), asyncio.Event()
    environment.on_heartbeat = lambda *_: looked.set()
    waiting = asyncio.create_task(waited(till, 60, environment=environment))
    await looked.wait()
    await write(till, order, "order_confirmed")
    assert [letter.template for letter in (await asyncio.wait_for(waiting, 50)).letters] == ["order_confirmed"]


async def test_the_first_letter_waits_for_company(till: Till, order: OrderId) -> None:
    """Given a letter that is due, when another is written a moment later, then both go together."""
    await write(till, order, "a")
    waiting = asyncio.create_task(waited(till, 60, company=3))
    await asyncio.sleep(0)
    await write(till, order, "b")
    assert [letter.template for letter in (await asyncio.wait_for(waiting, 50)).letters] == ["a", "b"]


async def test_no_letter_ends_the_wait_too(till: Till) -> None:
    """Given no letter for as long as it may take, then there is none."""
    assert await waited(till, 0.1) == DueLetters(())


async def test_a_stopping_worker_ends_the_wait(till: Till) -> None:
    """Given a worker that is told to stop, then the wait ends at the next look instead of holding it up."""
    environment, looked = ActivityEnvironment(), asyncio.Event()
    environment.on_heartbeat = lambda *_: looked.set()
    waiting = asyncio.create_task(waited(till, 60, environment=environment))
    await looked.wait()
    environment.worker_shutdown()
    assert await asyncio.wait_for(waiting, 50) == DueLetters(())


async def test_what_became_of_each_letter_is_written_down(till: Till, order: OrderId) -> None:
    """Given letters sent, given up, failed for now, and one that is nobody's, then each is kept as such; again, too."""
    await write(till, order, "sent", "given_up", "failed")
    letters = {letter.template: letter.id for letter in (await waited(till, 0)).letters}
    settle = OutboxActivities(till.database).settle_letters
    results = (
        Settled(letters["sent"], None, False), Settled(letters["given_up"], "550", True),
        Settled(letters["failed"], "451", False), Settled(new_id(), None, False),
    )  # fmt: skip
    for _ in range(2):
        await ActivityEnvironment().run(settle, SettleLetters(results))
        assert await till.ask(
            "SELECT payload ->> 'template', error, settled_at IS NOT NULL, due_at > now() FROM outbox ORDER BY 1"
        ) == [("failed", "451", False, True), ("given_up", "550", True, False), ("sent", None, True, False)]
    assert (await waited(till, 0)).letters == ()


async def test_a_pointless_letter_is_withdrawn_and_holds_no_other_up(till: Till, order: OrderId) -> None:
    """Given a letter to an account that was erased, then it is taken out, and the next one is given out; again, too."""
    async with till.database.writing() as writer:
        gone = await people.account(writer)
        await outbox.write_account_letter(writer, "welcome", gone, "welcome/1")
        await writer.exec_driver_sql("UPDATE users SET erased_at = now()")
    await write(till, order, "order_confirmed")
    for _ in range(2):
        assert [letter.template for letter in (await waited(till, 60, most=1)).letters] == ["order_confirmed"]
        assert await till.ask("SELECT error, tries FROM outbox WHERE settled_at IS NOT NULL") == [
            ("withdrawn: the account is gone", 0)
        ]
