"""Alive is one question, able to sell another."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import anyio
import httpx

from tests.api.conftest import NOBODY, Api, StartApi


def states(answer: Any) -> dict[str, str]:
    """Each neighbour's."""
    return {name: neighbour["state"] for name, neighbour in answer.json()["neighbours"].items()}


def waits(answer: Any) -> list[float]:
    """Milliseconds that each neighbour was waited for."""
    return [neighbour["ms"] for neighbour in answer.json()["neighbours"].values()]


async def until(asked: Callable[[], Awaitable[httpx.Response]], holds: Callable[[httpx.Response], bool]) -> Any:
    """The first answer of which this holds: of all tests' neighbours, one may need more than its two seconds just
    now. Or the last of a minute's."""
    answer = await asked()
    with anyio.move_on_after(60):
        while not holds(answer):
            await anyio.sleep(0.2)
            answer = await asked()
    return answer


async def test_alive_whatever_is_away(start_api: StartApi) -> None:
    """A restart of the API mends no neighbour."""
    api = await start_api(DATABASE_URL=f"postgresql://nobody@{NOBODY}/nothing", REDIS_URL=f"redis://{NOBODY}/0")

    assert (await api.get("/health")).json() == {"status": "healthy"}
    assert (await api.get("/health/live")).json() == {"status": "healthy"}
    ready = await api.get("/health/ready")
    assert (ready.status_code, ready.json()["status"], ready.headers["retry-after"]) == (503, "down", "2")
    assert states(ready) == {"postgres": "down", "redis": "down", "temporal": "down", "worker": "down"}


async def test_no_order_without_a_worker(start_api: StartApi, parts: dict[str, str]) -> None:
    """Temporal would take it, and nobody would pack it."""
    api = await start_api(TEMPORAL_ADDRESS=parts["TEMPORAL_ADDRESS"])
    wanted = {"postgres": "up", "redis": "up", "temporal": "up", "worker": "down"}

    ready = await until(lambda: api.get("/health/ready"), lambda answer: states(answer) == wanted)

    assert ready.status_code == 503
    assert states(ready) == wanted


async def test_ready(house: Any) -> None:
    """The whole house says so."""
    async with house.client() as client:
        ready = await until(
            lambda: client.get(f"{house.root}/health/ready"),
            lambda answer: answer.status_code == 200 and max(waits(answer)) < 2500,
        )

    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert states(ready) == {"postgres": "up", "redis": "up", "temporal": "up", "worker": "up"}
    assert all(0 < wait < 2500 for wait in waits(ready))


async def test_sells_without_redis_and_search(api: Api, start_api: StartApi, parts: dict[str, str]) -> None:
    """They make it faster and better, not possible; and nobody waits long to find out."""
    alone = await start_api(REDIS_URL=f"redis://{NOBODY}/0", MEILISEARCH_URL=f"http://{NOBODY}")
    wanted = {"redis": "down", "meilisearch": "down", "postgres": "up"}.items()

    ready = await until(
        lambda: alone.get("/health/ready"),
        lambda answer: wanted <= states(answer).items() and answer.elapsed < timedelta(seconds=10),
    )

    assert wanted <= states(ready).items()
    assert ready.elapsed < timedelta(seconds=10)
