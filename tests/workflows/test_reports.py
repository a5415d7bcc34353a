"""Reports that schedules have made: equal to the rows to the cent, once a day of the shop's, however often they run."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleHandle,
    ScheduleOverlapPolicy,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

import worker
from models.database import Database
from models.ids import new_id
from models.money import Money
from models.reports.days import midnight
from models.reports.report import ReportFormat, ReportKind, ReportOutline
from models.settings import WorkerSettings
from models.tables import report as reports
from tests import takings
from tests.flow import Flow
from tests.workflows.schedules import forget_schedules, shown
from tests.workflows.stories import Shelf
from tests.workflows.trouble import Trouble
from workflows.patience import ORDERS
from workflows.reports import AT, CATCH_UP, MakeReport, ReportWanted, daily, report_id, schedule_id

BERLIN = ZoneInfo("Europe/Berlin")
SALES = ReportKind.DAILY_SALES
SHORT, LONG = date(2026, 3, 29), date(2026, 10, 25)
"""Days of 23 and of 25 hours."""
WITHIN = 90
"""Seconds, also on a busy machine."""


@pytest.fixture
def settings(settings: WorkerSettings) -> WorkerSettings:
    """The shop is in Berlin."""
    return msgspec.structs.replace(settings, timezone=BERLIN)


async def made(
    flow: Flow, day: date, revision: int | None = None, name: str = "", kind: ReportKind = SALES
) -> ReportOutline:
    """What a run makes."""
    with flow.skipper.with_time_skipping_disabled():
        return await flow.client.execute_workflow(
            MakeReport.run, ReportWanted(kind, day, revision, "staff/test"), task_queue=ORDERS,
            id=report_id(kind, day, revision or 1) + (f"/{name}" if name else ""),
        )  # fmt: skip


async def said(database: Database, report: ReportOutline) -> dict[str, Any]:
    """What its file says."""
    file = await reports.file(database, report.id, reports.file_name(ReportFormat.JSON))
    assert file is not None
    found: dict[str, Any] = msgspec.json.decode(file.content)
    return found


def totals(told: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Its figures by currency, as the rows give them."""
    return {
        row["currency"]: {
            name: row[name] if name == "orders" else row[name]["amount"] for name in takings.FIGURES
        }
        for row in told["sheets"]["totals"]
    }  # fmt: skip


async def test_a_report_is_what_really_happened(flow: Flow, shelf: Shelf) -> None:
    """Given an order that was really bought, then the report of its day has it, and its figures are the rows' own."""
    await flow.buy(shelf.cart, 1600)
    async with asyncio.timeout(WITHIN):
        while not (rows := await flow.database.fetch("SELECT at FROM order_events WHERE key = 'confirmed'")):
            await asyncio.sleep(0.05)
    [row] = rows
    report = await made(flow, row["at"].astimezone(BERLIN).date())
    told = await said(flow.database, report)
    assert totals(told) == {
        "usd": {"orders": 1, "gross": 1000, "discounts": 0, "shipping": 500, "tax": 100, "tax_on_top": 100,
                "total": 1600, "cancelled": 0, "refunds": 0}
    }  # fmt: skip
    [row] = told["sheets"]["totals"]
    assert (row["net"], row["average"]) == ({"amount": 1600, "currency": "usd"},) * 2
    [product], [category] = told["sheets"]["products"], told["sheets"]["categories"]
    assert (product["place"], product["units"], product["revenue"]["amount"]) == (1, 1, 1000)
    assert (category["slug"], category["units"], category["revenue"]["amount"]) == ("all", 1, 1000)
    assert totals(told) == (await takings.computed(flow.database, report.starts_at, report.ends_at))[0]


@pytest.fixture
async def traded(flow: Flow) -> Flow:
    """Orders of all fates around both days on which clocks are changed."""
    moments = [
        midnight(day + timedelta(days=n), BERLIN) for day in (SHORT, LONG) for n in (-1, 0, 1)
    ]  # fmt: skip
    async with flow.database.writing() as writer:
        shelves = await takings.stock_shelves(writer)
        await takings.trade(writer, shelves, moments, seed=11, many=120)
    return flow


async def test_a_day_has_one_report_however_often_it_is_made(traded: Flow, trouble: Trouble) -> None:
    """Given a day, when runs of it are repeated, fail half-way and run side by side, then there is one report."""
    trouble.plan(report_id(SALES, SHORT, 1), "write_report", "before", "after")
    first = await made(traded, SHORT)
    others = await asyncio.gather(*(made(traded, SHORT, name=f"beside-{n}") for n in range(4)))
    assert trouble.to_come() == []
    assert {each.id for each in others} == {first.id}
    rows = await traded.database.fetch("SELECT count(*) AS n FROM reports")
    files = await traded.database.fetch("SELECT count(DISTINCT report_id) AS n FROM report_files")
    assert (rows[0]["n"], files[0]["n"]) == (1, 1)


async def test_runs_side_by_side_make_one_report(traded: Flow) -> None:
    """Given a day without a report, when runs of it begin together, then all answer with the same one."""
    made_by_all = await asyncio.gather(*(made(traded, LONG, name=f"at-once-{n}") for n in range(4)))
    rows = await traded.database.fetch("SELECT id FROM reports")
    assert [{each.id for each in made_by_all}] == [{row["id"]} for row in rows]


