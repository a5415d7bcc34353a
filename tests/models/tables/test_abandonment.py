"""Carts left behind, on real rows: one reminder each time, taken back in time, and nothing removed that is wanted."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.database import fetching
from models.ids import CartId, UserId, new_id
from models.money import Money
from models.tables import abandonment, outbox
from models.tables import cart as carts
from models.tables import checkout as checkouts
from models.tables import user as users
from models.tables.merge import merge
from tests import people, shop
from tests.models.tables.shelf import Shelf

DAY = timedelta(days=1)
LIFETIME = timedelta(days=30)
WITHDRAWN = "the cart was touched or bought, or its owner wants no such letters"


@pytest.fixture
async def ada(shelf: Shelf) -> UserId:
    """Somebody who allowed letters and left two mugs and a cup behind, yesterday and an hour ago."""
    async with shelf.database.writing() as writer:
        user = await people.account(writer)
        await users.update(writer, user, {"marketing_consent": True})
        await carts.add(fetching(writer), CartId(user), "MUG", 2, None, "usd", user)
        await carts.add(fetching(writer), CartId(user), "CUP", 1, None, "usd", user)
    await left(shelf, "25 hours")
    return user


async def left(shelf: Shelf, ago: str) -> None:
    """All carts were last touched so long ago."""
    await shelf.tell(f"UPDATE carts SET updated_at = now() - interval '{ago}'")


async def remind(shelf: Shelf, most: int = 10) -> int:
    """How many are reminded."""
    async with shelf.database.writing() as writer:
        return await abandonment.remind(writer, DAY, most)


async def order_of(shelf: Shelf, user: UserId, attempt: int = 1, **changes: Any) -> None:
    """An order of the account's cart."""
    await shelf.order(cart_id=CartId(user), attempt=attempt, **changes)


async def test_who_left_a_cart_is_reminded_once(shelf: Shelf, ada: UserId) -> None:
    """Given a cart left yesterday, then one letter with what is in it; looked at again, none."""
    assert [await remind(shelf), await remind(shelf)] == [1, 0]
    [letter] = (await outbox.due(shelf.database, 10)).letters
    assert (letter.template, letter.facts["lines"], letter.facts["unsubscribe"]) == (
        "cart_reminder", [{"name": "Mug", "quantity": 2}, {"name": "Cup", "quantity": 1}], str(ada),
    )  # fmt: skip
    assert await shelf.ask("SELECT reminded_at > now() - interval '1 minute', updated_at < reminded_at FROM carts") == [
        (True, True)
    ]


async def test_many_who_look_at_once_write_one_letter(shelf: Shelf, ada: UserId) -> None:
    """Given ten who look for carts at the same time, then one of them reminds."""
    assert sorted(await asyncio.gather(*(remind(shelf) for _ in range(10)))) == [0] * 9 + [1]
    assert await shelf.ask("SELECT count(*)::int FROM outbox") == [(1,)]


@pytest.mark.parametrize(
    "why_not",
    ["no consent", "closed", "anonymous", "empty", "not yet", "too long ago", "being bought", "ordered since"],
)  # fmt: skip
async def test_nobody_else_is_reminded(shelf: Shelf, ada: UserId, why_not: str) -> None:
    """Given one reason not to write, then nobody is written to, and the cart is not noted as reminded."""
    statement = {
        "no consent": "UPDATE users SET marketing_consent = false",
        "closed": "UPDATE users SET archived_at = now()",
        "anonymous": "UPDATE carts SET user_id = NULL",
        "empty": "DELETE FROM cart_items",
        "not yet": "UPDATE carts SET updated_at = now() - interval '23 hours 59 minutes'",
        "too long ago": "UPDATE carts SET updated_at = now() - interval '8 days 1 minute'",
        "ordered since": "UPDATE carts SET attempt = 2",
    }.get(why_not)
    if statement:
        await shelf.tell(statement)
    if why_not in ("being bought", "ordered since"):
        await order_of(shelf, ada)
    assert await remind(shelf) == 0
    assert await shelf.ask("SELECT count(reminded_at)::int, (SELECT count(*)::int FROM outbox) FROM carts") == [(0, 0)]


