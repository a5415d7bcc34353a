"""What one of the staff asked for and another one says yes or no to; that they are two, Postgres sees to as well."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.approval import APPROVAL_MOVES, ApprovalRecord, ApprovalStatus, Guarded
from models.audit import Actor
from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.ids import OrderId, UserId, new_id
from models.money import Money
from models.tables.base import (
    Json,
    as_json,
    currency,
    key,
    metadata,
    minor_units,
    moment,
    now_column,
    one_of,
    plain_uuid,
    reference,
)

approvals = sa.Table(
    "approvals", metadata,
    key(),
    *one_of("action", Guarded),
    sa.Column("subject", sa.Text, nullable=False, comment="an order's number, an account's id, `gift-cards`"),
    reference("order_id", "orders.id", nullable=True, index=True),
    sa.Column("key", sa.Text, comment="names the request of whoever asks; null: it has no name"),
    sa.Column("digest", sa.Text, nullable=False, comment="of the request: another one under its key was not meant"),
    sa.Column("wish", Json, nullable=False, comment="the request, word for word"),
    minor_units("amount", comment="how much money it is about"),
    currency(),
    sa.Column("reason", sa.Text, nullable=False),
    *one_of("status", ApprovalStatus),
    sa.Column("asked_by", pg.UUID(as_uuid=True), nullable=False, comment="who of staff"),
    now_column("asked_at"),
    moment("expires_at", comment="until then somebody else can say yes; a pending one is expired then"),
    sa.Column("decided_by", pg.UUID(as_uuid=True), comment="who of staff"),
    moment("decided_at", nullable=True),
    sa.Column("decision", sa.Text, comment="why they said yes, or no"),
    moment("settled_at", nullable=True, comment="done, or refused after all"),
    sa.Column("error", sa.Text, comment="why it could not be done"),
    sa.UniqueConstraint("asked_by", "action", "subject", "key"),
    sa.CheckConstraint("amount > 0", name="amount_positive"),
    sa.CheckConstraint("status IN ('pending', 'rejected', 'expired') OR decided_by <> asked_by", name="two_people"),
    sa.CheckConstraint("(status IN ('pending', 'expired')) = (decided_by IS NULL)", name="decided_by_somebody"),
    sa.Index("ix_approvals_newest", sa.text("asked_at DESC"), sa.text("id DESC")),
    sa.Index("ix_approvals_pending", "subject", postgresql_where=sa.text("status = 'pending'")),
)  # fmt: skip


class Known(msgspec.Struct, frozen=True):
    """A question that was asked before, and of which request it came."""

    approval: ApprovalRecord
    digest: str
    order: OrderId | None


class Question(msgspec.Struct, frozen=True):
    """What one of the staff asks a second person for."""

    action: Guarded
    subject: str
    by: UserId
    wish: msgspec.Struct
    """The request."""
    digest: str
    reason: str
    order: OrderId | None = None
    key: str | None = None
    until: datetime | None = None
    """What is asked for cannot be done any more then."""


_STANDS = "CASE WHEN a.status = 'pending' AND a.expires_at <= now() THEN 'expired' ELSE a.status END"
_APPROVAL = f"""
SELECT a.id, a.action, a.subject, a.order_id, a.digest, a.wish::text AS wish, a.amount, a.currency, a.reason,
       {_STANDS} AS status, a.asked_by, asker.email AS asker, a.asked_at, a.expires_at, a.decided_by,
       decider.email AS decider, a.decided_at, a.decision, a.error
FROM approvals a LEFT JOIN users asker ON asker.id = a.asked_by AND asker.erased_at IS NULL
LEFT JOIN users decider ON decider.id = a.decided_by AND decider.erased_at IS NULL
"""  # noqa: S608 - words of ours
_ONE = f"{_APPROVAL} WHERE a.id = $1"
_LOCK = "SELECT FROM approvals WHERE id = $1 FOR UPDATE"
_LOCK_SUBJECT = "SELECT pg_advisory_xact_lock(hashtextextended('approval/' || $1::text, 0))"
_BY_KEY = f"{_APPROVAL} WHERE a.asked_by = $1 AND a.action = $2 AND a.subject = $3 AND a.key = $4"
_SAME = f"""{_APPROVAL}
WHERE a.asked_by = $1 AND a.action = $2 AND a.subject = $3 AND a.digest = $4 AND {_STANDS} = 'pending'
ORDER BY a.id LIMIT 1
"""
_ASK = """
INSERT INTO approvals (id, action, subject, order_id, key, digest, wish, amount, currency, reason, status, asked_by,
                       expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, 'pending', $11,
        least(now() + $12::interval, $13::timestamptz))
