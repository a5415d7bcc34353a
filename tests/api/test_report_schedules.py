"""When reports are made, and who is told: said at the desk, kept by the Temporal server, and written down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from temporalio.client import (
    Client,
    DescribeScheduleInput,
    Interceptor,
    OutboundInterceptor,
    ScheduleDescription,
    ScheduleHandle,
    UpdateScheduleInput,
)
from temporalio.service import RPCError
from temporalio.testing import ActivityEnvironment

import worker
from activities.reports import ReportActivities, WriteReport
from models import clock
from models.database import Database
from models.reports.report import ReportKind
from models.roles import Role
from models.settings import WorkerSettings
from tests import people, shop
from tests.api.conftest import Api, StartApi, everything
from workflows.reports import reporting, schedule_id

URL = "/api/v1/admin/report-schedules"
BERLIN = ZoneInfo("Europe/Berlin")
SALES = f"{URL}/daily_sales"


@pytest.fixture
async def schedules(settings: WorkerSettings) -> AsyncIterator[Client]:
    """The schedules that a worker in Berlin makes."""
    client = await worker.connect(settings, None)

    async def forget() -> None:
        for kind in ReportKind:
            with suppress(RPCError):
                await handle_of(client, kind).delete()

    await forget()
    for kind in ReportKind:
        await client.create_schedule(schedule_id(kind), reporting(kind, BERLIN))
    yield client
    await forget()


def handle_of(client: Client, kind: ReportKind) -> ScheduleHandle:
    return client.get_schedule_handle(schedule_id(kind))


@pytest.fixture
async def api(start_api: StartApi, settings: WorkerSettings, database: Database) -> Api:
    """A shop in Berlin, beside a Temporal."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
    return await start_api(
        SHOP_TIMEZONE="Europe/Berlin", TEMPORAL_ADDRESS=settings.temporal_address,
        TEMPORAL_NAMESPACE=settings.temporal_namespace, CHECKOUT_ANSWER_BUDGET="60",
    )  # fmt: skip


async def test_schedules_are_told_with_their_next_time(api: Api, schedules: Client) -> None:
    """Given a shop's schedules, then staff see those of which they may see the reports, and when each is next."""
    told = (await api.get(URL, headers=await api.sign_in(Role.ADMIN))).json()
    assert {each["kind"]: (each["at"], each["timezone"], each["paused"]) for each in told["items"]} == {
        "daily_sales": ("04:10", "Europe/Berlin", False), "stock_and_reorder": ("04:20", "Europe/Berlin", False),
        "payments_reconciliation": ("04:30", "Europe/Berlin", False),
        "attention_digest": ("06:00", "Europe/Berlin", False),
    }  # fmt: skip
    assert all(each["next_at"] and each["last_at"] is None for each in told["items"])
    seen = {
        role: {each["kind"] for each in (await api.get(URL, headers=await api.sign_in(role))).json()["items"]}
        for role in (Role.CATALOG, Role.SUPPORT)
    }
    assert seen[Role.CATALOG] == {"stock_and_reorder"}
    assert seen[Role.SUPPORT] == {"stock_and_reorder", "payments_reconciliation", "attention_digest"}


async def test_another_time_and_a_pause_are_kept_where_they_count(
    api: Api, schedules: Client, database: Database
) -> None:
    """Given a schedule, when staff say another time and pause it, then the server has both, and the log says why."""
    staff = await api.sign_in(Role.FINANCE)
    moved = await api.patch(SALES, json={"at": "05:45", "reason": "after the night run"}, headers=staff)
    assert (moved.status_code, moved.json()["at"], moved.json()["paused"]) == (200, "05:45", False)
    paused = await api.patch(SALES, json={"paused": True, "reason": "stock-taking"}, headers=staff)
    told = paused.json()
    assert (told["at"], told["paused"], told["note"], told["next_at"]) == ("05:45", True, "stock-taking", None)
    found = (await handle_of(schedules, ReportKind.DAILY_SALES).describe()).schedule
    assert (found.spec.calendars[0].hour[0].start, found.spec.calendars[0].minute[0].start) == (5, 45)
    assert (found.state.paused, found.state.note, found.spec.time_zone_name) == (True, "stock-taking", "Europe/Berlin")
    log = await database.fetch(
        """SELECT before::text AS before, after::text AS after, reason FROM audit_log
           WHERE action = 'report_schedule.change' ORDER BY at"""
    )
    assert [(msgspec.json.decode(row["before"]), msgspec.json.decode(row["after"]), row["reason"]) for row in log] == [
        ({"at": "04:10"}, {"at": "05:45"}, "after the night run"),
        ({"paused": False}, {"paused": True}, "stock-taking"),
    ]  # fmt: skip
    going = (await api.patch(SALES, json={"paused": False}, headers=staff)).json()
    assert (going["paused"], going["note"], going["at"]) == (False, None, "05:45")
    assert going["next_at"]


