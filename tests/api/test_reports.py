"""Reports at staff's desk: whose they are, which there are, and how they come as files."""

import asyncio
import csv
import io
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest
from openpyxl import load_workbook
from temporalio.testing import ActivityEnvironment

from activities.reports import ReportActivities, WriteReport
from models import clock
from models.database import Database
from models.reports.days import Step, midnight, spans
from models.reports.report import ReportKind, ReportOutline
from models.roles import Role
from tests import takings
from tests.api.conftest import Api, everything

URL = "/api/v1/admin/reports"
BERLIN = ZoneInfo("Europe/Berlin")
DAY = date(2026, 3, 29)


async def made(database: Database, day: date = DAY, revision: int | None = None) -> ReportOutline:
    """As the workflow's step makes it."""
    step = ReportActivities(database, BERLIN).write_report
    request = WriteReport(ReportKind.DAILY_SALES, day, clock.now(), revision)
    return (await ActivityEnvironment().run(step, request)).report


@pytest.fixture
async def traded(database: Database) -> Database:
    """A trade around the day of 23 hours."""
    moments = [each.starts_at for each in spans(DAY - timedelta(days=1), DAY + timedelta(days=1), Step.DAY, BERLIN)]
    async with database.writing() as writer:
        await takings.trade(writer, await takings.stock_shelves(writer), moments, seed=5, many=60)
    return database


async def test_a_report_is_read_as_it_was_made(api: Api, traded: Database) -> None:
    """Given a report, then it has its period, its figures, and its tables with money as money."""
    report = await made(traded)
    staff = await api.sign_in(Role.FINANCE)
    told = (await api.get(f"{URL}/{report.id}", headers=staff)).json()
    assert (told["kind"], told["day"], told["revision"], told["timezone"]) == (
        "daily_sales", "2026-03-29", 1, "Europe/Berlin",
    )  # fmt: skip
    assert (told["starts_at"], told["ends_at"]) == ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")
    expected, _ = await takings.computed(traded, report.starts_at, report.ends_at)
    assert {row["currency"]: row["gross"] for row in told["sheets"]["totals"]} == {
        currency: {"amount": sums["gross"], "currency": currency} for currency, sums in expected.items()
    }
    assert set(told["sheets"]) == {"totals", "products", "categories"}
    [outline] = (await api.get(URL, headers=staff)).json()["items"]
    assert outline == {name: value for name, value in told.items() if name != "sheets"}
    assert {"name": "orders", "count": expected["usd"]["orders"], "of": "usd"} in outline["figures"]


async def test_files_say_the_same(api: Api, traded: Database) -> None:
    """Given a report, then CSV, workbook and JSON have the same figures, and no name is a formula in any of them."""
    report = await made(traded)
    staff = await api.sign_in(Role.ADMIN)
    told = (await api.get(f"{URL}/{report.id}", headers=staff)).json()

    async def file(**query: str) -> httpx.Response:
        answer = await api.get(f"{URL}/{report.id}/download", params=query, headers=staff)
        assert answer.status_code == 200, answer.text
        return answer

    as_json = await file(format="json")
    assert (as_json.json(), as_json.headers["content-type"]) == (told, "application/json")
    lines = list(csv.DictReader(io.StringIO((await file(format="csv")).text, newline="")))
    digits = {"usd": 2, "eur": 2, "jpy": 0}
    for line, row in zip(lines, told["sheets"]["totals"], strict=True):
        for name in ("gross", "tax", "net"):
            shown = f"{row[name]['amount'] / 10 ** digits[row['currency']]:.{digits[row['currency']]}f}"
            assert line[name] == shown
    products = await file(format="csv", sheet="products")
    assert products.headers["content-disposition"] == (
        'attachment; filename="daily_sales-2026-03-29-products.csv"'
    )  # fmt: skip
    names = [line["name"] for line in csv.DictReader(io.StringIO(products.text, newline=""))]
    assert names == [f"'{row['name']}" for row in told["sheets"]["products"]] != []
    book = load_workbook(io.BytesIO((await file(format="xlsx")).content))
    assert [cell.data_type for cell in book["products"]["D"]][1:] == ["s"] * len(names)
    assert [cell.value for cell in book["totals"]["A"]][1:] == [row["currency"] for row in told["sheets"]["totals"]]
    again = await file(format="xlsx")
    assert again.headers["etag"] == (await file(format="xlsx")).headers["etag"]


