"""Alive is one question, able to sell another."""

import time
from typing import Any

import anyio

from tests.api.conftest import NOBODY, Api, StartApi


def states(answer: Any) -> dict[str, str]:
    """Each neighbour's."""
    return {name: neighbour["state"] for name, neighbour in answer.json()["neighbours"].items()}


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

    ready = await api.get("/health/ready")

    assert ready.status_code == 503
    assert states(ready) == {"postgres": "up", "redis": "up", "temporal": "up", "worker": "down"}


async def test_ready(house: Any) -> None:
    """The whole house says so."""
    async with house.client() as client:
        with anyio.fail_after(60):  # of all tests' neighbours, one may need more than its two seconds just now
            while (ready := await client.get(f"{house.root}/health/ready")).status_code != 200:
                await anyio.sleep(0.2)

    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert states(ready) == {"postgres": "up", "redis": "up", "temporal": "up", "worker": "up"}
    assert all(0 < neighbour["ms"] < 2500 for neighbour in ready.json()["neighbours"].values())


async def test_sells_without_redis_and_search(api: Api, start_api: StartApi, parts: dict[str, str]) -> None:
    """They make it faster and better, not possible; and nobody waits long to find out."""
    alone = await start_api(REDIS_URL=f"redis://{NOBODY}/0", MEILISEARCH_URL=f"http://{NOBODY}")
    began = time.monotonic()

    ready = await alone.get("/health/ready")

    assert {"redis": "down", "meilisearch": "down", "postgres": "up"}.items() <= states(ready).items()
    assert time.monotonic() - began < 10
