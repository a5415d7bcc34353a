"""Payments and the money ledger: double entry, appended only, summing to zero per operation."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from models.database import Reader, Writer
from models.ids import OrderId, OrderNumber, PaymentId, new_id
from models.money import Money
from models.order import OrderStatus
from models.payment import CORRECTIONS, PAYMENT_MOVES, PaymentStatus
from models.tables.base import currency, key, metadata, minor_units, now_column, one_of, reference

payments = sa.Table(
    "payments", metadata,
    key(),
    reference("order_id", "orders.id", unique=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, unique=True, comment="the provider's id of the payment intent"),
    *one_of("status", PaymentStatus),
    minor_units("amount"),
    minor_units("captured", server_default="0", comment="what the provider took"),
    minor_units("refunded", server_default="0", comment="of that, gone back or reserved for it"),
    currency(),
    sa.Column("client_secret", sa.Text, comment="lets the buyer's browser finish this one payment"),
    sa.Column("redirect_url", sa.Text, comment="the provider's page on which the buyer pays"),
    sa.Column("error", sa.Text, comment="why the last attempt was declined: the provider's code"),
    now_column(),
    sa.CheckConstraint("refunded BETWEEN 0 AND captured AND captured <= amount", name="never_over_refunded"),
)  # fmt: skip

entries = sa.Table(
    "money_entries", metadata,
    key(),
    sa.Column("operation", sa.Text, nullable=False, comment="`capture/<payment>`: one business fact, booked once"),
    sa.Column("account", sa.Text, nullable=False),
    minor_units("amount", comment="positive: the account gains"),
    currency(),
    reference("order_id", "orders.id", index=True),
    now_column("at"),
    sa.UniqueConstraint("operation", "account"),
    sa.Index("ix_money_entries_refunds", "at",
             postgresql_where=sa.text("account = 'sales' AND operation LIKE 'refund%'")),
)  # fmt: skip


_OPEN = """
INSERT INTO payments (id, order_id, provider, status, amount, currency) VALUES ($1, $2, $3, $4, $5, $6)
"""
_OWNER = """
SELECT o.id, o.number, o.workflow_id, o.status AS order_status, p.status, p.provider, p.reference
FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.id = $1
"""
_ASK_MORE = "UPDATE payments SET amount = amount + $2::bigint WHERE order_id = $1"
_STATUS = "SELECT status FROM payments WHERE reference = $1"
_BOOK = """
INSERT INTO money_entries (id, operation, account, amount, currency, order_id)
SELECT entry.id, $2, entry.account, entry.amount, $5, $6::uuid
FROM unnest($1::uuid[], $3::text[], $4::bigint[]) AS entry (id, account, amount)
ON CONFLICT (operation, account) DO NOTHING
"""


async def open_payment(writer: Writer, payment: PaymentId, order: OrderId, amount: Money, provider: str) -> None:
    """The row that exists before any money is asked for."""
    await writer.exec_driver_sql(
        _OPEN, (payment, order, provider, PaymentStatus.PENDING, amount.amount, amount.currency)
    )


async def move(writer: Writer, payment: PaymentId, to: PaymentStatus, **values: Any) -> bool:
    """Bring a payment to `to` if its moves allow it. False: it is not where it could go from, nothing changed.

    `values` (reference, client_secret, redirect_url, error, captured) are written along with the move.
    """
    moved = await writer.execute(_moving(to, tuple(values)), {"payment": payment, **values})
    return moved.rowcount == 1


@cache
def _moving(to: PaymentStatus, columns: tuple[str, ...]) -> sa.Update:
    """The statement of a move; made once, because building one costs more than running it."""
    sources = [status for status, ends in PAYMENT_MOVES.items() if to in ends]
    return (
        sa.update(payments)
        .where(payments.c.id == sa.bindparam("payment"), payments.c.status.in_(sources))
        .values(status=to, **{name: sa.bindparam(name) for name in columns})
    )


async def restate(writer: Writer, payment: PaymentId, to: PaymentStatus) -> None:
    """Say how much of a paid payment has gone back, also less than before: a refund can come back from the bank."""
    sources = [status for moves in (PAYMENT_MOVES, CORRECTIONS) for status, ends in moves.items() if to in ends]
    of_it = (payments.c.id == payment, payments.c.status.in_(set(sources) & {*CORRECTIONS, PaymentStatus.PAID}))
    await writer.execute(sa.update(payments).where(*of_it).values(status=to))


_TAKEN = """
CASE WHEN EXISTS (SELECT FROM refunds r WHERE r.order_id = p.order_id AND r.status = 'succeeded')
THEN 'partially_refunded' ELSE 'paid' END
"""
_ALL_TAKEN = f"""
UPDATE payments p SET status = {_TAKEN} WHERE p.id = $1 AND p.status = 'authorized' AND p.captured >= p.amount
"""  # noqa: S608
_END_RESERVED = f"""
UPDATE payments p SET status = CASE WHEN p.captured = 0 AND NOT $2 THEN 'voided' ELSE {_TAKEN} END, client_secret = NULL
WHERE p.order_id = $1 AND p.status = 'authorized' RETURNING p.status
"""  # noqa: S608


async def all_taken(writer: Writer, payment: PaymentId) -> None:
    """It is paid, if all that it asks for is taken; of what was taken before, some can have gone back."""
    await writer.exec_driver_sql(_ALL_TAKEN, (payment,))


async def end_reserved(writer: Writer, order: OrderId, sent: bool = False) -> PaymentStatus | None:
    """Nothing more is taken of what is reserved: voided, or, where some of it was taken, paid. None: nothing was.

    `sent`: a part of the order has left, for which credit has paid where nothing was taken. Whoever ends such a one
    restates it: refunds may have given all of that back.
    """
    status = (await writer.exec_driver_sql(_END_RESERVED, (order, sent))).scalar()
    return None if status is None else PaymentStatus(status)


async def note(writer: Writer, payment: PaymentId, **values: Any) -> None:
    """Write the provider's reference, secret or error without a move."""
    await writer.execute(sa.update(payments).where(payments.c.id == payment).values(**values))


