"""Who acts for a vendor. An account acts for one vendor at most, so that its rows are never mixed up."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.ids import UserId, VendorId
from models.roles import Role
from models.tables.base import metadata, now_column, plain_uuid, reference
from models.vendor import Member

vendor_members = sa.Table(
    "vendor_members", metadata,
    sa.Column("user_id", pg.UUID(as_uuid=True), sa.ForeignKey("users.id"), primary_key=True),
    reference("vendor_id", "vendors.id", index=True),
    now_column(),
)  # fmt: skip

_OF = "SELECT m.vendor_id FROM vendor_members m WHERE m.user_id = $1"
_ALL = """
SELECT u.id AS user, u.email, u.first_name, u.last_name, m.created_at
FROM vendor_members m JOIN users u ON u.id = m.user_id WHERE m.vendor_id = $1 ORDER BY m.created_at, u.id
"""
_ONE = _ALL.replace("ORDER BY", "AND u.id = $2 ORDER BY")
_LOCK_USER = "SELECT archived_at FROM users WHERE id = $1 FOR NO KEY UPDATE"
_ADD = "INSERT INTO vendor_members (user_id, vendor_id) VALUES ($1, $2) ON CONFLICT (user_id) DO NOTHING"
_GIVE_ROLE = """
UPDATE users SET roles = array_append(roles, $2), updated_at = now() WHERE id = $1 AND NOT $2 = ANY (roles)
"""
_REMOVE = "DELETE FROM vendor_members WHERE user_id = $1 AND vendor_id = $2"
_TAKE_ROLE = "UPDATE users SET roles = array_remove(roles, $2), updated_at = now() WHERE id = $1 AND $2 = ANY (roles)"


async def vendor_of(database: Database, user: UserId) -> VendorId:
    """Whose rows somebody sees. Raises: Refusal `vendor_not_found` when they act for no vendor."""
    rows = await database.fetch(_OF, user)
    if not rows:
        raise Refusal("vendor_not_found", "Your account acts for no vendor: ask the shop.")
    return VendorId(plain_uuid(rows[0]["vendor_id"]))


async def of_vendor(reader: Reader, vendor: UUID) -> list[Member]:
    """Everybody who acts for it, the longest first."""
    return [_member(row) for row in await reader.exec_driver_sql(_ALL, (vendor,))]


async def find(reader: Reader, vendor: UUID, user: UserId) -> Member | None:
    """One of them."""
    row = (await reader.exec_driver_sql(_ONE, (vendor, user))).one_or_none()
    return None if row is None else _member(row)


async def add(writer: Writer, vendor: UUID, user: UserId) -> bool:
    """Let an account act for a vendor, and give it the role. False: it does so already.

    Raises: Refusal `user_not_found`, `archived`, `member_elsewhere`.
    """
    row = (await writer.exec_driver_sql(_LOCK_USER, (user,))).one_or_none()
    if row is None:
        raise Refusal("user_not_found", "There is no such account.")
    if row.archived_at is not None:
        raise Refusal("archived", "This account is closed.")
    added = (await writer.exec_driver_sql(_ADD, (user, vendor))).rowcount == 1
    if not added:
        [known] = (await writer.exec_driver_sql(_OF, (user,))).all()
        if plain_uuid(known.vendor_id) != vendor:
            raise Refusal("member_elsewhere", "This account acts for another vendor.")
    await writer.exec_driver_sql(_GIVE_ROLE, (user, Role.VENDOR))
    return added


async def remove(writer: Writer, vendor: UUID, user: UserId) -> bool:
    """An account acts for a vendor no more, and loses the role. False: it did not."""
    await writer.exec_driver_sql(_LOCK_USER, (user,))
    gone = (await writer.exec_driver_sql(_REMOVE, (user, vendor))).rowcount == 1
    if gone:
        await writer.exec_driver_sql(_TAKE_ROLE, (user, Role.VENDOR))
    return gone


def _member(row: Any) -> Member:
    return Member(UserId(plain_uuid(row.user)), row.email, row.first_name, row.last_name, row.created_at)
