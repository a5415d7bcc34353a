"""Accounts: who has one, and the roles that decide what they may do. Their sign-ins are rows of `session.py`."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database, Reader, Writer
from models.ids import UserId
from models.roles import Role
from models.tables.base import key, metadata, moment, now_column, plain_uuid
from models.user import User

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
    sa.Column("erasure_asked_at", sa.DateTime(timezone=True),
              comment="set: its owner wants to be forgotten, and the account never opens again"),
    sa.Column("erased_at", sa.DateTime(timezone=True), comment="set: what could be forgotten is forgotten"),
    sa.CheckConstraint(f"roles <@ ARRAY[{_ROLES}]::text[]", name="roles_known"),
    sa.Index("ix_users_newest", sa.text("created_at DESC"), sa.text("id DESC")),
    sa.Index("uq_users_email", sa.text("lower(email)"), unique=True),
)  # fmt: skip


class Kept(msgspec.Struct, frozen=True):
    """What an account's owner is known by. Never leaves the sign-in."""

    user: UserId
    password_hash: str | None


PROFILE = [users.c[name] for name in User.__struct_fields__]
"""What there is to know of an account, but for what proves who it is."""
_COLUMNS = ", ".join(User.__struct_fields__)
_FIND = f"SELECT {_COLUMNS} FROM users WHERE id = $1"  # noqa: S608
_LOCK_BY_EMAIL = f"""
SELECT {_COLUMNS} FROM users WHERE lower(email) = lower($1) AND archived_at IS NULL FOR NO KEY UPDATE
"""  # noqa: S608
_ROLES_OF = "SELECT roles FROM users WHERE id = $1 AND archived_at IS NULL"
_KEPT = "SELECT id, password_hash FROM users WHERE lower(email) = lower($1) AND archived_at IS NULL"
_KEPT_OF = "SELECT id, password_hash FROM users WHERE id = $1 AND archived_at IS NULL"
_INSERT = """
INSERT INTO users (id, email, password_hash, first_name, last_name, phone, locale, marketing_consent,
                   marketing_consent_at, roles)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::boolean, CASE WHEN $8 THEN now() END, $9)
ON CONFLICT (lower(email)) DO NOTHING
"""
_SIGN_IN = """
UPDATE users SET last_login_at = now(), password_hash = coalesce($3, password_hash)
WHERE id = $1 AND password_hash = $2 AND archived_at IS NULL
"""
_TAKE_BACK_CONSENT = """
UPDATE users SET marketing_consent = false, marketing_consent_at = now(), updated_at = now()
WHERE id = $1 AND marketing_consent
"""
_RELOCK = """
UPDATE users SET password_hash = $2, updated_at = now()
WHERE id = $1 AND password_hash IS NOT DISTINCT FROM coalesce($3, password_hash) AND archived_at IS NULL
"""


async def find(database: Database, user: UserId) -> User | None:
    """An account as its owner may see it."""
    rows = await database.fetch(_FIND, user)
    return as_user(rows[0]) if rows else None


async def roles_of(reader: Reader, user: UserId) -> tuple[Role, ...]:
    """What an account may do; nothing: there is none, or it is closed."""
    roles = (await reader.exec_driver_sql(_ROLES_OF, (user,))).scalar()
    return tuple(Role(role) for role in roles or ())


async def kept_of(database: Database, who: str | UserId) -> Kept | None:
    """What proves its owner, by address or id; None: no such account, or a closed one."""
    rows = await database.fetch(_KEPT if isinstance(who, str) else _KEPT_OF, who)
    return Kept(UserId(plain_uuid(rows[0]["id"])), rows[0]["password_hash"]) if rows else None


async def insert(
    writer: Writer, user: UserId, email: str, password_hash: str | None, *,
    first_name: str | None = None, last_name: str | None = None, phone: str | None = None, locale: str = "en",
    marketing_consent: bool = False, roles: Collection[Role] = (Role.CUSTOMER,),
) -> bool:  # fmt: skip
    """Write a new account; False when somebody has the address already: of two at once, one waits for the other."""
    values = (user, email, password_hash, first_name, last_name, phone, locale, marketing_consent, list(roles))
    return (await writer.exec_driver_sql(_INSERT, values)).rowcount == 1


async def lock_by_email(writer: Writer, email: str) -> User | None:
    """The open account with this address, held to the end of the transaction."""
    row = (await writer.exec_driver_sql(_LOCK_BY_EMAIL, (email,))).mappings().one_or_none()
    return None if row is None else as_user(row)


async def sign_in(writer: Writer, user: UserId, proven: str, rehashed: str | None = None) -> bool:
    """Note a sign-in, its account's row locked; `rehashed` takes the place of `proven`, the hash that was compared.

    False: that is not kept any more, or the account was closed.
    """
    return (await writer.exec_driver_sql(_SIGN_IN, (user, proven, rehashed))).rowcount == 1


async def set_password(writer: Writer, user: UserId, password_hash: str, proven: str | None = None) -> bool:
    """Another password from now on; whoever sets it ends the account's sessions too, after this, in one transaction.

    False: the account is closed, or `proven`, the hash that was compared, is not kept any more.
    """
    return (await writer.exec_driver_sql(_RELOCK, (user, password_hash, proven))).rowcount == 1


async def take_back_consent(writer: Writer, user: UserId) -> None:
    """No more marketing letters to this account. Again: changes nothing."""
    await writer.exec_driver_sql(_TAKE_BACK_CONSENT, (user,))


async def update(writer: Writer, user: UserId, changes: Mapping[str, Any]) -> User:
    """Change fields of a profile. Consent carries the time of its last change, not of its last repetition."""
    values = {**changes, "updated_at": sa.func.now()}
    if "marketing_consent" in changes:
        same = users.c.marketing_consent == changes["marketing_consent"]
        values["marketing_consent_at"] = sa.case((same, users.c.marketing_consent_at), else_=sa.func.now())
    changed = sa.update(users).where(users.c.id == user).values(values).returning(*PROFILE)
    return as_user((await writer.execute(changed)).mappings().one())


def as_user(row: Any) -> User:
    """A row of a user's columns."""
    found = {**row, "id": plain_uuid(row["id"]), "roles": tuple(Role(role) for role in row["roles"])}
    return User(**found)


_LOCK = "SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE"


async def lock(writer: Writer, user: UserId) -> None:
    """Hold an account to the end of the transaction: what counts or compares its things happens one after the other."""
    await writer.exec_driver_sql(_LOCK, (user,))
