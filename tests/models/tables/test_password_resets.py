"""Resets on real rows: one an address, five tries for all who try at once, and a code that waits for its letter."""

import asyncio
from datetime import datetime, timedelta

import pytest

from models import clock
from models.ids import ResetId, UserId, new_id
from models.reset import CODE_LATEST, MOST_AN_HOUR, TRIES, email_key
from models.tables import outbox
from models.tables import password_reset as resets
from tests import people
from tests.models.tables.shelf import Shelf

KEY = b"k" * 32
ADA = "Ada@example.com"


@pytest.fixture
async def ada(shelf: Shelf) -> UserId:
    """Somebody with an account."""
    async with shelf.database.writing() as writer:
        return await people.account(writer, email=ADA)


async def begin(
    shelf: Shelf, email: str = ADA, reset: ResetId | None = None, until: datetime | None = None
) -> tuple[ResetId, UserId | None]:
    """Ask for a reset; its letter is written as the activity does it."""
    reset = reset or ResetId(new_id())
    async with shelf.database.writing() as writer:
        user = await resets.begin(
            writer, reset, email_key(KEY, email), email, until or clock.now() + CODE_LATEST
        )  # fmt: skip
        if user:
            await outbox.write_account_letter(
                writer, "password_reset", user, f"password_reset/{reset}", {"reset": reset}
            )
    return reset, user


async def tried(shelf: Shelf, email: str = ADA) -> resets.Tried | None:
    """Try a code."""
    async with shelf.database.writing() as writer:
        return await resets.count_try(writer, email_key(KEY, email))


async def test_an_address_has_one_reset(shelf: Shelf, ada: UserId) -> None:
    """Given a reset that was tried, when another is asked for in another spelling, then it takes its place, untried."""
    first, user = await begin(shelf)
    assert user == ada
    await tried(shelf)
    second, user = await begin(shelf, ADA.upper())
    assert user == ada
    assert await shelf.ask("SELECT id, user_id, tries, asked FROM password_resets") == [(second, ada, 0, 2)]
    assert await tried(shelf) == (second, True)
    assert first != second


async def test_an_unknown_address_has_a_row_like_any_other(shelf: Shelf, ada: UserId) -> None:
    """Given an address without an account, or with a closed one, then there is a row, nobody to write to, no way in."""
    await shelf.tell("UPDATE users SET archived_at = now()")
    for email in (ADA, "nobody@example.com"):
        reset, user = await begin(shelf, email)
        assert user is None
        assert await tried(shelf, email) == (reset, False)
    assert await shelf.ask("SELECT tries FROM password_resets") == [(1,), (1,)]


async def test_an_older_reset_never_takes_a_younger_one_s_place(shelf: Shelf, ada: UserId) -> None:
    """Given a step that is run again after a later reset began, then the later one stays; so when it is its own."""
    older, _ = await begin(shelf)
    younger, _ = await begin(shelf)
    assert await begin(shelf, reset=older) == (older, None)
    assert await begin(shelf, reset=younger) == (younger, None)
    assert await shelf.ask("SELECT id, asked FROM password_resets") == [(younger, 2)]


async def test_asking_again_and_again_buys_no_tries(shelf: Shelf, ada: UserId) -> None:
    """Given an address asked for five times in an hour, then the fifth reset stays, tries and all, until it is over."""
    *_, (last, _) = [await begin(shelf) for _ in range(MOST_AN_HOUR)]
    await tried(shelf)
    assert (await begin(shelf))[1] is None
    assert await shelf.ask("SELECT id, tries, asked FROM password_resets") == [(last, 1, MOST_AN_HOUR)]
    await shelf.tell("UPDATE password_resets SET asked_since = now() - interval '61 minutes'")
    again, user = await begin(shelf)
    assert user == ada
    assert await shelf.ask("SELECT id, tries, asked FROM password_resets") == [(again, 0, 1)]


async def test_many_who_ask_at_once_open_one(shelf: Shelf, ada: UserId) -> None:
    """Given twenty requests for one address at once, then there is one reset, and at most five letters were written."""
    await asyncio.gather(*(begin(shelf) for _ in range(20)))
    [(letters,)] = await shelf.ask("SELECT count(*)::int FROM outbox")
    [(asked, rows)] = await shelf.ask("SELECT max(asked), count(*)::int FROM password_resets")
    assert (asked, rows, 1 <= letters <= MOST_AN_HOUR) == (letters, 1, True)


