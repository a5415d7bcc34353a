"""Has reports made: each day by schedules, and of any day that is over when somebody asks."""

from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from temporalio import workflow
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
)
from temporalio.common import SearchAttributeKey

from activities.reports import ReportActivities, ReportWritten, WriteReport
from models.reports.report import ReportKind, ReportOutline
from workflows import patience

LONGEST = timedelta(hours=12)
"""A run that cannot get on, because Postgres is away, makes room for the next one after this."""
CATCH_UP = timedelta(days=7)
"""What was missed for no longer, because Temporal was away, is made up for, a report a day."""
AT = {
    ReportKind.DAILY_SALES: time(4, 10), ReportKind.STOCK_AND_REORDER: time(4, 20),
    ReportKind.PAYMENTS_RECONCILIATION: time(4, 30), ReportKind.ATTENTION_DIGEST: time(6, 0),
}  # fmt: skip
"""When each is made at first, in the shop's time zone: no zone changes its clocks then. Staff can say another time."""
_NOMINAL = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


class ReportWanted(msgspec.Struct, frozen=True):
    """A report that somebody, or a schedule, wants."""

    kind: ReportKind
    day: date | None = None
    """None: the one before the time at which the schedule was to begin, however late it is."""
    revision: int | None = None
    """To be made anew as this; None: the day's own, should it have one already."""
    made_by: str = "schedule"


def schedule_id(kind: ReportKind) -> str:
    """Of the schedule that has this report made."""
    return f"report-{kind}"


def report_id(kind: ReportKind, day: date, revision: int) -> str:
    """Of the workflow that makes a report that somebody asked for."""
    return f"report/{kind}/{day}/{revision}"


@workflow.defn
class MakeReport:
    """Read a day that is over, and keep what it says as a report; the same day again is the same report.

    Id: `report/<kind>/<day>/<revision>`, or `report-<kind>-<time>` when begun by the schedule `report-<kind>`.
    Waits: for nothing.
    """

    @workflow.run
    async def run(self, request: ReportWanted) -> ReportOutline:
        workflow.set_current_details(f"### Reading {request.day or 'the day before'}")
        info = workflow.info()
        at = info.typed_search_attributes.get(_NOMINAL) or info.start_time
        written = await workflow.execute_activity_method(
            ReportActivities.write_report,
            WriteReport(request.kind, request.day, at, request.revision, request.made_by),
            summary=f"Read {request.day or 'the day before'} and keep it", **patience.REPORTING,
        )  # fmt: skip
        workflow.set_current_details(_told(written))
        return written.report


def _told(written: ReportWritten) -> str:
    report = written.report
    found = "".join(
        f"| {figure.name} | {figure.of or ''} | {figure.amount or figure.count} |\n" for figure in report.figures
    )
    head = f"### {report.kind} of {report.day}{', which was there already' if written.already else ''}\n\n"
    table = f"| | | |\n|---|---|---|\n{found}" if found else "Nothing happened.\n"
    return (
        f"{head}{table}\n**Report:** {report.id} · **revision:** {report.revision} · **days of:** {report.timezone}\n"
    )


def reporting(kind: ReportKind, zone: ZoneInfo) -> Schedule:
    """The schedule: each day, in the shop's time zone; one after another, and what was missed is made up for."""
    at = AT[kind]
    return Schedule(
        action=ScheduleActionStartWorkflow(
            MakeReport.run, ReportWanted(kind), id=schedule_id(kind), task_queue=patience.ORDERS,
            execution_timeout=LONGEST, static_summary=f"Makes the report {kind} of the day before",
        ),
        spec=daily(at, zone),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.BUFFER_ALL, catchup_window=CATCH_UP),
    )  # fmt: skip


def daily(at: time, zone: ZoneInfo) -> ScheduleSpec:
    """Each day at that time there."""
    return ScheduleSpec(
        calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(at.hour)], minute=[ScheduleRange(at.minute)])],
        time_zone_name=zone.key,
    )
