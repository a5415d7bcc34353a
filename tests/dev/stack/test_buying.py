"""The whole of `make up`, as the README promises it: started, the printed lines run in a shell, something bought."""

import json
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import httpx

from dev.stack import ROOT
from tests.dev.stack.terminal import Terminal, eventually, lives


def test_the_printed_lines_buy_something(terminal: Callable[[str], Terminal]) -> None:
    """Given a first start, when the three printed lines are run, then an order is confirmed, paid, and mailed about.

    And the administrator and the shopper that it names can sign in.
    """
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
    assert [_may_read_the_audit(described, login, shell) for login in described["logins"]] == [200, 403]
    everything = "supervisor postgres temporal redis stripe chapa mail worker api"
    assert set(described["pids"]) == set(everything.split())
    assert httpx.get(described["urls"]["health"], timeout=60).status_code == 200
    assert shell.send(signal.SIGINT) == 0
    assert "Had to kill" not in shell.said()
    assert [name for name, pid in described["pids"].items() if lives(pid)] == []


def test_make_help_lists_what_the_readme_promises() -> None:
    """Given no target, then make lists the commands."""
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert {"up", "down", "reset", "test", "bench"} <= {line.split()[1] for line in listed.splitlines()}


def _may_read_the_audit(described: dict[str, Any], login: dict[str, str], shell: Terminal) -> int:
    """Sign in as the terminal says, and ask for what only some of the staff may see; the status of that."""
    api = described["urls"]["api"] + "/api/v1"
    assert any(login["email"] in line and login["password"] in line for line in shell.said().splitlines())
    assert login["password"] in shell.run("status")[1]
    entered = httpx.post(f"{api}/auth/login", json={"email": login["email"], "password": login["password"]}, timeout=60)
    assert entered.status_code == 200, entered.text
    assert login["role"] in entered.json()["user"]["roles"]
    bearer = {"Authorization": f"Bearer {entered.json()['access_token']}"}
    return httpx.get(f"{api}/admin/audit", headers=bearer, timeout=60).status_code


def _bash(*lines: str) -> str:
    command = ["bash", "-euo", "pipefail", "-c", "\n".join(lines)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _mails(shell: Terminal) -> object:
    return httpx.get(f"{shell.stack()['urls']['mails']}/messages", timeout=60).json()
