"""What workflows and steps ask people for, each thing once; and who has taken it, and who says that it is resolved.

An order shows the most pressing of its own as `orders.attention`, which nothing else writes.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.attention import AttentionKind, judge
from models.database import Writer
from models.ids import OrderId, UserId, new_id
from models.tables.base import key, metadata, moment, now_column, one_of, reference

attentions = sa.Table(
    "attentions", metadata,
    key(),
    sa.Column("name", sa.Text, nullable=False, unique=True, comment="order and topic, or the workflow's id"),
    *one_of("kind", AttentionKind),
    reference("order_id", "orders.id", nullable=True, index=True),
    sa.Column("topic", sa.Text, nullable=False, comment="`attention`, `refund/1/attention`, `papers`: who settles it"),
    sa.Column("workflow_id", sa.Text, comment="who waits; null: the order's owner, or nobody"),
    sa.Column("step", sa.Text, comment="what could not be done"),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("fact", sa.Text, nullable=False, comment="what was told last, so that it counts once"),
    sa.Column("times", sa.Integer, nullable=False, server_default="1", comment="how often it was told"),
    now_column("asked_at"),
    moment("told_at", server_default=sa.func.now(), comment="the last time"),
    comment="what people are asked for, and is not settled",
)  # fmt: skip

attention_marks = sa.Table(
    "attention_marks", metadata,
    key(),
    sa.Column("name", sa.Text, nullable=False, comment="of the thing: the id is made of it"),
    sa.Column("assigned_to", pg.UUID(as_uuid=True), comment="who of staff has taken it"),
    moment("assigned_at", nullable=True),
    sa.Column("resolved_by", pg.UUID(as_uuid=True)),
    moment("resolved_at", nullable=True),
    sa.Column("reason", sa.Text, comment="why it is resolved"),
    sa.Column("seen", sa.Text, comment="what was known of it then: with new facts it is back"),
    sa.CheckConstraint("(assigned_to IS NULL) = (assigned_at IS NULL)", name="assigned_to_somebody"),
    sa.CheckConstraint(
        "(resolved_by IS NULL) = (resolved_at IS NULL) AND (resolved_at IS NULL) = (reason IS NULL)"
        " AND (resolved_at IS NULL) = (seen IS NULL)", name="resolved_by_somebody",
    ),
    comment="what staff said about things that wait for a person",
)  # fmt: skip

_LOCK = "SELECT FROM orders WHERE id = $1 FOR NO KEY UPDATE"
_ASK = """
INSERT INTO attentions AS known (id, name, kind, order_id, topic, workflow_id, step, why, fact)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (name) DO UPDATE
SET kind = excluded.kind, workflow_id = excluded.workflow_id, step = excluded.step, why = excluded.why,
    fact = excluded.fact, times = known.times + 1, told_at = now()
WHERE known.fact <> excluded.fact
"""
_SETTLE = "DELETE FROM attentions WHERE order_id = $1 AND topic LIKE $2"
_SHOWN = "DELETE FROM attentions WHERE order_id = $1 AND why = $2"
_SHOW = """
UPDATE orders o SET attention = (
    SELECT why FROM attentions a WHERE a.order_id = o.id
    ORDER BY (topic = 'attention') DESC, told_at DESC, id DESC LIMIT 1
) WHERE o.id = $1
"""
"""What its owner asks for goes before what others do."""


async def ask(
    writer: Writer, order: OrderId, topic: str, why: str, fact: str | None = None, workflow_id: str | None = None
) -> None:
    """Ask for a person about an order; `fact` names what happened, so that telling it twice is asking once."""
    asked = judge(topic, why)
    await writer.exec_driver_sql(_LOCK, (order,))
    await writer.exec_driver_sql(
        _ASK,
        (
            new_id(), f"{order}/{topic}", asked.kind, order, topic, workflow_id, asked.step, why,
            why if fact is None else fact,
        ),
    )  # fmt: skip
    await writer.exec_driver_sql(_SHOW, (order,))


async def settle(writer: Writer, order: OrderId, topic: str) -> None:
    """Nobody has to look at an order any more because of such a topic: a pattern of SQL's."""
    await writer.exec_driver_sql(_LOCK, (order,))
    await writer.exec_driver_sql(_SETTLE, (order, topic))
    await writer.exec_driver_sql(_SHOW, (order,))


async def settle_shown(writer: Writer, order: OrderId, why: str) -> bool:
    """Nobody has to look because of what the order shows. False: it shows something else, or nothing."""
    await writer.exec_driver_sql(_LOCK, (order,))
    gone = await writer.exec_driver_sql(_SHOWN, (order, why))
    await writer.exec_driver_sql(_SHOW, (order,))
    return gone.rowcount > 0


async def ask_about(writer: Writer, workflow_id: str, topic: str, why: str, fact: str) -> None:
    """Ask for a person about a process that is no order's."""
    asked = judge(topic, why)
    await writer.exec_driver_sql(
        _ASK, (new_id(), workflow_id, asked.kind, None, topic, workflow_id, asked.step, why, fact)
    )


async def settle_about(writer: Writer, workflow_id: str) -> None:
    """Nobody has to look at a process any more."""
    await writer.exec_driver_sql("DELETE FROM attentions WHERE name = $1", (workflow_id,))


_ASSIGN = """
INSERT INTO attention_marks AS known (id, name, assigned_to, assigned_at)
VALUES ($1, $2, $3, CASE WHEN $3::uuid IS NOT NULL THEN now() END)
ON CONFLICT (id) DO UPDATE SET assigned_to = excluded.assigned_to, assigned_at = excluded.assigned_at
WHERE NOT $4 OR known.assigned_to IS NULL OR known.assigned_to = excluded.assigned_to
"""
_RESOLVE = """
INSERT INTO attention_marks AS known (id, name, resolved_by, resolved_at, reason, seen)
VALUES ($1, $2, $3, now(), $4, $5)
ON CONFLICT (id) DO UPDATE SET assigned_to = NULL, assigned_at = NULL, resolved_by = excluded.resolved_by,
    resolved_at = excluded.resolved_at, reason = excluded.reason, seen = excluded.seen
"""


async def assign(writer: Writer, need: UUID, name: str, to: UserId | None, takes: bool) -> bool:
    """Somebody has taken it; None: nobody has. False: who takes it themselves came after somebody else."""
    return (await writer.exec_driver_sql(_ASSIGN, (need, name, to, takes))).rowcount == 1


async def resolve(writer: Writer, need: UUID, name: str, by: UserId, reason: str, seen: str) -> None:
    """Somebody says that it needs nobody any more, knowing what was `seen` of it."""
    await writer.exec_driver_sql(_RESOLVE, (need, name, by, reason, seen))
