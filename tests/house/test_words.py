"""Order in the house: rooms without lumber, docstrings that say why, and workflows that decide the same twice."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.messages import ROOT

ROOMS = ("api", "workflows", "activities", "models", "dev")
FILES = sorted(path for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("*.py"))
LUMBER = re.compile(r"(utils?|common|helpers?|managers?|services?|misc|base_?classes|lib|shared|core|_part\d+)$")

BANNED = re.compile(
    r"(datetime|date)(\.datetime|\.date)?\.(now|utcnow|today|fromtimestamp)|time\.\w+|clock\.\w+|now|uuid\.uuid\d|uuid[1457]|"
    r"new_id|random\.\w+|secrets\.\w+|os\.\w+|open|print|input|Path|threading\.\w+|subprocess\.\w+|"
    r"asyncio\.(sleep|wait|as_completed|to_thread)|structlog\.\w+|logging\.\w+|log\.\w+"
)
"""Calls that tell a replay something else than the first run, or reach out of the workflow. `asyncio`'s have
deterministic or summarized stand-ins in `workflow`; loggers would write each line again at every replay."""


def parsed(path: Path) -> ast.Module:
    """The file's syntax."""
    return ast.parse(path.read_text(), str(path))


REACHING_OUT = frozenset(
    "time random secrets os sys socket ssl http urllib threading multiprocessing subprocess pathlib io tempfile shutil "
    "signal logging structlog uuid uuid_utils models.clock models.logs concurrent".split()
)
"""Modules that workflow code does not import: nothing else stands between it and the world, since it runs bare."""
HARMLESS = frozenset({"uuid.UUID"})


def forbidden_imports(source: ast.AST) -> Iterator[str]:
    """Imports in a workflow of what a replay would answer differently."""
    for node in ast.walk(source):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            steps = name.split(".")
            if name not in HARMLESS and {".".join(steps[:count]) for count in (1, 2)} & REACHING_OUT:
                yield f"import of {name}"


def forbidden_calls(source: ast.AST) -> Iterator[str]:
    """Calls in a workflow that a replay would answer differently."""
    for node in ast.walk(source):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            alias_of_now = re.search(r"\.(now|utcnow|today)$", name) and name != "workflow.now"
            if BANNED.fullmatch(name) or alias_of_now:
                yield f"{name} in line {node.lineno}"
        elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Set | ast.SetComp):
            yield "a loop over a set"


@pytest.mark.parametrize("path", sorted((ROOT / "workflows").glob("*.py")), ids=lambda path: path.stem)
def test_workflows_decide_the_same_twice(path: Path) -> None:
    """Given workflow code, then it asks no clock, dice, disk or environment: a replay would hear something else."""
    assert [*forbidden_calls(parsed(path)), *forbidden_imports(parsed(path))] == []


@pytest.mark.parametrize(
    "line",
    ["import time", "from time import time as t", "import os.path", "from models import clock", "import models.clock",
     "from uuid import uuid4", "from random import choice", "import socket, json", "from structlog import get_logger"],
)  # fmt: skip
def test_the_ban_notices_imports(line: str) -> None:
    """Given an import by which the world would come in, then it is found."""
    assert list(forbidden_imports(ast.parse(line)))
    assert not list(forbidden_imports(ast.parse("from uuid import UUID\nimport asyncio")))


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()", "time.time()", "time.monotonic()", "uuid4()",
        "uuid.uuid4()", "uuid7()", "random.random()", "random.choice([1])", "os.getenv('A')", "os.urandom(1)",
        "open('f')", "secrets.token_hex()", "clock.now()", "new_id()", "print(1)", "asyncio.sleep(1)", "log.info('x')",
        "Path('x')", "dt.now()", "self.clock.now()",
    ],
)  # fmt: skip
def test_the_ban_notices(line: str) -> None:
    """Given a line that a replay would answer differently, then it is found, wherever it stands."""
    assert list(forbidden_calls(ast.parse(f"class W:\n async def run(self):\n  if True:\n   x = {line}")))


@pytest.mark.parametrize("line", ["workflow.now()", "workflow.uuid7()", "self._board.tell('now')", "time_left(placed)"])
def test_the_ban_lets_through(line: str) -> None:
    """Given Temporal's own words and ours, then there is nothing to find."""
    assert list(forbidden_calls(ast.parse(line))) == []


def test_no_room_has_a_lumber_room() -> None:
    """Given every file and folder, then none is named after nothing in particular."""
    assert [str(path.relative_to(ROOT)) for path in FILES if any(LUMBER.search(part) for part in _words(path))] == []


def test_packages_explain_themselves_and_hold_nothing() -> None:
    """Given every `__init__.py`, then it is a docstring of one to three lines and no code."""
    for path in FILES:
        if path.name == "__init__.py":
            module = parsed(path)
            said = ast.get_docstring(module)
            assert said, path
            assert len(module.body) == 1, f"{path} holds code"
            assert 1 <= len(said.splitlines()) <= 3, path


def test_every_module_says_why_it_is_there() -> None:
    """Given every module, then it begins with a docstring."""
    silent = [path for path in FILES if not ast.get_docstring(parsed(path)) and "versions" not in path.parts]
    assert silent == []


def test_every_test_says_what_it_shows() -> None:
    """Given every test, then it has a docstring."""
    silent = [
        f"{path.relative_to(ROOT)}::{node.name}"
        for path in FILES
        if path.name.startswith("test_")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        if not ast.get_docstring(node)
    ]
    assert silent == []


def test_annotations_are_there_when_they_are_read() -> None:
    """Given structs, handlers and definitions whose annotations are read at run time, then no file postpones them."""
    postponed = [path for path in FILES if "from __future__ import annotations" in path.read_text().split('"""', 2)[-1]
                 and path.parent.name != "house"]  # fmt: skip
    assert postponed == []


def test_no_error_is_swallowed() -> None:
    """Given every handler of every exception, then none is bare, and none of `Exception` does nothing."""
    for path in FILES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{path}:{node.lineno} is a bare except"
                everything = ast.unparse(node.type) in ("Exception", "BaseException")
                nothing = all(isinstance(each, ast.Pass | ast.Constant) for each in node.body)
                assert not (everything and nothing), f"{path}:{node.lineno} swallows every error"


def _words(path: Path) -> list[str]:
    return [part.removesuffix(".py") for part in path.relative_to(ROOT).parts]
