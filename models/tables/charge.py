"""Charges: what was reserved and taken at the provider for an order beyond its first payment there.

The order's payment counts them all: its `captured` and `refunded` are those of the first one and of every charge. A
transaction that moves a charge moves its payment's sums too, and holds the payment's row.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from models.charge import Charge, ChargeStatus, Purpose, Source, Taken
from models.database import Database, Reader, Writer
from models.ids import ChargeId, OrderId, PaymentId
from models.money import Money
from models.refund import RefundStatus
from models.tables import order as orders
from models.tables import payment as payments
from models.tables import refund_end
from models.tables.base import key, metadata, minor_units, moment, now_column, one_of, plain_uuid, reference

charges = sa.Table(
    "charges", metadata,
    key(),
    reference("payment_id", "payments.id"),
    sa.Column("n", sa.Integer, nullable=False, comment="of the order's payments at the provider; the first is no row"),
    *one_of("purpose", Purpose),
    sa.Column("reference", sa.Text, nullable=False, unique=True, comment="the provider's id of it"),
    minor_units("amount", comment="reserved; in the payment's currency"),
    minor_units("captured", server_default="0", comment="of that, taken"),
    minor_units("refunded", server_default="0", comment="of that, gone back or reserved for it"),
    *one_of("status", ChargeStatus),
    moment("authorized_at"),
    moment("lapses_at", nullable=True, comment="when it is reserved anew, unless it was taken"),
    now_column(),
    sa.UniqueConstraint("payment_id", "n"),
    sa.CheckConstraint("n >= 2 AND amount > 0", name="further"),
    sa.CheckConstraint("refunded BETWEEN 0 AND captured AND captured <= amount", name="never_over_refunded"),
    sa.CheckConstraint("(status = 'captured') = (captured > 0)", name="captured_is_taken"),
)  # fmt: skip

refund_parts = sa.Table(
    "refund_parts", metadata,
    key(),
    reference("refund_id", "refunds.id", index=True),
    reference("charge_id", "charges.id", nullable=True, index=True, comment="null: of the order's first payment"),
    minor_units("amount"),
    *one_of("status", RefundStatus),
    sa.Column("reference", sa.Text, unique=True, comment="the provider's id of the refund"),
    sa.Column("error", sa.Text, comment="why it failed"),
    now_column(),
    sa.UniqueConstraint("refund_id", "charge_id", postgresql_nulls_not_distinct=True),
    sa.CheckConstraint("amount > 0", name="amount_positive"),
)  # fmt: skip


_LOCK = "SELECT currency FROM payments WHERE id = $1 FOR NO KEY UPDATE"
_RECORD = """
INSERT INTO charges (id, payment_id, n, purpose, reference, amount, status, authorized_at, lapses_at)
VALUES ($1, $2, $3, $4, $5, $6, 'authorized', $7, $8) ON CONFLICT (id) DO NOTHING
"""
_TAKE = """
WITH taken AS (
    UPDATE charges SET status = 'captured', captured = $2::bigint WHERE id = $1 AND status = 'authorized'
    RETURNING payment_id
)
UPDATE payments p SET captured = p.captured + $2 FROM taken WHERE p.id = taken.payment_id
"""
_LET_GO = "UPDATE charges SET status = 'voided' WHERE id = $1 AND status = 'authorized'"
_OF = "SELECT c.*, p.currency FROM charges c JOIN payments p ON p.id = c.payment_id WHERE {} ORDER BY c.n"
_OF_PAYMENT, _OF_ORDER = _OF.format("c.payment_id = $1"), _OF.format("p.order_id = $1")
_SOURCES = """
SELECT NULL::uuid AS charge, p.reference, 1 AS n, p.currency, p.captured - p.refunded - coalesce((
           SELECT sum(c.captured - c.refunded) FROM charges c WHERE c.payment_id = p.id
       ), 0)::bigint AS left
