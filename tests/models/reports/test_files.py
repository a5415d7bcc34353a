"""Reports as files: exact amounts, and no text that a spreadsheet would compute."""

import csv
import io
from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest
from openpyxl import load_workbook

from models.reports import files
from models.reports.report import Column, Figure, ReportKind, ReportOutline, Sheet, Unit, average

COLUMNS = (Column("currency"), Column("name"), Column("units", Unit.COUNT), Column("net", Unit.MONEY))
HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "'=1",
    'a "b", c',
    "täst 🎈",
    "x\x01y\x00z",
    "https://x.example",
]
REPORT = ReportOutline(
    UUID(int=1), ReportKind.DAILY_SALES, date(2026, 3, 29), 1, "Europe/Berlin",
    datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC), [Figure("orders", 3, of="usd")],
    datetime(2026, 3, 30, 2, tzinfo=UTC), "schedule", ["totals"],
)  # fmt: skip


def sheet(*rows: list[str | int | None]) -> Sheet:
    return Sheet("totals", COLUMNS, list(rows))


def test_amounts_are_written_to_the_last_digit() -> None:
    """Given amounts of currencies with two, no and three digits, below zero and none, then CSV has each exactly."""
    written = files.csv(
        sheet(["usd", "a", 3, 1234567], ["jpy", "b", 0, -500], ["kwd", "c", -1, -5], ["usd", "d", None, None])
    )
    assert written == "currency,name,units,net\r\nusd,a,3,12345.67\r\njpy,b,0,-500\r\nkwd,c,-1,-0.005\r\nusd,d,,\r\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_a_formula(text: str) -> None:
    """Given a text that a spreadsheet would compute, then CSV guards it, and the workbook holds it as text."""
    made = sheet(["usd", text, 1, 100])
    [_, row] = list(csv.reader(io.StringIO(files.csv(made), newline="")))
    assert row[1].lstrip("'") == text.lstrip("'")
    assert not row[1].startswith(("=", "+", "-", "@", "\t", "\r"))
    book = load_workbook(io.BytesIO(files.xlsx(REPORT, (made,))))
    cell = book["totals"]["B2"]
    assert (cell.data_type, cell.hyperlink) == ("s", None)


def test_a_workbook_has_each_table_with_its_numbers() -> None:
    """Given two tables, then each is a sheet: names above, amounts as numbers that show their currency's digits."""
    made = sheet(["usd", "mug", 3, 1234567], ["jpy", "mug", 2, 500])
    other = msgspec.structs.replace(made, name="products", rows=[])
    book = load_workbook(io.BytesIO(files.xlsx(REPORT, (made, other))))
    assert book.sheetnames == ["totals", "products"]
    assert [[cell.value for cell in row] for row in book["totals"].iter_rows()] == [
        ["currency", "name", "units", "net"], ["usd", "mug", 3, 12345.67], ["jpy", "mug", 2, 500],
    ]  # fmt: skip
    assert [book["totals"][f"D{row}"].number_format for row in (2, 3)] == ["#,##0.00", "#,##0"]
    assert book["products"].max_row == 1


def test_json_says_money_as_money() -> None:
    """Given a report, then JSON has what it is and its tables by name."""
    told = msgspec.json.decode(files.json(REPORT, (sheet(["usd", "=1", 3, -5], ["usd", "b", 0, None]),)))
    assert (told["kind"], told["day"], told["timezone"]) == ("daily_sales", "2026-03-29", "Europe/Berlin")
    assert told["sheets"] == {
        "totals": [
            {"currency": "usd", "name": "=1", "units": 3, "net": {"amount": -5, "currency": "usd"}},
            {"currency": "usd", "name": "b", "units": 0, "net": None},
        ]
    }


def test_an_average_is_rounded_to_the_nearest_unit() -> None:
    """Given sums and parts, then halves go to the even unit, and nothing is divided by nothing."""
    assert [average(10, 4), average(14, 4), average(11, 4), average(10**15 + 1, 2), average(5, 0)] == [
        2, 4, 3, 500000000000000, None,
    ]  # fmt: skip
