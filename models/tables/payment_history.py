"""Payments of one account and the refunds of an order, as people read them."""

from typing import Any

import msgspec

from models.cursor import Cursor
from models.database import Database
from models.ids import OrderId, OrderNumber, PaymentId, UserId
from models.money import Money
from models.payment import PaymentStatus
from models.refund import PaymentRecord, RefundOutline
from models.tables.base import plain_uuid


def _money(amount: str) -> str:
    return f"jsonb_build_object('amount', {amount}, 'currency', r.currency)"


REFUNDS = f"""(
    SELECT jsonb_agg(
        jsonb_build_object(
            'n', r.n, 'status', r.status, 'amount', {_money("r.amount")}, 'store_credit', r.store_credit,
            'gift_card', r.gift_card,
            'to_provider', {_money("CASE WHEN r.store_credit OR r.gift_card THEN 0 ELSE r.from_provider END")},
            'to_credit', {_money("CASE WHEN r.store_credit OR r.gift_card THEN r.amount ELSE r.from_credit END")},
            'shipping', {_money("r.shipping")}, 'reason', r.reason, 'error', r.error, 'reference', r.reference,
            'created_at', r.created_at, 'settled_at', r.settled_at, 'items', coalesce((
                SELECT jsonb_agg(jsonb_build_object('sku', l.sku, 'quantity', x.quantity) ORDER BY l.position)
                FROM refund_lines x JOIN order_lines l ON l.id = x.order_line_id WHERE x.refund_id = r.id
            ), '[]')
        ) ORDER BY r.n
    ) FROM refunds r WHERE r.order_id = o.id
)"""  # noqa: S608
"""All refunds of the order `o` as one JSON value, null without one: read in the statement that reads the order."""

outlines = msgspec.json.Decoder(tuple[RefundOutline, ...]).decode

_PAYMENTS = f"""
SELECT p.id, o.id AS order_id, o.number, p.provider, p.status, p.amount, p.captured, p.refunded, o.credit, p.currency,
       o.placed_at, {REFUNDS} AS refunds
FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.customer_id = $1
"""  # noqa: S608
_PAGE = f"""{_PAYMENTS}
AND ($3::timestamptz IS NULL OR (o.placed_at, o.id) < ($3, $4::uuid)) ORDER BY o.placed_at DESC, o.id DESC LIMIT $2
"""
_ONE = f"{_PAYMENTS} AND p.id = $2"


async def page(database: Database, customer: UserId, limit: int, after: Cursor | None = None) -> list[PaymentRecord]:
    """Payments of an account's orders, the newest order first."""
    place: tuple[Any, Any] = (after.at, after.id) if after else (None, None)
    return [_record(row) for row in await database.fetch(_PAGE, customer, limit, *place)]


async def find(database: Database, customer: UserId, payment: PaymentId) -> PaymentRecord | None:
    """One payment of an account's; None: it has no such."""
    rows = await database.fetch(_ONE, customer, payment)
    return _record(rows[0]) if rows else None


def _record(row: Any) -> PaymentRecord:
    kind = row["currency"]
    return PaymentRecord(
        PaymentId(plain_uuid(row["id"])), OrderId(plain_uuid(row["order_id"])), OrderNumber(row["number"]),
        row["provider"], PaymentStatus(row["status"]), Money(row["amount"], kind), Money(row["captured"], kind),
        Money(row["refunded"], kind), Money(row["credit"], kind), row["placed_at"], outlines(row["refunds"] or "[]"),
    )  # fmt: skip
