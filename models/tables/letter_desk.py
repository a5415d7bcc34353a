"""Letters as staff find them: what waits, what left, what nobody took; and how one is sent again."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from models.database import Database, Reader, Writer
from models.ids import OrderNumber
from models.letter import LetterStatus
from models.tables.base import plain_uuid

_STATUS = """
CASE WHEN x.settled_at IS NULL THEN 'waiting' WHEN x.error IS NULL THEN 'sent'
     WHEN x.error LIKE 'withdrawn: %' THEN 'withdrawn' ELSE 'failed' END
"""
_CARD = f"""
SELECT x.id, x.payload ->> 'template' AS template, {_STATUS} AS status, o.number, x.user_id IS NOT NULL AS to_account,
       x.order_id IS NULL AND x.user_id IS NULL AS to_staff, x.created_at, x.tries, x.error, x.due_at, x.settled_at
FROM outbox x LEFT JOIN orders o ON o.id = x.order_id
"""  # noqa: S608
_HOW = {
    LetterStatus.WAITING: "x.settled_at IS NULL",
    LetterStatus.SENT: "x.settled_at IS NOT NULL AND x.error IS NULL",
    LetterStatus.FAILED: "x.settled_at IS NOT NULL AND x.error IS NOT NULL AND x.error NOT LIKE 'withdrawn: %'",
    LetterStatus.WITHDRAWN: "x.settled_at IS NOT NULL AND x.error LIKE 'withdrawn: %'",
}
"""In words that an index of the outbox knows."""


class LetterCard(msgspec.Struct, frozen=True):
    """A letter in a list: what of, and how far it is. Whom it is for is not told here."""

    id: UUID
    template: str
    status: LetterStatus
    order_number: OrderNumber | None
    """Null: it is about an account, or to the shop's own people."""
    to_staff: bool
    """It goes to the shop's own people."""
    created_at: datetime
    tries: int
    error: str | None
    """Why the last try failed, or why it was withdrawn; null: nothing is wrong."""
    next_try_at: datetime | None
    """Null: it is settled."""
    settled_at: datetime | None
    """When it left, was refused or was withdrawn."""


class Sought(msgspec.Struct, frozen=True):
    """Which letters staff look for. Filters add up; None: any."""

    status: LetterStatus | None = None
    order: OrderNumber | None = None
    template: str | None = None
    words: str | None = None
    """A part of the error."""


async def listed(database: Database, limit: int, sought: Sought, after: UUID | None = None) -> list[LetterCard]:
    """Newest first."""
    arguments: list[object] = [limit]
    conditions = ["x.topic = 'mail'"]

    def add(condition: str, value: object) -> None:
        arguments.append(value)
        conditions.append(condition.format(f"${len(arguments)}"))

    if sought.status is not None:
        conditions.append(_HOW[sought.status])
    if sought.order is not None:
        add("x.order_id = (SELECT id FROM orders WHERE number = {})", sought.order)
    if sought.template is not None:
        add("x.payload ->> 'template' = {}", sought.template)
    if sought.words is not None:
        add("x.error IS NOT NULL AND strpos(lower(x.error), lower({})) > 0", sought.words)
    if after is not None:
        add("x.id < {}", after)
    # Ids are born in the order of time. A status is met by five letters or by all: planned for what is asked.
    rows = await database.fetch_planned(
        f"{_CARD} WHERE {' AND '.join(conditions)} ORDER BY x.id DESC LIMIT $1", *arguments
    )
    return [_card(row) for row in rows]


async def find(reader: Reader, letter: UUID) -> LetterCard | None:
    """One letter; None: there is none of this id."""
    row = (await reader.exec_driver_sql(f"{_CARD} WHERE x.id = $1", (letter,))).mappings().one_or_none()
    return None if row is None else _card(row)


_RETRY = """
UPDATE outbox SET due_at = now(), settled_at = NULL
WHERE id = $1 AND topic = 'mail' AND (settled_at IS NULL OR (error IS NOT NULL AND error NOT LIKE 'withdrawn: %'))
RETURNING id
"""


async def retry(writer: Writer, letter: UUID) -> bool:
    """Have a letter that waits, or was refused, sent now. False: it was sent or withdrawn, and neither leaves again."""
    return (await writer.exec_driver_sql(_RETRY, (letter,))).rowcount == 1


def _card(row: Any) -> LetterCard:
    waits = row["settled_at"] is None
    return LetterCard(
        plain_uuid(row["id"]), row["template"], LetterStatus(row["status"]),
        OrderNumber(row["number"]) if row["number"] else None, row["to_staff"], row["created_at"], row["tries"],
        row["error"], row["due_at"] if waits else None, row["settled_at"],
    )  # fmt: skip
