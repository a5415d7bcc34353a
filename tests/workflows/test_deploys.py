"""New code takes over open orders: what it may change, what CI catches, and a rolling upgrade by docs/deploys.md."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import WorkflowHistory

from activities.checkout import OrderPlaced
from models.database import Database
from models.order import OrderStatus
from models.payment import PaymentStatus
from models.settings import WorkerSettings
from tests.flow import Flow, Handle, at_work, connected, open_shop
from tests.recipes import Recipe, blocks
from tests.workflows import ledgers
from tests.workflows.stories import MUG, Shelf
from tests.workflows.test_histories import recorded, replayer
from workflows.order import Order
from workflows.order_messages import DeliverOrder, PayOrder, ShipOrder
from workflows.patience import ORDERS

PAGE = "deploys.md"


async def _captured_first(self: Order, placed: OrderPlaced) -> None:
    """As `Order._secure`, but for what it does first: money is taken before it is written down that it is there."""
    await Order._capture(self, placed)
    await _SECURE(self, placed)


_SECURE, _CONFIRM = Order._secure, Order._confirm


async def _nap_and_confirm(self: Order, placed: OrderPlaced, payment: PaymentStatus) -> None:
    """A new step that old orders do without."""
    if workflow.patched("nap"):
        await workflow.sleep(0.001)
    await _CONFIRM(self, placed, payment)


@pytest.mark.parametrize("name", ["delivered", "captured_late", "sent_in_two_parcels"])
async def test_steps_that_change_places_turn_the_gate_red(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Given code in which two steps have changed places, when recorded orders are replayed, then it is caught."""
    monkeypatch.setattr(Order, "_secure", _captured_first)

    with pytest.raises(workflow.NondeterminismError):
        await replayer().replay_workflow(recorded(name))


@pytest.mark.parametrize("name", ["delivered", "captured_late", "sent_in_two_parcels"])
async def test_a_patched_step_leaves_it_green(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Given a new step behind `workflow.patched`, then orders of before are replayed without it."""
    monkeypatch.setattr(Order, "_confirm", _nap_and_confirm)

    await replayer().replay_workflow(recorded(name))


async def test_every_command_of_the_page_is_executed() -> None:
    """Given docs/deploys.md, then below these headings stand commands, and the test below executes all of them."""
    assert list(blocks(PAGE)) == ["A rolling upgrade", "A few orders first", "Going back"]


class Builds:
    """Workers of several builds on a namespace that hands out work by builds."""

    def __init__(self, flow: Flow, settings: WorkerSettings, database: Database) -> None:
        self.flow = flow
        self._settings, self._database = settings, database
        self._running: dict[str, AsyncExitStack] = {}
        self.address = {
            "TEMPORAL_ADDRESS": settings.temporal_address, "TEMPORAL_NAMESPACE": settings.temporal_namespace,
        }  # fmt: skip

    async def start(self, build: str) -> None:
        """Workers of this build, with the code as it is now."""
        settings = msgspec.structs.replace(self._settings, build_id=build)
        running = self._running[build] = AsyncExitStack()
        await running.enter_async_context(at_work(await connected(settings), settings, self._database, {}))

    async def stop(self, build: str) -> None:
        """They leave."""
        await self._running.pop(build).aclose()

    async def pollers(self) -> int:
        """How many ask for orders, as the API's health and the worker's gauges count them."""
        asked = DescribeTaskQueueRequest(
            namespace=self.address["TEMPORAL_NAMESPACE"], task_queue=TaskQueue(name=ORDERS),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )  # fmt: skip
        return len((await self.flow.client.workflow_service.describe_task_queue(asked)).pollers)

    async def close(self) -> None:
        """All of them leave."""
        for build in tuple(self._running):
            await self.stop(build)


@pytest.fixture
async def builds(
    settings: WorkerSettings, database: Database, stripe: Any, chapa: Any, worker_name: str
) -> AsyncIterator[Builds]:
    """An open shop in which nobody works yet, on a namespace where builds can be current."""
    settings = msgspec.structs.replace(settings, temporal_namespace=f"rolled-{worker_name}")
    flow = await open_shop(await connected(settings), database, stripe, chapa)
    builds = Builds(flow, settings, database)
    yield builds
    await flow.close()
    await builds.close()


async def builds_of(handle: Handle) -> list[str]:
    """Which builds told an order's story on, in their order."""
    history: WorkflowHistory = await handle.fetch_history()
    told = [
        event.workflow_task_completed_event_attributes.deployment_version.build_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    return list(dict.fromkeys(told))


async def test_a_rolling_upgrade(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given open orders of the old build, one paid and one not, when the next build, which has a step more, becomes
    current and the old one leaves, then both end well with the new one, and so does an order that comes later."""
    await builds.start("old")
    first = Recipe(PAGE, "A rolling upgrade", **builds.address)
    await first.next(NEW="old")
    paid, unpaid, later, last = [await Shelf.open(builds.flow) for _ in range(4)]
    to_ship, _ = await paid.buy()
    await builds.flow.until(to_ship, OrderStatus.CONFIRMED)
    to_pay, answer = await unpaid.buy("pm_card_chargeDeclined")
    assert answer.payment_status is PaymentStatus.FAILED

    monkeypatch.setattr(Order, "_confirm", _nap_and_confirm)
    await builds.start("new")
    canary = Recipe(PAGE, "A few orders first", NEW="new", **builds.address)
    assert "Successfully" in await canary.next()
    await canary.next()
    upgrade = Recipe(PAGE, "A rolling upgrade", NEW="new", **builds.address)
    await upgrade.next()
    assert re.search(r"CurrentVersionBuildID +new$", await upgrade.next(), re.MULTILINE)
    await builds.stop("old")

    await arrives(paid, to_ship)
    await unpaid.ask(to_pay, Order.pay, PayOrder("again", "pm_card_visa"))
    await builds.flow.until(to_pay, OrderStatus.CONFIRMED)
    await arrives(unpaid, to_pay)
    begun, _ = await later.buy()
    await builds.flow.until(begun, OrderStatus.CONFIRMED)
    await arrives(later, begun)
    assert await builds.pollers() > 0
    assert [await builds_of(handle) for handle in (to_ship, to_pay, begun)] == [["old", "new"], ["old", "new"], ["new"]]

    monkeypatch.setattr(Order, "_confirm", _CONFIRM)
    await builds.start("old")
    back = Recipe(PAGE, "Going back", OLD="old", **builds.address)
    await back.next()
    await builds.stop("new")
    again, _ = await last.buy()
    await builds.flow.until(again, OrderStatus.CONFIRMED)
    assert await builds_of(again) == ["old"]

    for shelf in (paid, unpaid, later, last):
        assert await shelf.charged() == (MUG, 0)
    assert await ledgers.disagreements(builds.flow) == []
    assert canary.is_over() and upgrade.is_over() and back.is_over()


async def arrives(shelf: Shelf, handle: Handle) -> None:
    """A paid order is sent and delivered."""
    await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z"))
    await shelf.ask(handle, Order.deliver, DeliverOrder("carrier"))
    assert (await asyncio.wait_for(handle.result(), 60)).status is OrderStatus.DELIVERED
