"""What becomes of an order: each step's rows, exactly once however often it runs."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from temporalio.testing import ActivityEnvironment

from activities.orders import CancelOrder, ConfirmOrder, FlagOrder, RecordAttempt, SecureOrder
from activities.shipments import NoteArrival, SendParcel
from models.errors import Refusal
from models.ids import CartId, LocationId, OrderId, PaymentId, UserId, new_id
from models.money import Money
from models.payment import ProviderPayment, Standing
from models.payment_method import KeptCard
from models.shipment import ShipItem
from models.tables import cart as carts
from models.tables import inventory
from models.tables import payment_method as wallets
from models.tables.location import locations
from models.tables.user import users
from tests import people, shop
from tests.activities.till import Till

AUTHORIZED = ProviderPayment(Standing.AUTHORIZED, "pi_1", "pi_1_secret")
DECLINED = ProviderPayment(Standing.DECLINED, "pi_1", "pi_1_secret", code="expired_card", detail="Expired.")


class Placed:
    """An order of two mugs that waits for its payment."""

    def __init__(self, till: Till, cart: CartId, order: OrderId, payment: PaymentId) -> None:
        self.till = till
        self.cart = cart
        self.order = order
        self.payment = payment
        self.amount = Money(2700, "usd")

    async def secure(self, reference: str = "pi_1") -> Any:
        """The money is authorized."""
        seen = msgspec.structs.replace(AUTHORIZED, reference=reference)
        return await self.till.twice(
            self.till.orders.secure_order, SecureOrder(self.order, self.payment, self.cart, 1, seen)
        )

    async def confirm(self) -> Any:
        """The money is captured."""
        return await self.till.twice(
            self.till.orders.confirm_order, ConfirmOrder(self.order, self.payment, "stripe", self.amount)
        )

    async def cancel(self, reason: str = "payment_window_closed", actor: str = "order") -> Any:
        """It ends unpaid."""
        return await self.till.twice(
            self.till.orders.cancel_order, CancelOrder(self.order, self.payment, self.cart, 1, reason, actor)
        )

    async def attempt(self, number: int, seen: ProviderPayment) -> Any:
        """What came of the n-th card."""
        return await self.till.twice(
            self.till.orders.record_payment_attempt, RecordAttempt(self.order, self.payment, number, seen)
        )

    async def ship(self, n: int = 1, *items: ShipItem, carrier: str = "UPS") -> Any:
        """The n-th parcel leaves; with all that is left, if nothing is said of it."""
        request = SendParcel(self.order, n, carrier, f"1Z{n}", "warehouse", items)
        return await self.till.twice(self.till.shipments.send_parcel, request)

    async def arrive(self, n: int | None = None) -> Any:
        """A parcel arrives, or all do."""
        return await self.till.twice(self.till.shipments.note_arrival, NoteArrival(self.order, "carrier", n))

    async def statuses(self) -> tuple[Any, ...]:
        """(order, payment, fulfilment)."""
        [row] = await self.till.ask(
            "SELECT o.status, p.status, o.fulfilment_status FROM orders o JOIN payments p ON p.order_id = o.id"
        )
        return row


async def placed_by(till: Till, buyer: UserId) -> Placed:
    """Two mugs, held for an account."""
    cart = await till.cart({"MUG": 2})
    order = await till.placed(cart, 2700, customer_id=buyer)
    return Placed(till, cart, order.order_id, order.payment_id)


@pytest.fixture
async def placed(till: Till) -> AsyncIterator[Placed]:
    """Two mugs, held."""
    cart = await till.cart({"MUG": 2})
    order = await till.placed(cart, 2700)
    yield Placed(till, cart, order.order_id, order.payment_id)
    async with till.database.reading() as reader:
        assert await inventory.drift(reader) == []


async def test_secured_the_bought_goods_leave_the_cart(placed: Placed) -> None:
    """Given an authorized payment, then it is written down once, and the cart keeps what was added after checkout."""
    await placed.till.put(placed.cart, "MUG", 1)
    await placed.till.put(placed.cart, "CUP", 3)
    await placed.secure()
    assert await placed.statuses() == ("pending", "authorized", "unfulfilled")
    assert await placed.till.ask("SELECT reference, client_secret, error FROM payments") == [
        ("pi_1", "pi_1_secret", None)
    ]
    cart = await carts.read(placed.till.database, placed.cart)
    assert cart is not None
    assert (cart.attempt, {line.sku: line.quantity for line in cart.lines}) == (2, {"MUG": 1, "CUP": 3})
    assert await placed.till.told() == ["order_placed", "payment_authorized"]
    assert await shop.stock_of(placed.till.database, placed.till.mug) == (10, 2)


async def test_secured_after_a_decline_the_decline_is_forgotten(placed: Placed) -> None:
    """Given a declined card and then a good one, then the payment no longer says why the first was declined."""
    await placed.attempt(1, DECLINED)
    await placed.secure()
    assert await placed.till.ask("SELECT status, error FROM payments") == [("authorized", None)]


async def test_secured_the_card_is_kept_for_a_buyer_who_wanted_it(placed: Placed) -> None:
    """Given a payment that says which card is kept, then it is the buyer's, and so is the customer it belongs to."""
    async with placed.till.database.writing() as writer:
        buyer = await people.account(writer)
    card = KeptCard("pm_1", "cus_1", "visa", "4242", 12, 2034)
    seen = msgspec.structs.replace(AUTHORIZED, kept=card)
    secure = SecureOrder(placed.order, placed.payment, placed.cart, 1, seen, buyer)
    await placed.till.twice(placed.till.orders.secure_order, secure)
    assert await placed.statuses() == ("pending", "authorized", "unfulfilled")
    [kept] = await wallets.saved(placed.till.database, buyer)
    assert (kept.reference, kept.brand, kept.last4, kept.is_default) == ("pm_1", "visa", "4242", True)
    assert await placed.till.ask("SELECT provider_customer FROM users") == [("cus_1",)]