async def test_twenty_tries_at_once_are_twenty_tries(shelf: Shelf, ada: UserId) -> None:
    """Given twenty who try at once, then five could have come in; after them not even the right code does."""
    await begin(shelf)
    results = await asyncio.gather(*(tried(shelf) for _ in range(20)))
    assert sum(result is not None and result.open for result in results) == TRIES == 5
    assert await tried(shelf) == (results[0].reset if results[0] else None, False)
    assert await shelf.ask("SELECT tries FROM password_resets") == [(21,)]


async def test_a_code_is_good_for_five_minutes_after_its_letter_went(shelf: Shelf, ada: UserId) -> None:
    """Given a letter that waits, then its code is good; from its sending on for five minutes, within the hour."""
    reset, _ = await begin(shelf)
    assert await tried(shelf) == (reset, True)
    for sent, good in (("1 second", True), ("4 minutes 50 seconds", True), ("5 minutes 1 second", False)):
        await shelf.tell(f"UPDATE outbox SET settled_at = now() - interval '{sent}'")
        await shelf.tell("UPDATE password_resets SET tries = 0")
        assert await tried(shelf) == (reset, good), sent
    await shelf.tell("UPDATE outbox SET settled_at = now()")
    await shelf.tell("UPDATE password_resets SET expires_at = now() - interval '1 second', tries = 0")
    assert await tried(shelf) == (reset, False)


async def test_trying_an_address_that_nobody_asked_for_costs_a_commit_too(shelf: Shelf) -> None:
    """Given no reset, then a try is a transaction that writes, as any other, and leaves no row behind."""
    async with shelf.database.writing() as writer:
        assert await resets.count_try(writer, email_key(KEY, ADA)) is None
        assert (await writer.exec_driver_sql("SELECT pg_current_xact_id_if_assigned()")).scalar_one() is not None
    assert await shelf.ask("SELECT count(*)::int FROM password_resets") == [(0,)]


async def test_a_reset_sets_one_password(shelf: Shelf, ada: UserId) -> None:
    """Given the right code, then one of ten at once may set the password, and nobody after."""
    reset, _ = await begin(shelf)
    assert await resets.owner(shelf.database, reset) is None
    async with shelf.database.writing() as writer:
        assert await resets.use(writer, reset) is None
        first = await resets.verify(writer, reset)
    async with shelf.database.writing() as writer:
        assert await resets.verify(writer, reset) == first
    assert await resets.owner(shelf.database, reset) == (ADA, "Ada", "Lovelace")

    async def use() -> UserId | None:
        async with shelf.database.writing() as writer:
            return await resets.use(writer, reset)

    assert sorted(map(str, await asyncio.gather(*(use() for _ in range(10))))) == sorted([str(ada), *["None"] * 9])
    assert await resets.owner(shelf.database, reset) is None
    assert await tried(shelf) == (reset, False)


async def test_a_token_does_not_wait_for_ever(shelf: Shelf, ada: UserId) -> None:
    """Given a code that came eleven minutes ago, then no password can be set any more."""
    reset, _ = await begin(shelf)
    async with shelf.database.writing() as writer:
        await resets.verify(writer, reset)
    await shelf.tell("UPDATE password_resets SET verified_at = now() - interval '9 minutes'")
    assert await resets.owner(shelf.database, reset) is not None
    await shelf.tell("UPDATE password_resets SET verified_at = now() - interval '11 minutes'")
    assert await resets.owner(shelf.database, reset) is None
    async with shelf.database.writing() as writer:
        assert await resets.use(writer, reset) is None


async def test_a_letter_whose_code_is_of_no_use_any_more_is_pointless(shelf: Shelf, ada: UserId) -> None:
    """Given letters of a replaced, a late and an open reset, then only the open one's is to be sent."""
    late, _ = await begin(shelf, until=clock.now() - timedelta(seconds=1))
    assert [reason for _, reason in (await outbox.due(shelf.database, 10)).pointless] == [
        "another code took its place, or it came too late"
    ]
    good, _ = await begin(shelf)
    found = await outbox.due(shelf.database, 10)
    assert ([letter.facts for letter in found.letters], len(found.pointless)) == ([{"reset": str(good)}], 1)
    await shelf.tell("UPDATE users SET archived_at = now()")
    assert len((await outbox.due(shelf.database, 10)).pointless) == 2
    assert late != good


async def test_what_is_over_is_forgotten_once(shelf: Shelf, ada: UserId) -> None:
    """Given a reset that another replaced, when both are forgotten, then each takes only its own row away."""
    first, _ = await begin(shelf)
    second, _ = await begin(shelf)
    for reset, left in ((first, 1), (first, 1), (second, 0), (second, 0)):
        async with shelf.database.writing() as writer:
            await resets.remove(writer, reset)
        assert await shelf.ask("SELECT count(*)::int FROM password_resets") == [(left,)]
