"""Accounts as staff find, open, change and close them. There is always an admin left."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from models.cursor import Cursor
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import UserId
from models.money import LARGEST, Money
from models.order import OrderStatus
from models.roles import Role
from models.tables.base import newest_first, plain_uuid
from models.tables.order import orders
from models.tables.session import sessions
from models.tables.user import PROFILE, as_user, users
from models.user import Account, User

_LIVING = users.c.archived_at.is_(None)
_SESSIONS = (
    sa.select(sa.func.count()).select_from(sessions)
    .where(sessions.c.user_id == users.c.id, sessions.c.revoked_at.is_(None), sessions.c.expires_at > sa.func.now())
    .scalar_subquery().label("sessions")
)  # fmt: skip
_ACCOUNT = [
    *PROFILE, users.c.erasure_asked_at, users.c.erased_at, users.c.password_hash.is_not(None).label("has_password"),
    _SESSIONS,
]  # fmt: skip


async def listed(
    database: Database, limit: int, words: str | None, role: Role | None, archived: bool, after: Cursor | None
) -> list[User]:
    """Newest first: those that are open, or those that are closed; with `words` in their address or name."""
    query = sa.select(*PROFILE).where(~_LIVING if archived else _LIVING)
    if role is not None:
        query = query.where(users.c.roles.contains([role]))
    if words is not None:
        name = sa.func.concat_ws(" ", users.c.first_name, users.c.last_name)
        query = query.where(users.c.email.icontains(words, autoescape=True) | name.icontains(words, autoescape=True))
    async with database.reading() as reader:
        rows = await reader.execute(newest_first(query, users.c.created_at, users.c.id, limit, after))
        return [as_user(row) for row in rows.mappings()]


async def find(database: Database, user: UserId) -> Account | None:
    """One account, also a closed one, with what it has ordered."""
    ordered = (
        sa.select(
            orders.c.currency, sa.func.count().label("orders"),
            sa.func.sum(orders.c.total).filter(orders.c.status != OrderStatus.CANCELLED).label("total"),
        )
        .where(orders.c.customer_id == user).group_by(orders.c.currency).order_by(orders.c.currency)
    )  # fmt: skip
    async with database.reading() as reader:
        row = (await reader.execute(sa.select(*_ACCOUNT).where(users.c.id == user))).mappings().one_or_none()
        if row is None:
            return None
        sums = (await reader.execute(ordered)).all()
    return Account(
        **{**row, "id": UserId(plain_uuid(row["id"])), "roles": tuple(Role(role) for role in row["roles"])},
        orders=sum(each.orders for each in sums),
        ordered=[Money(min(int(each.total), LARGEST), each.currency) for each in sums if each.total is not None],
    )


async def lock_admins(writer: Writer) -> list[UserId]:
    """Every open account of an admin, each held to the end of the transaction.

    Before anything that may take an admin away, and before that account itself is locked: of two admins who would
    close each other at once, the second sees that they would be the last.
    """
    admins = sa.select(users.c.id).where(users.c.roles.contains([Role.ADMIN]), _LIVING).order_by(users.c.id)
    return [UserId(plain_uuid(id)) for id in (await writer.execute(admins.with_for_update(key_share=True))).scalars()]


def must_not_be_last(admins: list[UserId], user: UserId) -> None:
    """Raises: Refusal `last_admin` when there is no other admin than `user`."""
    if admins == [user]:
        raise Refusal("last_admin", "This is the last admin: make somebody else one first.")


async def lock(writer: Writer, user: UserId) -> User | None:
    """One account, held to the end of the transaction. Raises: Refusal `account_erased` when it never opens again."""
    query = sa.select(*PROFILE, users.c.erasure_asked_at).where(users.c.id == user)
    row = (await writer.execute(query.with_for_update(key_share=True))).mappings().one_or_none()
    if row is None:
        return None
    values = dict(row)
    if values.pop("erasure_asked_at") is not None:
        raise Refusal("account_erased", "Its owner has asked to be forgotten: this account never opens again.")
    return as_user(values)


async def change(writer: Writer, user: UserId, changes: Mapping[str, Any]) -> User:
    """Change a locked account. Raises: Refusal `email_taken`."""
    changed = sa.update(users).where(users.c.id == user).values(**changes, updated_at=sa.func.now())
    try:
        row = (await writer.execute(changed.returning(*PROFILE))).mappings().one()
    except IntegrityError as taken:
        raise Refusal("email_taken", "Another account has this address.") from taken
    return as_user(row)


async def close(writer: Writer, user: UserId) -> User:
    """Nobody signs in to a locked account any more. Whoever does this ends its sessions too, in this transaction."""
    return await change(writer, user, {"archived_at": sa.func.now()})
