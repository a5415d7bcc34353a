"""What staff know by a slug, which is given once for ever: listed, locked, made, changed and archived alike."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.ids import new_id
from models.tables.base import newest_first, plain_uuid

T = TypeVar("T", bound=msgspec.Struct)


class Named(Generic[T]):
    """Rows of `table`, as `record` tells them; what is no column of the table is `computed`."""

    def __init__(self, table: sa.Table, record: type[T], **computed: sa.ColumnElement[Any]) -> None:
        self.table = table
        self._record = record
        self._query = sa.select(
            table.c.id.label("_id"),
            *(computed[name].label(name) if name in computed else table.c[name] for name in record.__struct_fields__),
        )
        self._one = self._query.where(table.c.slug == sa.bindparam("named"))
        self._lock = sa.select(table.c.id).where(table.c.slug == sa.bindparam("named")).with_for_update(key_share=True)

    async def listed(
        self, database: Database, limit: int, after: Cursor | None, archived: bool, *wanted: sa.ColumnElement[bool]
    ) -> list[tuple[UUID, T]]:
        """Newest first, each with the id that its place in the list is told by: those in use, or those archived."""
        living = self.table.c.archived_at.is_(None)
        query = self._query.where(~living if archived else living, *wanted)
        async with database.reading() as reader:
            rows = await reader.execute(newest_first(query, self.table.c.created_at, self.table.c.id, limit, after))
            return [(plain_uuid(row["_id"]), self._told(row)) for row in rows.mappings()]

    def has(self, words: str) -> sa.ColumnElement[bool]:
        """Slug or name contain `words`, in whatever case."""
        return self.table.c.slug.icontains(words, autoescape=True) | self.table.c.name.icontains(words, autoescape=True)

    async def find(self, database: Database, slug: str) -> T | None:
        """One row, also an archived one."""
        async with database.reading() as reader:
            return await self.find_in(reader, slug)

    async def find_in(self, reader: Reader, slug: str) -> T | None:
        """The same on a connection that is open."""
        row = (await reader.execute(self._one, {"named": slug})).mappings().one_or_none()
        return None if row is None else self._told(row)

    async def lock(self, writer: Writer, slug: str) -> T | None:
        """One row, which nobody else changes to the end of the transaction."""
        found = await self.lock_with_id(writer, slug)
        return found[1] if found else None

    async def lock_with_id(self, writer: Writer, slug: str) -> tuple[UUID, T] | None:
        """The same, with its id."""
        # Two statements: one that had to wait for the lock would see what is computed as it was before it waited.
        id = (await writer.execute(self._lock, {"named": slug})).scalar()
        return None if id is None else (plain_uuid(id), await self.read(writer, slug))

    async def read(self, reader: Reader, slug: str) -> T:
        """A row that there is."""
        found = await self.find_in(reader, slug)
        assert found is not None
        return found

    async def insert(self, writer: Writer, slug: str, values: Mapping[str, Any]) -> UUID:
        """A new row; its id. Raises: Refusal `slug_taken`."""
        new = pg.insert(self.table).values(id=new_id(), slug=slug, **values).on_conflict_do_nothing()
        made = (await writer.execute(new.returning(self.table.c.id))).scalar()
        if made is None:
            raise Refusal("slug_taken", f"There is one with the slug {slug!r} already, maybe archived.", slug=slug)
        return plain_uuid(made)

    async def change(self, writer: Writer, slug: str, values: Mapping[str, Any]) -> T:
        """Other values for a locked row."""
        touched = {"updated_at": sa.func.now()} if "updated_at" in self.table.c else {}
        await writer.execute(sa.update(self.table).where(self.table.c.slug == slug).values({**touched, **values}))
        return await self.read(writer, slug)

    async def move(self, writer: Writer, slug: str, archived: bool) -> T:
        """Archive a locked row, or take it back into use."""
        return await self.change(writer, slug, {"archived_at": sa.func.now() if archived else None})

    def _told(self, row: Any) -> T:
        return msgspec.convert({name: row[name] for name in self._record.__struct_fields__}, self._record)


async def living(writer: Writer, table: sa.Table, slugs: Sequence[str], noun: str, plural: str) -> dict[str, UUID]:
    """The ids of what a request names. Raises: Refusal `<noun>_unknown`, or `archived` for what is."""
    query = sa.select(table.c.slug, table.c.id, table.c.archived_at).where(table.c.slug.in_(slugs))
    found = {row.slug: row for row in await writer.execute(query)}
    unknown = sorted(set(slugs) - found.keys())
    if unknown:
        raise Refusal(f"{noun}_unknown", f"There is no {noun} {unknown[0]!r}.", **{plural: unknown})
    gone = sorted(slug for slug, row in found.items() if row.archived_at is not None)
    if gone:
        raise Refusal("archived", f"The {noun} {gone[0]!r} is archived: restore it first.", **{plural: gone})
    return {slug: plain_uuid(found[slug].id) for slug in slugs}
