"""Watching the outbox: a letter is seen when it is written, and nobody waits in vain or for ever."""

import asyncio
import time
from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.outbox import AwaitLetters, DueLetters, OutboxActivities, Settled, SettleLetters
from models import clock
from models.ids import OrderId, new_id
from models.inventory import MAIN
from models.letter import Letter
from models.tables import inventory, outbox, stockroom
from models.tables import mail_template as templates
from models.wording.composing import Source
from models.wording.own import Failure
from tests import people, shop
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
    waiting = asyncio.create_task(waited(till, 60, company=10))
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


async def test_an_address_nobody_reads_is_marked_until_somebody_does(till: Till) -> None:
    """Given letters refused for good, then address and timeline tell it, once; one that arrives takes the mark off."""
    order = (await till.placed(await till.cart(), email="Ada@Example.com")).order_id
    await write(till, order, "first", "second")
    first, second = (letter.id for letter in (await waited(till, 0)).letters)
    settle = OutboxActivities(till.database).settle_letters
    refused = SettleLetters((Settled(first, "550 no such user", True, True),))
    for _ in range(2):
        await ActivityEnvironment().run(settle, refused)
    assert await till.ask("SELECT address, letter_id, error, times FROM mail_bounces") == [
        ("ada@example.com", first, "550 no such user", 1)
    ]
    assert await till.ask("SELECT actor, facts FROM order_events WHERE type = 'letter_refused'") == [
        ("mail", '{"error": "550 no such user", "template": "first"}')
    ]
    await ActivityEnvironment().run(settle, SettleLetters((Settled(second, None, False),)))
    assert await till.ask("SELECT address FROM mail_bounces") == []


async def own(till: Till, template: str, language: str, text: str) -> None:
    """Words of the shop's own."""
    async with till.database.writing() as writer:
        author = await people.account(writer)
        await templates.put(writer, template, language, Source("Own", text), author, None)


async def test_letters_come_with_what_they_are_made_of(till: Till, order: OrderId) -> None:
    """Given words of the shop's own in two languages, then a letter has those of its reader's, in force."""
    await own(till, "shipped", "en", "old")
    await own(till, "shipped", "en", "new")
    await own(till, "shipped", "de", "neu")
    await own(till, "refund", "en", "other")
    await write(till, order, "shipped", "on_hold")
    due = await waited(till, 0)
    assert {letter.template for letter in due.letters} == {"shipped", "on_hold"}
    assert [(each.template, each.language, each.source.text) for each in due.own] == [("shipped", "en", "new")]


