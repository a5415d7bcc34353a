"""Credit on real rows: balances that no crowd overspends, and ledgers that say why each moved."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import clock, tokens
from models.errors import Refusal
from models.ids import CartId, CreditAccountId, OrderId, UserId, new_id
from models.money import Money
from models.tables import credit
from models.tables import gift_card as gift_cards
from models.tables.credit import credit_accounts, credit_entries
from tests import people, purse
from tests.models.tables.shelf import Shelf


@pytest.fixture
def cart() -> CartId:
    """The id of a cart that nobody has put anything into."""
    return CartId(new_id())


async def card(shelf: Shelf, amount: int = 1000, **more: object) -> purse.Card:
    """A gift card."""
    async with shelf.database.writing() as writer:
        return await purse.gift_card(writer, amount, **more)  # type: ignore[arg-type]


async def hold(shelf: Shelf, order: OrderId, *parts: tuple[CreditAccountId, int]) -> None:
    """Take these amounts for an order, as checkout does."""
    async with shelf.database.writing() as writer:
        await credit.lock(writer, [account for account, _ in parts], None, "usd")
        await credit.hold(writer, order, {account: Money(amount, "usd") for account, amount in parts})


async def agree(shelf: Shelf) -> None:
    """Each balance is the sum of its entries."""
    async with shelf.database.reading() as reader:
        assert await credit.drift(reader) == []


async def test_held_and_given_back_once(shelf: Shelf) -> None:
    """Given two cards and an order of both, when it ends unpaid twice, then each has its money back once."""
    one, two, order = await card(shelf), await card(shelf), OrderId(new_id())
    await hold(shelf, order, (one.id, 1000), (two.id, 300))
    assert [await purse.balance(shelf.database, each.id) for each in (one, two)] == [0, 700]
    for _ in range(2):
        async with shelf.database.writing() as writer:
            await credit.release(writer, order, "payment_window_closed")
    assert [await purse.balance(shelf.database, each.id) for each in (one, two)] == [1000, 1000]
    assert await purse.entries(shelf.database, two.id) == [("issue", 1000), ("hold", -300), ("release", 300)]
    assert await shelf.ask("SELECT DISTINCT status FROM credit_holds") == [("released",)]
    await agree(shelf)


async def test_spent_is_not_given_back(shelf: Shelf) -> None:
    """Given an order that was paid, then its parts are told by kind, again the same, and nothing can return them."""
    async with shelf.database.writing() as writer:
        user = await people.account(writer)
        mine = CreditAccountId(new_id())
        await writer.execute(
            sa.insert(credit_accounts).values(id=mine, kind="store_credit", user_id=user, currency="usd", balance=50)
        )
        await writer.execute(
            sa.insert(credit_entries).values(
                id=new_id(), account_id=mine, operation="adjust/1", amount=50, actor="test", reason="test"
            )
        )
    one, order = await card(shelf), OrderId(new_id())
    await hold(shelf, order, (one.id, 1000), (mine, 20))
    for _ in range(2):
        async with shelf.database.writing() as writer:
            assert await credit.commit(writer, order) == {
                "gift_card": Money(1000, "usd"), "store_credit": Money(20, "usd"),
            }  # fmt: skip
            await credit.release(writer, order, "too late")
    assert [await purse.balance(shelf.database, each) for each in (one.id, mine)] == [0, 30]
    await agree(shelf)


async def test_fifty_at_once_for_ten_times_its_worth(shelf: Shelf) -> None:
    """Given a card worth ten orders and fifty who spend it at once, then ten do, and it is at zero, not below."""
    one = await card(shelf, 1000)

    async def spend() -> bool:
        async with shelf.database.writing() as writer:
            [seen] = await credit.lock(writer, [one.id], None, "usd")
            if seen.balance.amount < 100:
                return False
            await credit.hold(writer, OrderId(new_id()), {one.id: Money(100, "usd")})
            return True

    assert sorted(await asyncio.gather(*(spend() for _ in range(50)))) == [False] * 40 + [True] * 10
    assert await purse.balance(shelf.database, one.id) == 0
    assert await shelf.ask("SELECT count(*)::int, sum(amount)::int FROM credit_holds") == [(10, 1000)]
    await agree(shelf)


async def test_without_the_lock_postgres_itself_refuses(shelf: Shelf) -> None:
    """Given a balance of ten, when eleven are taken past every check, then nothing is, and the table says no too."""
    one = await card(shelf, 10)
    async with shelf.database.writing() as writer:
        with pytest.raises(AssertionError):
            await credit.hold(writer, OrderId(new_id()), {one.id: Money(11, "usd")})
    assert await purse.balance(shelf.database, one.id) == 10
    assert await shelf.ask("SELECT count(*)::int FROM credit_holds") == [(0,)]
    with pytest.raises(sa.exc.IntegrityError, match="never_overspent"):
        await shelf.tell("UPDATE credit_accounts SET balance = balance - 11")


async def test_what_can_be_spent_comes_in_its_order(shelf: Shelf) -> None:
    """Given good cards, one expired, archived, of euros, and store credit, then only what is good counts, in order."""
    past = clock.now() - timedelta(seconds=1)
    first, second = await card(shelf, 10), await card(shelf, 20)
    expired, euros, gone = (
        await card(shelf, 30, expires_at=past),
        await card(shelf, 40, currency="eur"),
        await card(shelf),
    )
    async with shelf.database.writing() as writer:
        user = await people.account(writer)
        for kind, amount in (("usd", 7), ("eur", 8)):
            await writer.execute(
                sa.insert(credit_accounts).values(
                    id=new_id(), kind="store_credit", user_id=user, currency=kind, balance=amount
                )
            )
        await writer.execute(sa.update(credit_accounts).where(credit_accounts.c.id == gone.id).values(archived_at=past))
        cards = [each.id for each in (second, expired, gone, euros, first)]
        purses = await credit.lock(writer, cards, user, "usd")
        assert [each.balance.amount for each in purses] == [20, 0, 0, 0, 10, 7]
        assert [each.id for each in purses[:-1]] == cards
        assert len(await credit.lock(writer, cards, None, "usd")) == 5
        assert [each.balance.amount for each in await credit.lock(writer, [], user, "usd")] == [7]
        assert await credit.lock(writer, [], UserId(new_id()), "usd") == []


async def put(shelf: Shelf, cart: CartId, code: str) -> None:
    """Put a card into a cart by its code."""
    async with shelf.database.writing() as writer:
        await gift_cards.put_into_cart(writer, cart, tokens.gift_card_key(purse.KEY, code))


async def test_a_cart_shows_its_cards_in_the_order_they_came(shelf: Shelf, cart: CartId) -> None:
    """Given two cards in a cart, then they are read with it; an archived one is no longer, a taken out one neither."""
    await shelf.put(cart)
    two, one, three = await card(shelf, 200), await card(shelf, 100), await card(shelf, 300)
    for each in (one, two, three, two):
        await put(shelf, cart, each.code)
    found = (await shelf.cart(cart)).gift_cards
    assert [(each.id, each.last4, each.balance, each.expired) for each in found] == [
        (each.id, each.code[-4:], Money(amount, "usd"), False)
        for each, amount in ((one, 100), (two, 200), (three, 300))
    ]
    await shelf.tell("UPDATE credit_accounts SET archived_at = now() WHERE balance = 100")
    await shelf.tell("UPDATE credit_accounts SET expires_at = now() WHERE balance = 300")
    async with shelf.database.writing() as writer:
        for _ in range(2):
            left = await gift_cards.take_out_of_cart(writer, cart, two.id)
            assert left is not None
            assert [(each.id, each.expired) for each in left.gift_cards] == [(three.id, True)]


@pytest.mark.parametrize("change", ["put", "take out"])
async def test_a_card_touches_the_cart(shelf: Shelf, cart: CartId, change: str) -> None:
    """Given a cart of yesterday, when a card comes or goes, then it was changed now: nobody is reminded of it."""
    one = await card(shelf)
    await shelf.put(cart)
    if change == "take out":
        await put(shelf, cart, one.code)
    await shelf.tell("UPDATE carts SET updated_at = now() - interval '1 day'")
    if change == "put":
        await put(shelf, cart, one.code)
    else:
        async with shelf.database.writing() as writer:
            await gift_cards.take_out_of_cart(writer, cart, one.id)
    assert await shelf.ask("SELECT updated_at > now() - interval '1 hour' FROM carts") == [(True,)]


async def test_a_sixth_card_is_too_many_also_at_once(shelf: Shelf, cart: CartId) -> None:
    """Given seven cards that come into a cart at once, then five are in it."""
    await shelf.put(cart)
    cards = [await card(shelf) for _ in range(7)]
    answers = await asyncio.gather(*(put(shelf, cart, each.code) for each in cards), return_exceptions=True)
    codes = [answer.code for answer in answers if isinstance(answer, Refusal)]
    assert codes == ["cart_full"] * 2
    assert len((await shelf.cart(cart)).gift_cards) == 5


async def test_what_an_order_spent_leaves_its_cart(shelf: Shelf, cart: CartId) -> None:
    """Given three cards of which an order took two, then the third stays for the next."""
    await shelf.put(cart)
    cards = [await card(shelf) for _ in range(3)]
    for each in cards:
        await put(shelf, cart, each.code)
    order = OrderId(new_id())
    await hold(shelf, order, (cards[0].id, 1000), (cards[1].id, 1))
    for _ in range(2):
        async with shelf.database.writing() as writer:
            await credit.take_out_spent(writer, cart, order)
    assert [each.id for each in (await shelf.cart(cart)).gift_cards] == [cards[2].id]
