"""`python -m dev up|down|reset|status`: what the Makefile calls."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from dev.logins import Login, login_lines
from dev.parts import PARTS
from dev.ports import DEFAULT_BASE, Ports
from dev.postgres import socket_path
from dev.stack import ROOT
from dev.state import Lock, read_json
from dev.supervisor import Supervisor, down, say


def main() -> int:
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dev", description="The embedded stack.")
    parser.add_argument("command", choices=["up", "down", "reset", "status"])
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="start just these parts")
    options = parser.parse_args()
    home = Path(os.environ.get("HOLDFAST_HOME") or ROOT / ".holdfast").expanduser().absolute()
    try:
        return _obey(options.command, home, options.only)
    except PermissionError as refused:
        say(f"No right to use {refused.filename}: run this as whoever made it, or choose another HOLDFAST_HOME")
        return 1


def _obey(command: str, home: Path, parts: list[str]) -> int:
    if command == "up":
        return _up(home, parts)
    if command == "status":
        return _status(home)
    stopped = down(home)
    return stopped if command == "down" or stopped else _forget(home)


def _up(home: Path, parts: list[str]) -> int:
    try:
        ports = Ports.from_base(int(os.environ.get("HOLDFAST_PORT_BASE") or DEFAULT_BASE))
    except ValueError as wrong:
        say(f"HOLDFAST_PORT_BASE is no port to start from: {wrong}")
        return 2
    return Supervisor(home, ports, parts).up()


def _status(home: Path) -> int:
    lock = Lock(home)
    if home.exists() and not lock.take():
        noted = read_json(home / "stack.json")
        say(f"{noted.get('state', 'starting')}, state in {home}")
        for name, pid in noted.get("pids", {}).items():
            say(f"  {name:<12} process {pid}")
        for name, url in noted.get("urls", {}).items():
            say(f"  {name:<18} {url}")
        for line in login_lines(Login(**login) for login in noted.get("logins", [])):
            say(line)
        return 0
    lock.release()
    say("Nothing runs.")
    return 3


def _forget(home: Path) -> int:
    if home.exists() and not (home / "secrets.json").exists() and any(home.iterdir()):
        say(f"{home} does not look like a state folder: it stays as it is.")
        return 1
    shutil.rmtree(socket_path(home.resolve() / "postgres"), ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)
    say(f"Forgotten: {home}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
