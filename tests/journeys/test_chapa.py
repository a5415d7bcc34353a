"""Paying on Chapa's page, over HTTP: paid, declined, forged, tampered with, told twice or never, and paid too late."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID, uuid4

import anyio
import httpx
import pytest

from dev.chapa.remote import ChapaControl
from models import chapa as words
from models.ids import PaymentId
from tests.books import Books
from tests.premises import House, Shopper

CHAPA = {"provider": "chapa", "return_url": "https://shop.example.com/thanks"}
PRICE = 1000 + 500 + 100
NOBODYS = PaymentId(UUID(int=7))
"""A payment that there is not."""


class Guest:
    """A buyer who pays with Chapa."""

    def __init__(self, house: House, shopper: Shopper, control: ChapaControl, books: Books) -> None:
        self.house = house
        self.shopper = shopper
        self.control = control
        self.books = books

    async def buy(self, **payment: Any) -> httpx.Response:
        """One mug; the answer of its checkout."""
        await self.shopper.put(await self.house.stock(5))
        form = self.shopper.order_form(await self.shopper.quote(), payment={**CHAPA, **payment})
        return await self.shopper.check_out(form)

    async def placed(self) -> tuple[dict[str, Any], str, str]:
        """An order that waits, the address of its page, and the page's reference."""
        answer = await self.buy()
        assert answer.status_code == 201, answer.text
        found = answer.json()
        assert found["payment"]["status"] == "method_required"
        url = found["payment"]["redirect_url"]
        [line] = [each for each in await self.control.ledger() if each["checkout"] == url.rpartition("/")[2]]
        return found["order"], url, line["tx_ref"]

    async def on_the_page(self, url: str, outcome: str = "success", asks: str = "16.00 USD") -> httpx.Response:
        """What the buyer's browser does there."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as browser:
            assert asks in (await browser.get(url)).text
            return await browser.post(url, data={"outcome": outcome})

    async def moved(self, reference: str) -> list[tuple[str, str, int]]:
        """(paid, refunded, refunds) of every page of a payment."""
        found = await self.control.ledger(reference[:32])
        return [(each["paid"], each["refunded"], each["refunds"]) for each in found]

    async def booked(self, number: str) -> dict[str, int]:
        """The order's money ledger, by account."""
        rows = await self.books.database.fetch(
            "SELECT e.account, sum(e.amount)::int AS sum FROM money_entries e JOIN orders o ON o.id = e.order_id "
            "WHERE o.number = $1 GROUP BY 1", number,
        )  # fmt: skip
        return {row["account"]: row["sum"] for row in rows}

    async def hears(self, event: Mapping[str, Any], signature: str | None = None) -> httpx.Response:
        """The webhook brings an event, signed well unless told otherwise."""
        body = json.dumps(event).encode()
        good = hmac.new(self.house.environment["CHAPA_WEBHOOK_SECRET"].encode(), body, hashlib.sha256).hexdigest()
        headers = {b"x-chapa-signature": (good if signature is None else signature).encode()}
        return await self.shopper.http.post("/webhooks/chapa", content=body, headers=headers)


@pytest.fixture
async def guest(house: House, shopper: Shopper, books: Books) -> AsyncIterator[Guest]:
    """The house's other provider on a good day; what a test orders of it is forgotten afterwards."""
    usual = {"lose": 0.0, "double": 0.0, "hold": False}
    async with house.chapa() as control:
        await control.clear()
        yield Guest(house, shopper, control, books)
        await control.clear()
        await control.webhooks(**usual)
        with anyio.fail_after(60):  # others count rows
            while any(each["status"] == "pending" for each in await control.deliveries()):
                await anyio.sleep(0.05)


async def test_paid_on_the_page(guest: Guest) -> None:
    """The answer is the page's address; paid there, the order is confirmed, and the browser goes back to the shop."""
    placed, url, reference = await guest.placed()
    waiting = await guest.shopper.order(placed)
    assert (waiting["status"], waiting["payment"]["redirect_url"], waiting["can"]) == (
        "pending",
        url,
        ["cancel", "pay"],
    )

    paid = await guest.on_the_page(url)

    assert (paid.status_code, paid.headers["location"]) == (303, "https://shop.example.com/thanks")
    done = await guest.shopper.order_when(placed, "confirmed")
    assert (done["payment_status"], done["payment"]) == ("paid", None)
    assert await guest.booked(placed["number"]) == {"provider:chapa": PRICE, "sales": -PRICE}
    assert await guest.moved(reference) == [("16.00", "0.00", 0)]
    assert await guest.shopper.events(placed) == [
        "order_placed", "payment_method_required", "payment_authorized", "payment_captured", "order_confirmed",
    ]  # fmt: skip