async def test_an_account_closed_meanwhile_keeps_no_card_and_loses_no_order(placed: Placed) -> None:
    """Given an account that is gone when the money is sure, then the order goes on, and no card is kept."""
    seen = msgspec.structs.replace(AUTHORIZED, kept=KeptCard("pm_1", "cus_1", "visa", "4242", 12, 2034))
    secure = SecureOrder(placed.order, placed.payment, placed.cart, 1, seen, UserId(new_id()))
    await placed.till.twice(placed.till.orders.secure_order, secure)
    assert await placed.statuses() == ("pending", "authorized", "unfulfilled")
    assert await placed.till.ask("SELECT count(*) FROM payment_methods") == [(0,)]


async def test_confirmed_stock_is_kept_and_money_booked_once(placed: Placed) -> None:
    """Given captured money, then stock is kept for it, and money, statuses, timeline and letter are written once."""
    await placed.secure()
    await placed.confirm()
    assert await placed.statuses() == ("confirmed", "paid", "unfulfilled")
    assert await shop.stock_of(placed.till.database, placed.till.mug) == (10, 2)
    assert await shop.money_booked(placed.till.database) == {"provider:stripe": 2700, "sales": -2700}
    assert await placed.till.ask("SELECT operation FROM money_entries") == [(f"capture/{placed.payment}",)] * 2
    assert await placed.till.told() == ["order_placed", "payment_authorized", "payment_captured", "order_confirmed"]
    assert await placed.till.letters() == ["order_confirmed"]


async def test_cancelled_everything_is_given_back_but_the_cart_is_kept(placed: Placed) -> None:
    """Given an order that ends unpaid, then stock is free, the cart full and at its next attempt, the buyer told."""
    await placed.attempt(1, DECLINED)
    await placed.cancel("changed_mind", "buyer")
    assert await placed.statuses() == ("cancelled", "voided", "unfulfilled")
    assert await placed.till.ask("SELECT cancel_reason FROM orders") == [("changed_mind",)]
    assert await placed.till.ask("SELECT client_secret FROM payments") == [(None,)]
    assert await shop.stock_of(placed.till.database, placed.till.mug) == (10, 0)
    assert await shop.money_booked(placed.till.database) == {}
    cart = await carts.read(placed.till.database, placed.cart)
    assert cart is not None
    assert (cart.attempt, [line.quantity for line in cart.lines]) == (2, [2])
    assert await placed.till.told() == ["order_placed", "payment_declined", "order_cancelled"]
    assert await placed.till.letters() == ["payment_failed", "order_cancelled"]
    again = await placed.till.placed(placed.cart, 2700, attempt=2)
    assert again.order_id != placed.order


