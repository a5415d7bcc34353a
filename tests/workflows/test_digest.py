"""What waits for staff, in one letter a day: everything of which there is some, and no letter when there is nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from temporalio.client import ScheduleActionStartWorkflow, ScheduleHandle, ScheduleOverlapPolicy

import worker
from activities.digest import DigestWritten
from models import clock
from models.attention import AttentionKind
from models.database import fetching
from models.ids import OrderNumber
from models.inventory import MAIN
from models.reconciliation import CaseKind, Finding
from models.settings import WorkerSettings
from models.tables import attention, stockroom
from models.tables import attention_queue as queue
from models.tables import case as cases
from models.tables.digest import NAMED
from tests import people, shop, waiting
from tests.activities.till import Till
from tests.flow import Flow
from tests.workflows.schedules import forget_schedules
from tests.workflows.trouble import Trouble
from workflows.digest import CATCH_UP, DIGEST_ID, Digest
from workflows.patience import ORDERS

_LETTERS = "SELECT cause, payload::text AS payload FROM outbox WHERE payload ->> 'template' = 'staff_digest'"


@pytest.fixture
def settings(settings: WorkerSettings) -> WorkerSettings:
    """There is somebody to be told."""
    return msgspec.structs.replace(settings, staff_email="staff@shop.example")


async def counted(flow: Flow, name: str) -> dict[str, int]:
    """What a run counts."""
    with flow.skipper.with_time_skipping_disabled():
        done: DigestWritten = await flow.client.execute_workflow(
            Digest.run, id=f"{DIGEST_ID}-{name}", task_queue=ORDERS
        )
    return done.waiting


async def told(flow: Flow) -> list[dict[str, Any]]:
    """What the letters to staff say."""
    return [msgspec.json.decode(row["payload"])["waiting"] for row in await flow.database.fetch(_LETTERS)]


async def wait_for_staff(flow: Flow) -> dict[str, OrderNumber | None]:
    """One thing of every kind, beside an order that is fine; the numbers of the orders."""
    async with flow.database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 50)
        user = await people.account(writer)
    numbers = await waiting.everything(Till(flow.database, mug, mug), user)
    async with flow.database.writing() as writer:
        await writer.exec_driver_sql(
            """INSERT INTO reviews (id, product_id, user_id, stars, status, verified_purchase)
               SELECT uuidv7(), product_id, $2, 5, 'pending', true FROM variants WHERE id = $1""", (mug, user)
        )  # fmt: skip
        spot = stockroom.Spot(mug, MAIN)
        await stockroom.lock(writer, [spot])
        await stockroom.watch(writer, spot, {"reorder_point": 60, "reorder_quantity": 12})
    return numbers


async def test_a_letter_tells_everything_that_waits(flow: Flow) -> None:
    """Given one thing of every kind, then the letter counts and names each, and nothing that does not wait."""
    about = await wait_for_staff(flow)
    assert await counted(flow, "all") == {
        "attention": 6, "held": 1, "returns": 1, "payouts": 2, "cases": 1, "disputes": 1, "endpoints": 1,
        "templates": 1, "letters": 1, "others": 4, "reviews": 1, "low_stock": 1,
    }  # fmt: skip
    [said] = await told(flow)
    first = {name: each["first"][0] for name, each in said.items()}
    assert first["attention"] == {
        "number": about["undo_failed"],
        "why": "Could not void the payment: Stripe does not answer",
    }
    assert {each["number"] for each in said["attention"]["first"]} == {
        about[kind] for kind in ("undo_failed", "stuck", "refund_failed", "not_shipped", "promise_passed",
                                 "papers_unwritten")
    }  # fmt: skip
    assert (first["held"]["number"], first["disputes"]["number"]) == (about["held"], about["dispute"])
    assert first["returns"] == {"number": about["return_waiting"], "n": 1, "status": "requested"}
    assert first["low_stock"] == {"sku": "MUG", "location": "main", "available": 40}
    assert first["cases"] == {"kind": "refund_unknown", "object": "re_1"}
    assert first["endpoints"] == {"host": "erp.example", "why": "gone"}
    assert first["templates"] == {"template": "shipped", "language": "de", "why": "no second"}
    assert first["letters"] == {"template": "welcome", "error": "550 nobody"}
    assert {each["why"] for each in said["payouts"]["first"]} == {
        "no such account",
        "Could not send a payout: Stripe does not answer",
    }
    assert len(said["others"]["first"]) == 4
    assert "ada@example.com" not in msgspec.json.encode(said).decode()


async def test_what_staff_have_resolved_is_in_no_letter(flow: Flow) -> None:
    """Given two things of which somebody says that one is resolved, then the letter tells the other."""
    async with flow.database.writing() as writer:
        made = [Finding(CaseKind.REFUND_UNKNOWN, f"re_{n}", "stripe", clock.now(), {}) for n in range(2)]
        await cases.settle(writer, made, clock.now() - timedelta(days=1))
        user = await people.account(writer)
    case, _ = (await queue.first(flow.database, 10))[AttentionKind.CASE].first
    async with flow.database.writing() as writer:
        _, seen = await queue.find(fetching(writer), case.id) or (None, "")
        await attention.resolve(writer, case.id, case.name, user, "seen to", seen)
    assert await counted(flow, "resolved") == {"cases": 1}


async def test_a_letter_names_the_first_and_counts_all(flow: Flow) -> None:
    """Given more than a letter names, then it says how many there are."""
    async with flow.database.writing() as writer:
        made = [Finding(CaseKind.REFUND_UNKNOWN, f"re_{n}", "stripe", clock.now(), {}) for n in range(NAMED + 3)]
        await cases.settle(writer, made, clock.now() - timedelta(days=1))
    assert await counted(flow, "many") == {"cases": NAMED + 3}
    [said] = await told(flow)
    assert (said["cases"]["count"], len(said["cases"]["first"])) == (NAMED + 3, NAMED)


async def test_a_day_has_one_letter_and_none_when_nothing_waits(flow: Flow, trouble: Trouble) -> None:
    """Given nothing, then no letter; given something, a step that runs twice and runs side by side: one letter."""
    assert await counted(flow, "nothing") == {}
    assert await told(flow) == []
    async with flow.database.writing() as writer:
        await cases.settle(
            writer, [Finding(CaseKind.REFUND_UNKNOWN, "re_1", "stripe", clock.now(), {})],
            clock.now() - timedelta(days=1),
        )  # fmt: skip
    trouble.plan(f"{DIGEST_ID}-twice", "write_digest", "after")
    day = clock.now().date()
    assert await counted(flow, "twice") == {"cases": 1}
    await asyncio.gather(*(counted(flow, f"beside-{n}") for n in range(3)))
    assert trouble.to_come() == []
    over_midnight = 1 if clock.now().date() != day else 0
    assert 1 <= len(await told(flow)) <= 1 + over_midnight


@pytest.fixture
async def schedule(flow: Flow, settings: WorkerSettings) -> AsyncIterator[ScheduleHandle]:
    """The schedule that a worker makes."""
    handle = flow.client.get_schedule_handle(DIGEST_ID)
    yield handle
    await forget_schedules(flow, settings)


async def test_a_worker_that_starts_has_staff_told_each_day(
    flow: Flow, settings: WorkerSettings, schedule: ScheduleHandle
) -> None:
    """Given a worker that starts, then the schedule is as its settings say, and makes up for a missed morning."""
    await worker.keep_schedules(flow.client, settings)
    found = (await schedule.describe()).schedule
    assert isinstance(found.action, ScheduleActionStartWorkflow)
    assert (found.action.workflow, found.action.id) == ("Digest", DIGEST_ID)
    [at] = found.spec.calendars
    assert ([each.start for each in at.hour], [each.start for each in at.minute]) == ([6], [0])
    assert (found.policy.overlap, found.policy.catchup_window) == (ScheduleOverlapPolicy.SKIP, CATCH_UP)
