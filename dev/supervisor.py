"""`make up` from the first line to the last: start in order, say where everything is, mend what dies, stop cleanly."""

import os
import signal
import sys
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from types import FrameType

import psutil

from dev import postgres, temporal
from dev.buying import buying_lines, find_offer
from dev.leftovers import clear_away, leftovers, same_process
from dev.lists import list_lines
from dev.logins import login_lines, logins, variable
from dev.parts import FOUNDATIONS, PARTS
from dev.ports import Ports, is_taken
from dev.site import Site
from dev.stack import Failed, Stack
from dev.state import Lock, read_json

READING = (
    "What Temporal keeps is encrypted. To read it in its UI, sign in at the desk in the same browser, then once: the",
    "glasses at the top right, 'Use my browser setting', the address below, 'Include cross-origin credentials', apply:",
    "",
    "  {api}/api/v1/admin/codec",
    "",
    "More: docs/personal-data.md",
)
_WATCH = 0.1  # seconds between two looks at the children
_STEADY = 30.0  # seconds after which a restarted part counts as mended
_PATIENCE = (0.2, 1, 2, 5, 10, 30)  # seconds before the next restart of a part that keeps dying


def say(line: str) -> None:
    """One line of progress, at once even into a pipe; nobody reading it any more is no reason to fall."""
    with suppress(BrokenPipeError):
        print(line, flush=True)


class Supervisor:
    """Holds the lock, starts the parts, watches them, stops them."""

    def __init__(self, home: Path, ports: Ports, parts: Collection[str] = tuple(PARTS)) -> None:
        # As root, Postgres runs as a user of its own, who must be able to pass through.
        home.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
        self._home = home.resolve()
        self._lock = Lock(self._home)
        self._ports = ports
        self._parts = [name for name in PARTS if name in parts]
        self._signals = 0
        self._falls: dict[str, int] = {}
        self._due: dict[str, float] = {}

    def up(self) -> int:
        """Run the stack in the foreground until a signal comes. Returns the exit code."""
        if not self._lock.take():
            say(f"It runs already, with its state in {self._home}: {_where(self._home)}. `make down` stops it.")
            return 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means it
            signal.signal(signal.SIGHUP, self._on_signal)
        _clear_leftovers(self._home)
        if (line := _taken_port(self._ports, self._parts)) is not None:
            say(line)
            return 1
        began = time.monotonic()
        stack = Stack(Site(self._home, self._ports, say=lambda line: say(f"  {line}")))
        stack.interrupted = lambda: self._signals > 0
        try:
            self._start(stack)
            stack.note("running")
            say(_welcome(stack, time.monotonic() - began))
            self._watch(stack)
        except (Failed, postgres.Failed, temporal.Failed) as failure:
            if not self._signals:
                say(f"Could not start: {failure}")
                return 1
        finally:
            self._stop(stack)
            self._lock.release()
        return 0

    def _start(self, stack: Stack) -> None:
        say(f"Starting Holdfast, state in {self._home}")
        foundations = [name for name in self._parts if name in FOUNDATIONS]
        ours = [name for name in self._parts if name not in FOUNDATIONS]
        stack.spawn(*foundations)
        stack.note("starting")
        stack.await_ready(*foundations, on_ready=_report)
        if "postgres" in foundations and ours:
            self._fill_database(stack)
        stack.spawn(*ours)
        stack.note("starting")
        stack.await_ready(*ours, on_ready=_report)

    def _fill_database(self, stack: Stack) -> None:
        self._job(stack, "migrated", stack.migrate)
        people = logins(stack.site.secrets)
        known = {variable(login.role): login.password for login in people}
        seed = [sys.executable, "-m", "dev.seed"]
        self._job(stack, "seeded", lambda: stack.run("seed", seed, environment=known))
        stack.logins = people

    def _job(self, stack: Stack, word: str, job: Callable[[], None]) -> None:
        began = time.monotonic()
        job()
        say(f"  {word:<20} {time.monotonic() - began:5.1f} s")

    def _watch(self, stack: Stack) -> None:
        while not self._signals:
            for name in stack.running:
                child = stack.child(name)
                if child.alive:
                    if self._falls.get(name) and time.time() - child.started_at > _STEADY:
                        del self._falls[name]
                elif name not in self._due:
                    fall = self._falls[name] = self._falls.get(name, 0) + 1
                    wait = _PATIENCE[min(fall, len(_PATIENCE)) - 1]
                    self._due[name] = time.monotonic() + wait
                    say(f"{name} {child.how_it_ended()}; starting it again in {wait:g} s (its log: {child.log})")
                elif time.monotonic() >= self._due[name]:
                    del self._due[name]
                    self._restart(stack, name)
            time.sleep(_WATCH)

    def _restart(self, stack: Stack, name: str) -> None:
        stack.stop(name)  # what it left in its process group would hold its port
        try:
            stack.spawn(name)
        except (Failed, postgres.Failed) as failure:
            say(f"{name} does not start: {failure}")
            return
        stack.note("running")
        say(f"{name} runs again, as process {stack.pid(name)}")

    def _stop(self, stack: Stack) -> None:
        if stack.running:
            say("Stopping …")
        killed = stack.close()
        with suppress(OSError):  # the folder may have been deleted meanwhile
            stack.note("stopped")
        if killed:
            say(f"Had to kill {', '.join(killed)}, which did not stop in time; nothing is lost by it.")
        say("Stopped. `make up` finds everything as it is now.")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals == 1:
            return
        # A second Ctrl-C means: now. The state survives it, that is the point of the house.
        clear_away(leftovers(self._home, {}), seconds=0)
        os._exit(130)


