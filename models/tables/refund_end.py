"""How a refund ends: money given and booked once, or its reservation given back; and what a payment is then."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from models.credit import CardCode, CreditKind
from models.database import Reader, Writer
from models.ids import CreditAccountId, OrderId, PaymentId
from models.money import Money, total
from models.payment import PaymentStatus
from models.refund import REFUND_MOVES, ProviderRefund, Refund, RefundStatus, status_after
from models.tables import gift_card as gift_cards
from models.tables import payment as payments
from models.tables import refund_part, store_credit

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
_SHRINK = """
WITH smaller AS (
    UPDATE refunds SET amount = amount - $2::bigint, from_provider = from_provider - $2 WHERE id = $1 RETURNING order_id
)
UPDATE payments p SET refunded = p.refunded - $2 FROM smaller WHERE p.order_id = smaller.order_id
"""
_MAKES_UP = """
SELECT NOT EXISTS (
    SELECT FROM refunds
    WHERE order_id = $1 AND status = 'failed' AND coalesce(returned_at, settled_at) > $2::timestamptz
)
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


async def succeed(
    writer: Writer, refund: Refund, reference: str | None, parts: Sequence[ProviderRefund] = (),
    code: CardCode | None = None,
) -> bool:  # fmt: skip
    """It arrived, or credit is given now: everything is booked. False: that was so already.

    `parts`: how each part of it ended, where it has parts: it becomes as small as what arrived. `code`: of the gift
    card that it goes to, where it goes to one.
    """
    if not await _move(writer, refund, RefundStatus.SUCCEEDED, reference, None):
        return False
    if refund.parts and (lost := await refund_part.succeed(writer, refund, parts)).amount:
        await _shrink(writer, refund, lost)
        refund = msgspec.structs.replace(
            refund, amount=refund.amount - lost, from_provider=refund.from_provider - lost
        )  # fmt: skip
    given = await _given(writer, refund, code)
    await payments.book(writer, refund.order_id, f"refund/{refund.id}", {**given, "sales": refund.amount})
    await restate(writer, refund.order_id)
    return True


async def fail(
    writer: Writer, refund: Refund, reference: str | None, error: str, parts: Sequence[ProviderRefund] = ()
) -> bool:  # fmt: skip
    """It will not arrive: its reservation is given back. False: it is not open any more."""
    if not await _move(writer, refund, RefundStatus.FAILED, reference, error, RefundStatus.OPEN):
        return False
    await refund_part.fail(writer, refund, parts)
    await writer.exec_driver_sql(_GIVE_BACK, (refund.order_id, refund.from_provider.amount))
    await writer.exec_driver_sql(_GIVE_BACK_CREDIT, (refund.order_id, refund.id))
    return True


async def come_back(writer: Writer, refund: Refund, error: str, parts: Sequence[ProviderRefund] = ()) -> bool:
    """What the provider had sent came back: it is ours again, and booked so; credit that was given stays given.

    False: it did not succeed before, or came back already. `parts`: how each stands now, where it has parts.
    """
    if refund.parts:
        return await _parts_come_back(writer, refund, error, parts)
    if not await _move(writer, refund, RefundStatus.FAILED, None, error, RefundStatus.SUCCEEDED):
        return False
    await writer.exec_driver_sql(_GIVE_BACK, (refund.order_id, refund.from_provider.amount))
    await _book_back(writer, refund, f"refund_failed/{refund.id}", refund.from_provider)
    await restate(writer, refund.order_id)
    return True


async def _parts_come_back(writer: Writer, refund: Refund, error: str, parts: Sequence[ProviderRefund]) -> bool:
    """It is as small as what is still with the buyer; failed, when nothing is."""
    await writer.exec_driver_sql(_LOCK, (refund.order_id,))
    back = await refund_part.come_back(writer, refund, parts)
    if not back:
        return False
    lost = total([amount for _, amount in back], refund.amount.currency)
    if await refund_part.still_there(writer, refund):
        await _shrink(writer, refund, lost)
    else:
        await _move(writer, refund, RefundStatus.FAILED, None, error, RefundStatus.SUCCEEDED)
        await writer.exec_driver_sql(_GIVE_BACK, (refund.order_id, lost.amount))
    for part, amount in back:
        await _book_back(writer, refund, f"refund_failed/{part.id}", amount)
    await restate(writer, refund.order_id)
    return True


