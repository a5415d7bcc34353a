"""Carts on real rows: sums, currencies, limits, two tabs at once, and what checkout takes out."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa

from models.cart import MOST_A_LINE
from models.database import fetching
from models.errors import Refusal
from models.ids import CartId, CartItemId, new_id
from models.money import Money
from models.tables import cart as carts
from tests import shop
from tests.models.tables.shelf import Shelf


@pytest.fixture
def cart() -> CartId:
    """The id of a cart that nobody has put anything into."""
    return CartId(new_id())


async def refusal(
    shelf: Shelf, cart: CartId, sku: str = "MUG", quantity: int = 1, currency: str | None = None
) -> Refusal:
    """The refusal that putting this into the cart meets."""
    with pytest.raises(Refusal) as refused:
        await shelf.put(cart, sku, quantity, currency)
    return refused.value


async def test_adding_again_sums_up(shelf: Shelf, cart: CartId) -> None:
    """Given two mugs, when three more and a cup are added, then there are two lines, in the order they came."""
    await shelf.put(cart, "MUG", 2)
    await shelf.put(cart, "CUP", 1)
    await shelf.put(cart, "MUG", 3)
    assert list((await shelf.quantities(cart)).items()) == [("MUG", 5), ("CUP", 1)]


async def test_the_first_item_decides_the_currency(shelf: Shelf, cart: CartId) -> None:
    """Given a first item in euros, then later ones are priced in euros without saying so, and dollars are refused."""
    await shelf.put(cart, "MUG", 1, "eur")
    await shelf.put(cart, "MUG", 1)
    found = await shelf.cart(cart)
    assert (found.currency, found.lines[0].quantity, found.lines[0].unit_price) == ("eur", 2, Money(900, "eur"))
    refused = await refusal(shelf, cart, currency="usd")
    assert (refused.code, refused.facts) == ("currency_mismatch", {"currency": "eur"})
    assert await shelf.quantities(cart) == {"MUG": 2}


async def test_an_emptied_cart_can_change_its_currency(shelf: Shelf, cart: CartId) -> None:
    """Given a cart in euros that was emptied, then dollars may go in, and it is in dollars from then on."""
    await shelf.put(cart, "MUG", 1, "eur")
    async with shelf.database.writing() as writer:
        await carts.clear(writer, cart)
    await shelf.put(cart, "MUG", 1, "usd")
    assert (await shelf.cart(cart)).currency == "usd"


async def test_without_a_wish_the_shop_s_currency_is_taken(shelf: Shelf, cart: CartId) -> None:
    """Given no currency with the first item, then the cart takes the shop's own."""
    await shelf.put(cart, "MUG", default="eur")
    assert (await shelf.cart(cart)).currency == "eur"


@pytest.mark.parametrize(
    ("sku", "quantity", "currency", "code"),
    [
        ("NOPE", 1, None, "unknown_sku"), ("mug", 1, None, "unknown_sku"),
        ("'; DROP TABLE carts; --", 1, None, "unknown_sku"),
        ("CUP", 1, "eur", "not_sold_in_currency"), ("CUP", 1, "xxx", "not_sold_in_currency"),
        ("MUG", 0, None, "quantity_out_of_range"), ("MUG", -1, None, "quantity_out_of_range"),
        ("MUG", MOST_A_LINE + 1, None, "quantity_out_of_range"), ("MUG", 10**9, None, "quantity_out_of_range"),
    ],
)  # fmt: skip
async def test_a_refused_first_item_leaves_no_cart_behind(
    shelf: Shelf, cart: CartId, sku: str, quantity: int, currency: str | None, code: str
) -> None:
    """Given a first item that cannot go in, then it is refused by its code, and there is still no cart."""
    assert (await refusal(shelf, cart, sku, quantity, currency)).code == code
    assert await carts.read(shelf.database, cart) is None


@pytest.mark.parametrize("quantity", [-1, 0, MOST_A_LINE - 1, MOST_A_LINE])
async def test_a_line_stays_within_its_bounds(shelf: Shelf, cart: CartId, quantity: int) -> None:
    """Given two mugs, when so many more are added that there were too many, or fewer than none, then two stay."""
    await shelf.put(cart, "MUG", 2)
    assert (await refusal(shelf, cart, quantity=quantity)).code == "quantity_out_of_range"
    assert await shelf.quantities(cart) == {"MUG": 2}
    await shelf.put(cart, "MUG", MOST_A_LINE - 2)
    assert await shelf.quantities(cart) == {"MUG": MOST_A_LINE}


