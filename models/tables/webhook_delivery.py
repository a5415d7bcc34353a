"""What is to be told to each receiver outside, and what became of it: a fact and a receiver are one row.

Rows are written with the place of their reader (`order_feed`), so each fact is there once. Of one order they go out in
the order of its facts: one that is not taken holds back the later ones of its order, and of no other.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor
from models.database import Database, Reader, Writer, patiently
from models.ids import first_id, new_id
from models.outgoing import KEPT, LONGEST, TEST, Answer, DeliveryStatus, Outgoing
from models.tables.base import TransactionId, key, metadata, moment, now_column, one_of, plain_uuid, reference

webhook_deliveries = sa.Table(
    "webhook_deliveries", metadata,
    key(),
    reference("endpoint_id", "webhook_endpoints.id"),
    sa.Column("event_id", pg.UUID(as_uuid=True), nullable=False, comment="of the order's timeline; the `webhook-id`"),
    reference("order_id", "orders.id", nullable=True, index=True),
    sa.Column("xid", TransactionId, nullable=False, server_default="0", comment="the event's: its place in the order"),
    sa.Column("topic", sa.Text, nullable=False),
    moment("at", comment="of the event"),
    *one_of("status", DeliveryStatus, server_default="waiting"),
    sa.Column("body", sa.Text, comment="as it is sent, byte for byte; null: it is written with the first try"),
    moment("due_at"),
    moment("until", comment="the last try is then"),
    moment("claimed_until", nullable=True, comment="somebody sends it now, or has died over it by then"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("response_status", sa.Integer),
    sa.Column("error", sa.Text, comment="why the last try failed"),
    sa.Column("excerpt", sa.Text, comment="how the last answer's body begins"),
    now_column(),
    moment("settled_at", nullable=True),
    sa.UniqueConstraint("endpoint_id", "event_id"),
    sa.Index("ix_webhook_deliveries_due", "endpoint_id", "due_at", postgresql_where=sa.text("status = 'waiting'")),
    sa.Index("ix_webhook_deliveries_held_back", "endpoint_id", "order_id",
             postgresql_where=sa.text("status = 'waiting'")),
    sa.Index("ix_webhook_deliveries_newest", "endpoint_id", sa.text("created_at DESC"), sa.text("id DESC")),
    sa.Index("ix_webhook_deliveries_settled_at", "settled_at", postgresql_where=sa.text("settled_at IS NOT NULL")),
)  # fmt: skip

AT_ONCE = 1000
"""Rows forgotten at once."""

_FIRST = """
    NOT EXISTS (
        SELECT FROM webhook_deliveries b
        WHERE b.endpoint_id = d.endpoint_id AND b.order_id = d.order_id AND b.status = 'waiting'
          AND (b.xid, b.event_id) < (d.xid, d.event_id)
    )
"""
_QUEUE = """
INSERT INTO webhook_deliveries (id, endpoint_id, event_id, order_id, xid, topic, at, due_at, until)
SELECT uuidv7(), w.id, e.id, e.order_id, e.xid, told.topic, e.at,
       greatest($1::timestamptz, (
           SELECT max(d.due_at) FROM webhook_deliveries d
           WHERE d.endpoint_id = w.id AND d.order_id = e.order_id AND d.status = 'waiting'
       )), $2
FROM {events}, webhook_endpoints w
WHERE {told} AND w.status <> 'archived' AND (w.topics ? told.topic OR w.topics ? '*')
  AND EXISTS (SELECT FROM order_events c WHERE c.order_id = e.order_id AND c.key = 'confirmed')
ORDER BY e.xid, e.id
ON CONFLICT (endpoint_id, event_id) DO NOTHING
"""
_ENLIST = _QUEUE.format(
    events="unnest($3::uuid[], $4::text[]) AS told (event, topic) JOIN order_events e ON e.id = told.event",
    told="e.at >= w.created_at",
)
_BACKFILL = _QUEUE.format(
    events="order_events e JOIN unnest($3::text[], $4::text[]) AS told (type, topic) ON told.type = e.type",
    told="w.id = $5 AND e.id >= $6 AND e.at >= $7",
)
_AGAIN = """
UPDATE webhook_deliveries SET status = 'waiting', due_at = $2, until = $3, claimed_until = NULL, tries = 0,
       response_status = NULL, error = NULL, excerpt = NULL, settled_at = NULL
WHERE endpoint_id = $1 AND status IN ('delivered', 'dead') AND {which}
"""
_CLAIM = f"""
WITH next AS (
    SELECT d.id FROM webhook_deliveries d
    WHERE d.endpoint_id = $1 AND d.status = 'waiting' AND d.due_at <= $2
      AND (d.claimed_until IS NULL OR d.claimed_until <= $2) AND {_FIRST}
    ORDER BY d.due_at, d.xid, d.event_id LIMIT $3 FOR NO KEY UPDATE OF d SKIP LOCKED
)
UPDATE webhook_deliveries d SET claimed_until = $4, tries = tries + 1 FROM next WHERE d.id = next.id
RETURNING d.id, d.event_id, d.order_id, d.topic, d.body, d.tries, d.until
"""  # noqa: S608
_SETTLE = """
UPDATE webhook_deliveries SET status = $2, settled_at = $3, claimed_until = NULL, response_status = $4, error = $5,
       excerpt = $6
