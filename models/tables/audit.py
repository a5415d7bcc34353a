"""What staff changed, in the transaction of the change, and what of people they read: who, when, why, from where."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.audit import Actor, Author, Change
from models.cursor import Cursor
from models.database import Database, Writer
from models.ids import UserId, new_id
from models.roles import Role
from models.tables.base import Json, as_json, key, metadata, moment, plain_uuid


def _roles() -> sa.Column[list[str]]:
    return sa.Column("roles", pg.ARRAY(sa.Text), nullable=False, server_default="{}", comment="what they had then")


audit_log = sa.Table(
    "audit_log", metadata,
    key(),
    sa.Column("actor_id", pg.UUID(as_uuid=True), comment="null: a command at the server itself"),
    _roles(),
    sa.Column("action", sa.Text, nullable=False, comment="`coupon.create`, `user.archive` …"),
    sa.Column("subject", sa.Text, nullable=False, comment="what was changed, by the name staff know it by"),
    sa.Column("before", Json, comment="the fields that changed; null: it is new"),
    sa.Column("after", Json),
    sa.Column("reason", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.Column("address", sa.Text,
              comment="where it was asked from: the network of an IPv6 address; null: nobody knows"),
    moment("at", server_default=sa.func.clock_timestamp(),
           comment="while the change holds its locks: changes of one thing stand in their order"),
    sa.Index("ix_audit_log_newest", sa.text("at DESC"), sa.text("id DESC")),
    sa.Index("ix_audit_log_subject", "subject"),
)  # fmt: skip

audit_readings = sa.Table(
    "audit_readings", metadata,
    key(),
    sa.Column("actor_id", pg.UUID(as_uuid=True), nullable=False),
    _roles(),
    sa.Column("action", sa.Text, nullable=False, comment="`order.read`, `payload.read` …"),
    sa.Column("subject", sa.Text, nullable=False,
              comment="what was read, by the name staff know it by; `list`: a page of several"),
    sa.Column("shown", sa.Text, comment="what the reader might see of it"),
    sa.Column("request_id", sa.Text),
    sa.Column("address", sa.Text, comment="where it was asked from: the network of an IPv6 address"),
    moment("at", server_default=sa.func.clock_timestamp(), comment="the first time within its hour"),
    sa.Index("ix_audit_readings_newest", sa.text("at DESC"), sa.text("id DESC")),
    sa.Index("ix_audit_readings_subject", "subject"),
    sa.Index("uq_audit_readings_hour", "actor_id", "roles", "action", "subject", sa.text("coalesce(address, ''::text)"),
             sa.text("date_trunc('hour'::text, (at AT TIME ZONE 'UTC'::text))"), unique=True),
)  # fmt: skip
"""Many more than changes, so they lie by themselves; they are told together."""

_APPEND = """
INSERT INTO audit_log (id, actor_id, roles, request_id, address, action, subject, before, after, reason)
VALUES ($1, $2, $3::text[], $4, $5, $6, $7, $8::jsonb, $9::jsonb, $10)
"""


async def append(
    writer: Writer,
    author: Author | None,
    action: str,
    subject: str | UUID,
    *,
    before: object = None,
    after: object = None,
    reason: str | None = None,
) -> None:
    """Write down a change of staff's, in its transaction. Never personal data beyond what staff must be able to see.

    `author`: None for a command at the server itself.
    """
    said = [None if value is None else as_json(value) for value in (before, after)]
    await writer.exec_driver_sql(_APPEND, (new_id(), *_who(author), action, str(subject), *said, reason))


_APPEND_ALL = """
INSERT INTO audit_log (id, actor_id, roles, request_id, address, action, reason, subject, before, after)
SELECT id, $1, $2::text[], $3, $4, $5, $6, subject, before, after
FROM unnest($7::uuid[], $8::text[], $9::jsonb[], $10::jsonb[]) AS each (id, subject, before, after)
"""


async def append_all(
    writer: Writer, author: Author, action: str, changes: Sequence[tuple[str, object, object]], reason: str | None
) -> None:
    """The same change of many things: subject, before and after of each."""
    columns = (
        [new_id() for _ in changes], [subject for subject, _, _ in changes],
        [as_json(before) for _, before, _ in changes], [as_json(after) for _, _, after in changes],
    )  # fmt: skip
    await writer.exec_driver_sql(_APPEND_ALL, (*_who(author), action, reason, *columns))


_APPEND_READINGS = """
INSERT INTO audit_readings (id, actor_id, roles, request_id, address, action, shown, subject)
SELECT id, $1, $2::text[], $3, $4, $5, $6, subject FROM unnest($7::uuid[], $8::text[]) AS each (id, subject)
ON CONFLICT (actor_id, roles, action, subject, (coalesce(address, ''::text)),
             (date_trunc('hour'::text, (at AT TIME ZONE 'UTC'::text)))) DO NOTHING
"""


async def append_readings(
    database: Database, author: Author, action: str, subjects: Sequence[str], shown: str | None = None
) -> None:
    """Write down who reads these, `….read`: once an hour, a person with their roles, a subject and an address."""
    ids = [new_id() for _ in subjects]
    async with database.writing() as writer:
        await writer.exec_driver_sql(_APPEND_READINGS, (*_who(author), action, shown, ids, list(subjects)))


def _who(author: Author | None) -> tuple[UserId | None, list[Role], str | None, str | None]:
    return (author.user, list(author.roles), author.request_id, author.address) if author else (None, [], None, None)


_LISTED = """
SELECT a.id, a.at, a.actor_id, u.email, a.roles, a.action, a.subject, a.before::text, a.after::text, a.reason,
       a.request_id, a.address
FROM (
    SELECT id, at, actor_id, roles, action, subject, before, after, reason, request_id, address FROM audit_log
    UNION ALL
    SELECT id, at, actor_id, roles, action, subject, NULL,
           CASE WHEN shown IS NOT NULL THEN jsonb_build_object('shown', shown) END, NULL, request_id, address
    FROM audit_readings
) a LEFT JOIN users u ON u.id = a.actor_id AND u.erased_at IS NULL
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
            roles=[Role(role) for role in row["roles"]], action=row["action"], subject=row["subject"],
            before=_decoded(row["before"]), after=_decoded(row["after"]),
            reason=row["reason"], request_id=row["request_id"], address=row["address"],
        )
        for row in rows
    ]  # fmt: skip


def _decoded(value: str | None) -> object:
    return None if value is None else msgspec.json.decode(value)
