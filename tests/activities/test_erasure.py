"""Forgetting as activities: everything of a person goes, nothing of the books, and nothing of anybody else."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from temporalio.testing import ActivityEnvironment

from activities.checkout import OrderPlaced
from activities.edits import EditActivities, EndEdit, OpenEdit
from activities.erasure import BlankEvents, CloseAccount, ErasureActivities, ForgetAccount, LookForBusiness
from activities.orders import CancelOrder, ConfirmOrder, SecureOrder
from activities.outbox import OutboxActivities, Settled, SettleLetters
from activities.shipments import NoteArrival, SendParcel
from models import clock, tokens
from models.dispute import DisputeStatus, ProviderDispute
from models.dispute import workflow_id as dispute_workflow_id
from models.edit import EditStatus, EditWish
from models.erasure import Business
from models.ids import CartId, OrderNumber, UserId, new_id
from models.money import Money
from models.order import workflow_id
from models.payment import ProviderPayment, Standing
from models.roles import Role
from models.tables import dispute as disputes
from models.tables import outbox as letters
from models.tables.cart import carts
from models.tables.catalog import products
from models.tables.study import purchases
from models.tables.user import users as accounts
from models.tables.view import product_views
from tests import people, traces
from tests.activities.till import Rows, Till
from tests.traces import ZERUBBABEL, Person

KEY = b"k" * 32
NEIGHBOUR = Person("Methuselah", "Featherstone", "mf9@elsewhere.example", "9 Other Road", "+1 555 999", "cus_9")
BOOKS = ("money_entries", "stock_movements", "order_events", "credit_entries", "audit_log", "stock", "stock_holds",
         "credit_accounts", "credit_holds", "order_lines", "coupons")  # fmt: skip
"""What no erasure may touch."""
SUMS = "SELECT number, status, currency, subtotal, discount, shipping, tax, total, credit, placed_at FROM orders"


@pytest.fixture
def erasure(till: Till) -> ErasureActivities:
    """The activities."""
    return ErasureActivities(till.database, KEY)


async def cart_of(till: Till, user: UserId) -> CartId:
    """The account's own cart, with a mug in it."""
    cart = CartId(user)
    if not await till.ask("SELECT 1 FROM carts WHERE id = $1", cart):
        async with till.database.writing() as writer:
            await writer.execute(sa.insert(carts).values(id=cart, currency="usd", user_id=user))
    await till.put(cart, "MUG", 1)
    return cart


async def order(till: Till, user: UserId, person: Person, number: str, attempt: int = 1) -> OrderPlaced:
    """An order of theirs, with what follows from one: an event of the provider's, a coupon."""
    cart = await cart_of(till, user)
    place = await till.placed(
        cart, number=OrderNumber(number), attempt=attempt, customer_id=user, email=person.email,
        shipping_address=person.address, billing_address=person.address, digest=f"of {person.street}", key=person.first,
    )  # fmt: skip
    async with till.database.writing() as writer:
        await traces.event(writer, workflow_id(cart, attempt), person=person)
        await traces.redeem(writer, user, place.order_id, person)
    return place


async def edit(till: Till, place: OrderPlaced, person: Person) -> None:
    """They asked to have it sent elsewhere, and then did not want that: in their words."""
    steps, run = EditActivities(till.database), ActivityEnvironment().run
    words = f"{person.first} {person.last} moved to {person.street}"
    to = msgspec.structs.replace(person.address, line2="Attic")
    wish = EditWish(f"guest/{person.first}", f"of {person.street}", "buyer", (), to, words)
    made = await run(steps.open_edit, OpenEdit(place.order_id, wish, clock.now()))
    await run(steps.end_edit, EndEdit(place.order_id, made.n, EditStatus.DROPPED, "buyer"))


async def deliver(till: Till, user: UserId, place: OrderPlaced, person: Person | None = None) -> None:
    """Paid and delivered, with its letters sent."""
    run, seen = ActivityEnvironment().run, ProviderPayment(Standing.CAPTURED, reference=f"pi_{place.order_id.hex}")
    await run(till.orders.secure_order, SecureOrder(place.order_id, place.payment_id, CartId(user), 1, seen))
    paid = ConfirmOrder(place.order_id, place.payment_id, "stripe", place.total)
    await run(till.orders.confirm_order, paid)
    if person is not None:
        await edit(till, place, person)
    await run(till.shipments.send_parcel, SendParcel(place.order_id, 1, "UPS", "1Z", "warehouse"))
    await run(till.shipments.note_arrival, NoteArrival(place.order_id, "carrier"))
    async with till.database.writing() as writer:
        await writer.execute(sa.update(letters.outbox).values(settled_at=clock.now()))


