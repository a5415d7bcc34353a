"""Who may pass at the desk: a cookie that only this shop's own pages send along, and forms that only they can make."""

import hmac
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler

from api.access import Access
from api.context import House, StrictRequest
from models import clock, logs
from models.errors import Refusal
from models.ids import SessionId
from models.roles import STAFF, Scope, may
from models.session import desk_proof, desk_token, read_desk_token
from models.tables import session as sessions
from models.user import SignedIn

PATH = "/desk"
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 1000
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let a request of a browser pass, or refuse. What changes something comes from a page of ours, and proves it.

    Raises: Refusal `unauthorized`, `forbidden`, `too_many_requests`.
    """
    method = str(connection.scope.get("method"))
    if method == "OPTIONS":
        return
    house, access = connection.app.state.house, handler.opt["access"]
    session = _session(house, connection)
    await house.limits.pass_by(connection.scope, session)
    changes = method not in SAFE
    if changes and not _is_from_here(house, connection):
        raise Refusal("forbidden", "This was not sent by a page of this desk: nothing was done.")
    connection.state.account = None
    if access is Access.PUBLIC:
        return
    connection.state.account = account = await _account(house, session)
    logs.bind(user_id=account.user)
    if isinstance(access, Scope) and not may(account.roles, access):
        raise Refusal("forbidden", f"Your roles do not have the scope {access}, which this needs.", scope=access)
    if changes:
        assert isinstance(connection, StrictRequest)
        given = (await form_of(connection)).get("proof", "")
        if not hmac.compare_digest(given.encode(), desk_proof(house.settings.secret_key, account.session).encode()):
            raise Refusal("forbidden", "This form is of an earlier sign-in: nothing was done. Load the page again.")


async def form_of(request: StrictRequest) -> dict[str, str]:
    """The fields of a form that are not left empty, trimmed. Of one that comes twice the last counts.

    Raises: Refusal `unsupported_media_type`, `malformed`.
    """
    if request.content_type[0] != FORM:
        raise Refusal("unsupported_media_type", f"Send a form, with `Content-Type: {FORM}`.")
    try:
        fields = parse_qsl((await request.body()).decode("ascii"), max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Refusal("malformed", "This is no form.") from error
    return {name: value.strip() for name, value in fields if value.strip()}


async def staff_of(house: House, session: SessionId | None) -> SignedIn | None:
    """Who of the staff has signed in so; None: nobody, or not any more."""
    account = await sessions.signed_in(house.database, session) if session else None
    return account if account is not None and account.roles & STAFF else None


def signed_in(house: House, session: SessionId) -> Cookie:
    """What the browser keeps until it is closed."""
    return _cookie(house, desk_token(house.settings.secret_key, session, clock.now()))


def signed_out(house: House) -> Cookie:
    """Nothing any more."""
    cookie = _cookie(house, "")
    cookie.max_age = 0
    return cookie


def session_of(house: House, request: ASGIConnection[Any, Any, Any, Any]) -> SessionId | None:
    """The sign-in that the browser's cookie is of; whether it lives is not looked up."""
    return _session(house, request)


async def reading_in_the_ui(house: House, connection: ASGIConnection[Any, Any, Any, Any]) -> SignedIn | None:
    """Who is signed in at the desk, where a page of the Temporal UI asks in their browser; None: nobody, or another.

    A page of another site is not sent along with the cookie, and one that says another origin is not believed.
    """
    ui = urlsplit(house.settings.temporal_ui_url or "")
    if not ui.netloc or connection.headers.get("origin") != f"{ui.scheme}://{ui.netloc}":
        return None
    return await staff_of(house, _session(house, connection))


def _cookie(house: House, value: str) -> Cookie:
    https = _https(house)
    return Cookie(
        _name(https), value=value, path="/", httponly=True, secure=https, samesite="strict"
    )  # fmt: skip


def _name(https: bool) -> str:
    """With this prefix browsers take it from this very host alone, and only over TLS."""
    return "__Host-holdfast-desk" if https else "holdfast-desk"


def _https(house: House) -> bool:
    return house.settings.public_url.startswith("https://")


def _session(house: House, connection: ASGIConnection[Any, Any, Any, Any]) -> SessionId | None:
    token = connection.cookies.get(_name(_https(house)))
    return read_desk_token(house.settings.secret_key, token, clock.now()) if token else None


async def _account(house: House, session: SessionId | None) -> SignedIn:
    account = await staff_of(house, session)
    if account is None:
        raise Refusal("unauthorized", "You are not signed in, or not any more: nothing was done.")
    return account


def _is_from_here(house: House, connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Whether the page that sends this is of the very host that it is sent to: browsers say so, and pages cannot."""
    origin, site = connection.headers.get("origin"), connection.headers.get("sec-fetch-site")
    if site not in (None, "same-origin") or origin is None:
        return False
    here = {connection.headers.get("host"), urlsplit(house.settings.public_url).netloc}
    return urlsplit(origin).netloc in here
