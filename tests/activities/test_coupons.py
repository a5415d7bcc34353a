"""Coupons at checkout: judged anew under their locks, frozen into the order, used up and given back exactly once."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from activities.checkout import OrderPlaced
from activities.orders import CancelOrder, ConfirmOrder, SecureOrder
from models import clock
from models.ids import CartId, CouponId, OrderNumber, UserId, new_id
from models.money import Money
from models.payment import ProviderPayment, Standing
from models.tables import cart as carts
from models.tables import order as orders
from tests import people, shop
from tests.activities.till import MUG_TO_NEW_YORK, Till
from tests.coupons import change, coupon, on_cart, redeemed
from tests.purse import card_in_cart

TEN_OFF = 900 + 500 + 90
"""One mug less 10 %, shipping, 10 % tax on what is left."""
NUMBER = OrderNumber("HF-ABCDE-FGHJK")
TOUCHED = ("orders", "order_lines", "order_events", "payments", "stock", "stock_holds", "stock_movements", "outbox",
           "coupons", "coupon_redemptions", "cart_items", "cart_coupons")  # fmt: skip
USES = "SELECT status, user_id, email, amount, currency FROM coupon_redemptions ORDER BY amount"


async def offer(till: Till, code: str = "TEN", **terms: Any) -> CouponId:
    """A coupon, of 10 % unless said otherwise."""
    async with till.database.writing() as writer:
        return await coupon(writer, code, **terms)


async def cart_with(till: Till, *codes: str, units: int = 1) -> CartId:
    """A cart of mugs with coupons on it."""
    cart = await till.cart({"MUG": units})
    await on_cart(till.database, cart, *codes)
    return cart


async def code_of(till: Till, cart: CartId, amount: int = TEN_OFF, **changes: Any) -> str:
    """`placed`, or the refusal's code."""
    outcome = await till.try_to_place(cart, amount, **changes)
    return "placed" if outcome.placed else str(outcome.refusal and outcome.refusal.code)


def cancel(placed: OrderPlaced, cart: CartId) -> CancelOrder:
    """The end of an order that is not paid."""
    return CancelOrder(placed.order_id, placed.payment_id, cart, 1, "changed_mind", "buyer", coupons=placed.coupons)


async def test_the_discount_is_frozen(till: Till) -> None:
    """Given two coupons, then order, lines and uses say to the cent what each took off, under the buyer's e-mail."""
    await offer(till, stackable=True)
    await offer(till, "THREE", amounts={"usd": 300}, stackable=True)
    cart = await till.cart({"MUG": 1, "CUP": 2})
    await on_cart(till.database, cart, "three", "ten")

    placed = await till.placed(cart, 2400 + 500 + 240, number=NUMBER, email="Ada@Example.COM")

    order = await orders.find(till.database, NUMBER)
    assert order is not None
    assert (order.totals.subtotal.amount, order.totals.discount.amount, order.totals.tax.amount) == (3000, 600, 240)
    assert [(each.code, each.discount.amount) for each in order.coupons] == [("THREE", 300), ("TEN", 300)]
    assert [(line.sku, line.line_total.amount, line.discount.amount) for line in order.lines] == [
        ("MUG", 1000, 200), ("CUP", 2000, 400),
    ]  # fmt: skip
    assert placed.coupons
    assert await till.ask(USES) == [("held", None, "ada@example.com", 300, "usd")] * 2
    assert [await redeemed(till.database, code) for code in ("TEN", "THREE")] == [1, 1]
    assert await till.ask("SELECT amount FROM payments") == [(3140,)]


