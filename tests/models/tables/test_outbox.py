"""The outbox on real rows: a letter a cause, in the order they are due, tried again ever more slowly, never lost."""

import asyncio
from uuid import UUID

import pytest

from models.ids import OrderId, UserId
from models.money import Money
from models.tables import outbox
from tests import people
from tests.models.tables.shelf import Shelf

WAIT = "SELECT tries, round(extract(epoch FROM due_at - now()))::int FROM outbox"


async def write(shelf: Shelf, order: OrderId, template: str = "order_confirmed") -> None:
    """A letter, in a transaction of its own."""
    async with shelf.database.writing() as writer:
        await outbox.write_letter(writer, template, order)


async def due(shelf: Shelf, most: int = 10) -> list[str]:
    """Which letters are to be sent now."""
    return [letter.template for letter in (await outbox.due(shelf.database, most)).letters]


async def the_letter(shelf: Shelf) -> UUID:
    """The one letter there is."""
    [letter] = (await outbox.due(shelf.database, 10)).letters
    return letter.id


async def test_a_cause_has_one_letter(shelf: Shelf) -> None:
    """Given one cause written five times at once, then there is one letter; another cause has its own."""
    order, _ = await shelf.order()
    await asyncio.gather(*(write(shelf, order) for _ in range(5)))
    assert await due(shelf) == ["order_confirmed"]
    await write(shelf, order, "order_cancelled")
    await write(shelf, (await shelf.order())[0])
    assert len(await due(shelf)) == 3


async def test_a_letter_brings_the_facts_of_its_order(shelf: Shelf) -> None:
    """Given a letter, then it carries what its template tells, with amounts as people write them."""
    order, _ = await shelf.order({shelf.mug: 2, shelf.cup: 1}, number="HF-ABCDE-FGHJK")
    await write(shelf, order)
    [letter] = (await outbox.due(shelf.database, 10)).letters
    assert (letter.template, letter.to, letter.order_number) == (
        "order_confirmed", "ada@example.com", "HF-ABCDE-FGHJK",
    )  # fmt: skip
    assert letter.facts["lines"] == [
        {"name": "Thing", "sku": "SKU-0", "quantity": 2, "amount": Money(2000, "usd"), "promised": None},
        {"name": "Thing", "sku": "SKU-1", "quantity": 1, "amount": Money(1000, "usd"), "promised": None},
    ]
    assert (letter.facts["total"], letter.facts["tax_included"]) == (Money(3000, "usd"), False)
    assert letter.facts["address"] == {
        "full_name": "Ada Lovelace", "line1": "1 Main St", "city": "New York", "postal_code": "10001",
        "country": "US", "region": "NY",
    }  # fmt: skip


async def test_a_letter_is_written_with_its_cause_or_not_at_all(shelf: Shelf) -> None:
    """Given a transaction that fails after the letter was written, then there is no letter."""
    order, _ = await shelf.order()
    with pytest.raises(RuntimeError):
        async with shelf.database.writing() as writer:
            await outbox.write_letter(writer, "order_confirmed", order)
            raise RuntimeError("the cause did not happen")
    assert await due(shelf) == []


async def test_letters_go_in_the_order_they_are_due(shelf: Shelf) -> None:
    """Given letters due earlier, later and not yet, then the due ones come oldest first, as many as asked for."""
    order, _ = await shelf.order()
    for template, seconds in (("b", 20), ("future", -60), ("a", 30), ("c", 10)):
        await write(shelf, order, template)
        await shelf.tell(
            "UPDATE outbox SET due_at = now() - make_interval(secs => :seconds) WHERE payload ->> 'template' = :name",
            seconds=seconds, name=template,
        )  # fmt: skip
    assert await due(shelf) == ["a", "b", "c"]
    assert await due(shelf, 2) == ["a", "b"]


@pytest.mark.parametrize(("tries", "wait"), [(0, 1), (1, 2), (5, 32), (9, 512), (10, 600), (40, 600), (5000, 600)])
async def test_a_failing_letter_waits_twice_as_long_each_time(shelf: Shelf, tries: int, wait: int) -> None:
    """Given a letter that failed so often, then it waits 1, 2, 4 … seconds, at most ten minutes, for ever."""
    await write(shelf, (await shelf.order())[0])
    letter = await the_letter(shelf)
    await shelf.tell("UPDATE outbox SET tries = :tries", tries=tries)
    async with shelf.database.writing() as writer:
        await outbox.postpone(writer, letter, "451 later")
    assert await shelf.ask("SELECT error FROM outbox") == [("451 later",)]
    [(tried, seconds)] = await shelf.ask(WAIT)
    assert (tried, wait - 2 <= seconds <= wait) == (tries + 1, True)
    assert await due(shelf) == []


