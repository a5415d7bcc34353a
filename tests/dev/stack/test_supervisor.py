"""`python -m dev` as a person uses it: start, stop, kill, start again; every refusal one clear line."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from dev.leftovers import MARK, clear_away, leftovers
from dev.ports import is_taken
from tests.dev.stack.terminal import Terminal, eventually, lives

ROOT = Path(__file__).parents[3]


def test_state_is_there_again_after_ctrl_c(terminal: Callable[[str], Terminal]) -> None:
    """Given a mail, when the stack is stopped by Ctrl-C and started again, then the mail is there."""
    shell = terminal("one")
    shell.up("mail", "redis")
    _send_mail(shell)
    assert shell.send(signal.SIGINT) == 0
    assert shell.stack()["state"] == "stopped"
    assert shell.stack()["pids"] == {}
    assert not is_taken(shell.base + 2)

    shell.up("mail", "redis")

    assert [mail["subject"] for mail in _mails(shell)] == ["Held"]
    assert set(shell.stack()["pids"]) == {"supervisor", "redis", "mail"}


def test_a_killed_stack_is_cleared_away_by_the_next_start(terminal: Callable[[str], Terminal]) -> None:
    """Given a supervisor ended by kill -9, when the stack is started again, then no old process is left, all works."""
    shell = terminal("one")
    shell.up("postgres", "mail")
    _send_mail(shell)
    old = [shell.pid(name) for name in ("postgres", "mail")]
    assert shell.send(signal.SIGKILL) == -signal.SIGKILL

    shell.up("postgres", "mail")

    assert [pid for pid in old if lives(pid)] == []
    assert [mail["subject"] for mail in _mails(shell)] == ["Held"]


def test_everything_killed_at_once_comes_back(terminal: Callable[[str], Terminal]) -> None:
    """Given every process ended by kill -9, Postgres's pid file left behind, when started again, then it is ready."""
    shell = terminal("one")
    shell.up("postgres", "redis")
    pids = [shell.pid(name) for name in ("supervisor", "postgres", "redis")]
    for number in (signal.SIGSTOP, signal.SIGKILL):  # none sees another's end, which would be its own
        for pid in pids:
            os.kill(pid, number)
    assert shell.supervisor is not None
    shell.supervisor.wait(60)
    assert (shell.home / "postgres" / "postmaster.pid").exists()

    shell.up("postgres", "redis")

    assert "Ready after" in shell.said().rpartition("Starting Holdfast")[2]


def test_a_part_that_dies_is_started_again(terminal: Callable[[str], Terminal]) -> None:
    """Given a part ended by kill -9, then it runs again under another pid, with one line about each."""
    shell = terminal("one")
    shell.up("redis")
    old = shell.pid("redis")

    os.kill(old, signal.SIGKILL)

    eventually(lambda: shell.pid("redis") not in (0, old))
    assert "redis was ended by SIGKILL; starting it again in 0.2 s" in shell.said()
    eventually(lambda: f"redis runs again, as process {shell.pid('redis')}" in shell.said())


def test_a_taken_port_gets_one_line(terminal: Callable[[str], Terminal]) -> None:
    """Given a port somebody listens on, then the one line names it, the part, and the way out; nothing is started."""
    shell = terminal("one")
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", shell.base + 2))
        squatter.listen()
        code, said = shell.run("up", "--only", "mail", "redis")
    assert code == 1
    assert len(said.splitlines()) == 1
    assert f"Port {shell.base + 2} is taken" in said
    assert "mail sink" in said
    assert "HOLDFAST_PORT_BASE=" in said
    assert not is_taken(shell.base + 4)


@pytest.mark.parametrize("base", ["x", "80", "65400"])
def test_a_senseless_port_base_gets_one_line(terminal: Callable[[str], Terminal], base: str) -> None:
    """Given a base that is no port or leaves no room, then the one line says so."""
    shell = terminal("one")
    shell.base = base  # type: ignore[assignment]
    code, said = shell.run("up", "--only", "redis")
    assert (code, len(said.splitlines())) == (2, 1)
    assert "HOLDFAST_PORT_BASE" in said


def test_two_stacks_stand_side_by_side(terminal: Callable[[str], Terminal]) -> None:
    """Given two folders and bases, then both run, a third start is told so, and stopping one leaves the other."""
    one, two = terminal("one"), terminal("two")
    one.up("mail")
    two.up("mail")
    _send_mail(one)
    assert (len(_mails(one)), len(_mails(two))) == (1, 0)

    code, said = one.run("up", "--only", "mail")
    assert (code, len(said.splitlines())) == (0, 1)
    assert f"http://127.0.0.1:{one.base + 233}" in said

    code, said = one.run("down")
    assert (code, said.splitlines()[-1]) == (0, "Stopped.")
    assert one.supervisor is not None
    assert one.supervisor.wait(60) == 0
    assert _mails(two) == []


def test_reset_forgets_and_down_finds_nothing(terminal: Callable[[str], Terminal]) -> None:
    """Given a running stack, when it is reset, then it is stopped and its folder gone; down then has nothing to do."""
    shell = terminal("one")
    shell.up("mail")
    assert shell.run("reset")[0] == 0
    assert not shell.home.exists()
    assert shell.run("down") == (0, "Nothing runs.\n")


def test_reset_spares_a_folder_that_is_not_a_state_folder(terminal: Callable[[str], Terminal]) -> None:
    """Given HOLDFAST_HOME pointing at somebody's files, when reset, then they stay."""
    shell = terminal("one")
    shell.home.mkdir()
    (shell.home / "thesis.txt").write_text("years of work")
    assert shell.run("reset")[0] == 1
    assert (shell.home / "thesis.txt").read_text() == "years of work"


def test_an_unrelated_process_is_never_taken_for_a_leftover(tmp_path: Path) -> None:
    """Given a marked process and a stranger who now has a recorded pid, then only the marked one is found."""
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    marked = subprocess.Popen(sleep, env=os.environ | {MARK: str(tmp_path)})
    stranger = subprocess.Popen(sleep)
    try:
        (tmp_path / "postgres").mkdir()
        (tmp_path / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n{tmp_path}\n")
        recorded = {"worker": (stranger.pid, psutil.Process(stranger.pid).create_time() - 60)}
        eventually(lambda: marked.pid in {process.pid for process in leftovers(tmp_path, recorded)})
        found = leftovers(tmp_path, recorded)
        assert [process.pid for process in found] == [marked.pid]
        clear_away(found)
        assert marked.wait(60) is not None
        assert stranger.poll() is None
    finally:
        marked.kill()
        stranger.kill()
        marked.wait()
        stranger.wait()


def _send_mail(shell: Terminal) -> None:
    import smtplib

    with smtplib.SMTP("127.0.0.1", shell.base + 3) as smtp:
        smtp.sendmail("a@holdfast.example", ["b@holdfast.example"], "Subject: Held\r\n\r\nFast.\r\n")


def _mails(shell: Terminal) -> list[dict[str, Any]]:
    answer: dict[str, list[dict[str, Any]]] = httpx.get(
        f"http://127.0.0.1:{shell.base + 2}/messages", timeout=60
    ).json()
    return answer["items"]
