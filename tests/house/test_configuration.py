"""docs/configuration.md is what the code reads: every variable, who reads it, and what it is when nobody sets it."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from models import settings
from models.settings import KNOWN
from tests.house.messages import ROOT

ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|([^|]*)\|$", re.MULTILINE)
TABLE = {row[0]: row[1:] for row in ROW.findall((ROOT / "docs" / "configuration.md").read_text())}
READERS: dict[str, Callable[[Mapping[str, str]], Any]] = {
    "API": settings.api_settings, "worker": settings.worker_settings, "migrations": settings.database_url,
}  # fmt: skip


class Plenty(Mapping[str, str]):
    """An environment that has everything required and remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        if name not in defaults() or defaults()[name] != "required":
            raise KeyError(name)
        return "smtp://mail.example" if name == "SMTP_URL" else "x" * 40

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


ABSENT = {"bucket", "optional", "port", "mail_address", "build", "site", "headers", "minima"}
"""Ways to read a variable that need not be set."""


def defaults() -> dict[str, str]:
    """What each variable is when it is not set, as the calls in models/settings.py say."""
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse((ROOT / "models" / "settings.py").read_text())):
        arguments = [each.value for each in getattr(node, "args", []) if isinstance(each, ast.Constant)] if (
            isinstance(node, ast.Call)) else []  # fmt: skip
        if arguments and arguments[0] in KNOWN:
            assert isinstance(node, ast.Call)
            way = ast.unparse(node.func).split(".")[-1]
            absent = "none" if way in ABSENT else "required"
            found[str(arguments[0])] = f"`{arguments[-1]!s}`" if len(arguments) > 1 else absent
    return found


def test_every_variable_is_documented() -> None:
    """Given what the settings know, then the table has one row for each, and none for anything else."""
    assert set(TABLE) == KNOWN


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_its_default_is_what_the_code_has(name: str) -> None:
    """Given a variable, then the table's default is the code's; where there is none it says required or none."""
    assert TABLE[name][2] == defaults()[name]


@pytest.mark.parametrize("reader", sorted(READERS))
def test_its_readers_are_those_that_read_it(reader: str) -> None:
    """Given a process, then the variables it reads are those that the table says it reads."""
    environment = Plenty()
    READERS[reader](environment)
    assert environment.asked == {name for name, row in TABLE.items() if reader in row[0].split(", ")}


def test_durations_have_their_unit() -> None:
    """Given a variable that is read as seconds, then the table says so."""
    source = (ROOT / "models" / "settings.py").read_text()
    seconds = set(re.findall(r'read\.seconds\("(\w+)"', source))
    assert seconds == {name for name, row in TABLE.items() if row[3].strip() == "seconds"} != set()