async def test_a_sent_letter_is_done(shelf: Shelf) -> None:
    """Given a letter that was sent, then it is not due again, whatever is said of it afterwards."""
    order, _ = await shelf.order()
    await write(shelf, order)
    letter = await the_letter(shelf)
    async with shelf.database.writing() as writer:
        await outbox.settle(writer, letter, None)
    async with shelf.database.writing() as writer:
        await outbox.settle(writer, letter, "late news")
        await outbox.postpone(writer, letter, "late news")
    assert await shelf.ask("SELECT tries, error, settled_at IS NOT NULL FROM outbox") == [(1, None, True)]
    await write(shelf, order)
    assert await due(shelf) == []


async def test_a_letter_given_up_says_why(shelf: Shelf) -> None:
    """Given a letter that nobody will take, then it is not due again, and the reason is kept."""
    await write(shelf, (await shelf.order())[0])
    async with shelf.database.writing() as writer:
        await outbox.settle(writer, await the_letter(shelf), "550 no such user")
    assert await shelf.ask("SELECT error, settled_at IS NOT NULL FROM outbox") == [("550 no such user", True)]
    assert await due(shelf) == []


async def write_to(shelf: Shelf, user: UserId, cause: str = "welcome", **facts: object) -> None:
    """A letter to an account, in a transaction of its own."""
    async with shelf.database.writing() as writer:
        await outbox.write_account_letter(writer, "welcome", user, f"{cause}/{user}", facts)


async def test_a_letter_to_an_account_goes_where_it_now_reads_its_mail(shelf: Shelf) -> None:
    """Given a letter to an account whose address changed since, then it has the new one, its facts and no order."""
    async with shelf.database.writing() as writer:
        ada = await people.account(writer, email="ada@old.example")
    await asyncio.gather(*(write_to(shelf, ada, gift="a mug") for _ in range(3)))
    await shelf.tell("UPDATE users SET email = 'ada@new.example'")
    found = await outbox.due(shelf.database, 10)
    [letter] = found.letters
    assert (letter.template, letter.to, letter.order_number, letter.facts) == (
        "welcome", "ada@new.example", None, {"gift": "a mug"},
    )  # fmt: skip
    assert found.pointless == []


async def test_letters_to_accounts_and_about_orders_wait_in_one_line(shelf: Shelf) -> None:
    """Given letters of both kinds, then they come in the order in which they were written."""
    async with shelf.database.writing() as writer:
        ada = await people.account(writer)
    order, _ = await shelf.order()
    await write_to(shelf, ada)
    await write(shelf, order)
    await write_to(shelf, ada, "again")
    assert await due(shelf) == ["welcome", "order_confirmed", "welcome"]
    assert await due(shelf, 2) == ["welcome", "order_confirmed"]


async def test_nobody_writes_to_an_account_that_is_gone(shelf: Shelf) -> None:
    """Given a letter whose account was erased before it was sent, then it is pointless; others are not."""
    async with shelf.database.writing() as writer:
        gone, here = await people.account(writer), await people.account(writer)
    await write_to(shelf, gone)
    await write_to(shelf, here)
    await shelf.tell("UPDATE users SET erased_at = now() WHERE id = :id", id=gone)
    found = await outbox.due(shelf.database, 10)
    [(letter, reason)] = found.pointless
    assert ([each.template for each in found.letters], reason) == (["welcome"], "the account is gone")

    async with shelf.database.writing() as writer:
        await outbox.withdraw(writer, letter, reason)
        await outbox.withdraw(writer, letter, "another reason")
        await outbox.settle(writer, letter, None)

    assert await shelf.ask("SELECT error, tries FROM outbox WHERE settled_at IS NOT NULL") == [
        ("withdrawn: the account is gone", 0)
    ]
    assert (await outbox.due(shelf.database, 10)).pointless == []
