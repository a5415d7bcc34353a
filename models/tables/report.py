"""Reports that were made, with their files: a day has one of a kind, and another only when somebody wants it anew."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor
from models.database import Database, Writer
from models.reports.report import ReportFormat, ReportKind, ReportOutline
from models.tables.base import Json, as_json, key, metadata, moment, one_of

reports = sa.Table(
    "reports", metadata,
    key(),
    *one_of("kind", ReportKind),
    sa.Column("day", sa.Date, nullable=False, comment="of the shop's own, in its time zone"),
    sa.Column("revision", sa.Integer, nullable=False, comment="1, or how often it was made anew"),
    sa.Column("timezone", sa.Text, nullable=False),
    moment("starts_at"),
    moment("ends_at", comment="the first moment that is no longer of it"),
    sa.Column("figures", Json, nullable=False, comment="what tells most of it"),
    sa.Column("tables", Json, nullable=False, comment="names of its tables"),
    sa.Column("made_by", sa.Text, nullable=False),
    moment("made_at"),
    sa.UniqueConstraint("kind", "day", "revision"),
    sa.CheckConstraint("revision > 0 AND starts_at < ends_at", name="of_some_time"),
    sa.Index("ix_reports_newest", sa.text("made_at DESC"), sa.text("id DESC")),
)  # fmt: skip

report_files = sa.Table(
    "report_files", metadata,
    sa.Column("report_id", pg.UUID(as_uuid=True), sa.ForeignKey("reports.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True, comment="`json`, `xlsx`, or `csv/` and the name of a table"),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
)  # fmt: skip

_WRITE = """
WITH made AS (
    INSERT INTO reports (id, kind, day, revision, timezone, starts_at, ends_at, figures, made_by, made_at, tables)
    VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $14::jsonb)
    ON CONFLICT (kind, day, revision) DO NOTHING RETURNING id
)
INSERT INTO report_files (report_id, name, content, sha256)
SELECT made.id, file.name, file.content, file.sha256
FROM made, unnest($11::text[], $12::bytea[], $13::text[]) AS file (name, content, sha256)
"""
_LAST = """
SELECT * FROM reports WHERE kind = $1 AND day = $2 AND ($3::int IS NULL OR revision = $3)
ORDER BY revision DESC LIMIT 1
"""
_REVISION = "SELECT coalesce(max(revision), 0) FROM reports WHERE kind = $1 AND day = $2"
_FIND = "SELECT * FROM reports WHERE id = $1"
_LISTED = """
SELECT * FROM reports
WHERE kind = ANY ($2::text[]) AND ($3::date IS NULL OR day = $3)
  AND ($4::timestamptz IS NULL OR (made_at, id) < ($4, $5::uuid))
ORDER BY made_at DESC, id DESC LIMIT $1
"""
_FILE = "SELECT content, sha256 FROM report_files WHERE report_id = $1 AND name = $2"


class ReportFile(msgspec.Struct, frozen=True):
    """One file of a report."""

    content: bytes
    sha256: str


def file_name(format: ReportFormat, sheet: str | None = None) -> str:
    """Under which a report's file is kept; of CSV, each table has its own."""
    return f"{format}/{sheet}" if sheet is not None else format.value


async def write(writer: Writer, report: ReportOutline, files: Mapping[str, bytes]) -> bool:
    """Keep a report. False: the day has this revision of it already."""
    made = await writer.exec_driver_sql(
        _WRITE,
        (
            report.id, report.kind, report.day, report.revision, report.timezone, report.starts_at, report.ends_at,
            as_json(report.figures), report.made_by, report.made_at, list(files), list(files.values()),
            [hashlib.sha256(content).hexdigest() for content in files.values()], as_json(report.tables),
        ),
    )  # fmt: skip
    return made.rowcount > 0


async def last(database: Database, kind: ReportKind, day: date, revision: int | None = None) -> ReportOutline | None:
    """A day's report: its last revision, or the one that is named; None: there is none."""
    rows = await database.fetch(_LAST, kind, day, revision)
    return _outline(rows[0]) if rows else None


async def last_revision(writer: Writer, kind: ReportKind, day: date) -> int:
    """Of a day's report; 0: there is none."""
    found: int = (await writer.exec_driver_sql(_REVISION, (kind, day))).scalar_one()
    return found


async def find(database: Database, id: UUID) -> ReportOutline | None:
    """The report of this id."""
    rows = await database.fetch(_FIND, id)
    return _outline(rows[0]) if rows else None


async def listed(
    database: Database, limit: int, kinds: Sequence[ReportKind], day: date | None, after: Cursor | None
) -> list[ReportOutline]:
    """Of these kinds, made last first."""
    place = (after.at, after.id) if after else (None, None)
    return [_outline(row) for row in await database.fetch_planned(_LISTED, limit, list(kinds), day, *place)]


async def file(database: Database, report: UUID, name: str) -> ReportFile | None:
    """One of its files; None: it has none of this name."""
    rows = await database.fetch(_FILE, report, name)
    return ReportFile(rows[0]["content"], rows[0]["sha256"]) if rows else None


def _outline(row: Any) -> ReportOutline:
    told = {name: msgspec.json.decode(row[name]) for name in ("figures", "tables")}
    return msgspec.convert({**row, **told}, ReportOutline)
