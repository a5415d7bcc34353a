"""Paying on Stripe's own page, over HTTP: paid, declined, left, told twice or never, and called off while paying."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from dev.stripe.remote import SimulatorControl
from tests.books import Books
from tests.premises import House, Shopper

BACK = "https://shop.example.com/thanks"
HOSTED = {"provider": "stripe", "hosted": True, "return_url": BACK}
PRICE = 1000 + 500 + 100


class Guest:
    """A buyer who pays on Stripe's page."""

    def __init__(self, house: House, shopper: Shopper, stripe: SimulatorControl, books: Books) -> None:
        self.house = house
        self.shopper = shopper
        self.stripe = stripe
        self.books = books

    async def placed(self) -> tuple[dict[str, Any], str]:
        """An order of one mug that waits, and the address of its page."""
        await self.shopper.put(await self.house.stock(5))
        form = self.shopper.order_form(await self.shopper.quote(), payment=HOSTED)
        answer = await self.shopper.check_out(form)
        assert answer.status_code == 201, answer.text
        found = answer.json()
        assert (found["payment"]["status"], found["payment"]["client_secret"]) == ("method_required", None)
        return found["order"], found["payment"]["redirect_url"]

    async def on_the_page(self, url: str, method: str = "pm_card_visa") -> httpx.Response:
        """What the buyer's browser does there."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as browser:
            assert "16.00" in (await browser.get(url)).text
            return await browser.post(url, data={"payment_method": method, "email": "ada@example.com"})

    async def moved(self, placed: dict[str, Any]) -> list[tuple[str, int, int]]:
        """(status, captured, held) of every intent of an order."""
        found = await self.stripe.ledger(order=placed["number"])
        return [(each["status"], each["captured"], each["held"]) for each in found]

    async def pays_again(self, placed: dict[str, Any], payment: dict[str, Any]) -> httpx.Response:
        """`POST /orders/{number}/pay`."""
        headers = {"Order-Token": placed["order_token"]}
        return await self.shopper.http.post(
            f"/orders/{placed['number']}/pay", json={"payment": payment}, headers=headers
        )


@pytest.fixture
async def guest(house: House, shopper: Shopper, books: Books) -> AsyncIterator[Guest]:
    """The provider on a good day, afterwards too."""
    async with house.stripe() as control:
        yield Guest(house, shopper, control, books)
        await control.webhooks(lose=0.0, double=0.0)


async def test_paid_on_the_page(guest: Guest) -> None:
    """The answer is the page's address; paid there, the order is confirmed, and the browser goes back to the shop."""
    placed, url = await guest.placed()
    waiting = await guest.shopper.order(placed)
    assert (waiting["status"], waiting["payment"]["redirect_url"], waiting["can"]) == (
        "pending",
        url,
        ["cancel", "pay"],
    )

    paid = await guest.on_the_page(url)

    assert (paid.status_code, paid.headers["location"]) == (303, BACK)
    done = await guest.shopper.order_when(placed, "confirmed")
    assert (done["payment_status"], done["payment"]) == ("paid", None)
    assert await guest.moved(placed) == [("succeeded", PRICE, 0)]
    assert await guest.shopper.events(placed) == [
        "order_placed", "payment_method_required", "payment_authorized", "payment_captured", "order_confirmed",
    ]  # fmt: skip


async def test_declined_and_then_authenticated_on_the_same_page(guest: Guest) -> None:
    """A declined card: the order says so, and its page is still there; 3-D Secure on it pays."""
    placed, url = await guest.placed()
    await guest.on_the_page(url, "pm_card_chargeDeclined")
    with anyio.fail_after(60):
        while (seen := await guest.shopper.order(placed))["payment_status"] != "failed":
            await anyio.sleep(0.05)
    assert (seen["payment"]["redirect_url"], seen["payment"]["code"]) == (url, "generic_decline")
    bank = await guest.on_the_page(url, "pm_card_authenticationRequired")
    async with httpx.AsyncClient(trust_env=False, timeout=60, base_url=str(guest.stripe.http.base_url)) as browser:
        answer = await browser.post(bank.headers["location"], data={"outcome": "success"})
    assert answer.headers["location"] == BACK
    await guest.shopper.order_when(placed, "confirmed")
    assert await guest.moved(placed) == [("succeeded", PRICE, 0)]


async def test_every_webhook_comes_twice(guest: Guest) -> None:
    """Doubled: one order, one charge."""
    await guest.stripe.webhooks(double=1.0)
    placed, url = await guest.placed()
    await guest.on_the_page(url)
    await guest.shopper.order_when(placed, "confirmed")
    assert await guest.moved(placed) == [("succeeded", PRICE, 0)]


async def test_turned_to_a_card_and_back_to_a_page(guest: Guest) -> None:
    """A declined card instead of the page, then another page: the old one is closed, the order is paid once."""
    placed, url = await guest.placed()
    declined = await guest.pays_again(placed, {"payment_method": "pm_card_chargeDeclined"})
    assert (declined.status_code, declined.json()["code"]) == (402, "payment_declined")
    again = await guest.pays_again(placed, {"hosted": True})
    assert again.status_code == 200, again.text
    fresh = again.json()["payment"]["redirect_url"]
    assert fresh != url
    async with httpx.AsyncClient(trust_env=False, timeout=60) as browser:
        assert "This session is expired" in (await browser.get(url)).text
    await guest.on_the_page(fresh)
    await guest.shopper.order_when(placed, "confirmed")
    assert await guest.moved(placed) == [("canceled", 0, 0), ("succeeded", PRICE, 0)]


async def test_called_off_after_it_was_paid_and_nobody_told_us(guest: Guest) -> None:
    """The webhook is lost and the buyer cancels: what was reserved is given back, nothing is taken."""
    placed, url = await guest.placed()
    await guest.stripe.webhooks(lose=1.0)
    await guest.on_the_page(url)
    cancelled = await guest.shopper.cancel(placed)
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert await guest.moved(placed) == [("canceled", 0, 0)]


async def test_a_saved_card_needs_no_page(guest: Guest) -> None:
    """Both at once is no wish: 422 names the field, and the order waits on."""
    placed, url = await guest.placed()
    refused = await guest.pays_again(placed, {"hosted": True, "payment_method": "pm_card_visa"})
    assert (refused.status_code, [each["pointer"] for each in refused.json()["errors"]]) == (
        422, ["/payment/payment_method"],
    )  # fmt: skip
    assert (await guest.shopper.order(placed))["payment"]["redirect_url"] == url