async def dispute(till: Till, place: OrderPlaced, person: Person) -> None:
    """They went to their bank; what the provider told of it names them."""
    reference, nothing = f"du_{place.order_id.hex}", Money.zero(place.total.currency)
    seen = ProviderDispute(
        reference, f"pi_{place.order_id.hex}", DisputeStatus.LOST, "fraudulent", place.total, place.total, nothing,
        nothing, nothing,
    )  # fmt: skip
    async with till.database.writing() as writer:
        assert await disputes.record(writer, "stripe", seen) is not None
        await traces.event(writer, dispute_workflow_id("stripe", reference), person=person)


async def settle_letters(till: Till) -> None:
    """All letters leave."""
    waiting = await till.ask("SELECT id FROM outbox WHERE settled_at IS NULL")
    async with till.database.writing() as writer:
        for (letter,) in waiting:
            await letters.settle(writer, letter, None)


async def somebody(till: Till, person: Person, number: str) -> UserId:
    """With traces everywhere, an order delivered, another cancelled with their own words, and a cart."""
    async with till.database.writing() as writer:
        user = await traces.account(writer, person)
        await traces.leave(writer, user, person)
        await traces.event(writer, None, person.customer, person)
        await traces.event(writer, f"payment-method/{user}/a key", person=person)
    first = await order(till, user, person, f"{number}-1")
    await deliver(till, user, first, person)
    await dispute(till, first, person)
    second = await order(till, user, person, f"{number}-2", 2)
    words = f"{person.first} {person.last} of {person.street} changed his mind"
    ended = CancelOrder(second.order_id, second.payment_id, CartId(user), 2, words, "buyer")
    await ActivityEnvironment().run(till.orders.cancel_order, ended)
    await cart_of(till, user)
    return user


async def books(till: Till) -> tuple[Rows, Sequence[Any]]:
    """Everything that an erasure leaves alone."""
    return await till.rows(*BOOKS), await till.ask(f"{SUMS} ORDER BY number")


async def test_a_closed_account_opens_to_nobody_and_its_address_is_free(till: Till, erasure: ErasureActivities) -> None:
    """Given an account, when it is closed, again too, then nothing in it names them, and one farewell is on its way."""
    user = await somebody(till, ZERUBBABEL, "HF")
    await till.twice(erasure.close_account, CloseAccount(user))
    [row] = await till.ask(
        "SELECT email, password_hash, first_name, last_name, phone, roles, marketing_consent, archived_at IS NOT NULL, "
        "erasure_asked_at IS NOT NULL, erased_at FROM users WHERE id = $1", user,
    )  # fmt: skip
    assert row == (f"erased-{user}@invalid", None, None, None, None, ["customer"], False, True, True, None)
    assert await till.ask("SELECT DISTINCT revoked_for FROM sessions WHERE user_id = $1", user) == [("erased",)]
    assert await till.ask("SELECT payload::text FROM outbox WHERE cause LIKE 'farewell/%'") == [
        (f'{{"to": "{ZERUBBABEL.email}", "locale": "de-AT", "template": "farewell"}}',)
    ]
    async with till.database.writing() as writer:
        await people.account(writer, email=ZERUBBABEL.email)


async def test_the_farewell_goes_to_the_address_that_was_and_then_forgets_it(
    till: Till, erasure: ErasureActivities
) -> None:
    """Given a closed account with other letters on their way, then only the farewell leaves, its address with it."""
    async with till.database.writing() as writer:
        user = await traces.account(writer)
        await letters.write_account_letter(writer, "welcome", user, "welcome/1")
    await ActivityEnvironment().run(erasure.close_account, CloseAccount(user))
    due = await letters.due(till.database, 10)
    assert [(letter.template, letter.to, letter.facts, letter.locale) for letter in due.letters] == [
        ("farewell", ZERUBBABEL.email, {}, "de-AT")
    ]
    assert [reason for _, reason in due.pointless] == ["the account is gone"]
    done = SettleLetters((Settled(due.letters[0].id, None, True),))
    await ActivityEnvironment().run(OutboxActivities(till.database).settle_letters, done)
    assert await traces.found(till.database) == {}
    assert await till.ask("SELECT payload ? 'locale' FROM outbox WHERE cause LIKE 'farewell/%'") == [(False,)]


