"""What is known of who buys, for the rules of `models/screening.py`; and the orders that were held for a person."""

from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from models.database import Database, Writer
from models.ids import OrderId, OrderNumber, UserId
from models.money import Money
from models.order import SOLD
from models.screening import ENOUGH_SOLD, Facts, Screening, ScreeningDecision, ScreeningOutline, Sign, Subject
from models.tables.base import Json, as_json, metadata, moment, now_column, one_of, reference

screenings = sa.Table(
    "screenings", metadata,
    reference("order_id", "orders.id", primary_key=True),
    sa.Column("score", sa.Integer, nullable=False),
    sa.Column("points_allowed", sa.Integer, nullable=False, comment="from so many on a person looks"),
    sa.Column("signs", Json, nullable=False, comment='[{"rule": "disposable_mail", "weight": 40, "why": "…"}]'),
    now_column("held_at"),
    moment("until", comment="when it ends, if nobody decides"),
    *one_of("decision", ScreeningDecision, nullable=True),
    moment("decided_at", nullable=True),
    sa.Column("actor", sa.Text, comment="who decided"),
    sa.Column("reason", sa.Text, comment="in the words of staff"),
    sa.CheckConstraint("(decision IS NULL) = (decided_at IS NULL)", name="decided_once"),
    sa.Index("ix_screenings_open", "until", postgresql_where=sa.text("decision IS NULL")),
    comment="orders that were held for a person; how all others were judged stands in `checkouts`",
)  # fmt: skip

DAY, RECENT = timedelta(days=1), 200
"""How far back hurry is counted, and of how many orders the usual one is the middle."""

_SOLD = ", ".join(f"'{status.value}'" for status in SOLD)
_FACTS = f"""
WITH today AS MATERIALIZED (
    SELECT id, email, shipping_address AS place FROM orders WHERE placed_at > $4::timestamptz - $5::interval
    AND id <> $1::uuid
)
SELECT (SELECT count(*) FROM today WHERE lower(email) = lower($2))::int AS mail_orders,
       (SELECT count(*) FROM today WHERE place ->> 'country' = $6 AND lower(place ->> 'postal_code') = lower($7)
        AND lower(place ->> 'line1') = lower($8))::int AS address_orders,
       (SELECT count(*) FROM today JOIN order_events e ON e.order_id = today.id AND e.type = 'payment_declined'
        WHERE lower(today.email) = lower($2))::int AS declined,
       (SELECT CASE WHEN count(*) >= $9 THEN percentile_disc(0.5) WITHIN GROUP (ORDER BY total) END FROM (
            SELECT total FROM orders WHERE currency = $10 AND status IN ({_SOLD}) ORDER BY placed_at DESC LIMIT $11
        ) AS recent) AS usual,
       (SELECT created_at FROM users WHERE id = $3::uuid) AS account_since,
       EXISTS (SELECT FROM orders WHERE lower(email) = lower($2) AND id <> $1::uuid AND status IN ({_SOLD}))
           AS has_bought
"""  # noqa: S608 - words of ours


async def facts_of(writer: Writer, order: OrderId, buyer: UserId | None, subject: Subject) -> Facts:
    """What the rows know of who buys; one statement, of which only shops that screen have to know."""
    to, currency = subject.shipping_address, subject.total.currency
    rows = await writer.exec_driver_sql(
        _FACTS,
        (
            order, subject.email, buyer, subject.placed_at, DAY, to.country, to.postal_code, to.line1, ENOUGH_SOLD,
            currency, RECENT,
        ),
    )  # fmt: skip
    row: Any = rows.mappings().one()
    usual = None if row["usual"] is None else Money(row["usual"], currency)
    return Facts(
        row["mail_orders"], row["address_orders"], row["declined"], usual, row["account_since"], row["has_bought"]
    )


_HOLD = """
INSERT INTO screenings (order_id, score, points_allowed, signs, until) VALUES ($1, $2, $3, $4::jsonb, $5)
ON CONFLICT (order_id) DO NOTHING
"""
_DECIDE = """
UPDATE screenings SET decision = $2, decided_at = now(), actor = $3, reason = $4
WHERE order_id = $1 AND decision IS NULL
"""
_READ = """
SELECT c.outcome -> 'placed' ->> 'screening' AS judged, s.score, s.points_allowed, s.signs::text AS signs,
       s.held_at, s.until, s.decision, s.decided_at, s.actor, s.reason
FROM checkouts c LEFT JOIN screenings s ON s.order_id = $2 WHERE c.number = $1
"""
_signs = msgspec.json.Decoder(list[Sign]).decode


async def hold(writer: Writer, order: OrderId, screening: Screening, until: Any) -> None:
    """Write down that an order is held for a person, and why; again: changes nothing."""
    await writer.exec_driver_sql(
        _HOLD, (order, screening.score, screening.limit, as_json(screening.signs), until)
    )  # fmt: skip


async def decide(writer: Writer, order: OrderId, decision: ScreeningDecision, actor: str, reason: str | None) -> bool:
    """Write down what came of it. False: that was said before."""
    return (await writer.exec_driver_sql(_DECIDE, (order, decision, actor, reason))).rowcount == 1


async def of_order(database: Database, number: OrderNumber, order: OrderId) -> ScreeningOutline | None:
    """How an order was screened; None: it was not."""
    rows = await database.fetch(_READ, number, order)
    if not rows or (rows[0]["judged"] is None and rows[0]["score"] is None):
        return None
    row = rows[0]
    if row["score"] is None:
        judged = msgspec.json.decode(row["judged"], type=Screening)
        return ScreeningOutline(judged.score, judged.limit, list(judged.signs))
    return ScreeningOutline(
        row["score"], row["points_allowed"], _signs(row["signs"]), row["held_at"], row["until"],
        ScreeningDecision(row["decision"]) if row["decision"] else None, row["decided_at"], row["actor"], row["reason"],
    )  # fmt: skip