class Late(Interceptor):
    """A Temporal whose schedules are described as they were for a while after each change."""

    def __init__(self) -> None:
        self.stale: list[ScheduleDescription] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Describing(next, self.stale)


class _Describing(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, stale: list[ScheduleDescription]) -> None:
        super().__init__(next)
        self._stale = stale

    async def describe_schedule(self, input: DescribeScheduleInput) -> ScheduleDescription:
        return self._stale.pop() if self._stale else await super().describe_schedule(input)

    async def update_schedule(self, input: UpdateScheduleInput) -> None:
        before = await self.describe_schedule(DescribeScheduleInput(input.id, {}, None))
        await super().update_schedule(input)
        self._stale += [before] * 3


async def test_a_change_is_answered_when_it_shows(api: Api, schedules: Client) -> None:
    """Given a Temporal that tells of a change late, then the answer waits for it, so that the next change keeps it."""
    house = api.app.state.house
    late = Late()
    config = house.temporal.config()
    config["interceptors"] = [*config["interceptors"], late]
    api.app.state.house = msgspec.structs.replace(house, temporal=Client(**config))
    staff = await api.sign_in(Role.FINANCE)

    for data in ({"at": "05:45"}, {"paused": True, "reason": "stock-taking"}):
        told = (await api.patch(SALES, json=data, headers=staff)).json()
        assert data.items() <= {**told, "reason": told["note"]}.items()
        assert late.stale == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"at": "02:30"}, "time_skipped"), ({"at": "24:00"}, "invalid"), ({"at": "4:10"}, "invalid"),
        ({"at": None}, "invalid"), ({"at": "04:10\n"}, "invalid"), ({"paused": "yes"}, "invalid"),
        ({"reason": "a\x00b"}, "invalid"), ({"cron": "* * * * *"}, "invalid"),
    ],
)  # fmt: skip
async def test_what_is_no_time_is_refused(
    api: Api, schedules: Client, database: Database, data: dict[str, Any], code: str
) -> None:
    """Given times that do not exist, or not every day, then 422, and neither the schedule nor a row has changed."""
    staff = await api.sign_in(Role.ADMIN)
    before = await everything(database)
    answer = await api.patch(SALES, json=data, headers=staff)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    [now] = [each for each in (await api.get(URL, headers=staff)).json()["items"] if each["kind"] == "daily_sales"]
    assert (now["at"], now["paused"]) == ("04:10", False)
    assert await everything(database) == before


async def test_a_schedule_that_is_not_there_is_not_found(api: Api, schedules: Client, database: Database) -> None:
    """Given kinds that there are not, and a shop whose worker has not started, then 404, and nothing is written."""
    staff = await api.sign_in(Role.ADMIN)
    before = await everything(database)
    await handle_of(schedules, ReportKind.DAILY_SALES).delete()
    for kind in ("daily_sales", "hourly_sales", "%00", "🎈"):
        answer = await api.patch(f"{URL}/{kind}", json={"paused": True}, headers=staff)
        assert (answer.status_code, answer.json()["code"]) == (404, "report_schedule_not_found"), kind
    kinds = [each["kind"] for each in (await api.get(URL, headers=staff)).json()["items"]]
    assert kinds == ["stock_and_reorder", "payments_reconciliation", "attention_digest"]
    assert await everything(database) == before


