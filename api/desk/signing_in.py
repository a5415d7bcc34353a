"""Coming to the desk and leaving it, and the files that its pages are drawn with."""

import re
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from api import auth
from api.access import Access
from api.auth import Credentials
from api.context import Caller, House, Identity, StrictRequest
from api.desk.admission import PATH, form_of, session_of, signed_in, signed_out, staff_of
from api.desk.calls import Desk
from api.desk.mistakes import problem_of
from api.desk.rendering import PLACES, file, page
from api.limits import Limit
from api.problems import Invalid
from models.errors import Refusal, Unavailable
from models.roles import STAFF, Scope, may
from models.session import Ended, read_access_token
from models.tables import session as sessions

_KINDS = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
_BACK = re.compile(rf"{PATH}(/[A-Za-z0-9_./~%-]*)?(\?[A-Za-z0-9_.~%&=+-]*)?")
"""Where somebody may be led after they have signed in: nowhere but here."""


@get(f"{PATH}", include_in_schema=False, access=Scope.ACCOUNT)
async def home(caller: Caller) -> Redirect:
    """The first place that one may see."""
    first = next(name for name, _, scope in PLACES if may(caller.roles, scope))
    return Redirect(f"{PATH}/{first}", status_code=303)


@get(f"{PATH}/login", include_in_schema=False, access=Access.PUBLIC)
async def ask_in(request: StrictRequest, house: House) -> Response[Any]:
    """Who are you? Whoever is signed in already is not asked."""
    then = _then(request.query_params.get("next"))
    if await staff_of(house, session_of(house, request)):
        return Redirect(then, status_code=303)
    return page(None, "login.html", then=then, email="", why=None)


@post(f"{PATH}/login", include_in_schema=False, access=Access.PUBLIC, status_code=303)
async def come_in(request: StrictRequest, house: House) -> Response[Any]:
    """With the address and password of the account, as often as anybody may try; for staff alone."""
    form = await form_of(request)
    then, email = _then(form.get("next")), form.get("email", "")
    try:
        given = msgspec.convert({"email": email, "password": form.get("password", "")}, Credentials)
    except msgspec.ValidationError:
        return page(None, "login.html", status=422, then=then, email=email, why="Say your address and your password.")
    try:
        await house.limits.attempt(request.scope, Limit.LOGIN, given)
        admission = await Desk(request, house, Identity()).ask(auth.log_in, data=given, idempotency=None)
    except (Refusal, Unavailable, Invalid) as no:
        problem = problem_of(request, no)
        return page(None, "login.html", status=problem.status, then=then, email=email, why=problem.detail)
    session = read_access_token(house.settings.secret_key, admission.access_token).session
    if not STAFF & set(admission.user.roles):
        async with house.database.writing() as writer:
            await sessions.revoke(writer, session, Ended.LOGOUT)
        why = "This account does not work for the shop."
        return page(None, "login.html", status=403, then=then, email=email, why=why)
    answer = Redirect(then, status_code=303)
    answer.set_cookie(signed_in(house, session))
    return answer


@post(f"{PATH}/logout", include_in_schema=False, access=Scope.ACCOUNT, status_code=303)
async def leave(house: House, caller: Caller) -> Response[Any]:
    """The sign-in ends at once, also for who has a copy of its cookie."""
    assert caller.session is not None
    async with house.database.writing() as writer:
        await sessions.revoke(writer, caller.session, Ended.LOGOUT)
    answer = Redirect(f"{PATH}/login", status_code=303)
    answer.set_cookie(signed_out(house))
    return answer


@get(f"{PATH}/static/{{mark:str}}/{{name:str}}", include_in_schema=False, access=Access.PUBLIC, sync_to_thread=False)
def static(mark: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A script, a style or a picture. Its address changes with what is in it, so that it is kept for ever."""
    body = file(name)
    if body is None:
        raise Refusal("not_found", "There is nothing at this address.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(body, media_type=_KINDS[name.rpartition(".")[2]], headers=headers)


def _then(wanted: str | None) -> str:
    return wanted if wanted and len(wanted) < 500 and _BACK.fullmatch(wanted) else PATH


handlers = [home, ask_in, come_in, leave, static]
