"""The stand-in for Chapa: it refuses what Chapa refuses, tells of what happened, and has bad days on order."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from dev.chapa.app import create_app, serving
from dev.chapa.remote import ChapaControl
from dev.stripe.server import Request, Response, listening

KEY = {"Authorization": "Bearer CHASECK_TEST-simulator"}
ASKED = {"amount": "120.50", "currency": "ETB", "tx_ref": "order-1", "email": "abebe@example.com"}
SECRET = "chapa_secret"


class Merchant:
    """Calls the API as a shop does."""

    def __init__(self, url: str, http: httpx.AsyncClient, control: ChapaControl) -> None:
        self.url = url
        self.http = http
        self.control = control

    async def initialize(self, **changes: Any) -> httpx.Response:
        """Open a page."""
        return await self.http.post("/v1/transaction/initialize", json={**ASKED, **changes})

    async def verify(self, tx_ref: str = "order-1") -> httpx.Response:
        """Ask how a transaction stands."""
        return await self.http.get(f"/v1/transaction/verify/{tx_ref}")

    async def cancel(self, tx_ref: str = "order-1") -> httpx.Response:
        """Close a page."""
        return await self.http.put(f"/v1/transaction/cancel/{tx_ref}")

    async def refund(self, tx_ref: str = "order-1", **form: str) -> httpx.Response:
        """Give money back."""
        return await self.http.post(f"/v1/refund/{tx_ref}", data={"reason": "returned", **form})


@asynccontextmanager
async def opened(**how: Any) -> AsyncIterator[Merchant]:
    async with (
        serving(create_app(**how)) as url,
        ChapaControl(url) as control,
        httpx.AsyncClient(base_url=url, headers=KEY, trust_env=False, timeout=60) as http,
    ):
        yield Merchant(url, http, control)


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    async with opened() as found:
        yield found


def told(answer: httpx.Response) -> tuple[int, Any, Any]:
    body = answer.json()
    return answer.status_code, body["status"], body["message"]


async def test_a_page_is_opened_paid_and_verified(merchant: Merchant) -> None:
    """Given a transaction, when its buyer pays on the page, then it is verified with its amount, and paid once."""
    opened = await merchant.initialize(return_url="https://shop.example/thanks")
    assert told(opened) == (200, "success", "Hosted Link")
    page = opened.json()["data"]["checkout_url"]
    assert told(await merchant.verify()) == (404, None, "Payment not paid yet")
    shown = await merchant.http.get(page)
    assert "120.50 ETB" in shown.text
    paid = await merchant.http.post(page, data={"outcome": "success"})
    assert (paid.status_code, paid.headers["location"]) == (303, "https://shop.example/thanks")
    seen = (await merchant.verify()).json()["data"]
    assert (seen["status"], seen["amount"], seen["currency"], seen["tx_ref"]) == ("success", "120.50", "ETB", "order-1")
    assert (await merchant.http.post(page, data={"outcome": "success"})).status_code == 409
    [line] = await merchant.control.ledger("order-1")
    assert (line["paid"], line["refunded"]) == ("120.50", "0.00")


async def test_a_failed_try_leaves_the_page_open(merchant: Merchant) -> None:
    """Given a page, when a try fails, then the transaction says so, and the buyer can try again on the same page."""
    page = (await merchant.initialize()).json()["data"]["checkout_url"]
    failed = await merchant.http.post(page, data={"outcome": "failure"})
    assert (failed.status_code, "/checkout/payment/" in failed.headers["location"]) == (303, True)
    assert (await merchant.verify()).json()["data"]["status"] == "failed"
    await merchant.http.post(page, data={"outcome": "success"})
    assert (await merchant.verify()).json()["data"]["status"] == "success"


async def test_a_cancelled_page_takes_no_money_but_what_was_under_way(merchant: Merchant) -> None:
    """Given a page that was closed, then nobody pays on it, it is closed once, and only money under way still comes."""
    page = (await merchant.initialize()).json()["data"]["checkout_url"]
    assert told(await merchant.cancel()) == (200, "success", "Checkout link expired successfully")
    assert told(await merchant.cancel()) == (400, "failed", "Payment link already expired")
    assert (await merchant.http.post(page, data={"outcome": "success"})).status_code == 409
    assert (await merchant.verify()).status_code == 404
    await merchant.control.buy("order-1", late=True)
    assert (await merchant.verify()).json()["data"]["status"] == "success"


async def test_refunds_go_back_in_parts_and_never_above_what_was_paid(merchant: Merchant) -> None:
    """Given 120.50 paid, when parts go back, then never more than is left, and all of it makes it `refunded`."""
    await merchant.initialize()
    assert (await merchant.refund()).status_code == 400
    await merchant.control.buy("order-1")
    assert (await merchant.refund(amount="120.51")).status_code == 400
    first = await merchant.refund(amount="20.50", **{"meta[refund]": "r1"})
    assert told(first) == (200, "success", "Refund initiated")
    assert first.json()["data"]["meta"] == {"refund": "r1"}
    assert (await merchant.refund(amount="100.01")).status_code == 400
    assert (await merchant.refund()).json()["data"]["amount"] == "100.00"
    assert (await merchant.verify()).json()["data"]["status"] == "refunded"
    assert [line["refunded"] for line in await merchant.control.ledger()] == ["120.50"]
    assert (await merchant.refund()).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 120.5}, {"amount": "0"}, {"amount": "1.234"}, {"amount": "-1"}, {"currency": "GBP"},
        {"currency": "etb"}, {"tx_ref": "a/b"}, {"tx_ref": "x" * 51}, {"email": "nobody"}, {"return_url": "shop"},
        {"surprise": 1}, {"customization": {"title": "seventeen letters"}},
        {"customization": {"description": "Order #1"}},
    ],
)  # fmt: skip
async def test_what_chapa_would_not_take_is_refused(merchant: Merchant, changes: dict[str, Any]) -> None:
    """Given a mistake in the request, then it is refused, and nothing was opened."""
    assert told(await merchant.initialize(**changes))[:2] == (400, "failed")
    assert await merchant.control.ledger() == []


async def test_a_reference_is_good_once_and_a_key_is_needed(merchant: Merchant) -> None:
    """Given a used reference, a missing or wrong key, or an unknown transaction, then the answer says so."""
    await merchant.initialize()
    assert told(await merchant.initialize()) == (400, "failed", "Transaction reference has been used before")
    assert told(await merchant.verify("nobody"))[0] == 404
    for key, words in (("", "Authorization required"), ("Bearer sk_1", "Invalid API Key or User doesn't exist")):
        answer = await merchant.http.get("/v1/transaction/verify/order-1", headers={"Authorization": key})
        assert told(answer) == (401, "failed", words)


async def test_bad_days_come_on_order(merchant: Merchant) -> None:
    """Given faults, then a call fails before its effect, after it, or its answer is lost; once each."""
    await merchant.control.fault("error_before", path="/v1/transaction/initialize", tx_ref="order-1", status=503)
    assert (await merchant.initialize()).status_code == 503
    assert await merchant.control.ledger() == []
    await merchant.control.fault("error_after", path="/v1/transaction/initialize")
    assert (await merchant.initialize()).status_code == 500
    assert [line["tx_ref"] for line in await merchant.control.ledger()] == ["order-1"]
    await merchant.control.fault("answer_lost", method="PUT")
    with pytest.raises(httpx.RemoteProtocolError):
        await merchant.cancel()
    assert [line["open"] for line in await merchant.control.ledger()] == [False]
    await merchant.control.fault("rate_limit")
    assert (await merchant.verify()).status_code == 429


class Shop:
    """Hears webhooks and the call back."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, Request]] = asyncio.Queue()
        self.answers: list[int] = []

    async def handle(self, request: Request) -> Response:
        """Answers as ordered, then 200."""
        self.heard.put_nowait((request.method, request))
        return Response(self.answers.pop(0) if self.answers else 200, b"", {})

    async def next(self) -> tuple[str, Request]:
        """What comes next."""
        return await asyncio.wait_for(self.heard.get(), 60)