FROM payments p WHERE p.order_id = $1
UNION ALL
SELECT c.id, c.reference, c.n, p.currency, c.captured - c.refunded
FROM charges c JOIN payments p ON p.id = c.payment_id WHERE p.order_id = $1
ORDER BY n
"""

PAID = """(
    SELECT p.id, p.order_id, p.provider, p.reference, p.amount, p.currency, p.created_at,
           p.captured - coalesce(c.captured, 0)::bigint AS captured,
           CASE WHEN c.instead AND p.captured = c.captured THEN 'voided' ELSE p.status END AS status
    FROM payments p LEFT JOIN (
        SELECT payment_id, sum(captured) AS captured, bool_or(purpose <> 'edit') AS instead FROM charges
        GROUP BY payment_id
    ) c ON c.payment_id = p.id
    UNION ALL
    SELECT c.id, p.order_id, p.provider, c.reference, c.amount, p.currency, c.created_at, c.captured,
           CASE c.status WHEN 'captured' THEN 'paid' ELSE c.status END
    FROM charges c JOIN payments p ON p.id = c.payment_id
)"""
"""What we say of every payment at a provider: the first one of each order, and its charges."""


async def lock(writer: Writer, payment: PaymentId) -> None:
    """Nobody else moves the payment, or a charge of it, to the end of the transaction."""
    await writer.exec_driver_sql(_LOCK, (payment,))


async def record(writer: Writer, charge: Charge) -> bool:
    """Write down that one more is reserved. False: it is written down already."""
    made = await writer.exec_driver_sql(
        _RECORD,
        (
            charge.id, charge.payment_id, charge.n, charge.purpose, charge.reference, charge.amount.amount,
            charge.authorized_at, charge.lapses_at,
        ),
    )  # fmt: skip
    return made.rowcount == 1


async def take(writer: Writer, charge: ChargeId, amount: Money) -> bool:
    """So much of it was taken, and the payment has that much more. False: it was not reserved, nothing changed.

    What the payment asks for in all has to allow it. Booking is the caller's.
    """
    return (await writer.exec_driver_sql(_TAKE, (charge, amount.amount))).rowcount == 1


async def let_go(writer: Writer, charge: ChargeId) -> bool:
    """It was let go. False: it was not reserved, nothing changed."""
    return (await writer.exec_driver_sql(_LET_GO, (charge,))).rowcount == 1


_BOOKED = "SELECT EXISTS (SELECT FROM money_entries WHERE operation = $1)"
_ADD = "UPDATE payments SET captured = captured + $2::bigint WHERE id = $1"


async def book(writer: Writer, order: OrderId, taken: Taken) -> bool:
    """Write down what was taken, book it, and tell it; with the last of it the payment is paid. False: that was so.

    Locks the payment.
    """
    operation, payment, amount = f"capture/{taken.payment_id}/{taken.n}", taken.payment_id, taken.amount
    await lock(writer, payment)
    if (await writer.exec_driver_sql(_BOOKED, (operation,))).scalar():
        return False
    if taken.charge is None:
        await writer.exec_driver_sql(_ADD, (payment, amount.amount))
    elif not await take(writer, taken.charge, amount):
        return False
    await payments.book(writer, order, operation, {f"provider:{taken.provider}": amount, "sales": -amount})
    await orders.tell(writer, order, f"captured/{taken.n}", "payment_captured", "provider", amount=amount)
    await payments.all_taken(writer, payment)
    await refund_end.restate(writer, order)  # all that was taken before may have gone back meanwhile
    return True


class Known(Charge, frozen=True, kw_only=True):
    """One of them, as Postgres holds it."""

    status: ChargeStatus
    captured: Money
    refunded: Money


async def of_payment(reader: Reader, payment: PaymentId) -> list[Known]:
    """All charges of a payment, in their order."""
    return [_known(row._mapping) for row in await reader.exec_driver_sql(_OF_PAYMENT, (payment,))]


async def of_order(database: Database, order: OrderId) -> list[Known]:
    """All charges of an order, in their order."""
    return [_known(row) for row in await database.fetch(_OF_ORDER, order)]


async def sources(reader: Reader, order: OrderId) -> list[Source]:
    """What each of the order's payments at the provider can give back, the first one first."""
    return [
        Source(
            ChargeId(plain_uuid(row.charge)) if row.charge else None, row.reference, Money(row.left, row.currency)
        )
        for row in await reader.exec_driver_sql(_SOURCES, (order,))
    ]  # fmt: skip


def _known(row: Any) -> Known:
    kind = row["currency"]
    lapses_at: datetime | None = row["lapses_at"]
    return Known(
        ChargeId(plain_uuid(row["id"])), PaymentId(plain_uuid(row["payment_id"])), row["n"], Purpose(row["purpose"]),
        row["reference"], Money(row["amount"], kind), row["authorized_at"], lapses_at,
        status=ChargeStatus(row["status"]), captured=Money(row["captured"], kind),
        refunded=Money(row["refunded"], kind),
    )  # fmt: skip
