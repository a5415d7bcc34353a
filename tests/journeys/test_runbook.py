"""docs/runbook.md, executed in the running house: whoever follows it gets where it says."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import uuid4

import anyio
import pytest
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowExecutionStatus

from dev.stack import embedded
from dev.stripe.remote import SimulatorControl
from models.roles import Role
from tests.desk import Clerk
from tests.premises import House, Shopper
from tests.recipes import Recipe, blocks
from tests.workflows.schedules import shown
from workflows.prove_stock import PROVE_STOCK_ID

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the runbook's commands need curl")
PAGE = "runbook.md"
HERE = (
    "Before you begin", "An order is stuck", "A payment provider is away", "One step by hand",
    "A message that makes no sense", "Schedules", "Draining a worker",
)  # fmt: skip
"""Headings whose commands are executed here."""
ELSEWHERE = ("A defect parks an order", "Reset after a fix", "A worker is gone")
"""In tests/workflows/test_runbook.py."""
CAPTURE = "/v1/payment_intents/*/capture"
LATER = 240
"""Seconds that an order may take on a busy machine to go on: it is tried each minute."""


def test_every_command_of_the_page_is_executed() -> None:
    """Given docs/runbook.md, then commands stand below these headings alone, each of which has its test."""
    assert {*blocks(PAGE)} == {*HERE, *ELSEWHERE}


class Operator:
    """Somebody at a terminal with the runbook."""

    def __init__(self, house: House, temporal: Client, token: str) -> None:
        self.house, self.temporal = house, temporal
        self.known = {
            "HOLDFAST": house.root, "TEMPORAL_ADDRESS": house.environment["TEMPORAL_ADDRESS"],
            "TEMPORAL_NAMESPACE": house.environment["TEMPORAL_NAMESPACE"], "TOKEN": token,
            "TEMPORAL_CODEC_ENDPOINT": f"{house.api}/admin/codec", "TEMPORAL_CODEC_AUTH": f"Bearer {token}",
        }  # fmt: skip

    def recipe(self, heading: str, **known: str) -> Recipe:
        """What stands below this heading."""
        return Recipe(PAGE, heading, **self.known, **known)

    async def workflow_of(self, number: str) -> str:
        """The id of an order's workflow, as soon as lists have it."""
        with anyio.fail_after(LATER):
            while True:
                async for each in self.temporal.list_workflows(f'OrderNumber="{number}" AND WorkflowType="Order"'):
                    return each.id
                await anyio.sleep(0.2)

    async def step_of(self, workflow: str, tried: int = 1) -> str:
        """The id of the step that an order tries, once it was tried so often and waits for its next try."""
        with anyio.fail_after(LATER):
            while True:
                seen = await self.temporal.get_workflow_handle(workflow).describe()
                for each in seen.raw_description.pending_activities:
                    if each.attempt > tried:
                        return each.activity_id
                await anyio.sleep(0.1)

    async def count(self, query: str, wanted: int) -> None:
        """Wait until lists have so many."""
        with anyio.fail_after(LATER):
            while (await self.temporal.count_workflows(query)).count < wanted:
                await anyio.sleep(0.2)


@pytest.fixture
async def operator(house: House, shopper: Shopper) -> Operator:
    """An administrator at a terminal."""
    clerk = await Clerk.hire(house, shopper.http, Role.ADMIN)
    return Operator(house, await house.temporal(), clerk.headers["Authorization"].removeprefix("Bearer "))


@pytest.fixture
async def bought(house: House) -> AsyncIterator[Any]:
    """Buys a mug; the order."""

    async def buy() -> tuple[Shopper, dict[str, Any]]:
        client = house.client()
        opened.append(client)
        shopper = Shopper(house, client)
        return shopper, cast(dict[str, Any], (await shopper.buy(await house.stock(5))).json()["order"])

    opened: list[Any] = []
    yield buy
    for client in opened:
        await client.aclose()


async def asks(operator: Operator, workflow: str) -> None:
    """Wait until an order asks for a person, in every list."""
    await operator.count(f'WorkflowId="{workflow}" AND NeedsAttention=true', 1)


async def taken(provider: SimulatorControl, number: str) -> tuple[int, int]:
    """What the provider took for an order, and what it still holds."""
    intents = await provider.ledger(order=number)
    return sum(each["captured"] for each in intents), sum(each["held"] for each in intents)