WHERE id = $1 AND status = 'waiting'
"""
_POSTPONE = """
WITH failed AS (
    UPDATE webhook_deliveries SET due_at = $2, claimed_until = NULL, response_status = $3, error = $4, excerpt = $5
    WHERE id = $1 AND status = 'waiting' RETURNING id, endpoint_id, order_id
)
UPDATE webhook_deliveries d SET due_at = $2 FROM failed f
WHERE d.endpoint_id = f.endpoint_id AND d.order_id = f.order_id AND d.status = 'waiting' AND d.id <> f.id
"""
_HURRY = """
UPDATE webhook_deliveries SET due_at = $2 WHERE endpoint_id = $1 AND status = 'waiting' AND due_at > $2
"""


async def enlist(writer: Writer, told: Mapping[UUID, str], now: datetime) -> int:
    """Have every receiver told of these events, by topic, that wants to hear of it; how many deliveries that makes.

    Facts of an order that was not confirmed are told to nobody, nor what happened before there was the receiver.
    """
    made = await writer.exec_driver_sql(_ENLIST, (now, now + LONGEST, list(told), list(told.values())))
    return made.rowcount


async def replay_since(writer: Writer, endpoint: UUID, since: datetime, told: Mapping[str, str], now: datetime) -> None:
    """Have a receiver told again of all that happened since, also of what it was never told."""
    await patiently(
        writer, _BACKFILL, now, now + LONGEST, list(told), list(told.values()), endpoint, first_id(since), since
    )
    await patiently(writer, _AGAIN.format(which="at >= $4"), endpoint, now, now + LONGEST, since)


async def replay_dead(writer: Writer, endpoint: UUID, now: datetime) -> None:
    """Have a receiver told again of all that it did not take for three days."""
    await patiently(writer, _AGAIN.format(which="status = 'dead'"), endpoint, now, now + LONGEST)


async def replay(writer: Writer, endpoint: UUID, event: UUID, now: datetime) -> bool:
    """Have a receiver told again of one event. False: it never was, or it was too long ago."""
    await writer.exec_driver_sql(_AGAIN.format(which="event_id = $4"), (endpoint, now, now + LONGEST, event))
    found = await writer.exec_driver_sql(
        "SELECT id FROM webhook_deliveries WHERE endpoint_id = $1 AND event_id = $2 AND status = 'waiting'",
        (endpoint, event),
    )
    return found.first() is not None


async def hurry(writer: Writer, endpoint: UUID, now: datetime) -> None:
    """It takes things again: what waits for another try need not wait any longer."""
    await writer.exec_driver_sql(_HURRY, (endpoint, now))


async def give_time(writer: Writer, endpoint: UUID, now: datetime) -> None:
    """Nothing was sent while it was paused: what waits is tried from now on, as long as if it had just happened."""
    await writer.exec_driver_sql(
        "UPDATE webhook_deliveries SET due_at = least(due_at, $2), until = $3 "
        "WHERE endpoint_id = $1 AND status = 'waiting'",
        (endpoint, now, now + LONGEST),
    )


async def withdraw(writer: Writer, endpoint: UUID) -> None:
    """The receiver is told nothing more."""
    await writer.exec_driver_sql(
        "UPDATE webhook_deliveries SET status = 'withdrawn', settled_at = now(), claimed_until = NULL "
        "WHERE endpoint_id = $1 AND status = 'waiting'",
        (endpoint,),
    )


async def write_test(writer: Writer, endpoint: UUID, now: datetime) -> UUID:
    """Something to send that is about no order; the id of its event."""
    event = new_id()
    await writer.exec_driver_sql(
        "INSERT INTO webhook_deliveries (id, endpoint_id, event_id, topic, at, due_at, until) "
        "VALUES ($1, $2, $3, $4, $5, $5, $6)",
        (new_id(), endpoint, event, TEST, now, now + LONGEST),
    )
    return event


async def claim(writer: Writer, endpoint: UUID, most: int, now: datetime, until: datetime) -> list[Outgoing]:
    """What is to be sent now, to be sent by nobody else `until` then; of each order the first that is not taken."""
    rows = await writer.exec_driver_sql(_CLAIM, (endpoint, now, most, until))
    return [
        Outgoing(plain_uuid(row.id), plain_uuid(row.event_id), plain_uuid(row.order_id) if row.order_id else None,
                 row.topic, row.body, row.tries, row.until)
        for row in rows
    ]  # fmt: skip


async def keep_body(writer: Writer, delivery: UUID, body: str) -> None:
    """From now on it is this, however often it is sent."""
    await writer.exec_driver_sql("UPDATE webhook_deliveries SET body = $2 WHERE id = $1", (delivery, body))


async def settle(writer: Writer, delivery: UUID, status: DeliveryStatus, answer: Answer, now: datetime) -> None:
    """It was taken, or is given up."""
    await writer.exec_driver_sql(_SETTLE, (delivery, status, now, answer.status, answer.error, answer.excerpt))


async def postpone(writer: Writer, delivery: UUID, answer: Answer, due: datetime) -> None:
    """It was not taken: it is sent again then, and what is held back by it not before."""
    await writer.exec_driver_sql(_POSTPONE, (delivery, due, answer.status, answer.error, answer.excerpt))


async def forget_old(writer: Writer, now: datetime) -> int:
    """Delete what was settled longer ago than it is kept; how many rows, at most so many at once."""
    gone = await writer.exec_driver_sql(
        "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries WHERE settled_at < $1 LIMIT $2)",
        (now - KEPT, AT_ONCE),
    )
    return gone.rowcount


class Fact(msgspec.Struct, frozen=True):
    """What a message tells of its order."""

    at: datetime
    actor: str
    facts: Mapping[str, Any]


async def fact(database: Database, event: UUID) -> Fact:
    """The event that a delivery is about."""
    [row] = await database.fetch("SELECT at, actor, facts FROM order_events WHERE id = $1", event)
    return Fact(row["at"], row["actor"], msgspec.json.decode(row["facts"]))


class DeliveryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What became of telling one receiver of one event."""

    id: UUID
    event: UUID
    """The message's `id`, and its header `webhook-id`."""
    topic: str
    order: str | None
    """Number of the order; null: a test."""
    status: DeliveryStatus
    happened_at: datetime
    created_at: datetime
    tries: int
    next_try_at: datetime | None
    """Null: it is over. It may wait longer: for an earlier event of its order, or while its endpoint is paused."""
    tried_until: datetime | None
    response_status: int | None
    """Of the last answer; null: there was none."""
    error: str | None
    """Why the last try failed."""
    excerpt: str | None
    """How the last answer's body begins."""
    settled_at: datetime | None


