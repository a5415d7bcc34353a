"""Webhooks as they came in: stored by the provider's event id before anybody acts on them, kept as evidence."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Writer
from models.tables.base import metadata, now_column

webhooks = sa.Table(
    "webhook_events", metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False, comment="as received, byte for byte"),
    sa.Column("workflow_id", sa.Text, comment="the owner it was passed on to; null: nobody waits for such news"),
    now_column("received_at"),
    sa.Column("settled_at", sa.DateTime(timezone=True), comment="passed on, or found to be of no concern"),
    sa.Column("note", sa.Text, comment="what became of it"),
)  # fmt: skip


async def receive(writer: Writer, provider: str, event_id: str, type: str, body: str, owner: str | None) -> bool:
    """Store an event. True: its owner has still to be told; False: it came before and is settled."""
    await writer.execute(
        pg.insert(webhooks)
        .values(provider=provider, event_id=event_id, type=type, body=body, workflow_id=owner)
        .on_conflict_do_nothing()
    )
    here = sa.select(webhooks.c.settled_at).where(webhooks.c.provider == provider, webhooks.c.event_id == event_id)
    settled: datetime | None = (await writer.execute(here)).scalar_one()
    return settled is None


async def settle(writer: Writer, provider: str, event_id: str, note: str) -> None:
    """Say what became of an event."""
    await writer.execute(
        sa.update(webhooks)
        .where(webhooks.c.provider == provider, webhooks.c.event_id == event_id)
        .values(settled_at=sa.func.now(), note=note)
    )
