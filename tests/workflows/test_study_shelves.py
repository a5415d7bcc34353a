"""The study of what people buy and look at: in steps, in sight of operators, on a schedule of its own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import ScheduleActionStartWorkflow, ScheduleHandle, ScheduleOverlapPolicy, WorkflowHandle

import worker
from models.settings import WorkerSettings
from tests import people, seals, shop
from tests.flow import Flow
from tests.reviewers import bought
from tests.workflows.schedules import forget_schedules
from workflows import study_shelves
from workflows.patience import ORDERS
from workflows.study_shelves import STUDY_SHELVES_ID, Study, StudyShelves


async def studied(flow: Flow, unique: str) -> tuple[int, WorkflowHandle[Any, Any]]:
    """How many steps one study took."""
    with flow.skipper.with_time_skipping_disabled():
        handle = await flow.client.start_workflow(
            StudyShelves.run, Study(), id=f"{STUDY_SHELVES_ID}-{unique}", task_queue=ORDERS
        )
    return await asyncio.wait_for(handle.result(), 60), handle


async def test_a_study_goes_through_everything(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given five orders and five products, in steps of two, then all are studied, and a study again finds the same."""
    for name in ("ORDERS_A_STEP", "FIGURES_A_STEP", "RELATIONS_A_STEP"):
        monkeypatch.setattr(study_shelves, name, 2)
    async with flow.database.writing() as writer:
        skus = [f"S{number}" for number in range(5)]
        for sku in skus:
            await shop.stock_product(writer, sku, 10)
        users = [await people.account(writer) for _ in range(2)]
    for user in users:
        for sku in skus[:2]:
            await bought(flow.database, user, sku)
    await bought(flow.database, None, skus[4])
    steps, handle = await studied(flow, "first")
    assert steps == 3 + 1 + 3 + 3
    assert "Relate 2 products" in seals.said(await handle.fetch_history())
    figures = await flow.database.fetch(
        "SELECT p.slug, f.sold FROM product_figures f JOIN products p ON p.id = f.product_id ORDER BY 1"
    )
    assert [tuple(row) for row in figures] == [("s0", 2), ("s1", 2), ("s4", 1)]
    kinds = await flow.database.fetch(
        "SELECT p.slug, r.kind FROM related_products r JOIN products p ON p.id = r.product_id "
        "WHERE r.kind <> 'alike' ORDER BY 1, 2"
    )
    assert [tuple(row) for row in kinds] == [("s0", "bought"), ("s1", "bought")]
    # The week before the newest order is gathered again, everything is counted again, nothing is due to be related.
    assert (await studied(flow, "again"))[0] == 3 + 1 + 3 + 1


@pytest.fixture
async def schedules(flow: Flow, settings: WorkerSettings) -> AsyncIterator[ScheduleHandle]:
    """Those that a worker makes; the study's."""
    yield flow.client.get_schedule_handle(STUDY_SHELVES_ID)
    await forget_schedules(flow, settings)


async def test_a_worker_that_starts_has_the_shelves_studied(
    flow: Flow, settings: WorkerSettings, schedules: ScheduleHandle
) -> None:
    """Given a worker that starts, then the schedule is as its settings say, and never two studies at a time."""
    await worker.keep_schedules(flow.client, settings)
    found = (await schedules.describe()).schedule
    assert [interval.every for interval in found.spec.intervals] == [timedelta(hours=1)]
    assert isinstance(found.action, ScheduleActionStartWorkflow)
    assert (found.action.workflow, found.action.id) == ("StudyShelves", STUDY_SHELVES_ID)
    assert found.policy.overlap is ScheduleOverlapPolicy.SKIP
