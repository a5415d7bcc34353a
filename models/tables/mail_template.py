"""The shop's own sources of letters, every version of them, and which one is in force; none: the built-in one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.audit import Actor
from models.database import Database, Reader, Writer
from models.ids import UserId, new_id
from models.tables.base import key, metadata, moment, now_column, plain_uuid
from models.wording.composing import Source
from models.wording.own import Own

mail_templates = sa.Table(
    "mail_templates", metadata,
    key(),
    sa.Column("template", sa.Text, nullable=False, comment="name of a letter: a file of models/wording/templates/"),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, comment="counts those of a letter in a language, from 1"),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("html", sa.Text, comment="null: made of the text"),
    sa.Column("active", sa.Boolean, nullable=False, comment="letters are made of it; one of a letter in a language"),
    sa.Column("author", pg.UUID(as_uuid=True), nullable=False, comment="who of staff wrote it"),
    sa.Column("reason", sa.Text),
    now_column(),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0", comment="letters it could not be used for"),
    sa.Column("failure", sa.Text, comment="why not, the last time"),
    moment("failed_at", nullable=True),
    sa.UniqueConstraint("template", "language", "version"),
    sa.Index("ux_mail_templates_one_active", "template", "language", unique=True,
             postgresql_where=sa.text("active")),
)  # fmt: skip


class TemplateVersion(msgspec.Struct, frozen=True):
    """One version of a letter's source."""

    version: int
    active: bool
    """Letters are made of it."""
    author: Actor
    reason: str | None
    created_at: datetime
    failures: int
    """Letters for which it could not be used; they left as the built-in source has them."""
    failure: str | None
    """Why not, the last time."""
    failed_at: datetime | None


class TemplateSource(msgspec.Struct, frozen=True):
    """What a version says."""

    version: int
    source: Source
    active: bool


class InForce(msgspec.Struct, frozen=True):
    """Of a letter in a language: what there is beside the built-in source."""

    template: str
    language: str
    active: int | None
    """None: letters are made of the built-in source."""
    versions: int
    failures: int
    """Of the active version."""
    failure: str | None
    changed_at: datetime


_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('mail_templates/' || $1 || '/' || $2, 0))"
_ALL = """
SELECT template, language, max(version) FILTER (WHERE active) AS active, count(*) AS versions,
       coalesce(max(failures) FILTER (WHERE active), 0) AS failures, max(failure) FILTER (WHERE active) AS failure,
       max(created_at) AS changed_at
FROM mail_templates GROUP BY template, language
"""
_VERSIONS = """
SELECT t.version, t.active, t.author, u.email, t.reason, t.created_at, t.failures, t.failure, t.failed_at
FROM mail_templates t LEFT JOIN users u ON u.id = t.author AND u.erased_at IS NULL
WHERE t.template = $1 AND t.language = $2 ORDER BY t.version DESC LIMIT 100
"""
_ONE = """
SELECT version, subject, text, html, active FROM mail_templates
WHERE template = $1 AND language = $2 AND CASE WHEN $3::int IS NULL THEN active ELSE version = $3 END
"""
_ACTIVE = """
SELECT id, template, language, subject, text, html FROM mail_templates WHERE active AND template = ANY ($1::text[])
"""
_REST = "UPDATE mail_templates SET active = false WHERE template = $1 AND language = $2 AND active RETURNING version"
_PUT = """
INSERT INTO mail_templates (id, template, language, version, subject, text, html, active, author, reason)
SELECT $1, $2, $3, coalesce(max(version), 0) + 1, $4, $5, $6, true, $7, $8 FROM mail_templates
WHERE template = $2 AND language = $3
RETURNING version
"""
_ACTIVATE = """
UPDATE mail_templates SET active = true, failures = 0, failure = NULL, failed_at = NULL
WHERE template = $1 AND language = $2 AND version = $3
"""
_FAILED = "UPDATE mail_templates SET failures = failures + 1, failure = $2, failed_at = now() WHERE id = $1"


async def lock(writer: Writer, template: str, language: str) -> None:
    """Nobody else changes what is in force of this letter to the end of the transaction."""
    await writer.exec_driver_sql(_LOCK, (template, language))


async def overview(database: Database) -> list[InForce]:
    """Every letter and language of which there is, or was, a source of the shop's own."""
    return [
        InForce(
            row["template"], row["language"], row["active"], row["versions"], row["failures"], row["failure"],
            row["changed_at"],
        )
        for row in await database.fetch(_ALL)
    ]  # fmt: skip


async def versions(database: Database, template: str, language: str) -> list[TemplateVersion]:
    """The last hundred, newest first."""
    return [
        TemplateVersion(
            row["version"], row["active"], Actor(UserId(plain_uuid(row["author"])), row["email"]), row["reason"],
            row["created_at"], row["failures"], row["failure"], row["failed_at"],
        )
        for row in await database.fetch(_VERSIONS, template, language)
    ]  # fmt: skip


async def find(reader: Reader, template: str, language: str, version: int | None = None) -> TemplateSource | None:
    """One version, or the one in force; None: there is none."""
    row: Any = (await reader.exec_driver_sql(_ONE, (template, language, version))).one_or_none()
    return None if row is None else TemplateSource(row.version, Source(row.subject, row.text, row.html), row.active)


async def active(database: Database, templates: Sequence[str]) -> list[Own]:
    """What is in force of these letters, in every language."""
    return [
        Own(plain_uuid(row["id"]), row["template"], row["language"], Source(row["subject"], row["text"], row["html"]))
        for row in await database.fetch(_ACTIVE, list(templates))
    ]


async def put(
    writer: Writer, template: str, language: str, source: Source, author: UserId, reason: str | None
) -> int:  # fmt: skip
    """A new version, in force at once; its number."""
    await rest(writer, template, language)
    values = (new_id(), template, language, source.subject, source.text, source.html, author, reason)
    version: int = (await writer.exec_driver_sql(_PUT, values)).scalar_one()
    return version


async def activate(writer: Writer, template: str, language: str, version: int) -> None:
    """Letters are made of this version again."""
    await rest(writer, template, language)
    await writer.exec_driver_sql(_ACTIVATE, (template, language, version))


async def rest(writer: Writer, template: str, language: str) -> int | None:
    """Letters are made of the built-in source again. Returns: the version that was in force."""
    version: int | None = (await writer.exec_driver_sql(_REST, (template, language))).scalar()
    return version


async def note_failure(writer: Writer, source: UUID, why: str) -> None:
    """A letter could not be made of this source, and left as the built-in one has it."""
    await writer.exec_driver_sql(_FAILED, (source, why))
