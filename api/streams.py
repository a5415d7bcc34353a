"""Buyers who watch their orders: each order is looked at once a second, however many watch it, and each fact told once.

Places are few, because each holds a connection; whoever leaves gives theirs back, and all are asked to leave when the
process is to stop: a server that waits for its connections would wait for ever.
"""

import asyncio
import weakref
from collections.abc import AsyncGenerator
from uuid import UUID

import msgspec
import structlog

from models.database import Database
from models.errors import Refusal, Unavailable
from models.ids import OrderId
from models.order import OrderEvent, OrderStatus, told_to_buyer
from models.tables import order_news
from models.timeline import Mark

log = structlog.get_logger()

MOST, MOST_ON_ONE = 500, 20
"""Who may watch at a time: in this process, and one order."""
LOOK_EVERY = 1.0
HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent: proxies close connections on which nothing moves."""
STILL_HERE = ": still here\n\n"
LONGEST = 900.0
"""Seconds after which whoever watches has to come back, and to prove again that they may."""
COME_BACK = 2
"""Seconds after which a client that was sent away comes back."""
FULL = 30
"""The same for one that found no place."""
OVER = frozenset({OrderStatus.DELIVERED, OrderStatus.COMPLETED, OrderStatus.CANCELLED})


class Watch:
    """One order, as long as somebody watches it."""

    def __init__(self, database: Database, order: OrderId) -> None:
        self.log: list[tuple[UUID, OrderEvent]] = []
        """Every fact so far, in the order in which they came to light."""
        self.status = OrderStatus.PENDING
        self.is_over = False
        """Nothing more is to come."""
        self.watchers = 0
        self.news = asyncio.Event()
        """Set, and replaced, when something has changed."""
        self._database = database
        self._order = order
        self._known: set[UUID] = set()
        self._first = asyncio.Lock()
        self._looked = False
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """The first look, made once; from then on every second. Raises: Unavailable."""
        async with self._first:
            if not self._looked:
                await self._look()
                self._looked = True
                self._looking = asyncio.create_task(self._keep_looking())

    def close(self) -> None:
        """Nobody watches any more."""
        if self._looking is not None:
            self._looking.cancel()

    def wake(self) -> None:
        """Let all who watch look up."""
        self.news.set()
        self.news = asyncio.Event()

    async def is_quiet(self) -> bool:
        """Wait for news; whether there were none until it is time for a sign of life."""
        try:
            async with asyncio.timeout(HEARTBEAT):
                await self.news.wait()
        except TimeoutError:
            return True
        return False

    async def _keep_looking(self) -> None:
        while not self.is_over:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self._look()
            except Unavailable as away:
                log.info("cannot look at an order that is watched", reason=str(away))
            except Exception as error:
                log.error("cannot look at an order that is watched", exc_info=error)

    async def _look(self) -> None:
        since = self.log[-1][0] if self.log else None
        seen = await order_news.since(self._database, self._order, since)
        new = [(id, event) for id, event in seen.events if id not in self._known]
        self.log += new
        self._known.update(id for id, _ in new)
        self.status, self.is_over = seen.status, seen.status in OVER and not seen.busy
        if new or self.is_over:
            self.wake()


class Place:
    """Somebody's place at a watch; given back once."""

    def __init__(self, streams: "Streams", order: OrderId, watch: Watch) -> None:
        self.watch = watch
        self._streams, self._order = streams, order
        self._taken = True

    def free(self) -> None:
        """Give it back."""
        if self._taken:
            self._taken = False
            self._streams.leave(self._order)


class Streams:
    """All who watch at this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watches: dict[OrderId, Watch] = {}
        self._closing = False

    @property
    def watchers(self) -> int:
        """How many they are."""
        return sum(watch.watchers for watch in self._watches.values())

    async def watch(self, order: OrderId) -> Place:
        """A place. Raises: Refusal `too_many_requests` at an order that many watch; Unavailable when there is none."""
        if self._closing or self.watchers >= MOST:
            raise Unavailable("streams", "no place is left")
        watch = self._watches.setdefault(order, Watch(self._database, order))
        if watch.watchers >= MOST_ON_ONE:
            raise Refusal("too_many_requests", "Many watch this order already: come back later.", retry_after=FULL)
        watch.watchers += 1
        place = Place(self, order, watch)
        try:
            await watch.open()
        except BaseException:
            place.free()
            raise
        return place

    def tell(self, place: Place, mark: Mark) -> AsyncGenerator[str, None]:
        """The facts that `mark` does not have, and each that comes, as server-sent events; gives the place back."""
        told = self._tell(place, mark)
        weakref.finalize(told, place.free)  # one that is never begun has no end either
        return told

    async def _tell(self, place: Place, mark: Mark) -> AsyncGenerator[str, None]:
        watch, position = place.watch, 0
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST
        try:
            yield f"retry: {COME_BACK * 1000}\n\n"
            while True:
                while position < len(watch.log):
                    id, event = watch.log[position]
                    position += 1
                    if not mark.has(id):
                        mark = mark.with_(id)
                        for each in told_to_buyer([event]):
                            yield f"id: {mark}\ndata: {msgspec.json.encode(each).decode()}\n\n"
                if watch.is_over:
                    end = msgspec.json.encode({"status": watch.status}).decode()
                    yield f"event: end\nid: {mark}\ndata: {end}\n\n"
                    return
                if self._closing or clock() >= until:
                    return
                if await watch.is_quiet():
                    yield STILL_HERE
        finally:
            place.free()

    def news(self, place: Place, seen: int) -> AsyncGenerator[str, None]:
        """For staff: that there are more facts than the `seen`, each time that there are; gives the place back."""
        told = self._news(place, seen)
        weakref.finalize(told, place.free)
        return told

    async def _news(self, place: Place, seen: int) -> AsyncGenerator[str, None]:
        watch = place.watch
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST
        try:
            yield f"retry: {COME_BACK * 1000}\n\n"
            while True:
                if len(watch.log) > seen:
                    seen = len(watch.log)
                    yield f"event: news\ndata: {seen}\n\n"
                if watch.is_over:
                    yield "event: end\ndata: end\n\n"
                    return
                if self._closing or clock() >= until:
                    return
                if await watch.is_quiet():
                    yield STILL_HERE
        finally:
            place.free()

    def leave(self, order: OrderId) -> None:
        """Somebody gave a place back."""
        watch = self._watches[order]
        watch.watchers -= 1
        if watch.watchers == 0:
            del self._watches[order]
            watch.close()

    def close(self) -> None:
        """Ask all to leave; they come back to another process. Again: changes nothing."""
        self._closing = True
        for watch in self._watches.values():
            watch.wake()
