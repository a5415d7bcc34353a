"""For machines that watch the house: is the process alive, can an order be placed, and the numbers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import structlog
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from api.context import House
from api.metrics import CONTENT_TYPE, Meter
from models import clock
from workflows.patience import ORDERS

log = structlog.get_logger()

PATIENCE = 2.0
"""Seconds a neighbour has for its answer."""
POLLED = timedelta(seconds=75)
"""A worker asks for work at least once a minute; one that was not heard of for this long is gone."""
ORDERS_NEED = frozenset(("postgres", "temporal", "worker"))
"""Without Redis or the search engine the shop still sells."""


class Health(msgspec.Struct, frozen=True):
    """`healthy`: the process answers."""

    status: str


class Neighbour(msgspec.Struct, frozen=True):
    """One neighbour's state: `up` or `down`."""

    state: str
    ms: float
    """How long it took to find out."""


class Readiness(msgspec.Struct, frozen=True):
    """`ready`: orders can be placed. `degraded`: they can, but something is missing. `down`: they cannot."""

    status: str
    neighbours: dict[str, Neighbour]


@get("/health", operation_id="health", tags=["Operations"], summary="Does the process answer?")
async def health() -> Health:
    """Asks nobody else."""
    return Health("healthy")


@get("/health/live", operation_id="live", tags=["Operations"], summary="Should the process be left running?")
async def live() -> Health:
    """Asks nobody else: a restart of the API mends no neighbour."""
    return Health("healthy")


@get(
    "/health/ready", operation_id="ready", tags=["Operations"], summary="Can orders be placed?",
    responses={503: ResponseSpec(Readiness, generate_examples=False, description="They cannot")},
)  # fmt: skip
async def ready(house: House) -> Response[Readiness]:
    """Asks every neighbour at once, each for two seconds at most. 503 when one is down that orders need."""
    asked: dict[str, Callable[[House], Awaitable[Any]]] = {
        "postgres": _postgres, "redis": _redis, "temporal": _temporal, "worker": _worker,
    }  # fmt: skip
    if house.settings.meilisearch_url:
        asked["meilisearch"] = _meilisearch
    states = await asyncio.gather(*(_ask(name, ask(house)) for name, ask in asked.items()))
    neighbours = dict(zip(asked, states, strict=True))
    down = {name for name, neighbour in neighbours.items() if neighbour.state == "down"}
    status = "down" if down & ORDERS_NEED else "degraded" if down else "ready"
    return Response(Readiness(status, neighbours), status_code=503 if status == "down" else 200,
                    headers={"Retry-After": "2"} if status == "down" else {})  # fmt: skip


@get(
    "/metrics", operation_id="metrics", tags=["Operations"], summary="Numbers for Prometheus", media_type="text/plain"
)  # fmt: skip
async def metrics(meter: NamedDependency[Meter]) -> Response[bytes]:
    """In Prometheus' text format; each API process tells its own."""
    return Response(meter.text(), headers={"Content-Type": CONTENT_TYPE})


async def _ask(name: str, answer: Awaitable[Any]) -> Neighbour:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PATIENCE):
            await answer
        state = "up"
    except Exception as error:  # noqa: BLE001 whatever goes wrong with a neighbour, it is not ready
        log.info("not ready", neighbour=name, reason=f"{type(error).__name__}: {error}"[:300])
        state = "down"
    return Neighbour(state, round((time.perf_counter() - began) * 1000, 1))


async def _postgres(house: House) -> None:
    await house.database.fetch("SELECT 1")


async def _redis(house: House) -> None:
    await house.redis.ping()


async def _temporal(house: House) -> None:
    if not await house.temporal.service_client.check_health(timeout=timedelta(seconds=PATIENCE)):
        raise ConnectionError("not serving")


async def _worker(house: House) -> None:
    queue = await house.temporal.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=house.settings.temporal_namespace, task_queue=TaskQueue(name=ORDERS),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        ),
        timeout=timedelta(seconds=PATIENCE),
    )  # fmt: skip
    heard = [poller.last_access_time.ToDatetime(tzinfo=clock.now().tzinfo) for poller in queue.pollers]
    if not any(clock.now() - at < POLLED for at in heard):
        raise ConnectionError("no worker asks for orders")


async def _meilisearch(house: House) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        (await client.get(f"{house.settings.meilisearch_url}/health")).raise_for_status()


handlers = [health, live, ready, metrics]