async def test_cancelling_what_was_never_placed_only_frees_the_cart(till: Till) -> None:
    """Given an undo for an order that does not exist, then the cart moves on, and nothing else happens."""
    cart = await till.cart()
    before = await till.rows("orders", "payments", "stock", "order_events", "outbox", "stock_movements", "cart_items")
    request = CancelOrder(OrderId(new_id()), PaymentId(new_id()), cart, 1, "why", "order")
    await till.twice(till.orders.cancel_order, request)
    assert await till.rows(*before) == before
    assert await till.ask("SELECT attempt FROM carts") == [(2,)]


async def test_a_cancelled_order_is_not_confirmed_later(placed: Placed) -> None:
    """Given an order that was cancelled, when a late step confirms it, then statuses and stock stay."""
    await placed.cancel()
    await placed.confirm()
    assert await placed.statuses() == ("cancelled", "voided", "unfulfilled")
    assert await shop.stock_of(placed.till.database, placed.till.mug) == (10, 0)


async def test_a_decline_is_written_down_and_the_buyer_told_once(placed: Placed) -> None:
    """Given two declined cards, then the payment has the last reason, the timeline both, the outbox one letter."""
    await placed.attempt(1, DECLINED)
    await placed.attempt(2, ProviderPayment(Standing.DECLINED, "pi_1", "pi_1_secret", code="lost_card"))
    assert await placed.statuses() == ("pending", "failed", "unfulfilled")
    assert await placed.till.ask("SELECT reference, error FROM payments") == [("pi_1", "lost_card")]
    assert await placed.till.ask("SELECT key, facts ->> 'code' FROM order_events ORDER BY id OFFSET 1") == [
        ("attempt/1/declined", "expired_card"), ("attempt/2/declined", "lost_card"),
    ]  # fmt: skip
    assert await placed.till.letters() == ["payment_failed"]
    assert await shop.stock_of(placed.till.database, placed.till.mug) == (10, 2)


@pytest.mark.parametrize("standing", [Standing.ACTION_REQUIRED, Standing.METHOD_REQUIRED, Standing.UNKNOWN])
async def test_an_unfinished_payment_tells_nobody(placed: Placed, standing: Standing) -> None:
    """Given a payment that somebody has to finish, then its secret is kept for the buyer, and no letter is written."""
    await placed.attempt(1, DECLINED)
    await placed.attempt(2, ProviderPayment(standing, "pi_1", "new_secret"))
    assert await placed.statuses() == ("pending", "pending", "unfulfilled")
    assert await placed.till.ask("SELECT client_secret, error FROM payments") == [("new_secret", None)]
    assert await placed.till.letters() == ["payment_failed"]