async def test_an_order_long_over_stands_in_no_one_s_way(shelf: Shelf, ada: UserId) -> None:
    """Given an order of the cart that ended two days ago, then what was left since is a reason to write."""
    await order_of(shelf, ada)
    await shelf.tell("UPDATE orders SET placed_at = now() - interval '2 days'")
    await shelf.tell("UPDATE carts SET attempt = 2")
    assert await remind(shelf) == 1


@pytest.mark.parametrize(
    ("reminded", "touched", "again"),
    [("8 days", "26 hours", 1), ("6 days", "26 hours", 0), ("8 days", "8 days 1 hour", 0), ("25 hours", "26 hours", 0)],
)  # fmt: skip
async def test_a_reminder_is_repeated_only_when_something_changed_and_never_within_a_week(
    shelf: Shelf, ada: UserId, reminded: str, touched: str, again: int
) -> None:
    """Given a cart reminded of, then again only if it was touched after that, and a week has passed."""
    await shelf.tell(
        f"UPDATE carts SET reminded_at = now() - interval '{reminded}', updated_at = now() - interval '{touched}'"
    )
    assert await remind(shelf) == again


async def test_reminders_come_in_batches(shelf: Shelf) -> None:
    """Given five carts, then two at a time are reminded, the longest left first, until none is left."""
    owners = []
    async with shelf.database.writing() as writer:
        for _ in range(5):
            user = await people.account(writer)
            owners.append(user)
            await users.update(writer, user, {"marketing_consent": True})
            await carts.add(fetching(writer), CartId(user), "MUG", 1, None, "usd", user)
    for number, user in enumerate(owners):
        await shelf.tell(f"UPDATE carts SET updated_at = now() - interval '{30 - number} hours' WHERE id = '{user}'")
    assert [await remind(shelf, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert [row for (row,) in await shelf.ask("SELECT user_id FROM outbox ORDER BY id")][:2] == owners[:2]


@pytest.mark.parametrize(
    "change", ["added", "changed", "emptied", "being bought", "consent", "closed", "withdrawn goods"]
)
async def test_a_reminder_that_became_pointless_is_taken_back(shelf: Shelf, ada: UserId, change: str) -> None:
    """Given a letter that waits for the mail server, when cart or owner change their mind, then it is pointless."""
    await remind(shelf)
    assert len((await outbox.due(shelf.database, 10)).letters) == 1
    async with shelf.database.writing() as writer:
        if change == "added":
            await carts.add(fetching(writer), CartId(ada), "MUG", 1, None, "usd", ada)
        elif change == "changed":
            [mug, _] = (await shelf.cart(CartId(ada))).lines
            await carts.set_quantity(writer, CartId(ada), mug.id, 1)
        elif change == "emptied":
            await carts.clear(writer, CartId(ada))
        elif change == "consent":
            await users.take_back_consent(writer, ada)
    statement = {
        "closed": "UPDATE users SET archived_at = now()", "withdrawn goods": "UPDATE products SET archived_at = now()",
    }.get(change)  # fmt: skip
    if statement:
        await shelf.tell(statement)
    if change == "being bought":
        await order_of(shelf, ada)
    found = await outbox.due(shelf.database, 10)
    assert (found.letters, [reason for _, reason in found.pointless]) == ([], [WITHDRAWN])


async def forget(shelf: Shelf, most: int = 10) -> int:
    """Find and remove; how many went."""
    found = await abandonment.find_forgotten(shelf.database, LIFETIME, most)
    async with shelf.database.writing() as writer:
        return await abandonment.remove(writer, [each.cart for each in found], LIFETIME)


async def test_a_forgotten_cart_goes_with_all_that_is_in_it(shelf: Shelf) -> None:
    """Given anonymous carts of 29 and of 31 days, then the older one goes, with its lines; removed again: nothing."""
    young, old = CartId(new_id()), CartId(new_id())
    await shelf.put(young)
    await shelf.put(old, "MUG", 3)
    await shelf.tell(f"UPDATE carts SET updated_at = now() - interval '29 days 23 hours' WHERE id = '{young}'")
    await shelf.tell(f"UPDATE carts SET updated_at = now() - interval '30 days 1 hour' WHERE id = '{old}'")
    assert await abandonment.find_forgotten(shelf.database, LIFETIME, 10) == [(old, 1)]
    assert [await forget(shelf), await forget(shelf)] == [1, 0]
    assert await shelf.ask("SELECT c.id, i.quantity FROM carts c JOIN cart_items i ON i.cart_id = c.id") == [(young, 1)]
    assert await shelf.ask("SELECT count(*)::int FROM cart_items") == [(1,)]


async def test_an_account_s_cart_is_kept_for_half_a_year(shelf: Shelf, ada: UserId) -> None:
    """Given an account's cart, then 179 days are no reason to remove it, 181 are."""
    await left(shelf, "179 days")
    assert await forget(shelf) == 0
    await left(shelf, "181 days")
    assert await forget(shelf) == 1
    assert await shelf.ask("SELECT count(*)::int FROM cart_items") == [(0,)]


@pytest.mark.parametrize("since", ["touched", "checked out"])
async def test_a_cart_that_somebody_comes_back_for_stays(shelf: Shelf, ada: UserId, since: str) -> None:
    """Given a cart found to be forgotten, when it is touched or checked out before it is removed, then it stays."""
    await left(shelf, "181 days")
    [found] = await abandonment.find_forgotten(shelf.database, LIFETIME, 10)
    if since == "touched":
        await shelf.put(CartId(ada))
    else:
        await order_of(shelf, ada)
        assert await abandonment.find_forgotten(shelf.database, LIFETIME, 10) == []
    async with shelf.database.writing() as writer:
        assert await abandonment.remove(writer, [found.cart], LIFETIME) == 0
    assert len((await shelf.cart(found.cart)).lines) == 2


async def test_of_a_removal_and_a_buyer_at_once_nothing_is_lost(shelf: Shelf) -> None:
    """Given forgotten carts, each touched while it is removed, then what was put in is there, whoever came first."""
    mine = [CartId(new_id()) for _ in range(20)]
    for cart in mine:
        await shelf.put(cart)
    await left(shelf, "31 days")

    async def remove() -> None:
        async with shelf.database.writing() as writer:
            await abandonment.remove(writer, mine, LIFETIME)

    await asyncio.gather(remove(), *(shelf.put(cart, "CUP", 4) for cart in mine))
    for cart in mine:
        assert (await shelf.quantities(cart))["CUP"] == 4


async def test_in_batches_the_oldest_go_first(shelf: Shelf) -> None:
    """Given five forgotten carts, then two at a time go, oldest first."""
    mine = [CartId(new_id()) for _ in range(5)]
    for number, cart in enumerate(mine):
        await shelf.put(cart)
        await shelf.tell(f"UPDATE carts SET updated_at = now() - interval '{90 - number} days' WHERE id = '{cart}'")
    assert [each.cart for each in await abandonment.find_forgotten(shelf.database, LIFETIME, 2)] == mine[:2]
    assert [await forget(shelf, 2) for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.parametrize("way", ["item", "sign-in"])
async def test_a_cart_that_comes_back_goes_on_counting(shelf: Shelf, way: str) -> None:
    """Given a removed cart that was checked out twice, when it is opened again, then its next checkout is the third.

    Else the next one would be taken for the first, and be told what became of that.
    """
    async with shelf.database.writing() as writer:
        user = await people.account(writer)
        for attempt in (1, 2):
            bought = shop.purchase(CartId(user), Money(1600, "usd"), attempt=attempt)
            bought = msgspec.structs.replace(bought, number=f"{bought.number}-{attempt}")
            await checkouts.remember(writer, bought, {"placed": None})
    other = CartId(new_id())
    await shelf.put(CartId(user) if way == "item" else other)
    async with shelf.database.writing() as writer:
        await merge(writer, other, user)
    assert (await shelf.cart(CartId(user))).attempt == 3


def test_every_way_to_open_a_cart_counts_on() -> None:
    """Given the statements that open carts, then none of them begins at one without looking."""
    found = [
        text[match.start() : match.start() + 150]
        for path in Path(carts.__file__).parent.glob("*.py")
        if (text := path.read_text())
        for match in re.finditer("INSERT INTO carts", text)
    ]
    assert len(found) >= 3
    assert [sql for sql in found if "NEXT_ATTEMPT}" not in sql] == []
