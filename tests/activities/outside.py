"""Orders to tell of, somebody outside to tell, and a clock that can be put forward by days."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from temporalio.testing import ActivityEnvironment

from activities.outgoing.deliveries import EnlistDeliveries, OutgoingActivities, SendDeliveries
from models import clock
from models.database import Database
from models.ids import OrderId, OrderNumber
from models.order import OrderStatus
from models.outgoing import secret
from models.tables import order as orders
from models.tables import webhook_delivery as deliveries
from models.tables import webhook_endpoint as endpoints
from tests.models.tables.shelf import Shelf

KEY = b"0123456789abcdef0123456789abcdef"
SOON = 60
"""Seconds; the oldest transaction of all tests has to end before anybody is told."""


class Outside:
    """One receiver, its queue, and workers of one's own."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.database: Database = shelf.database
        self.endpoint = UUID(int=0)
        self.passed = timedelta(0)
        self.numbers: dict[OrderId, OrderNumber] = {}

    def now(self) -> datetime:
        """The real time, and what was skipped."""
        return clock.now() + self.passed

    def worker(self, private: bool = True, timeout: float = 10) -> OutgoingActivities:
        """Somebody who fills queues and sends."""
        return OutgoingActivities(self.database, KEY, private, self.now, timeout)

    async def subscribe(self, url: str, *topics: str) -> UUID:
        """A receiver of these topics, or of all."""
        async with self.database.writing() as writer:
            self.endpoint = await endpoints.create(writer, url, None, topics or ("*",))
        return self.endpoint

    def secret(self, n: int = 1) -> str:
        """Of the receiver."""
        return secret(KEY, self.endpoint, n)

    async def order(self) -> OrderId:
        """An order that is confirmed, which is told."""
        row = self.shelf.row({self.shelf.mug: 1}, status=OrderStatus.CONFIRMED)
        order, _ = await self.shelf.order(**msgspec.structs.asdict(row))
        self.numbers[order] = row.number
        await self.tell(order, "order_confirmed", "confirmed")
        return order

    async def tell(self, order: OrderId, type: str, key: str | None = None, **facts: Any) -> None:
        """Something happens to an order."""
        async with self.database.writing() as writer:
            await orders.tell(writer, order, key or f"{type}/{facts}", type, "order", **facts)

    async def committed(self) -> list[str]:
        """Ids of all that is to be told, in their order."""
        rows = await self.shelf.ask("SELECT id FROM order_events WHERE type <> 'order_placed' ORDER BY xid, id")
        return [str(id) for (id,) in rows]

    async def enlisted(self, count: int, worker: OutgoingActivities | None = None) -> None:
        """Wait until so many deliveries were put into queues."""
        doing = worker or self.worker()
        async with asyncio.timeout(SOON):
            while (await self.shelf.ask("SELECT count(*) FROM webhook_deliveries"))[0][0] < count:
                await ActivityEnvironment().run(doing.enlist_deliveries, EnlistDeliveries((), 0, 0.01))

    async def send(self, worker: OutgoingActivities | None = None, seconds: float = 0.05, poll: float = 0.01) -> bool:
        """One short round of sending."""
        doing = worker or self.worker()
        wish = SendDeliveries(self.endpoint, seconds, poll)
        goes_on: bool = await ActivityEnvironment().run(doing.send_deliveries, wish)
        return goes_on

    async def until(self, status: str, count: int, worker: OutgoingActivities | None = None) -> None:
        """Send until so many deliveries stand so, without skipping time."""
        async with asyncio.timeout(SOON):
            while len(await self.rows(status)) < count:
                await self.send(worker)

    async def rows(self, *statuses: str) -> list[dict[str, Any]]:
        """Deliveries that stand so; all, where none is said."""
        rows = await self.database.fetch(
            "SELECT * FROM webhook_deliveries WHERE status = ANY ($1) ORDER BY xid, event_id",
            statuses or ["waiting", "delivered", "dead", "withdrawn"],
        )
        return [dict(row) for row in rows]

    async def live(self, until: timedelta, worker: OutgoingActivities | None = None) -> int:
        """Let time pass, from try to try, until so much of it is over or nothing waits; how many rounds it took."""
        doing, rounds = worker or self.worker(), 0
        async with asyncio.timeout(4 * SOON):
            while (waiting := await self.rows("waiting")) and self.passed < until:
                active = (await self.shelf.ask("SELECT status FROM webhook_endpoints"))[0][0] == "active"
                due = min((each["due_at"] for each in waiting), default=self.now())
                if not active or due > self.now() + (until - self.passed):
                    self.passed = until
                    return rounds
                self.passed += max(due - self.now(), timedelta(0)) + timedelta(milliseconds=1)
                await self.send(doing, 0.02)
                rounds += 1
        return rounds

    async def resume(self) -> None:
        """As staff do."""
        async with self.database.writing() as writer:
            await endpoints.resume(writer, self.endpoint)
            await deliveries.give_time(writer, self.endpoint, self.now())

    async def letters(self) -> list[str]:
        """What staff were written."""
        return [name for (name,) in await self.shelf.ask("SELECT payload ->> 'template' FROM outbox ORDER BY id")]

    async def told(self, numbers: Sequence[OrderId]) -> list[list[str]]:
        """Topics of these orders, in the order in which they happened."""
        return [
            [
                topic
                for (topic,) in await self.shelf.ask(
                    "SELECT topic FROM webhook_deliveries WHERE order_id = $1 ORDER BY xid, event_id", each
                )
            ]
            for each in numbers
        ]
