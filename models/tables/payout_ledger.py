"""The payout ledger: whose the money of orders is that vendors sold a part of. Double entry, appended only.

Of each order it is reckoned anew what the books should say (`models/commission.py`), and the difference is appended: so
whatever happened, in whatever order it is heard of and however often, the books end the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from models.commission import Account, GoneBack, Key, Line, Part, Sale, books, difference, parts
from models.database import Database, Reader, Writer
from models.ids import OrderId, VendorId, new_id
from models.money import Money
from models.tables.base import currency, key, metadata, minor_units, now_column, one_of, plain_uuid, reference
from models.tables.vendor_part import write_parts
from models.vendor import Balance

payout_entries = sa.Table(
    "payout_entries", metadata,
    key(),
    sa.Column("operation", sa.Text, nullable=False, comment="`order/<order>/<n>`, `payout/<id>`: adds up to 0"),
    *one_of("account", Account),
    reference("vendor_id", "vendors.id", nullable=True, comment="whose; null: the shop's"),
    minor_units("amount", comment="positive: the account gains"),
    currency(),
    reference("order_id", "orders.id", nullable=True, index=True),
    reference("payout_id", "payouts.id", nullable=True, index=True),
    sa.Column("cause", sa.Text, nullable=False, comment="what brought it about"),
    now_column("at"),
    sa.UniqueConstraint("operation", "account", "vendor_id", postgresql_nulls_not_distinct=True),
    sa.CheckConstraint("amount <> 0", name="says_something"),
    sa.CheckConstraint("(account IN ('commission', 'vendor', 'paid')) = (vendor_id IS NOT NULL)", name="is_somebody_s"),
    sa.CheckConstraint("num_nonnulls(order_id, payout_id) = 1", name="of_an_order_or_a_payout"),
    sa.Index("ix_payout_entries_vendor", "vendor_id", "currency", "id",
             postgresql_where=sa.text("account IN ('vendor', 'paid')")),
)  # fmt: skip

_LOCK = "SELECT FROM vendor_parts WHERE order_id = $1 ORDER BY id FOR NO KEY UPDATE"
_SALE = """
SELECT o.currency, o.total,
       coalesce((SELECT -sum(m.amount) FROM money_entries m WHERE m.order_id = o.id AND m.account = 'sales'
                 AND m.operation LIKE 'capture/%'), 0)::bigint AS captured,
       coalesce((SELECT sum(m.amount) FROM money_entries m
                 WHERE m.order_id = o.id AND m.account = 'disputes'), 0)::bigint AS disputed,
       coalesce((
           SELECT jsonb_agg(jsonb_build_object(
               'id', l.id, 'vendor', t.vendor_id, 'tax', l.tax, 'quantity', l.quantity, 'shipped', l.shipped,
               'goods', l.line_total - l.discount - CASE WHEN o.tax_included THEN l.tax ELSE 0 END,
               'terms', jsonb_build_object('ppm', coalesce(t.ppm, 0), 'fixed', coalesce(t.fixed, 0))
           ) ORDER BY l.position)
           FROM order_lines l LEFT JOIN line_terms t ON t.order_line_id = l.id WHERE l.order_id = o.id
       ), '[]')::text AS lines,
       coalesce((
           SELECT jsonb_agg(jsonb_build_object(
               'amount', CASE WHEN r.status = 'succeeded' THEN r.amount ELSE r.from_credit END, 'shipping', r.shipping,
               'lines', coalesce((SELECT jsonb_object_agg(x.order_line_id, x.amount) FROM refund_lines x
                                  WHERE x.refund_id = r.id), '{}')
           ) ORDER BY r.n)
           FROM refunds r WHERE r.order_id = o.id AND (r.status = 'succeeded' OR r.returned_at IS NOT NULL)
       ), '[]')::text AS refunds,
       coalesce((
           SELECT jsonb_agg(jsonb_build_object('account', s.account, 'vendor', s.vendor_id, 'amount', s.amount))
           FROM (SELECT account, vendor_id, sum(e.amount) AS amount FROM payout_entries e WHERE e.order_id = o.id
                 GROUP BY 1, 2) s
       ), '[]')::text AS said,
       (SELECT count(DISTINCT e.operation) FROM payout_entries e WHERE e.order_id = o.id) AS operations
FROM orders o WHERE o.id = $1
"""
"""One statement, so that all of it is of one moment."""
_APPEND = """
INSERT INTO payout_entries (id, operation, account, vendor_id, amount, currency, order_id, payout_id, cause)
SELECT e.id, $2, e.account, e.vendor_id, e.amount, $6, $7::uuid, $8::uuid, $9
FROM unnest($1::uuid[], $3::text[], $4::uuid[], $5::bigint[]) AS e (id, account, vendor_id, amount)
ON CONFLICT (operation, account, vendor_id) DO NOTHING
"""
_BALANCES = """
SELECT currency, coalesce(sum(amount) FILTER (WHERE account = 'vendor'), 0)::bigint AS owed,
       coalesce(sum(amount) FILTER (WHERE account = 'paid'), 0)::bigint AS paid
