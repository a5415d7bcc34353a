"""One fetch for a crowd, fresh for seconds, and a stand-in while Postgres is away."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from api import shelf as module
from api.shelf import Shelf
from models.errors import Refusal, Unavailable


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """An empty one."""
    opened = Redis.from_url(redis_url)
    yield opened
    await opened.aclose()


class Source:
    """Counts how often it is asked."""

    def __init__(self, body: bytes = b"{}") -> None:
        self.body = body
        self.asked = 0
        self.error: Exception | None = None

    async def __call__(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return self.body


async def test_a_crowd_asks_once(redis: Redis) -> None:
    """A hundred at once, one fetch."""
    shelf, source = Shelf(redis), Source()

    answers = await asyncio.gather(*(shelf.get("k", (), source) for _ in range(100)))

    assert source.asked == 1
    assert {answer.body for answer in answers} == {b"{}"}


async def test_one_who_leaves_takes_nobody_along(redis: Redis) -> None:
    """The first of a crowd hangs up; the others get their answer."""
    shelf, source = Shelf(redis), Source()
    first = asyncio.create_task(shelf.get("k", (), source))
    second = asyncio.create_task(shelf.get("k", (), source))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).body == b"{}"
    assert source.asked == 1


async def test_processes_share_through_redis(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process need not ask Postgres."""
    monkeypatch.setattr(module, "_FRESH", 600.0)
    source = Source()
    made = await Shelf(redis).get("k", (), source)

    again = await Shelf(redis).get("k", (), source)

    assert source.asked == 1
    assert (again.body, again.etag) == (made.body, made.etag)


async def test_old_answers_are_made_anew(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past its freshness an answer stands in only when no new one can be had, and not for ever."""
    source = Source(b"[1]")
    await Shelf(redis).get("k", (), source)
    clock = time.time() + 6
    monkeypatch.setattr("api.shelf.time.time", lambda: clock)

    source.error = Unavailable("postgres")
    assert (await Shelf(redis).get("k", (), source)).body == b"[1]"
    source.error, source.body = None, b"[2]"
    assert (await Shelf(redis).get("k", (), source)).body == b"[2]"
    clock += 601
    source.error = Unavailable("postgres")
    with pytest.raises(Unavailable):
        await Shelf(redis).get("k", (), source)
    assert source.asked == 4


async def test_refusals_are_not_kept(redis: Redis) -> None:
    """What is not there now may be there the next moment."""
    shelf, source = Shelf(redis), Source()
    source.error = Refusal("product_not_found", "No.")
    with pytest.raises(Refusal):
        await shelf.get("k", (), source)
    source.error = None

    assert (await shelf.get("k", (), source)).body == b"{}"


async def test_redis_is_left_alone_after_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a dead Redis at every request."""
    monkeypatch.setattr(module, "REDIS_PAUSE", 600.0)
    away = Redis.from_url("redis://127.0.0.1:9/0")
    shelf, source = Shelf(away), Source()
    await shelf.get("a", (), source)
    before = shelf._redis_from

    await shelf.get("b", (), source)

    assert source.asked == 2
    assert before > time.monotonic()
    assert shelf._redis_from == before
    await away.aclose()


async def test_memory_is_bounded(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest makes room."""
    monkeypatch.setattr(module, "MOST_HELD", 3)
    monkeypatch.setattr(module.answer_of, "__defaults__", (None, 600.0))
    shelf = Shelf(redis)
    for index in range(5):
        answer = await shelf.get(str(index), (), Source())
        shelf.put_ready(f"/{index}", b"", "/{slug}", answer)

    assert list(shelf._held) == ["2", "3", "4"]
    assert shelf.ready("/1", b"") is None
    assert shelf.ready("/4", b"") == (answer, "/{slug}")
