"""Ways an order can go, each told once: the tests tell them with faults, without a cache, and to record histories.

Each takes a `Shelf` and leaves an order at rest: sold, or undone.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any, cast

from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowUpdateFailedError

from activities.edits import EDIT_WINDOW
from models.audit import Author
from models.checkout import PaymentChoice
from models.database import fetching
from models.edit import EditItem, EditWish
from models.errors import refusal_of
from models.ids import CartId, OrderId, OrderNumber, UserId, VariantId, new_id
from models.money import Money
from models.order import OrderStatus
from models.payment import CHAPA, PaymentStatus, Returned, Standing
from models.refund import RefundedItem, RefundWish
from models.shipment import ShipItem
from models.tables import cart as carts
from models.tables import payment_method as wallets
from models.tables import refund as refunds
from tests import people, purse, shop
from tests.flow import Flow, Handle
from workflows.late_payment import late_payment_id
from workflows.news import ProviderNews
from workflows.order import Order
from workflows.order_messages import (
    CancelCheckout,
    CommitEdit,
    DeliverOrder,
    ExtendWait,
    OrderState,
    PayOrder,
    ProposeEdit,
    ShipOrder,
)
from workflows.steadfast import RetryStep

MUG = 1000 + 500 + 100
"""One mug, its shipping and its tax."""
TWO_MUGS = 2000 + 500 + 200
WINDOW = timedelta(minutes=31)
"""Longer than the payment window."""


class Shelf:
    """Five mugs of one order's own, so that stories can be told side by side."""

    def __init__(self, flow: Flow, sku: str, mug: VariantId, cart: CartId) -> None:
        self.flow = flow
        self.sku = sku
        self.mug = mug
        self.cart = cart
        self.number = OrderNumber(f"HF-{new_id().hex[-10:-5].upper()}-{new_id().hex[-5:].upper()}")

    @classmethod
    async def open(cls, flow: Flow) -> "Shelf":
        """Put the mugs up, and one of them into a cart."""
        sku = f"MUG-{new_id().hex[-12:]}"
        async with flow.database.writing() as writer:
            mug = await shop.stock_product(writer, sku, 5)
        return cls(flow, sku, mug, await flow.cart({sku: 1}))

    async def credit(self, amount: int) -> dict[str, Any]:
        """A gift card in the cart; what its checkout has to say about it."""
        await purse.card_in_cart(self.flow.database, self.cart, amount)
        return {"expected_due": Money(MUG - amount, "usd")}

    async def buy(self, method: str | None = "pm_card_visa", **changes: Any) -> tuple[Handle, OrderState]:
        """Check out."""
        return await self.flow.buy(self.cart, MUG, method, **{"number": self.number, **changes})

    async def begin(self, method: str | None = "pm_card_visa", **changes: Any) -> Handle:
        """Start the order without waiting for its answer."""
        return await self.flow.begin(self.cart, MUG, method, **{"number": self.number, **changes})

    async def left(self) -> tuple[int, int]:
        """(on hand, held)."""
        return await shop.stock_of(self.flow.database, self.mug)

    async def charged(self) -> tuple[int, int]:
        """What the provider took for the order and what it still holds."""
        intents = await self.flow.intents(self.number)
        return sum(each["captured"] for each in intents), sum(each["held"] for each in intents)

    async def row(self) -> Mapping[str, Any]:
        """The order and its payment as Postgres has them."""
        [row] = await self.flow.database.fetch(
            "SELECT o.*, p.status AS payment_status, p.reference, p.error FROM orders o "
            "JOIN payments p ON p.order_id = o.id WHERE o.number = $1", self.number,
        )  # fmt: skip
        return cast(Mapping[str, Any], row)

    async def letters(self) -> list[str]:
        """Templates of the letters written about the order, oldest first."""
        rows = await self.flow.database.fetch(
            "SELECT x.payload ->> 'template' AS template FROM outbox x JOIN orders o ON o.id = x.order_id "
            "WHERE o.number = $1 ORDER BY x.id", self.number,
        )  # fmt: skip
        return [row["template"] for row in rows]

    async def card(self, handle: Handle) -> str:
        """The order's state card in the Temporal UI."""
        known: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        return known.current_details

    async def until_card(self, handle: Handle, says: str, within: float = 60) -> str:
        """Wait until the state card says this; the card."""
        async with asyncio.timeout(within):
            while says not in (card := await self.card(handle)):
                await asyncio.sleep(0.02)
        return card

    async def heard(self, handle: Handle, update: str, within: float = 60) -> None:
        """Wait until the order has accepted an update of this name."""
        async with asyncio.timeout(within):
            while not any(
                event.workflow_execution_update_accepted_event_attributes.accepted_request.input.name == update
                for event in (await handle.fetch_history()).events
            ):
                await asyncio.sleep(0.02)

    async def facts(self) -> list[str]:
        """Types of the order's timeline, oldest first."""
        rows = await self.flow.database.fetch(
            "SELECT e.type FROM order_events e JOIN orders o ON o.id = e.order_id WHERE o.number = $1 ORDER BY e.id",
            self.number,
        )
        return [row["type"] for row in rows]

    async def ask(self, handle: Handle, command: Any, request: Any, key: str | None = None) -> OrderState:
        """Send an update and wait for its answer. (The SDK's types say coroutine for one that has a description.)"""
        return cast(OrderState, await handle.execute_update(command, request, id=key))

    async def attention(self, handle: Handle, within: float = 60) -> str:
        """Wait until a person is asked for; why."""
        async with asyncio.timeout(within):
            while not (asked := cast(OrderState, await handle.query(Order.state)).attention):
                await asyncio.sleep(0.02)
        return asked

    async def cancel_at_provider(self, reference: str) -> None:
        """Somebody gives the payment up in the provider's dashboard."""
        answer = await self.flow.stripe.http.post(
            f"/v1/payment_intents/{reference}/cancel", headers={"Authorization": "Bearer sk_test_dashboard"}
        )
        answer.raise_for_status()

    async def news(self, handle: Handle, event: str = "evt_1") -> None:
        """The provider's webhook, as the API passes it on."""
        await handle.signal(Order.provider_news, ProviderNews(event, "payment_intent.amount_capturable_updated"))


