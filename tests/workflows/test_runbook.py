"""docs/runbook.md, where it is about workers: a defect that parks an order, a reset after its fix, nobody at work."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import pytest
from temporalio import workflow
from temporalio.client import Client

from activities.checkout import OrderPlaced
from dev.chapa.remote import ChapaControl
from dev.stripe.remote import SimulatorControl
from models.database import Database
from models.order import OrderStatus
from models.payment import PaymentStatus
from models.settings import WorkerSettings
from tests.flow import Handle, at_work, connected, open_shop
from tests.recipes import Recipe
from tests.workflows import ledgers
from tests.workflows.stories import MUG, Shelf
from workflows.order import Order
from workflows.order_messages import DeliverOrder, ShipOrder

PAGE = "runbook.md"
LATER = 120
"""Seconds until an order that a defect parked is surely tried again, and longer on a busy machine."""


@pytest.fixture
def worker_options() -> dict[str, Any]:
    """As in production: an error that nobody foresaw parks a workflow, and does not fail it."""
    return {"workflow_failure_exception_types": []}


@pytest.fixture
def address(settings: WorkerSettings) -> dict[str, str]:
    """Where the operator's command line finds Temporal."""
    return {"TEMPORAL_ADDRESS": settings.temporal_address, "TEMPORAL_NAMESPACE": settings.temporal_namespace}


async def parked(handle: Handle) -> None:
    """Wait until an order's task has failed, and is tried again."""
    async with asyncio.timeout(LATER):
        while True:
            seen = await handle.describe()
            if seen.raw_description.pending_workflow_task.attempt > 1:
                return
            await asyncio.sleep(0.1)


async def arrives(shelf: Shelf, handle: Handle) -> None:
    """A paid order is sent and delivered."""
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    await shelf.ask(handle, Order.deliver, DeliverOrder("carrier"))
    assert (await asyncio.wait_for(handle.result(), LATER)).status is OrderStatus.DELIVERED


async def test_a_defect_parks_an_order(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, address: dict[str, str]) -> None:
    """Given code that stumbles once money is reserved, then its order waits, with its money; mended, it goes on."""

    def stumble(*_: Any) -> None:
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as broken:
        broken.setattr(Order, "_secure", stumble)
        handle = await shelf.begin()
        await parked(handle)
        recipe = Recipe(PAGE, "A defect parks an order", WORKFLOW=handle.id, **address)

        assert re.search(r'"attempt": [1-9]', await recipe.next())
        assert await shelf.charged() == (0, MUG)
        assert (await shelf.row())["status"] == "pending"

    await shelf.flow.until(handle, OrderStatus.CONFIRMED, LATER)
    assert await shelf.charged() == (MUG, 0)
    assert await ledgers.disagreements(shelf.flow) == []
    assert recipe.is_over()


class Crew:
    """The workers, as an operator starts and stops them."""

    def __init__(self, settings: WorkerSettings, database: Database, client: Client) -> None:
        self._settings, self._database, self._client = settings, database, client
        self._at_work = AsyncExitStack()

    async def start(self) -> None:
        """Somebody is at work, with the code as it is now."""
        options: dict[str, Any] = {"workflow_failure_exception_types": []}
        await self._at_work.enter_async_context(at_work(self._client, self._settings, self._database, options))

    async def stop(self) -> None:
        """Nobody is; what they knew by heart is forgotten."""
        await self._at_work.aclose()


class Deserted(NamedTuple):
    """A shop whose workers come and go."""

    shelf: Shelf
    crew: Crew


@pytest.fixture
async def deserted(
    settings: WorkerSettings, database: Database, stripe: SimulatorControl, chapa: ChapaControl
) -> AsyncIterator[Deserted]:
    """An open shop in which nobody works yet."""
    client = await connected(settings)
    flow = await open_shop(client, database, stripe, chapa)
    crew = Crew(settings, database, client)
    yield Deserted(await Shelf.open(flow), crew)
    await flow.close()
    await crew.stop()


async def test_reset_after_a_fix(deserted: Deserted, monkeypatch: pytest.MonkeyPatch, address: dict[str, str]) -> None:
    """Given an order with a step that a build, since taken back, had written into it, so that it is parked for good,
    when it is told again from its beginning, then it arrives, and nothing was done twice."""
    shelf, crew = deserted
    confirm = Order._confirm

    async def nap_and_confirm(self: Order, placed: OrderPlaced, payment: PaymentStatus) -> None:
        await workflow.sleep(0.001)
        await confirm(self, placed, payment)

    with monkeypatch.context() as bad:
        bad.setattr(Order, "_confirm", nap_and_confirm)
        await crew.start()
        handle = await shelf.begin()
        await shelf.flow.until(handle, OrderStatus.CONFIRMED, LATER)
        await crew.stop()
    await crew.start()
    await shelf.news(handle)
    await parked(handle)
    facts = await shelf.facts()
    recipe = Recipe(PAGE, "Reset after a fix", WORKFLOW=handle.id, **address)

    await recipe.next()

    again = shelf.flow.handle(shelf.cart)
    await shelf.flow.until(again, OrderStatus.CONFIRMED, LATER)
    await listed(shelf, f'WorkflowId="{handle.id}" AND ExecutionStatus="Running"')
    await listed(shelf, f'WorkflowId="{handle.id}" AND ExecutionStatus="Terminated"')
    printed = await recipe.next()
    assert "Running" in printed and "Terminated" in printed
    assert await shelf.facts() == facts
    await arrives(shelf, again)
    assert await shelf.charged() == (MUG, 0)
    assert await shelf.left() == (4, 0)
    assert await ledgers.disagreements(shelf.flow) == []
    assert recipe.is_over()


async def listed(shelf: Shelf, query: str) -> None:
    """Wait until the list of workflows has one of these: it comes a little after them."""
    async with asyncio.timeout(LATER):
        while not (await shelf.flow.client.count_workflows(query)).count:
            await asyncio.sleep(0.1)


async def test_a_worker_is_gone(deserted: Deserted, address: dict[str, str]) -> None:
    """Given nobody at work, then what waits is counted; and done, as soon as somebody is."""
    shelf, crew = deserted
    handle = await shelf.begin()

    # The queue is counted a little after it was filled.
    async with asyncio.timeout(LATER):
        while not re.search(r"UNVERSIONED +workflow +[1-9]", await asked(address)):
            await asyncio.sleep(0.2)
    await crew.start()

    await shelf.flow.until(handle, OrderStatus.CONFIRMED, LATER)
    assert await shelf.charged() == (MUG, 0)


async def asked(address: dict[str, str]) -> str:
    """What the runbook's command says of the queue."""
    recipe = Recipe(PAGE, "A worker is gone", **address)
    printed = await recipe.next()
    assert recipe.is_over()
    return printed
