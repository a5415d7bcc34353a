"""Orders paid with credit: held with the order, spent or given back once, and never more than there is."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from activities.checkout import OrderPlaced, PlacingOutcome
from activities.orders import CancelOrder, ConfirmOrder, SecureOrder
from models.errors import Unavailable
from models.ids import CartId, UserId, new_id
from models.money import Money
from models.payment import ProviderPayment, Standing
from models.tables import cart as carts
from models.tables import credit, store_credit
from models.tables import gift_card as gift_cards
from models.tables import order as orders
from tests import people, purse, shop
from tests.activities.till import MUG_TO_NEW_YORK, Till
from tests.coupons import coupon, on_cart, redeemed

TOTAL = MUG_TO_NEW_YORK
TOUCHED = ("orders", "order_lines", "order_events", "payments", "stock", "stock_holds", "outbox", "cart_items",
           "credit_accounts", "credit_entries", "credit_holds", "cart_gift_cards", "money_entries")  # fmt: skip


def usd(amount: int) -> Money:
    """Dollars."""
    return Money(amount, "usd")


async def granted(till: Till, amount: int) -> UserId:
    """An account with store credit."""
    async with till.database.writing() as writer:
        user = await people.account(writer)
        await store_credit.adjust(writer, user, usd(amount), "test", "goodwill")
    return user


async def balances(till: Till) -> list[int]:
    """Of all accounts, oldest first."""
    return [amount for (amount,) in await till.ask("SELECT balance FROM credit_accounts ORDER BY created_at, id")]


@pytest.fixture(autouse=True)
async def ledgers(till: Till) -> AsyncIterator[None]:
    """After every test balances are the sums of their entries, and money booked is zero in all."""
    yield
    async with till.database.reading() as reader:
        assert await credit.drift(reader) == []
    assert sum((await shop.money_booked(till.database)).values()) == 0
    assert await till.ask(
        "SELECT h.order_id FROM credit_holds h LEFT JOIN orders o ON o.id = h.order_id "
        "WHERE h.status = 'held' AND coalesce(o.status, '') <> 'pending'"
    ) == []  # fmt: skip


async def secure(till: Till, cart: CartId, placed: OrderPlaced, reference: str | None = "pi_1") -> None:
    """The money is sure."""
    seen = ProviderPayment(Standing.AUTHORIZED, reference)
    await till.twice(
        till.orders.secure_order, SecureOrder(placed.order_id, placed.payment_id, cart, 1, seen, credit=placed.credit)
    )


async def confirm(till: Till, placed: OrderPlaced) -> None:
    """The money is in."""
    await till.twice(
        till.orders.confirm_order,
        ConfirmOrder(placed.order_id, placed.payment_id, "stripe", placed.due, placed.credit),
    )


async def test_a_gift_card_pays_a_part(till: Till) -> None:
    """Given a card of 6.00 and an order of 16.00, then 6.00 are held, 10.00 are due, and confirmed all is booked."""
    cart = await till.cart()
    card = await purse.card_in_cart(till.database, cart, 600)

    placed = await till.placed(cart, expected_due=usd(1000))

    assert (placed.total, placed.credit, placed.due) == (usd(TOTAL), usd(600), usd(1000))
    assert await till.ask("SELECT total, credit FROM orders") == [(TOTAL, 600)]
    assert await till.ask("SELECT amount, provider FROM payments") == [(1000, "stripe")]
    assert await till.ask("SELECT amount, currency, status FROM credit_holds") == [(600, "usd", "held")]
    assert await purse.entries(till.database, card.id) == [("issue", 600), ("hold", -600)]
    assert await till.ask("SELECT facts -> 'due' ->> 'amount' FROM order_events") == [("1000",)]
    await secure(till, cart, placed)
    left = await carts.read(till.database, cart)
    assert left is not None
    assert (left.lines, left.gift_cards) == ((), ())
    await confirm(till, placed)
    assert await shop.money_booked(till.database) == {"provider:stripe": 1000, "gift_card": 600, "sales": -1600}
    assert await till.ask("SELECT status FROM credit_holds") == [("committed",)]
    assert await till.told() == [
        "order_placed", "payment_authorized", "credit_spent", "payment_captured", "order_confirmed",
    ]  # fmt: skip


async def test_cards_first_then_store_credit(till: Till) -> None:
    """Given two cards and store credit, then they pay in that order, and each kind is booked under its name."""
    user, cart = await granted(till, 5000), await till.cart()
    for amount in (600, 500):
        await purse.card_in_cart(till.database, cart, amount)

    placed = await till.placed(cart, customer_id=user, store_credit=True, expected_due=usd(0))

    assert await balances(till) == [4500, 0, 0]
    await secure(till, cart, placed, None)
    await confirm(till, placed)
    assert await shop.money_booked(till.database) == {"gift_card": 1100, "store_credit": 500, "sales": -1600}


async def test_nothing_due_and_nobody_asked(till: Till) -> None:
    """Given credit for everything, then the payment is of nothing by nobody, and goes its way to paid."""
    cart = await till.cart()
    await purse.card_in_cart(till.database, cart, 5000)
    number = "HF-ABCDE-FGHJK"
    placed = await till.placed(cart, number=number, expected_due=usd(0))
    assert await till.ask("SELECT amount, provider, status FROM payments") == [(0, "credit", "pending")]
    await secure(till, cart, placed, None)
    await confirm(till, placed)
    assert await till.ask("SELECT o.status, p.status FROM orders o JOIN payments p ON p.order_id = o.id") == [
        ("confirmed", "paid")
    ]
    assert await till.told() == ["order_placed", "payment_authorized", "credit_spent", "order_confirmed"]
    assert await shop.money_booked(till.database) == {"gift_card": 1600, "sales": -1600}
    assert await balances(till) == [3400]
    order = await orders.find(till.database, number)  # type: ignore[arg-type]
    assert order is not None
    assert order.credit == usd(1600)


async def test_goods_for_nothing_book_nothing(till: Till) -> None:
    """Given an order whose total is zero, then nobody is asked for money, and no ledger has a row of it."""
    async with till.database.writing() as writer:
        await shop.set_price(writer, till.mug, 0)
        await writer.exec_driver_sql("UPDATE shipping_bands SET price = 0")
    cart = await till.cart()
    placed = await till.placed(cart, 0)
    assert (placed.due, placed.credit) == (usd(0), None)
    await secure(till, cart, placed, None)
    await confirm(till, placed)
    assert await shop.money_booked(till.database) == {}
    assert await till.told() == ["order_placed", "payment_authorized", "order_confirmed"]


async def test_store_credit_is_spent_when_asked_for_alone(till: Till) -> None:
    """Given an account with store credit, when its checkout does not ask for it, then it stays."""
    user = await granted(till, 5000)
    placed = await till.placed(await till.cart(), customer_id=user)
    assert (placed.credit, await balances(till)) == (None, [5000])


async def test_cancelled_it_comes_back_once(till: Till) -> None:
    """Given a part held, when the order ends unpaid, then the card has it again, once, and can pay the next order."""
    cart = await till.cart()
    card = await purse.card_in_cart(till.database, cart, 600)
    placed = await till.placed(cart, expected_due=usd(1000))
    async with till.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE credit_accounts SET archived_at = now()")
    await till.twice(
        till.orders.cancel_order,
        CancelOrder(placed.order_id, placed.payment_id, cart, 1, "payment_window_closed", "order", placed.credit),
    )
    assert await purse.entries(till.database, card.id) == [("issue", 600), ("hold", -600), ("release", 600)]
    assert await till.ask("SELECT status FROM credit_holds") == [("released",)]
    async with till.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE credit_accounts SET archived_at = NULL")
    again = await till.placed(cart, attempt=2, expected_due=usd(1000))
    assert again.credit == usd(600)
    assert await balances(till) == [0]


async def test_asked_again_it_is_held_once(till: Till) -> None:
    """Given five workers that place the same order at once, then credit is held once and all answer alike."""
    cart = await till.cart()
    await purse.card_in_cart(till.database, cart, 5000)
    changes: dict[str, Any] = {"number": "HF-ABCDE-FGHJK", "expected_due": usd(0)}
    answers = await asyncio.gather(*(till.try_to_place(cart, **changes) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert await balances(till) == [3400]
    rows = await till.rows()
    assert await till.try_to_place(cart, **changes) == answers[0]
    assert await till.rows() == rows


async def test_what_a_card_keeps_stays_out_of_the_next_cart(till: Till) -> None:
    """Given a card with money left after an order, then it has left the cart, and put in again a repeat leaves it."""
    cart = await till.cart()
    card = await purse.card_in_cart(till.database, cart, 5000)
    unused = await purse.card_in_cart(till.database, cart, 100)
    placed = await till.placed(cart, expected_due=usd(0))
    await secure(till, cart, placed, None)
    async with till.database.writing() as writer:
        await gift_cards.put_into_cart(writer, cart, await _key(till, card))
    await secure(till, cart, placed, None)
    left = await carts.read(till.database, cart)
    assert left is not None
    assert {each.id for each in left.gift_cards} == {card.id, unused.id}


async def _key(till: Till, card: purse.Card) -> str:
    [(key,)] = await till.ask("SELECT code_key FROM credit_accounts WHERE id = $1", card.id)
    return str(key)


def sql(statement: str) -> Callable[[Till], Awaitable[None]]:
    """Something happens between quote and checkout."""

    async def change(till: Till) -> None:
        async with till.database.writing() as writer:
            await writer.exec_driver_sql(statement)

    return change


def balance_moves(by: int) -> Callable[[Till], Awaitable[None]]:
    """Somebody spends from the card, or staff add to it."""
    return sql(
        f"WITH moved AS (UPDATE credit_accounts SET balance = balance + {by} RETURNING id) "
        "INSERT INTO credit_entries (id, account_id, operation, amount, actor, reason) "
        f"SELECT uuidv7(), id, 'adjust/1', {by}, 'test', 'test' FROM moved"
    )


SHRUNK = {"total": 1600, "expected_total": 1600, "credit": 0, "due": 1600, "expected_due": 1000}
REFUSALS = [
    pytest.param(balance_moves(-500), usd(1000), {**SHRUNK, "credit": 100, "due": 1500},
                 id="spent elsewhere"),
    pytest.param(balance_moves(100), usd(1000), {**SHRUNK, "credit": 700, "due": 900},
                 id="grew"),
    pytest.param(sql("UPDATE credit_accounts SET expires_at = now()"), usd(1000), SHRUNK, id="expired"),
    pytest.param(sql("UPDATE credit_accounts SET archived_at = now()"), usd(1000), SHRUNK, id="archived"),
    pytest.param(sql("DELETE FROM cart_gift_cards"), usd(1000), SHRUNK, id="taken out"),
    pytest.param(sql("SELECT 1"), None, {**SHRUNK, "credit": 600, "due": 1000, "expected_due": 1600},
                 id="put in by another tab"),
    pytest.param(sql("SELECT 1"), Money(1000, "eur"), {**SHRUNK, "credit": 600, "due": 1000}, id="another currency"),
    pytest.param(sql("UPDATE prices SET amount = 1100 WHERE currency = 'usd'"), usd(1000),
                 {**SHRUNK, "total": 1710, "credit": 600, "due": 1110}, id="dearer"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "due", "facts"), REFUSALS)
async def test_a_card_is_charged_what_was_shown_or_not_at_all(
    till: Till, before: Callable[[Till], Awaitable[None]], due: Money | None, facts: dict[str, int]
) -> None:
    """Given a card of 6.00 in the cart, when what is due is not what was shown, then 409 facts, and nothing moved."""
    cart = await till.cart()
    await purse.card_in_cart(till.database, cart, 600)
    await before(till)
    rows = await till.rows(*TOUCHED)

    outcome = await till.try_to_place(cart, expected_due=due)

    assert outcome.refusal is not None
    assert outcome.refusal.code == "price_changed"
    assert {name: fact["amount"] for name, fact in msgspec.to_builtins(outcome.refusal.facts).items()} == facts
    assert await till.rows(*TOUCHED) == rows


async def test_sold_out_the_credit_is_untouched(till: Till) -> None:
    """Given an order that is refused after its credit was taken, then that is rolled back with the rest."""
    cart = await till.cart()
    await purse.card_in_cart(till.database, cart, 600)
    await sql("UPDATE stock_levels SET on_hand = 0")(till)
    rows = await till.rows(*TOUCHED)
    outcome = await till.try_to_place(cart, expected_due=usd(1000))
    assert outcome.refusal is not None
    assert outcome.refusal.code == "out_of_stock"
    assert await till.rows(*TOUCHED) == rows


async def shared(till: Till, amount: int, tabs: int) -> tuple[purse.Card, list[CartId]]:
    """One card in many carts."""
    async with till.database.writing() as writer:
        card = await purse.gift_card(writer, amount)
    carts_of = [await till.cart() for _ in range(tabs)]
    for cart in carts_of:
        async with till.database.writing() as writer:
            await gift_cards.put_into_cart(writer, cart, await _key(till, card))
    return card, carts_of


def said(outcomes: list[PlacingOutcome]) -> list[str]:
    """What became of each, sorted."""
    return sorted("placed" if each.placed else str(each.refusal and each.refusal.code) for each in outcomes)


@pytest.mark.parametrize(("worth", "placed"), [(1600, 1), (3199, 1), (3200, 2)])
async def test_two_tabs_and_one_card(till: Till, worth: int, placed: int) -> None:
    """Given one card in two carts bought at once, then as many orders get it as it is worth, the other is told."""
    card, tabs = await shared(till, worth, 2)
    outcomes = await asyncio.gather(*(till.try_to_place(cart, expected_due=usd(0)) for cart in tabs))
    assert said(outcomes) == ["placed"] * placed + ["price_changed"] * (2 - placed)
    assert await purse.balance(till.database, card.id) == worth - 1600 * placed
    assert await till.ask("SELECT count(*)::int FROM orders") == [(placed,)]


async def test_fifty_at_once_on_a_card_worth_ten(till: Till) -> None:
    """Given fifty carts and a card worth ten of them, then exactly ten orders are placed, and the card is empty."""
    async with till.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE stock_levels SET on_hand = 100")
    card, tabs = await shared(till, 16_000, 50)

    async def place(cart: CartId) -> PlacingOutcome:
        """As Temporal does it: a step that found no connection free is tried again."""
        while True:
            with contextlib.suppress(Unavailable):
                return await till.try_to_place(cart, expected_due=usd(0))

    outcomes = await asyncio.gather(*(place(cart) for cart in tabs))
    assert said(outcomes) == ["placed"] * 10 + ["price_changed"] * 40
    assert await purse.balance(till.database, card.id) == 0
    assert await till.ask("SELECT sum(amount)::int FROM credit_holds WHERE status = 'held'") == [(16_000,)]


async def test_an_order_without_credit_asks_nothing_of_it(till: Till) -> None:
    """Given no credit, then no statement of placing, securing, confirming or cancelling is about it."""
    asked: list[str] = []
    sa.event.listen(till.database.engine.sync_engine, "before_cursor_execute", lambda *call: asked.append(str(call[2])))
    for end in ("sold", "cancelled"):
        cart = await till.cart()
        placed = await till.placed(cart)
        ids = (placed.order_id, placed.payment_id, cart, 1)
        if end == "sold":
            await till.orders.secure_order(SecureOrder(*ids, ProviderPayment(Standing.AUTHORIZED, "pi_1")))
            await till.orders.confirm_order(ConfirmOrder(*ids[:2], "stripe", placed.due, placed.credit))
        else:
            await till.orders.cancel_order(CancelOrder(*ids, "changed_mind", "buyer", placed.credit))
    assert len(asked) > 20
    assert [
        sql
        for sql in asked
        if re.search("credit_(holds|entries)|(UPDATE|FROM|INTO) credit_accounts|DELETE FROM cart_gift", sql)
    ] == []


async def test_store_credit_belongs_to_its_account(till: Till) -> None:
    """Given somebody else's store credit, then a guest's and another buyer's checkout do not touch it."""
    await granted(till, 5000)
    async with till.database.writing() as writer:
        other = await people.account(writer)
    for buyer in (None, other, UserId(new_id())):
        outcome = await till.try_to_place(await till.cart(), customer_id=buyer, store_credit=True, expected_due=usd(0))
        assert outcome.refusal is not None
        assert outcome.refusal.code == "price_changed"
    assert await balances(till) == [5000]


async def test_a_card_and_a_coupon_in_many_orders_that_come_and_go(till: Till) -> None:
    """Given twelve carts with one card and one coupon, when half are cancelled while the others are placed, then all
    get through: whoever holds both locks took them in one order."""
    card, tabs = await shared(till, 12 * 1600, 12)
    async with till.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE stock_levels SET on_hand = 100")
        await coupon(writer, "TEN")
    for cart in tabs:
        await on_cart(till.database, cart, "TEN")
    price, free = 900 + 500 + 90, {"expected_due": usd(0)}
    placed = [await till.placed(cart, price, **free) for cart in tabs[:6]]

    async def cancel(cart: CartId, order: OrderPlaced) -> None:
        await till.orders.cancel_order(
            CancelOrder(order.order_id, order.payment_id, cart, 1, "changed_mind", "buyer", order.credit, order.coupons)
        )

    await asyncio.gather(
        *(cancel(*each) for each in zip(tabs, placed, strict=False)),
        *(till.placed(cart, price, **free) for cart in tabs[6:]),
    )

    assert await purse.balance(till.database, card.id) == 12 * 1600 - 6 * price
    assert await redeemed(till.database, "TEN") == 6
