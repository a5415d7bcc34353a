"""A report as a file: CSV for machines, a workbook for people, JSON for programs. Texts are never formulas."""

import io
from typing import Any

import msgspec
from xlsxwriter import Workbook

from models.csv_lines import line_of
from models.money import EXPONENTS
from models.product_csv import guarded
from models.reports.report import Cell, Column, ReportFormat, ReportOutline, Sheet, Unit

MEDIA_TYPES = {
    ReportFormat.CSV: "text/csv; charset=utf-8; header=present",
    ReportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ReportFormat.JSON: "application/json",
}


def csv(sheet: Sheet) -> str:
    """One table. Amounts have a point; `'` stands before a text that a spreadsheet would compute."""
    at = _currency_of(sheet)
    lines = [line_of([column.name for column in sheet.columns])]
    lines += [
        line_of([_written(column, cell, row[at] if at is not None else None)
                 for column, cell in zip(sheet.columns, row, strict=True)])
        for row in sheet.rows
    ]  # fmt: skip
    return "".join(lines)


def json(report: ReportOutline, sheets: tuple[Sheet, ...]) -> bytes:
    """All of it, money as `{"amount", "currency"}`."""
    told: dict[str, Any] = msgspec.structs.asdict(report)
    return msgspec.json.encode({**told, "sheets": {sheet.name: sheet.records() for sheet in sheets}})


def xlsx(report: ReportOutline, sheets: tuple[Sheet, ...]) -> bytes:
    """A workbook, each table a sheet; numbers are numbers, and texts are texts whatever they begin with."""
    kept = io.BytesIO()
    book = Workbook(kept, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": f"{report.kind} {report.day}", "created": report.made_at.replace(tzinfo=None)})
    bold = book.add_format({"bold": True})
    amounts = {
        digits: book.add_format({"num_format": "#,##0" + ("." + "0" * digits if digits else "")})
        for digits in (0, 2, 3)
    }
    for sheet in sheets:
        page = book.add_worksheet(sheet.name)
        page.freeze_panes(1, 0)
        at = _currency_of(sheet)
        for across, column in enumerate(sheet.columns):
            page.write_string(0, across, column.name, bold)
            page.set_column(across, across, 28 if column.unit is Unit.TEXT else 14)
        for down, row in enumerate(sheet.rows, 1):
            for across, (column, cell) in enumerate(zip(sheet.columns, row, strict=True)):
                if isinstance(cell, str):
                    page.write_string(down, across, _printable(cell))
                elif cell is not None and column.unit is Unit.MONEY:
                    digits = EXPONENTS[str(row[at or 0])]
                    page.write_number(down, across, cell / 10**digits, amounts[digits])
                elif cell is not None:
                    page.write_number(down, across, cell)
    book.close()
    return kept.getvalue()


def _currency_of(sheet: Sheet) -> int | None:
    """In which column the currency of each row's amounts stands."""
    return next((place for place, column in enumerate(sheet.columns) if column.name == "currency"), None)


def _written(column: Column, cell: Cell, currency: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return guarded(cell)
    if column.unit is not Unit.MONEY:
        return str(cell)
    digits = EXPONENTS[str(currency)]
    whole, rest = divmod(abs(cell), 10**digits)
    return ("-" if cell < 0 else "") + str(whole) + (f".{rest:0{digits}d}" if digits else "")


def _printable(text: str) -> str:
    """A workbook is XML: it has no place for most control characters."""
    return "".join(sign if sign >= " " or sign in "\t\n" else " " for sign in text)[:32_000]
