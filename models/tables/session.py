"""Sign-ins. A session is one: a family of refresh tokens, each good for one use."""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from models.database import Database, Writer
from models.ids import SessionId, UserId, new_id
from models.roles import Role
from models.session import REFRESH_LIFE, Ended, Grant, RefreshClaims
from models.tables import user as users
from models.tables.base import key, metadata, moment, now_column, one_of, plain_uuid, reference
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


MOST_AT_ONCE = 20
"""Sign-ins of one account that live side by side."""


class Living(msgspec.Struct, frozen=True):
    """A place where an account is signed in."""

    id: SessionId
    created_at: datetime
    last_used_at: datetime
    """When its tokens were last refreshed."""
    expires_at: datetime
    """Moves on with each refresh."""
    user_agent: str | None


ALIVE = """
SELECT u.id, u.email, u.roles, u.provider_customer, u.locale FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.id = {session} AND s.revoked_at IS NULL AND s.expires_at > now() AND u.archived_at IS NULL
"""
"""Who a session belongs to, while it is good: the one definition of being signed in."""
_SIGNED_IN = ALIVE.format(session="$1")

_BEGIN = """
INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, user_agent) VALUES ($1, $2, $3, $3, $4, $5)
"""
_CROWD_OUT = """
UPDATE sessions SET revoked_at = now(), revoked_for = 'crowded_out' WHERE id IN (
    SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()
    ORDER BY last_used_at DESC, id DESC OFFSET $2
)
"""
_FORGET = "DELETE FROM sessions WHERE user_id = $1 AND expires_at < now() - interval '30 days'"
_ROTATE = """
UPDATE sessions s SET generation = s.generation + 1, last_used_at = $3, expires_at = $4 FROM users u
WHERE s.id = $1 AND s.generation = $2 AND s.revoked_at IS NULL AND s.expires_at > now()
  AND u.id = s.user_id AND u.archived_at IS NULL
RETURNING s.user_id, s.generation
"""
_IS_USED = "SELECT generation > $2 FROM sessions WHERE id = $1"
_REVOKE = """
UPDATE sessions SET revoked_at = now(), revoked_for = $2
WHERE id = $1 AND user_id = coalesce($3, user_id) AND revoked_at IS NULL AND expires_at > now()
"""
_LIVING = """
SELECT id, created_at, last_used_at, expires_at, user_agent FROM sessions
WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now() ORDER BY created_at DESC, id DESC
"""
_REVOKE_ALL = """
UPDATE sessions SET revoked_at = now(), revoked_for = $2
WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now() AND id IS DISTINCT FROM $3
"""


async def signed_in(database: Database, session: SessionId) -> SignedIn | None:
    """Who the session belongs to; None when it has ended, or its account is closed."""
    rows = await database.fetch(_SIGNED_IN, session)
    return _signed_in(rows[0], session) if rows else None


async def begun_at(database: Database, session: SessionId) -> datetime | None:
    """When somebody signed in; a refresh is no sign-in."""
    rows = await database.fetch("SELECT created_at FROM sessions WHERE id = $1", session)
    return rows[0]["created_at"] if rows else None


async def begin(writer: Writer, user: UserId, now: datetime, user_agent: str | None) -> Grant:
    """A new sign-in of an account whose row this transaction has locked. The one that rests longest makes room."""
    grant = Grant(user, SessionId(new_id()), 1, now)
    await writer.exec_driver_sql(_BEGIN, (grant.session, user, now, now + REFRESH_LIFE, user_agent))
    await writer.exec_driver_sql(_CROWD_OUT, (user, MOST_AT_ONCE))
    await writer.exec_driver_sql(_FORGET, (user,))
    return grant


async def rotate(writer: Writer, given: RefreshClaims, now: datetime) -> Grant | Ended | None:
    """Use a refresh token up and open the next generation.

    `Ended.REUSED`: it had been used before, and the whole session is ended now. None: the session had ended.
    """
    turned = (
        await writer.exec_driver_sql(_ROTATE, (given.session, given.generation, now, now + REFRESH_LIFE))
    ).one_or_none()
    if turned is not None:
        return Grant(UserId(plain_uuid(turned.user_id)), given.session, turned.generation, now)
    used = (await writer.exec_driver_sql(_IS_USED, (given.session, given.generation))).scalar()
    if not used:
        return None
    await revoke(writer, given.session, Ended.REUSED)
    return Ended.REUSED


async def revoke(writer: Writer, session: SessionId, why: Ended, user: UserId | None = None) -> bool:
    """End a session, of `user` where that is said. False: there is none such, or it had ended; nothing changed."""
    return (await writer.exec_driver_sql(_REVOKE, (session, why, user))).rowcount == 1


async def living(database: Database, user: UserId) -> list[Living]:
    """Where an account is signed in, newest first; at most `MOST_AT_ONCE`."""
    rows = await database.fetch(_LIVING, user)
    return [Living(**{**row, "id": SessionId(plain_uuid(row["id"]))}) for row in rows]


async def revoke_all(writer: Writer, user: UserId, why: Ended, except_session: SessionId | None = None) -> int:
    """End every living session of an account but one; their access tokens die with them. Returns how many ended.

    The account's row is locked first, as a sign-in does it: one that is under way is ended too when it began before,
    and sees what this transaction changed (a new password, a closed account) when it comes after.
    """
    await users.lock(writer, user)
    return (await writer.exec_driver_sql(_REVOKE_ALL, (user, why, except_session))).rowcount


def _signed_in(row: Any, session: SessionId) -> SignedIn:
    roles = frozenset(Role(role) for role in row["roles"])
    return SignedIn(
        UserId(plain_uuid(row["id"])), session, row["email"], roles, row["provider_customer"], row["locale"]
    )
