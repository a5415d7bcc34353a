"""What staff see of a workflow in the Temporal UI is in words: its steps, its waits and its messages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.messages import ROOT

FILES = sorted((ROOT / "workflows").glob("*.py"))
SHOWN = {
    **{f"{how}_{what}{way}": "summary" for how in ("execute", "start") for what in ("activity", "local_activity")
       for way in ("", "_method")},
    "sleep": "summary", "start_child_workflow": "static_summary", "execute_child_workflow": "static_summary",
}  # fmt: skip
"""What leaves a line in the UI, and what says it in words."""


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Everything of the SDK that a file of workflows calls."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
            ast.unparse(node.func.value) == "workflow"):  # fmt: skip
            yield node.func.attr, node


def named(call: ast.Call) -> set[str | None]:
    """The names of what it is told."""
    return {word.arg for word in call.keywords}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_step_wait_and_child_has_a_summary(path: Path) -> None:
    """Given each activity, timer and child, then its line in the UI says what it is for."""
    silent = [
        f"{path.name}:{call.lineno} {name}" for name, call in calls(path)
        if (name in SHOWN and SHOWN[name] not in named(call))
        or (name == "wait_condition" and "timeout" in named(call) and "timeout_summary" not in named(call))
    ]  # fmt: skip
    assert silent == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_message_is_described(path: Path) -> None:
    """Given each update, query and signal, then the UI's form for it says what it does."""
    bare = [
        f"{path.name}:{decorator.lineno}" for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for decorator in node.decorator_list
        if ast.unparse(decorator).startswith(("workflow.update", "workflow.query", "workflow.signal"))
        and not (isinstance(decorator, ast.Call) and "description" in named(decorator))
    ]  # fmt: skip
    assert bare == []
