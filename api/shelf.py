"""Catalogue answers kept ready: a second in this process, some in Redis until what they are about has changed.

One request a key fetches while the others wait for it, in this process and in all others; a Redis that is away is left
alone for a while. While Postgres is away, old answers stand in.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

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
ONE_MAKES = 1.0
"""Seconds for which one process alone makes an answer; the others give the old one, or wait."""
LOOK_AGAIN = 0.02
"""Seconds between two looks of one that waits, and for which an old answer is held."""
CACHE_CONTROL = f"public, max-age={int(cache.FRESH.total_seconds())}"

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


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """An answer as Redis keeps it."""

    made_at: float
    versions: list[bytes | None]
    """Of what it is about, read before it was made."""
    body: bytes


class _Seen(NamedTuple):
    """What Redis says: the answer it has, and the versions that one made now will have. None: it says nothing."""

    kept: Kept | None
    versions: list[bytes | None] | None

    @property
    def fresh(self) -> bool:
        kept = self.kept
        return kept is not None and kept.versions == self.versions and time.time() - kept.made_at <= _FRESH


_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Kept).decode


class Shelf:
    """The answers of one process, and the way to the others' through Redis."""

    def __init__(self, redis: Redis) -> None:
        self.given = {"memory": 0, "redis": 0, "postgres": 0, "old": 0}
        """How many answers came from where, for `api/metrics.py`."""
        self._redis = redis
        self._redis_from = 0.0
        self._held: dict[str, Answer] = {}
        self._ready: dict[tuple[str, bytes], tuple[Answer, str]] = {}
        self._flights: dict[str, asyncio.Task[Answer]] = {}

    def ready(self, path: str, query: bytes) -> tuple[Answer, str] | None:
        """The answer to exactly this address and its route, when it is still warm: no parsing, no waiting."""
        found = self._ready.get((path, query))
        if found is None or found[0].until <= time.monotonic():
            return None
        self.given["memory"] += 1
        return found

    def put_ready(self, path: str, query: bytes, route: str, answer: Answer) -> None:
        """Let the next request for the same address have `answer` at once."""
        _keep(self._ready, (path, query), (answer, route))

    async def get(self, key: str, about: Sequence[str], make: Callable[[], Awaitable[bytes]]) -> Answer:
        """The answer under `key`, made anew when no fresh one is at hand or what it is `about` has changed.

        Raises: Unavailable when it can be neither made nor found; and whatever `make` refuses with.
        """
        held = self._held.get(key)
        if held is not None and held.until > time.monotonic():
            self.given["memory"] += 1
            return held
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._fetch(key, about, make))
            flight.add_done_callback(lambda done: self._land(key, done))
        else:
            self.given["memory"] += 1
        return await asyncio.shield(flight)

    def _land(self, key: str, flight: "asyncio.Task[Answer]") -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # seen by those who waited; if all of them left, by nobody, which is as well

    async def _fetch(self, key: str, about: Sequence[str], make: Callable[[], Awaitable[bytes]]) -> Answer:
        seen = await self._look(key, about)
        if not seen.fresh:
            mine, seen = await self._claim(key, about)
            if not mine and not seen.fresh:
                if seen.kept is not None and time.time() - seen.kept.made_at <= _KEPT:
                    return self._give("old", key, answer_of(seen.kept.body, seen.kept.made_at, LOOK_AGAIN))
                seen = await self._wait(key, about)
        if seen.fresh and seen.kept is not None:
            return self._give("redis", key, answer_of(seen.kept.body, seen.kept.made_at))
        try:
            answer = answer_of(await make())
        except Exception as error:
            await self._ask(lambda: self._redis.delete(cache.being_made(key)))
            old = self._stand_in(key, seen.kept) if isinstance(error, Unavailable) else None
            if old is None:
                raise
            return self._give("old", key, old)
        await self._put(key, answer, seen.versions)
        return self._give("postgres", key, answer)

    def _give(self, source: str, key: str, answer: Answer) -> Answer:
        self.given[source] += 1
        _keep(self._held, key, answer)
        return answer

    def _stand_in(self, key: str, kept: Kept | None) -> Answer | None:
        """An answer while Postgres is away; None when there is none, or none young enough."""
        old = kept or self._held.get(key)
        if old is None or time.time() - old.made_at > _KEPT:
            return None
        log.warning("old answer given", key=key, age=round(time.time() - old.made_at))
        return answer_of(old.body, old.made_at)

    async def _look(self, key: str, about: Sequence[str]) -> _Seen:
        return _seen(await self._ask(lambda: self._redis.mget(key, *map(cache.version, about))))

    async def _claim(self, key: str, about: Sequence[str]) -> tuple[bool, _Seen]:
        """Whether this process is to make the answer, because no other one does already; and what there is by now:
        whoever made it meanwhile has put it there before it let go.
        """

        async def claim() -> Any:
            async with self._redis.pipeline(transaction=False) as commands:
                commands.set(cache.being_made(key), b"", nx=True, px=int(ONE_MAKES * 1000))
                commands.mget(key, *map(cache.version, about))
                return await commands.execute()

        answers = await self._ask(claim)
        if answers is None:
            return True, _Seen(None, None)
        taken, seen = answers[0] is not None, _seen(answers[1])
        if taken and seen.fresh:
            await self._ask(lambda: self._redis.delete(cache.being_made(key)))
        return taken, seen

    async def _wait(self, key: str, about: Sequence[str]) -> _Seen:
        """Until another process has made the answer, or has had its time for it."""
        until = time.monotonic() + ONE_MAKES
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            seen = await self._look(key, about)
            if seen.fresh or seen.versions is None or time.monotonic() > until:
                return seen

    async def _put(self, key: str, answer: Answer, versions: list[bytes | None] | None) -> None:
        if versions is None:
            return  # who does not know what it was made under cannot know how long it holds

        async def write() -> None:
            async with self._redis.pipeline(transaction=False) as commands:
                commands.set(key, _encode(Kept(answer.made_at, versions, answer.body)), ex=int(_KEPT))
                commands.delete(cache.being_made(key))
                await commands.execute()

        await self._ask(write)

    async def _ask(self, command: Callable[[], Any]) -> Any:
        if time.monotonic() < self._redis_from:
            return None
        try:
            return await command()
        except (RedisError, OSError, TimeoutError) as error:
            self._redis_from = time.monotonic() + REDIS_PAUSE
            log.warning("redis is away", reason=str(error), pause=REDIS_PAUSE)
            return None


def _seen(found: object) -> _Seen:
    if not isinstance(found, list):
        return _Seen(None, None)
    try:
        return _Seen(None if found[0] is None else _decode(found[0]), found[1:])
    except msgspec.MsgspecError:  # another release wrote it
        return _Seen(None, found[1:])


def answer_of(body: bytes, made_at: float | None = None, held: float = _HELD) -> Answer:
    """A body with the headers that let a client and a proxy keep it."""
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = [
        (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
        (b"etag", etag.encode()), (b"cache-control", CACHE_CONTROL.encode()),
    ]  # fmt: skip
    return Answer(body, etag, headers, time.monotonic() + held, time.time() if made_at is None else made_at)


def _keep(kept: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Newest last; the oldest makes room."""
    kept.pop(key, None)
    if len(kept) >= MOST_HELD:
        del kept[next(iter(kept))]
    kept[key] = value
