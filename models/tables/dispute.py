"""Disputes of payments: what the provider says of each, and what it took and gave back, booked once."""

from typing import Any

import msgspec
import sqlalchemy as sa

from models.database import Database, Writer
from models.dispute import DisputeOutline, DisputeStatus, ProviderDispute
from models.ids import OrderId, OrderNumber, PaymentId, new_id
from models.money import Money
from models.order import OrderStatus
from models.tables import order as orders
from models.tables import payment as payments
from models.tables.base import currency, key, metadata, minor_units, moment, now_column, one_of, plain_uuid, reference

disputes = sa.Table(
    "disputes", metadata,
    key(),
    reference("order_id", "orders.id", index=True),
    reference("payment_id", "payments.id", index=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False, comment="the provider's id of it"),
    *one_of("status", DisputeStatus),
    sa.Column("reason", sa.Text, nullable=False, comment="the provider's word"),
    minor_units("amount", comment="what the buyer wants back"),
    minor_units("withdrawn", comment="what the provider took for it"),
    minor_units("fee", comment="what it took beside"),
    minor_units("returned", comment="what it gave back"),
    minor_units("fee_returned"),
    currency(),
    moment("answer_by", nullable=True),
    now_column("opened_at"),
    moment("closed_at", nullable=True),
    sa.UniqueConstraint("provider", "reference"),
    sa.CheckConstraint(
        "withdrawn >= 0 AND fee >= 0 AND returned BETWEEN 0 AND withdrawn AND fee_returned BETWEEN 0 AND fee",
        name="gives_back_what_it_took",
    ),
)  # fmt: skip

LOST, FEES = "disputes", "dispute_fees"
"""Accounts of the ledger: what disputes took of sales, and what the provider charged for them."""

_PAID = """
SELECT p.id, p.order_id, o.number, o.status FROM payments p JOIN orders o ON o.id = p.order_id
WHERE p.provider = $1
  AND (p.reference = $2 OR p.id = (SELECT c.payment_id FROM charges c WHERE c.reference = $2))
"""
_KNOWN = (
    "SELECT id, status, withdrawn, fee, returned, fee_returned FROM disputes WHERE provider = $1 AND reference = $2"
)
_PUT = """
INSERT INTO disputes (id, order_id, payment_id, provider, reference, status, reason, amount, currency, withdrawn, fee,
                      returned, fee_returned, answer_by, closed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, CASE WHEN $6 <> 'open' THEN now() END)
ON CONFLICT (provider, reference) DO UPDATE
SET status = excluded.status, reason = excluded.reason, withdrawn = excluded.withdrawn, fee = excluded.fee,
    returned = excluded.returned, fee_returned = excluded.fee_returned, answer_by = excluded.answer_by,
    closed_at = CASE WHEN excluded.status = disputes.status THEN disputes.closed_at ELSE excluded.closed_at END
"""


class Kept(msgspec.Struct, frozen=True):
    """Whose dispute it is, and what is new about it."""

    order: OrderId
    number: OrderNumber
    order_status: OrderStatus
    moved: bool
    """It is new, or was decided since."""


async def record(writer: Writer, provider: str, seen: ProviderDispute) -> Kept | None:
    """Write down how a dispute stands, and book what it took or gave back since. None: no payment of ours is meant."""
    paid = (await writer.exec_driver_sql(_PAID, (provider, seen.payment_reference))).one_or_none()
    if paid is None:
        return None
    order, payment = OrderId(plain_uuid(paid.order_id)), PaymentId(plain_uuid(paid.id))
    await orders.lock(writer, order)
    was = (await writer.exec_driver_sql(_KNOWN, (provider, seen.reference))).one_or_none()
    await writer.exec_driver_sql(
        _PUT,
        (
            new_id(), order, payment, provider, seen.reference, seen.status, seen.reason, seen.amount.amount,
            seen.amount.currency, seen.withdrawn.amount, seen.fee.amount, seen.returned.amount,
            seen.fee_returned.amount, seen.answer_by,
        ),
    )  # fmt: skip
    await _book(writer, order, provider, seen, was)
    return Kept(order, OrderNumber(paid.number), OrderStatus(paid.status), was is None or was.status != seen.status)


async def _book(writer: Writer, order: OrderId, provider: str, seen: ProviderDispute, was: Any) -> None:
    """What was taken or given back since the rows were written last: an operation for each state of those sums."""
    before = (was.withdrawn, was.fee, was.returned, was.fee_returned) if was is not None else (0, 0, 0, 0)
    taken = seen.withdrawn.amount - before[0], seen.fee.amount - before[1]
    back = seen.returned.amount - before[2], seen.fee_returned.amount - before[3]
    account = f"provider:{provider}"
    for name, total, (money, fee) in (
        ("dispute", seen.withdrawn.amount + seen.fee.amount, taken),
        ("dispute_returned", -seen.returned.amount - seen.fee_returned.amount, (-back[0], -back[1])),
    ):
        if money or fee:
            kind = seen.amount.currency
            amounts = {account: -money - fee, LOST: money, FEES: fee}
            await payments.book(
                writer, order, f"{name}/{seen.reference}/{abs(total)}",
                {name: Money(amount, kind) for name, amount in amounts.items() if amount},
            )  # fmt: skip


_ALL = "SELECT * FROM disputes WHERE order_id = $1 ORDER BY id"


async def of_order(database: Database, order: OrderId) -> list[DisputeOutline]:
    """All disputes of an order, oldest first."""
    return [
        DisputeOutline(
            row["reference"], DisputeStatus(row["status"]), row["reason"], Money(row["amount"], row["currency"]),
            Money(row["withdrawn"], row["currency"]), Money(row["fee"], row["currency"]),
            Money(row["returned"] + row["fee_returned"], row["currency"]), row["answer_by"], row["opened_at"],
            row["closed_at"],
        )
        for row in await database.fetch(_ALL, order)
    ]  # fmt: skip
