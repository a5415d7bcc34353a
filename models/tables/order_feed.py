"""What happened to all orders, told to whoever follows them: each fact once, and none passed over.

A fact that was written earlier may come to light later, when its transaction ends. So facts are told in the order of
their transactions (`order_events.xid`), and only once no transaction is under way any more that began before: what is
not there by then never will be. A reader's place moves in the transaction that does what the facts ask for: both
happen, or neither does, however many workers try.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database, Writer
from models.ids import OrderId
from models.tables.base import TransactionId, metadata, plain_uuid

order_readers = sa.Table(
    "order_readers", metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("id", pg.UUID(as_uuid=True), nullable=False, server_default="00000000-0000-0000-0000-000000000000",
              comment="of the last event that was taken"),
    sa.Column("xid", TransactionId, nullable=False, server_default="0", comment="of the transaction that wrote it"),
)  # fmt: skip


class Told(msgspec.Struct, frozen=True):
    """One fact of one order."""

    id: UUID
    order: OrderId
    type: str
    actor: str
    at: datetime
    facts: Mapping[str, Any]


_NEXT = """
    e.type = ANY ({types}::text[]) AND (e.xid, e.id) > (r.xid, r.id)
    AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
"""
_WAITING = f"""
SELECT EXISTS (
    SELECT FROM (
        SELECT xid, id FROM order_readers WHERE name = $1
        UNION ALL
        SELECT '0'::xid8, '00000000-0000-0000-0000-000000000000'::uuid
        WHERE NOT EXISTS (SELECT FROM order_readers WHERE name = $1)
    ) r, LATERAL (SELECT FROM order_events e WHERE {_NEXT.format(types="$2")} ORDER BY e.xid, e.id LIMIT 1) found
)
"""  # noqa: S608
_OPEN = "INSERT INTO order_readers (name) VALUES ($1) ON CONFLICT DO NOTHING"
_LOCK = "SELECT name FROM order_readers WHERE name = $1 FOR UPDATE"
_TAKE = f"""
SELECT r.xid > pg_snapshot_xmax(pg_current_snapshot()) AS ahead,
       pg_snapshot_xmin(pg_current_snapshot())::text AS horizon,
       e.id, e.order_id, e.type, e.actor, e.at, e.facts::text AS facts, e.xid::text AS xid
FROM order_readers r LEFT JOIN LATERAL (
    SELECT * FROM order_events e WHERE {_NEXT.format(types="$2")} ORDER BY e.xid, e.id LIMIT $3
) e ON true
WHERE r.name = $1 ORDER BY e.xid, e.id
"""  # noqa: S608
_MOVE = "UPDATE order_readers SET xid = $2::text::xid8, id = $3 WHERE name = $1"
_BEFORE_ALL = UUID(int=0)


async def waiting(database: Database, reader: str, types: Sequence[str]) -> bool:
    """Whether there is anything for `take`: one cheap look."""
    return bool((await database.fetch(_WAITING, reader, list(types)))[0][0])


async def take(writer: Writer, reader: str, types: Sequence[str], most: int) -> list[Told]:
    """The next facts of these types that `reader` was not told, oldest first; a new one begins at the first there is.

    Nobody else takes for this reader to the end of the transaction; if it fails, nothing was taken.
    Raises: RuntimeError when the database was restored into a cluster that numbers its transactions from lower on.
    """
    if not (await writer.exec_driver_sql(_LOCK, (reader,))).all():
        await writer.exec_driver_sql(_OPEN, (reader,))
        await writer.exec_driver_sql(_LOCK, (reader,))
    # A statement of its own: it has to see what was committed while this one waited for its turn.
    rows = (await writer.exec_driver_sql(_TAKE, (reader, list(types), most))).all()
    if rows[0].ahead:
        raise RuntimeError(f"reader {reader} is ahead of all transactions: see docs/operating.md, After a restore")
    found = [row for row in rows if row.id is not None]
    # Where nothing more is waiting, facts of other types are passed over, too: they are not looked through again.
    place = (found[-1].xid, found[-1].id) if len(found) == most else (rows[0].horizon, _BEFORE_ALL)
    await writer.exec_driver_sql(_MOVE, (reader, *place))
    return [
        Told(plain_uuid(row.id), OrderId(plain_uuid(row.order_id)), row.type, row.actor, row.at,
             msgspec.json.decode(row.facts))
        for row in found
    ]  # fmt: skip


_SKIP = f"""
UPDATE order_readers r SET xid = pg_snapshot_xmin(pg_current_snapshot()), id = '{_BEFORE_ALL}'
WHERE r.name = $1 AND r.xid < pg_snapshot_xmin(pg_current_snapshot())
AND NOT EXISTS (SELECT FROM order_events e WHERE {_NEXT.format(types="$2")})
"""  # noqa: S608


async def skip(writer: Writer, reader: str, types: Sequence[str]) -> None:
    """Pass over what is none of these types, so that the next look is as cheap as the first one was."""
    await writer.exec_driver_sql(_SKIP, (reader, list(types)))