"""
_DECIDE = """
UPDATE approvals SET status = $2, decided_by = $3, decided_at = now(), decision = $4
WHERE id = $1 AND status = ANY ($5::text[])
"""
_SETTLE = """
UPDATE approvals SET status = $2, settled_at = now(), error = $3 WHERE id = $1 AND status = ANY ($4::text[])
"""
_PAGE = f"""{_APPROVAL}
WHERE ($2::text IS NULL OR {_STANDS} = $2) AND ($3::text IS NULL OR a.subject = $3)
  AND ($4::timestamptz IS NULL OR (a.asked_at, a.id) < ($4, $5::uuid))
ORDER BY a.asked_at DESC, a.id DESC LIMIT $1
"""
_PENDING = f"{_APPROVAL} WHERE a.order_id = $1 AND {_STANDS} = 'pending' ORDER BY a.id"


async def lock_subject(writer: Writer, subject: str) -> None:
    """Nobody else asks about this to the end of the transaction."""
    await writer.exec_driver_sql(_LOCK_SUBJECT, (subject,))


async def known(writer: Writer, question: Question) -> Known | None:
    """What the same person asked before: under this key, or without one the same while it waits."""
    asked = question.by, question.action, question.subject
    if question.key is not None:
        return await _one(writer, _BY_KEY, *asked, question.key)
    return await _one(writer, _SAME, *asked, question.digest)


async def ask(writer: Writer, question: Question, amount: Money, within: timedelta) -> ApprovalRecord:
    """Write a question down; somebody else can say yes for so long, and no longer than there is something to do."""
    id = new_id()
    await writer.exec_driver_sql(
        _ASK,
        (
            id, question.action, question.subject, question.order, question.key, question.digest,
            as_json(question.wish), amount.amount, amount.currency, question.reason, question.by, within,
            question.until,
        ),
    )  # fmt: skip
    made = await _one(writer, _ONE, id)
    assert made is not None
    return made.approval


async def lock(writer: Writer, approval: UUID) -> Known | None:
    """A question; nobody else answers it to the end of the transaction. None: there is none."""
    await writer.exec_driver_sql(_LOCK, (approval,))
    return await _one(writer, _ONE, approval)


async def find(reader: Reader, approval: UUID) -> ApprovalRecord | None:
    """A question; None: there is none."""
    found = await _one(reader, _ONE, approval)
    return found.approval if found else None


async def decide(writer: Writer, approval: UUID, to: ApprovalStatus, by: UserId, why: str) -> None:
    """Somebody says yes or no to a pending one, which is locked."""
    await writer.exec_driver_sql(_DECIDE, (approval, to, by, why, _sources(to)))


async def settle(writer: Writer, approval: UUID, to: ApprovalStatus, error: str | None = None) -> None:
    """What was said yes to is done, or could not be; again: changes nothing."""
    await writer.exec_driver_sql(_SETTLE, (approval, to, error, _sources(to)))


async def listed(
    database: Database, limit: int, status: ApprovalStatus | None, subject: str | None, after: Cursor | None = None
) -> list[ApprovalRecord]:
    """Newest first; only those that stand there, only about this, where given."""
    place: tuple[Any, Any] = (after.at, after.id) if after else (None, None)
    return [_approval(row) for row in await database.fetch(_PAGE, limit, status, subject, *place)]


async def pending(database: Database, order: OrderId) -> list[ApprovalRecord]:
    """What of an order waits for a second person, oldest first."""
    return [_approval(row) for row in await database.fetch(_PENDING, order)]


def _sources(to: ApprovalStatus) -> list[str]:
    return [status for status, ends in APPROVAL_MOVES.items() if to in ends]


async def _one(reader: Reader, query: str, *arguments: object) -> Known | None:
    row = (await reader.exec_driver_sql(query, arguments)).mappings().one_or_none()
    if row is None:
        return None
    order = OrderId(plain_uuid(row["order_id"])) if row["order_id"] else None
    return Known(_approval(row), row["digest"], order)


def _approval(row: Any) -> ApprovalRecord:
    return ApprovalRecord(
        plain_uuid(row["id"]), Guarded(row["action"]), row["subject"], Money(row["amount"], row["currency"]),
        row["reason"], msgspec.json.decode(row["wish"]), ApprovalStatus(row["status"]),
        Actor(UserId(plain_uuid(row["asked_by"])), row["asker"]), row["asked_at"], row["expires_at"],
        Actor(UserId(plain_uuid(row["decided_by"])), row["decider"]) if row["decided_by"] else None,
        row["decided_at"], row["decision"], row["error"],
    )  # fmt: skip
