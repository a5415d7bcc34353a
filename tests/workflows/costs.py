"""What a story costs Temporal, counted in its history: events, bytes, state transitions and billed actions."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHandle

STATED = Path(__file__).with_name("costs.json")
"""As they were when the histories were recorded; told in docs/order-life.md."""
TASKS = (
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
)  # fmt: skip
"""Of which a busy worker may need more."""
_BILLED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: 1,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: 1,
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: 2,
    EventType.EVENT_TYPE_TIMER_STARTED: 1,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: 1,
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: 1,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: 1,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 1,
    EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED: 1,
}
"""Events that Temporal Cloud bills as they stand; activities and markers are counted apart."""


class Cost(msgspec.Struct, frozen=True):
    """Of one workflow, from its start to where the story leaves it."""

    events: int
    tasks: int
    """Of these: of workflow tasks, of which a busy worker may need more."""
    bytes: int
    """Of the history, as the server counts."""
    transitions: int
    """State transitions of the server: what its database does."""
    actions: int
    """As Temporal Cloud bills. Local activities of one workflow task are one."""


def stated() -> dict[str, Cost]:
    """By the names of the stories."""
    return msgspec.json.decode(STATED.read_bytes(), type=dict[str, Cost])


async def of(handle: WorkflowHandle[Any, Any]) -> Cost:
    """What it has cost by now."""
    events = (await handle.fetch_history()).events
    info = (await handle.describe()).raw_description.workflow_execution_info
    tasks = sum(event.event_type in TASKS for event in events)
    return Cost(len(events), tasks, info.history_size_bytes, info.state_transition_count, actions(events))


def actions(events: Iterable[HistoryEvent]) -> int:
    """Billed actions in a history. https://docs.temporal.io/cloud/actions"""
    billed, local = 0, set[int]()
    for event in events:
        billed += _BILLED.get(event.event_type, 0)
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            billed += event.activity_task_started_event_attributes.attempt
        elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            marker = event.marker_recorded_event_attributes
            if marker.marker_name == "core_local_activity":
                local.add(marker.workflow_task_completed_event_id)
            else:
                billed += 1
    return billed + len(local)
