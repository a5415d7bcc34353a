"""Kept cards on real rows: twenty at most, always one default, and never two of either from two tabs at once."""

import asyncio

import sqlalchemy as sa

from models import clock
from models.database import Database
from models.ids import UserId
from models.payment_method import MOST_KEPT, KeptCard, SavedCard
from models.tables import payment_method as wallets
from models.tables.user import users
from tests import people

BOTH = "SELECT count(*)::int AS cards, count(*) FILTER (WHERE is_default)::int AS defaults FROM payment_methods"


def card(number: int, customer: str = "cus_ada") -> KeptCard:
    """A card as the provider names it."""
    return KeptCard(f"pm_{number}", customer, "visa", f"{number:04}", 12, 2034)


async def account(database: Database) -> UserId:
    """Somebody with an account."""
    async with database.writing() as writer:
        return await people.account(writer)


async def keep(database: Database, user: UserId, kept: KeptCard, *, as_default: bool = False) -> SavedCard | None:
    """Keep a card, in a transaction of its own."""
    async with database.writing() as writer:
        return await wallets.keep(writer, user, kept, as_default=as_default)


async def make_default(database: Database, user: UserId, method: str) -> SavedCard | None:
    """Offer a card first, in a transaction of its own."""
    async with database.writing() as writer:
        return await wallets.make_default(writer, user, method)


async def remove(database: Database, user: UserId, method: str) -> bool:
    """Keep a card no longer, in a transaction of its own."""
    async with database.writing() as writer:
        return await wallets.remove(writer, user, method)


async def shown(database: Database, user: UserId) -> list[tuple[str, bool]]:
    """An account's cards as it sees them."""
    return [(each.reference, each.is_default) for each in await wallets.saved(database, user)]


async def close(database: Database, user: UserId) -> None:
    """Nobody signs in there any more."""
    async with database.writing() as writer:
        await writer.execute(sa.update(users).where(users.c.id == user).values(archived_at=clock.now()))


async def test_the_first_card_is_the_default_and_the_newest_comes_next(database: Database) -> None:
    """Given three cards kept one after the other, then the first is offered first, then the newest."""
    ada = await account(database)
    first = await keep(database, ada, card(1))
    for number in (2, 3):
        await keep(database, ada, card(number))
    assert await shown(database, ada) == [("pm_1", True), ("pm_3", False), ("pm_2", False)]
    assert first is not None
    assert (first.brand, first.last4, first.exp_month, first.exp_year) == ("visa", "0001", 12, 2034)
    assert await wallets.find(database, ada, "pm_1") == first
    async with database.reading() as reader:
        wallet = await wallets.wallet(reader, ada)
    assert (wallet.customer, wallet.kept, wallet.is_open) == ("cus_ada", 3, True)


async def test_the_same_card_twice_is_one_row(database: Database) -> None:
    """Given a card kept twice, also at once, then there is one row, and its expiry is the newer one."""
    ada = await account(database)
    await asyncio.gather(*(keep(database, ada, card(1)) for _ in range(5)))
    newer = await keep(database, ada, KeptCard("pm_1", "cus_ada", "visa", "0001", 1, 2040))
    assert newer is not None
    assert (newer.exp_month, newer.exp_year, newer.is_default) == (1, 2040, True)
    assert await shown(database, ada) == [("pm_1", True)]


async def test_a_card_kept_as_default_takes_its_place(database: Database) -> None:
    """Given a default, when another card is kept as default, then there is still one; again: the same."""
    ada = await account(database)
    await keep(database, ada, card(1))
    for _ in range(2):
        await keep(database, ada, card(2), as_default=True)
    assert await shown(database, ada) == [("pm_2", True), ("pm_1", False)]


async def test_whose_the_default_is_can_be_changed(database: Database) -> None:
    """Given two cards, then either can be the default; a stranger's, a removed and an unknown one cannot."""
    ada, bob = await account(database), await account(database)
    for number in (1, 2, 3):
        await keep(database, ada, card(number))
    await keep(database, bob, card(4, "cus_bob"))
    await remove(database, ada, "pm_3")
    chosen = await make_default(database, ada, "pm_2")
    assert chosen is not None and chosen.is_default
    for nothing in ("pm_3", "pm_4", "pm_none"):
        assert await make_default(database, ada, nothing) is None
    assert await shown(database, ada) == [("pm_2", True), ("pm_1", False)]
    assert await shown(database, bob) == [("pm_4", True)]


