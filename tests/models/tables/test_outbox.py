"""The outbox on real rows: a letter a cause, in the order they are due, tried again ever more slowly, never lost."""

import asyncio
from uuid import UUID

import pytest

from models.ids import OrderId
from models.tables import outbox
from tests.models.tables.shelf import Shelf

WAIT = "SELECT tries, round(extract(epoch FROM due_at - now()))::int FROM outbox"


async def write(shelf: Shelf, order: OrderId, template: str = "order_confirmed") -> None:
    """A letter, in a transaction of its own."""
    async with shelf.database.writing() as writer:
        await outbox.write_letter(writer, template, order)


async def due(shelf: Shelf, most: int = 10) -> list[str]:
    """Which letters are to be sent now."""
    return [letter.template for letter in await outbox.due_letters(shelf.database, most)]


async def the_letter(shelf: Shelf) -> UUID:
    """The one letter there is."""
    [letter] = await outbox.due_letters(shelf.database, 10)
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
    [letter] = await outbox.due_letters(shelf.database, 10)
    assert (letter.template, letter.to, letter.order_number) == (
        "order_confirmed", "ada@example.com", "HF-ABCDE-FGHJK",
    )  # fmt: skip
    assert letter.facts["lines"] == [
        {"name": "Thing", "sku": "SKU-0", "quantity": 2, "amount": "20.00 USD"},
        {"name": "Thing", "sku": "SKU-1", "quantity": 1, "amount": "10.00 USD"},
    ]
    assert (letter.facts["total"], letter.facts["tax_included"]) == ("30.00 USD", False)
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
