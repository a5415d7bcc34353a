"""Reports at the desk: listed, read as tables, downloaded, and had made of a day that is over."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from temporalio.exceptions import TemporalError

from api.admin import cases, reports
from api.context import Caller, House, StrictRequest
from api.desk.admission import PATH, form_of
from api.desk.calls import Desk
from api.desk.forms import Field, Filled, Form, body
from api.desk.mistakes import problem_of, words_of
from api.desk.questions import asked
from api.desk.rendering import page
from api.problems import Invalid
from models.errors import Unavailable
from models.reports.report import ReportFormat, ReportKind
from models.roles import REPORTS_NEED, Scope, may


class Sought(msgspec.Struct, frozen=True):
    """What is looked for."""

    kind: ReportKind | None = None
    day: date | None = None
    cursor: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class File(msgspec.Struct, frozen=True):
    """How a report is wanted."""

    format: ReportFormat = ReportFormat.CSV
    sheet: Annotated[str, msgspec.Meta(max_length=40, pattern="^[a-z_]+$(?!\n)")] | None = None


@get(f"{PATH}/reports", include_in_schema=False, access=Scope.REPORTS_READ)
async def list_reports(request: StrictRequest, house: House, caller: Caller) -> Response[Any]:
    """Made last first; and how providers and books compared."""
    return await _show(Desk(request, house, caller), making="making" in request.query_params)


@get(f"{PATH}/reports/{{report_id:uuid}}", include_in_schema=False, access=Scope.REPORTS_READ)
async def read_report(request: StrictRequest, house: House, caller: Caller, report_id: FromPath[UUID]) -> Response[Any]:
    """All that it says."""
    desk = Desk(request, house, caller)
    report = await desk.ask(reports.read_report, report_id=report_id)
    return page(desk, "report.html", here="reports", report=report, formats=tuple(ReportFormat))


@get(
    f"{PATH}/reports/{{report_id:uuid}}/download", include_in_schema=False, access=Scope.REPORTS_READ,
    media_type="application/octet-stream",
)  # fmt: skip
async def download_report(
    request: StrictRequest, house: House, caller: Caller, report_id: FromPath[UUID]
) -> Response[Any]:
    """As a file."""
    wanted = asked(request, File)
    found: Response[Any] = await Desk(request, house, caller).answer(
        reports.download_report, report_id=report_id, format=wanted.format, sheet=wanted.sheet
    )
    return found


@post(f"{PATH}/reports", include_in_schema=False, access=Scope.REPORTS_WRITE, status_code=303)
async def make_report(request: StrictRequest, house: House, caller: Caller) -> Response[Any]:
    """Have one made, and see it."""
    desk, given = Desk(request, house, caller), await form_of(request)
    try:
        answer = await desk.order(reports.make_report, body(given, "usd"), given.get("key"))
    except (TemporalError, Unavailable, Invalid, RuntimeError) as no:
        problem = problem_of(request, no)
        if problem.status == 500:
            raise
        key = given.get("key") if problem.status == 503 else None
        filled = Filled("make", "Make a report", given, problem.detail, words_of(problem), key)
        return await _show(desk, status=problem.status, filled=filled)
    made = answer.content.report
    return Redirect(f"{PATH}/reports/{made.id}" if made else f"{PATH}/reports?making", status_code=303)


async def _show(desk: Desk, *, status: int = 200, making: bool = False, filled: Filled | None = None) -> Response[str]:
    sought = asked(desk.request, Sought)
    found = await desk.ask(reports.list_reports, kind=sought.kind, day=sought.day, limit=50, place=sought.cursor)
    asks = {name: value for name, value in msgspec.to_builtins(sought).items() if value}
    compared = await desk.ask(cases.list_reconciliations, limit=10) if desk.can(cases.list_reconciliations) else None
    return page(
        desk, "reports.html", status=status, here="reports", found=found, sought=sought, asks=asks, making=making,
        compared=compared, filled=filled, form=_form(desk), kinds=tuple(ReportKind),
    )  # fmt: skip


def _form(desk: Desk) -> Form | None:
    """For who may have one made."""
    kinds = tuple((each.value, each.replace("_", " ")) for each in ReportKind
                  if may(desk.caller.roles, REPORTS_NEED[each]))  # fmt: skip
    if not kinds or not desk.can(reports.make_report):
        return None
    return Form(
        "make", f"{PATH}/reports", "Make a report", "Of any day that is over. A day that has one keeps it.",
        (Field("kind", "What", "choice", choices=kinds), Field("day", "Day", "day", required=True),
         Field("anew", "Made anew, as another revision", "tick"), Field("reason", "Why anew")),
    )  # fmt: skip


handlers = [list_reports, read_report, download_report, make_report]
