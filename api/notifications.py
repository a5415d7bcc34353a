"""What buyers are told inside the shop."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import FromPath, QueryParameter

from api import pages
from api.context import Browser, Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.problems import SIGNED_IN, refuses
from api.repeats import once, scope_of
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.ids import NotificationId
from models.notification import Notification, NotificationKind, words
from models.roles import Scope
from models.tables import notification as notifications
from models.wording.languages import reader

OnlyUnread = Annotated[bool, QueryParameter(name="unread", description="true: only what is not read yet")]
_KINDS = ", ".join(f"`{kind}`" for kind in NotificationKind)


class NotificationReply(msgspec.Struct, frozen=True):
    """Something that happened, in facts for a program and in words for a person."""

    id: NotificationId
    kind: Annotated[str, msgspec.Meta(description=f"{_KINDS}; more to come", examples=["order_shipped"])]
    title: Annotated[str, msgspec.Meta(examples=["Order shipped"])]
    text: Annotated[
        str, msgspec.Meta(examples=["Your order HF-7KQ2M-4XWPD is on its way with UPS, tracking number 1Z9."])
    ]
    order_number: Annotated[str, msgspec.Meta(examples=["HF-7KQ2M-4XWPD"])] | None
    facts: Annotated[dict[str, Any], msgspec.Meta(examples=[{"carrier": "UPS", "tracking": "1Z9"}])]
    """`total` of the order; by kind also `reason`, `code` and `detail`, `carrier` and `tracking`."""
    created_at: datetime
    read_at: datetime | None
    """When it was first marked as read."""


class NotificationList(msgspec.Struct, frozen=True):
    """One page, newest first."""

    items: list[NotificationReply]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class NotificationCount(msgspec.Struct, frozen=True):
    """How many."""

    count: Annotated[int, msgspec.Meta(ge=0, examples=[3])]


@get(
    "/notifications", operation_id="listNotifications", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="What happened to one's orders", responses=refuses(*SIGNED_IN, "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_notifications(
    house: House,
    caller: Caller,
    unread: OnlyUnread = False,
    limit: PageSize = 20,
    place: Place = None,
    language: Browser = None,
) -> NotificationList:
    """Newest first, in the account's language. Each fact is told once."""
    after = pages.begin(house, place)
    found = await notifications.page(house.database, caller.account, limit + 1, unread=unread, after=after)
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    locale = reader(caller.locale, language)
    return NotificationList([_reply(notification, locale) for notification in shown], more)


@get(
    "/notifications/unread-count", operation_id="countUnreadNotifications", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="How many are not read yet", responses=refuses(*SIGNED_IN),
)  # fmt: skip
async def count_unread(house: House, caller: Caller) -> NotificationCount:
    """For the figure on the bell."""
    return NotificationCount(await notifications.unread(house.database, caller.account))


@post(
    "/notifications/{notification_id:uuid}/read", operation_id="readNotification", access=Scope.ACCOUNT,
    tags=["Accounts"], summary="It is read", status_code=200,
    responses=refuses(*SIGNED_IN, "notification_not_found", "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def read_notification(
    request: StrictRequest,
    house: House,
    caller: Caller,
    notification_id: FromPath[UUID],
    idempotency: IdempotencyKey = None,
    language: Browser = None,
) -> NotificationReply:
    """Again changes nothing: `read_at` is of the first time."""

    async def mark(writer: Writer) -> NotificationReply:
        found = await notifications.mark_read(writer, caller.account, notification_id)
        if found is None:
            raise Refusal("notification_not_found", "You were told no such thing.", id=str(notification_id))
        return _reply(found, reader(caller.locale, language))

    scope = scope_of(request, caller, "POST /notifications/read")
    return await once(house, scope, idempotency_key(idempotency), notification_id, NotificationReply, mark)


@post(
    "/notifications/read-all", operation_id="readAllNotifications", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="All are read", status_code=200, responses=refuses(*SIGNED_IN, "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def read_all(
    request: StrictRequest, house: House, caller: Caller, idempotency: IdempotencyKey = None
) -> NotificationCount:
    """How many were not read before."""

    async def mark(writer: Writer) -> NotificationCount:
        return NotificationCount(await notifications.mark_all_read(writer, caller.account))

    scope = scope_of(request, caller, "POST /notifications/read-all")
    return await once(house, scope, idempotency_key(idempotency), None, NotificationCount, mark)


def _reply(told: Notification, locale: str) -> NotificationReply:
    title, text = words(told.kind, told.order_number, told.facts, locale)
    return NotificationReply(
        told.id, told.kind, title, text, told.order_number, dict(told.facts), told.created_at, told.read_at
    )


handlers = [list_notifications, count_unread, read_notification, read_all]
