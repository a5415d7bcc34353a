"""What providers have, as they told it last; both sides compared; and what came of each time that this was done."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database, Reader, Writer
from models.dispute import workflow_id as dispute_owner
from models.ids import OrderId, first_id, new_id
from models.money import Money
from models.order import UNSETTLED, OrderStatus
from models.payment import TERMS, PaymentStatus
from models.reconciliation import (
    CaseKind,
    Finding,
    OurPayment,
    OurPayout,
    OurRefund,
    SeenObject,
    Thing,
    judge_payment,
    judge_refund,
    judge_transfer,
)
from models.refund import RefundStatus
from models.refund import workflow_id as refund_owner
from models.tables import charge, payout_ledger, refund_end, refund_part
from models.tables.base import currency, key, metadata, minor_units, moment, now_column, one_of, plain_uuid
from models.vendor import PayoutStatus
from models.vendor import workflow_id as payout_owner

objects = sa.Table(
    "provider_objects", metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("reference", sa.Text, primary_key=True, comment="the provider's id of it"),
    *one_of("thing", Thing),
    sa.Column("standing", sa.Text, nullable=False),
    minor_units("amount"),
    minor_units("moved", comment="taken, sent back, or taken from the shop"),
    currency(),
    sa.Column("ours", pg.UUID(as_uuid=True), comment="our payment, refund or payout; null: none is named"),
    sa.Column("payment_reference", sa.Text),
    moment("made_at"),
    moment("seen_at"),
    sa.Index("ix_provider_objects_thing", "thing", "made_at"),
    sa.Index("ix_provider_objects_ours", "ours", postgresql_where=sa.text("ours IS NOT NULL")),
)  # fmt: skip

reconciliations = sa.Table(
    "reconciliations", metadata,
    key(),
    moment("began_at"),
    moment("since", comment="what was made then or later was compared"),
    sa.Column("looked", sa.Integer, nullable=False, comment="objects that providers told of"),
    sa.Column("mended", sa.Integer, nullable=False, comment="that differed, until their owners looked"),
    sa.Column("drift", sa.Integer, nullable=False, comment="that differ"),
    now_column("ended_at"),
    sa.Index("ix_reconciliations_newest", sa.text("ended_at DESC"), sa.text("id DESC")),
)  # fmt: skip

MOST = 200
"""Findings of one comparison: more of them are one mistake, and it is not in the rows."""

_KEEP = """
INSERT INTO provider_objects AS known
       (provider, reference, thing, standing, amount, moved, currency, ours, payment_reference, made_at, seen_at)
SELECT $1, x.reference, x.thing, x.standing, x.amount, x.moved, x.currency,
       coalesce(x.ours, (SELECT p.id FROM payments p WHERE x.thing = 'payment' AND p.reference = x.reference),
                (SELECT r.id FROM refunds r WHERE x.thing = 'refund' AND r.reference = x.reference)),
       x.payment_reference, x.made_at, clock_timestamp()
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::uuid[], $9::text[],
            $10::timestamptz[])
     AS x (reference, thing, standing, amount, moved, currency, ours, payment_reference, made_at)
ON CONFLICT (provider, reference) DO UPDATE
SET standing = excluded.standing, amount = excluded.amount, moved = excluded.moved,
    ours = coalesce(excluded.ours, known.ours), seen_at = excluded.seen_at
"""

_AT_WORK = UNSETTLED | {OrderStatus.CONFIRMED, OrderStatus.PROCESSING}
"""An order that can still take money."""

_OURS = "o.id AS order_id, o.number, o.workflow_id, o.status AS order_status, "
_SEEN = (
    "s.provider, s.reference AS seen, s.standing, s.amount AS seen_amount, s.moved, s.currency AS seen_in, s.made_at, "
    "s.payment_reference"
)
_PAYMENTS = f"""
SELECT {_SEEN}, {_OURS} p.id, p.status, p.reference, p.captured, p.currency
FROM provider_objects s
LEFT JOIN {charge.PAID} p ON p.id = s.ours AND p.provider = s.provider LEFT JOIN orders o ON o.id = p.order_id
WHERE s.thing = 'payment' AND s.made_at >= $1 AND (s.moved > 0 OR s.standing IN ('authorized', 'canceled'))
  AND (p.id IS NULL OR p.reference IS DISTINCT FROM s.reference OR p.captured <> s.moved OR p.currency <> s.currency
       OR p.status IN ('pending', 'failed') OR (s.standing = 'canceled') <> (p.status = 'voided'))
  AND NOT coalesce(p.reference = s.reference AND p.captured = 0 AND s.moved = 0 AND p.status = 'authorized'
                   AND s.standing = 'authorized', false)
  AND NOT coalesce(p.reference = s.reference AND p.captured > 0 AND p.captured = s.moved AND p.currency = s.currency,
                   false)
  AND NOT coalesce(o.status = 'on_hold' AND p.status = 'authorized' AND p.reference = s.reference
                   AND s.standing = 'captured' AND p.amount = s.moved AND p.currency = s.currency, false)
