"""What Temporal knows of a process: whether it is there, what it says of itself, and which step it tries again."""

import asyncio
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import quote

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import PendingActivityState, PendingWorkflowTaskState
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.exceptions import FailureError, TemporalError
from temporalio.service import RPCError, RPCStatusCode

from api.context import House
from api.problems import cannot_connect
from models import explanation
from models.explanation import Whereabouts
from models.sealing import Unreadable

PATIENCE = timedelta(seconds=2)
"""For each question."""
MOST_TRIES = 20
FORGOTTEN = "Temporal keeps no history of it any more."
AWAY = "Temporal does not answer: this is told from the shop's own rows."
AT_WORK = "A worker is at work on it this moment, or has just died: this is told from the shop's own rows."
LOCKED = "Why is sealed with a key that the API does not have (PAYLOAD_KEYS)."
SILENT = "No worker answers for it: this is told from the shop's own rows."


class ProcessState(StrEnum):
    """Whether a process is there."""

    RUNNING = "running"
    ENDED = "ended"
    GONE = "gone"
    """Temporal does not have it, or not any more."""
    UNREACHABLE = "unreachable"
    """Temporal does not answer."""


class TryState(StrEnum):
    """Where a step is."""

    WAITING = "waiting"
    """For its next try, or for a worker that takes it."""
    RUNNING = "running"
    PAUSED = "paused"
    """By an operator."""


class Try(msgspec.Struct, frozen=True):
    """A step that is not done yet."""

    step: str
    state: TryState
    attempt: int
    """How often it was tried, this time included."""
    next_at: datetime | None
    """When it is tried again; null: it is being tried, or nobody knows."""
    until: datetime | None
    """When it is given up, and a person is told; null: never."""
    error: str | None
    """Why the last try failed."""


class Process(msgspec.Struct, frozen=True):
    """One workflow that has to do with the order."""

    kind: str
    """`order`, `refund`, `return`, `late_payment`."""
    n: int | None
    """Which, of several."""
    workflow_id: str
    state: ProcessState
    told: Whereabouts | None
    """What it says of itself; null: it is over, or nobody can answer for it."""
    tries: list[Try]
    note: str | None
    """What is wrong with it."""
    url: str | None
    """Its page in the Temporal UI; null: there is none."""


async def look(house: House, kind: str, workflow_id: str, n: int | None = None) -> Process:
    """How a process is. Never raises: what cannot be found out is said so."""
    handle = house.temporal.get_workflow_handle(workflow_id)
    try:
        async with asyncio.timeout(PATIENCE.total_seconds() * 2):
            seen = await handle.describe(rpc_timeout=PATIENCE)
    except (RPCError, TimeoutError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not cannot_connect(error):
            raise
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
            return Process(kind, n, workflow_id, ProcessState.GONE, None, [], FORGOTTEN, None)
        return Process(kind, n, workflow_id, ProcessState.UNREACHABLE, None, [], AWAY, page_of(house, workflow_id))
    url = page_of(house, workflow_id)
    if seen.status is not WorkflowExecutionStatus.RUNNING:
        return Process(kind, n, workflow_id, ProcessState.ENDED, None, [], _how_ended(seen), url)
    told: Whereabouts | None = None
    note = None
    try:
        async with asyncio.timeout(PATIENCE.total_seconds() * 2):
            told = await handle.query("told", result_type=Whereabouts, rpc_timeout=PATIENCE)
    except (TemporalError, TimeoutError):
        note = _why_silent(seen)
    except Unreadable:
        note = LOCKED
    tries = [await _try(house, each) for each in seen.raw_description.pending_activities[:MOST_TRIES]]
    return Process(kind, n, workflow_id, ProcessState.RUNNING, told, tries, note, url)


def _how_ended(seen: WorkflowExecutionDescription) -> str | None:
    how = seen.status.name.lower().replace("_", " ") if seen.status else "completed"
    return None if how == "completed" else f"It ended in a way it should not: {how}."


def _why_silent(seen: WorkflowExecutionDescription) -> str:
    """Why a process that runs does not say what it does."""
    task = seen.raw_description.pending_workflow_task
    if seen.raw_description.HasField("pending_workflow_task") and task.attempt > 1:
        return (
            f"It meets a defect of the program and waits for the fix (try {task.attempt}); nothing is lost. "
            "Tell the engineers."
        )
    return AT_WORK if task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED else SILENT


async def _try(house: House, pending: PendingActivityInfo) -> Try:
    state = TryState.WAITING
    if pending.paused:
        state = TryState.PAUSED
    elif pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
        state = TryState.RUNNING
    waits = state is TryState.WAITING and pending.attempt > 1
    failed = pending.HasField("last_failure")
    return Try(
        pending.activity_type.name.replace("_", " "), state, pending.attempt,
        _at(pending.next_attempt_schedule_time) or _at(pending.scheduled_time) if waits else None,
        _at(pending.expiration_time), await _words(house, pending.last_failure) if failed else None,
    )  # fmt: skip


async def _words(house: House, failed: Failure) -> str:
    timeout = failed.HasField("timeout_failure_info")
    kind = "timeout" if timeout else failed.application_failure_info.type or None
    try:
        error = await house.temporal.data_converter.decode_failure(failed)
    except Unreadable:
        return LOCKED
    return explanation.failure(kind, error.message if isinstance(error, FailureError) else str(error))


def _at(moment: Timestamp) -> datetime | None:
    return moment.ToDatetime(tzinfo=UTC) if moment.seconds else None


def page_of(house: House, workflow_id: str) -> str | None:
    """Where the Temporal UI shows a workflow; None: there is none."""
    base, namespace = house.settings.temporal_ui_url, house.settings.temporal_namespace
    return f"{base}/namespaces/{quote(namespace, safe='')}/workflows/{quote(workflow_id, safe='')}" if base else None
