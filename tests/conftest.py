"""Real servers for every test: Postgres, Temporal and Redis once a session, simulators and a whole house once a worker.

`database` is a fresh, migrated database of this test alone. `flow` runs our workflows in this process on skipped time.
`house` is the shop as processes, spoken to over HTTP; tests share it, so they bring their own goods.
"""

import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

from dev import postgres
from dev.chapa.remote import ChapaControl
from dev.stack import Stack, embedded
from dev.stripe.remote import SimulatorControl
from models.database import Database
from models.settings import WorkerSettings, worker_settings
from tests.books import Books
from tests.flow import Flow, at_work, connected, open_shop
from tests.premises import House, Shopper, open_house, own_redis
from tests.seals import PAYLOAD_KEYS

_HANDED_OVER = "HOLDFAST_TEST_PARTS"
_parts = ExitStack()


def _worker_names(config: pytest.Config) -> list[str]:
    count = config.getoption("numprocesses", default=None) or 0
    return [f"gw{index}" for index in range(int(count))] or ["master"]


def pytest_configure(config: pytest.Config) -> None:
    """Start what all tests share, once, in the process that hands out the tests."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    namespaces = [
        f"{kind}-{name}"
        for name in _worker_names(config)
        for kind in ("flow", "house", "sample", "fuzz", "news", "traced", "rolled")
    ]
    shared = _parts.enter_context(
        embedded({"postgres", "temporal", "redis"}, namespaces=["default", *namespaces], template=True)
    )
    os.environ[_HANDED_OVER] = json.dumps(shared.environment(only=shared.running))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop it, also when tests failed or were interrupted."""
    if not hasattr(config, "workerinput"):
        _parts.close()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """How parallel processes share the tests."""
    return HouseByHouse(config, log)


class HouseByHouse(LoadScopeScheduling):  # type: ignore[misc]
    """Tests of one running house go to one process, and before all others: those fill what is left of the time.

    A house takes as long to start as a hundred small tests, and a long test that comes last is waited for alone.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((house for house, rooms in HOUSES.items() if nodeid.startswith(rooms)), nodeid)


HOUSES = {
    "traced": ("tests/journeys/test_tracing.py",),
    "shared": ("tests/journeys/", "tests/api/test_health.py::test_ready"), "frail": ("tests/faults/",),
    "fuzzed": ("tests/fuzz/",), "benched": ("tests/dev/bench/",), "stacked": ("tests/dev/stack/",),
}  # fmt: skip
"""Beginnings of the tests that run in one process, by what they share or wait for."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests have measured (`record_property("measured", …)`), in whatever process they ran."""
    reports = [each for kind in ("passed", "failed") for each in terminalreporter.stats.get(kind, [])]
    said = [value for report in reports for name, value in report.user_properties if name == "measured"]
    if said:
        terminalreporter.section("measured")
    for line in said:
        terminalreporter.line(str(line))


@pytest.fixture(scope="session")
def parts() -> dict[str, str]:
    """Addresses of the shared servers, as the variables that API and worker read."""
    handed_over: dict[str, str] = json.loads(os.environ[_HANDED_OVER])
    return handed_over


@pytest.fixture(scope="session")
def worker_name() -> str:
    """Which of the parallel test processes this is."""
    return os.environ.get("PYTEST_XDIST_WORKER", "master")


