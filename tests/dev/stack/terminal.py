"""A person's shell for the tests: `python -m dev` with a state folder and ports of its own."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from dev.ports import Ports, claim
from dev.state import read_json

ROOT = Path(__file__).parents[3]


class Terminal:
    """A shell with a state folder and a port base of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.base = free_base()
        self.supervisor: subprocess.Popen[str] | None = None

    def up(self, *parts: str) -> None:
        """`python -m dev up` until it is ready; without names, with all parts."""
        with (self.home.parent / f"{self.home.name}.out").open("a") as log:
            self.supervisor = self._popen("up", *(("--only", *parts) if parts else ()), stdout=log)
        eventually(lambda: self.pid("supervisor") == self._pid() and self.said().endswith("the state stays.\n"), 240)

    def run(self, *arguments: str) -> tuple[int, str]:
        """A command that ends by itself: its exit code and what it said."""
        with self._popen(*arguments, stdout=subprocess.PIPE) as process:
            out, _ = process.communicate(timeout=120)
        return process.returncode, out

    def said(self) -> str:
        """What the supervisors have said so far."""
        return (self.home.parent / f"{self.home.name}.out").read_text()

    def stack(self) -> dict[str, Any]:
        """stack.json."""
        return read_json(self.home / "stack.json")

    def pid(self, name: str) -> int:
        """From stack.json; 0 if it is not there."""
        return int(self.stack().get("pids", {}).get(name, 0))

    def send(self, number: signal.Signals) -> int:
        """Send the supervisor a signal and wait for its end."""
        assert self.supervisor is not None
        self.supervisor.send_signal(number)
        return self.supervisor.wait(60)

    def _pid(self) -> int:
        assert self.supervisor is not None
        assert self.supervisor.poll() is None, self.said()
        return self.supervisor.pid

    def _popen(self, *arguments: str, stdout: Any) -> subprocess.Popen[str]:
        environment = os.environ | {"HOLDFAST_HOME": str(self.home), "HOLDFAST_PORT_BASE": str(self.base)}
        return subprocess.Popen(
            [sys.executable, "-m", "dev", *arguments],
            cwd=ROOT, env=environment, stdout=stdout, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip


def free_base() -> int:
    """A port base whose ports are all free now, and left alone by the stacks of other tests."""
    while True:
        base = random.SystemRandom().randrange(10_000, 30_000, 10)
        if all(claim(port) for port in Ports.from_base(base).by_name().values()):
            return base


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(json.JSONDecodeError, psutil.NoSuchProcess):
            if holds():
                return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Is there such a process, and more of it than its exit code?"""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
