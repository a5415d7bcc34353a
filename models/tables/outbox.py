"""Letters to send: written in the transaction of their cause, sent afterwards, never lost."""

from datetime import timedelta
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database, Writer
from models.ids import new_id
from models.letter import Letter
from models.tables.base import Json, key, metadata, moment, now_column

outbox = sa.Table(
    "outbox", metadata,
    key(),
    sa.Column("topic", sa.Text, nullable=False, comment="`mail`; later others"),
    sa.Column("order_id", pg.UUID(as_uuid=True)),
    sa.Column("cause", sa.Text, nullable=False, unique=True, comment="`order_confirmed/<order>`: sent once a cause"),
    sa.Column("payload", Json, nullable=False),
    now_column(),
    moment("due_at", server_default=sa.func.now(), comment="not before; moves on after each failure"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error", sa.Text, comment="why the last try failed"),
    sa.Column("settled_at", sa.DateTime(timezone=True), comment="sent, or given up for the reason in `error`"),
    sa.Index("ix_outbox_due", "topic", "due_at", postgresql_where=sa.text("settled_at IS NULL")),
)  # fmt: skip

LONGEST_WAIT = timedelta(minutes=10)
"""A failing letter is tried again after 1, 2, 4 … seconds, at most this long."""


async def write_letter(
    writer: Writer, template: str, to: str, order: UUID, order_number: str, facts: dict[str, object]
) -> None:
    """Put a letter into the outbox; a second one for the same cause is not written."""
    letter = {"template": template, "to": to, "order_number": order_number, "facts": facts}
    await writer.execute(
        pg.insert(outbox)
        .values(id=new_id(), topic="mail", order_id=order, cause=f"{template}/{order}", payload=letter)
        .on_conflict_do_nothing(index_elements=["cause"])
    )


_DUE = """
SELECT id, payload FROM outbox WHERE topic = 'mail' AND settled_at IS NULL AND due_at <= now()
ORDER BY due_at LIMIT $1
"""


async def due_letters(database: Database, most: int) -> list[Letter]:
    """Letters to send now, oldest first."""
    return [
        msgspec.convert({**msgspec.json.decode(row["payload"]), "id": str(row["id"])}, Letter)
        for row in await database.fetch(_DUE, most)
    ]


async def settle(writer: Writer, letter: UUID, error: str | None) -> None:
    """The letter is sent (`error` None) or given up for good."""
    await writer.execute(
        sa.update(outbox)
        .where(outbox.c.id == letter, outbox.c.settled_at.is_(None))
        .values(settled_at=sa.func.now(), error=error, tries=outbox.c.tries + 1)
    )


async def postpone(writer: Writer, letter: UUID, error: str) -> None:
    """Sending failed for now: try again later, each time waiting twice as long."""
    wait = sa.func.least(sa.func.power(2, outbox.c.tries), LONGEST_WAIT.total_seconds())
    await writer.execute(
        sa.update(outbox)
        .where(outbox.c.id == letter, outbox.c.settled_at.is_(None))
        .values(
            error=error, tries=outbox.c.tries + 1, due_at=sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, wait)
        )
    )
