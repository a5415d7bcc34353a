"""Addresses at which nobody reads mail, as a mail server has said; whoever a letter reaches again is none of them."""

from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.ids import new_id
from models.tables.base import key, metadata, moment, now_column, plain_uuid

mail_bounces = sa.Table(
    "mail_bounces", metadata,
    key(),
    sa.Column("address", sa.Text, nullable=False, unique=True, comment="lower case"),
    sa.Column("letter_id", pg.UUID(as_uuid=True), nullable=False, comment="the last one that was refused"),
    sa.Column("error", sa.Text, nullable=False, comment="what the mail server said of it"),
    sa.Column("times", sa.Integer, nullable=False, server_default="1"),
    now_column("first_at"),
    moment("last_at", server_default=sa.func.now()),
)  # fmt: skip


class Bounce(msgspec.Struct, frozen=True):
    """An address at which nobody reads mail."""

    id: UUID
    address: str
    error: str
    """What the mail server said last."""
    letter: UUID
    """The last letter that was refused."""
    times: int
    first_at: datetime
    last_at: datetime


_MARK = """
INSERT INTO mail_bounces AS known (id, address, letter_id, error)
SELECT $2, lower(coalesce(o.email, u.email)), x.id, $3
FROM outbox x LEFT JOIN orders o ON o.id = x.order_id LEFT JOIN users u ON u.id = x.user_id
WHERE x.id = $1 AND x.settled_at IS NULL AND NOT x.payload ? 'to' AND coalesce(o.email, u.email) IS NOT NULL
ON CONFLICT (address) DO UPDATE SET letter_id = excluded.letter_id, error = excluded.error, times = known.times + 1,
    last_at = now()
"""
_REACHED = """
DELETE FROM mail_bounces WHERE address IN (
    SELECT lower(coalesce(o.email, u.email))
    FROM outbox x LEFT JOIN orders o ON o.id = x.order_id LEFT JOIN users u ON u.id = x.user_id
    WHERE x.id = ANY ($1::uuid[])
)
"""
_FORGET = "DELETE FROM mail_bounces WHERE id = $1 RETURNING id"
_OF = "SELECT error FROM mail_bounces WHERE address = lower($1)"
_PAGE = """
SELECT id, address, error, letter_id AS letter, times, first_at, last_at FROM mail_bounces
WHERE $2::timestamptz IS NULL OR (first_at, id) < ($2, $3::uuid)
ORDER BY first_at DESC, id DESC LIMIT $1
"""


async def mark(writer: Writer, letter: UUID, error: str) -> None:
    """Nobody reads mail where this letter went; said before the letter is settled, and once for each."""
    await writer.exec_driver_sql(_MARK, (letter, new_id(), error))


async def reached(writer: Writer, letters: list[UUID]) -> None:
    """These letters arrived: somebody reads mail at their addresses."""
    await writer.exec_driver_sql(_REACHED, (letters,))


async def forget(writer: Writer, bounce: UUID) -> bool:
    """Take the mark off an address. False: there is none of this id."""
    return (await writer.exec_driver_sql(_FORGET, (bounce,))).rowcount == 1


async def of(reader: Reader, address: str) -> str | None:
    """What a mail server said last of an address; None: nothing bad."""
    said: str | None = (await reader.exec_driver_sql(_OF, (address,))).scalar()
    return said


async def listed(database: Database, limit: int, after: Cursor | None = None) -> list[Bounce]:
    """Newest first."""
    place = (after.at, after.id) if after else (None, None)
    return [
        Bounce(
            plain_uuid(row["id"]), row["address"], row["error"], plain_uuid(row["letter"]), row["times"],
            row["first_at"], row["last_at"],
        )
        for row in await database.fetch(_PAGE, limit, *place)
    ]  # fmt: skip