async def test_a_batch_has_its_limits(till: Till, order: OrderId, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given sources that are too much for one batch, then letters go in several, none is left out."""
    monkeypatch.setattr("activities.outbox.LARGEST", 10)
    for template in ("shipped", "refund", "on_hold"):
        await own(till, template, "en", "x" * 8)
        await write(till, order, template)
    first = await waited(till, 0)
    assert [letter.template for letter in first.letters] == ["shipped"]
    settle = OutboxActivities(till.database).settle_letters
    done = SettleLetters(tuple(Settled(letter.id, None, False) for letter in first.letters))
    await ActivityEnvironment().run(settle, done)
    assert [letter.template for letter in (await waited(till, 0)).letters] == ["refund"]


async def test_own_words_that_failed_are_told(till: Till, order: OrderId) -> None:
    """Given a letter that could not be made of the shop's own words, then their version says so, until put again."""
    await own(till, "shipped", "en", "{{ gone }}")
    await write(till, order, "shipped")
    due = await waited(till, 0)
    failure = Failure(due.own[0].id, "text, line 1: 'gone' is undefined")
    settle = OutboxActivities(till.database).settle_letters
    await ActivityEnvironment().run(settle, SettleLetters((Settled(due.letters[0].id, None, False, False, failure),)))
    [seen] = await templates.overview(till.database)
    assert (seen.active, seen.failures, seen.failure) == (1, 1, failure.why)
    async with till.database.writing() as writer:
        await templates.activate(writer, "shipped", "en", 1)
    [seen] = await templates.overview(till.database)
    assert (seen.active, seen.failures, seen.failure) == (1, 0, None)


async def test_a_letter_given_up_for_what_it_says_marks_no_address(till: Till, order: OrderId) -> None:
    """Given a letter refused as a whole, then it is given up, which its order tells, and its address is not marked."""
    await write(till, order, "spam")
    [letter] = (await waited(till, 0)).letters
    settle = OutboxActivities(till.database).settle_letters
    await ActivityEnvironment().run(settle, SettleLetters((Settled(letter.id, "554 spam", True),)))
    assert await till.ask("SELECT count(*) FROM mail_bounces") == [(0,)]
    assert await till.ask("SELECT facts ->> 'error' FROM order_events WHERE type = 'letter_refused'") == [("554 spam",)]


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


LOW = "ada@shop.example"
_LETTERS = "SELECT payload ->> 'template', settled_at IS NOT NULL, error FROM outbox ORDER BY created_at, id"


@pytest.fixture
async def watched(till: Till) -> Till:
    """Ten mugs, of which more are ordered, by the dozen, when fewer than eight are left."""
    async with till.database.writing() as writer:
        spot = stockroom.Spot(till.mug, MAIN)
        await stockroom.lock(writer, [spot])
        await stockroom.watch(writer, spot, {"reorder_point": 8, "reorder_quantity": 12})
    return till


async def low(till: Till, staff: str | None = LOW) -> list[Letter]:
    """Letters to staff that are due."""
    activity = OutboxActivities(till.database, 0.01, staff).await_letters
    found: DueLetters = await ActivityEnvironment().run(activity, AwaitLetters(10, 0, 0.01))
    return list(found.letters)


async def test_staff_are_told_once_when_a_level_runs_low(watched: Till) -> None:
    """Given orders that take units, then who takes the level below its point writes a letter, and nobody after them."""
    await watched.placed(await watched.cart({"MUG": 2}), 2700)
    assert await low(watched) == []
    for _ in range(3):
        await watched.placed(await watched.cart())
    [told] = await low(watched)
    assert (told.template, told.to, told.order_number) == ("low_stock", LOW, None)
    facts = {name: told.facts[name] for name in ("sku", "name", "location", "available", "reorder_point", "suggested")}
    assert facts == {
        "sku": "MUG", "name": "Mug", "location": "main", "available": 7, "reorder_point": 8, "suggested": 12,
    }  # fmt: skip


async def test_staff_are_told_in_their_language(watched: Till) -> None:
    """Given a shop whose people read German, then letters to them are in German, a buyer's is not."""
    cart = await watched.cart({"MUG": 5})
    await write(watched, (await watched.placed(cart, 6000)).order_id, "order_confirmed")
    activity = OutboxActivities(watched.database, 0.01, LOW, "de").await_letters
    found: DueLetters = await ActivityEnvironment().run(activity, AwaitLetters(10, 0, 0.01))
    assert {letter.template: letter.locale for letter in found.letters} == {"low_stock": "de", "order_confirmed": "en"}


async def test_each_crossing_is_told(watched: Till) -> None:
    """Given a level that was filled again and runs low once more, then there is another letter."""
    for came in (0, 6):
        async with watched.database.writing() as writer:
            if came:
                await inventory.receive(writer, watched.mug, came, "staff", "delivery")
        await watched.placed(await watched.cart({"MUG": 5}), 6000)
    assert [each.template for each in await low(watched)] == ["low_stock"] * 2


async def test_what_is_undone_warns_nobody(watched: Till) -> None:
    """Given a transaction that takes units and is undone, then nothing was low, and nobody is told."""
    until = clock.now() + timedelta(minutes=30)
    with pytest.raises(RuntimeError):
        async with watched.database.writing() as writer:
            await inventory.hold(writer, OrderId(new_id()), {watched.mug: 5}, until, shop.NEW_YORK)
            raise RuntimeError("undone")
    assert await watched.ask(_LETTERS) == []


async def test_what_is_no_longer_so_is_not_sent(watched: Till) -> None:
    """Given a level that is filled before its letter leaves, or a shop that names no staff, then none leaves."""
    await watched.placed(await watched.cart({"MUG": 5}), 6000)
    assert await low(watched, None) == []
    assert await watched.ask(_LETTERS) == [("low_stock", True, "withdrawn: nobody of staff is told")]
    async with watched.database.writing() as writer:
        await inventory.receive(writer, watched.mug, 6, "staff", "delivery")
    await watched.placed(await watched.cart({"MUG": 5}), 6000)
    async with watched.database.writing() as writer:
        await inventory.receive(writer, watched.mug, 6, "staff", "delivery")
    assert await low(watched) == []
    assert (await watched.ask(_LETTERS))[1] == ("low_stock", True, "withdrawn: there is enough again")


async def test_buyers_at_once_write_one_letter(watched: Till) -> None:
    """Given ten buyers at the same moment, then the level runs low once."""
    carts = [await watched.cart() for _ in range(10)]
    await asyncio.gather(*(watched.placed(cart) for cart in carts))
    assert len(await low(watched)) == 1
