"""Questions to a second person, at the desk: who wants what, and the yes or no of somebody else."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from temporalio.exceptions import TemporalError

from api.admin import approvals
from api.context import Caller, House, StrictRequest
from api.desk.admission import PATH, form_of
from api.desk.calls import Desk
from api.desk.forms import REASON, Filled, Form, body, reason
from api.desk.mistakes import problem_of, words_of
from api.desk.questions import asked
from api.desk.rendering import page
from api.problems import Invalid
from models.approval import NEEDS, ApprovalRecord, ApprovalStatus
from models.errors import Refusal, Unavailable
from models.roles import Scope, may

STEPS = {"approve": approvals.approve, "reject": approvals.reject}
DONE = {
    "approve": "Agreed, and done.",
    "reject": "Nothing was done.",
    "later": "Agreed, and still under way.",
}


class Sought(msgspec.Struct, frozen=True):
    """What is looked for."""

    status: ApprovalStatus | None = None
    cursor: Annotated[str, msgspec.Meta(max_length=100)] | None = None


@get(f"{PATH}/approvals", include_in_schema=False, access=Scope.APPROVALS_READ)
async def list_approvals(request: StrictRequest, house: House, caller: Caller) -> Response[Any]:
    """Newest first; those that wait can be answered by whoever has not asked."""
    return await _show(Desk(request, house, caller), done=DONE.get(request.query_params.get("done", "")))


@post(
    f"{PATH}/approvals/{{approval_id:uuid}}/{{step:str}}", include_in_schema=False, access=Scope.APPROVALS_WRITE,
    status_code=303,
)  # fmt: skip
async def answer(
    request: StrictRequest, house: House, caller: Caller, approval_id: FromPath[UUID], step: FromPath[str]
) -> Response[Any]:
    """Say yes, and it is done; or no, and it never will be."""
    desk, given = Desk(request, house, caller), await form_of(request)
    if step not in STEPS:
        raise Refusal("not_found", "There is no such answer.")
    try:
        done = await desk.order(STEPS[step], body(given, "usd"), given.get("key"), approval_id=approval_id)
    except (TemporalError, Unavailable, Invalid, RuntimeError) as no:
        problem = problem_of(request, no)
        if problem.status == 500:
            raise
        key = given.get("key") if problem.status == 503 else None
        filled = Filled(f"{step}-{approval_id}", step, given, problem.detail, words_of(problem), key)
        return await _show(desk, status=problem.status, filled=filled)
    return Redirect(f"{PATH}/approvals?done={'later' if done.status_code == 202 else step}", status_code=303)


async def _show(
    desk: Desk, *, status: int = 200, done: str | None = None, filled: Filled | None = None
) -> Response[str]:
    sought = asked(desk.request, Sought)
    found = await desk.ask(approvals.list_approvals, status=sought.status, limit=50, place=sought.cursor)
    asks = {name: value for name, value in msgspec.to_builtins(sought).items() if value}
    return page(
        desk, "approvals.html", status=status, here="approvals", found=found, sought=sought, asks=asks, done=done,
        filled=filled, statuses=tuple(ApprovalStatus), forms={each.id: _forms(desk, each) for each in found.items},
    )  # fmt: skip


def _forms(desk: Desk, approval: ApprovalRecord) -> list[Form]:
    """What this person can answer: nobody agrees with themselves, but may think better of it."""
    caller = desk.caller
    if approval.status is not ApprovalStatus.PENDING or not may(caller.roles, NEEDS[approval.action]):
        return []
    to, found = f"{PATH}/approvals/{approval.id}", list[Form]()
    if approval.asked_by.id != caller.user and desk.can(approvals.approve):
        what = "It is done now, once, for whoever asked."
        found.append(Form(f"approve-{approval.id}", f"{to}/approve", "Agree", what, (reason("looked at, and good"),)))
    if desk.can(approvals.reject):
        found.append(
            Form(f"reject-{approval.id}", f"{to}/reject", "Say no", "Nothing was done, and nothing will be.", (REASON,),
                 grave=True)
        )  # fmt: skip
    return found


handlers = [list_approvals, answer]
