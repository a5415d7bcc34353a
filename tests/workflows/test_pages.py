"""An order that is paid on Stripe's own page: reserved there, looked for by ourselves, and never paid twice."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from models.checkout import PaymentChoice
from models.order import OrderStatus
from models.payment import PAGE_CLOSED, PaymentStatus, Standing
from tests import shop
from tests.flow import Handle
from tests.workflows import ledgers
from tests.workflows.stories import MUG, WINDOW, Shelf
from workflows.order import Order
from workflows.order_messages import CancelCheckout, PayOrder

PAGE = PaymentChoice(hosted=True, return_url="https://shop.test/thanks")
KEY = {"Authorization": "Bearer sk_test_holdfast"}


class Page:
    """An order whose buyer was sent to Stripe."""

    def __init__(self, shelf: Shelf, handle: Handle, reference: str, url: str) -> None:
        self.shelf = shelf
        self.handle = handle
        self.reference = reference
        self.url = url

    @classmethod
    async def open(cls, shelf: Shelf, **changes: Any) -> "Page":
        """Check out."""
        handle, answer = await shelf.buy(None, payment=PAGE, **changes)
        seen = answer.payment
        assert seen is not None and seen.reference is not None and seen.redirect_url is not None
        assert (seen.standing, seen.client_secret) == (Standing.METHOD_REQUIRED, None)
        return cls(shelf, handle, seen.reference, seen.redirect_url)

    async def pay(self, method: str = "pm_card_visa") -> None:
        """What the buyer does there."""
        await self.shelf.flow.stripe.pay(self.reference, method)

    async def status(self, reference: str | None = None) -> str:
        """Of the page, as Stripe has it."""
        http = self.shelf.flow.stripe.http
        answer = await http.get(f"/v1/checkout/sessions/{reference or self.reference}", headers=KEY)
        return str(answer.json()["status"])

    async def expire(self) -> None:
        """Somebody closes it in the provider's dashboard, or its own time is over."""
        http = self.shelf.flow.stripe.http
        (await http.post(f"/v1/checkout/sessions/{self.reference}/expire", headers=KEY)).raise_for_status()

    async def until_payment(self, status: str) -> None:
        """Wait until our row of the payment says so."""
        async with asyncio.timeout(60):
            while (await self.shelf.row())["payment_status"] != status:
                await asyncio.sleep(0.02)


async def test_paid_there(shelf: Shelf) -> None:
    """The answer is the page's address; the webhook makes the order look; the money is reserved, then taken."""
    page = await Page.open(shelf)
    assert page.url.startswith(str(shelf.flow.stripe.http.base_url))
    assert "the buyer to pay on the provider's page" in await shelf.card(page.handle)
    row = await shelf.row()
    assert (row["payment_status"], row["reference"]) == ("pending", page.reference)

    await page.pay()
    for _ in range(3):
        await shelf.news(page.handle, "one")
    seen = await shelf.flow.until(page.handle, OrderStatus.CONFIRMED)

    assert seen.payment_status is PaymentStatus.PAID
    assert await shelf.charged() == (MUG, 0)
    assert str((await shelf.row())["reference"]).startswith("pi_")
    assert await shop.money_booked(shelf.flow.database) == {"provider:stripe": MUG, "sales": -MUG}
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_lost_webhook_is_made_up_for_by_a_look_of_our_own(shelf: Shelf) -> None:
    """Nobody tells us: the first look finds the money."""
    page = await Page.open(shelf)
    await page.pay()
    await shelf.flow.fast_forward(page.handle, timedelta(seconds=61))
    await shelf.flow.until(page.handle, OrderStatus.CONFIRMED)
    assert await shelf.charged() == (MUG, 0)


async def test_declined_there_and_paid_there(shelf: Shelf) -> None:
    """A declined card leaves the page open, and the order says so; the next card on it pays."""
    page = await Page.open(shelf)
    with pytest.raises(httpx.HTTPStatusError, match="402"):
        await page.pay("pm_card_chargeDeclined")
    await shelf.news(page.handle, "declined")
    await page.until_payment("failed")
    [row] = await shelf.flow.database.fetch("SELECT redirect_url FROM payments WHERE reference = $1", page.reference)
    assert row["redirect_url"] == page.url

    await page.pay()
    await shelf.flow.fast_forward(page.handle, timedelta(minutes=3))

    await shelf.flow.until(page.handle, OrderStatus.CONFIRMED)
    assert await shelf.charged() == (MUG, 0)