async def test_before_you_begin(operator: Operator, shopper: Shopper) -> None:
    """Given an administrator's address and password, then the shop's list and Temporal's are there."""
    account = {"email": f"{uuid4().hex}@example.com", "password": "correct horse battery staple"}
    assert (await shopper.http.post("/auth/register", json=account)).status_code == 201
    database = operator.house.database()
    await database.fetch("UPDATE users SET roles = '{admin}' WHERE email = $1", account["email"])
    await database.close()
    recipe = Recipe(
        PAGE, "Before you begin", EMAIL=account["email"], PASSWORD=account["password"],
        **{name: operator.known[name] for name in ("HOLDFAST", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE")},
    )  # fmt: skip

    printed = await recipe.next()

    assert printed.startswith('{"items":['), printed
    assert recipe.is_over()


async def test_an_order_is_stuck(operator: Operator, provider: SimulatorControl, bought: Any) -> None:
    """Given a capture that was refused, when it is looked at and tried again, by HTTP and then by hand, then it goes
    on, and is captured once."""
    await provider.fault("error_before", status=400, path=CAPTURE, times=2)
    buyer, placed = await bought()
    workflow = await operator.workflow_of(placed["number"])
    await asks(operator, workflow)
    recipe = operator.recipe("An order is stuck", ORDER=placed["number"], WORKFLOW=workflow)

    assert "capture the payment" in await recipe.next()
    assert workflow in await recipe.next()
    assert "Needs attention: could not capture the payment" in await recipe.next()
    await recipe.next()
    with anyio.fail_after(LATER):
        while await provider.faults():
            await anyio.sleep(0.1)
    assert (await buyer.order(placed))["status"] == "pending"
    await recipe.next()

    await buyer.order_when(placed, "confirmed", LATER)
    assert await taken(provider, placed["number"]) == (1600, 0)
    assert recipe.is_over()


async def test_a_payment_provider_is_away(operator: Operator, provider: SimulatorControl, bought: Any) -> None:
    """Given orders that cannot be captured, one of which a person was asked for and one of which was paused, when the
    provider is back, then the commands have all of them go on."""
    await provider.fault("error_before", status=400, path=CAPTURE, times=1)
    first, asking = await bought()
    of_first = await operator.workflow_of(asking["number"])
    await asks(operator, of_first)
    await provider.fault("error_before", status=503, path=CAPTURE, times=None)
    second, trying = await bought()
    of_second = await operator.workflow_of(trying["number"])
    await operator.step_of(of_second)
    held = 'WorkflowType="Order" AND PaymentStatus="authorized" AND OrderStatus="pending" AND ExecutionStatus="Running"'
    await operator.count(held, 2)
    recipe = operator.recipe("A payment provider is away")

    found = re.search(r"Total: (\d+)", await recipe.next())
    assert found and int(found[1]) >= 2
    # Paused, it is tried by nobody but the command.
    by_hand = operator.recipe("One step by hand", WORKFLOW=of_second)
    await by_hand.next()
    await by_hand.next(ACTIVITY=await operator.step_of(of_second))
    await rests(operator, of_second)
    await provider.clear()
    assert "Started batch" in await recipe.next()
    await second.order_when(trying, "confirmed", LATER)
    assert (await first.order(asking))["status"] == "pending"
    printed = await recipe.next()

    assert f"{of_first}: refused" not in printed
    await first.order_when(asking, "confirmed", LATER)
    for placed in (asking, trying):
        assert await taken(provider, placed["number"]) == (1600, 0)
    assert recipe.is_over()


async def test_one_step_by_hand(operator: Operator, provider: SimulatorControl, bought: Any) -> None:
    """Given a capture that fails, then it can be paused, go on, be tried more patiently; and said to be done, after
    it was done at the provider."""
    await provider.fault("error_before", status=503, path=CAPTURE, times=None)
    buyer, placed = await bought()
    workflow = await operator.workflow_of(placed["number"])
    step = await operator.step_of(workflow)
    recipe = operator.recipe("One step by hand", WORKFLOW=workflow, ACTIVITY=step)

    assert re.search(rf"ActivityId +{step}\n +Type +capture_payment", await recipe.next())
    await recipe.next()
    assert (await pending(operator, workflow)).paused
    await recipe.next()
    assert not (await pending(operator, workflow)).paused
    assert re.search(r"MaximumInterval +5m0s", await recipe.next())
    # So that it is not found by a try of its own.
    again = operator.recipe("One step by hand", WORKFLOW=workflow, ACTIVITY=step)
    await again.next()
    await again.next()
    await rests(operator, workflow)
    await provider.clear()
    [intent] = await provider.ledger(order=placed["number"])
    answer = await provider.http.post(
        f"/v1/payment_intents/{intent['payment_intent']}/capture", headers={"Authorization": "Bearer sk_test_dashboard"}
    )
    answer.raise_for_status()
    assert (await buyer.order(placed))["status"] == "pending"
    await recipe.next(PAYMENT=intent["payment_intent"])

    await buyer.order_when(placed, "confirmed", LATER)
    assert await taken(provider, placed["number"]) == (1600, 0)
    assert recipe.is_over()


async def pending(operator: Operator, workflow: str) -> Any:
    """The one step that a workflow tries."""
    [step] = (await operator.temporal.get_workflow_handle(workflow).describe()).raw_description.pending_activities
    return step


async def rests(operator: Operator, workflow: str) -> None:
    """Wait until a paused step is really not tried: a try that was under way is let end."""
    with anyio.fail_after(LATER):
        while (await pending(operator, workflow)).state != PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED:
            await anyio.sleep(0.1)


async def test_a_message_that_makes_no_sense(operator: Operator) -> None:
    """Given a workflow that was begun with what is no time, then it failed at once, says why, and is begun anew."""
    wrong = await operator.temporal.start_workflow(
        "TendCarts", {"remind_after": "soon"}, id=f"tend-carts-{uuid4()}", task_queue="orders"
    )
    await operator.count(f'WorkflowId="{wrong.id}" AND ExecutionStatus="Failed"', 1)
    recipe = operator.recipe("A message that makes no sense", WORKFLOW=wrong.id)

    assert wrong.id in await recipe.next()
    assert "Invalid ISO8601 duration" in await recipe.next()
    await recipe.next()

    right = operator.temporal.get_workflow_handle("tend-carts-by-hand")
    await asyncio.wait_for(right.result(), LATER)
    assert (await right.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert recipe.is_over()


async def test_schedules(operator: Operator) -> None:
    """Given a schedule, then it is paused, run now, and run for times that were missed, while it is; and resumed."""
    schedule = operator.temporal.get_schedule_handle(PROVE_STOCK_ID)
    recipe = operator.recipe("Schedules", SINCE="2026-01-10T10:30:00Z", UNTIL="2026-01-10T12:30:00Z")
    before = (await schedule.describe()).info.num_actions

    assert PROVE_STOCK_ID in await recipe.next()
    try:
        await recipe.next()
        state = (await shown(schedule, lambda found: found.state.paused)).state
        assert state.note == "the database is being moved"
        await recipe.next()
        await recipe.next()
        with anyio.fail_after(LATER):
            while (await schedule.describe()).info.num_actions < before + 3:
                await anyio.sleep(0.2)
        for hour in (11, 12):
            run = operator.temporal.get_workflow_handle(f"{PROVE_STOCK_ID}-2026-01-10T{hour}:00:00Z")
            await asyncio.wait_for(run.result(), LATER)
        await recipe.next()
        state = (await shown(schedule, lambda found: not found.state.paused)).state
        assert state.note == "the database is moved"
    finally:
        await schedule.unpause(note="the test is over")
    assert recipe.is_over()


async def test_draining_a_worker(operator: Operator, bought: Any) -> None:
    """Given a second worker, when it gets SIGTERM while people buy, then it ends by itself, and every order goes on."""
    given = {name: value for name, value in operator.house.environment.items() if name != "WORKER_METRICS_PORT"}
    with embedded({"worker"}, given=given) as beside:
        with anyio.fail_after(LATER):  # only then does it hear
            while "worker ready" not in beside.logs("worker"):
                await anyio.sleep(0.1)
        orders = [await bought()]
        recipe = operator.recipe("Draining a worker", WORKER=str(beside.pid("worker")))
        buying = asyncio.create_task(bought())
        await recipe.next()
        orders.append(await buying)
        with anyio.fail_after(LATER):
            while beside.child("worker").alive:
                await anyio.sleep(0.1)
        assert beside.child("worker").exit_code == 0
        assert "worker stopped" in beside.logs("worker")
        for buyer, placed in orders:
            await buyer.order_when(placed, "confirmed", LATER)
    assert recipe.is_over()