async def test_the_newest_takes_the_place_of_a_default_that_is_removed(database: Database) -> None:
    """Given three cards, when the default is removed, then the newest follows; twice: the same."""
    ada = await account(database)
    for number in (1, 2, 3):
        await keep(database, ada, card(number))
    for _ in range(2):
        assert await remove(database, ada, "pm_1") is True
    assert await shown(database, ada) == [("pm_3", True), ("pm_2", False)]
    await remove(database, ada, "pm_2")
    assert await shown(database, ada) == [("pm_3", True)]
    await remove(database, ada, "pm_3")
    assert await shown(database, ada) == []


async def test_a_strangers_card_is_not_removed(database: Database) -> None:
    """Given another's card, then it is not there to remove, and stays."""
    ada, bob = await account(database), await account(database)
    await keep(database, bob, card(1, "cus_bob"))
    assert await remove(database, ada, "pm_1") is False
    assert await shown(database, bob) == [("pm_1", True)]


async def test_a_removed_card_stays_removed(database: Database) -> None:
    """Given a card that its owner removed, when a late workflow keeps it again, then it is not kept."""
    ada = await account(database)
    await keep(database, ada, card(1))
    await remove(database, ada, "pm_1")
    assert await keep(database, ada, card(1), as_default=True) is None
    assert await shown(database, ada) == []


async def test_twenty_are_kept_however_many_come_at_once(database: Database) -> None:
    """Given thirty cards at once, then twenty are kept with one default; one that is kept may be kept again."""
    ada = await account(database)
    answers = await asyncio.gather(*(keep(database, ada, card(number)) for number in range(30)))
    kept = [answer for answer in answers if answer is not None]
    assert len(kept) == MOST_KEPT
    assert dict((await database.fetch(BOTH))[0]) == {"cards": MOST_KEPT, "defaults": 1}
    again = await keep(database, ada, card(int(kept[0].last4)))
    assert again is not None and again.reference == kept[0].reference
    await remove(database, ada, kept[0].reference)
    assert await keep(database, ada, card(99)) is not None


async def test_two_tabs_leave_one_default(database: Database) -> None:
    """Given cards made default, kept as default and removed all at once, then exactly one is the default."""
    ada = await account(database)
    for number in range(10):
        await keep(database, ada, card(number))
    await asyncio.gather(
        *(make_default(database, ada, f"pm_{number}") for number in range(5)),
        *(remove(database, ada, f"pm_{number}") for number in range(5)),
        *(keep(database, ada, card(number), as_default=True) for number in range(10, 15)),
    )
    defaults = [reference for reference, is_default in await shown(database, ada) if is_default]
    assert len(defaults) == 1


async def test_a_customer_is_written_down_once(database: Database) -> None:
    """Given two that the provider made for one account at once, then one is the account's, whoever asks."""
    ada = await account(database)

    async def adopt(customer: str) -> str | None:
        async with database.writing() as writer:
            return await wallets.adopt_customer(writer, ada, customer)

    told = await asyncio.gather(*(adopt(f"cus_{number}") for number in range(5)))
    assert len(set(told)) == 1
    mine = told[0]
    assert mine is not None
    other = "cus_0" if mine != "cus_0" else "cus_1"
    assert await keep(database, ada, card(1, other)) is None
    assert await keep(database, ada, card(2, mine)) is not None
    assert await shown(database, ada) == [("pm_2", True)]


async def test_a_closed_account_keeps_nothing(database: Database) -> None:
    """Given an account that was closed while a card was on its way, then neither card nor customer is written down."""
    ada = await account(database)
    await close(database, ada)
    assert await keep(database, ada, card(1)) is None
    async with database.reading() as reader:
        wallet = await wallets.wallet(reader, ada)
    assert (wallet.customer, wallet.kept, wallet.is_open) == (None, 0, False)


async def test_a_customer_that_is_gone_takes_their_cards_along(database: Database) -> None:
    """Given a customer deleted at the provider, then their cards are too; other cards stay."""
    ada, bob = await account(database), await account(database)
    await keep(database, ada, card(1))
    await keep(database, bob, card(2, "cus_bob"))
    async with database.writing() as writer:
        await wallets.lose_customer(writer, bob, "cus_ada")
        await wallets.lose_customer(writer, ada, "cus_ada")
    assert (await shown(database, ada), await shown(database, bob)) == ([], [("pm_2", True)])
    await keep(database, ada, card(3, "cus_new"))
    async with database.writing() as writer:
        await wallets.lose_customer(writer, ada, "cus_ada")
    assert await shown(database, ada) == [("pm_3", True)]
