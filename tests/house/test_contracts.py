"""The corridor: who may import whom is kept, and every contract notices when somebody breaks it."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.messages import ROOT

ROOMS = ("api", "workflows", "activities", "models", "dev")
PLANTED = {
    "One corridor": ("models/clock.py", "import workflows.undo"),
    "The API asks workflows, never activities": ("api/health.py", "import activities.mail"),
    "Workflows decide, they touch nothing": ("workflows/undo.py", "import httpx"),
    "SQL is written under models only": ("activities/mail.py", "import sqlalchemy"),
    "Stripe has two doors": ("activities/outbox.py", "import stripe"),
    "Chapa has one door": ("activities/payments/setups.py", "import httpx"),
    "Meilisearch has one door": ("activities/search.py", "import httpx2"),
    "Words need no machinery": ("models/money.py", "import redis"),
    "Activities never call each other": ("activities/orders.py", "import activities.outbox"),
    "Nobody imports the worker's or the developer's room": ("api/health.py", "import dev.ports"),
}
"""By contract, a line that breaks it."""


def linted(folder: Path) -> dict[str, str]:
    """What import-linter says of each contract: KEPT or BROKEN, and for broken ones which imports."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)", done.stdout, re.MULTILINE))
    assert verdicts, done.stdout + done.stderr
    broken = done.stdout.partition("Broken contracts")[2]
    for name in verdicts:
        said = re.search(rf"^{re.escape(name)}\n-+\n(.+?)(?=^[^\n]+\n-{{5,}}\n|\Z)", broken, re.MULTILINE | re.DOTALL)
        verdicts[name] += said[1] if said else ""
    return verdicts


def test_the_corridor_is_kept() -> None:
    """Given the house as it is, then every contract is kept."""
    assert linted(ROOT) == dict.fromkeys(PLANTED, "KEPT")


def test_every_contract_notices_its_violation(tmp_path: Path) -> None:
    """Given a copy of the house with one forbidden import a contract, then each contract names its own."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, line in PLANTED.values():
        path = tmp_path / file
        path.write_text(f"{path.read_text()}\n{line}\n")
    verdicts = linted(tmp_path)
    assert {name: told.split()[0] for name, told in verdicts.items()} == dict.fromkeys(PLANTED, "BROKEN")
    for name, (file, line) in PLANTED.items():
        culprit, wanted = file.removesuffix(".py").replace("/", "."), line.removeprefix("import ")
        assert f"{culprit} -> {wanted} " in verdicts[name], verdicts[name]


@pytest.mark.parametrize("room", ROOMS)
def test_nobody_imports_the_worker_or_the_tests(room: str) -> None:
    """Given any module of a room, then it imports neither the worker's process nor a test."""
    for path in (ROOT / room).rglob("*.py"):
        found = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names] if isinstance(node, ast.Import)
                else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            )
        }  # fmt: skip
        assert not found & ({"tests"} if room == "dev" else {"worker", "tests"}), path
