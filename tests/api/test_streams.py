"""Orders watched as they happen: every fact once, whoever comes back, and no place is kept by who has left."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from api import streams
from models import tokens
from models.database import Database
from models.ids import OrderId, OrderNumber
from models.order import OrderStatus
from models.roles import Role
from models.tables import order as orders
from tests import shop
from tests.activities.till import Till
from tests.api.conftest import Api

NUMBER = OrderNumber("HF-WATCH-ABCDE")
PATH = f"/api/v1/orders/{NUMBER}/stream"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks and heartbeats come faster than in a shop."""
    monkeypatch.setattr(streams, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(streams, "HEARTBEAT", 0.2)


class Order:
    """One order, its rows written by the test."""

    def __init__(self, api: Api, database: Database, id: OrderId) -> None:
        self.api, self.database, self.id = api, database, id
        key = api.app.state.house.settings.secret_key
        self.headers = {"Order-Token": tokens.order_token(key, NUMBER)}

    async def tell(self, fact: str, type: str = "attention_needed") -> None:
        """Something happens to it."""
        async with self.database.writing() as writer:
            await orders.tell(writer, self.id, fact, type, "order", about=fact)

    async def end(self) -> None:
        """It is over."""
        async with self.database.writing() as writer:
            await orders.move(writer, self.id, OrderStatus.CANCELLED, cancel_reason="enough")
            await orders.tell(writer, self.id, "cancelled", "order_cancelled", "order", reason="enough")

    @property
    def watchers(self) -> int:
        """Places that are taken."""
        count: int = self.api.app.state.house.streams.watchers
        return count


@pytest.fixture
async def order(api: Api, database: Database) -> Order:
    """Somebody bought a mug."""
    async with database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 50)
        cup = await shop.stock_product(writer, "CUP", 50)
    till = Till(database, mug, cup)
    placed = await till.placed(await till.cart(), number=NUMBER)
    return Order(api, database, placed.order_id)


class Listener:
    """A client at the API's own door, which a test can let go at any moment."""

    def __init__(self, api: Api, headers: dict[str, str], method: str = "GET") -> None:
        self.status = 0
        self.sent: dict[str, str] = {}
        self.text = ""
        self._gone, self._more = asyncio.Event(), asyncio.Event()
        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": PATH, "raw_path": PATH.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
            "server": ("shop.test", 80), "extensions": {}, "state": {},
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        self._asked = False
        self.task = asyncio.create_task(api.app(scope, self._receive, self._send))  # type: ignore[arg-type]

    async def _receive(self) -> Any:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.sent = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        else:
            self.text += message["body"].decode()
            if not message.get("more_body", False):
                self._gone.set()  # as servers say it once all is sent
        self._more.set()

    async def until(self, words: str) -> None:
        """Wait until this has come."""
        async with asyncio.timeout(60):
            while words not in self.text:
                assert not self.task.done(), self.text
                self._more.clear()
                await asyncio.wait([asyncio.create_task(self._more.wait()), self.task], timeout=60,
                                   return_when=asyncio.FIRST_COMPLETED)  # fmt: skip

    async def something(self) -> None:
        """Wait until an event has come, or nothing is to come."""
        async with asyncio.timeout(60):
            while "data: " not in self.text and not self.task.done():
                await asyncio.sleep(0.005)

    async def leave(self) -> None:
        """Close the connection."""
        self._gone.set()
        async with asyncio.timeout(60):
            await self.task

    async def ended(self) -> None:
        """Wait until the server closes it."""
        async with asyncio.timeout(60):
            await self.task

    @property
    def events(self) -> list[dict[str, str]]:
        """Whole events so far, comments and `retry` left out."""
        found = []
        for block in self.text.split("\n\n")[:-1]:
            event = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
            if "data" in event:
                found.append(event)
        return found

    @property
    def facts(self) -> list[str]:
        """Types of the facts so far, or what the test's own are about."""
        data = [json.loads(event["data"]) for event in self.events if event.get("event") != "end"]
        return [each["facts"].get("about", each["type"]) for each in data]


@asynccontextmanager
async def listening(order: Order, last: str | None = None, **headers: str) -> AsyncIterator[Listener]:
    """Somebody watches, and leaves."""
    came = {**order.headers, **headers, **({"Last-Event-ID": last} if last else {})}
    listener = Listener(order.api, came)
    try:
        yield listener
    finally:
        await listener.leave()


async def until_free(order: Order) -> None:
    """Wait until every place is given back."""
    async with asyncio.timeout(60):
        while order.watchers:
            await asyncio.sleep(0.01)


