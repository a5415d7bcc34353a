"""Two carts become one on real rows: sums, bounds, currencies, an order under way, and what comes in meanwhile."""

import asyncio
from typing import Any

import pytest

from models.cart import MOST_A_LINE, merged
from models.database import fetching
from models.ids import CartId, UserId, new_id
from models.money import Money
from models.tables import cart as carts
from models.tables import merge as merging
from models.tables import order as orders
from tests import coupons, people, purse, shop
from tests.models.tables.shelf import Shelf


@pytest.fixture
def source() -> CartId:
    """The cart of somebody not signed in, not filled yet."""
    return CartId(new_id())


@pytest.fixture
async def user(shelf: Shelf) -> UserId:
    """Somebody with an account."""
    async with shelf.database.writing() as writer:
        return await people.account(writer)


async def put_into_account(shelf: Shelf, user: UserId, sku: str, quantity: int, currency: str = "usd") -> None:
    """As a signed-in buyer does it."""
    async with shelf.database.writing() as writer:
        await carts.add(fetching(writer), CartId(user), sku, quantity, currency, currency, user)


async def merge(shelf: Shelf, source: CartId, user: UserId) -> None:
    """In a transaction of its own, as a sign-in does it."""
    async with shelf.database.writing() as writer:
        await merging.merge(writer, source, user)


async def attached(shelf: Shelf, cart: CartId) -> tuple[int, int]:
    """How many coupons and gift cards a cart has."""
    [row] = await shelf.ask(
        "SELECT (SELECT count(*) FROM cart_coupons WHERE cart_id = $1),"
        " (SELECT count(*) FROM cart_gift_cards WHERE cart_id = $1)", cart,
    )  # fmt: skip
    return row[0], row[1]


async def attach(shelf: Shelf, cart: CartId, code: str | None = None, card: int = 0, **terms: Any) -> None:
    """Put a new coupon or a new gift card into a cart."""
    if code:
        async with shelf.database.writing() as writer:
            await coupons.coupon(writer, code, **terms)
        await shelf.tell(
            "INSERT INTO cart_coupons (cart_id, coupon_id) SELECT :cart, id FROM coupons WHERE code = :code",
            cart=cart, code=code,
        )  # fmt: skip
    if card:
        await purse.card_in_cart(shelf.database, cart, card)


@pytest.mark.parametrize(
    ("own", "coming", "available", "units"),
    [
        (0, 3, 10, 3), (4, 3, 10, 7), (4, 3, 5, 5), (0, 8, 5, 5), (7, 3, 5, 7), (0, 3, 0, 1), (2, 3, 0, 2),
        (0, MOST_A_LINE, 5000, MOST_A_LINE), (500, 500, 5000, MOST_A_LINE), (1, 1, 1, 1),
    ],
)  # fmt: skip
def test_units_sum_up_as_far_as_stock_and_bounds_go(own: int, coming: int, available: int, units: int) -> None:
    """Given two quantities and what is left, then their sum, never fewer than before and never a line of none."""
    assert merged(own, coming, available) == units


