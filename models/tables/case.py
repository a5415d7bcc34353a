"""Cases: what differs between a payment provider and us, and a person has to decide. One at a time for each thing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.audit import Actor
from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.ids import OrderNumber, UserId, new_id
from models.reconciliation import CaseKind, Finding
from models.tables.base import Json, as_json, key, metadata, moment, now_column, one_of, plain_uuid, reference

cases = sa.Table(
    "cases", metadata,
    key(),
    *one_of("kind", CaseKind),
    sa.Column("object", sa.Text, nullable=False, comment="the provider's id of it; ours where it has none"),
    sa.Column("provider", sa.Text, nullable=False),
    reference("order_id", "orders.id", nullable=True, index=True),
    sa.Column("facts", Json, nullable=False, comment="both sides, as they were told last"),
    moment("made_at", comment="of the object, or earlier"),
    now_column("opened_at"),
    moment("seen_at", comment="by the newest comparison that found it"),
    moment("closed_at", nullable=True),
    sa.Column("closed_by", pg.UUID(as_uuid=True), comment="who of staff; null: both sides agree again"),
    sa.Column("reason", sa.Text, comment="why it was closed"),
    sa.Index("ux_cases_one_open", "kind", "object", unique=True, postgresql_where=sa.text("closed_at IS NULL")),
    sa.Index("ix_cases_newest", sa.text("opened_at DESC"), sa.text("id DESC")),
)  # fmt: skip

AGREES = "both sides agree again"


class CaseRecord(msgspec.Struct, frozen=True):
    """Something that differs between a payment provider and us."""

    id: UUID
    kind: CaseKind
    object: str
    """The provider's id of it; ours where it has none."""
    provider: str
    """Empty: our own rows disagree."""
    order_number: OrderNumber | None
    facts: Any
    """Both sides, as they were told last."""
    opened_at: datetime
    seen_at: datetime
    """By the newest comparison that found it."""
    closed_at: datetime | None
    closed_by: Actor | None
    """Null: open, or both sides agree again."""
    reason: str | None
    """Why it was closed."""


_OPEN = """
WITH found AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::jsonb[], $7::timestamptz[])
           AS x (id, kind, object, provider, order_id, facts, made_at)
), gone AS (
    UPDATE cases c SET closed_at = now(), reason = $9
    WHERE c.closed_at IS NULL AND (c.made_at >= $8 OR c.kind = 'ledger')
      AND NOT EXISTS (SELECT FROM found WHERE found.kind = c.kind AND found.object = c.object)
), opened AS (
    INSERT INTO cases AS known (id, kind, object, provider, order_id, facts, made_at, seen_at)
    SELECT id, kind, object, provider, order_id, facts, made_at, now() FROM found
    WHERE NOT EXISTS (
        SELECT FROM cases c
        WHERE c.kind = found.kind AND c.object = found.object AND c.facts = found.facts AND c.closed_by IS NOT NULL
    )
    ON CONFLICT (kind, object) WHERE closed_at IS NULL
    DO UPDATE SET facts = excluded.facts, seen_at = excluded.seen_at
    RETURNING 1
)
SELECT count(*) FROM opened
"""


async def settle(writer: Writer, found: Sequence[Finding], since: datetime) -> int:
    """Have a case for each of these, and close those that were made since and are not among them; how many there are.

    What a person has closed stays closed for as long as both sides say what they said then.
    """
    settled = await writer.exec_driver_sql(
        _OPEN,
        (
            [new_id() for _ in found], [each.kind.value for each in found], [each.object for each in found],
            [each.provider for each in found], [each.order_id for each in found],
            [as_json(each.facts) for each in found], [each.made_at for each in found], since, AGREES,
        ),
    )  # fmt: skip
    drift: int = settled.scalar_one()
    return drift


_CASE = """
SELECT c.id, c.kind, c.object, c.provider, o.number, c.facts::text AS facts, c.opened_at, c.seen_at, c.closed_at,
       c.closed_by, u.email, c.reason
FROM cases c LEFT JOIN orders o ON o.id = c.order_id LEFT JOIN users u ON u.id = c.closed_by AND u.erased_at IS NULL
"""
_ONE = f"{_CASE} WHERE c.id = $1"
_PAGE = f"""{_CASE}
WHERE ($2::boolean IS NULL OR (c.closed_at IS NULL) = $2) AND ($3::text IS NULL OR c.kind = $3)
  AND ($4::timestamptz IS NULL OR (c.opened_at, c.id) < ($4, $5::uuid))
ORDER BY c.opened_at DESC, c.id DESC LIMIT $1
"""
_CLOSE = """
UPDATE cases SET closed_at = now(), closed_by = $2, reason = $3 WHERE id = $1 AND closed_at IS NULL RETURNING id
"""


async def listed(
    database: Database, limit: int, open: bool | None, kind: CaseKind | None, after: Cursor | None = None
) -> list[CaseRecord]:
    """Newest first; only open or closed ones, only of one kind, where given."""
    place: tuple[Any, Any] = (after.at, after.id) if after else (None, None)
    return [_record(row) for row in await database.fetch(_PAGE, limit, open, kind, *place)]


async def find(reader: Reader, case: UUID) -> CaseRecord | None:
    """One case; None: there is none."""
    row = (await reader.exec_driver_sql(_ONE, (case,))).mappings().one_or_none()
    return None if row is None else _record(row)


async def close(writer: Writer, case: UUID, by: UserId | None, reason: str) -> bool:
    """Somebody has decided. False: it is closed already, or there is none."""
    closed = await writer.exec_driver_sql(_CLOSE, (case, by, reason))
    return closed.rowcount == 1


def _record(row: Any) -> CaseRecord:
    return CaseRecord(
        plain_uuid(row["id"]), CaseKind(row["kind"]), row["object"], row["provider"],
        OrderNumber(row["number"]) if row["number"] else None, msgspec.json.decode(row["facts"]), row["opened_at"],
        row["seen_at"], row["closed_at"],
        Actor(UserId(plain_uuid(row["closed_by"])), row["email"]) if row["closed_by"] else None, row["reason"],
    )  # fmt: skip
