"""Reports: made each day by schedules, or of any day that is over when somebody asks; kept, and downloaded as files."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from api import pages
from api.admin.changes import write_down
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, Identity, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models import clock
from models.address import Text
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.reports.days import FIRST_DAY, LAST_DAY, span
from models.reports.files import MEDIA_TYPES
from models.reports.report import ReportFormat, ReportKind, ReportOutline
from models.roles import REPORTS_NEED, Scope, may
from models.tables import report as reports
from workflows.patience import ORDERS
from workflows.reports import MakeReport, ReportWanted
from workflows.reports import report_id as workflow_id

SETTLED = timedelta(minutes=1)
"""So long after its end a day is over: what was begun before has been written by then."""
OfKind = Annotated[ReportKind | None, QueryParameter(name="kind", description="Only reports of this kind")]
OfDay = Annotated[date | None, QueryParameter(name="day", description="Only reports of this day")]
Format = Annotated[ReportFormat, QueryParameter(description="CSV is one table, the others are all of it")]
OfSheet = Annotated[
    str | None,
    QueryParameter(
        name="sheet", max_length=40, pattern="^[a-z_]+$", description="For CSV: which table; left out: the first one"
    ),
]
FILE = {200: ResponseSpec(bytes, description="A file", media_type="application/octet-stream", generate_examples=False)}


class ReportList(msgspec.Struct, frozen=True):
    """One page of reports, made last first."""

    items: list[ReportOutline]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class ReportRecord(ReportOutline, frozen=True, kw_only=True):
    """A report with all that it says."""

    sheets: dict[str, list[dict[str, Any]]]
    """Its tables by name: rows by the names of their columns, money as money."""


class WantReport(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True,
):  # fmt: skip
    """Which report is to be made."""

    kind: ReportKind
    day: Annotated[
        date, msgspec.Meta(description="In the shop's time zone; it has to be over", examples=["2026-03-29"])
    ]
    anew: bool = False
    """True: made again, as another revision, though the day has one; the one that is there stays."""
    reason: Text | None = None
    """Why it is made anew, for the audit log."""


class ReportReply(msgspec.Struct, frozen=True):
    """What came of the wish."""

    status: str
    """`made`; `making`: it is not there yet, look into the list in a moment."""
    report: ReportOutline | None


@get(
    "/admin/reports", operation_id="listReports", access=Scope.REPORTS_READ, tags=["Staff"],
    summary="Reports that were made", responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_reports(
    house: House, caller: Caller, kind: OfKind = None, day: OfDay = None, limit: PageSize = 20, place: Place = None
) -> ReportList:
    """Made last first; of those kinds whose matter one may see."""
    kinds = [each for each in seen(caller) if kind in (None, each)]
    found = await reports.listed(house.database, limit + 1, kinds, day, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.made_at, last.id))
    return ReportList(items, more)


@get(
    "/admin/reports/{report_id:uuid}", operation_id="readReport", access=Scope.REPORTS_READ, tags=["Staff"],
    summary="A report", responses=staff_refuses("report_not_found"),
)  # fmt: skip
async def read_report(house: House, caller: Caller, report_id: FromPath[UUID]) -> ReportRecord:
    """All that it says, as it was when it was made."""
    await _find(house, caller, report_id)
    file = await reports.file(house.database, report_id, reports.file_name(ReportFormat.JSON))
    assert file is not None
    return msgspec.json.decode(file.content, type=ReportRecord)


@get(
    "/admin/reports/{report_id:uuid}/download", operation_id="downloadReport", access=Scope.REPORTS_READ,
    tags=["Staff"], summary="A report as a file", media_type="application/octet-stream",
    responses=FILE | staff_refuses("report_not_found", "sheet_not_found", "invalid"),
)  # fmt: skip
async def download_report(
    house: House, caller: Caller, report_id: FromPath[UUID], format: Format, sheet: OfSheet = None
) -> Response[bytes]:
    """CSV, a workbook, or JSON: the same file whenever it is asked for. No text in it is a formula."""
    report = await _find(house, caller, report_id)
    name = f"{report.kind}-{report.day}" + (f"-{report.revision}" if report.revision > 1 else "")
    if format is ReportFormat.CSV:
        sheet = sheet or report.tables[0]
        name += f"-{sheet}"
    file = await reports.file(
        house.database, report_id, reports.file_name(format, sheet if format is ReportFormat.CSV else None)
    )
    if file is None:
        raise Refusal("sheet_not_found", "This report has no such table.")
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.{format}"', "ETag": f'"{file.sha256}"',
        "Cache-Control": "private, no-cache",
    }  # fmt: skip
    return Response(file.content, media_type=MEDIA_TYPES[format], headers=headers)


@post(
    "/admin/reports", operation_id="makeReport", access=Scope.REPORTS_WRITE, tags=["Staff"],
    summary="Have a report made", status_code=201,
    responses={
        200: ResponseSpec(ReportReply, description="It is there already"),
        202: ResponseSpec(ReportReply, description="It is being made"),
        **staff_refuses("day_not_over", "idempotency_key_reused", "invalid", "unsupported_media_type"),
    },
)  # fmt: skip
async def make_report(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[WantReport],
    idempotency: IdempotencyKey = None,
) -> Response[ReportReply]:  # fmt: skip
    """Of any day that is over, also of one that no schedule has made: 201 when it is there, 202 when it will be.

    A day has one report of a kind: asked for again it is the one that there is, 200, unless it is wanted anew.
    """
    must_see(caller, data.kind)
    if not FIRST_DAY <= data.day <= LAST_DAY or _end(house, data.day) + SETTLED > clock.now():
        raise Refusal("day_not_over", "There is no report of a day before it is over.", day=data.day)

    async def ask(writer: Writer) -> ReportWanted:
        last = await reports.last_revision(writer, data.kind, data.day)
        revision = last + 1 if data.anew else max(last, 1)
        if revision > last:
            after = {"day": data.day, "revision": revision}
            await write_down(writer, caller, "report.make", data.kind, after=after, reason=data.reason)
        return ReportWanted(data.kind, data.day, revision, f"staff/{caller.account}")

    scope = scope_of(request, caller, "POST /admin/reports")
    wanted = await once(house, scope, idempotency_key(idempotency), data, ReportWanted, ask)
    known = await reports.last(house.database, data.kind, data.day, wanted.revision)
    if known is not None:
        return Response(ReportReply("made", known), status_code=200)
    made = await _made(house, wanted)
    return Response(ReportReply("made" if made else "making", made), status_code=201 if made else 202)


async def _made(house: House, wanted: ReportWanted) -> ReportOutline | None:
    """Have it made, and wait a moment for it; None: that was not enough."""
    assert wanted.day is not None and wanted.revision is not None
    budget = house.settings.answer_budget
    handle = await house.temporal.start_workflow(
        MakeReport.run, wanted, id=workflow_id(wanted.kind, wanted.day, wanted.revision), task_queue=ORDERS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary=f"Makes the report {wanted.kind} of {wanted.day}", rpc_timeout=budget,
    )  # fmt: skip
    try:
        async with asyncio.timeout(budget.total_seconds()):
            return await handle.result(rpc_timeout=budget)
    except (RPCError, WorkflowFailureError, TimeoutError):  # it goes on by itself
        return None


def _end(house: House, day: date) -> datetime:
    return span(day, day, house.settings.timezone).ends_at


def seen(caller: Identity) -> list[ReportKind]:
    """Kinds of which one may see the matter."""
    return [kind for kind in ReportKind if may(caller.roles, REPORTS_NEED[kind])]


def must_see(caller: Identity, kind: ReportKind) -> None:
    """Raises: Refusal `forbidden`."""
    if kind not in seen(caller):
        raise Refusal("forbidden", "Your roles do not let you see what this report is about.", kind=kind)


async def _find(house: House, caller: Identity, id: UUID) -> ReportOutline:
    """Raises: Refusal `report_not_found`, also for one whose matter one may not see."""
    found = await reports.find(house.database, id)
    if found is None or found.kind not in seen(caller):
        raise Refusal("report_not_found", "There is no such report.")
    return found


handlers = [list_reports, read_report, download_report, make_report]
