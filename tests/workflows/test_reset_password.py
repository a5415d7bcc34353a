"""A reset of a password: written with its letter, waiting in sight of its operators, forgotten when it is over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from models.ids import ResetId, new_id
from models.reset import code
from models.settings import WorkerSettings
from tests import people, seals
from tests.flow import Flow
from tests.workflows.costs import TASKS
from tests.workflows.trouble import Trouble
from workflows.patience import ORDERS
from workflows.reset_password import AskForReset, ResetPassword, reset_workflow_id

ADA = "ada@example.com"
ROWS = "SELECT id, user_id, expires_at FROM password_resets"


@pytest.fixture
async def ask(flow: Flow) -> AsyncIterator[Any]:
    """Asks for a reset as the API does; what a test leaves open is ended after it."""
    handles: list[WorkflowHandle[Any, Any]] = []
    async with flow.database.writing() as writer:
        await people.account(writer, email=ADA)

    async def begin(email: str = ADA, unique: object = None) -> WorkflowHandle[ResetPassword, None]:
        with flow.skipper.with_time_skipping_disabled():
            handle = await flow.client.start_workflow(
                ResetPassword.run, AskForReset(email), id=reset_workflow_id(unique or new_id()), task_queue=ORDERS
            )
        handles.append(handle)
        return handle

    yield begin
    for handle in handles:
        with suppress(RPCError):  # it has ended by itself
            await handle.terminate("the test is over")


async def until(flow: Flow, sql: str, count: int) -> list[Any]:
    """Its rows, as soon as there are so many."""
    async with asyncio.timeout(60):
        while len(rows := await flow.database.fetch(sql)) != count:
            await asyncio.sleep(0.02)
    return rows


async def card(handle: WorkflowHandle[Any, Any]) -> str:
    """What its page in the Temporal UI says."""
    metadata: Any = await handle.query("__temporal_workflow_metadata")
    return str(metadata)


async def test_a_reset_waits_for_its_code_and_is_then_forgotten(flow: Flow, ask: Any, settings: WorkerSettings) -> None:
    """Given an account, then there are a row for an hour and one letter, and no code in the history."""
    handle = await ask()
    [row] = await until(flow, ROWS, 1)
    late = row["expires_at"] - (await handle.describe()).start_time - timedelta(hours=1)
    assert timedelta(0) <= late < timedelta(minutes=1)  # however late its first step came
    assert row["user_id"] is not None
    assert (
        len(await flow.database.fetch("SELECT 1 FROM outbox WHERE payload::jsonb ->> 'reset' = $1", str(row["id"])))
        == 1
    )
    async with asyncio.timeout(60):
        while "Waiting for the code" not in await card(handle):
            await asyncio.sleep(0.05)

    await flow.fast_forward(handle, timedelta(minutes=69))
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    await flow.fast_forward(handle, timedelta(minutes=2))
    await asyncio.wait_for(handle.result(), 60)

    assert await flow.database.fetch(ROWS) == []
    history = await handle.fetch_history()
    assert not [event for event in history.events if ADA.encode() in event.SerializeToString()]
    assert seals.said(history).count(ADA) == 1
    assert code(settings.secret_key, ResetId(row["id"])) not in seals.said(history)


async def test_an_address_that_nobody_has_is_told_the_same_story(flow: Flow, ask: Any) -> None:
    """Given no account, then the same steps and the same wait, and no letter."""
    handles = [await ask(), await ask("nobody@example.com")]
    await until(flow, ROWS, 2)
    for handle in handles:
        await flow.fast_forward(handle, timedelta(minutes=71))
        await asyncio.wait_for(handle.result(), 60)
    kinds = [
        [event.event_type for event in (await handle.fetch_history()).events if event.event_type not in TASKS]
        for handle in handles
    ]
    assert kinds[0] == kinds[1]
    assert len(await flow.database.fetch("SELECT 1 FROM outbox")) == 1
    assert await flow.database.fetch(ROWS) == []


async def test_steps_that_fail_or_are_run_twice_change_nothing_twice(flow: Flow, ask: Any, trouble: Trouble) -> None:
    """Given answers that get lost and a Postgres that was away, then there is one row, one letter, and an end."""
    unique = new_id()
    for step in ("open_reset", "close_reset"):
        trouble.plan(reset_workflow_id(unique), step, "before", "after", "after")
    handle = await ask(unique=unique)
    await until(flow, "SELECT 1 FROM outbox", 1)
    async with asyncio.timeout(60):
        while "Waiting for the code" not in await card(handle):
            await asyncio.sleep(0.05)
    assert len(await flow.database.fetch("SELECT 1 FROM password_resets WHERE asked = 1 AND tries = 0")) == 1
    await flow.fast_forward(handle, timedelta(minutes=71))
    await asyncio.wait_for(handle.result(), 60)
    assert trouble.to_come() == []
    assert await flow.database.fetch(ROWS) == []
    assert len(await flow.database.fetch("SELECT 1 FROM outbox")) == 1


async def test_a_cancel_makes_the_code_worthless_at_once(flow: Flow, ask: Any) -> None:
    """Given an operator who cancels, then the reset is forgotten and the workflow ends as after its time."""
    handle = await ask()
    [row] = await until(flow, ROWS, 1)
    await handle.cancel()
    await asyncio.wait_for(handle.result(), 60)
    assert await flow.database.fetch(ROWS) == []
    assert (await handle.describe()).close_time - row["expires_at"] < -timedelta(minutes=50)


async def test_a_later_reset_is_not_ended_by_an_earlier_one_s_end(flow: Flow, ask: Any) -> None:
    """Given two resets of one address, when the first is over, then the second is still there."""
    first = await ask()
    [one] = await until(flow, ROWS, 1)
    second = await ask()
    [other] = await until(flow, f"{ROWS} WHERE id <> '{one['id']}'", 1)
    await flow.fast_forward(first, timedelta(minutes=71))
    await asyncio.wait_for(first.result(), 60)
    assert [row["id"] for row in await flow.database.fetch(ROWS)] == [other["id"]]
    assert (await second.describe()).status is WorkflowExecutionStatus.RUNNING
