"""How a refund ends: money given and booked once, or its reservation given back; and what a payment is then."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from models.database import Reader, Writer
from models.ids import OrderId, PaymentId
from models.money import Money
from models.payment import PaymentStatus
from models.refund import REFUND_MOVES, Refund, RefundStatus, status_after
from models.tables import payment as payments
from models.tables import store_credit

_LOCK = "SELECT FROM payments WHERE order_id = $1 FOR NO KEY UPDATE"
_MOVE = """
UPDATE refunds SET status = $2, reference = coalesce($3, reference), error = $4,
       settled_at = coalesce(settled_at, now()),
       returned_at = CASE WHEN status = 'succeeded' THEN now() END
WHERE id = $1 AND status = ANY ($5::text[])
"""
_GIVE = """
WITH locked AS (
    SELECT a.id, a.kind, c.amount FROM credit_accounts a JOIN refund_credits c ON c.account_id = a.id
    WHERE c.refund_id = $1::uuid ORDER BY a.id FOR NO KEY UPDATE OF a
), given AS (
    UPDATE credit_accounts a SET balance = a.balance + locked.amount FROM locked WHERE a.id = locked.id
), booked AS (
    INSERT INTO credit_entries (id, account_id, operation, amount, order_id, actor, reason)
    SELECT uuidv7(), id, 'refund/' || ($1::uuid)::text, amount, $2::uuid, 'order', 'refund' FROM locked
)
SELECT kind, sum(amount)::bigint AS amount FROM locked GROUP BY kind
"""
_GRANT = """
WITH given AS (
    UPDATE credit_accounts a SET balance = a.balance + $3::bigint FROM orders o
    WHERE o.id = $2::uuid AND a.kind = 'store_credit' AND a.user_id = o.customer_id AND a.currency = o.currency
    RETURNING a.id
)
INSERT INTO credit_entries (id, account_id, operation, amount, order_id, actor, reason)
SELECT uuidv7(), id, 'refund/' || ($1::uuid)::text, $3, $2, 'order', 'refund' FROM given
"""
_CUSTOMER = "SELECT customer_id FROM orders WHERE id = $1"
_GIVE_BACK = "UPDATE payments SET refunded = refunded - $2::bigint WHERE order_id = $1"
_GIVE_BACK_CREDIT = """
UPDATE credit_holds h SET refunded = h.refunded - c.amount FROM refund_credits c
WHERE c.refund_id = $2 AND h.order_id = $1 AND h.account_id = c.account_id
"""
_SUMS = """
SELECT p.id, p.captured + (
           SELECT coalesce(sum(h.amount), 0) FROM credit_holds h
           WHERE h.order_id = p.order_id AND h.status = 'committed'
       )::bigint AS paid,
       (SELECT coalesce(sum(CASE WHEN r.status = 'succeeded' THEN r.amount WHEN r.returned_at IS NOT NULL
                                 THEN r.from_credit ELSE 0 END), 0)
        FROM refunds r WHERE r.order_id = p.order_id)::bigint AS refunded