async def test_a_full_cart_takes_no_other_item(shelf: Shelf, cart: CartId, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a cart with as many lines as it may have, then another is refused, and more of a known one is not."""
    monkeypatch.setattr(carts, "MOST_LINES", 1)
    await shelf.put(cart, "MUG", 1)
    refused = await refusal(shelf, cart, "CUP")
    assert (refused.code, refused.facts) == ("cart_full", {"most": 1})
    await shelf.put(cart, "MUG", 1)
    assert await shelf.quantities(cart) == {"MUG": 2}


async def test_a_withdrawn_product_cannot_be_added(shelf: Shelf, cart: CartId) -> None:
    """Given a product taken off sale, then it is unknown to new carts, and marked in old ones."""
    await shelf.put(cart, "MUG", 1)
    await shelf.tell("UPDATE products SET archived_at = now() WHERE slug = 'mug'")
    assert (await refusal(shelf, CartId(new_id()))).code == "unknown_sku"
    assert [line.on_sale for line in (await shelf.cart(cart)).lines] == [False]


async def test_a_cart_shows_today_s_price_and_the_one_that_was_seen(shelf: Shelf, cart: CartId) -> None:
    """Given a price that rose since, then the cart has both; a price that is gone means not on sale."""
    await shelf.put(cart, "MUG", 1)
    async with shelf.database.writing() as writer:
        await shop.set_price(writer, shelf.mug, 1200)
    [line] = (await shelf.cart(cart)).lines
    assert (line.unit_price.amount, line.seen_price.amount, line.available) == (1200, 1000, 10)
    await shelf.tell("DELETE FROM prices WHERE currency = 'usd'")
    [line] = (await shelf.cart(cart)).lines
    assert (line.unit_price.amount, line.on_sale) == (1000, False)


async def test_a_quantity_can_be_set(shelf: Shelf, cart: CartId) -> None:
    """Given a line, then its quantity can be set within its bounds, and the price of that moment counts as seen."""
    await shelf.put(cart, "MUG", 1)
    async with shelf.database.writing() as writer:
        await shop.set_price(writer, shelf.mug, 1200)
    item = (await shelf.cart(cart)).lines[0].id
    async with shelf.database.writing() as writer:
        await carts.set_quantity(writer, cart, item, 7)
    [line] = (await shelf.cart(cart)).lines
    assert (line.quantity, line.seen_price.amount) == (7, 1200)
    for quantity in (0, -1, MOST_A_LINE + 1):
        with pytest.raises(Refusal, match="can be ordered"):
            async with shelf.database.writing() as writer:
                await carts.set_quantity(writer, cart, item, quantity)
    assert await shelf.quantities(cart) == {"MUG": 7}


async def test_another_cart_s_line_cannot_be_touched(shelf: Shelf, cart: CartId) -> None:
    """Given somebody else's line, then it can neither be changed nor taken out through another cart."""
    other = CartId(new_id())
    await shelf.put(cart, "MUG", 1)
    await shelf.put(other, "MUG", 1)
    theirs = (await shelf.cart(other)).lines[0].id
    for identity in (theirs, CartItemId(new_id())):
        with pytest.raises(Refusal) as refused:
            async with shelf.database.writing() as writer:
                await carts.set_quantity(writer, cart, identity, 5)
        assert refused.value.code == "cart_item_not_found"
    async with shelf.database.writing() as writer:
        await carts.remove(writer, cart, theirs)
    assert await shelf.quantities(other) == {"MUG": 1}


async def test_taking_out_twice_is_taking_out_once(shelf: Shelf, cart: CartId) -> None:
    """Given a line that is gone, then taking it out again or emptying the cart changes nothing."""
    await shelf.put(cart, "MUG", 1)
    await shelf.put(cart, "CUP", 1)
    item = (await shelf.cart(cart)).lines[0].id
    for _ in range(2):
        async with shelf.database.writing() as writer:
            await carts.remove(writer, cart, item)
        assert await shelf.quantities(cart) == {"CUP": 1}
    for _ in range(2):
        async with shelf.database.writing() as writer:
            await carts.clear(writer, cart)
        assert await shelf.quantities(cart) == {}


async def test_twenty_tabs_lose_no_unit(shelf: Shelf, cart: CartId) -> None:
    """Given a cart that does not exist yet, when 20 units are added at once, then there are 20 in one line."""
    await asyncio.gather(*(shelf.put(cart, sku) for sku in ("MUG", "CUP") * 10))
    assert await shelf.quantities(cart) == {"MUG": 10, "CUP": 10}


async def test_two_first_items_in_two_currencies_do_not_both_get_in(shelf: Shelf, cart: CartId) -> None:
    """Given a new cart, when dollars and euros are added at once, then one is refused and the cart has one currency."""
    answers = await asyncio.gather(
        shelf.put(cart, currency="usd"), shelf.put(cart, currency="eur"), return_exceptions=True
    )
    assert sorted(getattr(answer, "code", "") for answer in answers) == ["", "currency_mismatch"]
    assert await shelf.quantities(cart) == {"MUG": 1}


async def test_who_waited_for_the_cart_sees_what_the_other_wrote(shelf: Shelf, cart: CartId) -> None:
    """Given a cart that somebody is changing, when it is locked, then it is read as it is after that change."""
    await shelf.put(cart, "MUG", 1)

    async def lock() -> dict[str, int]:
        async with shelf.database.writing() as writer:
            found = await carts.lock(writer, cart)
            return {line.sku: line.quantity for line in found.lines} if found else {}

    async with shelf.database.writing() as writer:
        await carts.add(fetching(writer), cart, "CUP", 4, None, "usd")
        waiting = asyncio.create_task(lock())
        await until_someone_waits(shelf)
    assert await waiting == {"MUG": 1, "CUP": 4}


async def until_someone_waits(shelf: Shelf) -> None:
    """Until Postgres says that a statement waits for a lock."""
    while not await shelf.ask(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    ):
        await asyncio.sleep(0.005)


async def test_a_cart_knows_when_its_content_last_changed(shelf: Shelf, cart: CartId) -> None:
    """Given a cart, when lines come, change, go or are bought, then each counts; what changes nothing does not."""

    async def touched() -> bool:
        [(fresh,)] = await shelf.ask("SELECT updated_at > now() - interval '1 hour' FROM carts WHERE id = $1", cart)
        await shelf.tell("UPDATE carts SET updated_at = now() - interval '2 hours'")
        return bool(fresh)

    async def change(what: Callable[..., Awaitable[object]], *arguments: object) -> bool:
        async with shelf.database.writing() as writer:
            await what(writer, cart, *arguments)
        return await touched()

    await shelf.put(cart, "MUG", 2)
    await shelf.put(cart, "CUP", 2)
    assert await touched()
    await shelf.put(cart, "MUG")
    assert await touched()
    mug, cup = (line.id for line in (await shelf.cart(cart)).lines)
    order, _ = await shelf.order({shelf.mug: 1})

    assert await change(carts.set_quantity, mug, 2)
    assert [await change(carts.remove, cup), await change(carts.remove, cup)] == [True, False]
    assert not await change(carts.open_next_attempt, 1)
    assert [await change(carts.take_out_bought, 2, order), await change(carts.take_out_bought, 2, order)] == [
        True, False,
    ]  # fmt: skip
    assert [await change(carts.clear), await change(carts.clear)] == [True, False]
    assert await change(carts.touch)


async def test_a_cart_moves_to_its_next_attempt_once(shelf: Shelf, cart: CartId) -> None:
    """Given checkout number 1 that ended, when it ends again, then the next one is still number 2."""
    await shelf.put(cart)
    for _ in range(2):
        async with shelf.database.writing() as writer:
            await carts.open_next_attempt(writer, cart, 1)
    assert (await shelf.cart(cart)).attempt == 2


async def test_what_was_bought_leaves_the_cart_and_what_came_later_stays(shelf: Shelf, cart: CartId) -> None:
    """Given 2 mugs and 1 cup bought, and 3 more mugs added meanwhile, then 3 mugs stay; said twice, nothing changes."""
    await shelf.put(cart, "MUG", 2)
    await shelf.put(cart, "CUP", 1)
    order, _ = await shelf.order({shelf.mug: 2, shelf.cup: 1}, cart_id=cart)
    await shelf.put(cart, "MUG", 3)
    for _ in range(2):
        async with shelf.database.writing() as writer:
            await carts.take_out_bought(writer, cart, 1, order)
        assert await shelf.quantities(cart) == {"MUG": 3}
    assert (await shelf.cart(cart)).attempt == 2


async def test_taking_out_touches_no_other_cart(shelf: Shelf, cart: CartId) -> None:
    """Given two carts with the same goods, when one's order is paid, then the other keeps its own."""
    other = CartId(new_id())
    await shelf.put(cart, "MUG", 2)
    await shelf.put(other, "MUG", 2)
    order, _ = await shelf.order({shelf.mug: 2}, cart_id=cart)
    async with shelf.database.writing() as writer:
        await carts.take_out_bought(writer, cart, 1, order)
    assert await shelf.quantities(cart) == {}
    assert await shelf.quantities(other) == {"MUG": 2}


@pytest.mark.parametrize("quantity", [0, -1, MOST_A_LINE + 1])
async def test_postgres_itself_keeps_quantities_in_range(shelf: Shelf, cart: CartId, quantity: int) -> None:
    """Given raw SQL, then a quantity out of range is refused by the table."""
    await shelf.put(cart)
    with pytest.raises(sa.exc.IntegrityError, match="quantity_in_range"):
        await shelf.tell("UPDATE cart_items SET quantity = :quantity", quantity=quantity)
