"""The test stand: a whole shop on disk as in production, the floors beside it, and the load generator."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from signal import SIGTERM
from uuid import UUID

import msgspec

from dev import knock
from dev.bench.cpu import Meter
from dev.bench.load import Plan, Tally
from dev.parts import PARTS
from dev.ports import HOST, Ports
from dev.process import Child, Command
from dev.stack import ROOT, Failed, Stack, embedded

PATIENCE = 120.0
"""Seconds for a floor to become ready."""
FLOORS = {
    "hello": "dev.bench.bare_reads:hello_app", "select": "dev.bench.bare_reads:select_app",
    "carts": "dev.bench.bare_carts:app", "login": "dev.bench.bare_login:app",
}  # fmt: skip
"""Applications that answer over HTTP and do the least."""
GIVE_UP = 180.0
"""Seconds after which a measurement that has not ended will not end."""


class Stand:
    """The running shop and its floors."""

    def __init__(self, stack: Stack, floors: dict[str, Child], ports: dict[str, int]) -> None:
        self.stack = stack
        self.environment = stack.environment()
        self.ports = ports
        """Where `api` and the floors listen."""
        roots = {name: stack.pid(name) for name in stack.running} | {name: child.pid for name, child in floors.items()}
        self._meter = Meter(roots)

    def load(self, plan: Plan) -> Tally:
        """Carry out a plan in a process of its own."""
        return self._tally("dev.bench.load", stdin=msgspec.json.encode(plan))

    def place_bare_orders(self, orders: int, buyers: int) -> Tally:
        """Start bare workflows and wait for their answers."""
        return self._tally("dev.bench.bare_orders", "buy", str(orders), str(buyers))

    def lap(self) -> dict[str, float]:
        """CPU seconds of every process of the shop and the floors since the last look."""
        return self._meter.lap()

    def _tally(self, module: str, *arguments: str, stdin: bytes = b"") -> Tally:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments], input=stdin, capture_output=True, check=False, cwd=ROOT,
            env=os.environ | self.environment, timeout=GIVE_UP,
        )  # fmt: skip
        if done.returncode != 0:
            raise Failed(f"{module}: {done.stderr.decode()[-2000:]}")
        return msgspec.json.decode(done.stdout, type=Tally)


@contextmanager
def standing(say: Callable[[str], None], given: Mapping[str, str] | None = None) -> Iterator[Stand]:
    """Everything that is measured, ready; gone with the block, also when it ends in an error or by Ctrl-C."""
    with ExitStack() as until_the_end:
        say("starting a shop with the sample goods, and the floors beside it …")
        stack = until_the_end.enter_context(embedded(PARTS, given=given, durable=True))
        stack.run("seed", [sys.executable, "-m", "dev.seed"])
        free = Ports.free()
        places = {"hello": free.api, "select": free.stripe, "carts": free.mail, "login": free.temporal_ui}
        commands = {name: _like_the_api(stack, app, places[name]) for name, app in FLOORS.items()}
        commands["bare worker"] = [sys.executable, "-m", "dev.bench.bare_orders", "worker"]
        floors: dict[str, Child] = {}
        for name, argv in commands.items():
            log = stack.site.home / "logs" / f"{name.replace(' ', '-')}.log"
            command = Command(argv=argv, environment=os.environ | stack.environment(), directory=ROOT)
            floors[name] = Child(name, command, log, stop_signal=SIGTERM, grace=10)
            until_the_end.callback(floors[name].stop)
        _await_answers(
            f"http://{HOST}:{places['hello']}/hello", f"http://{HOST}:{places['select']}/products",
            f"http://{HOST}:{places['carts']}/carts/{UUID(int=0)}",
        )  # fmt: skip
        yield Stand(stack, floors, places | {"api": stack.site.ports.api})


def _like_the_api(stack: Stack, app: str, port: int) -> list[str]:
    """The API's own command line with another application on another port."""
    *command, _ = PARTS["api"].argv(stack.site)
    command[command.index("--port") + 1] = str(port)
    return [*command, app]


def _await_answers(*urls: str) -> None:
    deadline = time.monotonic() + PATIENCE
    for url in urls:
        while not knock.answers(url):
            if time.monotonic() > deadline:
                raise Failed(f"{url} does not answer")
            time.sleep(0.1)
