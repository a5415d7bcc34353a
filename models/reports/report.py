"""What a report is: some tables about one day of the shop's, made by a workflow, and kept as they were."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any
from uuid import UUID

import msgspec

from models.money import Money

Cell = str | int | None


class ReportKind(StrEnum):
    """What a report is about."""

    DAILY_SALES = "daily_sales"
    """What was sold on the day, by currency, product and category."""
    STOCK_AND_REORDER = "stock_and_reorder"
    """What lay where at its end, and what it is time to order."""
    PAYMENTS_RECONCILIATION = "payments_reconciliation"
    """What the ledger of money booked on it, what providers say of it, and the cases that were open."""
    ATTENTION_DIGEST = "attention_digest"
    """What waits for a person while the report is made."""


class ReportFormat(StrEnum):
    """How a report is downloaded."""

    CSV = "csv"
    """One of its tables."""
    XLSX = "xlsx"
    """A workbook, each table a sheet."""
    JSON = "json"


class Unit(StrEnum):
    """What the cells of a column are."""

    TEXT = "text"
    COUNT = "count"
    MONEY = "money"
    """Minor units of the currency that stands in the row's `currency`."""


class Column(msgspec.Struct, frozen=True):
    """One column of a table."""

    name: str
    unit: Unit = Unit.TEXT


class Sheet(msgspec.Struct, frozen=True):
    """One table of a report."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]

    def records(self) -> list[dict[str, Any]]:
        """Each row by the names of its columns, money as money."""
        names = [column.name for column in self.columns]
        found = []
        for row in self.rows:
            record: dict[str, Any] = dict(zip(names, row, strict=True))
            for column in self.columns:
                if column.unit is Unit.MONEY and record[column.name] is not None:
                    record[column.name] = Money(record[column.name], record["currency"])
            found.append(record)
        return found


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One number that tells most of a report: for lists, letters and whoever looks at its workflow."""

    name: str
    count: int | None = None
    amount: Money | None = None
    of: str | None = None
    """Of what: a currency, a provider …"""


class Made(msgspec.Struct, frozen=True):
    """What a report says."""

    sheets: tuple[Sheet, ...]
    figures: tuple[Figure, ...]


class ReportOutline(msgspec.Struct, frozen=True):
    """A report as lists name it."""

    id: UUID
    kind: ReportKind
    day: date
    """Of the shop's own, in its time zone."""
    revision: int
    """1, or how often it was made anew."""
    timezone: str
    starts_at: datetime
    ends_at: datetime
    """The first moment that is no longer of it."""
    figures: list[Figure]
    """What tells most of it."""
    made_at: datetime
    made_by: str
    """`schedule`, or who of staff."""
    tables: list[str]
    """Names of its tables, the first one first."""


def average(amount: int, parts: int) -> int | None:
    """An amount divided, rounded to the nearest minor unit, halves to the even one; None: by nothing."""
    return round(Fraction(amount, parts)) if parts else None
