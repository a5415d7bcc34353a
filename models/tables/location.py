"""Where goods lie: warehouses and shops. `main` is there from the first day."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.ids import LocationId, new_id
from models.inventory import MAIN, MOST_LOCATIONS
from models.stock import LocationRecord
from models.tables.base import key, metadata, moment, newest_first, now_column, plain_uuid

locations = sa.Table(
    "locations", metadata,
    key(),
    sa.Column("code", sa.Text, nullable=False, unique=True, comment="what people and files call it; never changes"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("country", sa.String(2), comment="ISO 3166-1 alpha-2; null: nearest to nobody"),
    sa.Column("region", sa.Text),
    sa.Column("postal_code", sa.Text),
    sa.Column("priority", sa.Integer, nullable=False, server_default="100", comment="lower first"),
    now_column(),
    moment("archived_at", nullable=True, comment="set: gives and takes nothing; has nothing lying in it"),
)  # fmt: skip

FIRST = f"INSERT INTO locations (id, code, name, priority) VALUES ('{MAIN}', 'main', 'Main', 0)"  # noqa: S608 - ours
"""The row that the migrations begin with."""

_OPEN = "SELECT code, archived_at FROM locations WHERE id = ANY ($1::uuid[]) ORDER BY id FOR SHARE"


async def must_be_open(writer: Writer, ids: Iterable[LocationId]) -> None:
    """These locations take and give goods; nobody closes them to the end of the transaction.

    Raises: Refusal `archived`.
    """
    for row in await writer.exec_driver_sql(_OPEN, (list(ids),)):
        if row.archived_at is not None:
            raise Refusal("archived", f"The location {row.code} is archived.", location=row.code)


_COLUMNS = [locations.c[name] for name in LocationRecord.__struct_fields__]
_ONE = sa.select(locations.c.id, *_COLUMNS).where(locations.c.code == sa.bindparam("code"))
_IN_USE = "SELECT sum(on_hand)::int FROM stock_levels WHERE location_id = $1"


async def listed(
    database: Database, limit: int, after: Cursor | None, archived: bool
) -> list[tuple[LocationId, LocationRecord]]:
    """Newest first, each with its id: those in use, or those archived."""
    living = locations.c.archived_at.is_(None)
    query = sa.select(locations.c.id, *_COLUMNS).where(~living if archived else living)
    async with database.reading() as reader:
        rows = await reader.execute(newest_first(query, locations.c.created_at, locations.c.id, limit, after))
        return [_told(row) for row in rows.mappings()]


async def find(reader: Reader, code: str) -> tuple[LocationId, LocationRecord] | None:
    """One location with its id, also an archived one."""
    row = (await reader.execute(_ONE, {"code": code})).mappings().one_or_none()
    return None if row is None else _told(row)


async def lock(writer: Writer, code: str) -> tuple[LocationId, LocationRecord] | None:
    """The same, and nobody else changes it, or begins to use it, to the end of the transaction."""
    row = (await writer.execute(_ONE.with_for_update(), {"code": code})).mappings().one_or_none()
    return None if row is None else _told(row)


async def insert(writer: Writer, code: str, values: Mapping[str, Any]) -> LocationRecord:
    """A new location. Raises: Refusal `code_taken`, `locations_full`."""
    count: int = (await writer.execute(sa.select(sa.func.count()).select_from(locations))).scalar_one()
    if count >= MOST_LOCATIONS:
        raise Refusal("locations_full", f"A shop has at most {MOST_LOCATIONS} locations.", most=MOST_LOCATIONS)
    new = pg.insert(locations).values(id=new_id(), code=code, **values).on_conflict_do_nothing()
    if (await writer.execute(new.returning(locations.c.id))).first() is None:
        raise Refusal("code_taken", f"There is a location {code!r} already, maybe archived.", code=code)
    return await read(writer, code)


async def change(writer: Writer, code: str, values: Mapping[str, Any]) -> LocationRecord:
    """Other values for a locked location."""
    await writer.execute(sa.update(locations).where(locations.c.code == code).values(values))
    return await read(writer, code)


async def archive(writer: Writer, id: LocationId, code: str) -> LocationRecord:
    """Use a locked location no more. Raises: Refusal `location_in_use` while something lies there, and for `main`."""
    left: int = (await writer.exec_driver_sql(_IN_USE, (id,))).scalar() or 0
    if left:
        raise Refusal("location_in_use", "Goods lie there: send them elsewhere first.", on_hand=left)
    if id == MAIN:
        raise Refusal("location_in_use", "This is where goods lie of which nobody says where.", on_hand=0)
    return await change(writer, code, {"archived_at": sa.func.now()})


async def read(reader: Reader, code: str) -> LocationRecord:
    """A location that there is."""
    found = await find(reader, code)
    assert found is not None
    return found[1]


def _told(row: Any) -> tuple[LocationId, LocationRecord]:
    record = msgspec.convert({name: row[name] for name in LocationRecord.__struct_fields__}, LocationRecord)
    return LocationId(plain_uuid(row["id"])), record
