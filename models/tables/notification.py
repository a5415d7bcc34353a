"""What a buyer is told inside the shop: written in the transaction of its cause, once a cause."""

from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from models.cursor import Cursor
from models.database import Database, Writer
from models.ids import NotificationId, UserId
from models.notification import NEWS, Notification
from models.tables.base import Json, key, metadata, now_column, plain_uuid, reference

notifications = sa.Table(
    "notifications", metadata,
    key(),
    reference("user_id", "users.id"),
    sa.Column("cause", sa.Text, nullable=False, unique=True, comment="`order_confirmed/<order>`: told once"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("order_number", sa.Text),
    sa.Column("facts", Json, nullable=False, server_default="{}"),
    now_column(),
    sa.Column("read_at", sa.DateTime(timezone=True)),
    sa.Index("ix_notifications_newest", "user_id", sa.text("created_at DESC"), sa.text("id DESC")),
    sa.Index("ix_notifications_unread", "user_id", postgresql_where=sa.text("read_at IS NULL")),
)  # fmt: skip

_KINDS = ", ".join(f"('{event}', '{kind}')" for event, kind in NEWS.items())
TELL_BUYER = f"""
INSERT INTO notifications (id, user_id, cause, kind, order_number, facts)
SELECT uuidv7(), u.id, news.kind || '/' || o.id || coalesce('/' || (told.facts ->> 'n'), ''), news.kind, o.number,
       jsonb_build_object('total', jsonb_build_object('amount', o.total, 'currency', o.currency)) || told.facts
FROM told
JOIN (VALUES {_KINDS}) AS news (type, kind) USING (type)
JOIN orders o ON o.id = $1
JOIN users u ON u.id = o.customer_id AND u.erased_at IS NULL
ON CONFLICT (cause) DO NOTHING
"""  # noqa: S608
"""Ends the statement that appends to the timeline of order $1; `told` are the events it wrote, with type and facts.
A buyer is told each kind once an order; where the facts count with `n`, as those of refunds do, once a number.

In that statement, so that the order of a guest costs no statement more.
"""

_COLUMNS = "id, kind, order_number, facts::text AS facts, created_at, read_at"
_PAGE = f"""
SELECT {_COLUMNS} FROM notifications
WHERE user_id = $1 AND ($3 IS FALSE OR read_at IS NULL)
  AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5::uuid))
ORDER BY created_at DESC, id DESC LIMIT $2
"""  # noqa: S608
_UNREAD = "SELECT count(*) AS unread FROM notifications WHERE user_id = $1 AND read_at IS NULL"
_READ = f"""
UPDATE notifications SET read_at = coalesce(read_at, now()) WHERE user_id = $1 AND id = $2 RETURNING {_COLUMNS}
"""  # noqa: S608
_READ_ALL = "UPDATE notifications SET read_at = now() WHERE user_id = $1 AND read_at IS NULL"


async def page(
    database: Database, user: UserId, limit: int, *, unread: bool = False, after: Cursor | None = None
) -> list[Notification]:
    """What an account was told, newest first; only what it has not read yet."""
    place = (after.at, after.id) if after else (None, None)
    return [_notification(row) for row in await database.fetch(_PAGE, user, limit, unread, *place)]


async def unread(database: Database, user: UserId) -> int:
    """How many an account has not read yet."""
    count: int = (await database.fetch(_UNREAD, user))[0]["unread"]
    return count


async def mark_read(writer: Writer, user: UserId, notification: UUID) -> Notification | None:
    """It is read, since the first time that this was said; None: the account was told no such thing."""
    row = (await writer.exec_driver_sql(_READ, (user, notification))).mappings().one_or_none()
    return _notification(row) if row else None


async def mark_all_read(writer: Writer, user: UserId) -> int:
    """All are read from now on; how many were not before."""
    return (await writer.exec_driver_sql(_READ_ALL, (user,))).rowcount


def _notification(row: Any) -> Notification:
    return Notification(
        NotificationId(plain_uuid(row["id"])), row["kind"], row["order_number"], msgspec.json.decode(row["facts"]),
        row["created_at"], row["read_at"],
    )  # fmt: skip
