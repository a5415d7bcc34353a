"""Sold before they are here: as many as the shop says, held as soon as they come in, the oldest first, whoever brings
them."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
from temporalio.testing import ActivityEnvironment

from activities.cancellations import CancellationActivities, CancelPaidOrder
from activities.checkout import OrderPlaced
from activities.orders import CancelOrder, ConfirmOrder, SecureOrder
from activities.shipments import SendParcel
from models.errors import Refusal
from models.ids import CartId, OrderId, new_id
from models.inventory import MAIN
from models.order import FulfilmentStatus, OrderStatus
from models.payment import ProviderPayment, Standing
from models.shipment import ShipItem
from models.tables import backorder as backorders
from models.tables import inventory, outbox
from tests.activities.till import Till
from tests.shop import NEW_YORK

DAYS = 14
_ROWS = "SELECT quantity, filled, given_up FROM backorders ORDER BY created_at, order_id"
_HOLDS = "SELECT open, shipped, released FROM stock_holds WHERE order_id = $1"


@pytest.fixture
async def shop(till: Till) -> Till:
    """Ten mugs, and five more that may be waited for."""
    async with till.database.writing() as writer:
        await backorders.allow(writer, till.mug, 5, DAYS)
    return till


def costs(units: int) -> int:
    """So many mugs, their shipping and tax."""
    return units * 1000 + 500 + units * 100


class Bought:
    """An order of mugs, and what can befall it."""

    def __init__(self, till: Till, cart: CartId, placed: OrderPlaced) -> None:
        self.till, self.cart, self.placed, self.id = till, cart, placed, placed.order_id

    @classmethod
    async def of(cls, till: Till, units: int) -> "Bought":
        cart = await till.cart({"MUG": units})
        return cls(till, cart, await till.placed(cart, costs(units)))

    @property
    def waits(self) -> bool:
        return self.placed.promised_at is not None

    async def pay(self) -> None:
        seen = ProviderPayment(Standing.AUTHORIZED, f"pi_{self.id}")
        secure = SecureOrder(self.id, self.placed.payment_id, self.cart, 1, seen)
        await self.till.twice(self.till.orders.secure_order, secure)
        confirm = ConfirmOrder(self.id, self.placed.payment_id, "stripe", self.placed.total, waits=self.waits)
        await self.till.twice(self.till.orders.confirm_order, confirm)

    async def cancel(self) -> None:
        request = CancelOrder(
            self.id, self.placed.payment_id, self.cart, 1, "payment_window_closed", "order", waits=self.waits
        )
        await ActivityEnvironment().run(self.till.orders.cancel_order, request)

    async def ship(self, n: int, *items: ShipItem) -> tuple[OrderStatus, FulfilmentStatus]:
        request = SendParcel(self.id, n, "UPS", f"{n}Z", "staff", items)
        after = await ActivityEnvironment().run(self.till.shipments.send_parcel, request)
        return after.status, after.fulfilment

    async def holds(self) -> list[tuple[Any, ...]]:
        return await self.till.ask(_HOLDS, self.id)


async def receive(till: Till, units: int) -> None:
    """Mugs come in."""
    async with till.database.writing() as writer:
        await inventory.receive(writer, till.mug, units, "staff", "delivery")


async def stock(till: Till) -> tuple[Any, ...]:
    """(on hand, held, waited for, sellable) of mugs."""
    [row] = await till.ask(
        "SELECT on_hand, held, backordered, sellable FROM stock WHERE variant_id = $1", till.mug
    )  # fmt: skip
    return row


async def agree(till: Till) -> None:
    """All numbers are what their rows add up to."""
    async with till.database.reading() as reader:
        assert await inventory.drift(reader) == []


async def test_units_that_are_not_here_are_promised(shop: Till) -> None:
    """Given ten here and five to be waited for, when twelve are bought, then ten are held and two are promised."""
    order = await Bought.of(shop, 12)

    assert order.placed.promised_at is not None
    assert (
        timedelta(0) <= order.placed.promised_at - order.placed.placed_at - timedelta(days=DAYS) < timedelta(minutes=5)
    )
    assert await shop.ask(_ROWS) == [(2, 0, 0)]
    assert await order.holds() == [(10, 0, 0)]
    assert await stock(shop) == (10, 10, 2, 3)
    assert await shop.told() == ["order_placed", "goods_awaited"]
    await agree(shop)


async def test_nothing_that_is_here_waits(shop: Till) -> None:
    """Given that enough is here, then nothing is promised, and nothing is written of it."""
    order = await Bought.of(shop, 10)
    assert (order.placed.promised_at, await shop.ask(_ROWS)) == (None, [])
    assert await shop.told() == ["order_placed"]
    assert await stock(shop) == (10, 10, 0, 5)


async def test_no_more_than_may_be_waited_for_is_sold(shop: Till) -> None:
    """Given that three more may be waited for, when four are wanted, then it is refused, and nothing moved."""
    await Bought.of(shop, 12)
    before = await stock(shop)
    outcome = await shop.try_to_place(await shop.cart({"MUG": 4}), costs(4))
    assert outcome.refusal is not None
    assert outcome.refusal.code == "out_of_stock"
    assert outcome.refusal.facts["items"] == [{"sku": "MUG", "requested": 4, "available": 3}]
    assert await stock(shop) == before
    last = await Bought.of(shop, 3)
    assert last.waits and await stock(shop) == (10, 10, 5, 0)
    outcome = await shop.try_to_place(await shop.cart({"CUP": 11}), costs(11))
    assert outcome.refusal is not None
    assert outcome.refusal.facts["items"] == [{"sku": "CUP", "requested": 11, "available": 10}]
    await agree(shop)


async def test_who_does_not_ask_for_more_gets_none(shop: Till) -> None:
    """Given a caller that has to have what is here, then units that are not are refused as ever."""
    until = (await Bought.of(shop, 10)).placed.pay_until
    with pytest.raises(Refusal, match="out_of_stock"):
        async with shop.database.writing() as writer:
            await inventory.hold(writer, OrderId(new_id()), {shop.mug: 1}, until, NEW_YORK)


async def test_what_comes_in_is_held_for_the_oldest_first(shop: Till) -> None:
    """Given two orders that wait, when some come in, then the older one has its units first; what is left is sold."""
    first, second = await Bought.of(shop, 12), await Bought.of(shop, 3)
    await first.pay()

    await receive(shop, 4)

    assert await shop.ask(_ROWS) == [(2, 2, 0), (3, 2, 0)]
    assert await first.holds() == [(12, 0, 0)]
    assert await second.holds() == [(2, 0, 0)]
    assert await stock(shop) == (14, 14, 1, 4)
    paid = await shop.ask("SELECT until IS NULL FROM stock_holds ORDER BY order_id = $1", second.id)
    assert paid == [(True,), (False,)]

    await receive(shop, 5)
    assert await shop.ask(_ROWS) == [(2, 2, 0), (3, 3, 0)]
    assert await stock(shop) == (19, 15, 0, 9)
    came = await shop.ask("SELECT facts ->> 'quantity' FROM order_events WHERE type = 'goods_came' ORDER BY id")
    assert came == [("2",), ("2",), ("1",)]
    await agree(shop)


async def test_an_order_that_ends_waits_no_more(shop: Till) -> None:
    """Given three orders, when the oldest ends, twice, then it waits for nothing, and its units are the next ones'."""
    first, second, third = await Bought.of(shop, 9), await Bought.of(shop, 4), await Bought.of(shop, 2)
    assert await stock(shop) == (10, 10, 5, 0)

    await second.cancel()
    await second.cancel()
    assert await shop.ask(_ROWS) == [(3, 0, 3), (2, 1, 0)]
    assert (await second.holds(), await third.holds()) == ([(0, 0, 1)], [(1, 0, 0)])

    await first.cancel()
    assert await shop.ask(_ROWS) == [(3, 0, 3), (2, 2, 0)]
    assert await stock(shop) == (10, 2, 0, 13)
    await agree(shop)