async def test_parcels_leave_and_arrive(placed: Placed) -> None:
    """Given a paid order of two, when one leaves, then the other, then both arrive, then each is counted once."""
    await placed.secure()
    await placed.confirm()
    assert await shop.stock_of(placed.till.database, placed.till.mug) == (10, 2)
    await placed.ship(1, ShipItem("MUG", 1))
    assert (await placed.statuses())[::2] == ("processing", "partial")
    assert await shop.stock_of(placed.till.database, placed.till.mug) == (9, 1)
    await placed.ship(2, carrier="DHL")
    assert (await placed.statuses())[::2] == ("shipped", "fulfilled")
    assert await shop.stock_of(placed.till.database, placed.till.mug) == (8, 0)
    await placed.arrive(1)
    assert (await placed.statuses())[::2] == ("shipped", "fulfilled")
    await placed.arrive()
    assert (await placed.statuses())[::2] == ("delivered", "fulfilled")
    await placed.ship(1, ShipItem("MUG", 1))  # a step that was lost after its commit runs again
    assert await placed.till.ask(
        "SELECT type, actor, facts ->> 'shipment', facts ->> 'tracking' FROM order_events ORDER BY id OFFSET 4"
    ) == [
        ("order_shipped", "warehouse", "1", "1Z1"), ("order_shipped", "warehouse", "2", "1Z2"),
        ("parcel_delivered", "carrier", "1", None), ("parcel_delivered", "carrier", "2", None),
        ("order_delivered", "carrier", None, None),
    ]  # fmt: skip
    assert await placed.till.letters() == ["order_confirmed", "shipped", "shipped", "delivered"]
    assert await placed.till.ask("SELECT shipped, cancelled FROM order_lines") == [(2, 0)]


async def refusal(placed: Placed, n: int, *items: ShipItem, location: str | None = None) -> tuple[str | None, Any]:
    """Why a parcel cannot leave; nothing moves then."""
    before = await placed.till.rows()
    request = SendParcel(placed.order, n, "UPS", "1Z", "warehouse", items, location)
    with pytest.raises(Refusal) as refused:
        await ActivityEnvironment().run(placed.till.shipments.send_parcel, request)
    assert await placed.till.rows() == before
    return refused.value.code, refused.value.facts


async def test_a_parcel_that_cannot_leave_changes_nothing(placed: Placed) -> None:
    """Given orders that are unpaid, sent, or do not have so much, then a parcel is refused with the reason."""
    assert await refusal(placed, 1) == ("wrong_move", {"status": "pending"})
    await placed.secure()
    await placed.confirm()
    assert await refusal(placed, 1, ShipItem("CUP", 1)) == ("unknown_sku", {"skus": ["CUP"]})
    short = {"items": [{"sku": "MUG", "requested": 3, "left": 2}]}
    assert await refusal(placed, 1, ShipItem("MUG", 3)) == ("nothing_left", short)
    assert await refusal(placed, 1, location="nowhere") == ("location_unknown", {})
    await placed.ship()
    assert await refusal(placed, 2) == ("wrong_move", {"status": "shipped"})


async def test_postgres_sends_no_unit_twice(placed: Placed) -> None:
    """Given code that would count more units as sent than were bought, then Postgres refuses it."""
    for counted in ("shipped = 3", "shipped = 1, cancelled = 2", "cancelled = -1"):
        with pytest.raises(sa.exc.IntegrityError, match="no_unit_is_sent_twice"):
            async with placed.till.database.writing() as writer:
                await writer.exec_driver_sql(f"UPDATE order_lines SET {counted}")


async def test_goods_at_two_locations_are_two_parcels(till: Till) -> None:
    """Given an order that two houses have to fill, then each sends its own, and a parcel must say from where."""
    async with till.database.writing() as writer:
        second = LocationId(new_id())
        await writer.execute(sa.insert(locations).values(id=second, code="second", name="Second", priority=5))
        await inventory.receive(writer, till.mug, 3, "test", "goods", second)
    cart = await till.cart({"MUG": 12})
    place = await till.placed(cart, 12 * 1000 + 500 + 1200)
    placed = Placed(till, cart, place.order_id, place.payment_id)
    placed.amount = place.total
    await placed.secure()
    await placed.confirm()

    code, facts = await refusal(placed, 1)
    assert code == "location_needed"
    held = {each["location"]: each["quantity"] for each in facts["held"]}
    assert sum(held.values()) == 12 and set(held) == {"main", "second"}

    for n, (location, units) in enumerate(sorted(held.items()), 1):
        request = SendParcel(placed.order, n, "UPS", f"1Z{n}", "warehouse", location=location)
        await till.twice(till.shipments.send_parcel, request)
        sent = await till.ask("SELECT c.quantity FROM shipment_lines c JOIN shipments s ON s.id = c.shipment_id "
                              "WHERE s.n = $1", n)  # fmt: skip
        assert sent == [(units,)]
    assert (await placed.statuses())[::2] == ("shipped", "fulfilled")
    async with till.database.reading() as reader:
        assert await inventory.drift(reader) == []


