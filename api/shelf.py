"""Catalogue answers kept ready: a second in this process, a few in Redis, longer only to stand in for Postgres.

One request a key fetches while the others wait for it, and a Redis that is away is left alone for a while.
"""

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from models import cache
from models.errors import Unavailable

log = structlog.get_logger()
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MOST_HELD = 1000
"""Answers in memory at most: some 25 MB of full pages."""
REDIS_PAUSE = 5.0
"""Seconds without asking Redis after it failed."""
CACHE_CONTROL = f"public, max-age={int(cache.FRESH.total_seconds())}"

_AGE = struct.Struct(">d")
_HELD, _FRESH, _KEPT = (span.total_seconds() for span in (cache.HELD, cache.FRESH, cache.KEPT))


class Answer(msgspec.Struct, frozen=True):
    """A catalogue answer as it goes out."""

    body: bytes
    etag: str
    headers: list[tuple[bytes, bytes]]
    until: float
    """Monotonic seconds up to which it is given without asking again."""
    made_at: float
    """Unix seconds at which Postgres said so."""

    @property
    def validators(self) -> dict[str, str]:
        """What lets a client keep the answer and ask whether it still holds."""
        return {"ETag": self.etag, "Cache-Control": CACHE_CONTROL}

    def matches(self, if_none_match: str) -> bool:
        """Whether the client has this very answer already."""
        return if_none_match == self.etag or any(
            tag.strip().removeprefix("W/") in (self.etag, "*") for tag in if_none_match.split(",")
        )


class Shelf:
    """The answers of one process, and the way to the others' through Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._redis_from = 0.0
        self._held: dict[str, Answer] = {}
        self._ready: dict[tuple[str, bytes], tuple[Answer, str]] = {}
        self._flights: dict[str, asyncio.Task[Answer]] = {}

    def ready(self, path: str, query: bytes) -> tuple[Answer, str] | None:
        """The answer to exactly this address and its route, when it is still warm: no parsing, no waiting."""
        found = self._ready.get((path, query))
        return found if found is not None and found[0].until > time.monotonic() else None

    def put_ready(self, path: str, query: bytes, route: str, answer: Answer) -> None:
        """Let the next request for the same address have `answer` at once."""
        _keep(self._ready, (path, query), (answer, route))

    async def get(self, key: str, make: Callable[[], Awaitable[bytes]]) -> Answer:
        """The answer under `key`, made anew when no fresh one is at hand.

        Raises: Unavailable when it can be neither made nor found; and whatever `make` refuses with.
        """
        held = self._held.get(key)
        if held is not None and held.until > time.monotonic():
            return held
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._fetch(key, make))
            flight.add_done_callback(lambda done: self._land(key, done))
        return await asyncio.shield(flight)

    def _land(self, key: str, flight: "asyncio.Task[Answer]") -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # seen by those who waited; if all of them left, by nobody, which is as well

    async def _fetch(self, key: str, make: Callable[[], Awaitable[bytes]]) -> Answer:
        found = await self._from_redis(key)
        if found is None or time.time() - found.made_at > _FRESH:
            try:
                found = answer_of(await make())
                await self._to_redis(key, found)
            except Unavailable:
                found = found or self._held.get(key)
                if found is None or time.time() - found.made_at > _KEPT:
                    raise
                log.warning("old answer given", key=key, age=round(time.time() - found.made_at))
                found = answer_of(found.body, found.made_at)
        _keep(self._held, key, found)
        return found

    async def _from_redis(self, key: str) -> Answer | None:
        value = await self._ask(lambda: self._redis.get(key))
        if not isinstance(value, bytes) or len(value) <= _AGE.size:
            return None
        return answer_of(value[_AGE.size :], _AGE.unpack_from(value)[0])

    async def _to_redis(self, key: str, answer: Answer) -> None:
        await self._ask(lambda: self._redis.set(key, _AGE.pack(answer.made_at) + answer.body, ex=int(_KEPT)))

    async def _ask(self, command: Callable[[], Any]) -> Any:
        if time.monotonic() < self._redis_from:
            return None
        try:
            return await command()
        except (RedisError, OSError, TimeoutError) as error:
            self._redis_from = time.monotonic() + REDIS_PAUSE
            log.warning("redis is away", reason=str(error), pause=REDIS_PAUSE)
            return None


def answer_of(body: bytes, made_at: float | None = None) -> Answer:
    """A body with the headers that let a client and a proxy keep it."""
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = [
        (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
        (b"etag", etag.encode()), (b"cache-control", CACHE_CONTROL.encode()),
    ]  # fmt: skip
    return Answer(body, etag, headers, time.monotonic() + _HELD, time.time() if made_at is None else made_at)


def _keep(kept: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Newest last; the oldest makes room."""
    kept.pop(key, None)
    if len(kept) >= MOST_HELD:
        del kept[next(iter(kept))]
    kept[key] = value