def down(home: Path) -> int:
    """Stop the stack of this folder, wherever it was started, and whatever a killed one left behind."""
    if not home.exists():
        say("Nothing runs.")
        return 0
    home = home.resolve()
    lock = Lock(home)
    if not lock.take():
        noted = read_json(home / "stack.json")
        supervisor = same_process(
            noted.get("pids", {}).get("supervisor", 0), noted.get("born", {}).get("supervisor", 0)
        )
        if supervisor is None:
            say(f"A process that cannot be found holds {home}/lock; is the folder shared between machines?")
            return 1
        say(f"Stopping the stack of process {supervisor.pid} …")
        supervisor.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 60
        while not lock.take():
            if time.monotonic() > deadline:
                say(f"It has not stopped after a minute; `kill -9 {supervisor.pid}` and `make down` will do it.")
                return 1
            time.sleep(_WATCH)
        say("Stopped.")
    elif not _clear_leftovers(home):
        say("Nothing runs.")
    lock.release()
    return 0


def _clear_leftovers(home: Path) -> bool:
    noted = read_json(home / "stack.json")
    born = noted.get("born", {})
    recorded = {name: (pid, born[name]) for name, pid in noted.get("pids", {}).items() if name in born}
    recorded.pop("supervisor", None)
    found = leftovers(home, recorded)
    if found:
        names = {pid: name for name, (pid, _) in recorded.items()}
        listed = ", ".join(f"{names.get(process.pid, process.name())} ({process.pid})" for process in found)
        say(f"Clearing away what a killed stack left behind: {listed}")
        clear_away(found)
    return bool(found)


def _taken_port(ports: Ports, parts: Collection[str]) -> str | None:
    for name, part in PARTS.items():
        for which in part.ports if name in parts else ():
            port = getattr(ports, which)
            if is_taken(port):
                return (
                    f"Port {port} is taken{_by_whom(port)}, and {part.title} ({name}) wants it: free it, or choose "
                    f"other ports, for instance HOLDFAST_PORT_BASE={_another_base(ports.api)} make up"
                )
    return None


def _another_base(base: int) -> int:
    return base + 100 if base + 100 < 60000 else 8100


def _by_whom(port: int) -> str:
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""


def _report(name: str, seconds: float) -> None:
    say(f"  {PARTS[name].title:<20} {seconds:5.1f} s")


def _where(home: Path) -> str:
    urls = read_json(home / "stack.json").get("urls", {})
    return f"API {urls.get('api', '?')}, Temporal UI {urls.get('temporal_ui', '?')}, mails {urls.get('mails', '?')}"


def _welcome(stack: Stack, seconds: float) -> str:
    urls = stack.urls
    places = [
        ("api", "API", urls["api"]),
        ("api", "API documentation", urls["docs"]),
        ("api", "Staff's desk", urls["desk"]),
        ("temporal", "Temporal UI", urls["temporal_ui"]),
        ("mail", "Mails", urls["mails"]),
        ("stripe", "Stripe simulator", urls["stripe"]),
        ("chapa", "Chapa simulator", urls["chapa"]),
        ("postgres", "Postgres", stack.site.database_url),
        ("", "Logs", str(stack.site.home / "logs")),
        ("", "All of this as JSON", str(stack.site.home / "stack.json")),
    ]
    lines = [
        f"Ready after {seconds:.1f} s.",
        "",
        *(f"  {title:<22} {place}" for part, title, place in places if part in ("", *stack.running)),
    ]
    if stack.logins:
        lines += ["", "Sign in with POST /api/v1/auth/login, or at the desk, as:", "", *login_lines(stack.logins)]
    if "temporal" in stack.running:
        lists = list_lines(urls["temporal_ui"], stack.environment()["TEMPORAL_NAMESPACE"])
        lines += ["", "Lists in the Temporal UI:", "", *lists]
    if {"api", "temporal"} <= set(stack.running):
        lines += ["", *(line.format(api=urls["api"]) for line in READING)]
    offer = find_offer(urls["api"]) if "api" in stack.running else None
    if offer is not None:
        lines += ["", "Buy something:", "", *buying_lines(urls["api"], offer)]
    return "\n".join([*lines, "", "Ctrl-C stops everything; the state stays."])