async def test_paid_then_kept(till: Till) -> None:
    """Given a paid order, then its coupon is off the cart, final, and not given back; twice is once."""
    await offer(till, max_redemptions=1)
    await offer(till, "OTHER", stackable=True)
    cart = await cart_with(till, "TEN")
    placed = await till.placed(cart, TEN_OFF)
    async with till.database.writing() as writer:  # while the order waits
        await writer.execute(sa.text("INSERT INTO cart_coupons SELECT :cart, id FROM coupons WHERE code = 'OTHER'"),
                             {"cart": cart})  # fmt: skip
    seen = ProviderPayment(Standing.AUTHORIZED, "pi_1")
    await till.twice(
        till.orders.secure_order,
        SecureOrder(placed.order_id, placed.payment_id, cart, 1, seen, coupons=placed.coupons),
    )
    found = await carts.read(till.database, cart)
    assert found is not None
    assert [each.code for each in found.coupons] == ["OTHER"]
    await till.twice(
        till.orders.confirm_order,
        ConfirmOrder(placed.order_id, placed.payment_id, "stripe", Money(TEN_OFF, "usd"), coupons=placed.coupons),
    )
    assert await till.ask("SELECT status FROM coupon_redemptions") == [("committed",)]
    await till.twice(till.orders.cancel_order, cancel(placed, cart))
    assert await till.ask("SELECT status FROM coupon_redemptions") == [("committed",)]
    assert await redeemed(till.database, "TEN") == 1


async def test_cancelled_then_given_back_once(till: Till) -> None:
    """Given the only use of a coupon, when its order is cancelled twice, then it can be used again, once."""
    await offer(till, max_redemptions=1, max_per_buyer=1, first_order_only=True)
    cart = await cart_with(till, "TEN")
    placed = await till.placed(cart, TEN_OFF)
    assert await redeemed(till.database, "TEN") == 1
    second = await till.cart()
    async with till.database.writing() as writer:
        await writer.execute(sa.text("INSERT INTO cart_coupons SELECT :cart, id FROM coupons"), {"cart": second})
    assert await code_of(till, second) == "coupon_used_up"

    await till.twice(till.orders.cancel_order, cancel(placed, cart))

    assert await redeemed(till.database, "TEN") == 0
    assert await till.ask("SELECT status FROM coupon_redemptions") == [("released",)]
    assert await code_of(till, second, attempt=2) == "placed"
    assert await code_of(till, cart, attempt=2) == "coupon_used_up"
    assert await redeemed(till.database, "TEN") == 1


SOON = clock.now() + timedelta(days=9)
"""Counted from when this file is read, long before its tests run."""
STATES: list[tuple[str, dict[str, Any]]] = [
    ("coupon_expired", {"ends_at": clock.now() - timedelta(hours=1)}),
    ("coupon_expired", {"archived_at": clock.now()}),
    ("coupon_not_started", {"starts_at": SOON}),
    ("coupon_used_up", {"max_redemptions": 0}),
    ("coupon_minimum_not_met", {"min_subtotals": {"usd": 1001}}),
]


@pytest.mark.parametrize(("code", "terms"), STATES)
async def test_what_stopped_counting_charges_nobody_more_than_they_saw(
    till: Till, code: str, terms: dict[str, Any]
) -> None:
    """Given a coupon that counted in the quote, then the order is refused with the reason and leaves no trace.

    Whoever was shown the full price gets the order for it, and the coupon is not used up.
    """
    await offer(till)
    cart = await cart_with(till, "TEN")
    await change(till.database, "TEN", **terms)
    rows = await till.rows(*TOUCHED)

    outcome = await till.try_to_place(cart, TEN_OFF, number=NUMBER)

    assert outcome.refusal is not None
    facts = msgspec.to_builtins(outcome.refusal.facts)
    assert (outcome.refusal.code, facts["coupon"]) == (code, "TEN")
    assert (facts["total"]["amount"], facts["expected_total"]["amount"]) == (MUG_TO_NEW_YORK, TEN_OFF)
    assert await till.rows(*TOUCHED) == rows
    again = await till.try_to_place(cart, TEN_OFF, number=NUMBER)
    assert msgspec.to_builtins(again) == msgspec.to_builtins(outcome)
    placed = await till.placed(cart, MUG_TO_NEW_YORK, attempt=2)
    assert not placed.coupons
    assert await till.ask("SELECT discount, coupons::text FROM orders") == [(0, "[]")]
    assert await till.ask("SELECT count(*)::int FROM coupon_redemptions") == [(0,)]