FROM payout_entries WHERE vendor_id = $1 AND account IN ('vendor', 'paid') GROUP BY 1 ORDER BY 1
"""
_DIFFERING = """
WITH touched AS (
    SELECT DISTINCT m.order_id FROM money_entries m
    WHERE m.id >= $1::uuid AND m.account IN ('sales', 'disputes')
      AND EXISTS (SELECT FROM vendor_parts p WHERE p.order_id = m.order_id)
)
SELECT t.order_id, m.captured, m.refunded, m.disputed, b.captured AS said_captured, b.refunded AS said_refunded,
       b.disputed AS said_disputed
FROM touched t CROSS JOIN LATERAL (
    SELECT coalesce(-sum(amount) FILTER (WHERE account = 'sales' AND operation LIKE 'capture/%'), 0)::bigint
               AS captured,
           coalesce(sum(amount) FILTER (WHERE account = 'sales' AND operation NOT LIKE 'capture/%'), 0)::bigint
               AS refunded,
           coalesce(sum(amount) FILTER (WHERE account = 'disputes'), 0)::bigint AS disputed
    FROM money_entries WHERE order_id = t.order_id
) m CROSS JOIN LATERAL (
    SELECT coalesce(-sum(amount) FILTER (WHERE account = 'captured'), 0)::bigint AS captured,
           coalesce(sum(amount) FILTER (WHERE account = 'refunded'), 0)::bigint AS refunded,
           coalesce(sum(amount) FILTER (WHERE account = 'disputed'), 0)::bigint AS disputed
    FROM payout_entries WHERE order_id = t.order_id
) b
WHERE (m.captured, m.refunded, m.disputed) <> (b.captured, b.refunded, b.disputed)
ORDER BY t.order_id LIMIT $2
"""


class _Said(msgspec.Struct, frozen=True):
    account: Account
    vendor: UUID | None
    amount: int


_lines = msgspec.json.Decoder(tuple[Line, ...]).decode
_refunds = msgspec.json.Decoder(tuple[GoneBack, ...]).decode
_said = msgspec.json.Decoder(tuple[_Said, ...]).decode


async def keep(writer: Writer, order: OrderId, cause: str) -> bool:
    """Have the books of a divided order say what they should, and its parts what they come to. False: they do so.

    Nobody else does the same meanwhile. The order's own rows are only read: it is not held up.
    """
    await writer.exec_driver_sql(_LOCK, (order,))
    row = (await writer.exec_driver_sql(_SALE, (order,))).one()
    sale = Sale(row.currency, _lines(row.lines), row.total, row.captured, _refunds(row.refunds), row.disputed)
    said: dict[Key, int] = {(each.account, each.vendor): each.amount for each in _said(row.said)}
    sold: Mapping[UUID, Part] = parts(sale.lines)
    await write_parts(writer, order, sale.currency, sold)
    more = difference(books(sale), said)
    if more:
        await append(
            writer, f"order/{order}/{row.operations + 1}", more, sale.currency, cause=cause, order=order
        )  # fmt: skip
    return bool(more)


async def append(
    writer: Writer, operation: str, amounts: Mapping[Key, int], currency: str, *, cause: str,
    order: OrderId | None = None, payout: UUID | None = None,
) -> None:  # fmt: skip
    """Append one operation's entries; again: changes nothing. Raises: ValueError when they do not add up to nothing."""
    if sum(amounts.values()):
        raise ValueError(f"{operation} does not balance: {amounts}")
    await writer.exec_driver_sql(
        _APPEND,
        (
            [new_id() for _ in amounts], operation, [account.value for account, _ in amounts],
            [vendor for _, vendor in amounts], list(amounts.values()), currency, order, payout, cause,
        ),
    )  # fmt: skip


async def balances(reader: Reader, vendor: UUID) -> list[Balance]:
    """What the shop owes a vendor, and has paid out, by currency."""
    return [_balance(row) for row in await reader.exec_driver_sql(_BALANCES, (vendor,))]


async def owed(reader: Reader, vendor: VendorId, kind: str) -> Money:
    """What the shop owes a vendor in one currency."""
    found = {each.owed.currency: each.owed for each in await balances(reader, vendor)}
    return found.get(kind, Money.zero(kind))


async def balances_of(database: Database, vendor: VendorId) -> list[Balance]:
    """The same, outside a transaction."""
    return [_balance(row) for row in await database.fetch(_BALANCES, vendor)]


class Differing(msgspec.Struct, frozen=True):
    """An order of which this ledger says another thing than the ledger of money."""

    order: OrderId
    money: tuple[int, int, int]
    """Captured, refunded and disputed, as money was booked."""
    said: tuple[int, int, int]
    """As the books have them."""


async def differing(reader: Reader, first: UUID, most: int) -> Sequence[Differing]:
    """Divided orders whose money moved since the entry `first`, and of which the books do not say so."""
    return [
        Differing(
            OrderId(plain_uuid(row.order_id)), (row.captured, row.refunded, row.disputed),
            (row.said_captured, row.said_refunded, row.said_disputed),
        )
        for row in await reader.exec_driver_sql(_DIFFERING, (first, most))
    ]  # fmt: skip


def _balance(row: Any) -> Balance:
    kind, owed, paid = row
    return Balance(Money(owed, kind), Money(paid, kind))