FROM payments p WHERE p.order_id = $1
"""


async def succeed(writer: Writer, refund: Refund, reference: str | None) -> bool:
    """It arrived, or credit is given now: everything is booked. False: that was so already."""
    if not await _move(writer, refund, RefundStatus.SUCCEEDED, reference, None):
        return False
    given = await _given(writer, refund)
    await payments.book(writer, refund.order_id, f"refund/{refund.id}", {**given, "sales": refund.amount})
    await _restate(writer, refund.order_id)
    return True


async def fail(writer: Writer, refund: Refund, reference: str | None, error: str) -> bool:
    """It will not arrive: its reservation is given back. False: it is not open any more."""
    if not await _move(writer, refund, RefundStatus.FAILED, reference, error, RefundStatus.OPEN):
        return False
    await writer.exec_driver_sql(_GIVE_BACK, (refund.order_id, refund.from_provider.amount))
    await writer.exec_driver_sql(_GIVE_BACK_CREDIT, (refund.order_id, refund.id))
    return True


async def come_back(writer: Writer, refund: Refund, error: str) -> bool:
    """What the provider had sent came back: it is ours again, and booked so; credit that was given stays given.

    False: it did not succeed before, or came back already.
    """
    if not await _move(writer, refund, RefundStatus.FAILED, None, error, RefundStatus.SUCCEEDED):
        return False
    sent = refund.from_provider
    await writer.exec_driver_sql(_GIVE_BACK, (refund.order_id, sent.amount))
    again = {f"provider:{refund.provider}": sent, "sales": -sent}
    await payments.book(writer, refund.order_id, f"refund_failed/{refund.id}", again)
    await _restate(writer, refund.order_id)
    return True


async def _move(
    writer: Writer, refund: Refund, to: RefundStatus, reference: str | None, error: str | None,
    start: RefundStatus | None = None,
) -> bool:  # fmt: skip
    await writer.exec_driver_sql(_LOCK, (refund.order_id,))
    sources = [start] if start else [status for status, ends in REFUND_MOVES.items() if to in ends]
    moved = await writer.exec_driver_sql(_MOVE, (refund.id, to, reference, error, sources))
    return moved.rowcount == 1


async def _given(writer: Writer, refund: Refund) -> Mapping[str, Money]:
    """Give credit back; what leaves each account of the ledger of money."""
    kind = refund.amount.currency
    if refund.store_credit:
        customer = (await writer.exec_driver_sql(_CUSTOMER, (refund.order_id,))).scalar_one()
        await store_credit.open_account(writer, customer, kind)
        await writer.exec_driver_sql(_GRANT, (refund.id, refund.order_id, refund.amount.amount))
        return {"store_credit": -refund.amount}
    rows = await writer.exec_driver_sql(_GIVE, (refund.id, refund.order_id))
    given = {row.kind: Money(-row.amount, kind) for row in rows}
    if refund.from_provider.amount:
        given[f"provider:{refund.provider}"] = -refund.from_provider
    return given


async def _restate(writer: Writer, order: OrderId) -> PaymentStatus:
    """Let the payment say how much of it has gone back."""
    row = (await writer.exec_driver_sql(_SUMS, (order,))).one()
    to = status_after(row.paid, row.refunded)
    await payments.restate(writer, PaymentId(row.id), to)
    return to


EVER = datetime(2000, 1, 1, tzinfo=UTC)
_DISPUTED = """(
    SELECT coalesce(sum(d.withdrawn + d.fee - d.returned - d.fee_returned), 0)::bigint
    FROM disputes d WHERE d.payment_id = p.id
)"""
_DRIFT = f"""
SELECT 'reserved' AS what, p.id, p.refunded AS seen, coalesce(sum(r.from_provider), 0)::bigint AS wanted
FROM payments p LEFT JOIN refunds r ON r.order_id = p.order_id AND r.status <> 'failed'
WHERE p.created_at >= $1::timestamptz GROUP BY p.id HAVING p.refunded <> coalesce(sum(r.from_provider), 0)
UNION ALL
SELECT 'reserved credit', h.order_id, h.refunded, coalesce(sum(c.amount), 0)::bigint
FROM credit_holds h LEFT JOIN (
    SELECT r.order_id, c.account_id, c.amount FROM refund_credits c JOIN refunds r ON r.id = c.refund_id
    WHERE r.status <> 'failed' OR r.returned_at IS NOT NULL
) c USING (order_id, account_id)
GROUP BY h.order_id, h.account_id HAVING h.refunded <> coalesce(sum(c.amount), 0)
UNION ALL
SELECT 'at the provider', p.id, coalesce((
           SELECT sum(m.amount) FROM money_entries m
           WHERE m.order_id = p.order_id AND m.account = 'provider:' || p.provider
       ), 0)::bigint, p.captured - coalesce(sum(r.from_provider), 0)::bigint - {_DISPUTED}
FROM payments p LEFT JOIN refunds r ON r.order_id = p.order_id AND r.status = 'succeeded' AND NOT r.store_credit
WHERE p.created_at >= $1 GROUP BY p.id HAVING coalesce((
    SELECT sum(m.amount) FROM money_entries m WHERE m.order_id = p.order_id AND m.account = 'provider:' || p.provider
), 0) <> p.captured - coalesce(sum(r.from_provider), 0) - {_DISPUTED}
UNION ALL
SELECT 'operation', (array_agg(m.order_id))[1], sum(m.amount)::bigint, 0
FROM money_entries m WHERE m.at >= $1 GROUP BY m.operation, m.currency HAVING sum(m.amount) <> 0
"""  # noqa: S608


async def drift(reader: Reader, since: datetime = EVER) -> list[Any]:
    """Where refunds, payments and the ledger of money differ: (what, whose, seen, wanted). Normally none.

    `since`: of payments that were made then or later.
    """
    return list(await reader.exec_driver_sql(_DRIFT, (since,)))
