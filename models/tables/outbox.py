"""Letters to send: written in the transaction of their cause, sent afterwards, never lost."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database, Writer
from models.ids import OrderId, UserId, new_id
from models.letter import Letter
from models.money import Money
from models.tables.base import Json, as_json, key, metadata, moment, now_column
from models.tables.cart import BEING_BOUGHT

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
    sa.Index("ix_outbox_user", "user_id", postgresql_where=sa.text("user_id IS NOT NULL")),
    sa.Index("ix_outbox_order", "order_id", postgresql_where=sa.text("order_id IS NOT NULL")),
    sa.Index("ix_outbox_errors", "id", postgresql_where=sa.text("error IS NOT NULL")),
    sa.Index("ix_outbox_due", "topic", "due_at", postgresql_where=sa.text("settled_at IS NULL")),
)  # fmt: skip

LONGEST_WAIT = timedelta(minutes=10)
"""A failing letter is tried again after 1, 2, 4 … seconds, at most this long."""


_WRITE = """
INSERT INTO outbox (id, topic, order_id, cause, payload) VALUES ($1, 'mail', $2, $3, $4::jsonb)
ON CONFLICT (cause) DO NOTHING
"""
_WRITE_TO_ACCOUNT = _WRITE.replace("order_id", "user_id")
_WRITE_TO_STAFF = """
INSERT INTO outbox (id, topic, cause, payload) VALUES ($1, 'mail', $2, $3::jsonb) ON CONFLICT (cause) DO NOTHING
"""


async def write_letter(
    writer: Writer, template: str, order: OrderId, about: str = "", facts: Mapping[str, object] | None = None
) -> None:
    """Put a letter about an order into the outbox; a second one for the same cause is not written.

    Address and the order's facts are read when it is sent, so that they are stored once. `about`: which of several
    things of the same order, each with a letter; `facts` of it are for the template, nothing secret or personal.
    """
    cause = f"{template}/{order}" + (f"/{about}" if about else "")
    payload = {**(facts or {}), "template": template}
    await writer.exec_driver_sql(_WRITE, (new_id(), order, cause, as_json(payload)))


async def write_account_letter(
    writer: Writer, template: str, user: UserId, cause: str, facts: Mapping[str, object] | None = None
) -> None:
    """Put a letter to an account into the outbox; a second one for the same `cause` is not written.

    The address is read when it is sent. `facts` are for the template; nothing secret, and nothing that its owner
    may want forgotten: the row stays.
    """
    payload = {**(facts or {}), "template": template}
    await writer.exec_driver_sql(_WRITE_TO_ACCOUNT, (new_id(), user, cause, as_json(payload)))


async def write_staff_letter(writer: Writer, template: str, cause: str, facts: Mapping[str, object]) -> None:
    """Put a letter to the shop's own people into the outbox; a second one for the same `cause` is not written.

    It goes to `STAFF_EMAIL`; where there is none, it is withdrawn.
    """
    await writer.exec_driver_sql(_WRITE_TO_STAFF, (new_id(), cause, as_json({**facts, "template": template})))


async def write_farewell(writer: Writer, user: UserId, address: str, locale: str) -> None:
    """The last letter to an account, of which nothing else is known any more: this letter alone knows it, until it
    has left."""
    payload = {"template": "farewell", "to": address, "locale": locale}
    await writer.exec_driver_sql(_WRITE_TO_ACCOUNT, (new_id(), user, f"farewell/{user}", as_json(payload)))


TO_STAFF = "x.order_id IS NULL AND x.user_id IS NULL"
"""Whose letter it is that belongs to no order and to no account."""
_LETTER = f"""
SELECT x.id, x.payload::text AS payload, x.order_id,
       CASE WHEN {TO_STAFF} THEN $3::text ELSE coalesce(o.locale, x.payload ->> 'locale', u.locale, 'en') END AS locale,
       CASE WHEN {TO_STAFF} THEN $2 ELSE u.email END AS account,
       o.email, o.number, o.currency, o.subtotal,
       o.discount, o.coupons::text AS coupons, o.shipping, o.tax, o.tax_included, o.total, o.credit, o.pay_until,
       o.cancel_reason, o.shipping_address, o.shipping_method, p.error,
       (SELECT jsonb_agg(
            jsonb_build_object('name', l.name, 'sku', l.sku, 'quantity', l.quantity, 'amount', l.line_total,
                'promised', (SELECT b.promised_at FROM backorders b
                             WHERE b.order_id = l.order_id AND b.variant_id = l.variant_id
                             AND b.filled + b.given_up < b.quantity))
            ORDER BY l.position
        ) FROM order_lines l WHERE l.order_id = o.id) AS lines,
       CASE WHEN {TO_STAFF} THEN CASE
                WHEN $2::text IS NULL THEN 'nobody of staff is told'
                WHEN x.payload ->> 'template' = 'low_stock' AND NOT EXISTS (
                    SELECT FROM stock_levels l WHERE l.variant_id = (x.payload ->> 'variant')::uuid
                    AND l.location_id = (x.payload ->> 'place')::uuid AND l.on_hand - l.held < l.reorder_point
                ) THEN 'there is enough again' END
            WHEN x.payload ? 'to' THEN NULL
            WHEN x.order_id IS NOT NULL THEN CASE WHEN u.erased_at IS NOT NULL THEN 'the buyer is forgotten' END
            WHEN u.id IS NULL OR coalesce(u.erasure_asked_at, u.erased_at) IS NOT NULL THEN 'the account is gone'
            WHEN x.payload ->> 'template' = 'password_reset' AND NOT EXISTS (
                SELECT FROM password_resets r WHERE r.id = (x.payload ->> 'reset')::uuid AND r.user_id = u.id
                AND u.archived_at IS NULL AND r.expires_at > now() AND r.used_at IS NULL
            ) THEN 'another code took its place, or it came too late'
            WHEN x.payload ->> 'template' = 'cart_reminder' AND behind.lines IS NULL
            THEN 'the cart was touched or bought, or its owner wants no such letters'
            WHEN x.payload ->> 'template' = 'cart_reminder'
                 AND EXISTS (SELECT FROM mail_bounces m WHERE m.address = lower(u.email))
            THEN 'nobody reads mail at the address'
       END AS pointless, u.id AS user_id, behind.lines AS left_behind