@pytest.mark.parametrize("query", [{}, {"format": "pdf"}, {"format": "csv", "sheet": "../x"}, {"format": ""}])
async def test_what_is_no_file_is_refused(api: Api, traded: Database, query: dict[str, str]) -> None:
    """Given formats and tables that there cannot be, then 422."""
    report = await made(traded)
    staff = await api.sign_in(Role.ADMIN)
    answer = await api.get(f"{URL}/{report.id}/download", params=query, headers=staff)
    assert (answer.status_code, answer.json()["code"]) in {(422, "invalid"), (400, "malformed")}


async def test_a_table_that_is_not_there_is_not_found(api: Api, traded: Database) -> None:
    """Given a table of another kind of report, then 404."""
    report = await made(traded)
    staff = await api.sign_in(Role.ADMIN)
    answer = await api.get(f"{URL}/{report.id}/download?format=csv&sheet=stock", headers=staff)
    assert (answer.status_code, answer.json()["code"]) == (404, "sheet_not_found")


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.CATALOG])
async def test_what_one_may_not_see_is_not_there(api: Api, traded: Database, role: Role) -> None:
    """Given staff who may not see what was sold, then its report is in no list, and is not found."""
    report = await made(traded)
    staff = await api.sign_in(role)
    assert (await api.get(URL, headers=staff)).json()["items"] == []
    for path in ("", "/download?format=json"):
        answer = await api.get(f"{URL}/{report.id}{path}", headers=staff)
        assert (answer.status_code, answer.json()["code"]) == (404, "report_not_found")


async def test_a_list_is_cut_into_pages(api: Api, traded: Database) -> None:
    """Given five reports, then pages of two name each once, made last first; a day or a kind picks some."""
    ids = [str((await made(traded, DAY + timedelta(days=n))).id) for n in range(5)]
    staff = await api.sign_in(Role.FINANCE)
    seen: list[str] = []
    place: dict[str, str] = {}
    while True:
        page = (await api.get(URL, params={"limit": "2", **place}, headers=staff)).json()
        seen += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        place = {"cursor": page["next_cursor"]}
    assert seen == ids[::-1]
    one = (await api.get(URL, params={"day": "2026-03-31", "kind": "daily_sales"}, headers=staff)).json()["items"]
    assert [each["id"] for each in one] == [ids[2]]


@pytest.mark.parametrize("day", ["today", "tomorrow", "2999-12-31", "9999-12-31", "1999-12-31", "0001-01-01"])
async def test_a_day_that_is_not_over_has_no_report(api: Api, database: Database, day: str) -> None:
    """Given today, days to come, and days before all books, then 409 or 422, and nothing is written."""
    today = clock.now().date()
    staff = await api.sign_in(Role.ADMIN)
    before = await everything(database)
    wanted = {"today": str(today), "tomorrow": str(today + timedelta(days=1))}.get(day, day)
    answer = await api.post(URL, json={"kind": "daily_sales", "day": wanted}, headers=staff)
    if day != "today" or clock.now().date() == today:  # it was not midnight just now
        assert (answer.status_code, answer.json()["code"]) == (409, "day_not_over")
    assert await everything(database) == before


async def test_a_report_that_is_there_is_answered_though_temporal_is_away(api: Api, traded: Database) -> None:
    """Given a report, when it is asked for, then 200 with it, and no word in the audit log."""
    report = await made(traded)
    staff = await api.sign_in(Role.FINANCE)
    wish: dict[str, Any] = {"kind": "daily_sales", "day": str(DAY)}
    answers = await asyncio.gather(*(api.post(URL, json=wish, headers=staff) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert {answer.json()["report"]["id"] for answer in answers} == {str(report.id)}
    assert answers[0].json()["status"] == "made"
    assert await traded.fetch("SELECT FROM audit_log WHERE action = 'report.make'") == []


async def test_files_of_a_report_never_change(database: Database) -> None:
    """Given a report, when its day is written again under its revision, then its files stay byte for byte."""
    first = await made(database)
    rows = "SELECT name, sha256, content FROM report_files ORDER BY name"
    before = [tuple(row) for row in await database.fetch(rows)]
    assert {name.partition("/")[0] for name, _, _ in before} == {"csv", "json", "xlsx"}
    assert (await made(database, revision=1)).id == first.id
    assert [tuple(row) for row in await database.fetch(rows)] == before
    assert midnight(DAY, BERLIN) == first.starts_at
    assert msgspec.json.decode(next(content for name, _, content in before if name == "json"))["id"] == str(first.id)