@pytest.fixture
def database_url(parts: dict[str, str]) -> Iterator[str]:
    """A fresh database with all tables and no rows; gone after the test."""
    url = postgres.fresh_database(parts["DATABASE_URL"])
    yield url
    postgres.drop_database(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The doors to it."""
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def simulators(parts: dict[str, str]) -> Iterator[Stack]:
    """Stripe, Chapa and a mail server for tests without a house; webhooks go nowhere."""
    with embedded({"stripe", "chapa", "mail"}, given=parts) as stack:
        yield stack


@pytest.fixture
async def stripe(simulators: Stack) -> AsyncIterator[SimulatorControl]:
    """The simulator's controls, with nothing ordered."""
    control = SimulatorControl(simulators.urls["stripe"])
    await control.clear()
    yield control
    await control.clear()
    await control.close()


@pytest.fixture
async def chapa(simulators: Stack) -> AsyncIterator[ChapaControl]:
    """The other provider's controls, with nothing ordered."""
    async with ChapaControl(simulators.urls["chapa"]) as control:
        await control.clear()
        yield control
        await control.clear()


@pytest.fixture
def settings(parts: dict[str, str], simulators: Stack, database_url: str, worker_name: str) -> WorkerSettings:
    """A worker's settings for this test's database."""
    return worker_settings(
        {
            **simulators.environment(),
            **parts,
            "DATABASE_URL": database_url,
            "REDIS_URL": own_redis(parts, worker_name, 32),
            "TEMPORAL_NAMESPACE": f"flow-{worker_name}",
            "PAYLOAD_KEYS": PAYLOAD_KEYS,
            "WORKER_METRICS_PORT": "",
        }
    )


@pytest.fixture
def worker_options() -> dict[str, Any]:
    """What a test wants of `flow`'s workers beyond the usual: interceptors, no cache; to be overridden."""
    return {}


@pytest.fixture
async def flow(
    settings: WorkerSettings,
    database: Database,
    stripe: SimulatorControl,
    chapa: ChapaControl,
    worker_options: dict[str, Any],
) -> AsyncIterator[Flow]:
    """Our workflows and activities in this process, an open shop, and time that can be skipped."""
    client = await connected(settings)
    opened = await open_shop(client, database, stripe, chapa)
    async with at_work(client, settings, database, worker_options):
        yield opened
        await opened.close()


@pytest.fixture(scope="session")
def shared_house(parts: dict[str, str], worker_name: str) -> Iterator[House]:
    """API, worker, Stripe and mail as processes on a database of their own."""
    url = postgres.fresh_database(parts["DATABASE_URL"])
    redis_url = own_redis(parts, worker_name, 0)
    given = {
        **parts, "DATABASE_URL": url, "REDIS_URL": redis_url, "TEMPORAL_NAMESPACE": f"house-{worker_name}",
        "CART_REMINDER_AFTER": "2", "CART_TENDING_INTERVAL": "2",
        # What one test leaves unpaid does not end while a later one counts.
        "PAYMENT_WINDOW": "7200",
        # Also on a busy machine an answer says how it ended; who wants to see one that does not has `hasty`.
        "CHECKOUT_ANSWER_BUDGET": "30", "OUTGOING_PRIVATE": "yes",
    }  # fmt: skip
    open_house(url)
    with embedded({"stripe", "chapa", "mail", "worker", "api"}, given=given) as stack:
        # Most tests wait until all webhooks have arrived.
        for provider in ("stripe", "chapa"):
            httpx.post(f"{stack.urls[provider]}/_sim/webhooks", json={"delay_seconds": 0.1}).raise_for_status()
        _until_schedules_are_kept(stack)
        yield House(stack, url)
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def sample_house(parts: dict[str, str], worker_name: str) -> Iterator[House]:
    """The shop that `make up` fills, as processes on a database of their own."""
    url = postgres.fresh_database(parts["DATABASE_URL"])
    redis_url = own_redis(parts, worker_name, 24)
    given = {
        **parts, "DATABASE_URL": url, "REDIS_URL": redis_url, "TEMPORAL_NAMESPACE": f"sample-{worker_name}",
        "CHECKOUT_ANSWER_BUDGET": "30",
    }  # fmt: skip
    with embedded({"stripe", "mail", "worker", "api"}, given=given) as stack:
        stack.run("seed", [sys.executable, "-m", "dev.seed"])
        yield House(stack, url)
    postgres.drop_database(url)


def _until_schedules_are_kept(stack: Stack) -> None:
    """A worker is up when it takes tasks; its schedules are there a moment later."""
    until = time.monotonic() + 60
    while "worker ready" not in stack.logs("worker"):
        assert time.monotonic() < until, stack.logs("worker")
        time.sleep(0.1)


@pytest.fixture
def house(shared_house: House) -> House:
    """The whole shop over HTTP, shared by the tests of this process."""
    return shared_house


@pytest.fixture
async def shopper(house: House) -> AsyncIterator[Shopper]:
    """A buyer who has just come into the house."""
    async with house.client() as client:
        yield Shopper(house, client)


@pytest.fixture
async def provider(house: House, books: Books) -> AsyncIterator[SimulatorControl]:
    """The house's payment provider on a good day; what a test orders is forgotten after it.

    What earlier tests bought is paid: a fault that is ordered now is not for them.
    """
    control = house.stripe()
    await control.clear()
    await books.until_paid()
    yield control
    await control.clear()
    await control.close()


@pytest.fixture
async def books(house: House) -> AsyncIterator[Books]:
    """The house's books."""
    opened = Books(house)
    yield opened
    await opened.close()
