"""Shells for the tests of the embedded stack."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.dev.stack.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[[str], Terminal]]:
    """Shells by name; whatever they started is gone afterwards."""
    opened: list[Terminal] = []

    def open_one(name: str) -> Terminal:
        opened.append(Terminal(tmp_path / name))
        return opened[-1]

    yield open_one
    for each in opened:
        if each.supervisor is not None and each.supervisor.poll() is None:
            each.send(signal.SIGTERM)
        each.run("reset")