async def test_an_order_is_watched_to_its_end(order: Order) -> None:
    """Given who watches, then they get what happened and what happens, a sign of life, and the end; no notes."""
    async with listening(order) as buyer:
        await buyer.until("order_placed")
        assert (buyer.status, buyer.sent["content-type"].partition(";")[0]) == (200, "text/event-stream")
        assert (buyer.sent["cache-control"], buyer.sent["x-accel-buffering"]) == ("no-store", "no")
        await buyer.until(": still here")
        await order.tell("one")
        await order.tell("secret", "note")
        await order.tell("two")
        await buyer.until("two")
        await order.end()
        await buyer.ended()
    assert buyer.facts == ["order_placed", "one", "two", "order_cancelled"]
    assert buyer.text.startswith("retry: 2000\n\n")
    assert (buyer.events[-1]["event"], json.loads(buyer.events[-1]["data"])) == ("end", {"status": "cancelled"})
    assert "secret" not in buyer.text
    await until_free(order)

    again = await order.api.get(PATH, headers={**order.headers, "Last-Event-ID": buyer.events[-1]["id"]})
    assert (again.status_code, again.content) == (204, b"")
    whole = await order.api.get(PATH, headers=order.headers)
    assert [line for line in whole.text.split("\n") if line.startswith("event")] == ["event: end"]
    assert whole.text.count("data: ") == 5
    assert order.watchers == 0


async def test_nothing_is_lost_or_told_twice_however_often_one_comes_back(order: Order) -> None:
    """Given twenty facts and a client that leaves after each one it gets, then it has each once, in their order."""
    seen, last = list[str](), None

    async def happen() -> None:
        for n in range(20):
            await order.tell(f"fact-{n}")
            await asyncio.sleep(0.01)
        await order.end()

    happening = asyncio.create_task(happen())
    async with asyncio.timeout(120):
        while True:
            async with listening(order, last) as buyer:
                await buyer.something()
            if buyer.status == 204:  # it heard of the end and left before it was said that it is one
                break
            seen += buyer.facts
            last = buyer.events[-1]["id"]
            if buyer.events[-1].get("event") == "end":
                break
    await happening
    assert seen == ["order_placed", *(f"fact-{n}" for n in range(20)), "order_cancelled"]
    await until_free(order)


async def test_a_fact_that_comes_to_light_late_is_told(order: Order) -> None:
    """Given a fact born before another and committed after it, then who stays gets it, and who came back meanwhile."""
    async with listening(order) as stays, listening(order) as leaves:
        await stays.until("order_placed")
        async with order.database.writing() as writer:
            await orders.tell(writer, order.id, "early", "attention_needed", "order", about="early")
            await order.tell("late")
            await stays.until("late")
            await leaves.until("late")
            await leaves.leave()
        await stays.until("early")
    async with listening(order, leaves.events[-1]["id"]) as back:
        await back.until("data: ")
    assert (stays.facts, leaves.facts, back.facts) == (
        ["order_placed", "late", "early"], ["order_placed", "late"], ["early"],
    )  # fmt: skip


async def test_places_are_few_and_given_back(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given no place, at this order or at all, then one is told when to come back; a client that leaves frees its own.

    One look a second is made for all who watch.
    """
    monkeypatch.setattr(streams, "MOST_ON_ONE", 2)
    async with listening(order) as first, listening(order) as second:
        await first.until("order_placed")
        await second.until("order_placed")
        assert len(order.api.app.state.house.streams._watches) == 1
        full = await order.api.get(PATH, headers=order.headers)
        assert (full.status_code, full.json()["code"], full.headers["retry-after"]) == (429, "too_many_requests", "30")
        monkeypatch.setattr(streams, "MOST", 2)
        full = await order.api.get(PATH, headers=order.headers)
        assert (full.status_code, full.json()["code"], full.headers["retry-after"]) == (503, "unavailable", "2")
        assert order.watchers == 2
        await second.leave()
        async with asyncio.timeout(60):
            while order.watchers != 1:
                await asyncio.sleep(0.01)
        async with listening(order) as third:
            await third.until("order_placed")
    await until_free(order)
    assert order.api.app.state.house.streams._watches == {}


async def test_whoever_watches_long_has_to_come_back(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a connection that has stood for its time, then the server ends it; the client goes on where it was."""
    monkeypatch.setattr(streams, "LONGEST", 0.0)
    async with listening(order) as buyer:
        await buyer.ended()
    assert (buyer.facts, buyer.events[-1].get("event")) == (["order_placed"], None)
    await until_free(order)


async def test_a_process_that_stops_sends_them_away(order: Order) -> None:
    """Given watchers, when the process is told to stop, then each is let go at once, and nobody comes in any more."""
    async with listening(order) as buyer:
        await buyer.until("order_placed")
        order.api.app.state.house.streams.close()
        await buyer.ended()
    full = await order.api.get(PATH, headers=order.headers)
    assert (full.status_code, full.headers["retry-after"]) == (503, "2")
    await until_free(order)


async def test_only_its_buyer_watches(order: Order) -> None:
    """Given somebody without the order's token, then there is no such order; headers alone keep no place."""
    for headers in ({}, {"Order-Token": "another"}, await order.api.sign_in(Role.CUSTOMER)):
        answer = await order.api.get(PATH, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")
    brief = Listener(order.api, order.headers, "HEAD")
    await brief.ended()
    assert (brief.status, brief.text, order.watchers) == (200, "", 0)


@pytest.mark.parametrize("last", ["nonsense", "0", "\x00", "f" * 5000, "0." + "z" * 32, str(UUID(int=0))])
async def test_what_is_no_mark_of_ours_means_from_the_beginning(order: Order, last: str) -> None:
    """Given any words as `Last-Event-ID`, then all is told."""
    async with listening(order, last) as buyer:
        await buyer.until("order_placed")
    assert buyer.facts == ["order_placed"]