async def test_a_dearer_mug_is_not_the_coupon_s_fault(till: Till) -> None:
    """Given a coupon that counts and another price, then the refusal says that the price changed."""
    await offer(till)
    cart = await cart_with(till, "TEN")
    async with till.database.writing() as writer:
        await shop.set_price(writer, till.mug, 2000)
    assert await code_of(till, cart) == "price_changed"


async def test_what_was_placed_stays(till: Till) -> None:
    """Given an order, when its coupon is changed, archived or expires, then the order is as it was."""
    await offer(till)
    placed = await till.placed(await cart_with(till, "TEN"), TEN_OFF)
    before = await till.rows("orders", "order_lines", "coupon_redemptions", "payments")
    await change(till.database, "TEN", ppm=500_000, archived_at=clock.now(), ends_at=clock.now(), description="x")
    assert await till.rows("orders", "order_lines", "coupon_redemptions", "payments") == before
    await till.twice(
        till.orders.confirm_order,
        ConfirmOrder(placed.order_id, placed.payment_id, "stripe", Money(TEN_OFF, "usd"), coupons=placed.coupons),
    )
    assert await till.ask("SELECT discount FROM orders") == [(100,)]


async def test_a_guest_is_known_by_the_address(till: Till) -> None:
    """Given a guest who ordered, then the same address in other letters is no first order and no second use."""
    await offer(till, "WELCOME", first_order_only=True)
    await offer(till, "ONCE", max_per_buyer=1)
    await till.placed(await till.cart(), email="ada@example.com")
    welcome = await cart_with(till, "WELCOME")
    assert await code_of(till, welcome, email="ADA@example.com") == "coupon_first_order_only"
    assert await code_of(till, welcome, email="grace@example.com", attempt=2) == "placed"
    assert await code_of(till, await cart_with(till, "ONCE"), email="ada@example.com") == "placed"
    assert await code_of(till, await cart_with(till, "ONCE"), email="Ada@Example.com") == "coupon_used_by_you"
    assert await code_of(till, await cart_with(till, "ONCE"), email="grace@example.com") == "placed"


async def test_an_account_is_known_whatever_address_it_gives(till: Till) -> None:
    """Given an account, then its earlier orders count under another address too, and so do those as a guest."""
    await offer(till, "WELCOME", first_order_only=True)
    await offer(till, "ONCE", max_per_buyer=1)
    async with till.database.writing() as writer:
        ada = await people.account(writer, email="ada@example.com")
    assert await code_of(till, await cart_with(till, "ONCE"), email="one@example.com", customer_id=ada) == "placed"
    for code, reason in (("ONCE", "coupon_used_by_you"), ("WELCOME", "coupon_first_order_only")):
        cart = await cart_with(till, code)
        assert await code_of(till, cart, email="two@example.com", customer_id=ada) == reason
    grace = UserId(new_id())
    cart = await cart_with(till, "ONCE")
    assert await code_of(till, cart, email="ONE@example.com", customer_id=grace) == "coupon_used_by_you"


async def test_many_at_once_use_it_as_often_as_it_may_be(till: Till) -> None:
    """Given a limit of 3 and 12 buyers at once, then exactly 3 get the discount, nine the reason, and no stock more."""
    async with till.database.writing() as writer:
        await shop.stock_product(writer, "TEA", 50)
    await offer(till, max_redemptions=3)
    wanted = [await till.cart({"TEA": 1}) for _ in range(12)]
    for cart in wanted:
        await on_cart(till.database, cart, "TEN")
    codes = await asyncio.gather(
        *(code_of(till, cart, email=f"{number}@example.com") for number, cart in enumerate(wanted))
    )
    assert sorted(codes) == ["coupon_used_up"] * 9 + ["placed"] * 3
    assert await redeemed(till.database, "TEN") == 3
    assert await till.ask("SELECT count(*)::int, sum(discount)::int FROM orders") == [(3, 300)]
    assert await till.ask("SELECT sum(held)::int FROM stock") == [(3,)]


