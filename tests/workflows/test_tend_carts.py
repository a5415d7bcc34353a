"""Looking after carts: in batches, sparing what is being bought, in sight of operators, on a schedule of its own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from temporalio.client import ScheduleActionStartWorkflow, ScheduleHandle, ScheduleOverlapPolicy, WorkflowHandle

import worker
from models.database import fetching
from models.ids import CartId, new_id
from models.money import Money
from models.order import workflow_id
from models.settings import WorkerSettings
from models.tables import cart as carts
from models.tables import user as users
from tests import people, shop
from tests.flow import Flow
from tests.workflows.schedules import forget_schedules, shown
from tests.workflows.trouble import Trouble
from workflows import tend_carts
from workflows.order import Order
from workflows.patience import ORDERS
from workflows.tend_carts import TEND_CARTS_ID, TendCarts, Tended, Tending

USUAL = Tending(timedelta(days=1), timedelta(days=30), timedelta(minutes=5))


class Carts:
    """Carts of one test, and somebody who looks after them."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow

    async def left(self, days: int, *, owner: bool = False) -> CartId:
        """One with a mug in it that nobody touched for so long; `owner`: of somebody who allowed letters."""
        cart = CartId(new_id())
        async with self.flow.database.writing() as writer:
            user = await people.account(writer) if owner else None
            if user is not None:
                cart = CartId(user)
                await users.update(writer, user, {"marketing_consent": True})
            await carts.add(fetching(writer), cart, "MUG", 1, None, "usd", user)
            await writer.exec_driver_sql(
                "UPDATE carts SET updated_at = now() - make_interval(days => $2) WHERE id = $1", (cart, days)
            )
        return cart

    async def tended(self, unique: object = "test") -> tuple[Tended, WorkflowHandle[Any, Any]]:
        """What one look comes to."""
        with self.flow.skipper.with_time_skipping_disabled():
            handle = await self.flow.client.start_workflow(
                TendCarts.run, USUAL, id=f"{TEND_CARTS_ID}-{unique}", task_queue=ORDERS
            )
        return await asyncio.wait_for(handle.result(), 60), handle

    async def there(self) -> set[UUID]:
        """Carts that there are."""
        return {row["id"] for row in await self.flow.database.fetch("SELECT id FROM carts")}

    async def letters(self) -> list[UUID]:
        """Who was written to."""
        return [row["user_id"] for row in await self.flow.database.fetch("SELECT user_id FROM outbox")]


@pytest.fixture
async def left(flow: Flow) -> Carts:
    """Mugs on the shelf, no carts yet."""
    async with flow.database.writing() as writer:
        await shop.stock_product(writer, "MUG", 100)
    return Carts(flow)


async def test_owners_are_reminded_and_forgotten_carts_go(left: Carts) -> None:
    """Given carts of a day, a week and a month, then one owner gets a letter, one cart goes, and the page says so."""
    mine, young, _ = await left.left(2, owner=True), await left.left(8), await left.left(31)

    tended, handle = await left.tended()

    assert tended == Tended(reminded=1, removed=1)
    assert (await left.letters(), await left.there()) == ([mine], {mine, young})
    metadata: Any = await handle.query("__temporal_workflow_metadata")
    again_at = (await handle.describe()).start_time + timedelta(minutes=5)
    for said in ("### Done", "**Reminded:** 1", "**Removed:** 1", f"**Looks again at:** {again_at:%Y-%m-%d %H:%M}"):
        assert said in str(metadata)
    assert (await left.tended("again"))[0] == Tended(reminded=0, removed=0)


async def test_a_cart_whose_checkout_nobody_has_taken_up_yet_is_spared(left: Carts) -> None:
    """Given a checkout of a forgotten cart that waits for a worker, then the cart stays until that is over."""
    cart, other = await left.left(40), await left.left(40)
    bought = shop.purchase(cart, Money(1600, "usd"))
    with left.flow.skipper.with_time_skipping_disabled():
        waiting = await left.flow.client.start_workflow(
            Order.run, bought, id=workflow_id(cart, 1), task_queue=f"nobody-{new_id()}"
        )

    assert (await left.tended())[0] == Tended(reminded=0, removed=1)
    assert await left.there() == {cart}
    assert other not in await left.there()

    await waiting.terminate("it is over")
    assert (await left.tended("again"))[0] == Tended(reminded=0, removed=1)


async def test_many_carts_are_many_steps_and_no_more_than_a_run_may_have(
    left: Carts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given seven carts of each kind, three a step and two steps a run, then the next run does what is left."""
    monkeypatch.setattr(tend_carts, "BATCH", 3)
    monkeypatch.setattr(tend_carts, "ROUNDS", 2)
    for _ in range(7):
        await left.left(2, owner=True)
        await left.left(31)
    assert (await left.tended("first"))[0] == Tended(reminded=6, removed=6)
    assert (await left.tended("second"))[0] == Tended(reminded=1, removed=1)
    assert len(await left.letters()) == len(set(await left.letters())) == len(await left.there()) == 7


async def test_steps_whose_answers_are_lost_are_done_once(left: Carts, trouble: Trouble) -> None:
    """Given every step failing before and after its work, then one letter, one cart less, and the rest untouched."""
    mine, young, _ = await left.left(2, owner=True), await left.left(8), await left.left(31)
    for step in ("remind_of_carts", "find_forgotten_carts", "spare_carts_being_bought", "remove_carts"):
        trouble.plan(f"{TEND_CARTS_ID}-trouble", step, "before", "after")
    await left.tended("trouble")
    assert trouble.to_come() == []
    assert (await left.letters(), await left.there()) == ([mine], {mine, young})


@pytest.fixture
async def schedule(flow: Flow, settings: WorkerSettings) -> AsyncIterator[ScheduleHandle]:
    """The schedule that a worker makes."""
    handle = flow.client.get_schedule_handle(TEND_CARTS_ID)
    yield handle
    await forget_schedules(flow, settings)


async def test_a_worker_that_starts_has_carts_looked_after(
    flow: Flow, settings: WorkerSettings, schedule: ScheduleHandle
) -> None:
    """Given a worker that starts, then the schedule is as its settings say; what an operator paused stays so."""
    await worker.keep_schedules(flow.client, settings)
    await schedule.pause(note="Ada asks why")
    await shown(schedule, lambda found: found.state.paused)
    changed = msgspec.structs.replace(
        settings, cart_tending_interval=timedelta(minutes=7), cart_reminder_after=timedelta(hours=5)
    )

    await worker.keep_schedules(flow.client, changed)

    seven = [timedelta(minutes=7)]
    found = await shown(schedule, lambda found: [interval.every for interval in found.spec.intervals] == seven)
    assert (found.state.paused, found.state.note) == (True, "Ada asks why")
    assert (found.policy.overlap, found.policy.catchup_window) == (ScheduleOverlapPolicy.SKIP, timedelta(minutes=1))
    action = found.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert (action.workflow, action.id, action.task_queue) == ("TendCarts", TEND_CARTS_ID, ORDERS)
    [request] = await flow.client.data_converter.decode(action.args, [Tending])
    assert request == Tending(timedelta(hours=5), timedelta(days=30), timedelta(minutes=7))
