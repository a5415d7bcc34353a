"""Where one is signed in, and how to sign out from afar."""

from datetime import datetime
from uuid import UUID

import msgspec
from litestar import delete, get
from litestar.params import FromPath

from api import pages
from api.context import Caller, House
from api.pages import PageSize, Place
from api.problems import refuses
from models.cursor import Cursor
from models.errors import Refusal
from models.ids import SessionId
from models.roles import Scope
from models.session import Ended
from models.tables import session as sessions


class SessionReply(msgspec.Struct, frozen=True):
    """One sign-in that lives."""

    id: SessionId
    user_agent: str | None
    """What the browser or app said that it is."""
    created_at: datetime
    last_used_at: datetime
    """When its tokens were last refreshed."""
    expires_at: datetime
    """Moves on with each refresh."""
    current: bool
    """Whether it is the one that asks."""


class SessionList(msgspec.Struct, frozen=True):
    """One page of sign-ins, newest first."""

    items: list[SessionReply]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int


@get(
    "/auth/sessions", operation_id="listSessions", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="Where one is signed in",
    responses=refuses("unauthorized", "token_expired", "forbidden", "cursor_unknown", "invalid", "unavailable"),
)  # fmt: skip
async def list_sessions(house: House, caller: Caller, limit: PageSize = 20, place: Place = None) -> SessionList:
    """Newest first; an account has at most 20, and one more ends the one that rested longest."""
    after = pages.begin(house, place)
    living = await sessions.living(house.database, caller.account)
    found = [each for each in living if after is None or (each.created_at, each.id) < (after.at, after.id)]
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return SessionList(
        [
            SessionReply(each.id, each.user_agent, each.created_at, each.last_used_at, each.expires_at,
                         each.id == caller.session)
            for each in shown
        ],
        more, len(living),
    )  # fmt: skip


@delete(
    "/auth/sessions/{session_id:uuid}", operation_id="endSession", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="Sign out elsewhere", status_code=204,
    responses=refuses("unauthorized", "token_expired", "forbidden", "session_not_found", "unavailable"),
)  # fmt: skip
async def end_session(house: House, caller: Caller, session_id: FromPath[UUID]) -> None:
    """Its tokens die at once. The one that asks may be ended too: that is a logout."""
    async with house.database.writing() as writer:
        ended = await sessions.revoke(writer, SessionId(session_id), Ended.LOGOUT, caller.account)
    if not ended:
        raise Refusal("session_not_found", "You are not signed in there.", id=str(session_id))


handlers = [list_sessions, end_session]
