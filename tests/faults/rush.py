"""A rush of buyers who behave as good clients do: they send again what got no answer, and look until it has ended."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import anyio
import httpx
import msgspec

from tests.books import Books
from tests.premises import House, Shopper

GOOD, BAD, BANK = "pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired"
PATIENCE = 400
"""Seconds after which a buyer who has heard nothing fails the test."""
AGAIN = 0.25
"""Seconds between two tries."""


class Buyer(msgspec.Struct):
    """One buyer and what became of them; moments are seconds on the monotonic clock."""

    shopper: Shopper
    form: dict[str, Any]
    key: str
    asked_at: float = 0
    answered_at: float = 0
    """When the checkout was answered with something else than a broken line or a 503."""
    ended_at: float = 0
    """When the order was seen confirmed or cancelled."""
    number: str = ""
    status: str = ""
    unavailable: int = 0
    """Answers 503, each with Retry-After."""
    broken: int = 0
    """Lines that broke before an answer to the checkout."""

    @property
    def waited(self) -> float:
        """Seconds from the first click to the end."""
        return self.ended_at - self.asked_at


class Rush:
    """Buyers of one SKU with full carts, ready to click."""

    def __init__(self, sku: str, buyers: list[Buyer]) -> None:
        self.sku = sku
        self.buyers = buyers
        self._going: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def of(cls, house: House, cards: Sequence[str]) -> AsyncIterator["Rush"]:
        """One buyer a card."""
        sku = await house.stock(len(cards))
        limits = httpx.Limits(max_connections=len(cards), max_keepalive_connections=len(cards))
        async with httpx.AsyncClient(base_url=house.api, timeout=120, limits=limits) as client:
            shoppers = [Shopper(house, client) for _ in cards]
            await asyncio.gather(*(shopper.put(sku) for shopper in shoppers))
            total = await shoppers[0].quote()
            pairs = zip(shoppers, cards, strict=True)
            rush = cls(sku, [Buyer(each, each.order_form(total, card), uuid4().hex) for each, card in pairs])
            try:
                yield rush
            finally:
                await rush._stop()

    def go(self) -> None:
        """All click at once."""
        self._going = asyncio.create_task(self._all())

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as going:
            for buyer in self.buyers:
                going.create_task(_buy(buyer))

    async def _stop(self) -> None:
        if self._going is not None and not self._going.done():
            self._going.cancel()
            await asyncio.wait([self._going])

    async def under_way(self, books: Books, orders: int) -> None:
        """Wait until that many orders are placed; not all buyers have seen the end then."""
        with anyio.fail_after(60):
            while len(await books.orders_of(self.sku)) < orders:
                await anyio.sleep(0.01)
        assert [buyer for buyer in self.buyers if not buyer.ended_at]

    async def end(self, books: Books) -> dict[str, int]:
        """Wait until every buyer has seen the end; all ledgers agree, nobody bought twice. How many ended how."""
        assert self._going is not None
        await self._going
        numbers = [buyer.number for buyer in self.buyers]
        assert sorted(await books.orders_of(self.sku)) == sorted(numbers)
        statuses = await books.agree(numbers)
        assert {buyer.number: buyer.status for buyer in self.buyers} == statuses
        sold = list(statuses.values()).count("confirmed")
        assert await books.stock(self.sku) == (len(self.buyers), sold)
        return {status: list(statuses.values()).count(status) for status in sorted(set(statuses.values()))}

    def waits(self, status: str = "confirmed") -> str:
        """Median and longest wait of those who ended so, for people."""
        waits = sorted(buyer.waited for buyer in self.buyers if buyer.status == status)
        if not waits:
            return f"{status}: nobody"
        return f"{status}: {len(waits)}, waited {waits[len(waits) // 2]:.1f} s median, {waits[-1]:.1f} s at most"


async def _buy(buyer: Buyer) -> None:
    buyer.asked_at = time.monotonic()
    with anyio.fail_after(PATIENCE):
        placed = await _check_out(buyer)
        buyer.answered_at = time.monotonic()
        buyer.number = placed["number"]
        if buyer.form["payment"]["payment_method"] != GOOD:
            await _call_off(buyer, placed)
        await _see_the_end(buyer, placed)
    buyer.ended_at = time.monotonic()


async def _check_out(buyer: Buyer) -> dict[str, Any]:
    """The order, whatever the card did. The same request under the same key until there is an answer."""
    while True:
        try:
            answer = await buyer.shopper.check_out(buyer.form, buyer.key)
        except httpx.TransportError:
            buyer.broken += 1
        else:
            body: dict[str, Any] = answer.json()
            if answer.status_code in (201, 202):
                found: dict[str, Any] = body["order"]
                return found
            if answer.status_code == 402:
                declined: dict[str, Any] = body["facts"]["order"]
                return declined
            said = (answer.status_code, body["code"])
            assert said == (503, "unavailable"), (answer.text, buyer.shopper.house.stack.logs("api")[-8000:])
            assert answer.headers["Retry-After"]
            buyer.unavailable += 1
        await anyio.sleep(AGAIN)


async def _call_off(buyer: Buyer, placed: dict[str, Any]) -> None:
    """Who cannot pay thinks better of it, and says so until somebody listens."""
    headers = {"Order-Token": placed["order_token"], "Idempotency-Key": buyer.key}
    while True:
        with suppress(httpx.TransportError):
            answer = await buyer.shopper.http.post(f"/orders/{placed['number']}/cancel", json={}, headers=headers)
            if answer.status_code in (200, 202):
                return
            assert answer.status_code in (404, 503), answer.text  # 404: it is still to be placed
        await anyio.sleep(AGAIN)


async def _see_the_end(buyer: Buyer, placed: dict[str, Any]) -> None:
    headers = {"Order-Token": placed["order_token"]}
    while buyer.status not in ("confirmed", "cancelled"):
        with suppress(httpx.TransportError):
            answer = await buyer.shopper.http.get(f"/orders/{placed['number']}", headers=headers)
            assert answer.status_code in (200, 503), answer.text
            buyer.status = answer.json()["status"]
        await anyio.sleep(AGAIN)


async def insist(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The answer, asked for again while it is 503: who was away has just come back, and not all have noticed."""
    with anyio.fail_after(60):
        while (answer := await ask()).status_code == 503:
            await anyio.sleep(AGAIN)
    return answer


async def start(house: House, *names: str) -> None:
    """Start these parts while the buyers go on."""
    house.stack.spawn(*names)
    with anyio.fail_after(180):
        for name in names:
            while not house.stack.is_ready(name):
                child = house.stack.child(name)
                assert child.alive, f"{name} {child.how_it_ended()}: {house.stack.logs(name)[-2000:]}"
                await anyio.sleep(0.05)
