"""One child process of the stack: started on a leash with a log of its own, stopped gently first."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

LEASH = Path(__file__).with_name("leash.py")
LOG_LIMIT = 16 * 1024 * 1024  # bytes, after which a log is set aside at the next start


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run and as whom."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path
    user: tuple[int, int] | None = None
    """User and group id to become, for a server that refuses to run as root."""


class Child:
    """A running child. It leads a session of its own, so that Ctrl-C in the terminal reaches the supervisor alone."""

    def __init__(self, name: str, command: Command, log: Path, *, stop_signal: signal.Signals, grace: float) -> None:
        self.name = name
        self.log = log
        self.grace = grace
        """Seconds between the stop signal and SIGKILL."""
        self._stop_signal = stop_signal
        self.started_at = time.time()
        self._popen = _spawn(command, log, stop_signal)
        try:
            self.born = psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            self.born = self.started_at

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._popen.poll()

    @property
    def alive(self) -> bool:
        return self.exit_code is None

    def ask_to_stop(self) -> None:
        """Send the stop signal, and return at once."""
        if self.alive:
            self._popen.send_signal(self._stop_signal)

    def kill(self) -> None:
        """End it and its own children now, without a word."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def wait(self, seconds: float) -> bool:
        """Wait for its end. Returns whether it came."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(max(seconds, 0))
        return not self.alive

    def stop(self) -> bool:
        """Ask, wait for the grace, then kill. Returns whether it went by itself."""
        self.ask_to_stop()
        gently = self.wait(self.grace)
        self.kill()  # also whatever it left in its group
        return gently

    def how_it_ended(self) -> str:
        """The exit code in words."""
        code = self.exit_code
        if code is None:
            return "is running"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"


def stop_together(children: Sequence[Child]) -> list[str]:
    """Ask all of them to stop, wait for them side by side, kill who stays. Returns the names of those killed."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + max((child.grace for child in children), default=0)
    killed = [child.name for child in children if not child.wait(deadline - time.monotonic())]
    for child in children:
        child.kill()
    return killed


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a log; none when it was never written."""
    with suppress(FileNotFoundError):
        return log.read_text(errors="replace").splitlines()[-lines:]
    return []


def _spawn(command: Command, log: Path, stop_signal: signal.Signals) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    # The kernel's leash is tied to the starting *thread*: a pool's thread would take its child down when it ends.
    leashed = threading.current_thread() is threading.main_thread()
    user, group = command.user or (-1, -1)
    leash = [str(stop_signal.value if leashed else 0), str(os.getpid()), str(user), str(group)]
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-IS", str(LEASH), *leash, *command.argv],
            env=dict(command.environment),
            cwd=command.directory,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