async def delivered(shelf: Shelf) -> Handle:
    """A good card; the parcel is sent and arrives."""
    handle, answer = await shelf.buy()
    assert answer.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    await shelf.ask(handle, Order.deliver, DeliverOrder("carrier"))
    assert (await handle.result()).status is OrderStatus.DELIVERED
    return handle


async def sent_in_two_parcels(shelf: Shelf) -> Handle:
    """Two mugs; one is sent, then the other; they arrive one by one."""
    async with shelf.flow.database.writing() as writer:
        await carts.add(fetching(writer), shelf.cart, shelf.sku, 1, None, "usd")
    handle, _ = await shelf.flow.buy(shelf.cart, TWO_MUGS, number=shelf.number)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    one = (ShipItem(shelf.sku, 1),)
    part = await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z", one))
    assert part.status is OrderStatus.PROCESSING
    part = await shelf.ask(handle, Order.deliver, DeliverOrder("carrier", 1))
    assert part.status is OrderStatus.PROCESSING
    whole = await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "DHL", "2Z"))
    assert whole.status is OrderStatus.SHIPPED
    await shelf.ask(handle, Order.deliver, DeliverOrder("carrier"))
    assert (await handle.result()).status is OrderStatus.DELIVERED
    return handle


async def rest_called_off(shelf: Shelf) -> Handle:
    """Two mugs; one is sent, and staff say that the other never will be. Its money goes back."""
    async with shelf.flow.database.writing() as writer:
        await carts.add(fetching(writer), shelf.cart, shelf.sku, 1, None, "usd")
    handle, _ = await shelf.flow.buy(shelf.cart, TWO_MUGS, number=shelf.number)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    one = (ShipItem(shelf.sku, 1),)
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z", one))
    over = await shelf.ask(handle, Order.cancel, CancelCheckout("rest", "none are left", "staff"))
    assert over.status is OrderStatus.SHIPPED
    await shelf.ask(handle, Order.deliver, DeliverOrder("carrier"))
    assert (await handle.result()).status is OrderStatus.DELIVERED
    async with asyncio.timeout(60):
        while (await shelf.row())["payment_status"] != "partially_refunded":
            await asyncio.sleep(0.05)
    return handle