async def told_buyer(till: Till) -> list[tuple[Any, ...]]:
    """What the account was told, oldest first."""
    return await till.ask("SELECT kind, cause, order_number, facts::text FROM notifications ORDER BY id")


async def test_a_buyer_with_an_account_is_told_once_of_what_matters(till: Till) -> None:
    """Given an order of an account, then each turn of it is one notification with its facts, also run twice."""
    async with till.database.writing() as writer:
        buyer = await people.account(writer)
    placed = await placed_by(till, buyer)
    [(number,)] = await till.ask("SELECT number FROM orders")
    await placed.attempt(1, DECLINED)
    await placed.attempt(2, ProviderPayment(Standing.DECLINED, "pi_1", "pi_1_secret", code="lost_card"))
    await placed.attempt(3, ProviderPayment(Standing.ACTION_REQUIRED, "pi_1", "pi_1_secret"))
    await placed.secure()
    await placed.confirm()
    await placed.ship()
    await placed.arrive()
    await till.twice(till.orders.flag_order, FlagOrder(placed.order, "attention/1", "nobody need know"))

    total = '"total": {"amount": 2700, "currency": "usd"}'
    assert await told_buyer(till) == [
        (kind, f"{kind}/{placed.order}", number, facts)
        for kind, facts in (
            ("payment_failed", f'{{"code": "expired_card", {total}, "detail": "Expired."}}'),
            ("order_confirmed", f"{{{total}}}"),
            (
                "order_shipped",
                f'{{"all": true, "items": [{{"sku": "MUG", "quantity": 2}}], {total}, "carrier": "UPS", '
                '"shipment": 1, "tracking": "1Z1"}',
            ),
            ("order_delivered", f"{{{total}}}"),
        )
    ]
    assert await till.ask("SELECT DISTINCT user_id, read_at FROM notifications") == [(buyer, None)]


async def test_a_cancelled_order_tells_its_buyer_why(till: Till) -> None:
    """Given an order of an account that ends unpaid, then one notification says for what reason."""
    async with till.database.writing() as writer:
        buyer = await people.account(writer)
    placed = await placed_by(till, buyer)
    await placed.cancel("payment_window_closed")
    [(kind, cause, _, facts)] = await told_buyer(till)
    assert (kind, cause) == ("order_cancelled", f"order_cancelled/{placed.order}")
    assert '"reason": "payment_window_closed"' in facts


async def test_who_has_no_account_is_told_by_letter_alone(till: Till, placed: Placed) -> None:
    """Given a guest's order, one of an erased account and one of an account that never was, then no notification is
    written, and no step fails for it."""
    async with till.database.writing() as writer:
        erased = await people.account(writer)
        await writer.execute(sa.update(users).where(users.c.id == erased).values(erased_at=sa.func.now()))
    for order in (placed, await placed_by(till, erased), await placed_by(till, UserId(new_id()))):
        await order.secure(f"pi_{order.order}")
        await order.confirm()
        await order.ship()
    assert await told_buyer(till) == []
    assert (await till.letters()).count("order_confirmed") == 3


async def test_a_flag_is_raised_and_lowered(placed: Placed) -> None:
    """Given a step that fails for long, then the order says why it needs a person, until it does not."""
    flag = placed.till.orders.flag_order
    await placed.till.twice(flag, FlagOrder(placed.order, "attention/1", "capture the payment: timeout"))
    assert await placed.till.ask("SELECT attention FROM orders") == [("capture the payment: timeout",)]
    await placed.till.twice(flag, FlagOrder(placed.order, "attention/2", None, "staff"))
    assert await placed.till.ask("SELECT attention FROM orders") == [(None,)]
    assert await placed.till.ask("SELECT type, actor FROM order_events ORDER BY id OFFSET 1") == [
        ("attention_needed", "order"), ("attention_settled", "staff"),
    ]  # fmt: skip