ORDER BY s.reference
"""  # noqa: S608
_PAYMENTS_MISSING = f"""
SELECT p.provider, NULL AS seen, p.created_at AS made_at, {_OURS} p.id, p.status, p.reference, p.captured, p.currency
FROM {charge.PAID} p JOIN orders o ON o.id = p.order_id
WHERE p.created_at >= $1 AND p.provider = ANY ($2::text[]) AND (p.captured > 0 OR p.status = 'authorized')
  AND p.amount > 0 AND NOT EXISTS (
      SELECT FROM provider_objects s WHERE s.provider = p.provider AND s.reference = p.reference AND s.thing = 'payment'
  )
ORDER BY p.id
"""  # noqa: S608
_REFUNDS = f"""
SELECT {_SEEN}, {_OURS} r.id, r.n, r.status, r.sent, r.currency
FROM provider_objects s LEFT JOIN {refund_part.SENT} r ON r.id = s.ours LEFT JOIN orders o ON o.id = r.order_id
WHERE s.thing = 'refund' AND s.made_at >= $1
  AND NOT coalesce(s.amount = r.sent AND s.currency = r.currency
                   AND s.standing = CASE r.status WHEN 'open' THEN 'pending' ELSE r.status END, false)
ORDER BY s.reference
"""  # noqa: S608
_REFUNDS_MISSING = f"""
SELECT r.provider, NULL AS seen, r.created_at AS made_at, r.payment_reference, {_OURS} r.id, r.n, r.status, r.sent,
       r.currency
FROM {refund_part.SENT} r JOIN orders o ON o.id = r.order_id
WHERE r.created_at >= $1 AND r.provider = ANY ($2::text[]) AND r.status = 'succeeded' AND r.sent > 0
  AND NOT EXISTS (
      SELECT FROM provider_objects s WHERE s.provider = r.provider AND s.ours = r.id AND s.thing = 'refund'
  )
ORDER BY r.id
"""  # noqa: S608
_DISPUTES = f"""
SELECT {_SEEN}, o.id AS order_id, o.number, d.status, d.withdrawn + d.fee - d.returned - d.fee_returned AS taken
FROM provider_objects s
LEFT JOIN disputes d ON d.provider = s.provider AND d.reference = s.reference
LEFT JOIN {charge.PAID} p ON p.reference = s.payment_reference AND p.provider = s.provider
LEFT JOIN orders o ON o.id = p.order_id
WHERE s.thing = 'dispute' AND s.made_at >= $1
  AND (d.id IS NULL OR d.status <> s.standing OR d.withdrawn + d.fee - d.returned - d.fee_returned <> s.moved)
ORDER BY s.reference
"""  # noqa: S608


_TRANSFERS = """
SELECT s.provider, s.reference AS seen, s.standing, s.amount AS seen_amount, s.moved, s.currency AS seen_in, s.made_at,
       p.id, p.vendor_id, p.day, p.status, p.amount, p.currency
FROM provider_objects s LEFT JOIN payouts p ON p.id = s.ours
WHERE s.thing = 'transfer' AND s.made_at >= $1
  AND NOT coalesce(p.status = 'paid' AND p.reference = s.reference AND p.amount = s.moved AND p.currency = s.currency,
                   false)
ORDER BY s.reference
"""
_TRANSFERS_MISSING = """
SELECT 'stripe' AS provider, NULL AS seen, p.created_at AS made_at, p.id, p.vendor_id, p.day, p.status, p.amount,
       p.currency
