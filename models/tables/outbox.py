"""Letters to send: written in the transaction of their cause, sent afterwards, never lost."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database, Writer
from models.ids import OrderId, new_id
from models.letter import Letter
from models.money import Money
from models.tables.base import Json, as_json, key, metadata, moment, now_column

outbox = sa.Table(
    "outbox", metadata,
    key(),
    sa.Column("topic", sa.Text, nullable=False, comment="`mail`; later others"),
    sa.Column("order_id", pg.UUID(as_uuid=True)),
    sa.Column("user_id", pg.UUID(as_uuid=True), comment="a letter to an account; null: about an order"),
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


_WRITE = """
INSERT INTO outbox (id, topic, order_id, cause, payload) VALUES ($1, 'mail', $2, $3, $4::jsonb)
ON CONFLICT (cause) DO NOTHING
"""


async def write_letter(writer: Writer, template: str, order: OrderId) -> None:
    """Put a letter about an order into the outbox; a second one for the same cause is not written.

    Address and facts are read when it is sent, so that they are stored once.
    """
    await writer.exec_driver_sql(_WRITE, (new_id(), order, f"{template}/{order}", as_json({"template": template})))


_DUE = """
SELECT x.id, x.payload ->> 'template' AS template, o.email, o.number, o.currency, o.subtotal, o.shipping, o.tax,
       o.tax_included, o.total, o.pay_until, o.cancel_reason, o.shipping_address, o.shipping_method, p.error,
       (SELECT jsonb_agg(
            jsonb_build_object('name', l.name, 'sku', l.sku, 'quantity', l.quantity, 'amount', l.line_total)
            ORDER BY l.position
        ) FROM order_lines l WHERE l.order_id = o.id) AS lines
FROM outbox x JOIN orders o ON o.id = x.order_id JOIN payments p ON p.order_id = o.id
WHERE x.topic = 'mail' AND x.settled_at IS NULL AND x.due_at <= now()
ORDER BY x.due_at LIMIT $1
"""


async def due_letters(database: Database, most: int) -> list[Letter]:
    """Letters to send now, oldest first."""
    return [_letter(row) for row in await database.fetch(_DUE, most)]


def _letter(row: Any) -> Letter:
    def money(amount: int) -> str:
        return str(Money(amount, row["currency"]))

    facts = {
        "lines": [{**line, "amount": money(line["amount"])} for line in msgspec.json.decode(row["lines"])],
        "subtotal": money(row["subtotal"]), "shipping": money(row["shipping"]), "tax": money(row["tax"]),
        "tax_included": row["tax_included"], "total": money(row["total"]), "pay_until": row["pay_until"],
        "cancel_reason": row["cancel_reason"], "payment_error": row["error"],
        "address": msgspec.json.decode(row["shipping_address"]),
        "shipping_method": msgspec.json.decode(row["shipping_method"]),
    }  # fmt: skip
    return Letter(row["id"], row["template"], row["email"], row["number"], facts)


async def settle(writer: Writer, letter: UUID, error: str | None) -> None:
    """The letter is sent (`error` None) or given up for good."""
    await writer.execute(
        sa.update(outbox)
        .where(outbox.c.id == letter, outbox.c.settled_at.is_(None))
        .values(settled_at=sa.func.now(), error=error, tries=outbox.c.tries + 1)
    )


async def postpone(writer: Writer, letter: UUID, error: str) -> None:
    """Sending failed for now: try again later, each time waiting twice as long."""
    # The exponent is capped: after a week of tries the power itself would be out of range.
    wait = sa.func.least(sa.func.power(2, sa.func.least(outbox.c.tries, 20)), LONGEST_WAIT.total_seconds())
    await writer.execute(
        sa.update(outbox)
        .where(outbox.c.id == letter, outbox.c.settled_at.is_(None))
        .values(
            error=error, tries=outbox.c.tries + 1, due_at=sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, wait)
        )
    )
