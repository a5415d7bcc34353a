"""Placing an order: everything is frozen and held, or nothing is, and whoever asks again hears the same."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from models.ids import CartId, OrderNumber, new_id
from models.order import workflow_id
from models.tables import cart as carts
from models.tables import order as orders
from tests import shop
from tests.activities.till import MUG_TO_NEW_YORK, Till

TOUCHED = ("orders", "order_lines", "order_events", "payments", "stock", "stock_holds", "stock_movements", "outbox",
           "money_entries", "cart_items")  # fmt: skip


async def test_an_order_is_frozen_and_held(till: Till) -> None:
    """Given 2 mugs and a cup, then lines, sums, payment, hold and timeline are written, and the cart stays as it is."""
    cart = await till.cart({"MUG": 2, "CUP": 1})
    total = 3000 + 500 + 300
    number = OrderNumber("HF-ABCDE-FGHJK")

    placed = await till.placed(cart, total, number=number)

    order = await orders.find(till.database, number)
    assert order is not None
    assert (order.id, order.workflow_id, order.status, order.payment_status) == (
        placed.order_id, workflow_id(cart, 1), "pending", "pending",
    )  # fmt: skip
    assert [(line.sku, line.quantity, line.line_total.amount, line.tax.amount) for line in order.lines] == [
        ("MUG", 2, 2000, 200), ("CUP", 1, 1000, 100),
    ]  # fmt: skip
    sums = order.totals
    assert (sums.subtotal.amount, sums.shipping.amount, sums.tax.amount, sums.total.amount) == (3000, 500, 300, total)
    assert (placed.total.amount, placed.units) == (total, 3)
    assert (placed.pay_until - placed.placed_at).total_seconds() == 1800
    assert (order.placed_at, order.pay_until) == (placed.placed_at, placed.pay_until)
    assert await till.ask("SELECT id, status, amount FROM payments") == [(placed.payment_id, "pending", total)]
    assert [await shop.stock_of(till.database, each) for each in (till.mug, till.cup)] == [(10, 2), (10, 1)]
    assert await till.told() == ["order_placed"]
    assert await till.letters() == []
    found = await carts.read(till.database, cart)
    assert found is not None
    assert (found.attempt, len(found.lines)) == (1, 2)


async def test_contained_tax_and_whole_yen(till: Till) -> None:
    """Given a German in euros and a Japanese in yen, then tax is contained in the one and absent in the other."""
    berlin = {"shipping_address": shop.BERLIN, "billing_address": shop.BERLIN}
    first = await till.try_to_place(await till.cart({"MUG": 1}, "eur"), 1300, "eur", **berlin)
    assert first.placed is not None
    assert await till.ask("SELECT tax, total, tax_included, currency FROM orders") == [(208, 1300, True, "eur")]
    tokyo = msgspec.structs.replace(shop.NEW_YORK, country="JP", region=None)
    second = await till.try_to_place(await till.cart({"MUG": 3}, "jpy"), 3600, "jpy", shipping_address=tokyo)
    assert second.placed is not None
    assert (second.placed.total.amount, second.placed.total.currency) == (3600, "jpy")


async def test_asked_again_it_answers_the_same(till: Till) -> None:
    """Given an answer that was lost, when the step runs again, then it says the same and changes no row."""
    cart = await till.cart()
    number = OrderNumber("HF-ABCDE-FGHJK")
    first = await till.try_to_place(cart, number=number)
    rows = await till.rows()
    assert await till.try_to_place(cart, number=number) == first
    assert await till.rows() == rows


async def test_at_once_it_happens_once(till: Till) -> None:
    """Given five workers that run the same step at once, then there is one order and five equal answers."""
    cart = await till.cart()
    number = OrderNumber("HF-ABCDE-FGHJK")
    answers = await asyncio.gather(*(till.try_to_place(cart, number=number) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert await till.ask("SELECT count(*)::int FROM orders") == [(1,)]
    assert await shop.stock_of(till.database, till.mug) == (10, 1)


async def test_what_was_frozen_stays(till: Till) -> None:
    """Given an order, when price and name change and the product is withdrawn, then the order is as it was."""
    await till.placed(await till.cart())
    before = await till.rows("orders", "order_lines")
    async with till.database.writing() as writer:
        await shop.set_price(writer, till.mug, 9999)
        await writer.execute(sa.text("UPDATE products SET name = 'Bowl', archived_at = now()"))
    assert await till.rows("orders", "order_lines") == before


async def empty(till: Till, cart: CartId) -> None:
    """The buyer empties the cart."""
    async with till.database.writing() as writer:
        await carts.clear(writer, cart)


def sql(*statements: str) -> Callable[[Till, CartId], Awaitable[None]]:
    """Something changes in the shop."""

    async def change(till: Till, cart: CartId) -> None:
        async with till.database.writing() as writer:
            for statement in statements:
                await writer.execute(sa.text(statement))

    return change


async def nothing(till: Till, cart: CartId) -> None:
    """All is as the buyer saw it."""


SOLD_OUT = {"items": [{"sku": "MUG", "requested": 1, "available": 0}]}
GONE = {"items": [{"sku": "MUG", "requested": 0, "available": 0}]}
REFUSALS = [
    pytest.param(empty, {}, "cart_empty", {}, id="empty cart"),
    pytest.param(sql("UPDATE stock_levels SET on_hand = 0"), {}, "out_of_stock", SOLD_OUT, id="sold out"),
    pytest.param(sql("UPDATE products SET archived_at = now()"), {}, "out_of_stock", GONE, id="withdrawn"),
    pytest.param(sql("DELETE FROM prices"), {}, "out_of_stock", GONE, id="without a price"),
    pytest.param(sql("UPDATE prices SET amount = 1100"), {}, "price_changed",
                 {"total": {"amount": 1710, "currency": "usd"}, "expected_total": {"amount": 1600, "currency": "usd"}},
                 id="dearer"),
    pytest.param(nothing, {"amount": 1599}, "price_changed",
                 {"total": {"amount": 1600, "currency": "usd"}, "expected_total": {"amount": 1599, "currency": "usd"}},
                 id="one cent less"),
    pytest.param(nothing, {"currency": "eur"}, "currency_mismatch", {"currency": "usd"}, id="other currency"),
    pytest.param(sql("DELETE FROM shipping_bands"), {}, "no_shipping", {"country": "US"}, id="no shipping"),
    pytest.param(nothing, {"shipping_method": "rocket"}, "shipping_method_unknown",
                 {"shipping_methods": ["standard"]}, id="unknown method"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "changes", "code", "facts"), REFUSALS)
async def test_a_refusal_leaves_no_trace_but_its_memory(
    till: Till, before: Callable[[Till, CartId], Awaitable[None]], changes: dict[str, Any], code: str, facts: object
) -> None:
    """Given a reason to refuse, then code and facts say it, no row is written, and asked again it says the same."""
    cart = await till.cart()
    await before(till, cart)
    rows = await till.rows(*TOUCHED)
    number = OrderNumber("HF-ABCDE-FGHJK")

    outcome = await till.try_to_place(cart, number=number, **changes)

    assert outcome.placed is None
    assert outcome.refusal is not None
    assert (outcome.refusal.code, msgspec.to_builtins(outcome.refusal.facts)) == (code, facts)
    assert await till.rows(*TOUCHED) == rows
    assert await till.ask("SELECT attempt FROM carts") == [(2,)]
    assert await till.ask("SELECT attempt, outcome::jsonb -> 'refusal' ->> 'code' FROM checkouts") == [(1, code)]
    again = await till.try_to_place(cart, number=number, **changes)
    assert msgspec.to_builtins(again) == msgspec.to_builtins(outcome)
    assert await till.ask("SELECT attempt FROM carts") == [(2,)]


async def test_a_refused_cart_can_be_bought_at_once(till: Till) -> None:
    """Given a refusal for a changed price, then the next attempt, with the price that is, makes an order."""
    cart = await till.cart()
    assert (await till.try_to_place(cart, 1)).refusal is not None
    placed = await till.placed(cart, MUG_TO_NEW_YORK, attempt=2)
    assert await till.ask("SELECT id, attempt FROM orders") == [(placed.order_id, 2)]


async def test_an_attempt_that_is_over_is_not_begun_again(till: Till) -> None:
    """Given a cart that has moved on to attempt 2, when a late attempt 1 arrives, then 2 is still next."""
    cart = await till.cart()
    async with till.database.writing() as writer:
        await carts.open_next_attempt(writer, cart, 1)
    outcome = await till.try_to_place(cart)
    assert outcome.refusal is not None
    assert outcome.refusal.code == "checkout_superseded"
    assert await till.ask("SELECT attempt FROM carts") == [(2,)]
    assert await till.ask("SELECT count(*)::int FROM orders") == [(0,)]


async def test_a_cart_that_never_was_is_empty(till: Till) -> None:
    """Given an id that no cart has, then the checkout is refused like that of an empty cart."""
    outcome = await till.try_to_place(CartId(new_id()))
    assert outcome.refusal is not None
    assert outcome.refusal.code == "cart_empty"


async def test_ten_carts_for_the_last_units(till: Till) -> None:
    """Given 10 mugs and 8 buyers of two at once, then five orders hold all ten, three are told that there are none."""
    wanted = [await till.cart({"MUG": 2}) for _ in range(8)]
    outcomes = await asyncio.gather(*(till.try_to_place(cart, 2000 + 500 + 200) for cart in wanted))
    assert sorted("placed" if each.placed else str(each.refusal and each.refusal.code) for each in outcomes) == (
        ["out_of_stock"] * 3 + ["placed"] * 5
    )
    assert await shop.stock_of(till.database, till.mug) == (10, 10)
    assert await till.ask("SELECT count(*)::int FROM orders") == [(5,)]
