"""What waits for a person, at the desk: the most urgent first, taken so that nobody else begins, and resolved."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect
from temporalio.exceptions import TemporalError

from api.admin import attention as queue
from api.admin.attention import Whose
from api.context import Caller, House, StrictRequest
from api.desk.admission import PATH, form_of
from api.desk.calls import Desk
from api.desk.mistakes import problem_of
from api.desk.questions import asked
from api.desk.rendering import page
from api.problems import Invalid
from models.attention import AttentionKind, Urgency
from models.errors import Refusal, Unavailable
from models.roles import Scope

DONE = {"take": "Taken: it is yours.", "release": "Given back: nobody has it.", "resolve": "Resolved."}


class Sought(msgspec.Struct, frozen=True):
    """What is looked for."""

    kind: AttentionKind | None = None
    severity: Urgency | None = None
    assigned: Whose | None = None
    resolved: bool = False
    cursor: Annotated[str, msgspec.Meta(max_length=200)] | None = None


STEPS: dict[str, HTTPRouteHandler] = {
    "take": queue.assign_attention, "release": queue.assign_attention, "resolve": queue.resolve_attention,
}  # fmt: skip


@get(f"{PATH}/attention", include_in_schema=False, access=Scope.ATTENTION_READ)
async def list_attention(request: StrictRequest, house: House, caller: Caller) -> Response[Any]:
    """Everything that does not go on without somebody."""
    return await _show(Desk(request, house, caller), done=request.query_params.get("done"))


@get(f"{PATH}/attention/count", include_in_schema=False, access=Scope.ATTENTION_READ)
async def count_attention(request: StrictRequest, house: House, caller: Caller) -> Response[Any]:
    """How much that is, for the head of every page."""
    desk = Desk(request, house, caller)
    return page(desk, "count.html", total=(await desk.ask(queue.list_attention, limit=1)).total)


@post(f"{PATH}/attention/{{need_id:uuid}}/{{step:str}}", include_in_schema=False, access=Scope.ATTENTION_READ)
async def step(
    request: StrictRequest, house: House, caller: Caller, need_id: FromPath[UUID], step: FromPath[str]
) -> Response[Any]:
    """Take it, give it back, or say that it needs nobody any more."""
    desk, given = Desk(request, house, caller), await form_of(request)
    if step not in STEPS:
        raise Refusal("not_found", "There is no such step.")
    body: dict[str, object] = {"reason": given["reason"]} if "reason" in given else {}
    if step == "release":
        body["assignee"] = None
    try:
        await desk.order(STEPS[step], body, given.get("key"), need_id=need_id)
    except (TemporalError, Unavailable, Invalid) as no:
        problem = problem_of(request, no)
        why = problem.errors[0].detail if problem.errors else problem.detail
        return await _show(desk, status=problem.status, why=why)
    return Redirect(f"{PATH}/attention?done={step}", status_code=303)


async def _show(desk: Desk, *, status: int = 200, done: str | None = None, why: str | None = None) -> Response[Any]:
    sought = asked(desk.request, Sought)
    found = await desk.ask(
        queue.list_attention, kind=sought.kind, severity=sought.severity, assigned=sought.assigned,
        resolved=sought.resolved, limit=50, place=sought.cursor,
    )  # fmt: skip
    asks = {name: value for name, value in msgspec.to_builtins(sought).items() if value}
    return page(
        desk, "attention.html", status=status, here="attention", found=found, sought=sought, asks=asks,
        done=DONE.get(done or ""),
        why=why, kinds=tuple(AttentionKind), urgencies=tuple(Urgency), whose=tuple(Whose),
        writes=desk.can(queue.resolve_attention),
    )  # fmt: skip


handlers = [list_attention, count_attention, step]
