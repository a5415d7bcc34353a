"""Finds and ends what a killed stack left behind, and never anything else."""

import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from dev import postgres

MARK = "HOLDFAST_STACK"
"""Variable in the environment of every child, naming the state folder it belongs to."""

_SAME_BIRTH = 1.0  # seconds by which two readings of one process's start may differ


def leftovers(home: Path, recorded: Mapping[str, tuple[int, float]]) -> list[psutil.Process]:
    """Processes of a stack in this folder: those recorded (pid and birth must both fit), those that carry its mark
    (grandchildren too), and its Postgres."""
    found = dict(_marked(home))
    for pid, born in recorded.values():
        if (process := same_process(pid, born)) is not None:
            found[pid] = process
    found |= {process.pid: process for process in postgres.processes(home / "postgres")}
    for ours in (psutil.Process(), *psutil.Process().parents()):
        found.pop(ours.pid, None)
    return list(found.values())


def same_process(pid: int, born: float) -> psutil.Process | None:
    """The process with this pid, if it is still the one born then and not a stranger who got its number."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if abs(process.create_time() - born) < _SAME_BIRTH and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def clear_away(processes: list[psutil.Process], seconds: float = 10) -> None:
    """End them: gently, then by SIGKILL. Postgres gets its fast shutdown, which waits for no client."""
    for process in processes:
        with suppress(psutil.Error):
            if process.name() != "postgres":
                process.terminate()
            elif "-D" in process.cmdline():  # its children go when it goes
                process.send_signal(signal.SIGINT)
    _, stubborn = psutil.wait_procs(processes, timeout=seconds)
    for process in stubborn:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)


def _marked(home: Path) -> list[tuple[int, psutil.Process]]:
    marked = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                marked.append((process.pid, process))
    return marked