FROM payouts p
WHERE p.created_at >= $1 AND p.status = 'paid' AND 'stripe' = ANY ($2::text[]) AND NOT EXISTS (
    SELECT FROM provider_objects s WHERE s.ours = p.id AND s.reference = p.reference AND s.thing = 'transfer'
)
ORDER BY p.id
"""


async def keep(writer: Writer, provider: str, seen: Sequence[SeenObject]) -> None:
    """Write down what a provider told of."""
    await writer.exec_driver_sql(
        _KEEP,
        (
            provider, [each.reference for each in seen], [each.thing.value for each in seen],
            [str(each.standing) for each in seen], [each.amount.amount for each in seen], [each.moved for each in seen],
            [each.amount.currency for each in seen], [each.ours for each in seen],
            [each.payment_reference for each in seen], [each.made_at for each in seen],
        ),
    )  # fmt: skip


async def compare(reader: Reader, since: datetime, providers: Sequence[str]) -> list[Finding]:
    """Where what was made since then differs, both ways; at most `MOST` of each."""
    found: list[Finding | None] = []
    for query, arguments, judge in (
        (_PAYMENTS, (since,), _payment), (_PAYMENTS_MISSING, (since, list(providers)), _payment),
        (_REFUNDS, (since,), _refund), (_REFUNDS_MISSING, (since, list(providers)), _refund),
        (_DISPUTES, (since,), _dispute),
        (_TRANSFERS, (since,), _transfer), (_TRANSFERS_MISSING, (since, list(providers)), _transfer),
    ):  # fmt: skip
        rows = await reader.exec_driver_sql(f"{query} LIMIT {MOST}", arguments)
        found += [judge(row._mapping) for row in rows]
    for row in await refund_end.drift(reader, since):
        facts = {"sum": row.what, "is": row.seen, "should_be": row.wanted}
        found.append(Finding(CaseKind.LEDGER, f"{row.what}/{row.id}", "", since, facts))
    for each in await payout_ledger.differing(reader, first_id(since), MOST):
        facts = {"sum": "captured, refunded, disputed", "is": each.said, "should_be": each.money}
        found.append(Finding(CaseKind.LEDGER, f"payouts/{each.order}", "", since, facts, each.order))
    return [each for each in found if each is not None]


def _seen(row: Any, thing: Thing) -> SeenObject | None:
    if row["seen"] is None:
        return None
    return SeenObject(
        thing, row["seen"], row["standing"], Money(row["seen_amount"], row["seen_in"]), row["made_at"], row["moved"]
    )


def _theirs(seen: SeenObject | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    return {"standing": seen.standing, "amount": seen.amount, "moved": Money(seen.moved, seen.amount.currency)}


def _payment(row: Any) -> Finding | None:
    seen, ours = _seen(row, Thing.PAYMENT), None
    if row["id"] is not None:
        ours = OurPayment(PaymentStatus(row["status"]), row["reference"], Money(row["captured"], row["currency"]))
    kind = judge_payment(seen, ours)
    if kind is None:
        return None
    told = {"status": ours.status, "reference": ours.reference, "captured": ours.captured} if ours else None
    object = row["seen"] or row["reference"] or str(row["id"])
    return Finding(
        kind, object, row["provider"], row["made_at"],
        {"order": row["number"], "provider": _theirs(seen), "ours": told}, _order(row),
        _waiting(row) if kind is CaseKind.PAYMENT_UNSETTLED else None, object,
    )  # fmt: skip


def _waiting(row: Any) -> str:
    """Who waits for the money: the order, or, when that has ended, whoever sends back what comes late."""
    owner: str = row["workflow_id"]
    return owner if OrderStatus(row["order_status"]) in _AT_WORK else f"late-payment/{owner.removeprefix('order/')}"


def _refund(row: Any) -> Finding | None:
    seen, ours = _seen(row, Thing.REFUND), None
    if row["id"] is not None:
        ours = OurRefund(RefundStatus(row["status"]), Money(row["sent"], row["currency"]))
    kind = judge_refund(seen, ours)
    if kind is None:
        return None
    told = {"n": row["n"], "status": ours.status, "to_provider": ours.to_provider} if ours else None
    looks = kind is CaseKind.REFUND_DIFFERS and ours is not None and ours.status is not RefundStatus.FAILED
    return Finding(
        kind, row["seen"] or str(row["id"]), row["provider"], row["made_at"],
        {"order": row["number"], "provider": _theirs(seen), "ours": told}, _order(row),
        refund_owner(plain_uuid(row["order_id"]), row["n"]) if looks else None,
        row["payment_reference"] if TERMS[row["provider"]].lists else f"{row['id']} {row['currency']}",
    )  # fmt: skip


def _dispute(row: Any) -> Finding:
    seen = _seen(row, Thing.DISPUTE)
    assert seen is not None
    told = None
    if row["status"] is not None:
        told = {"status": row["status"], "taken": Money(row["taken"], seen.amount.currency)}
    return Finding(
        CaseKind.DISPUTE_DIFFERS, seen.reference, row["provider"], row["made_at"],
        {"order": row["number"], "provider": _theirs(seen), "ours": told}, _order(row),
        dispute_owner(row["provider"], seen.reference), seen.reference,
    )  # fmt: skip


def _transfer(row: Any) -> Finding | None:
    seen, ours = _seen(row, Thing.TRANSFER), None
    if row["id"] is not None:
        ours = OurPayout(PayoutStatus(row["status"]), Money(row["amount"], row["currency"]))
    kind = judge_transfer(seen, ours)
    if kind is None:
        return None
    told = {"id": str(row["id"]), "status": ours.status, "amount": ours.amount} if ours else None
    open = ours is not None and ours.status is PayoutStatus.OPEN
    return Finding(
        kind, row["seen"] or str(row["id"]), row["provider"], row["made_at"],
        {"provider": _theirs(seen), "ours": told}, None,
        payout_owner(row["vendor_id"], row["currency"], row["day"]) if open else None, row["seen"],
    )  # fmt: skip


def _order(row: Any) -> OrderId | None:
    return OrderId(plain_uuid(row["order_id"])) if row["order_id"] else None


_OF_OURS = {
    Thing.PAYMENT: """
