"""Parts of a refund, where several payments at the provider give: each reserved, sent and ended by itself.

What one of them cannot send is not given back: the refund is that much smaller, and its money is free again.
"""

from collections.abc import Sequence

import msgspec

from models.charge import RefundPart, Source, draw
from models.database import Reader, Writer
from models.ids import ChargeId, RefundId, new_id
from models.money import Money
from models.refund import ProviderRefund, ProviderRefundStanding, Refund, RefundStatus
from models.tables.base import plain_uuid

PARTS = """(
    SELECT jsonb_agg(jsonb_build_object(
               'id', x.id, 'charge', x.charge_id, 'payment_reference', coalesce(c.reference, p.reference),
               'amount', jsonb_build_object('amount', x.amount, 'currency', r.currency)
           ) ORDER BY c.n NULLS FIRST)
    FROM refund_parts x LEFT JOIN charges c ON c.id = x.charge_id WHERE x.refund_id = r.id
)::text"""
"""The parts of the refund `r` of the payment `p` as one text of JSON, null without one."""

SENT = """(
    SELECT r.id, r.order_id, r.n, r.currency, r.created_at, r.status, p.provider, p.reference AS payment_reference,
           CASE WHEN r.store_credit OR r.gift_card THEN 0 ELSE r.from_provider END AS sent
    FROM refunds r JOIN payments p ON p.order_id = r.order_id
    WHERE NOT EXISTS (SELECT FROM refund_parts x WHERE x.refund_id = r.id)
    UNION ALL
    SELECT x.id, r.order_id, r.n, r.currency, r.created_at, x.status, p.provider, coalesce(c.reference, p.reference),
           CASE WHEN r.store_credit OR r.gift_card THEN 0 ELSE x.amount END
    FROM refund_parts x JOIN refunds r ON r.id = x.refund_id JOIN payments p ON p.order_id = r.order_id
    LEFT JOIN charges c ON c.id = x.charge_id
)"""
"""What we say of every refund at a provider: one a refund, or, where several payments give, one of each."""

decode = msgspec.json.Decoder(tuple[RefundPart, ...]).decode

_OPEN = """
WITH part AS (SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS x (id, charge_id, amount)),
reserved AS (UPDATE charges c SET refunded = c.refunded + part.amount FROM part WHERE c.id = part.charge_id)
INSERT INTO refund_parts (id, refund_id, charge_id, amount, status) SELECT id, $1, charge_id, amount, 'open' FROM part
"""
_END = """
UPDATE refund_parts SET status = $3, reference = coalesce($4, reference), error = $5
WHERE id = $1 AND status = $2 RETURNING charge_id, amount
"""
_FREE = "UPDATE charges SET refunded = refunded - $2::bigint WHERE id = $1"
_STANDS = "SELECT id, status FROM refund_parts WHERE refund_id = $1"


async def reserve(writer: Writer, refund: RefundId, amount: Money, sources: Sequence[Source]) -> None:
    """Share a refund out over the payments that give it, unless the first one gives it all: then it has no parts."""
    drawn = draw(amount, sources)
    if all(source.charge is None for source, _ in drawn):
        return
    await writer.exec_driver_sql(
        _OPEN,
        (
            refund, [new_id() for _ in drawn], [source.charge for source, _ in drawn],
            [part.amount for _, part in drawn],
        ),
    )  # fmt: skip


async def succeed(writer: Writer, refund: Refund, seen: Sequence[ProviderRefund]) -> Money:
    """How each part ended; what did not arrive of them, whose reservation is free. No `seen`: nobody was asked."""
    lost = Money.zero(refund.amount.currency)
    arrived = ProviderRefund(ProviderRefundStanding.SUCCEEDED)
    for part, said in zip(refund.parts, seen or [arrived] * len(refund.parts), strict=True):
        if said.standing is ProviderRefundStanding.FAILED:
            lost += await _end(writer, part, RefundStatus.OPEN, RefundStatus.FAILED, said)
        else:
            await _end(writer, part, RefundStatus.OPEN, RefundStatus.SUCCEEDED, said)
    return lost


async def fail(writer: Writer, refund: Refund, seen: Sequence[ProviderRefund]) -> None:
    """None of them arrives."""
    for part, said in zip(refund.parts, seen, strict=True):
        await _end(writer, part, RefundStatus.OPEN, RefundStatus.FAILED, said)


async def come_back(writer: Writer, refund: Refund, seen: Sequence[ProviderRefund]) -> list[tuple[RefundPart, Money]]:
    """Those that had arrived and came back, with what each was worth; their reservation is free."""
    back = []
    for part, said in zip(refund.parts, seen, strict=True):
        if said.standing is ProviderRefundStanding.FAILED:
            amount = await _end(writer, part, RefundStatus.SUCCEEDED, RefundStatus.FAILED, said)
            if amount.amount:
                back.append((part, amount))
    return back


async def still_there(reader: Reader, refund: Refund) -> bool:
    """Whether a part of it is with the buyer."""
    rows = await reader.exec_driver_sql(_STANDS, (refund.id,))
    return any(row.status == RefundStatus.SUCCEEDED for row in rows)


async def _end(
    writer: Writer, part: RefundPart, start: RefundStatus, to: RefundStatus, said: ProviderRefund
) -> Money:  # fmt: skip
    """What it was worth; nothing: it was not there, nothing changed."""
    failed = to is RefundStatus.FAILED
    why = (said.detail or said.code or "the provider does not say why") if failed else None
    row = (await writer.exec_driver_sql(_END, (part.id, start, to, said.reference, why))).one_or_none()
    if row is None:
        return Money.zero(part.amount.currency)
    if failed and row.charge_id is not None:
        await writer.exec_driver_sql(_FREE, (ChargeId(plain_uuid(row.charge_id)), row.amount))
    return part.amount
