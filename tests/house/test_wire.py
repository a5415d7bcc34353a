"""What we send through Temporal does not change by accident: histories hold it for months."""

import difflib
import json
import os
from pathlib import Path
from typing import Any, get_type_hints

import temporalio.workflow

from tests.house.messages import activity_definitions, schemas, workflow_definitions

SNAPSHOT = Path(__file__).with_name("wire.json")
WRITE = "HOLDFAST_WRITE_WIRE"
ADVICE = f"""The messages between workflows, activities and clients are no longer those of tests/house/wire.json.

Orders that began before a deploy bring the old ones: a new field needs a default; a field, type or name that is gone,
and a new one without a default, break running orders. If the change is meant and safe:

    {WRITE}=1 python -m pytest tests/house/test_wire.py

"""


def wire() -> dict[str, Any]:
    """Names and signatures of all that can be sent, and the schema of each message."""
    workflows = {}
    for name, each in sorted(workflow_definitions().items()):
        definition = temporalio.workflow._Definition.must_from_class(each)
        workflows[name] = {
            "run": _signature(definition.run_fn),
            "updates": {str(key): _signature(value.fn) for key, value in sorted(definition.updates.items(), key=str)},
            "signals": {str(key): _signature(value.fn) for key, value in sorted(definition.signals.items(), key=str)},
            "queries": {str(key): _signature(value.fn) for key, value in sorted(definition.queries.items(), key=str)},
        }
    activities = {name: _signature(each) for name, each in sorted(activity_definitions().items())}
    return {"workflows": workflows, "activities": activities, "messages": schemas()}


def _signature(function: Any) -> list[str]:
    """Its parameters' types and what it returns."""
    return [getattr(hint, "__name__", str(hint)) for hint in get_type_hints(function).values()]


def test_the_wire_is_as_it_was() -> None:
    """Given messages, names and signatures, then they are those of the snapshot, or somebody says that it is meant."""
    now = json.dumps(wire(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get(WRITE):
        SNAPSHOT.write_text(now)
    before = SNAPSHOT.read_text()
    difference = "".join(
        difflib.unified_diff(before.splitlines(keepends=True), now.splitlines(keepends=True), "wire.json", "the code")
    )
    assert not difference, ADVICE + difference