async def test_no_trace_is_left(till: Till, erasure: ErasureActivities) -> None:
    """Given somebody with something in every table, when they are forgotten, again too, then no row names them.

    The books are as they were to the letter, orders keep their sums and country, and of a neighbour nothing is gone.
    """
    user = await somebody(till, ZERUBBABEL, "HF")
    neighbour = await somebody(till, NEIGHBOUR, "HN")
    theirs = await traces.found(till.database, NEIGHBOUR)
    before = await books(till)
    seen = await traces.found(till.database)
    assert set(seen) == {
        "users", "addresses", "notifications", "sessions", "password_resets", "idempotent_requests", "outbox",
        "webhook_events", "checkouts", "orders", "order_edits", "coupon_redemptions", "reviews",
    }  # fmt: skip
    assert len(seen["webhook_events"]) == 5

    await ActivityEnvironment().run(erasure.close_account, CloseAccount(user))
    await settle_letters(till)
    await till.twice(erasure.forget_account, ForgetAccount(user, ZERUBBABEL.customer))

    assert await traces.found(till.database) == {}
    assert await books(till) == before
    assert await traces.found(till.database, NEIGHBOUR) == theirs
    left = {name: [row for row in rows if str(user) in row] for name, rows in (await till.rows()).items()}
    assert {name for name, rows in left.items() if rows} == {
        "users", "orders", "checkouts", "coupon_redemptions", "credit_accounts", "webhook_events",
    }  # fmt: skip
    kept = {"full_name": "erased", "line1": "erased", "city": "erased", "postal_code": "erased", "country": "US",
            "region": "NY"}  # fmt: skip
    rows = await till.database.fetch(
        "SELECT email, shipping_address, billing_address, cancel_reason FROM orders WHERE customer_id = $1 "
        "ORDER BY number",
        user,
    )
    for row in rows:
        assert row["email"] == f"erased-{user}@invalid"
        assert [msgspec.json.decode(row[name]) for name in ("shipping_address", "billing_address")] == [kept, kept]
    assert [row["cancel_reason"] for row in rows] == [None, "erased"]
    assert await till.ask("SELECT count(*) FROM carts WHERE user_id = $1", neighbour) == [(1,)]
    # Two strangers gave 4 stars each, the neighbour 1; of the two votes one is left.
    assert await till.ask("SELECT ratings, stars FROM products WHERE ratings > 0") == [(3, 9)]
    assert await till.ask("SELECT sum(helpful), count(*) FROM reviews") == [(1, 3)]


async def test_an_account_has_business_until_orders_and_letters_are_over(
    till: Till, erasure: ErasureActivities
) -> None:
    """Given an open order, then it and its letters are told; nothing once both are over, and no old letter."""
    async with till.database.writing() as writer:
        user = await traces.account(writer)

    async def look() -> Business:
        found: Business = await ActivityEnvironment().run(erasure.look_for_business, LookForBusiness(user))
        return found

    assert await look() == Business((), 0, "cus_7431")
    assert (await look()).is_over
    place = await order(till, user, ZERUBBABEL, "HF-1")
    assert await look() == Business((OrderNumber("HF-1"),), 0, "cus_7431")
    seen = ProviderPayment(Standing.CAPTURED, reference=f"pi_{place.order_id.hex}")
    await ActivityEnvironment().run(
        till.orders.secure_order, SecureOrder(place.order_id, place.payment_id, CartId(user), 1, seen)
    )
    await ActivityEnvironment().run(
        till.orders.confirm_order, ConfirmOrder(place.order_id, place.payment_id, "stripe", place.total)
    )
    assert await look() == Business((OrderNumber("HF-1"),), 1, "cus_7431")
    await deliver(till, user, place)
    assert await look() == Business((), 0, "cus_7431")
    await ActivityEnvironment().run(erasure.close_account, CloseAccount(user))
    assert (await look()).letters == 1
    await till.ask("UPDATE outbox SET created_at = now() - interval '8 days'")
    assert (await look()).is_over


