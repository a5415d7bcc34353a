"""Receivers outside that are told what happens to orders."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.ids import new_id
from models.outgoing import Endpoint, EndpointStatus
from models.tables.base import Json, as_json, key, metadata, moment, now_column, one_of, plain_uuid

webhook_endpoints = sa.Table(
    "webhook_endpoints", metadata,
    key(),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("topics", Json, nullable=False, comment='["order.shipped"], or ["*"]'),
    *one_of("status", EndpointStatus, server_default="active"),
    sa.Column("secret_n", sa.Integer, nullable=False, server_default="1",
              comment="number of its secret, which follows from the shop's key"),
    moment("previous_until", nullable=True, comment="until then the one before is signed with, too"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0", comment="in a row"),
    moment("failing_since", nullable=True),
    moment("warned_at", nullable=True, comment="staff were written to that it fails"),
    sa.Column("paused_reason", sa.Text),
    now_column(),
    moment("updated_at", server_default=sa.func.now()),
    sa.Index("ix_webhook_endpoints_newest", sa.text("created_at DESC"), sa.text("id DESC")),
)  # fmt: skip


class EndpointRecord(msgspec.Struct, frozen=True):
    """A receiver, as staff see it. Its secret is shown once, when it is made."""

    id: UUID
    url: str
    description: str | None
    topics: list[str]
    """What it is told: names of topics, or `*` for everything."""
    status: EndpointStatus
    paused_reason: str | None
    failures: int
    """In a row."""
    failing_since: datetime | None
    previous_secret_until: datetime | None
    """After a rotation: until then each message carries a signature by the secret before, too."""
    waiting: int
    """Deliveries that are still to be taken."""
    oldest_waiting_at: datetime | None
    created_at: datetime
    updated_at: datetime


_RECORD = """
SELECT w.id, w.url, w.description, w.topics::text AS topics, w.status, w.paused_reason, w.failures, w.failing_since,
       w.previous_until, w.created_at, w.updated_at, queue.waiting, queue.oldest
FROM webhook_endpoints w, LATERAL (
    SELECT count(*) AS waiting, min(d.created_at) AS oldest FROM webhook_deliveries d
    WHERE d.endpoint_id = w.id AND d.status = 'waiting'
) queue
"""
_ONE = f"{_RECORD} WHERE w.id = $1"
_PAGE = f"""{_RECORD}
WHERE ($2::text IS NULL AND w.status <> 'archived' OR w.status = $2)
  AND ($3::timestamptz IS NULL OR (w.created_at, w.id) < ($3, $4::uuid))
ORDER BY w.created_at DESC, w.id DESC LIMIT $1
"""
_INSERT = "INSERT INTO webhook_endpoints (id, url, description, topics) VALUES ($1, $2, $3, $4::jsonb)"
_LOCK = "SELECT id FROM webhook_endpoints WHERE id = $1 FOR NO KEY UPDATE"
_CHANGE = """
UPDATE webhook_endpoints SET url = $2, description = $3, topics = $4::jsonb, updated_at = now() WHERE id = $1
"""
_ROTATE = """
UPDATE webhook_endpoints SET secret_n = secret_n + 1, previous_until = $2, updated_at = now() WHERE id = $1
RETURNING secret_n
"""
_PAUSE = """
UPDATE webhook_endpoints SET status = 'paused', paused_reason = $2, updated_at = now()
WHERE id = $1 AND status = 'active'
"""
_RESUME = """
UPDATE webhook_endpoints SET status = 'active', paused_reason = NULL, failures = 0, failing_since = NULL,
       warned_at = NULL, updated_at = now()
