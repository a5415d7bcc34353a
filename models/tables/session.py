"""Sign-ins. A session is one: a family of refresh tokens, each good for one use."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.database import Database, Writer
from models.ids import SessionId, UserId
from models.roles import Role
from models.session import Ended
from models.tables.base import key, metadata, moment, now_column, one_of, reference
from models.user import SignedIn

sessions = sa.Table(
    "sessions", metadata,
    key(),
    reference("user_id", "users.id", index=True),
    sa.Column("generation", sa.Integer, nullable=False, server_default="1",
              comment="number of the one refresh token that is good; an older one that comes back was stolen"),
    now_column(),
    moment("last_used_at", server_default=sa.func.now()),
    moment("expires_at"),
    sa.Column("revoked_at", sa.DateTime(timezone=True)),
    *one_of("revoked_for", Ended, nullable=True),
    sa.Column("user_agent", sa.Text),
)  # fmt: skip


ALIVE = """
SELECT u.id, u.email, u.roles FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.id = {session} AND s.revoked_at IS NULL AND s.expires_at > now() AND u.archived_at IS NULL
"""
"""Who a session belongs to, while it is good: the one definition of being signed in."""
_SIGNED_IN = ALIVE.format(session="$1")

_LOCK_ACCOUNT = "SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE"
_REVOKE_ALL = """
UPDATE sessions SET revoked_at = now(), revoked_for = $2
WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now() AND id IS DISTINCT FROM $3
"""


async def signed_in(database: Database, session: SessionId) -> SignedIn | None:
    """Who the session belongs to; None when it has ended, or its account is closed."""
    rows = await database.fetch(_SIGNED_IN, session)
    return _signed_in(rows[0], session) if rows else None


async def revoke_all(writer: Writer, user: UserId, why: Ended, except_session: SessionId | None = None) -> int:
    """End every living session of an account but one; their access tokens die with them. Returns how many ended.

    The account's row is locked first, as a sign-in does it: one that is under way is ended too when it began before,
    and sees what this transaction changed (a new password, a closed account) when it comes after.
    """
    await writer.exec_driver_sql(_LOCK_ACCOUNT, (user,))
    return (await writer.exec_driver_sql(_REVOKE_ALL, (user, why, except_session))).rowcount


def _signed_in(row: Any, session: SessionId) -> SignedIn:
    return SignedIn(UserId(_uuid(row["id"])), session, row["email"], frozenset(Role(role) for role in row["roles"]))


def _uuid(value: UUID) -> UUID:
    """A plain UUID: the driver's own subclass is not one that every encoder knows."""
    return value if type(value) is UUID else UUID(int=value.int)