async def test_events_that_come_late_are_blanked(till: Till, erasure: ErasureActivities) -> None:
    """Given somebody forgotten, when the provider tells of them once more, then that is forgotten too."""
    user = await somebody(till, ZERUBBABEL, "HF")
    await ActivityEnvironment().run(erasure.close_account, CloseAccount(user))
    await settle_letters(till)
    await ActivityEnvironment().run(erasure.forget_account, ForgetAccount(user, ZERUBBABEL.customer))
    async with till.database.writing() as writer:
        await traces.event(writer, None, ZERUBBABEL.customer)
        await traces.event(writer, workflow_id(CartId(user), 1))
        await traces.event(writer, None, "cus_9", NEIGHBOUR)
    assert list(await traces.found(till.database)) == ["webhook_events"]
    await till.twice(erasure.blank_events, BlankEvents(user, ZERUBBABEL.customer))
    assert await traces.found(till.database) == {}
    assert len((await traces.found(till.database, NEIGHBOUR))["webhook_events"]) == 1


async def test_tastes_are_forgotten(till: Till, erasure: ErasureActivities) -> None:
    """Given two people's looks and purchases, when one is forgotten, then theirs lead to nobody; the other's stay."""
    now = clock.now()
    async with till.database.writing() as writer:
        users = [await people.account(writer) for _ in range(2)]
        product = (await writer.execute(sa.select(products.c.id).limit(1))).scalar_one()
    for user in users:
        place = await order(till, user, NEIGHBOUR, f"H-{user.hex[-6:]}")
        async with till.database.writing() as writer:
            await writer.execute(
                sa.insert(purchases).values(
                    order_id=place.order_id, product_id=product, buyer=user, units=1, bought_at=now
                )
            )
            for visitor in tokens.visitors(KEY, user, now.date()):
                await writer.execute(sa.insert(product_views).values(visitor=visitor, product_id=product))
    await till.twice(erasure.forget_account, ForgetAccount(users[0], None))
    kept = {visitor for (visitor,) in await till.ask("SELECT visitor FROM product_views")}
    assert kept == set(tokens.visitors(KEY, users[1], now.date()))
    owners = await till.ask("SELECT buyer = order_id, buyer = $1 FROM purchases ORDER BY bought_at", users[1])
    assert sorted(owners) == [(False, True), (True, False)]


async def test_the_last_admin_is_not_closed(till: Till, erasure: ErasureActivities) -> None:
    """Given the last admin, then nothing moves; of two who leave at once, many times, one is always left."""
    async with till.database.writing() as writer:
        user = await people.account(writer, Role.ADMIN)
    before = await till.rows()
    assert await ActivityEnvironment().run(erasure.close_account, CloseAccount(user)) is False
    assert await till.rows() == before
    for _ in range(6):
        async with till.database.writing() as writer:
            await writer.execute(sa.update(accounts).values(roles=["customer"]))
            pair = [await people.account(writer, Role.ADMIN) for _ in range(2)]
        closed = await asyncio.gather(
            *(ActivityEnvironment().run(erasure.close_account, CloseAccount(one)) for one in pair)
        )
        assert sorted(closed) == [False, True]
        assert len(await till.ask("SELECT 1 FROM users WHERE 'admin' = ANY (roles) AND archived_at IS NULL")) == 1


async def test_nobody_is_harmed_by_the_erasure_of_nobody(till: Till, erasure: ErasureActivities) -> None:
    """Given an id that no account has, then each step does nothing."""
    async with till.database.writing() as writer:
        await people.account(writer)
    nobody, before = UserId(new_id()), await till.rows()
    for step, request in (
        (erasure.close_account, CloseAccount(nobody)), (erasure.forget_account, ForgetAccount(nobody, None)),
        (erasure.blank_events, BlankEvents(nobody, None)),
    ):  # fmt: skip
        await ActivityEnvironment().run(step, request)  # type: ignore[arg-type]
    assert await ActivityEnvironment().run(erasure.look_for_business, LookForBusiness(nobody)) == Business((), 0, None)
    assert await till.rows() == before
