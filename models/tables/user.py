"""Accounts: who has one, and the roles that decide what they may do. Their sign-ins are rows of `session.py`."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Writer
from models.ids import UserId
from models.roles import Role
from models.tables.base import key, metadata, moment, now_column

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

_LOCK = "SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE"


async def lock(writer: Writer, user: UserId) -> None:
    """Hold an account to the end of the transaction: what counts or compares its things happens one after the other."""
    await writer.exec_driver_sql(_LOCK, (user,))
