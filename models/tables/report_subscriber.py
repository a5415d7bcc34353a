"""Who of staff is told by mail when a report is made: those who may see what it is about when it is."""

from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.audit import Actor
from models.database import Database, Writer
from models.ids import UserId
from models.reports.report import ReportKind, ReportOutline
from models.roles import GRANTS, REPORTS_NEED, STAFF, Scope
from models.tables import outbox
from models.tables.base import metadata, now_column, one_of, plain_uuid

report_subscribers = sa.Table(
    "report_subscribers", metadata,
    *one_of("kind", ReportKind, primary_key=True),
    sa.Column("user_id", pg.UUID(as_uuid=True), sa.ForeignKey("users.id"), primary_key=True, index=True),
    now_column(),
)  # fmt: skip

_ADD = """
INSERT INTO report_subscribers (kind, user_id)
SELECT $1, id FROM users WHERE id = $2 AND archived_at IS NULL AND erasure_asked_at IS NULL AND roles && $3::text[]
ON CONFLICT (kind, user_id) DO NOTHING
"""
_REMOVE = "DELETE FROM report_subscribers WHERE kind = $1 AND user_id = $2"
_FOUND = """
SELECT s.user_id, u.email, s.created_at, u.archived_at IS NULL AND u.roles && $2::text[] AS told
FROM report_subscribers s JOIN users u ON u.id = s.user_id WHERE s.kind = $1 ORDER BY s.created_at, s.user_id
"""
_TOLD = """
SELECT s.user_id FROM report_subscribers s JOIN users u ON u.id = s.user_id
WHERE s.kind = $1 AND u.archived_at IS NULL AND u.roles && $2::text[]
"""
_IS_TOLD = f"{_TOLD} AND s.user_id = $3"


class Subscriber(msgspec.Struct, frozen=True):
    """Somebody who is told."""

    user: Actor
    since: datetime
    told: bool
    """False: they may not see what it is about any more, and are told nothing meanwhile."""


async def add(writer: Writer, kind: ReportKind, user: UserId) -> bool | None:
    """Tell them from now on. False: they are told already; None: they may not see it, or are nobody."""
    if (await writer.exec_driver_sql(_ADD, (kind, user, _roles(kind)))).rowcount:
        return True
    known = (await writer.exec_driver_sql(_IS_TOLD, (kind, _roles(kind), user))).one_or_none()
    return None if known is None else False


async def remove(writer: Writer, kind: ReportKind, user: UserId) -> bool:
    """Tell them no more. False: they are not told."""
    return (await writer.exec_driver_sql(_REMOVE, (kind, user))).rowcount == 1


async def of_kind(database: Database, kind: ReportKind) -> list[Subscriber]:
    """Who is told of such reports, the first one first."""
    rows = await database.fetch(_FOUND, kind, _roles(kind))
    return [
        Subscriber(Actor(UserId(plain_uuid(row["user_id"])), row["email"]), row["created_at"], row["told"])
        for row in rows
    ]  # fmt: skip


async def tell(writer: Writer, report: ReportOutline) -> int:
    """Write to all who want to be told of a report; how many they are."""
    rows = (await writer.exec_driver_sql(_TOLD, (report.kind, _roles(report.kind)))).all()
    facts = {"report": report.id, "kind": report.kind, "day": report.day,
             "figures": [msgspec.structs.asdict(each) for each in report.figures]}  # fmt: skip
    for row in rows:
        user = UserId(plain_uuid(row.user_id))
        await outbox.write_account_letter(writer, "report_ready", user, f"report_ready/{report.id}/{user}", facts)
    return len(rows)


def _roles(kind: ReportKind) -> list[str]:
    """Roles that let one see such reports."""
    return [role.value for role in sorted(STAFF) if {Scope.REPORTS_READ, REPORTS_NEED[kind]} <= GRANTS[role]]