WHERE id = $1
"""
_ARCHIVE = """
UPDATE webhook_endpoints SET status = 'archived', previous_until = NULL, updated_at = now()
WHERE id = $1
"""
_FAILED = """
UPDATE webhook_endpoints SET failures = failures + 1, failing_since = coalesce(failing_since, $2) WHERE id = $1
RETURNING url, failing_since, warned_at
"""
_TOOK = """
UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, warned_at = NULL
WHERE id = $1 AND failing_since IS NOT NULL RETURNING old.failures
"""
MOST = 50
"""Endpoints that are not archived."""


class Failing(msgspec.Struct, frozen=True):
    """How an endpoint stands after one more failure."""

    url: str
    failing_since: datetime
    warned_at: datetime | None


async def count(reader: Reader) -> int:
    """How many there are, but for archived ones."""
    found: int = (
        await reader.exec_driver_sql("SELECT count(*) FROM webhook_endpoints WHERE status <> 'archived'")
    ).scalar_one()
    return found


async def create(writer: Writer, url: str, description: str | None, topics: Sequence[str]) -> UUID:
    """A new receiver; it is told from now on."""
    endpoint = new_id()
    await writer.exec_driver_sql(_INSERT, (endpoint, url, description, as_json(list(topics))))
    return endpoint


async def find(reader: Reader, endpoint: UUID, *, lock: bool = False) -> EndpointRecord | None:
    """One receiver; None: there is none. `lock`: nobody else changes it to the end of the transaction."""
    if lock:
        await reader.exec_driver_sql(_LOCK, (endpoint,))
    row = (await reader.exec_driver_sql(_ONE, (endpoint,))).mappings().one_or_none()
    return None if row is None else _record(row)


async def listed(
    database: Database, limit: int, status: EndpointStatus | None, after: Cursor | None = None
) -> list[EndpointRecord]:
    """Newest first; those that are not archived, or only those in one status."""
    place: tuple[Any, Any] = (after.at, after.id) if after else (None, None)
    return [_record(row) for row in await database.fetch(_PAGE, limit, status, *place)]


async def change(writer: Writer, now: EndpointRecord) -> None:
    """Write where it is, what it is called and what it is told."""
    await writer.exec_driver_sql(_CHANGE, (now.id, now.url, now.description, as_json(now.topics)))


async def secret_number(reader: Reader, endpoint: UUID) -> int:
    """Which of its secrets is the newest."""
    found: int = (
        await reader.exec_driver_sql("SELECT secret_n FROM webhook_endpoints WHERE id = $1", (endpoint,))
    ).scalar_one()
    return found


async def rotate(writer: Writer, endpoint: UUID, until: datetime) -> int:
    """The next secret's number; the one before is signed with, too, until then."""
    found: int = (await writer.exec_driver_sql(_ROTATE, (endpoint, until))).scalar_one()
    return found


async def pause(writer: Writer, endpoint: UUID, reason: str) -> bool:
    """Send nothing more. False: nothing was sent before either."""
    return (await writer.exec_driver_sql(_PAUSE, (endpoint, reason))).rowcount == 1


async def resume(writer: Writer, endpoint: UUID) -> None:
    """Send again, as if nothing had ever failed."""
    await writer.exec_driver_sql(_RESUME, (endpoint,))


async def archive(writer: Writer, endpoint: UUID) -> None:
    """It is told nothing more."""
    await writer.exec_driver_sql(_ARCHIVE, (endpoint,))


async def all_open(database: Database) -> list[UUID]:
    """Those that somebody attends to: all that are not archived."""
    rows = await database.fetch("SELECT id FROM webhook_endpoints WHERE status <> 'archived' ORDER BY id")
    return [plain_uuid(row["id"]) for row in rows]


async def read(database: Database, endpoint: UUID) -> Endpoint | None:
    """What it takes to send to it; None: there is no such."""
    rows = await database.fetch(
        "SELECT id, url, status, secret_n, previous_until, failures FROM webhook_endpoints WHERE id = $1", endpoint
    )
    return (
        Endpoint(plain_uuid(row["id"]), row["url"], EndpointStatus(row["status"]), row["secret_n"],
                 row["previous_until"], row["failures"])
        if rows and (row := rows[0]) else None
    )  # fmt: skip


async def failed(writer: Writer, endpoint: UUID, at: datetime) -> Failing:
    """It did not take something."""
    row = (await writer.exec_driver_sql(_FAILED, (endpoint, at))).one()
    return Failing(row.url, row.failing_since, row.warned_at)


async def took(writer: Writer, endpoint: UUID) -> int:
    """It took something; how many failures in a row are over with that."""
    return (await writer.exec_driver_sql(_TOOK, (endpoint,))).scalar() or 0


async def note_warning(writer: Writer, endpoint: UUID, at: datetime) -> None:
    """Staff were told that it fails."""
    await writer.exec_driver_sql("UPDATE webhook_endpoints SET warned_at = $2 WHERE id = $1", (endpoint, at))


def _record(row: Any) -> EndpointRecord:
    return EndpointRecord(
        plain_uuid(row["id"]), row["url"], row["description"], msgspec.json.decode(row["topics"], type=list[str]),
        EndpointStatus(row["status"]), row["paused_reason"], row["failures"], row["failing_since"],
        row["previous_until"], row["waiting"], row["oldest"], row["created_at"],
        row["updated_at"],
    )  # fmt: skip
