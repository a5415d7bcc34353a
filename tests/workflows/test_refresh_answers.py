"""The workflow that makes cached answers old: over failures of every step, and over several of its own lives."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from redis.asyncio import Redis
from temporalio.client import WorkflowHandle

from models import cache
from models.settings import WorkerSettings
from models.tables.catalog import products
from tests import shop
from tests.flow import Flow
from tests.workflows.trouble import Trouble
from workflows import refresh_answers
from workflows.patience import ORDERS
from workflows.refresh_answers import REFRESH_ANSWERS_ID, RefreshAnswers


@pytest.fixture
async def refresher(flow: Flow) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    """Started by the test that wants it."""
    yield flow.client.get_workflow_handle(REFRESH_ANSWERS_ID)
    await flow.client.get_workflow_handle(REFRESH_ANSWERS_ID).terminate("the test is over")


async def start(flow: Flow) -> None:
    """Begin to follow the catalogue."""
    with flow.skipper.with_time_skipping_disabled():
        await flow.client.start_workflow(RefreshAnswers.run, id=REFRESH_ANSWERS_ID, task_queue=ORDERS)


async def settled(flow: Flow) -> None:
    """Wait until nothing is left to be told."""
    async with asyncio.timeout(60):
        while await flow.database.fetch("SELECT FROM catalogue_changes WHERE reader = 'answers'"):
            await asyncio.sleep(0.05)


async def test_every_change_is_told(
    flow: Flow, settings: WorkerSettings, refresher: WorkflowHandle[Any, Any], trouble: Trouble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Given steps that fail before and after their effect, then each change still makes its own answers old."""
    monkeypatch.setattr(refresh_answers, "ROUNDS", 2)
    for step in ("await_changes", "find_outdated", "drop_answers", "settle_changes"):
        trouble.plan(REFRESH_ANSWERS_ID, step, "before", "after")
    versions = []
    async with Redis.from_url(settings.redis_url) as redis:
        await redis.delete(cache.version("product:mug"))
        async with flow.database.writing() as writer:
            await shop.stock_product(writer, "MUG", 5)
        await start(flow)
        for name in ("Jug", "Pot", "Urn"):
            await settled(flow)
            versions.append(await redis.get(cache.version("product:mug")))
            async with flow.database.writing() as writer:
                await writer.execute(sa.update(products).values(name=name))
    assert None not in versions and len(set(versions)) == 3
    assert trouble.to_come() == []
    begun = await refresher.describe()
    assert begun.raw_description.workflow_execution_info.first_run_id != begun.run_id