async def paid_with_another_card(shelf: Shelf) -> Handle:
    """The first card is declined, the second is good."""
    handle, answer = await shelf.buy("pm_card_chargeDeclined")
    assert answer.payment is not None and answer.payment.standing is Standing.DECLINED
    paid = await shelf.ask(handle, Order.pay, PayOrder("again", "pm_card_visa"))
    assert paid.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    return handle


async def window_closed(shelf: Shelf) -> Handle:
    """The card is declined and nobody pays."""
    handle, answer = await shelf.buy("pm_card_chargeDeclined")
    assert answer.payment_status is PaymentStatus.FAILED
    await shelf.flow.fast_forward(handle, WINDOW)
    assert (await handle.result()).status is OrderStatus.CANCELLED
    return handle


async def given_longer(shelf: Shelf) -> Handle:
    """The card is declined; the buyer calls, staff keep the mug for two hours more, and another card pays it then."""
    handle, answer = await shelf.buy("pm_card_chargeDeclined")
    assert answer.payment_status is PaymentStatus.FAILED
    await shelf.ask(handle, Order.extend_hold, longer(120))
    await shelf.flow.fast_forward(handle, WINDOW)
    paid = await shelf.ask(handle, Order.pay, PayOrder("again", "pm_card_visa"))
    assert paid.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    return handle


def longer(minutes: int, digest: str = "longer") -> ExtendWait:
    """So much more time to pay, said one of the staff."""
    bob = Author(UserId(new_id()))
    return ExtendWait(digest, bob.actor, "will call again", minutes, author=bob)


async def cancelled_by_buyer(shelf: Shelf) -> Handle:
    """The buyer is asked for a card and thinks better of it."""
    handle, answer = await shelf.buy(None)
    assert answer.payment is not None and answer.payment.standing is Standing.METHOD_REQUIRED
    ended = await shelf.ask(handle, Order.cancel, CancelCheckout("never mind", "changed my mind", "buyer"))
    assert ended.status is OrderStatus.CANCELLED
    await handle.result()
    return handle


async def cancelled_after_payment(shelf: Shelf) -> Handle:
    """Paid partly with a gift card, and cancelled before anything was sent: all of it goes back."""
    handle, _ = await shelf.buy(**await shelf.credit(600))
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    ended = await shelf.ask(handle, Order.cancel, CancelCheckout("never mind", "changed my mind", "buyer"))
    assert ended.status is OrderStatus.CANCELLED
    await handle.result()
    async with asyncio.timeout(60):
        while (await shelf.row())["payment_status"] != "refunded":
            await asyncio.sleep(0.05)
    return handle


async def confirmed_at_the_bank(shelf: Shelf) -> Handle:
    """The bank wants to see the buyer; the webhook tells that it did."""
    handle, answer = await shelf.buy("pm_card_authenticationRequired")
    assert answer.payment is not None and answer.payment.reference is not None
    assert answer.payment.standing is Standing.ACTION_REQUIRED
    await shelf.flow.stripe.authenticate(answer.payment.reference)
    await shelf.news(handle)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    return handle


async def webhook_lost(shelf: Shelf) -> Handle:
    """The buyer confirmed with the bank and nobody told us: a look of our own finds out."""
    handle, answer = await shelf.buy("pm_card_authenticationRequired")
    assert answer.payment is not None and answer.payment.reference is not None
    await shelf.flow.stripe.authenticate(answer.payment.reference)
    await shelf.flow.fast_forward(handle, timedelta(minutes=2))
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    return handle


async def paid_partly_with_credit(shelf: Shelf) -> Handle:
    """A gift card pays a part, a bank card the rest; the parcel is still to come."""
    handle, answer = await shelf.buy(**await shelf.credit(600))
    assert answer.payment_status is PaymentStatus.AUTHORIZED
    assert (answer.total, answer.credit) == (Money(MUG, "usd"), Money(600, "usd"))
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    return handle


async def covered_by_credit(shelf: Shelf) -> Handle:
    """A gift card pays for everything: the provider is never asked."""
    handle, answer = await shelf.buy(None, **await shelf.credit(MUG))
    assert answer.payment is not None
    assert answer.payment.standing is Standing.AUTHORIZED
    assert answer.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await shelf.flow.intents(shelf.number) == []
    return handle


