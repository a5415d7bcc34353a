"""Asked-for password resets, one open at a time for an address.

An address without an account gets a row like any other, so that nothing, not even the time an answer takes, tells
whether somebody has an account. The six digits follow from the row's id and the secret key: nobody can read them here.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database, Writer
from models.ids import ResetId, UserId
from models.reset import CODE_LIFE, MOST_AN_HOUR, TOKEN_LIFE, TRIES
from models.tables.base import key, metadata, moment, now_column

password_resets = sa.Table(
    "password_resets", metadata,
    key(),
    sa.Column("email_key", sa.Text, nullable=False, unique=True, comment="keyed hash of the address in lower case"),
    sa.Column("user_id", pg.UUID(as_uuid=True), sa.ForeignKey("users.id"), comment="null: no such account"),
    now_column(),
    moment("expires_at", comment="the code's, wherever its letter is"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("verified_at", sa.DateTime(timezone=True)),
    sa.Column("used_at", sa.DateTime(timezone=True)),
    sa.Column("asked", sa.Integer, nullable=False, server_default="1", comment="times since `asked_since`"),
    moment("asked_since", server_default=sa.func.now(), comment="an hour begins with its first asking"),
)  # fmt: skip


_OPEN = """
INSERT INTO password_resets AS r (id, email_key, user_id, expires_at)
VALUES ($1, $2, (SELECT id FROM users WHERE lower(email) = lower($3) AND archived_at IS NULL), $4)
ON CONFLICT (email_key) DO UPDATE SET
    id = excluded.id, user_id = excluded.user_id, created_at = now(), expires_at = excluded.expires_at, tries = 0,
    verified_at = NULL, used_at = NULL,
    asked = CASE WHEN r.asked_since > now() - interval '1 hour' THEN r.asked + 1 ELSE 1 END,
    asked_since = CASE WHEN r.asked_since > now() - interval '1 hour' THEN r.asked_since ELSE now() END
WHERE r.id < excluded.id AND (r.asked < $5 OR r.asked_since <= now() - interval '1 hour')
RETURNING user_id
"""


async def begin(writer: Writer, reset: ResetId, email_key: str, email: str, expires_at: datetime) -> UserId | None:
    """Open a reset in the place of an earlier one of the same address. The account to write to; None: write nobody.

    Again, or after a later one (ids sort by time): changes nothing. Asked for too often: the open one stays.
    """
    values = (reset, email_key, email, expires_at, MOST_AN_HOUR)
    user = (await writer.exec_driver_sql(_OPEN, values)).scalar_one_or_none()
    return None if user is None else UserId(user)


class Tried(NamedTuple):
    """A reset whose code somebody tries."""

    reset: ResetId
    open: bool
    """Whether the right code would open it."""


_TRY = """
WITH tried AS (UPDATE password_resets SET tries = least(tries + 1, 1000) WHERE email_key = $1 RETURNING *)
SELECT pg_logical_emit_message(true, 'holdfast', ''), t.id,
       t.user_id IS NOT NULL AND t.used_at IS NULL AND t.tries <= $2
       AND now() < least(coalesce(x.settled_at, now()) + $3, t.expires_at) AS open
FROM (VALUES (1)) one LEFT JOIN tried t ON true LEFT JOIN outbox x ON x.cause = 'password_reset/' || t.id
"""
"""Counts before anybody compares, so that twenty tries at once are twenty tries. The message says nothing: with it an
address that nobody asked for costs what others cost, a commit that waits for the disk."""
_VERIFY = """
UPDATE password_resets SET verified_at = coalesce(verified_at, now()) WHERE id = $1 RETURNING verified_at
"""
_OWNER = "SELECT u.email, u.first_name, u.last_name FROM password_resets r JOIN users u ON u.id = r.user_id "
_GOOD = "id = $1 AND used_at IS NULL AND verified_at > now() - $2::interval"
_USE = f"UPDATE password_resets SET used_at = now() WHERE {_GOOD} RETURNING user_id"  # noqa: S608
_REMOVE = "DELETE FROM password_resets WHERE id = $1"


async def count_try(writer: Writer, email_key: str) -> Tried | None:
    """Count a try of a code, right or wrong; None: nobody asked for a reset of this address."""
    row = (await writer.exec_driver_sql(_TRY, (email_key, TRIES, CODE_LIFE))).one()
    return None if row.id is None else Tried(ResetId(_uuid(row.id)), row.open)


async def verify(writer: Writer, reset: ResetId) -> datetime:
    """The right code came; when it came first."""
    found: datetime = (await writer.exec_driver_sql(_VERIFY, (reset,))).scalar_one()
    return found


async def owner(database: Database, reset: ResetId) -> tuple[str | None, ...] | None:
    """Address and names of the account whose password may be set; None: not any more."""
    rows = await database.fetch(f"{_OWNER}WHERE r.{_GOOD}", reset, TOKEN_LIFE)
    return tuple(rows[0].values()) if rows else None


async def use(writer: Writer, reset: ResetId) -> UserId | None:
    """Use a reset up. The account whose password may be set now, once; None: not any more."""
    user: UUID | None = (await writer.exec_driver_sql(_USE, (reset, TOKEN_LIFE))).scalar_one_or_none()
    return None if user is None else UserId(_uuid(user))


async def remove(writer: Writer, reset: ResetId) -> None:
    """Forget a reset that is over. Again, or when another one took its place: changes nothing."""
    await writer.exec_driver_sql(_REMOVE, (reset,))


async def forget(writer: Writer, user: UserId) -> None:
    """Codes on their way to an account open nothing any more."""
    await writer.execute(sa.delete(password_resets).where(password_resets.c.user_id == user))


def _uuid(value: Any) -> UUID:
    """A plain UUID: the driver's own subclass is not one that every encoder knows."""
    return UUID(int=value.int)
