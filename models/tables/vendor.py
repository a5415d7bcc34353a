"""Who makes or sells what is on the shelves."""

from uuid import UUID

import sqlalchemy as sa

from models.database import Reader, Writer
from models.errors import Refusal
from models.records import VendorRecord
from models.tables.base import key, metadata, now_column, plain_uuid
from models.tables.named import Named

vendors = sa.Table(
    "vendors", metadata,
    key(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    now_column(),
    sa.Column("archived_at", sa.DateTime(timezone=True), comment="set: has no page; its products stay where they are"),
    sa.Column("payout_account", sa.Text, unique=True, comment="where it is paid out to: acct_…; null: nowhere yet"),
    sa.Index("ix_vendors_name", "name", "slug"),
)  # fmt: skip

records = Named(vendors, VendorRecord)
"""The vendors as staff keep them."""

_ID = "SELECT id FROM vendors WHERE slug = $1"
_ACCOUNT = "SELECT payout_account FROM vendors WHERE id = $1"
_LOCK_ACCOUNT = f"{_ACCOUNT} FOR NO KEY UPDATE"
_PUT_ACCOUNT = """
UPDATE vendors SET payout_account = $2
WHERE id = $1 AND NOT EXISTS (SELECT FROM vendors WHERE payout_account = $2 AND id <> $1)
"""


async def id_of(reader: Reader, slug: str) -> UUID | None:
    """The vendor of this slug, also an archived one; None: there is none."""
    found = (await reader.exec_driver_sql(_ID, (slug,))).scalar()
    return None if found is None else plain_uuid(found)


async def payout_account(reader: Reader, vendor: UUID) -> str | None:
    """Where a vendor is paid out to; None: nowhere yet."""
    found: str | None = (await reader.exec_driver_sql(_ACCOUNT, (vendor,))).scalar_one()
    return found


async def lock_payout_account(writer: Writer, vendor: UUID) -> str | None:
    """The same; nobody else says so to the end of the transaction, and no payout is fixed."""
    found: str | None = (await writer.exec_driver_sql(_LOCK_ACCOUNT, (vendor,))).scalar_one()
    return found


async def put_payout_account(writer: Writer, vendor: UUID, account: str | None) -> None:
    """From now on a vendor is paid out to there. Raises: Refusal `payout_account_taken`."""
    taken = Refusal("payout_account_taken", "Another vendor is paid out to this account.")
    try:
        done = await writer.exec_driver_sql(_PUT_ACCOUNT, (vendor, account))
    except sa.exc.IntegrityError as at_once:
        raise taken from at_once
    if done.rowcount != 1:
        raise taken