async def credit_given_back(shelf: Shelf) -> Handle:
    """A gift card pays a part, the bank card is declined, and nobody pays: the gift card has its money again."""
    handle, answer = await shelf.buy("pm_card_chargeDeclined", **await shelf.credit(600))
    assert answer.payment_status is PaymentStatus.FAILED
    await shelf.flow.fast_forward(handle, WINDOW)
    assert (await handle.result()).status is OrderStatus.CANCELLED
    return handle


async def refused(shelf: Shelf) -> Handle:
    """The price changed since the buyer looked."""
    handle, answer = await shelf.flow.buy(shelf.cart, 7, number=shelf.number)
    assert answer.refusal is not None and answer.refusal.code == "price_changed"
    await handle.result()
    return handle


async def captured_late(shelf: Shelf) -> Handle:
    """The provider refuses the capture, a person is told, looks, and says try again."""
    about = {"order": str(shelf.number)}
    await shelf.flow.stripe.fault("error_before", status=400, path="/v1/payment_intents/*/capture", metadata=about)
    handle, _ = await shelf.buy()
    await shelf.attention(handle)
    bob = Author(UserId(new_id()))
    await shelf.ask(handle, Order.retry, RetryStep(bob.actor, "the provider says it is mended", author=bob))
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    return handle


async def card_kept(shelf: Shelf) -> Handle:
    """The buyer wants the card that pays kept."""
    async with shelf.flow.database.writing() as writer:
        buyer = await people.account(writer)
    handle, answer = await shelf.buy(payment=PaymentChoice(method="pm_card_visa", save=True), customer_id=buyer)
    assert answer.payment is not None and answer.payment.kept is not None
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    [card] = await wallets.saved(shelf.flow.database, buyer)
    assert (card.reference, card.is_default) == (answer.payment.kept.reference, True)
    return handle


async def paid_on_a_page(shelf: Shelf) -> Handle:
    """The buyer pays on a page of the provider's, which takes the money at once; the webhook tells."""
    handle, answer = await shelf.buy(None, payment=PaymentChoice(CHAPA))
    assert answer.payment is not None
    assert answer.payment.reference is not None
    assert answer.payment.redirect_url is not None
    await shelf.flow.chapa.buy(answer.payment.reference)
    await shelf.news(handle)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    return handle


async def paid_on_stripes_page(shelf: Shelf) -> Handle:
    """The buyer pays on Stripe's own page; the money is reserved, and taken as usual."""
    handle, answer = await shelf.buy(None, payment=PaymentChoice(hosted=True))
    assert answer.payment is not None
    assert answer.payment.reference is not None
    assert answer.payment.redirect_url is not None
    await shelf.flow.stripe.pay(answer.payment.reference)
    await shelf.news(handle)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    return handle


async def turned_from_page_to_card(shelf: Shelf) -> Handle:
    """The buyer leaves Stripe's page and pays with a card in the shop: the page is closed."""
    handle, answer = await shelf.buy(None, payment=PaymentChoice(hosted=True))
    assert answer.payment is not None
    paid = await shelf.ask(handle, Order.pay, PayOrder("again", "pm_card_visa"))
    assert paid.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    return handle


async def left_stripes_page(shelf: Shelf) -> Handle:
    """The buyer leaves Stripe's page for good: it is closed with the window."""
    handle, answer = await shelf.buy(None, payment=PaymentChoice(hosted=True))
    assert answer.payment is not None
    await shelf.flow.fast_forward(handle, WINDOW)
    assert (await handle.result()).status is OrderStatus.CANCELLED
    return handle


async def paid_while_cancelled(shelf: Shelf) -> Handle:
    """The buyer pays on the page while the order is being called off: the money is sent back."""
    handle, answer = await shelf.buy(None, payment=PaymentChoice(CHAPA))
    assert answer.payment is not None
    assert answer.payment.reference is not None
    await shelf.flow.chapa.buy(answer.payment.reference)
    ended = await shelf.ask(handle, Order.cancel, CancelCheckout("never mind", "changed my mind", "buyer"))
    assert ended.status is OrderStatus.CANCELLED
    await handle.result()
    late = shelf.flow.client.get_workflow_handle(late_payment_id(handle.id), result_type=Returned)
    returned = await late.result()
    assert isinstance(returned, Returned)
    assert returned.amount == Money(MUG, "usd")
    return handle