async def test_declined_and_then_paid_on_the_same_page(guest: Guest) -> None:
    """A try fails: the order says so, and its page is still there."""
    placed, url, _ = await guest.placed()
    await guest.on_the_page(url, "failure")
    with anyio.fail_after(60):
        while (seen := await guest.shopper.order(placed))["payment_status"] != "failed":
            await anyio.sleep(0.05)
    assert (seen["payment"]["redirect_url"], seen["payment"]["code"]) == (url, "payment_failed")
    await guest.on_the_page(url)
    await guest.shopper.order_when(placed, "confirmed")


async def test_the_callback_finds_what_a_lost_webhook_did_not_tell(guest: Guest) -> None:
    """All webhooks are lost; the callback, which nobody has to believe, makes the order look."""
    placed, url, _ = await guest.placed()
    await guest.control.webhooks(lose=1.0)
    await guest.on_the_page(url)
    await guest.shopper.order_when(placed, "confirmed")


async def test_five_webhooks_are_one(guest: Guest) -> None:
    """The same event five times, at once: one order, one charge, one entry in the books."""
    placed, _, reference = await guest.placed()
    await guest.control.webhooks(lose=1.0)
    await guest.control.buy(reference)
    event = {"event": "charge.success", "tx_ref": reference, "status": "success"}
    async with anyio.create_task_group() as five:
        for _ in range(5):
            five.start_soon(guest.hears, event)
    await guest.shopper.order_when(placed, "confirmed")
    assert (await guest.hears(event)).json()["note"] == "known"
    assert await guest.booked(placed["number"]) == {"provider:chapa": PRICE, "sales": -PRICE}


async def test_lies_pay_for_nothing(guest: Guest) -> None:
    """A forged webhook is not let in; a signed one, or a callback, that says `success` too early is not believed."""
    placed, _, reference = await guest.placed()
    event = {"event": "charge.success", "tx_ref": reference, "status": "success"}
    secret = guest.house.environment["CHAPA_WEBHOOK_SECRET"].encode()
    static = hmac.new(secret, secret, hashlib.sha256).hexdigest()
    for forged in ("", "0" * 64, static, "é"):
        refused = await guest.hears(event, forged)
        assert (refused.status_code, refused.json()["code"]) == (400, "signature_invalid")
    called = await guest.shopper.http.get("/webhooks/chapa", params={"trx_ref": reference, "status": "success"})
    assert (called.status_code, called.json()["note"]) == (200, "thank you")
    assert (await guest.hears({**event, "now": "early"})).json()["note"] == "told the order"
    seen = await guest.shopper.order(placed)
    assert (seen["status"], seen["payment_status"]) == ("pending", "pending")
    await guest.control.buy(reference)  # and now it is true
    await guest.shopper.order_when(placed, "confirmed")


async def test_another_sum_confirms_nothing(guest: Guest) -> None:
    """The transaction has another sum than the order: staff are told, nothing is sold."""
    placed, _, reference = await guest.placed()
    await guest.control.buy(reference, amount="0.16")
    with anyio.fail_after(60):
        while not (row := (await guest.books.database.fetch(
            "SELECT attention, status FROM orders WHERE number = $1", placed["number"]
        ))[0])["attention"]:  # fmt: skip
            await anyio.sleep(0.05)
    assert (row["status"], "0.16 USD was paid, and 16.00 USD was asked for" in row["attention"]) == ("pending", True)
    assert await guest.booked(placed["number"]) == {}


async def test_paid_after_the_order_was_cancelled(guest: Guest) -> None:
    """Money that was under way when the buyer called it off is sent back once, and the buyer is told."""
    placed, _, reference = await guest.placed()
    cancelled = await guest.shopper.cancel(placed)
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    await guest.control.webhooks(double=1.0)

    await guest.control.buy(reference, late=True)

    letters = await guest.house.letters_when(placed["number"], 2)
    assert letters[-1]["subject"] == f"Your payment for order {placed['number']} goes back to you"
    assert await guest.moved(reference) == [("16.00", "16.00", 1)]
    assert await guest.booked(placed["number"]) == {"provider:chapa": 0, "unclaimed": 0}
    assert (await guest.shopper.order(placed))["status"] == "cancelled"
    assert (await guest.shopper.events(placed))[-1] == "payment_returned"