async def test_a_paid_order_is_cancelled_with_what_it_waits_for(shop: Till) -> None:
    """Given a paid order that waits, when it is cancelled, then it waits for nothing, and all its money goes back."""
    order = await Bought.of(shop, 13)
    await order.pay()
    request = CancelPaidOrder(order.id, "changed my mind", "buyer", waits=True)
    await shop.twice(CancellationActivities(shop.database).cancel_paid_order, request)
    assert (await shop.ask(_ROWS), await stock(shop)) == ([(3, 0, 3)], (10, 0, 0, 15))
    assert await shop.ask("SELECT amount FROM refunds") == [(costs(13),)]
    await agree(shop)


async def test_only_what_is_here_is_sent(shop: Till) -> None:
    """Given an order that waits for two, then ten are sent; no more until they come in, and staff are told why."""
    order = await Bought.of(shop, 12)
    await order.pay()
    with pytest.raises(Refusal) as all_of_it:
        await order.ship(1, ShipItem("MUG", 12))
    waiting = {"sku": "MUG", "quantity": 2, "promised_at": order.placed.promised_at}
    assert all_of_it.value.code == "on_backorder"
    [told] = all_of_it.value.facts["items"]
    assert {name: getattr(told, name) for name in waiting} == waiting

    assert await order.ship(1) == (OrderStatus.PROCESSING, FulfilmentStatus.PARTIAL)
    with pytest.raises(Refusal, match="on_backorder"):
        await order.ship(2)
    assert await stock(shop) == (0, 0, 2, 3)

    await receive(shop, 2)
    assert await order.ship(2) == (OrderStatus.SHIPPED, FulfilmentStatus.FULFILLED)
    assert await stock(shop) == (0, 0, 0, 5)
    await agree(shop)