FROM outbox x
LEFT JOIN orders o ON o.id = x.order_id LEFT JOIN payments p ON p.order_id = x.order_id
LEFT JOIN users u ON u.id = coalesce(x.user_id, o.customer_id)
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('name', d.name, 'quantity', i.quantity) ORDER BY i.added_at, i.id) AS lines
    FROM carts c JOIN cart_items i ON i.cart_id = c.id JOIN variants v ON v.id = i.variant_id
    JOIN products d ON d.id = v.product_id AND d.archived_at IS NULL
    WHERE x.payload ->> 'template' = 'cart_reminder' AND c.user_id = u.id
    AND c.updated_at = (x.payload ->> 'cart_updated_at')::timestamptz
    AND u.marketing_consent AND u.archived_at IS NULL AND NOT EXISTS ({BEING_BOUGHT})
) behind ON true
"""  # noqa: S608
_DUE = f"""{_LETTER}
WHERE x.topic = 'mail' AND x.settled_at IS NULL AND x.due_at <= now()
ORDER BY x.due_at LIMIT $1
"""


_ONE = f"{_LETTER} WHERE x.id = $1"


class Due(NamedTuple):
    """What is to be done now, oldest first."""

    letters: list[Letter]
    pointless: list[tuple[UUID, str]]
    """Letters whose cause is gone since they were written, and why: withdraw them."""


async def due(database: Database, most: int, staff: str | None = None, language: str = "en") -> Due:
    """Letters to send now, and letters to send no more. `staff`: where those to the shop's own people go, who are
    told in `language`."""
    rows = await database.fetch(_DUE, most, staff, language)
    return Due(
        [_letter(row) for row in rows if row["pointless"] is None],
        [(row["id"], row["pointless"]) for row in rows if row["pointless"] is not None],
    )


async def read(database: Database, letter: UUID) -> Letter | None:
    """A letter as it would leave now, whatever became of it; None: there is none of this id."""
    rows = await database.fetch(_ONE, letter, None, "en")
    return _letter(rows[0]) if rows else None


def _letter(row: Any) -> Letter:
    facts = msgspec.json.decode(row["payload"])
    template = facts.pop("template")
    if row["left_behind"] is not None:
        facts |= {"lines": msgspec.json.decode(row["left_behind"]), "unsubscribe": str(row["user_id"])}
    if row["order_id"] is None:
        facts.pop("locale", None)
        return Letter(row["id"], template, facts.pop("to", row["account"]), None, facts, row["locale"])
    return Letter(row["id"], template, row["email"], row["number"], {**_facts_of_order(row), **facts}, row["locale"])


def _facts_of_order(row: Any) -> dict[str, object]:
    def money(amount: int) -> Money:
        return Money(amount, row["currency"])

    return {
        "lines": [{**line, "amount": money(line["amount"])} for line in msgspec.json.decode(row["lines"])],
        "discount": money(row["discount"]) if row["discount"] else None,
        "coupons": [each["code"] for each in msgspec.json.decode(row["coupons"])],
        "subtotal": money(row["subtotal"]), "shipping": money(row["shipping"]), "tax": money(row["tax"]),
        "tax_included": row["tax_included"], "total": money(row["total"]), "pay_until": row["pay_until"],
        "cancel_reason": row["cancel_reason"], "payment_error": row["error"],
        "credit": money(row["credit"]) if row["credit"] else None, "due": money(row["total"] - row["credit"]),
        "address": msgspec.json.decode(row["shipping_address"]),
        "shipping_method": msgspec.json.decode(row["shipping_method"]),
    }  # fmt: skip


async def withdraw(writer: Writer, letter: UUID, reason: str) -> None:
    """The letter became pointless before it was sent: it never will be."""
    await writer.exec_driver_sql(_WITHDRAW, (letter, f"withdrawn: {reason}"))


_WITHDRAW = """
UPDATE outbox SET settled_at = now(), error = $2, payload = payload - 'to' - 'locale'
WHERE id = $1 AND settled_at IS NULL
"""


class Left(NamedTuple):
    """A letter that is settled now, and was not before."""

    template: str
    order: OrderId | None
    tries: int


async def settle(writer: Writer, letter: UUID, error: str | None) -> Left | None:
    """The letter is sent (`error` None) or given up for good. An address of its own is forgotten with that.

    None: that was said before.
    """
    settled = (await writer.exec_driver_sql(_SETTLE, (letter, error))).one_or_none()
    return None if settled is None else Left(settled.template, settled.order_id, settled.tries)


_SETTLE = """
UPDATE outbox SET settled_at = now(), error = $2, tries = tries + 1, payload = payload - 'to' - 'locale'
WHERE id = $1 AND settled_at IS NULL RETURNING payload ->> 'template' AS template, order_id, tries
"""


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