async def test_another_page_for_an_order_that_waits(guest: Guest) -> None:
    """`pay` opens a new page and closes the old one; the order is paid once."""
    placed, url, reference = await guest.placed()
    headers = {"Order-Token": placed["order_token"]}
    again = await guest.shopper.http.post(
        f"/orders/{placed['number']}/pay", json={"payment": {"provider": "chapa"}}, headers=headers
    )
    assert again.status_code == 200, again.text
    fresh = again.json()["payment"]["redirect_url"]
    assert fresh != url
    for wrong in ({"provider": "stripe", "payment_method": "pm_card_visa"}, {"payment_method": "pm_card_visa"}):
        refused = await guest.shopper.http.post(
            f"/orders/{placed['number']}/pay", json={"payment": wrong}, headers=headers
        )
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid"), refused.text
    await guest.on_the_page(fresh)
    await guest.shopper.order_when(placed, "confirmed")
    assert await guest.moved(reference) == [("0.00", "0.00", 0), ("16.00", "0.00", 0)]


@pytest.mark.parametrize(
    ("payment", "pointer"),
    [
        ({"provider": "paypal"}, "/payment/provider"),
        ({"provider": "chapa", "payment_method": "pm_card_visa"}, "/payment/payment_method"),
        ({"provider": "chapa", "return_url": "javascript:alert(1)"}, "/payment/return_url"),
        ({"provider": "chapa", "return_url": "https://shop.example.com/a b"}, "/payment/return_url"),
        ({"provider": "chapa", "hosted": True, "payment_method": "pm_card_visa"}, "/payment/payment_method"),
        ({"provider": "stripe", "payment_method": "pm_card_visa", "return_url": "https://a.example"},
         "/payment/return_url"),
        ({"provider": "stripe", "payment_method": "pm_card_visa", "hosted": True}, "/payment/payment_method"),
        ({"provider": "stripe", "hosted": True, "return_url": "javascript:alert(1)"}, "/payment/return_url"),
    ],
)  # fmt: skip
async def test_what_does_not_go_together_is_refused(
    guest: Guest, books: Books, payment: dict[str, Any], pointer: str
) -> None:
    """422 names the field, and nothing was placed."""
    await guest.shopper.put(await guest.house.stock(5))
    total = await guest.shopper.quote()
    before = await books.count()
    refused = await guest.shopper.check_out(guest.shopper.order_form(total, payment=payment))
    assert (refused.status_code, [each["pointer"] for each in refused.json()["errors"]]) == (422, [pointer]), (
        refused.text
    )
    assert await books.count() == before


async def test_a_currency_that_chapa_does_not_take_is_refused(guest: Guest) -> None:
    """422: the buyer learns before anything is placed."""
    sku = await guest.house.stock(5, {"eur": 900})
    await guest.shopper.put(sku, currency="eur")
    refused = await guest.shopper.check_out(guest.shopper.order_form({"amount": 1, "currency": "eur"}, payment=CHAPA))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["detail"] == "chapa takes etb, usd, not eur"


@pytest.mark.parametrize(
    ("sent", "note"),
    [
        ({"event": "payout.success", "reference": "x"}, "kept: nobody waits for such an event"),
        ({"event": "charge.success", "tx_ref": words.reference(NOBODYS, 1)},
         "kept: nobody waits for such an event"),
        ({"event": "charge.success", "tx_ref": "nonsense"}, "kept: nobody waits for such an event"),
        ({"event": "a.type.of.tomorrow"}, "kept: nobody waits for such an event"),
    ],
)  # fmt: skip
async def test_events_that_nobody_waits_for_are_kept(guest: Guest, sent: dict[str, Any], note: str) -> None:
    """Acknowledged, stored once, and no harm."""
    event = {**sent, "mark": uuid4().hex}
    assert (await guest.hears(event)).json() == {"note": note, "received": True}
    assert (await guest.hears(event)).json()["note"] == "known"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"event": 1}', b'{"event": "\xff"}', b'{"event": "a\\u0000b"}', b"[" * 9]
)
async def test_what_is_signed_but_no_event(guest: Guest, body: bytes) -> None:
    """400, and nothing of it is kept."""
    secret = guest.house.environment["CHAPA_WEBHOOK_SECRET"].encode()
    signed = {"x-chapa-signature": hmac.new(secret, body, hashlib.sha256).hexdigest()}
    before = await guest.books.count()
    answer = await guest.shopper.http.post("/webhooks/chapa", content=body, headers=signed)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert await guest.books.count() == before


@pytest.mark.parametrize("name", ["", "x" * 5000, "\0", "🦉", words.reference(NOBODYS, 1)])
async def test_a_callback_about_nothing_is_thanked(guest: Guest, name: str) -> None:
    """Whether there is such a payment is told to nobody, and nothing is kept."""
    before = await guest.books.count()
    answer = await guest.shopper.http.get("/webhooks/chapa", params={"trx_ref": name, "status": "success"})
    assert (answer.status_code, answer.json()["note"]) == (200, "thank you")
    assert await guest.books.count() == before
