"""What staff changed: who, what, when and why, appended in the transaction of the change."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.audit import Actor, Change
from models.cursor import Cursor
from models.database import Database, Writer
from models.ids import UserId, new_id
from models.tables.base import Json, as_json, key, metadata, moment, plain_uuid

audit_log = sa.Table(
    "audit_log", metadata,
    key(),
    sa.Column("actor_id", pg.UUID(as_uuid=True), comment="null: a command at the server itself"),
    sa.Column("action", sa.Text, nullable=False, comment="`coupon.create`, `user.archive` …"),
    sa.Column("subject", sa.Text, nullable=False, comment="what was changed, by the name staff know it by"),
    sa.Column("before", Json, comment="the fields that changed; null: it is new"),
    sa.Column("after", Json),
    sa.Column("reason", sa.Text),
    sa.Column("request_id", sa.Text),
    moment("at", server_default=sa.func.clock_timestamp(),
           comment="while the change holds its locks: changes of one thing stand in their order"),
    sa.Index("ix_audit_log_newest", sa.text("at DESC"), sa.text("id DESC")),
    sa.Index("ix_audit_log_subject", "subject"),
)  # fmt: skip

_APPEND = """
INSERT INTO audit_log (id, actor_id, action, subject, before, after, reason, request_id)
VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7, $8)
"""


async def append(
    writer: Writer,
    actor: UserId | None,
    action: str,
    subject: str | UUID,
    *,
    before: object = None,
    after: object = None,
    reason: str | None = None,
    request_id: str | None = None,
) -> None:
    """Write down a change of staff's, in its transaction. Never personal data beyond what staff must be able to see."""
    said = [None if value is None else as_json(value) for value in (before, after)]
    await writer.exec_driver_sql(_APPEND, (new_id(), actor, action, str(subject), *said, reason, request_id))


_APPEND_ALL = """
INSERT INTO audit_log (id, actor_id, action, subject, before, after, reason, request_id)
SELECT id, $1, $2, subject, before, after, $3, $4
FROM unnest($5::uuid[], $6::text[], $7::jsonb[], $8::jsonb[]) AS each (id, subject, before, after)
"""


async def append_all(
    writer: Writer,
    actor: UserId | None,
    action: str,
    changes: Sequence[tuple[str, object, object]],
    reason: str | None = None,
    request_id: str | None = None,
) -> None:
    """The same change of many things: subject, before and after of each."""
    columns = (
        [new_id() for _ in changes], [subject for subject, _, _ in changes],
        [as_json(before) for _, before, _ in changes], [as_json(after) for _, _, after in changes],
    )  # fmt: skip
    await writer.exec_driver_sql(_APPEND_ALL, (actor, action, reason, request_id, *columns))


_LISTED = """
SELECT a.id, a.at, a.actor_id, u.email, a.action, a.subject, a.before::text, a.after::text, a.reason, a.request_id
FROM audit_log a LEFT JOIN users u ON u.id = a.actor_id AND u.erased_at IS NULL
"""


async def listed(
    database: Database,
    limit: int,
    subject: str | None = None,
    actor: UserId | None = None,
    action: str | None = None,
    after: Cursor | None = None,
) -> list[Change]:
    """What was changed, newest first; only of `subject`, by `actor`, and what is called `action`, where given."""
    arguments: list[object] = [limit]
    wanted = []
    for column, value in (("subject", subject), ("actor_id", actor), ("action", action)):
        if value is not None:
            arguments.append(value)
            wanted.append(f"a.{column} = ${len(arguments)}")
    if after is not None:
        arguments += [after.at, after.id]
        wanted.append(f"(a.at, a.id) < (${len(arguments) - 1}, ${len(arguments)})")
    where = f"WHERE {' AND '.join(wanted)} " if wanted else ""
    rows = await database.fetch(f"{_LISTED}{where}ORDER BY a.at DESC, a.id DESC LIMIT $1", *arguments)
    return [
        Change(
            id=plain_uuid(row["id"]), at=row["at"],
            actor=Actor(UserId(plain_uuid(row["actor_id"])), row["email"]) if row["actor_id"] else None,
            action=row["action"], subject=row["subject"],
            before=_decoded(row["before"]), after=_decoded(row["after"]),
            reason=row["reason"], request_id=row["request_id"],
        )
        for row in rows
    ]  # fmt: skip


def _decoded(value: str | None) -> object:
    return None if value is None else msgspec.json.decode(value)
