"""The address book of an account."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.address import Address, AddressKind, SavedAddress
from models.database import Database
from models.ids import AddressId, UserId
from models.tables.base import key, metadata, moment, now_column, reference

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


async def find(database: Database, user: UserId, wanted: Collection[UUID]) -> dict[UUID, SavedAddress]:
    """Those of the wanted addresses that are this account's, by id."""
    found = [_saved(row) for row in await database.fetch(_THESE, user, list(wanted))]
    return {address.id: address for address in found}


def _saved(row: Any) -> SavedAddress:
    address = Address(**{name: row[name] for name in _PRINTED})
    return SavedAddress(
        AddressId(UUID(int=row["id"].int)), AddressKind(row["kind"]), address, row["is_default"], row["created_at"]
    )