@pytest.fixture
async def shop() -> AsyncIterator[tuple[Shop, str]]:
    heard = Shop()
    async with listening(heard.handle, "127.0.0.1", 0) as url:
        yield heard, url


async def test_a_webhook_is_signed_over_its_body_and_sent_until_it_is_taken(shop: tuple[Shop, str]) -> None:
    """Given a merchant that is down at first, when a buyer pays, then the same signed event comes again."""
    heard, url = shop
    heard.answers = [503]
    async with opened(webhook_url=f"{url}/hook", webhook_secret=SECRET, webhook_retry_seconds=0.02) as merchant:
        await merchant.initialize()
        await merchant.control.buy("order-1")
        (_, first), (_, again) = await heard.next(), await heard.next()
    assert first.body == again.body
    said = msgspec.json.decode(again.body)
    assert (said["event"], said["status"], said["tx_ref"]) == ("charge.success", "success", "order-1")
    assert again.headers["x-chapa-signature"] == hmac.new(SECRET.encode(), again.body, hashlib.sha256).hexdigest()
    assert again.headers["chapa-signature"] != again.headers["x-chapa-signature"]


async def test_the_callback_is_knocked_at_once_with_three_words(merchant: Merchant, shop: tuple[Shop, str]) -> None:
    """Given a callback URL, when the buyer pays on the page, then it is asked for with reference and status."""
    heard, url = shop
    page = (await merchant.initialize(callback_url=f"{url}/back")).json()["data"]["checkout_url"]
    await merchant.http.post(page, data={"outcome": "success"})
    method, request = await heard.next()
    assert (method, request.path) == ("GET", "/back")
    assert request.query.startswith("trx_ref=order-1&ref_id=AP")
    assert request.query.endswith("&status=success")


async def test_a_killed_simulator_remembers(tmp_path: Path) -> None:
    """Given a state file, then what was answered for is there after a restart."""
    async with opened(state=tmp_path / "chapa.db") as merchant:
        await merchant.initialize()
        await merchant.control.buy("order-1")
    async with opened(state=tmp_path / "chapa.db") as merchant:
        assert (await merchant.verify()).json()["data"]["status"] == "success"
        await merchant.control.reset()
        assert await merchant.control.ledger() == []
