"""What went wrong, as a page: the same codes and statuses as the JSON API's problems."""

from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect
from temporalio.exceptions import TemporalError

from api import problems
from api.context import StrictRequest, provide_caller
from api.desk.admission import PATH
from api.desk.calls import Desk
from api.desk.rendering import HTML, page
from api.problems import Invalid, Problem
from models.errors import Unavailable
from models.user import SignedIn

_TITLES = {
    401: "Sign in first", 403: "Not yours to do", 404: "Nothing here", 409: "Not possible now", 429: "Too often",
    500: "Something broke", 503: "Not answering",
}  # fmt: skip


def problem_of(request: Request[Any, Any, Any], error: Exception) -> Problem:
    """What the JSON API would say of it."""
    return msgspec.json.decode(_answer(request, error).content, type=Problem)


def words_of(problem: Problem) -> tuple[str, ...]:
    """What is wrong with each field, and what is possible instead, for who filled a form in."""
    fields = [f"{(each.pointer or '').strip('/').replace('_', ' ')}: {each.detail}" for each in problem.errors]
    actions = problem.facts.get("actions")
    if isinstance(actions, list):
        names = ", ".join(str(each).replace("_", " ") for each in actions)
        fields.append(f"What can be done now: {names or 'nothing'}.")
    return tuple(fields)


def _answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    for kind in type(error).__mro__:
        if kind in problems.HANDLERS:
            answer: Response[Any] = problems.HANDLERS[kind](request, error)
            return answer
    raise error


def as_page(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A page that says it; whoever has to sign in is led to where that is done, and back again."""
    answer = _answer(request, error)
    problem = msgspec.json.decode(answer.content, type=Problem)
    if problem.status == 401:
        if request.headers.get("hx-request"):
            return Response("", status_code=401, media_type=HTML, headers={"HX-Refresh": "true"})
        if request.method in ("GET", "HEAD"):
            return _to_sign_in(request)
    headers = {name: value for name, value in answer.headers.items() if name.lower() == "retry-after"}
    return page(
        _desk(request), "problem.html", status=problem.status, headers=headers, problem=problem,
        title=_TITLES.get(problem.status, "This did not work"),
    )  # fmt: skip


def _desk(request: Request[Any, Any, Any]) -> Desk | None:
    """Who it is that meets it; None: nobody whom we know."""
    if not isinstance(request.state.get("account"), SignedIn) or not isinstance(request, StrictRequest):
        return None
    house = request.app.state.house
    return Desk(request, house, provide_caller(request, house))


def _to_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    """A link in a mail brings no cookie of ours along, as if nobody had signed in: the page itself asks once more."""
    where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.headers.get("sec-fetch-site") == "cross-site":
        return page(None, "again.html", where=where)
    return Redirect(f"{PATH}/login?next={quote(where, safe='')}", status_code=303)


HANDLERS: dict[int | type[Exception], Any] = dict.fromkeys(
    (TemporalError, Unavailable, Invalid, HTTPException, Exception), as_page
)
"""For the desk's own routes."""