async def _book_back(writer: Writer, refund: Refund, operation: str, amount: Money) -> None:
    entries = {f"provider:{refund.provider}": amount, "sales": -amount}
    await payments.book(writer, refund.order_id, operation, entries)


async def _shrink(writer: Writer, refund: Refund, lost: Money) -> None:
    """So much of it is not with the buyer, and can go back another way."""
    await writer.exec_driver_sql(_SHRINK, (refund.id, lost.amount))


async def makes_up(writer: Writer, refund: Refund) -> bool:
    """Whether it was begun after every refund of its order that failed: it is the other way to give that money back."""
    return bool((await writer.exec_driver_sql(_MAKES_UP, (refund.order_id, refund.created_at))).scalar_one())


async def _move(
    writer: Writer, refund: Refund, to: RefundStatus, reference: str | None, error: str | None,
    start: RefundStatus | None = None,
) -> bool:  # fmt: skip
    await writer.exec_driver_sql(_LOCK, (refund.order_id,))
    sources = [start] if start else [status for status, ends in REFUND_MOVES.items() if to in ends]
    moved = await writer.exec_driver_sql(_MOVE, (refund.id, to, reference, error, sources))
    return moved.rowcount == 1


async def _given(writer: Writer, refund: Refund, code: CardCode | None) -> Mapping[str, Money]:
    """Give credit back; what leaves each account of the ledger of money."""
    kind = refund.amount.currency
    if refund.card is not None:  # of an exchange: the card got it when the money was reserved
        return {CreditKind.GIFT_CARD: -refund.amount}
    if refund.store_credit:
        customer = (await writer.exec_driver_sql(_CUSTOMER, (refund.order_id,))).scalar_one()
        await store_credit.open_account(writer, customer, kind)
        await writer.exec_driver_sql(_GRANT, (refund.id, refund.order_id, refund.amount.amount))
        return {"store_credit": -refund.amount}
    if refund.gift_card:
        assert code is not None
        await gift_cards.issue(
            writer,
            CreditAccountId(refund.id),
            code.key,
            code.last4,
            refund.amount,
            None,
            "order",
            f"refund/{refund.id}",
        )
        return {CreditKind.GIFT_CARD: -refund.amount}
    rows = await writer.exec_driver_sql(_GIVE, (refund.id, refund.order_id))
    given = {row.kind: Money(-row.amount, kind) for row in rows}
    if refund.from_provider.amount:
        given[f"provider:{refund.provider}"] = -refund.from_provider
    return given


async def restate(writer: Writer, order: OrderId) -> PaymentStatus:
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
SELECT 'reserved of a charge', c.id, c.refunded, coalesce(sum(x.amount), 0)::bigint
FROM charges c LEFT JOIN refund_parts x ON x.charge_id = c.id AND x.status <> 'failed'
WHERE c.created_at >= $1 GROUP BY c.id HAVING c.refunded <> coalesce(sum(x.amount), 0)
UNION ALL
SELECT 'taken by charges', p.id, p.captured, sum(c.captured)::bigint
FROM payments p JOIN charges c ON c.payment_id = p.id
WHERE p.created_at >= $1 GROUP BY p.id HAVING sum(c.captured) > p.captured OR sum(c.refunded) > p.refunded
UNION ALL
SELECT 'parts', r.id, r.from_provider, sum(x.amount)::bigint
FROM refunds r JOIN refund_parts x ON x.refund_id = r.id AND x.status <> 'failed'
WHERE r.created_at >= $1 AND r.status <> 'failed' GROUP BY r.id HAVING r.from_provider <> sum(x.amount)
UNION ALL
SELECT 'at the provider', p.id, coalesce((
           SELECT sum(m.amount) FROM money_entries m
           WHERE m.order_id = p.order_id AND m.account = 'provider:' || p.provider
       ), 0)::bigint, p.captured - coalesce(sum(r.from_provider), 0)::bigint - {_DISPUTED}
FROM payments p
LEFT JOIN refunds r ON r.order_id = p.order_id AND r.status = 'succeeded' AND NOT (r.store_credit OR r.gift_card)
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