async def test_nobody_pays_there(shelf: Shelf) -> None:
    """The window closes: so does the page, and nobody can pay on it any more."""
    page = await Page.open(shelf)
    await shelf.flow.fast_forward(page.handle, WINDOW)
    assert (await page.handle.result()).status is OrderStatus.CANCELLED
    assert await page.status() == "expired"
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        await page.pay()
    assert (await shelf.left(), await shelf.flow.intents(shelf.number)) == ((5, 0), [])
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_closed_page_is_no_end(shelf: Shelf) -> None:
    """The page's own time is over: the order waits for another try, and gets another page."""
    page = await Page.open(shelf)
    await page.expire()
    await shelf.news(page.handle, "expired")
    await page.until_payment("failed")
    assert (await shelf.row())["error"] == PAGE_CLOSED

    again = await shelf.ask(page.handle, Order.pay, PayOrder("again", None, hosted=True))

    assert again.payment is not None and again.payment.reference not in (None, page.reference)
    await shelf.flow.stripe.pay(again.payment.reference or "")
    await shelf.news(page.handle, "paid")
    await shelf.flow.until(page.handle, OrderStatus.CONFIRMED)
    assert await shelf.charged() == (MUG, 0)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_paid_while_it_is_called_off(shelf: Shelf) -> None:
    """Money that the buyer had reserved on the page before they cancelled is given back, none is taken."""
    page = await Page.open(shelf)
    await page.pay()
    ended = await shelf.ask(page.handle, Order.cancel, CancelCheckout("never", "found it cheaper", "buyer"))
    assert ended.status is OrderStatus.CANCELLED
    await page.handle.result()
    assert await shelf.charged() == (0, 0)
    assert await shelf.left() == (5, 0)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_paid_while_the_buyer_turns_to_a_card(shelf: Shelf) -> None:
    """They had paid on the page already: the card is not charged too."""
    page = await Page.open(shelf)
    await page.pay()
    paid = await shelf.ask(page.handle, Order.pay, PayOrder("again", "pm_card_mastercard"))
    assert paid.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(page.handle, OrderStatus.CONFIRMED)
    assert [each["captured"] for each in await shelf.flow.intents(shelf.number)] == [MUG]
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_declined_card_and_then_the_page(shelf: Shelf) -> None:
    """The intent of the declined card is given up before the page opens; the page pays."""
    handle, answer = await shelf.buy("pm_card_chargeDeclined")
    assert answer.payment_status is PaymentStatus.FAILED
    turned = await shelf.ask(handle, Order.pay, PayOrder("again", None, hosted=True))
    assert turned.payment is not None and turned.payment.redirect_url is not None
    [first] = await shelf.flow.intents(shelf.number)
    assert first["status"] == "canceled"
    await shelf.news(handle, "canceled")

    await shelf.flow.stripe.pay(turned.payment.reference or "")
    await shelf.news(handle, "paid")

    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert [each["captured"] for each in await shelf.flow.intents(shelf.number)] == [0, MUG]
    assert await ledgers.disagreements(shelf.flow) == []


@pytest.mark.parametrize("kind", ["error_before", "error_after", "answer_lost"])
async def test_a_page_that_is_not_answered_for_is_opened_patiently(shelf: Shelf, kind: str) -> None:
    """The first try fails, wherever: the buyer still gets one page, and money on it confirms the order."""
    about = {"order": str(shelf.number)}
    await shelf.flow.stripe.fault(kind, method="POST", path="/v1/checkout/sessions", metadata=about, times=1)
    page = await Page.open(shelf)
    await page.pay()
    await shelf.news(page.handle)
    await shelf.flow.until(page.handle, OrderStatus.CONFIRMED)
    assert await shelf.charged() == (MUG, 0)


@pytest.mark.parametrize("kind", ["error_before", "answer_lost"])
async def test_a_page_that_cannot_be_closed_is_closed_later(shelf: Shelf, kind: str) -> None:
    """The provider fails while the order is called off: the page is closed at the next try."""
    page = await Page.open(shelf)
    path = f"/v1/checkout/sessions/{page.reference}/expire"
    await shelf.flow.stripe.fault(kind, method="POST", path=path, times=1)
    ended = await shelf.ask(page.handle, Order.cancel, CancelCheckout("never", "changed my mind", "buyer"))
    assert ended.status is OrderStatus.CANCELLED
    assert await page.status() == "expired"
    assert await ledgers.disagreements(shelf.flow) == []