async def edited(shelf: Shelf) -> Handle:
    """Of two mugs the buyer wants one after all: what the other cost goes back; not sent yet."""
    async with shelf.flow.database.writing() as writer:
        await carts.add(fetching(writer), shelf.cart, shelf.sku, 1, None, "usd")
    handle, _ = await shelf.flow.buy(shelf.cart, TWO_MUGS, number=shelf.number)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    wish = EditWish("buyer/one", "one", "buyer", (EditItem(shelf.sku, 1),), reason="one is enough")
    await shelf.ask(handle, Order.propose_edit, ProposeEdit("one", wish))
    done = await shelf.ask(handle, Order.commit_edit, CommitEdit("yes", 1, "buyer"))
    assert done.total == Money(MUG, "usd")
    async with asyncio.timeout(60):
        while (await shelf.row())["payment_status"] != "partially_refunded":
            await asyncio.sleep(0.05)
    return handle


async def kept_card(shelf: Shelf) -> dict[str, Any]:
    """An account whose card is kept with the purchase; what its checkout has to say about it."""
    async with shelf.flow.database.writing() as writer:
        buyer = await people.account(writer)
    return {"payment": PaymentChoice(method="pm_card_visa", save=True), "customer_id": buyer}


async def edited_dearer(shelf: Shelf) -> Handle:
    """One mug becomes two, and the card that paid pays the other one too; not sent yet."""
    handle, _ = await shelf.buy(**await kept_card(shelf))
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    wish = EditWish("buyer/two", "two", "buyer", (EditItem(shelf.sku, 2),))
    await shelf.ask(handle, Order.propose_edit, ProposeEdit("two", wish))
    done = await shelf.ask(handle, Order.commit_edit, CommitEdit("yes", 1, "buyer"))
    assert done.total == Money(TWO_MUGS, "usd")
    return handle


async def edit_refused_late(shelf: Shelf) -> Handle:
    """While a dearer edit waits for a yes, staff pay its mug back: what the yes reserves is let go; then it is sent."""
    handle, _ = await shelf.buy(**await kept_card(shelf))
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    wish = EditWish("buyer/two", "two", "buyer", (EditItem(shelf.sku, 2),))
    await shelf.ask(handle, Order.propose_edit, ProposeEdit("two", wish))
    order = OrderId((await shelf.row())["id"])
    async with shelf.flow.database.writing() as writer:
        await refunds.open(writer, order, RefundWish("staff/1", "#4711", "staff", items=(RefundedItem(shelf.sku, 1),)))
    try:
        await shelf.ask(handle, Order.commit_edit, CommitEdit("yes", 1, "buyer"))
    except WorkflowUpdateFailedError as failed:
        refusal = refusal_of(failed.cause)
        assert refusal is not None and refusal.code == "refund_exceeds", failed
    else:
        raise AssertionError("money of this mug has gone back already")
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    return handle


async def edit_expired(shelf: Shelf) -> Handle:
    """The buyer asks what three mugs would cost, and says no more: what that held is for sale; then one is sent."""
    handle, _ = await shelf.buy()
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    wish = EditWish("buyer/three", "three", "buyer", (EditItem(shelf.sku, 3),))
    await shelf.ask(handle, Order.propose_edit, ProposeEdit("three", wish))
    assert await shelf.left() == (5, 3)
    await shelf.flow.fast_forward(handle, EDIT_WINDOW + timedelta(minutes=1))
    async with asyncio.timeout(60):
        while await shelf.left() != (5, 1):
            await asyncio.sleep(0.05)
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    return handle


Story = Callable[[Shelf], Coroutine[Any, Any, Handle]]
ALL: tuple[Story, ...] = (
    delivered, sent_in_two_parcels, rest_called_off, cancelled_after_payment, paid_with_another_card, window_closed,
    given_longer,
    cancelled_by_buyer, confirmed_at_the_bank, webhook_lost, captured_late, paid_partly_with_credit, covered_by_credit,
    credit_given_back, card_kept, paid_on_a_page, paid_on_stripes_page, turned_from_page_to_card, left_stripes_page,
    paid_while_cancelled, edited, edited_dearer, edit_refused_late, edit_expired, refused,
)  # fmt: skip
"""All of them."""
