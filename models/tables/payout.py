"""Payouts: the amount is fixed and taken out of what is owed first, then sent once, then written down how it ended."""

from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.commission import Account, Key
from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.ids import PayoutId, VendorId, new_id
from models.money import Money
from models.tables import payout_ledger as ledger
from models.tables.base import currency, key, metadata, minor_units, moment, now_column, one_of, plain_uuid, reference
from models.vendor import PAYOUT_MOVES, Payout, PayoutStatus

payouts = sa.Table(
    "payouts", metadata,
    key(),
    reference("vendor_id", "vendors.id"),
    minor_units("amount"),
    currency(),
    sa.Column("day", sa.Date, nullable=False, comment="a vendor is paid out once a day and currency"),
    sa.Column("destination", sa.Text, nullable=False, comment="the vendor's account at the provider"),
    *one_of("status", PayoutStatus),
    sa.Column("reference", sa.Text, unique=True, comment="the provider's id of the transfer"),
    sa.Column("error", sa.Text, comment="why it failed"),
    now_column(),
    moment("settled_at", nullable=True),
    sa.UniqueConstraint("vendor_id", "currency", "day"),
    sa.CheckConstraint("amount > 0", name="amount_positive"),
    sa.CheckConstraint("(status = 'open') = (settled_at IS NULL)", name="settled_when_over"),
    sa.Index("ix_payouts_newest", "vendor_id", sa.text("created_at DESC"), sa.text("id DESC")),
)  # fmt: skip

_QUERY = "SELECT p.*, v.slug FROM payouts p JOIN vendors v ON v.id = p.vendor_id WHERE {}"
_ON_DAY = _QUERY.format("p.vendor_id = $1 AND p.currency = $2 AND p.day = $3")
_BY_ID = _QUERY.format("p.id = $1")
_OF_VENDOR = _QUERY.format("p.vendor_id = $1 AND p.id = $2")
_PAGE = _QUERY.format(
    "p.vendor_id = $1 AND ($3::timestamptz IS NULL OR (p.created_at, p.id) < ($3, $4::uuid)) "
    "ORDER BY p.created_at DESC, p.id DESC LIMIT $2"
)
_LOCK = "SELECT payout_account FROM vendors WHERE id = $1 FOR NO KEY UPDATE"
_OPEN = """
INSERT INTO payouts (id, vendor_id, amount, currency, day, destination, status) VALUES ($1, $2, $3, $4, $5, $6, 'open')
"""
_SETTLE = """
UPDATE payouts SET status = $2, reference = $3, error = $4, settled_at = now()
WHERE id = $1 AND status = ANY ($5::text[])
"""
_DUE = """
SELECT e.vendor_id, e.currency, sum(e.amount)::bigint AS owed
FROM payout_entries e JOIN vendors v ON v.id = e.vendor_id
WHERE e.account = 'vendor' AND v.payout_account IS NOT NULL
GROUP BY 1, 2 HAVING sum(e.amount) > 0 ORDER BY 1, 2
"""
_UNDER_WAY = "SELECT vendor_id, currency, day FROM payouts WHERE status = 'open' ORDER BY id"


async def due(reader: Reader) -> list[tuple[VendorId, Money]]:
    """Who is owed something and can be paid out, and how much it is now."""
    return [
        (VendorId(plain_uuid(row.vendor_id)), Money(row.owed, row.currency))
        for row in await reader.exec_driver_sql(_DUE)
    ]


async def under_way(reader: Reader) -> list[tuple[VendorId, str, date]]:
    """Payouts that nobody knows the end of, by what their workflows are named by."""
    rows = await reader.exec_driver_sql(_UNDER_WAY)
    return [(VendorId(plain_uuid(row.vendor_id)), row.currency, row.day) for row in rows]


async def fix(writer: Writer, vendor: VendorId, kind: str, day: date, least: int) -> Payout | None:
    """Fix what a vendor gets on a day: all that is owed, taken out of the books. Again: the one that there is.

    None: less than `least` minor units are owed, or nobody knows where to.
    """
    account = (await writer.exec_driver_sql(_LOCK, (vendor,))).scalar_one()
    known = (await writer.exec_driver_sql(_ON_DAY, (vendor, kind, day))).mappings().one_or_none()
    if known is not None:
        return _payout(known)
    owed = await ledger.owed(writer, vendor, kind)
    if account is None or owed.amount < max(least, 1):
        return None
    payout = PayoutId(new_id())
    await writer.exec_driver_sql(_OPEN, (payout, vendor, owed.amount, kind, day, account))
    amounts: dict[Key, int] = {(Account.VENDOR, vendor): -owed.amount, (Account.PAID, vendor): owed.amount}
    await ledger.append(writer, f"payout/{payout}", amounts, kind, cause="payout", payout=payout)
    return _payout((await writer.exec_driver_sql(_BY_ID, (payout,))).mappings().one())


async def paid(writer: Writer, payout: Payout, reference: str) -> bool:
    """The provider has sent it. False: it was settled before."""
    return await _settle(writer, payout, PayoutStatus.PAID, reference, None)


async def failed(writer: Writer, payout: Payout, why: str) -> bool:
    """The provider said no: it is owed again. False: it was settled before."""
    if not await _settle(writer, payout, PayoutStatus.FAILED, None, why):
        return False
    vendor, back = payout.vendor_id, payout.amount.amount
    amounts: dict[Key, int] = {(Account.VENDOR, vendor): back, (Account.PAID, vendor): -back}
    await ledger.append(
        writer, f"payout_failed/{payout.id}", amounts, payout.amount.currency, cause="payout_failed", payout=payout.id
    )
    return True


async def _settle(
    writer: Writer, payout: Payout, to: PayoutStatus, reference: str | None, error: str | None
) -> bool:  # fmt: skip
    sources = [status for status, ends in PAYOUT_MOVES.items() if to in ends]
    return (await writer.exec_driver_sql(_SETTLE, (payout.id, to, reference, error, sources))).rowcount == 1


async def page(database: Database, vendor: UUID, limit: int, after: Cursor | None = None) -> list[Payout]:
    """A vendor's payouts, newest first."""
    place: tuple[Any, Any] = (after.at, after.id) if after else (None, None)
    return [_payout(row) for row in await database.fetch(_PAGE, vendor, limit, *place)]


async def find(database: Database, vendor: UUID, payout: UUID) -> Payout | None:
    """One of a vendor's payouts; None: they have no such."""
    rows = await database.fetch(_OF_VENDOR, vendor, payout)
    return _payout(rows[0]) if rows else None


def _payout(row: Any) -> Payout:
    return Payout(
        PayoutId(plain_uuid(row["id"])), VendorId(plain_uuid(row["vendor_id"])), row["slug"],
        Money(row["amount"], row["currency"]), row["day"], row["destination"], PayoutStatus(row["status"]),
        row["created_at"], row["reference"], row["error"], row["settled_at"],
    )  # fmt: skip
