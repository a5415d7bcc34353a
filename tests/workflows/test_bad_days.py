"""Bad days: every step fails in every way while somebody cancels, time runs out, or the worker is killed.

After each: one net capture or none, ledgers that agree, buyer and staff told the truth, histories that replay.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

import worker
from dev.chapa.remote import ChapaControl
from dev.stripe.remote import SimulatorControl
from models import wire
from models.capture import Capture
from models.database import Database
from models.settings import WorkerSettings
from models.tables import credit, inventory, refund_end
from tests.flow import Flow, at_work, connected, open_shop
from tests.seals import KEYS
from tests.workflows import screened, test_goods
from tests.workflows.bad_days import (
    AT_SHIPMENT,
    EXCHANGES,
    KINDS,
    OWNERS,
    PATHS,
    TOGETHER,
    TURNS,
    Clerk,
    Day,
    Here,
    Lookout,
    bought,
    reviewed,
    turns_of,
    worker_killed,
)
from tests.workflows.doomed import Doomed, hurried
from tests.workflows.steps import asked_by
from tests.workflows.stories import Shelf
from tests.workflows.trouble import Trouble

pytestmark = pytest.mark.filterwarnings(
    "ignore:Cannot find activity to cancel"  # a step that was given up, and was done in the same moment
)
_UNBALANCED = "SELECT operation FROM money_entries GROUP BY operation, currency HAVING sum(amount) <> 0"
STEPS = [step for steps in PATHS.values() for step in steps]
STRIKE = 120
"""Seconds within which each trouble has come."""
_DEATHS = [
    (path, step, kind)
    for path, steps in PATHS.items() if path not in {reviewed, *AT_SHIPMENT}  # which need a shop of their own
    for step in steps for kind in KINDS
]  # fmt: skip
KILLED = [each for each in _DEATHS if each[0] is bought] + [each for each in _DEATHS if each[0] is not bought][::6]
"""When the worker is killed: in each fault of a usual order's steps, and in one of most others, in turn."""
CASES = len(KINDS) * len(STEPS) * len(TURNS) + len(KILLED)
DAYS = sum(len(KINDS) * len(steps) * len(turns_of(path)) for path, steps in PATHS.items()) + len(KILLED)


@pytest.fixture
def worker_options(trouble: Trouble) -> dict[str, Any]:
    """As in production: what nobody foresaw parks a workflow, and it goes on when that is mended."""
    return {"interceptors": [trouble], "workflow_failure_exception_types": ()}


@pytest.fixture
def settings(settings: WorkerSettings, request: pytest.FixtureRequest) -> WorkerSettings:
    """Of a shop that screens, or takes money when goods leave, where those are the paths."""
    told = getattr(request.node, "callspec", None)
    paths = TOGETHER.get(told.params.get("group"), ()) if told else ()
    if reviewed in paths:
        return msgspec.structs.replace(settings, screening=screened.LIMIT)
    return msgspec.structs.replace(settings, capture=Capture.AT_SHIPMENT) if AT_SHIPMENT & set(paths) else settings


@pytest.fixture(autouse=True)
def hurry() -> Any:
    """Answers that never come are missed soon."""
    with hurried():
        yield


def test_the_matrix_knows_every_step(record_property: Callable[[str, object], None]) -> None:
    """An activity that comes into one of these workflows needs its line in `PATHS`."""
    steps = set[str]().union(*(asked_by(owner) for owner in OWNERS))
    assert sorted(STEPS) == sorted(steps - EXCHANGES - test_goods.STEPS)
    assert Counter(path for paths in TOGETHER.values() for path in paths) == Counter(PATHS.keys())
    size = (
        f"bad days: {CASES}, of {len(STEPS)} steps x {len(KINDS)} faults x {len(TURNS)} turns, "
        f"and the worker killed in {len(KILLED)}; {DAYS} orders"
    )
    record_property("measured", size)
    print(size)  # noqa: T201 - how much was tried


@pytest.mark.parametrize("group", TOGETHER)
async def test_bad_days(flow: Flow, trouble: Trouble, group: str) -> None:
    """Given each step of a path and each fault, when somebody cancels or time runs out, then all tell one story."""
    lookout = Lookout(flow.database)
    days = {
        Day(await Shelf.open(flow), lookout, Here(trouble), step, kind, turn): path
        for path in TOGETHER[group] for step in PATHS[path] for kind in KINDS for turn in turns_of(path)
    }  # fmt: skip

    await lived(flow, list(days), lambda day: day.go(days[day]))

    await true(flow, list(days))


@pytest.mark.parametrize("half", range(2))
async def test_the_worker_is_killed_on_bad_days(
    settings: WorkerSettings, database: Database, stripe: SimulatorControl, chapa: ChapaControl, half: int
) -> None:
    """Given each step and each fault at once, when the worker is killed as they strike, then another one takes over."""
    client = await connected(settings)
    flow = await open_shop(client, database, stripe, chapa)
    async with Doomed.begun(settings) as doomed:
        lookout = Lookout(database)
        days = {
            Day(await Shelf.open(flow), lookout, doomed, step, kind, worker_killed): path
            for path, step, kind in KILLED[half::2]
        }
        living = asyncio.create_task(lived(flow, list(days), lambda day: day.go(days[day])))
        struck = asyncio.create_task(all_struck(list(days)))
        await asyncio.wait({living, struck}, return_when="FIRST_COMPLETED", timeout=STRIKE)
        assert struck.done(), [day.name for day in days if not day.struck.is_set()]
        await doomed.kill()
    async with at_work(client, settings, database, {"workflow_failure_exception_types": ()}):
        await living
        await true(flow, list(days))
        await flow.close()


async def all_struck(days: Sequence[Day]) -> None:
    """Wait until each day's trouble has come."""
    for day in days:
        await day.struck.wait()


async def lived(flow: Flow, days: Sequence[Day], live: Callable[[Day], Any]) -> None:
    """All days at once, with somebody at the desk, until all are at rest. Each trouble has come."""
    clerk = asyncio.create_task(Clerk(days).work(flow))

    async def to_its_end(day: Day) -> None:
        try:
            await live(day)
            await day.rest()
        except Exception as failed:
            failed.add_note(f"{day.name}: {dict(await day.row() or {})}")
            raise

    try:
        outcomes = await asyncio.gather(*(to_its_end(day) for day in days), return_exceptions=True)
    finally:
        clerk.cancel()
    failures = [each for each in outcomes if isinstance(each, Exception)]
    if failures:
        raise ExceptionGroup("days that did not end", failures)
    assert [day.name for day in days if not day.struck.is_set()] == []


async def true(flow: Flow, days: Sequence[Day]) -> None:
    """Nobody was told a lie, the ledgers agree, and all histories replay."""
    lies = [lie for day in days for lie in await day.lies()]
    assert not lies, "\n".join(lies)
    async with flow.database.reading() as reader:
        assert [await each.drift(reader) for each in (inventory, credit, refund_end)] == [[], [], []]
    assert await flow.database.fetch(_UNBALANCED) == []

    async def histories() -> AsyncIterator[WorkflowHistory]:
        for day in days:
            for handle in day.processes(await day.until(lambda row: True)):
                yield await handle.fetch_history()

    replayed = await Replayer(workflows=worker.WORKFLOWS, plugins=[wire.plugin(KEYS)]).replay_workflows(
        histories(), raise_on_replay_failure=False
    )
    assert replayed.replay_failures == {}
    for day in days:
        await day.order.terminate("the test is over") if await is_open(day) else None


async def is_open(day: Day) -> bool:
    """Whether its owner lives on."""
    return (await day.order.describe()).close_time is None