async def test_what_is_written_off_at_once_is_held_for_nobody(shop: Till) -> None:
    """Given goods that come back of which one is broken, then the others are held for who waits, in one transaction."""
    sent = await Bought.of(shop, 10)
    await sent.pay()
    await sent.ship(1)
    await Bought.of(shop, 4)
    async with shop.database.writing() as writer:
        of_it = (sent.id, shop.mug, MAIN)
        await inventory.take_back(writer, "return/1", *of_it, 3, "staff", "came back")
        await inventory.write_off(writer, "return/1/off", *of_it, 1, "staff", "broken")
    assert await shop.ask(_ROWS) == [(4, 2, 0)]
    assert await stock(shop) == (2, 2, 2, 3)
    await agree(shop)


async def test_buyers_deliveries_parcels_and_cancellations_at_once(shop: Till) -> None:
    """Given twenty buyers for fifteen units while mugs come in, leave and are given back, then all numbers agree."""
    early = [await Bought.of(shop, units) for units in (6, 6, 1)]
    await early[0].pay()
    carts = [await shop.cart() for _ in range(20)]

    async def buy(cart: CartId) -> Bought | None:
        outcome = await shop.try_to_place(cart)
        return None if outcome.placed is None else Bought(shop, cart, outcome.placed)

    async def rest() -> tuple[OrderStatus, FulfilmentStatus]:
        *_, sent = await asyncio.gather(
            receive(shop, 3), receive(shop, 2), early[1].cancel(), early[2].cancel(), early[0].ship(1)
        )
        return sent

    bought, sent = await asyncio.gather(asyncio.gather(*(buy(cart) for cart in carts)), rest())

    assert sent == (OrderStatus.SHIPPED, FulfilmentStatus.FULFILLED)
    # Fifteen came or were here, six have left, five may be waited for; the other early orders gave theirs back.
    held = sum(each is not None for each in bought)
    [(on_hand, hold, waiting, sellable)] = [await stock(shop)]
    assert on_hand == 9
    assert hold + waiting == held
    assert sellable == 14 - held >= 0
    await agree(shop)

    await asyncio.gather(*(each.cancel() for each in bought if each), receive(shop, 4))
    assert await stock(shop) == (13, 0, 0, 18)
    await agree(shop)


async def test_who_called_it_off_is_promised_nothing(shop: Till) -> None:
    """Given an order that waited for units and is cancelled, then its letter names no day on which they are sent."""
    order = await Bought.of(shop, 12)
    await order.cancel()
    [told] = (await outbox.due(shop.database, 10)).letters
    assert told.template == "order_cancelled"
    assert [line["promised"] for line in cast(list[dict[str, object]], told.facts["lines"])] == [None]