async def ask_more(writer: Writer, order: OrderId, amount: int) -> None:
    """So much more, in minor units, is asked of the provider in all."""
    await writer.exec_driver_sql(_ASK_MORE, (order, amount))


class Owner(NamedTuple):
    """Who waits for news of a payment."""

    order: OrderId
    number: OrderNumber
    workflow_id: str
    order_status: OrderStatus
    status: PaymentStatus
    provider: str
    reference: str | None


async def owner_of(reader: Reader, payment: PaymentId) -> Owner | None:
    """Whose payment this is; None: there is none."""
    row: Any = (await reader.exec_driver_sql(_OWNER, (payment,))).one_or_none()
    if row is None:
        return None
    order, number, workflow, order_status, status, provider, reference = row
    return Owner(
        OrderId(order), OrderNumber(number), workflow, OrderStatus(order_status), PaymentStatus(status), provider,
        reference,
    )  # fmt: skip


async def status_by_reference(reader: Reader, reference: str) -> PaymentStatus | None:
    """Status of the payment behind a provider's reference; None: no such payment here yet."""
    status = (await reader.exec_driver_sql(_STATUS, (reference,))).scalar()
    return None if status is None else PaymentStatus(status)


async def book(writer: Writer, order: OrderId, operation: str, amounts: Mapping[str, Money]) -> None:
    """Append one operation's entries; again: changes nothing. Raises: ValueError when they do not sum to zero."""
    kinds = {amount.currency for amount in amounts.values()}
    if sum(amount.amount for amount in amounts.values()) or len(kinds) != 1:
        raise ValueError(f"{operation} does not balance: {amounts}")
    ids, sums = [new_id() for _ in amounts], [amount.amount for amount in amounts.values()]
    await writer.exec_driver_sql(_BOOK, (ids, operation, list(amounts), sums, kinds.pop(), order))
