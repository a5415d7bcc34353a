"""Who may pass: the one place where a token is read, its session proven alive, and an operation's scope asked for.

Every operation under the base path says in its `access` whom it is for; one that does not say cannot be started.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.utils.helpers import unwrap_partial

from api.limits import Limit
from api.openapi import Described, taking
from api.problems import refuses_also
from models import logs
from models.errors import Refusal
from models.roles import Scope, may
from models.session import Claims, read_access_token
from models.tables import session as sessions
from models.user import SignedIn


class Access(Enum):
    """Whom an operation is for, when it needs no scope."""

    PUBLIC = auto()
    """Everybody, and nobody's token is looked at."""
    ANYONE = auto()
    """Everybody; who is signed in is known, and a token that is no good is refused."""
    PROVEN_BY_QUERY = auto()
    """As ANYONE, but the operation's own look-up proves the session, so that it stays a single one."""


HTTP_BEARER = [{"accessToken": list[str]()}]
OPTIONAL_BEARER = [{}, *HTTP_BEARER]
OURS = {"house", "caller", "request", "return"}
"""Arguments of a handler that no client sends."""


async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let a request pass, or refuse.

    An operation may know another way to tell who asks than by token: `else_by`.

    Raises: Refusal `unauthorized`, `token_expired`, `forbidden`, `too_many_requests`.
    """
    house = connection.app.state.house
    access, claims = handler.opt["access"], None
    try:
        if access is not Access.PUBLIC:
            claims = _claims(connection, house.settings.secret_key)
    finally:  # also for a token that is no good
        if handler.opt.get("limited") is not Limit.UNCOUNTED:
            await house.limits.pass_by(connection.scope, claims.session if claims else None)
    if access is Access.PUBLIC:
        return
    connection.state.account = None
    if claims is None and (ask := handler.opt.get("else_by")) and (account := await ask(house, connection)):
        connection.state.account = account
        logs.bind(user_id=account.user)
        _demand(account, access)
        return
    if claims is None:
        if isinstance(access, Scope):
            raise Refusal("unauthorized", "Sign in first, and send `Authorization: Bearer <access_token>`.")
        return
    logs.bind(user_id=claims.user)
    if access is Access.PROVEN_BY_QUERY:
        connection.state.account = claims
        return
    connection.state.account = account = await prove(house, claims)
    _demand(account, access)


def _demand(account: SignedIn, access: Any) -> None:
    if isinstance(access, Scope) and not may(account.roles, access):
        raise Refusal("forbidden", f"This needs the scope {access}, which your roles do not have.", scope=access)


def nameable(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """For files: no name of one has a null byte, and asking the disk for such a one is a fault, not an answer."""
    if "\x00" in connection.scope["path"]:
        raise NotFoundException


async def prove(house: Any, claims: Claims) -> SignedIn:
    """Who is signed in. Raises: Refusal `unauthorized` when the session has ended."""
    account = await sessions.signed_in(house.database, claims.session)
    if account is None or account.user != claims.user:
        raise Refusal("unauthorized", "This session has ended: sign in again.")
    return account


def guarded(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """The handlers, documented as what they are and with what all such refuse.

    Raises: TypeError for one that does not say whom it is for.
    """
    found = list(handlers)
    for handler in found:
        access = handler.opt.get("access")
        if not isinstance(access, Access | Scope):
            raise TypeError(f"{handler.handler_name} does not say whom it is for: give it `access=`")
        if isinstance(access, Scope):
            handler.security = HTTP_BEARER
        elif access is not Access.PUBLIC:
            handler.security = OPTIONAL_BEARER
        takes = handler.opt.get("takes")
        handler.operation_class = taking(takes) if takes else Described
        handler.responses = refuses_also(handler.responses or {}, _refusals_of(handler))
    return found


def _refusals_of(handler: HTTPRouteHandler) -> Iterator[str]:
    """What an operation may answer by what it is, before its own code has run."""
    access, takes = handler.opt["access"], unwrap_partial(handler.fn).__annotations__.keys() - OURS
    yield "unavailable"
    if access is not Access.PUBLIC:
        yield from ("unauthorized", "token_expired")
    if isinstance(access, Scope):
        yield "forbidden"
    if handler.opt.get("limited") is not Limit.UNCOUNTED:
        yield "too_many_requests"
    if "data" in takes or "takes" in handler.opt:
        yield from ("body_too_large", "unsupported_media_type")
    if any("{" in path for path in handler.paths):
        yield "not_found"
    if takes:
        yield "invalid"


def _claims(connection: ASGIConnection[Any, Any, Any, Any], key: bytes) -> Claims | None:
    """What the request's token says; None without one. Raises: Refusal when it is none of ours."""
    token = bearer(connection.headers.get("authorization"))
    return None if token is None else read_access_token(key, token)


def bearer(header: str | None) -> str | None:
    """The token of an Authorization header; None without one. Raises: Refusal when it is no bearer token."""
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refusal("unauthorized", "Send `Authorization: Bearer <access_token>`.")
    return token.strip()
