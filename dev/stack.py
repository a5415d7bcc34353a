"""The embedded stack as an object: real servers as child processes, for `make up` and for the tests alike.

A test session starts what it needs once, in a folder of its own and on free ports:

    with embedded({"postgres", "temporal", "redis"}) as shared:
        handed_over = shared.environment(only=shared.running)          # strings: survives the way to an xdist worker

and whoever needs processes of their own puts a small stack beside it:

    with embedded({"stripe", "mail", "worker", "api"}, given={**handed_over, "DATABASE_URL": fresh, …}) as stack:
        httpx.get(stack.urls["api"] + "/health"); stack.kill("worker"); stack.start("worker")
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from dev import postgres
from dev.leftovers import MARK
from dev.logins import Login
from dev.parts import FOUNDATIONS, PARTS
from dev.ports import Ports, is_taken
from dev.process import Child, Command, stop_together, tail
from dev.site import Site
from dev.state import write_json
from models.settings import KNOWN

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT = 180.0  # seconds for a part to become ready
LIMITS_FAR_AWAY = {
    "RATE_LIMIT_GENERAL": "100000000/minute",
    **{f"RATE_LIMIT_{door}": "10000/second" for door in ("REGISTER", "LOGIN", "FORGOT", "OTP", "REFRESH", "GIFT_CARD")},
}
"""Rate limits that count and never refuse: for tests and measurements, which do in a second what people do in a day."""
_POLL = 0.05  # seconds between two looks
_LINGER = 10.0  # seconds a port may stay taken by a process that is just ending


class Failed(RuntimeError):
    """A part did not start; the message says which, how it ended and what its log says last."""


class Stack:
    """Some or all parts as processes. Start them from the main thread: only then do they die together with us."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.interrupted: Callable[[], bool] = lambda: False
        """Asked while waiting for a part; True ends the wait with `Failed`."""
        self.logins: list[Login] = []
        """Who can sign in to what was seeded."""
        self._children: dict[str, Child] = {}

    @property
    def urls(self) -> dict[str, str]:
        """Addresses for a browser or curl, by name."""
        return self.site.urls

    def environment(self, *, only: Collection[str] | None = None) -> dict[str, str]:
        """The variables API and worker are configured by; with `only`, those by which these parts are found."""
        everything = self.site.environment()
        if only is None:
            return everything
        wanted = {name for part in only for name in PARTS[part].provides}
        return {name: value for name, value in everything.items() if name in wanted}

    def describe(self, state: str) -> dict[str, Any]:
        """What stack.json says."""
        environment = self.environment()
        born = {"supervisor": _birth(os.getpid())} | {name: self._children[name].born for name in self.running}
        pids = {"supervisor": os.getpid()} | {name: self.pid(name) for name in self.running}
        return {
            "state": state,
            "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "home": str(self.site.home),
            "urls": self.urls,
            "ports": self.site.ports.by_name(),
            "pids": {} if state == "stopped" else pids,
            "born": {} if state == "stopped" else born,
            "database_url": environment["DATABASE_URL"],
            "redis_url": environment["REDIS_URL"],
            "temporal_address": environment["TEMPORAL_ADDRESS"],
            "temporal_namespace": environment["TEMPORAL_NAMESPACE"],
            "smtp_url": environment["SMTP_URL"],
            "simulators": {
                "stripe": {"url": self.urls["stripe"], "control": f"{self.urls['stripe']}/_sim"},
                "chapa": {"url": self.urls["chapa"], "control": f"{self.urls['chapa']}/_sim"},
                "mail": {"url": self.urls["mails"], "control": f"{self.urls['mails']}/_sim"},
            },
            "logins": [login._asdict() for login in self.logins],
            "logs": str(self.site.home / "logs"),
        }

    def note(self, state: str) -> None:
        """Write stack.json."""
        write_json(self.site.home / "stack.json", self.describe(state))

    # -- the processes -------------------------------------------------------------------------------------------

    @property
    def running(self) -> tuple[str, ...]:
        """Names of the parts that were started here and not stopped; one of them may have died meanwhile."""
        return tuple(self._children)

    def start(self, *names: str) -> None:
        """Start these parts side by side and wait until each is ready. Raises: Failed, and stops none of the others."""
        self.spawn(*names)
        self.await_ready(*names)

    def spawn(self, *names: str) -> None:
        """Start these parts without waiting for them."""
        for name in names:
            if name in self._children and self._children[name].alive:
                raise Failed(f"{name} runs already, as process {self.pid(name)}")
            part = PARTS[name]
            self._await_ports(name)
            part.prepare(self.site)
            command = Command(
                argv=part.argv(self.site),
                environment=self._process_environment(part.withheld),
                directory=self.site.home if part.refuses_root else ROOT,
                user=postgres.system_user() if part.refuses_root else None,
            )
            log = self.site.home / "logs" / f"{name}.log"
            self._children[name] = Child(name, command, log, stop_signal=part.stop_signal, grace=part.grace)

    def await_ready(self, *names: str, on_ready: Callable[[str, float], None] = lambda name, seconds: None) -> None:
        """Wait until each of these parts does its work. `on_ready` hears of each, with the seconds since its start."""
        waiting = list(names)
        while waiting:
            for name in tuple(waiting):
                if self.is_ready(name):
                    waiting.remove(name)
                    on_ready(name, time.time() - self._children[name].started_at)
            if waiting:
                self._check(waiting)
                time.sleep(_POLL)

    def is_ready(self, name: str) -> bool:
        """Does this part do its work?"""
        part = PARTS[name]
        child = self._children[name]
        return child.alive and part.ready(self.site, child.started_at) and child.alive

    def run(self, name: str, argv: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        """Run a job, such as the migration, to its end. Raises: Failed when it says no."""
        everything = self._process_environment(frozenset()) | dict(environment or {})
        command = Command(argv=argv, environment=everything, directory=ROOT)
        job = Child(name, command, self.site.home / "logs" / f"{name}.log", stop_signal=signal.SIGTERM, grace=5)
        try:
            while not job.wait(0.02):
                if self.interrupted():
                    raise Failed(f"{name} was interrupted")
            if job.exit_code != 0:
                raise Failed(f"{name} {job.how_it_ended()}; {self._last_words(name)}")
        finally:
            job.stop()

    def migrate(self, database_url: str | None = None) -> None:
        """Bring the database to the newest schema, creating it first if need be. Raises: Failed."""
        url = database_url or self.environment()["DATABASE_URL"]
        postgres.ensure_database(url)
        self.run("migrate", [sys.executable, "-m", "alembic", "upgrade", "head"], environment={"DATABASE_URL": url})

    def make_template(self) -> None:
        """Migrate the database that `dev.postgres.fresh_database` copies."""
        self.migrate(postgres.at_database(self.environment()["DATABASE_URL"], postgres.TEMPLATE))

    def stop(self, *names: str) -> list[str]:
        """Stop these parts, side by side. Returns the names of those that had to be killed."""
        killed = stop_together([self._children[name] for name in names if name in self._children])
        for name in names:
            if self._children.pop(name, None) is not None:
                PARTS[name].tidy(self.site)
        return killed

    def kill(self, name: str) -> None:
        """SIGKILL, as a machine that loses power would do it; `start` brings it back."""
        self._children.pop(name).kill()

    def close(self) -> list[str]:
        """Stop everything: first who talks to others, last who keeps the state. Returns who had to be killed."""
        return self.stop("api", "worker") + self.stop("stripe", "chapa", "mail") + self.stop(*self.running)

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pid(self, name: str) -> int:
        """Process id of a part that was started here. Raises: KeyError."""
        return self._children[name].pid

    def child(self, name: str) -> Child:
        """The process of a part that was started here. Raises: KeyError."""
        return self._children[name]

    def logs(self, name: str) -> str:
        """Everything a part or job has printed so far, in this run and earlier ones."""
        return "\n".join(tail(self.site.home / "logs" / f"{name}.log", 1_000_000))

    def _process_environment(self, withheld: frozenset[str]) -> dict[str, str]:
        # Ours are computed; tuning such as PAYMENT_WINDOW comes through from the shell.
        computed = self.environment()
        inherited = {name: value for name, value in os.environ.items() if name not in computed}
        merged = inherited | computed | {MARK: str(self.site.home), "PYTHONUNBUFFERED": "1"}
        return {name: value for name, value in merged.items() if not (name in withheld and name in KNOWN)}

    def _await_ports(self, name: str) -> None:
        # Somebody else's server on our port could pass for ours; one that was just killed may need a moment to go.
        deadline = time.monotonic() + _LINGER
        ports = self.site.ports.by_name()
        while taken := [ports[which] for which in PARTS[name].ports if is_taken(ports[which])]:
            if time.monotonic() > deadline:
                raise Failed(f"{name} cannot start: port {taken[0]} is taken")
            time.sleep(_POLL)

    def _check(self, waiting: Sequence[str]) -> None:
        if self.interrupted():
            raise Failed("interrupted")
        for name, child in self._children.items():
            if not child.alive:
                raise Failed(f"{name} {child.how_it_ended()} during the start; {self._last_words(name)}")
        for name in waiting:
            child = self._children[name]
            if time.time() - child.started_at > START_LIMIT:
                raise Failed(f"{name} is not ready after {START_LIMIT:.0f} s; {self._last_words(name)}")

    def _last_words(self, name: str) -> str:
        path = self.site.home / "logs" / f"{name}.log"
        words = [line for line in tail(path, 8) if line.strip()]
        return "\n    ".join([f"the end of {path}:", *words]) if words else f"nothing in {path}"


def _birth(pid: int) -> float:
    return float(psutil.Process(pid).create_time())


@contextmanager
def embedded(
    parts: Collection[str],
    *,
    given: Mapping[str, str] | None = None,
    home: Path | None = None,
    namespaces: Sequence[str] = ("default",),
    template: bool = False,
    durable: bool = False,
) -> Iterator[Stack]:
    """These parts on free ports, in a folder that vanishes with them, ready when the block begins.

    given: the variables of parts that run elsewhere. template: also migrate the database that `fresh_database`
    copies; `holdfast` itself is made and migrated when API or worker are among the parts and no DATABASE_URL is given.
    durable: write to disk as `make up` does, for measurements. Rate limits are far away.
    """
    folder = home or Path(tempfile.mkdtemp(prefix="holdfast-"))
    # Postgres runs as its own user when we are root, and must be able to walk in.
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    stack = Stack(
        Site(folder, Ports.free(), given={**LIMITS_FAR_AWAY, **(given or {})}, durable=durable, namespaces=namespaces)
    )
    try:
        stack.start(*(name for name in FOUNDATIONS if name in parts))
        if template:
            stack.make_template()
        if "postgres" in parts and {"api", "worker"} & set(parts):
            stack.migrate()
        stack.start(*(name for name in PARTS if name in parts and name not in FOUNDATIONS))
        yield stack
    finally:
        stack.close()
        if home is None:
            shutil.rmtree(folder, ignore_errors=True)
