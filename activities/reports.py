"""Makes reports: reads the day that is over, and keeps what it says together with its files."""

import asyncio
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from temporalio import activity

from models import clock
from models.database import Database
from models.ids import new_id
from models.reports import files
from models.reports.days import day_of, span
from models.reports.report import ReportFormat, ReportKind, ReportOutline, Sheet
from models.tables import report as reports
from models.tables import report_subscriber as subscribers
from models.tables.report_makers import MAKERS

SCHEDULE = "schedule"
"""Who makes reports that nobody has asked for."""
NEWS = timedelta(days=8)
"""People are told of days that ended less long ago."""


class WriteReport(msgspec.Struct, frozen=True):
    """The report of a day."""

    kind: ReportKind
    day: date | None
    """None: of the one before `at`."""
    at: datetime
    """When it was to be made."""
    revision: int | None = None
    """To be made anew as this; None: the day's own, should it have one already."""
    made_by: str = SCHEDULE


class ReportWritten(msgspec.Struct, frozen=True):
    """The day has its report."""

    report: ReportOutline
    already: bool
    """It was there before."""


class ReportActivities:
    """Needs Postgres, and in which time zone the shop's days are."""

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone

    @activity.defn
    async def write_report(self, request: WriteReport) -> ReportWritten:
        """Read what happened on a day, as it is at one moment, and keep it as a report with its files.

        Changes: reports, their files, outbox: whoever wants to be told is, of what a schedule made.
        Again: a day has one report of a kind and revision, the first that was written.
        Undo: nothing; it can be made anew.
        """
        day = request.day or day_of(request.at, self._zone) - timedelta(days=1)
        known = await reports.last(self._database, request.kind, day, request.revision)
        if known is not None:
            return ReportWritten(known, True)
        days, made_at = span(day, day, self._zone), clock.now()
        async with self._database.surveying() as fetch:
            made = await MAKERS[request.kind](fetch, days)
        report = ReportOutline(
            new_id(), request.kind, day, request.revision or 1, self._zone.key, days.starts_at, days.ends_at,
            list(made.figures), made_at, request.made_by,
            [sheet.name for sheet in made.sheets],
        )  # fmt: skip
        written = await asyncio.to_thread(_files, report, made.sheets)
        async with self._database.writing() as writer:
            if await reports.write(writer, report, written) and request.made_by == SCHEDULE and _is_news(report):
                await subscribers.tell(writer, report)
        kept = await reports.last(self._database, request.kind, day, report.revision)
        assert kept is not None
        return ReportWritten(kept, kept.id != report.id)


def _is_news(report: ReportOutline) -> bool:
    """Nobody wants a month of mails because a month was back-filled."""
    return report.made_at - report.ends_at < NEWS


def _files(report: ReportOutline, sheets: tuple[Sheet, ...]) -> dict[str, bytes]:
    """By name."""
    return {
        reports.file_name(ReportFormat.JSON): files.json(report, sheets),
        reports.file_name(ReportFormat.XLSX): files.xlsx(report, sheets),
        **{reports.file_name(ReportFormat.CSV, sheet.name): files.csv(sheet).encode() for sheet in sheets},
    }