async def made(database: Database, kind: ReportKind, days_ago: int = 1, made_by: str = "schedule") -> None:
    """A report, as its schedule makes it."""
    step = ReportActivities(database, BERLIN).write_report
    day = clock.now().astimezone(BERLIN).date() - timedelta(days=days_ago)
    await ActivityEnvironment().run(step, WriteReport(kind, day, clock.now(), made_by=made_by))


async def told(database: Database) -> list[Any]:
    """To whom letters about reports are written."""
    rows = await database.fetch("SELECT user_id FROM outbox WHERE payload ->> 'template' = 'report_ready' ORDER BY id")
    return [row["user_id"] for row in rows]


async def test_whoever_wants_to_is_told_of_each_report_once(api: Api, database: Database) -> None:
    """Given two who want to be told, one of whom may not see it any more, then the other gets one letter a report."""
    async with database.writing() as writer:
        ada, eve = [await people.account(writer, Role.FINANCE) for _ in range(2)]
    for user in (ada, eve):
        headers = await api.sign_in(user=user)
        answers = await asyncio.gather(*(api.post(f"{SALES}/subscribers", json={}, headers=headers) for _ in range(2)))
        assert [answer.status_code for answer in answers] == [201, 201]
    async with database.writing() as writer:
        await writer.exec_driver_sql("UPDATE users SET roles = '{support}' WHERE id = $1", (eve,))
    for _ in range(2):
        await made(database, ReportKind.DAILY_SALES)
    await made(database, ReportKind.STOCK_AND_REORDER)
    await made(database, ReportKind.DAILY_SALES, days_ago=30)
    await made(database, ReportKind.DAILY_SALES, days_ago=2, made_by="staff/somebody")
    assert await told(database) == [ada]
    found = (await api.get(f"{SALES}/subscribers", headers=await api.sign_in(user=ada))).json()["items"]
    assert {each["user"]["id"]: each["told"] for each in found} == {str(ada): True, str(eve): False}
    gone = await api.delete(f"{SALES}/subscribers/{ada}", headers=await api.sign_in(user=ada))
    assert (gone.status_code, gone.content) == (204, b"")
    await made(database, ReportKind.DAILY_SALES, days_ago=3)
    assert await told(database) == [ada]
    actions = [row["action"] for row in await database.fetch("SELECT action FROM audit_log ORDER BY at")]
    assert actions == ["report.subscribe", "report.subscribe", "report.unsubscribe"]


async def test_nobody_is_told_of_what_they_may_not_see(api: Api, database: Database) -> None:
    """Given buyers, staff of another matter and nobody at all, then they are not told, whoever asks for it."""
    async with database.writing() as writer:
        buyer, clerk, boss = [
            await people.account(writer, role) for role in (Role.CUSTOMER, Role.CATALOG, Role.ADMIN)
        ]  # fmt: skip
    staff = await api.sign_in(user=boss)
    before = await everything(database)
    for user in (str(buyer), str(clerk), "01a203b2-0000-7000-8000-000000000000"):
        answer = await api.post(f"{SALES}/subscribers", json={"user_id": user}, headers=staff)
        assert (answer.status_code, answer.json()["code"]) == (422, "subscriber_unfit")
    other = await api.sign_in(user=clerk)
    stock = f"{URL}/stock_and_reorder/subscribers"
    for url, data in ((f"{SALES}/subscribers", {}), (stock, {"user_id": str(boss)})):
        answer = await api.post(url, json=data, headers=other)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await api.get(f"{SALES}/subscribers", headers=other)).status_code == 403
    missing = await api.delete(f"{stock}/{clerk}", headers=other)
    assert (missing.status_code, missing.json()["code"]) == (404, "subscriber_not_found")
    skipped = {"sessions", "users"}
    after = await everything(database)
    assert {name: rows for name, rows in after.items() if name not in skipped} == {
        name: rows for name, rows in before.items() if name not in skipped
    }
    mine = await api.post(stock, json={}, headers=other)
    assert [each["user"]["id"] for each in mine.json()["items"]] == [str(clerk)]
