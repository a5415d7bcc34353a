"""The address book of an account."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from models.address import MOST_SAVED, Address, AddressKind, SavedAddress
from models.cursor import Cursor
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import AddressId, UserId, new_id
from models.tables import user as users
from models.tables.base import key, metadata, moment, now_column, plain_uuid, reference

addresses = sa.Table(
    "addresses", metadata,
    key(),
    reference("user_id", "users.id", index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("full_name", sa.Text, nullable=False),
    sa.Column("line1", sa.Text, nullable=False),
    sa.Column("line2", sa.Text),
    sa.Column("city", sa.Text, nullable=False),
    sa.Column("region", sa.Text),
    sa.Column("postal_code", sa.Text, nullable=False),
    sa.Column("country", sa.String(2), nullable=False, comment="ISO 3166-1 alpha-2"),
    sa.Column("phone", sa.Text),
    sa.Column("is_default", sa.Boolean, nullable=False, server_default=sa.false()),
    now_column(),
    moment("updated_at", server_default=sa.func.now()),
    sa.CheckConstraint("kind IN ('shipping', 'billing')", name="kind_known"),
    sa.Index("uq_addresses_default", "user_id", "kind", unique=True, postgresql_where=sa.text("is_default")),
)  # fmt: skip

_PRINTED = tuple(Address.__struct_fields__)
_THESE = "SELECT * FROM addresses WHERE user_id = $1 AND id = ANY($2)"
_PAGE = """
SELECT * FROM addresses
WHERE user_id = $1 AND ($3::text IS NULL OR kind = $3)
  AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5::uuid))
ORDER BY created_at DESC, id DESC LIMIT $2
"""
_COUNT = "SELECT count(*) FROM addresses WHERE user_id = $1"
_STEP_BACK = "UPDATE addresses SET is_default = false WHERE user_id = $1 AND kind = $2 AND is_default AND id <> $3"
_STEP_FORWARD = "UPDATE addresses SET is_default = true WHERE id = $1"
_PROMOTE = """
UPDATE addresses SET is_default = true WHERE id = (
    SELECT id FROM addresses WHERE user_id = $1 AND kind = $2 ORDER BY created_at DESC, id DESC LIMIT 1
) AND NOT EXISTS (SELECT FROM addresses WHERE user_id = $1 AND kind = $2 AND is_default)
"""


async def find(database: Database, user: UserId, wanted: Collection[UUID]) -> dict[UUID, SavedAddress]:
    """Those of the wanted addresses that are this account's, by id."""
    found = [_saved(row) for row in await database.fetch(_THESE, user, list(wanted))]
    return {address.id: address for address in found}


async def page(
    database: Database, user: UserId, limit: int, kind: AddressKind | None = None, after: Cursor | None = None
) -> list[SavedAddress]:
    """An account's addresses, newest first; only those of `kind`."""
    place = (after.at, after.id) if after else (None, None)
    return [_saved(row) for row in await database.fetch(_PAGE, user, limit, kind, *place)]


async def add(writer: Writer, user: UserId, kind: AddressKind, address: Address, *, default: bool) -> SavedAddress:
    """Put an address into the book; the first of its kind becomes the default. Raises: Refusal `address_book_full`."""
    await users.lock(writer, user)
    if (await writer.exec_driver_sql(_COUNT, (user,))).scalar_one() >= MOST_SAVED:
        raise Refusal("address_book_full", f"An address book holds at most {MOST_SAVED}.", most=MOST_SAVED)
    identity = new_id()
    values = {"id": identity, "user_id": user, "kind": kind, **msgspec.structs.asdict(address)}
    await writer.execute(sa.insert(addresses).values(**values))
    await _settle_default(writer, user, kind, identity if default else None)
    return await _read(writer, user, identity)


async def change(writer: Writer, user: UserId, address: UUID, fields: Mapping[str, Any]) -> SavedAddress | None:
    """Write `fields` of an address; None: the account has no such one.

    Raises: Refusal `default_address_needed` when the default shall be none any more.
    """
    await users.lock(writer, user)
    rows = (await writer.exec_driver_sql(_THESE, (user, [address]))).mappings().all()
    if not rows:
        return None
    before = _saved(rows[0])
    kind = fields.get("kind", before.kind)
    stays = before.is_default and kind == before.kind
    if stays and fields.get("is_default") is False:
        raise Refusal("default_address_needed", "Make another address the default instead.", kind=kind)
    values = {**fields, "is_default": stays, "updated_at": sa.func.now()}
    await writer.execute(sa.update(addresses).where(addresses.c.id == address).values(**values))
    if kind != before.kind:
        await _settle_default(writer, user, before.kind)
    await _settle_default(writer, user, kind, address if fields.get("is_default") else None)
    return await _read(writer, user, address)


async def remove(writer: Writer, user: UserId, address: UUID) -> bool:
    """Take an address out of the book; the newest other one of its kind follows the default. False: no such one."""
    await users.lock(writer, user)
    gone = sa.delete(addresses).where(addresses.c.user_id == user, addresses.c.id == address)
    kind = (await writer.execute(gone.returning(addresses.c.kind))).scalar()
    if kind is not None:
        await _settle_default(writer, user, AddressKind(kind))
    return kind is not None


async def _settle_default(writer: Writer, user: UserId, kind: AddressKind, wanted: UUID | None = None) -> None:
    """See to it that a kind has exactly one default if it has any address: `wanted`, or the newest for want of one."""
    if wanted is None:
        await writer.exec_driver_sql(_PROMOTE, (user, kind))
        return
    # Two statements: the index that allows one default looks at every row by itself.
    await writer.exec_driver_sql(_STEP_BACK, (user, kind, wanted))
    await writer.exec_driver_sql(_STEP_FORWARD, (wanted,))


async def _read(writer: Writer, user: UserId, address: UUID) -> SavedAddress:
    return _saved((await writer.exec_driver_sql(_THESE, (user, [address]))).mappings().one())


def _saved(row: Any) -> SavedAddress:
    address = Address(**{name: row[name] for name in _PRINTED})
    identity = AddressId(plain_uuid(row["id"]))
    return SavedAddress(identity, AddressKind(row["kind"]), address, row["is_default"], row["created_at"])
