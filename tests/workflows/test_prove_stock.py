"""The proof of the stock, on a schedule: nothing to say on a good day, and which numbers are wrong on a bad one."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import ScheduleActionStartWorkflow, ScheduleHandle, ScheduleOverlapPolicy

import worker
from activities.stock import StockProof
from models.inventory import Drifted
from models.settings import WorkerSettings
from tests import shop
from tests.flow import Flow
from tests.workflows.schedules import forget_schedules
from workflows.patience import ORDERS
from workflows.prove_stock import PROVE_STOCK_ID, ProveStock


async def proven(flow: Flow, name: str) -> tuple[StockProof, str]:
    """What a proof comes to, and what it shows."""
    with flow.skipper.with_time_skipping_disabled():
        handle = await flow.client.start_workflow(ProveStock.run, id=f"{PROVE_STOCK_ID}-{name}", task_queue=ORDERS)
        proof = await handle.result()
    known: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return proof, known.current_details


async def test_a_good_day_and_a_bad_one(flow: Flow) -> None:
    """Given stock that is explained, then nothing is said; given a number changed by hand, then it is named."""
    async with flow.database.writing() as writer:
        await shop.stock_product(writer, "MUG", 5)
    assert await proven(flow, "good") == (StockProof(0, []), "### Every number is explained")
    async with flow.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE stock_levels SET on_hand = 7")
    proof, told = await proven(flow, "bad")
    assert proof == StockProof(1, [Drifted("MUG", "main", "on_hand", 7, 5)])
    assert told == "### 1 numbers are wrong\n\n- MUG at main: on_hand is 7, not 5\n"


@pytest.fixture
async def schedule(flow: Flow, settings: WorkerSettings) -> AsyncIterator[ScheduleHandle]:
    """The schedule that a worker makes."""
    handle = flow.client.get_schedule_handle(PROVE_STOCK_ID)
    yield handle
    await forget_schedules(flow, settings)


async def test_a_worker_that_starts_has_the_stock_proven(
    flow: Flow, settings: WorkerSettings, schedule: ScheduleHandle
) -> None:
    """Given a worker that starts, then the schedule is as its settings say, and never two proofs at a time."""
    await worker.keep_schedules(flow.client, settings)
    found = (await schedule.describe()).schedule
    assert [interval.every for interval in found.spec.intervals] == [timedelta(hours=1)]
    assert isinstance(found.action, ScheduleActionStartWorkflow)
    assert (found.action.workflow, found.action.id) == ("ProveStock", PROVE_STOCK_ID)
    assert found.policy.overlap is ScheduleOverlapPolicy.SKIP