SELECT p.id, p.reference AS name FROM payments p
WHERE p.provider = $1 AND p.created_at >= $2 AND p.reference IS NOT NULL AND p.id > $3::uuid ORDER BY p.id LIMIT $4
""",
    Thing.REFUND: """
SELECT r.id, r.id::text || ' ' || r.currency AS name FROM refunds r JOIN payments p ON p.order_id = r.order_id
WHERE p.provider = $1 AND r.created_at >= $2 AND NOT (r.store_credit OR r.gift_card) AND r.from_provider > 0
  AND r.id > $3::uuid ORDER BY r.id LIMIT $4
""",
}


async def of_ours(
    reader: Reader, provider: str, thing: Thing, since: datetime, after: UUID, limit: int
) -> tuple[list[str], UUID | None]:
    """What a provider without lists has to be asked for, one by one, and behind which the next ones are."""
    rows = list(await reader.exec_driver_sql(_OF_OURS[thing], (provider, since, after, limit)))
    return [row.name for row in rows], plain_uuid(rows[-1].id) if len(rows) == limit else None


class Reconciled(msgspec.Struct, frozen=True):
    """What came of one comparison of all that was made since some moment."""

    began_at: datetime
    ended_at: datetime
    since: datetime
    """What was made then or later was compared."""
    looked: int
    """Payments, refunds and disputes that providers told of."""
    mended: int
    """That differed, until the order or refund they belong to looked."""
    drift: int
    """That differ. 0 is normal; each of them is a case."""


async def write_down(writer: Writer, began_at: datetime, since: datetime, looked: int, mended: int, drift: int) -> None:
    """Say what came of one."""
    await writer.execute(
        sa.insert(reconciliations).values(
            id=new_id(), began_at=began_at, since=since, looked=looked, mended=mended, drift=drift
        )
    )


_NEWEST = "SELECT * FROM reconciliations ORDER BY ended_at DESC, id DESC LIMIT $1"


async def newest(database: Database, limit: int) -> list[Reconciled]:
    """The last ones, newest first."""
    return [
        Reconciled(row["began_at"], row["ended_at"], row["since"], row["looked"], row["mended"], row["drift"])
        for row in await database.fetch(_NEWEST, limit)
    ]
