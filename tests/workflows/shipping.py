"""Orders whose money is taken at shipment: what the provider has, what we say, and ways that one can go, told once."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any, cast

from models.audit import Author
from models.database import fetching
from models.ids import OrderId, UserId, new_id
from models.money import Money
from models.order import OrderStatus
from models.payment import PaymentStatus
from models.shipment import ShipItem
from models.tables import cart as carts
from tests.flow import Flow, Handle
from tests.workflows.stories import TWO_MUGS, Shelf
from workflows.news import ProviderNews
from workflows.order import Order
from workflows.order_messages import CancelCheckout, CaptureOrder, DeliverOrder, OrderState, ShipOrder
from workflows.steadfast import RetryStep

FIRST = 1000 + 100 + 500
"""One of two mugs, its tax, and the shipping of both."""
SECOND = TWO_MUGS - FIRST
LIFE = timedelta(days=6)


class Reserved:
    """Two mugs, confirmed; nothing is taken yet."""

    def __init__(self, shelf: Shelf, handle: Handle) -> None:
        self.shelf = shelf
        self.flow = shelf.flow
        self.handle = handle
        self._news = 0

    @classmethod
    async def open(cls, flow: Flow, method: str = "pm_card_visa", credit: int = 0, **changes: Any) -> "Reserved":
        """Check out."""
        shelf = await Shelf.open(flow)
        async with flow.database.writing() as writer:
            await carts.add(fetching(writer), shelf.cart, shelf.sku, 1, None, "usd")
        if credit:
            paid = await shelf.credit(credit)
            due = paid["expected_due"]
            changes["expected_due"] = type(due)(TWO_MUGS - credit, due.currency)
        handle, answer = await flow.buy(shelf.cart, TWO_MUGS, method, number=shelf.number, **changes)
        if answer.payment is not None and answer.payment_status is not PaymentStatus.AUTHORIZED:
            await flow.stripe.authenticate(answer.payment.reference or "")
            await shelf.news(handle)
        await flow.until(handle, OrderStatus.CONFIRMED)
        return cls(shelf, handle)

    async def ship(self, units: int | None = None) -> OrderState:
        """A parcel with so many mugs; None: all that are left."""
        items = (ShipItem(self.shelf.sku, units),) if units else ()
        return await self.shelf.ask(self.handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z", items))

    async def capture(self, amount: int | None = None) -> OrderState:
        """Staff take so much; None: all that is left."""
        bob = Author(UserId(new_id()))
        wish = CaptureOrder(bob.actor, Money(amount, "usd") if amount else None, author=bob)
        return await self.shelf.ask(self.handle, Order.capture, wish)

    async def needs_attention(self) -> bool:
        """Whether a person is asked for."""
        return (await self.shelf.row())["attention"] is not None

    async def arrive(self) -> OrderState:
        """All of them are there."""
        await self.shelf.ask(self.handle, Order.deliver, DeliverOrder("carrier"))
        return await self.handle.result()

    async def cancel(self) -> OrderState:
        """The buyer thinks better of it."""
        wish = CancelCheckout("never mind", "changed my mind", "buyer")
        return await self.shelf.ask(self.handle, Order.cancel, wish)

    async def retry(self) -> OrderState:
        """Somebody has looked."""
        return await self.shelf.ask(self.handle, Order.retry, RetryStep("bob", "looked"))

    async def order(self) -> OrderId:
        """Its id."""
        return OrderId((await self.shelf.row())["id"])

    async def moved(self) -> list[tuple[str, int, int]]:
        """(status, captured, held) of each of its payments at the provider, the oldest first."""
        return [(each["status"], each["captured"], each["held"]) for each in await self.flow.intents(self.shelf.number)]

    async def held(self) -> int:
        """What the provider reserves for it."""
        return sum(held for _, _, held in await self.moved())

    async def payment(self) -> tuple[str, int]:
        """(status, captured) as our rows have them."""
        [row] = await self.flow.database.fetch(
            "SELECT p.status, p.captured FROM payments p JOIN orders o ON o.id = p.order_id WHERE o.number = $1",
            self.shelf.number,
        )
        return row["status"], row["captured"]

    async def booked(self) -> Mapping[str, int]:
        """What the ledger of money has of it, by account."""
        rows = await self.flow.database.fetch(
            "SELECT m.account, sum(m.amount)::int AS amount FROM money_entries m JOIN orders o ON o.id = m.order_id "
            "WHERE o.number = $1 GROUP BY 1", self.shelf.number,
        )  # fmt: skip
        return {row["account"]: row["amount"] for row in rows}

    async def lapse(self) -> None:
        """The provider lets go what it reserves, as it does after a week, and says so."""
        [reference] = [
            each["payment_intent"] for each in await self.flow.intents(self.shelf.number)
            if each["status"] == "requires_capture"
        ]  # fmt: skip
        await self.shelf.cancel_at_provider(cast(str, reference))


async def sent_and_taken(flow: Flow) -> Reserved:
    """All of it in one parcel."""
    bought = await Reserved.open(flow)
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    await bought.arrive()
    return bought


async def taken_in_two_parcels(flow: Flow) -> Reserved:
    """One mug, then the other: the rest is reserved anew in between."""
    bought = await Reserved.open(flow)
    assert (await bought.ship(1)).payment_status is PaymentStatus.AUTHORIZED
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    await bought.arrive()
    return bought


async def reserved_anew(flow: Flow) -> Reserved:
    """Nothing is sent for a week: the money is reserved anew before it lapses, then taken."""
    bought = await Reserved.open(flow)
    await flow.fast_forward(bought.handle, LIFE + timedelta(hours=1))
    await until(bought, lambda: count(bought, 2))
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    await bought.arrive()
    return bought


async def rest_declined(flow: Flow) -> Reserved:
    """The bank wants to see its buyer for the rest: staff look, and end with what could be sent."""
    bought = await Reserved.open(flow, "pm_card_authenticationRequired")
    assert (await bought.ship(1)).payment_status is PaymentStatus.AUTHORIZED
    await until(bought, bought.needs_attention)
    await bought.retry()
    await until(bought, lambda: asked(bought, 3))
    await bought.shelf.ask(bought.handle, Order.deliver, DeliverOrder("carrier"))
    return bought


async def taken_by_staff(flow: Flow) -> Reserved:
    """Staff take a part before anything is sent, and it is sent after its rest was reserved anew twice."""
    bought = await Reserved.open(flow)
    assert (await bought.capture(2000)).payment_status is PaymentStatus.AUTHORIZED
    await flow.fast_forward(bought.handle, LIFE + timedelta(hours=1))
    await until(bought, lambda: count(bought, 3))
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    await bought.arrive()
    return bought


async def let_go_early(flow: Flow) -> Reserved:
    """The provider lets go what is reserved, and tells: it is reserved anew."""
    bought = await Reserved.open(flow)
    await bought.lapse()
    await bought.handle.signal(Order.provider_news, canceled())
    await until(bought, lambda: count(bought, 2))
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    await bought.arrive()
    return bought


async def reserved_and_cancelled(flow: Flow) -> Reserved:
    """Cancelled before it is sent: nothing was taken, and what was reserved is the buyer's again."""
    bought = await Reserved.open(flow, credit=600)
    assert (await bought.cancel()).status is OrderStatus.CANCELLED
    await bought.handle.result()
    return bought


def canceled() -> ProviderNews:
    """What the provider's webhook says when it lets go what is reserved."""
    return ProviderNews("evt_lapsed", "payment_intent.canceled")


async def count(bought: Reserved, payments: int) -> bool:
    """Whether the provider knows of so many, and reserves something by the last alone."""
    seen = await bought.moved()
    return len(seen) == payments and [held > 0 for _, _, held in seen] == [*[False] * (payments - 1), True]


async def asked(bought: Reserved, least: int) -> bool:
    """Whether the provider was asked for so many payments."""
    return len(await bought.moved()) >= least


async def until(bought: Reserved, meets: Callable[[], Coroutine[Any, Any, bool]], within: float = 60) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(within):
        while not await meets():
            await asyncio.sleep(0.02)


Story = Callable[[Flow], Coroutine[Any, Any, Reserved]]
ALL: tuple[Story, ...] = (
    sent_and_taken, taken_in_two_parcels, reserved_anew, reserved_and_cancelled, rest_declined, taken_by_staff,
    let_go_early,
)  # fmt: skip
"""All of them."""
