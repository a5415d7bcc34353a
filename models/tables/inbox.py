"""Webhooks as they came in: stored by the provider's event id before anybody acts on them, kept as evidence."""

import sqlalchemy as sa

from models.database import Writer
from models.tables.base import metadata, now_column

webhooks = sa.Table(
    "webhook_events", metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False, comment="as received, byte for byte; empty: who it named is forgotten"),
    sa.Column("workflow_id", sa.Text, comment="the owner it was passed on to; null: nobody waits for such news"),
    sa.Column("customer", sa.Text, comment="the provider's id of the buyer it is about: cus_…"),
    now_column("received_at"),
    sa.Column("settled_at", sa.DateTime(timezone=True), comment="passed on, or found to be of no concern"),
    sa.Column("note", sa.Text, comment="what became of it"),
    sa.Index("ix_webhook_events_workflow_id", "workflow_id", postgresql_where=sa.text("workflow_id IS NOT NULL"),
             postgresql_ops={"workflow_id": "text_pattern_ops"}),
    sa.Index("ix_webhook_events_received_at", "received_at", postgresql_using="brin"),
    sa.Index("ix_webhook_events_customer", "customer", postgresql_where=sa.text("customer IS NOT NULL")),
)  # fmt: skip


_RECEIVE = """
INSERT INTO webhook_events (provider, event_id, type, body, workflow_id, customer) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (provider, event_id) DO UPDATE SET event_id = excluded.event_id
RETURNING settled_at
"""
"""The update changes nothing; with it a repeat answers when the first was settled, in the same round trip."""
_SETTLE = "UPDATE webhook_events SET settled_at = now(), note = $3 WHERE provider = $1 AND event_id = $2"


async def receive(
    writer: Writer, provider: str, event_id: str, type: str, body: str, owner: str | None, customer: str | None = None
) -> bool:
    """Store an event. True: its owner has still to be told; False: it came before and is settled."""
    stored = await writer.exec_driver_sql(_RECEIVE, (provider, event_id, type, body, owner, customer))
    return stored.scalar_one() is None


async def settle(writer: Writer, provider: str, event_id: str, note: str) -> None:
    """Say what became of an event."""
    await writer.exec_driver_sql(_SETTLE, (provider, event_id, note))