async def test_an_anonymous_cart_becomes_the_account_s(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given no cart of the account, then it has the lines in their order, and the other is empty and can be used."""
    await shelf.put(source, "CUP", 2)
    await shelf.put(source, "MUG", 1)
    await merge(shelf, source, user)
    assert list((await shelf.quantities(CartId(user))).items()) == [("CUP", 2), ("MUG", 1)]
    assert await shelf.ask("SELECT user_id FROM carts WHERE id = $1", user) == [(user,)]
    assert await shelf.quantities(source) == {}
    await shelf.put(source, "MUG", 1)
    assert await shelf.quantities(source) == {"MUG": 1}


async def test_quantities_sum_up_within_the_stock(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given 7 mugs here and 6 there of which 10 are left, and a cup, then 10 mugs and the cup; twice is once."""
    await put_into_account(shelf, user, "MUG", 7)
    await shelf.put(source, "CUP", 1)
    await shelf.put(source, "MUG", 6)
    for _ in range(2):
        await merge(shelf, source, user)
        assert list((await shelf.quantities(CartId(user))).items()) == [("MUG", 10), ("CUP", 1)]
        assert await shelf.quantities(source) == {}


async def test_what_was_seen_before_is_still_warned_about(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given a price that rose and goods that were sold out since, then the lines come along and tell it."""
    await shelf.put(source, "MUG", 2)
    await shelf.put(source, "CUP", 2)
    async with shelf.database.writing() as writer:
        await shop.set_price(writer, shelf.mug, 1200)
    await shelf.tell("UPDATE stock_levels SET held = on_hand WHERE variant_id = :cup", cup=shelf.cup)
    await merge(shelf, source, user)
    mug, cup = (await shelf.cart(CartId(user))).lines
    assert (mug.quantity, mug.unit_price.amount, mug.seen_price.amount) == (2, 1200, 1000)
    assert (cup.quantity, cup.available) == (1, 0)


async def test_the_account_s_currency_stays(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given an account's cart in euros, then dollars come along at their price in euros, and what has none does not."""
    await put_into_account(shelf, user, "MUG", 1, "eur")
    await shelf.put(source, "CUP", 2)
    await shelf.put(source, "MUG", 2)
    await merge(shelf, source, user)
    cart = await shelf.cart(CartId(user))
    assert (cart.currency, [(line.sku, line.quantity, line.seen_price) for line in cart.lines]) == (
        "eur", [("MUG", 3, Money(900, "eur"))],
    )  # fmt: skip
    assert await shelf.quantities(source) == {}


async def test_an_empty_account_s_cart_takes_the_currency(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given an account's cart in euros that was emptied, then dollars come along as dollars."""
    await put_into_account(shelf, user, "MUG", 1, "eur")
    async with shelf.database.writing() as writer:
        await carts.clear(writer, CartId(user))
    await shelf.put(source, "CUP", 2)
    await merge(shelf, source, user)
    cart = await shelf.cart(CartId(user))
    assert (cart.currency, await shelf.quantities(CartId(user))) == ("usd", {"CUP": 2})


async def test_a_full_cart_takes_what_it_has_already(
    shelf: Shelf, source: CartId, user: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given room for one line, then more of that comes along, and another item does not."""
    monkeypatch.setattr(merging, "MOST_LINES", 1)
    await put_into_account(shelf, user, "MUG", 1)
    await shelf.put(source, "CUP", 1)
    await shelf.put(source, "MUG", 1)
    await merge(shelf, source, user)
    assert await shelf.quantities(CartId(user)) == {"MUG": 2}
    assert await shelf.quantities(source) == {}


async def test_coupons_and_gift_cards_come_along(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given coupons that stack, one that does not, and a gift card, then all come but the one that does not fit."""
    await put_into_account(shelf, user, "MUG", 1)
    await shelf.put(source, "MUG", 1)
    await attach(shelf, CartId(user), "OWN", stackable=True)
    await attach(shelf, source, "STACKS", stackable=True)
    await attach(shelf, source, "ALONE", card=500)
    await merge(shelf, source, user)
    codes = await shelf.ask(
        "SELECT code FROM cart_coupons JOIN coupons ON id = coupon_id WHERE cart_id = $1 ORDER BY added_at", user
    )
    assert codes == [("OWN",), ("STACKS",)]
    assert (await attached(shelf, CartId(user)), await attached(shelf, source)) == ((2, 1), (0, 0))


async def test_a_coupon_alone_comes_along(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given a coupon that does not stack and no other, and no goods at all, then it comes along."""
    await shelf.put(source, "MUG", 1)
    await attach(shelf, source, "ALONE")
    await shelf.tell("DELETE FROM cart_items")
    await merge(shelf, source, user)
    assert (await attached(shelf, CartId(user)), await attached(shelf, source)) == ((1, 0), (0, 0))


async def test_what_an_open_order_has_bought_stays_where_it_is(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given 2 of 5 mugs in an order that waits for its payment, then 3 move; paid, nothing of them is left behind."""
    await shelf.put(source, "MUG", 2)
    await attach(shelf, source, "TEN", card=500)
    order, _ = await shelf.order({shelf.mug: 2}, cart_id=source)
    await shelf.put(source, "MUG", 3)
    await shelf.put(source, "CUP", 1)
    for _ in range(2):
        await merge(shelf, source, user)
        assert await shelf.quantities(source) == {"MUG": 2}
        assert await shelf.quantities(CartId(user)) == {"MUG": 3, "CUP": 1}
        assert (await attached(shelf, CartId(user)), await attached(shelf, source)) == ((0, 0), (1, 1))
    async with shelf.database.writing() as writer:
        await carts.take_out_bought(writer, source, 1, order)
    await merge(shelf, source, user)
    assert await shelf.quantities(source) == {}
    assert await shelf.quantities(CartId(user)) == {"MUG": 3, "CUP": 1}


async def test_what_an_order_that_is_over_had_bought_moves(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given an order that ended unpaid, then its goods come along like any."""
    await shelf.put(source, "MUG", 2)
    await shelf.order({shelf.mug: 2}, cart_id=source)
    async with shelf.database.writing() as writer:
        await carts.open_next_attempt(writer, source, 1)
    await merge(shelf, source, user)
    assert await shelf.quantities(CartId(user)) == {"MUG": 2}


async def test_nobody_s_cart_is_merged_but_an_anonymous_one(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given a cart that is not there, an empty one, one's own, or another account's, then nothing moves."""
    async with shelf.database.writing() as writer:
        other = await people.account(writer)
    await put_into_account(shelf, other, "MUG", 1)
    await merge(shelf, source, user)
    await shelf.put(source, "MUG", 1)
    async with shelf.database.writing() as writer:
        await carts.clear(writer, source)
    await merge(shelf, source, user)
    await merge(shelf, CartId(other), user)
    assert await shelf.ask("SELECT id FROM carts WHERE id = $1", user) == []
    await put_into_account(shelf, user, "CUP", 1)
    await merge(shelf, CartId(user), user)
    assert await shelf.quantities(CartId(user)) == {"CUP": 1}
    assert await shelf.quantities(CartId(other)) == {"MUG": 1}


async def test_merging_while_adding_loses_and_doubles_nothing(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given a cart, when twenty units are put into it while it is merged five times, then each is in one of the two."""
    await shelf.tell("UPDATE stock_levels SET on_hand = 100")
    await shelf.put(source, "MUG", 1)
    await put_into_account(shelf, user, "CUP", 1)
    await asyncio.gather(
        *(shelf.put(source, sku) for sku in ("MUG", "CUP") * 10), *(merge(shelf, source, user) for _ in range(5))
    )
    own, left = await shelf.quantities(CartId(user)), await shelf.quantities(source)
    assert {sku: own.get(sku, 0) + left.get(sku, 0) for sku in ("MUG", "CUP")} == {"MUG": 11, "CUP": 11}
    await merge(shelf, source, user)
    assert await shelf.quantities(CartId(user)) == {"MUG": 11, "CUP": 11}
    assert await shelf.quantities(source) == {}


async def test_two_accounts_at_one_cart_share_nothing(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given one cart's token in two browsers that sign in at once, then one account has the goods, the other none."""
    async with shelf.database.writing() as writer:
        other = await people.account(writer)
    await put_into_account(shelf, other, "CUP", 1)
    await put_into_account(shelf, user, "CUP", 1)
    await shelf.put(source, "MUG", 4)
    await asyncio.gather(merge(shelf, source, user), merge(shelf, source, other))
    found = [(await shelf.quantities(CartId(each))).get("MUG", 0) for each in (user, other)]
    assert sorted(found) == [0, 4]


async def test_a_merge_waits_for_a_checkout_of_the_cart(shelf: Shelf, source: CartId, user: UserId) -> None:
    """Given a cart that a checkout has locked, then the merge waits for it, and leaves what it bought."""
    await shelf.put(source, "MUG", 3)
    bought = shelf.row({shelf.mug: 3}, cart_id=source)
    async with shelf.database.writing() as writer:
        await carts.lock(writer, source)
        waiting = asyncio.create_task(merge(shelf, source, user))
        await until_someone_waits(shelf)
        await orders.insert(writer, bought)
    await waiting
    assert await shelf.quantities(source) == {"MUG": 3}
    assert await shelf.quantities(CartId(user)) == {}


async def until_someone_waits(shelf: Shelf) -> None:
    """Until Postgres says that a statement waits for a lock."""
    async with asyncio.timeout(60):
        while not await shelf.ask(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ):
            await asyncio.sleep(0.005)