class DeliveryWhole(DeliveryRecord, frozen=True, kw_only=True):
    """The same, with what is sent."""

    body: str | None
    """As it is sent, byte for byte; null: it is written with the first try."""


_RECORD = """
SELECT d.*, o.number FROM webhook_deliveries d LEFT JOIN orders o ON o.id = d.order_id WHERE d.endpoint_id = $1
"""
_ONE = f"{_RECORD} AND d.id = $2"
_PAGE = f"""{_RECORD}
AND ($3::text IS NULL OR d.status = $3) AND ($4::text IS NULL OR o.number = $4) AND ($5::text IS NULL OR d.topic = $5)
AND ($6::timestamptz IS NULL OR (d.created_at, d.id) < ($6, $7::uuid))
ORDER BY d.created_at DESC, d.id DESC LIMIT $2
"""


async def listed(
    database: Database, endpoint: UUID, limit: int, status: DeliveryStatus | None = None, order: str | None = None,
    topic: str | None = None, after: Cursor | None = None,
) -> list[DeliveryRecord]:  # fmt: skip
    """Of one receiver, newest first."""
    place: tuple[Any, Any] = (after.at, after.id) if after else (None, None)
    rows = await database.fetch(_PAGE, endpoint, limit, status, order, topic, *place)
    return [DeliveryRecord(**_columns(row)) for row in rows]


async def find(database: Database, endpoint: UUID, delivery: UUID) -> DeliveryWhole | None:
    """One, with what is sent; None: there is none, or not any more."""
    rows = await database.fetch(_ONE, endpoint, delivery)
    return DeliveryWhole(**_columns(rows[0]), body=rows[0]["body"]) if rows else None


async def waiting(reader: Reader, endpoint: UUID) -> int:
    """How many are still to be taken."""
    found: int = (
        await reader.exec_driver_sql(
            "SELECT count(*) FROM webhook_deliveries WHERE endpoint_id = $1 AND status = 'waiting'", (endpoint,)
        )
    ).scalar_one()
    return found


def _columns(row: Any) -> dict[str, Any]:
    open_still = row["status"] == "waiting"
    return {
        "id": plain_uuid(row["id"]), "event": plain_uuid(row["event_id"]), "topic": row["topic"],
        "order": row["number"], "status": DeliveryStatus(row["status"]), "happened_at": row["at"],
        "created_at": row["created_at"], "tries": row["tries"], "next_try_at": row["due_at"] if open_still else None,
        "tried_until": row["until"] if open_still else None, "response_status": row["response_status"],
        "error": row["error"], "excerpt": row["excerpt"], "settled_at": row["settled_at"],
    }  # fmt: skip
