"""Accounts and their sessions. A session is one sign-in: a family of refresh tokens, each good for one use."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database
from models.ids import SessionId, UserId
from models.roles import Role
from models.tables.base import key, metadata, moment, now_column, reference
from models.user import SignedIn

_ROLES = ", ".join(f"'{role.value}'" for role in Role)

users = sa.Table(
    "users", metadata,
    key(),
    sa.Column("email", sa.Text, nullable=False, comment="as its owner writes it; unique without regard to case"),
    sa.Column("password_hash", sa.Text, comment="Argon2id with its parameters; null: no password opens it"),
    sa.Column("first_name", sa.Text),
    sa.Column("last_name", sa.Text),
    sa.Column("phone", sa.Text),
    sa.Column("locale", sa.Text, nullable=False, server_default="en", comment="BCP 47"),
    sa.Column("marketing_consent", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("marketing_consent_at", sa.DateTime(timezone=True), comment="when it was last given or taken back"),
    sa.Column("roles", pg.ARRAY(sa.Text), nullable=False, server_default="{customer}"),
    sa.Column("provider_customer", sa.Text, unique=True, comment="the payment provider's id of this buyer: cus_…"),
    now_column(),
    moment("updated_at", server_default=sa.func.now()),
    sa.Column("last_login_at", sa.DateTime(timezone=True)),
    sa.Column("archived_at", sa.DateTime(timezone=True), comment="set: closed, nobody can sign in"),
    sa.Column("erased_at", sa.DateTime(timezone=True), comment="set: what could be forgotten is forgotten"),
    sa.CheckConstraint(f"roles <@ ARRAY[{_ROLES}]::text[]", name="roles_known"),
    sa.Index("uq_users_email", sa.text("lower(email)"), unique=True),
)  # fmt: skip

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
    sa.Column("revoked_for", sa.Text, comment="`logout`, `token_reused`, `password_changed`, `closed`, `erased`"),
    sa.Column("user_agent", sa.Text),
)  # fmt: skip


ALIVE = """
SELECT u.id, u.email, u.roles FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.id = {session} AND s.revoked_at IS NULL AND s.expires_at > now() AND u.archived_at IS NULL
"""
"""Who a session belongs to, while it is good: the one definition of being signed in."""
_SIGNED_IN = ALIVE.format(session="$1")


async def signed_in(database: Database, session: SessionId) -> SignedIn | None:
    """Who the session belongs to; None when it has ended, or its account is closed."""
    rows = await database.fetch(_SIGNED_IN, session)
    return _signed_in(rows[0], session) if rows else None


def _signed_in(row: Any, session: SessionId) -> SignedIn:
    return SignedIn(UserId(_uuid(row["id"])), session, row["email"], frozenset(Role(role) for role in row["roles"]))


def _uuid(value: UUID) -> UUID:
    """A plain UUID: the driver's own subclass is not one that every encoder knows."""
    return value if type(value) is UUID else UUID(int=value.int)
