"""Schedules, read once a change shows, and all forgotten: one that is left begins its work amid a later test."""

import asyncio
from collections.abc import Callable
from typing import cast

from temporalio.client import Client, Schedule, ScheduleHandle
from temporalio.service import RPCError, RPCStatusCode

import worker
from models.settings import WorkerSettings
from tests.flow import Flow


class _Noting:
    """What a worker takes for a client: notes which schedules it would make. The server's own list is told late."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    async def create_schedule(self, name: str, wanted: Schedule) -> None:
        self.names.add(name)


async def forget_schedules(flow: Flow, settings: WorkerSettings) -> None:
    """None is left of those that a worker makes, nor of any that the server lists."""
    noting = _Noting()
    await worker.keep_schedules(cast(Client, noting), settings)
    listed = {each.id async for each in await flow.client.list_schedules()}
    for name in noting.names | listed:
        try:
            await flow.client.get_schedule_handle(name).delete()
        except RPCError as gone:
            if gone.status is not RPCStatusCode.NOT_FOUND:
                raise


async def shown(schedule: ScheduleHandle, holds: Callable[[Schedule], bool]) -> Schedule:
    """The schedule once this holds of it: Temporal answers a change before the schedule itself has read it."""
    async with asyncio.timeout(60):
        while not holds(found := (await schedule.describe()).schedule):
            await asyncio.sleep(0.05)
    return found
