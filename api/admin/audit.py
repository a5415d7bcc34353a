"""The log of what staff changed."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get
from litestar.params import QueryParameter

from api import pages
from api.admin.refusals import staff_refuses
from api.context import House
from api.pages import PageSize, Place
from models.audit import Change
from models.cursor import Cursor
from models.ids import UserId
from models.roles import Scope
from models.tables import audit

OfSubject = Annotated[
    str | None,
    QueryParameter(
        name="subject", min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$",
        description="What was changed: a coupon's code, an account's id …",
    ),
]  # fmt: skip
ByActor = Annotated[UUID | None, QueryParameter(name="actor", description="The account's id of who changed it")]
OfAction = Annotated[
    str | None,
    QueryParameter(name="action", max_length=100, pattern=r"^[a-z_]+\.[a-z_]+$", description="As in `coupon.create`"),
]


class ChangeList(msgspec.Struct, frozen=True):
    """One page of the log, newest first."""

    items: list[Change]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/audit", operation_id="listChanges", access=Scope.AUDIT_READ,
    tags=["Staff"], summary="Who changed what, when and why",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_changes(
    house: House,
    of_subject: OfSubject = None,
    by_actor: ByActor = None,
    of_action: OfAction = None,
    limit: PageSize = 20,
    place: Place = None,
) -> ChangeList:
    """Newest first, each with the roles that whoever did it had then. Filters add up. Written at once, never edited."""
    actor, after = UserId(by_actor) if by_actor else None, pages.begin(house, place)
    found = await audit.listed(house.database, limit + 1, of_subject, actor, of_action, after)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.at, last.id))
    return ChangeList(items, more)


handlers = [list_changes]