async def test_a_report_that_is_made_anew_is_another_one(traded: Flow) -> None:
    """Given a report, when a refund of its day is booked late and it is made anew, then both are there."""
    first = await made(traded, SHORT)
    before = await said(traded.database, first)
    async with traded.database.writing() as writer:
        [order] = await traded.database.fetch("SELECT id, currency FROM orders WHERE currency = 'usd' LIMIT 1")
        await takings.booked(
            writer, order["id"], f"refund/{new_id()}", Money(77, "usd"), first.starts_at + timedelta(hours=1)
        )
    assert (await made(traded, SHORT, name="again")).id == first.id
    second = await made(traded, SHORT, revision=2)
    assert (first.revision, second.revision) == (1, 2)
    was, now = totals(before)["usd"], totals(await said(traded.database, second))["usd"]
    assert now == {**was, "refunds": was["refunds"] + 77}
    assert await said(traded.database, first) == before


@pytest.fixture
async def schedule(flow: Flow, settings: WorkerSettings) -> AsyncIterator[ScheduleHandle]:
    """The schedule that a worker makes."""
    handle = flow.client.get_schedule_handle(schedule_id(SALES))
    await forget_schedules(flow, settings)
    yield handle
    await forget_schedules(flow, settings)


async def reported(flow: Flow, days: set[date]) -> dict[date, ReportOutline]:
    """The reports of these days, as soon as all are there."""
    async with asyncio.timeout(WITHIN):
        while True:
            found = {day: await reports.last(flow.database, SALES, day) for day in days}
            known = {day: report for day, report in found.items() if report is not None}
            if known.keys() == days:
                return known
            await asyncio.sleep(0.1)


async def ran(schedule: ScheduleHandle, times: int) -> None:
    """Wait until so many runs were begun, and none is left."""
    async with asyncio.timeout(WITHIN):
        while True:
            known = (await schedule.describe()).info
            if known.num_actions >= times and not known.running_actions:
                return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(("changed", "hours"), [(SHORT, 23), (LONG, 25)])
async def test_what_was_missed_is_made_up_for(
    traded: Flow, settings: WorkerSettings, schedule: ScheduleHandle, changed: date, hours: int
) -> None:
    """Given days without a report around a change of clocks, when they are back-filled, each gets its own, to the cent.

    Done twice, it is nothing more; each run goes by the time at which it was to begin, not by when it did.
    """
    await worker.keep_schedules(traded.client, settings)
    begin = midnight(changed, BERLIN)
    lost = ScheduleBackfill(begin, begin + timedelta(days=3), ScheduleOverlapPolicy.BUFFER_ALL)
    await schedule.backfill(lost)
    days = {changed + timedelta(days=n) for n in (-1, 0, 1)}
    found = await reported(traded, days)
    await ran(schedule, 3)  # a run that has told and not ended yet would keep its id, and the next one from beginning
    again = ScheduleBackfill(begin, begin + timedelta(days=3), ScheduleOverlapPolicy.ALLOW_ALL)
    await schedule.backfill(again)
    await ran(schedule, 6)
    assert await reported(traded, days) == found
    for day, report in found.items():
        assert (report.revision, report.made_by, report.timezone) == (1, "schedule", "Europe/Berlin")
        assert report.ends_at - report.starts_at == timedelta(hours=hours if day == changed else 24)
        expected, _ = await takings.computed(traded.database, report.starts_at, report.ends_at)
        assert totals(await said(traded.database, report)) == expected
        assert expected


async def test_a_worker_that_starts_keeps_what_operators_said(
    flow: Flow, settings: WorkerSettings, schedule: ScheduleHandle
) -> None:
    """Given a worker that starts, then there is a schedule; another time of day and a pause survive the next one."""
    await worker.keep_schedules(flow.client, settings)
    found = (await schedule.describe()).schedule
    action = found.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert (action.workflow, action.id, action.task_queue) == ("MakeReport", "report-daily_sales", ORDERS)
    assert _times(found) == [(AT[SALES].hour, AT[SALES].minute)]
    assert found.spec.time_zone_name == "Europe/Berlin"
    assert (found.policy.overlap, found.policy.catchup_window) == (ScheduleOverlapPolicy.BUFFER_ALL, CATCH_UP)

    def another(known: ScheduleUpdateInput) -> ScheduleUpdate:
        changed = known.description.schedule
        changed.spec = daily(time(5, 45), BERLIN)
        return ScheduleUpdate(changed)

    await schedule.update(another)
    await shown(schedule, lambda found: _times(found) == [(5, 45)])
    await schedule.pause(note="Ada asks why")
    await shown(schedule, lambda found: found.state.paused)
    moved = msgspec.structs.replace(settings, timezone=ZoneInfo("America/New_York"))
    await worker.keep_schedules(flow.client, moved)
    found = await shown(schedule, lambda found: found.spec.time_zone_name == "America/New_York")
    assert _times(found) == [(5, 45)]
    assert (found.state.paused, found.state.note) == (True, "Ada asks why")


def _times(schedule: Schedule) -> list[tuple[int, int]]:
    return [(each.hour[0].start, each.minute[0].start) for each in schedule.spec.calendars]


async def test_its_workflow_says_what_was_done(traded: Flow) -> None:
    """Given a report, then whoever looks at its workflow reads its figures and which report it is."""
    report = await made(traded, SHORT, name="shown")
    handle = traded.client.get_workflow_handle(report_id(SALES, SHORT, 1) + "/shown")
    details = await handle.query("__temporal_workflow_metadata")
    told = details["currentDetails"] if isinstance(details, dict) else str(details)
    assert f"daily_sales of {SHORT}" in told
    assert str(report.id) in told
    for figure in report.figures:
        assert f"| {figure.name} | {figure.of} | {figure.amount or figure.count} |" in told


def test_the_first_times_exist_every_day() -> None:
    """Given the times at which reports are made at first, then no clock anywhere near skips them."""
    for at in AT.values():
        assert time(3, 30) < at < time(23, 0)
        assert datetime.combine(SHORT, at, BERLIN).astimezone(UTC).astimezone(BERLIN).time() == at
