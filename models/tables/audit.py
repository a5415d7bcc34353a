"""What staff changed: who, what, when and why, appended in the transaction of the change."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Writer
from models.ids import UserId, new_id
from models.tables.base import Json, as_json, key, metadata, now_column

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
    now_column("at"),
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
