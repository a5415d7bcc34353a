"""Which activities a workflow asks for, read from the code: what a fault matrix has to know. And which it asked for."""

import ast
import json
import re
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle

ROOM = Path(__file__).parents[2] / "workflows"


def asked_by(workflow: str) -> set[str]:
    """Names of the activities in the calls of `workflows/<workflow>.py` and of what it imports from its room."""
    found: set[str] = set()
    todo, seen = [workflow], {workflow}
    while todo:
        for node in ast.walk(ast.parse((ROOM / f"{todo.pop()}.py").read_text())):
            if isinstance(node, ast.Call) and re.fullmatch(
                r"workflow\.(execute|start)_(local_)?activity_method", ast.unparse(node.func)
            ):
                found.add(ast.unparse(node.args[0]).split(".")[1])
            elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "workflows":
                _, _, module = (node.module or "").partition(".")
                named = {module} if module else {alias.name for alias in node.names}
                todo += named - seen
                seen |= named
    return found


async def tries_on_our_rows(handle: WorkflowHandle[Any, Any], step: str) -> int:
    """How often its history has it that a step on our own rows was tried.

    What was done in a task whose answer a busy machine brought too late is not in it: that is done again.
    """
    tries = 0
    for event in (await handle.fetch_history()).events:
        marker = event.marker_recorded_event_attributes
        if marker.marker_name == "core_local_activity":
            told = json.loads(marker.details["data"].payloads[0].data)
            done = told["activity_type"] == step and told["backoff"] is None  # else it counts on after a timer
            tries += told["attempt"] if done else 0
    return tries
