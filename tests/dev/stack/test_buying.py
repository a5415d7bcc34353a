"""The whole of `make up`, as the README promises it: started, the printed lines run in a shell, something bought."""

import json
import signal
import subprocess
from collections.abc import Callable

import httpx

from dev.stack import ROOT
from tests.dev.stack.terminal import Terminal, eventually, lives


def test_the_printed_lines_buy_something(terminal: Callable[[str], Terminal]) -> None:
    """Given a first start, when the three printed lines are run, then an order is confirmed, paid, and mailed about."""
    shell = terminal("one")
    shell.up()
    lines = [line for line in shell.said().splitlines() if "curl -s" in line]
    assert len(lines) == 3

    def is_confirmed() -> bool:
        order = json.loads(_bash(f"ORDER='{answer}'", lines[2]))
        return (order["number"], order["status"], order["payment_status"]) == (placed["number"], "confirmed", "paid")

    answer = _bash(*lines[:2]).strip()
    placed = json.loads(answer)["order"]
    eventually(is_confirmed)
    eventually(lambda: placed["number"] in json.dumps(_mails(shell)))
    described = shell.stack()
    assert set(described["pids"]) == {"supervisor", "postgres", "temporal", "redis", "stripe", "mail", "worker", "api"}
    assert httpx.get(described["urls"]["health"]).status_code == 200
    assert shell.send(signal.SIGINT) == 0
    assert "Had to kill" not in shell.said()
    assert [name for name, pid in described["pids"].items() if lives(pid)] == []


def test_make_help_lists_what_the_readme_promises() -> None:
    """Given no target, then make lists the commands."""
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert {"up", "down", "reset", "test", "bench"} <= {line.split()[1] for line in listed.splitlines()}


def _bash(*lines: str) -> str:
    command = ["bash", "-euo", "pipefail", "-c", "\n".join(lines)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _mails(shell: Terminal) -> object:
    return httpx.get(f"{shell.stack()['urls']['mails']}/messages").json()
