"""Watches what happens to all orders, for whoever follows them."""

import asyncio
import time

import msgspec
from temporalio import activity

from models.database import Database
from models.tables import order_feed


class AwaitNews(msgspec.Struct, frozen=True):
    """Look for news of these types until there are some or `seconds` have passed."""

    reader: str
    types: tuple[str, ...]
    seconds: float
    poll: float
    """Seconds between two looks."""


class OrderFeedActivities:
    """Needs Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def await_news(self, request: AwaitNews) -> bool:
        """Wait until something happened to an order that this reader has not taken; whether it did.

        Changes: order_readers, past what is none of this reader's business.
        Again: looks again.
        Undo: nothing.
        """
        until = time.monotonic() + request.seconds
        while True:
            if await order_feed.waiting(self._database, request.reader, request.types):
                return True
            if time.monotonic() >= until or activity.is_worker_shutdown():
                break
            activity.heartbeat()
            await asyncio.sleep(request.poll)
        async with self._database.writing() as writer:
            await order_feed.skip(writer, request.reader, request.types)
        return False