@pytest.mark.parametrize(
    ("terms", "reason"),
    [({"max_per_buyer": 1}, "coupon_used_by_you"), ({"first_order_only": True}, "coupon_first_order_only")],
)
async def test_ten_tabs_of_one_buyer(till: Till, terms: dict[str, Any], reason: str) -> None:
    """Given one buyer with ten carts who buys all of them at once, then one has the discount."""
    await offer(till, **terms)
    tabs = [await cart_with(till, "TEN") for _ in range(10)]
    codes = await asyncio.gather(*(code_of(till, cart) for cart in tabs))
    assert sorted(codes) == sorted(["placed", *[reason] * 9])
    assert await redeemed(till.database, "TEN") == 1
    assert await till.ask("SELECT count(*)::int FROM coupon_redemptions") == [(1,)]


async def test_two_first_orders_with_two_coupons(till: Till) -> None:
    """Given two coupons for first orders, when one buyer uses both at once, then one order is the first."""
    for number in range(4):
        await offer(till, f"WELCOME-{number}", first_order_only=True)
    tabs = [await cart_with(till, f"WELCOME-{number}") for number in range(4)]
    codes = await asyncio.gather(*(code_of(till, cart) for cart in tabs))
    assert sorted(codes) == ["coupon_first_order_only"] * 3 + ["placed"]


async def test_stacked_in_any_order_nobody_waits_for_ever(till: Till) -> None:
    """Given two coupons, typed in either order by buyers who pay at once, then all are served."""
    await offer(till, stackable=True)
    await offer(till, "ONE", amounts={"usd": 100}, stackable=True)
    wanted = [await cart_with(till, *(("TEN", "ONE") if number % 2 else ("ONE", "TEN"))) for number in range(8)]
    codes = await asyncio.gather(*(code_of(till, cart, 800 + 500 + 80) for cart in wanted))
    assert codes == ["placed"] * 8
    assert [await redeemed(till.database, code) for code in ("TEN", "ONE")] == [8, 8]


async def test_an_order_without_coupons_asks_nothing_about_them(till: Till) -> None:
    """Given no coupon on the cart, then placing, paying and cancelling run no statement for coupons but the cart's."""
    said: list[str] = []
    engine = till.database.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    cart = await till.cart()
    placed = await till.placed(cart)
    await till.orders.secure_order(
        SecureOrder(placed.order_id, placed.payment_id, cart, 1, ProviderPayment(Standing.AUTHORIZED, "pi_1"))
    )
    await till.orders.confirm_order(
        ConfirmOrder(placed.order_id, placed.payment_id, "stripe", Money(MUG_TO_NEW_YORK, "usd"))
    )
    other = await till.cart()
    await till.orders.cancel_order(cancel(await till.placed(other), other))
    about = [
        sql for sql in said if "coupon" in sql and "coupons_of_cart" not in sql and "INSERT INTO orders" not in sql
    ]
    assert len(said) > 20
    assert about == []


async def test_a_discount_comes_before_a_gift_card(till: Till) -> None:
    """Given 10 % off and a card worth 5.00, then the card pays of what is left, and both are given back at once."""
    await offer(till)
    cart = await cart_with(till, "TEN")
    card = await card_in_cart(till.database, cart, 500)
    placed = await till.placed(cart, TEN_OFF, expected_due=Money(TEN_OFF - 500, "usd"))
    assert (placed.total.amount, placed.due.amount, placed.coupons) == (TEN_OFF, TEN_OFF - 500, True)
    await till.twice(till.orders.cancel_order, msgspec.structs.replace(cancel(placed, cart), credit=placed.credit))
    assert await till.ask("SELECT balance::int FROM credit_accounts WHERE id = $1", card.id) == [(500,)]
    assert await redeemed(till.database, "TEN") == 0


async def test_everything_off_and_nothing_to_carry(till: Till) -> None:
    """Given goods that a coupon makes free, and free shipping, then the order is placed and no provider is asked."""
    await offer(till, ppm=1_000_000)
    cart = await cart_with(till, "TEN")
    async with till.database.writing() as writer:
        await writer.execute(sa.text("UPDATE shipping_bands SET price = 0"))
    placed = await till.placed(cart, 0)
    assert placed.due.amount == 0
    assert await till.ask("SELECT discount, tax, total FROM orders") == [(1000, 0, 0)]
    assert await till.ask("SELECT amount, provider FROM payments") == [(0, "credit")]
