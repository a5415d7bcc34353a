"""Words that mean the same to shoppers, as staff keep them."""

from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.ids import new_id
from models.search.text import words
from models.tables.base import key, metadata, newest_first, now_column, plain_uuid

search_synonyms = sa.Table(
    "search_synonyms", metadata,
    key(),
    sa.Column("terms", pg.ARRAY(sa.Text), nullable=False, comment="each means the same as all others"),
    now_column(),
)  # fmt: skip

MOST_GROUPS = 500


class Synonyms(msgspec.Struct, frozen=True):
    """Terms of which each finds what the others find."""

    id: UUID
    terms: list[str]
    created_at: datetime


_COLUMNS = [search_synonyms.c[name] for name in Synonyms.__struct_fields__]


async def terms(database: Database) -> list[list[tuple[str, ...]]]:
    """All groups, each term as the words that are compared."""
    rows = await database.fetch("SELECT terms FROM search_synonyms ORDER BY created_at, id")
    return [[tuple(words(term)) for term in row["terms"]] for row in rows]


async def listed(database: Database, limit: int, after: Cursor | None) -> list[Synonyms]:
    """Newest first."""
    query = sa.select(*_COLUMNS)
    async with database.reading() as reader:
        rows = await reader.execute(
            newest_first(query, search_synonyms.c.created_at, search_synonyms.c.id, limit, after)
        )
        return [_synonyms(row) for row in rows.mappings()]


async def find(reader: Reader, group: UUID, *, lock: bool = False) -> Synonyms | None:
    """One group; with `lock`, nobody else changes it before this transaction ends."""
    query = sa.select(*_COLUMNS).where(search_synonyms.c.id == group)
    row = (await reader.execute(query.with_for_update() if lock else query)).mappings().first()
    return None if row is None else _synonyms(row)


async def create(writer: Writer, terms: list[str]) -> Synonyms:
    """One more group. Raises: Refusal `synonyms_full`."""
    await writer.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("search_synonyms"))))
    known = (await writer.execute(sa.select(sa.func.count()).select_from(search_synonyms))).scalar_one()
    if known >= MOST_GROUPS:
        raise Refusal("synonyms_full", f"There are {MOST_GROUPS} groups of synonyms, which is as many as there can be.")
    made = sa.insert(search_synonyms).values(id=new_id(), terms=terms).returning(*_COLUMNS)
    row = (await writer.execute(made)).mappings().one()
    await _note(writer)
    return _synonyms(row)


async def change(writer: Writer, group: UUID, terms: list[str]) -> None:
    """Other terms from now on."""
    await writer.execute(sa.update(search_synonyms).where(search_synonyms.c.id == group).values(terms=terms))
    await _note(writer)


async def remove(writer: Writer, group: UUID) -> None:
    """They mean the same no longer."""
    await writer.execute(sa.delete(search_synonyms).where(search_synonyms.c.id == group))
    await _note(writer)


async def _note(writer: Writer) -> None:
    """Let the index know, in the transaction of the change."""
    await writer.exec_driver_sql("INSERT INTO catalogue_changes (reader, word) VALUES ('search', 'synonyms')")


def _synonyms(row: sa.RowMapping) -> Synonyms:
    return Synonyms(plain_uuid(row["id"]), list(row["terms"]), row["created_at"])
