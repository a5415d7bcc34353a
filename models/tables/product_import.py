"""Imports of products: how far each has come, and what is wrong with its lines."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.product_import import BadRow, ImportOpened, ImportStatus, ProductImport
from models.tables.base import Json, key, metadata, moment, newest_first, now_column, one_of, plain_uuid

product_imports = sa.Table(
    "product_imports", metadata,
    key(),
    sa.Column("digest", sa.Text, nullable=False, comment="SHA-256 of the file: what makes two requests the same"),
    sa.Column("file", sa.Text, nullable=False, comment="its name in the storage, until it is over"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes"),
    sa.Column("dry_run", sa.Boolean, nullable=False),
    *one_of("status", ImportStatus),
    sa.Column("columns", Json, comment="names in the first line; null: not read yet"),
    sa.Column("delimiter", sa.Text, nullable=False, server_default=","),
    sa.Column("begin", sa.BigInteger, nullable=False, server_default="0", comment="bytes of the first line"),
    sa.Column("done", sa.BigInteger, nullable=False, server_default="0", comment="bytes checked, or imported"),
    sa.Column("next_line", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("rows", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("problems", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("products_created", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("products_changed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("variants_created", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("variants_changed", sa.BigInteger, nullable=False, server_default="0"),
    now_column(),
    moment("finished_at", nullable=True),
    sa.Index("ix_product_imports_newest", sa.text("created_at DESC"), sa.text("id DESC")),
)  # fmt: skip

product_import_problems = sa.Table(
    "product_import_problems", metadata,
    sa.Column("import_id", pg.UUID(as_uuid=True), sa.ForeignKey("product_imports.id"), primary_key=True),
    sa.Column("line", sa.BigInteger, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, comment="among those of the line"),
    sa.Column("column", sa.Text, comment="null: the row as a whole"),
    sa.Column("reason", sa.Text, nullable=False),
)  # fmt: skip

product_import_names = sa.Table(
    "product_import_names", metadata,
    sa.Column("import_id", pg.UUID(as_uuid=True), sa.ForeignKey("product_imports.id"), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True, comment="`product` or `sku`"),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("line", sa.BigInteger, nullable=False, comment="where it was read first"),
)  # fmt: skip
"""What was read already, while a file is checked: no product begins twice, no SKU is there twice."""

_t = product_imports.c
_TOLD = [_t[name] for name in ProductImport.__struct_fields__]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARK = """
INSERT INTO product_import_names (import_id, kind, name, line)
SELECT $1, $2, name, line FROM unnest($3::text[], $4::bigint[]) AS new (name, line) ORDER BY name
ON CONFLICT DO NOTHING
"""
_MARKED = "SELECT name, line FROM product_import_names WHERE import_id = $1 AND kind = $2 AND name = ANY ($3::text[])"


class Work(msgspec.Struct, frozen=True):
    """An import as whoever goes on with it needs it."""

    id: UUID
    file: str
    size: int
    dry_run: bool
    status: ImportStatus
    columns: list[str] | None
    delimiter: str
    begin: int
    done: int
    next_line: int
    problems: int


_WORK = sa.select(*(_t[name] for name in Work.__struct_fields__))


async def begin(
    writer: Writer, id: UUID, file: str, digest: str, size: int, dry_run: bool
) -> tuple[ImportOpened, bool]:
    """Write an import down; the first one under an id stays. Returns it, and whether it is new."""
    values = {"id": id, "file": file, "digest": digest, "size": size, "dry_run": dry_run}
    new = pg.insert(product_imports).values(**values, status=ImportStatus.CHECKING).on_conflict_do_nothing()
    made = (await writer.execute(new.returning(_t.id))).scalar()
    found = await opened(writer, id)
    assert found is not None
    return found, made is not None


async def opened(reader: Reader, id: UUID) -> ImportOpened | None:
    """An import, and what file it is of."""
    row = (await reader.execute(sa.select(*_TOLD, _t.digest, _t.file).where(_t.id == id))).mappings().one_or_none()
    return None if row is None else ImportOpened(_told(row), row["digest"], row["file"])


async def listed(database: Database, limit: int, after: Cursor | None) -> list[ProductImport]:
    """Newest first."""
    async with database.reading() as reader:
        rows = await reader.execute(newest_first(sa.select(*_TOLD), _t.created_at, _t.id, limit, after))
        return [_told(row) for row in rows.mappings()]


async def work(reader: Reader, id: UUID) -> Work:
    """What is to be done."""
    return await _work(reader, _WORK.where(_t.id == id))


async def take_up(writer: Writer, id: UUID) -> Work:
    """The same, and nobody else does it to the end of the transaction."""
    return await _work(writer, _WORK.where(_t.id == id).with_for_update())


async def change(writer: Writer, id: UUID, added: Mapping[str, int] | None = None, **values: Any) -> ProductImport:
    """Write down how far an import has come; numbers in `added` are added, unless they are given anew."""
    more = {name: _t[name] + number for name, number in (added or {}).items() if number and name not in values}
    if ImportStatus(values.get("status", ImportStatus.CHECKING)).is_over:
        values["finished_at"] = sa.func.now()
    if values or more:
        await writer.execute(sa.update(product_imports).where(_t.id == id).values(**values, **more))
    found = await opened(writer, id)
    assert found is not None
    return found.known


async def note(writer: Writer, id: UUID, problems: Sequence[BadRow]) -> None:
    """Keep what is wrong with lines that nobody has read before."""
    if not problems:
        return
    numbers: dict[int, int] = {}
    rows = []
    for problem in sorted(problems, key=lambda each: each.line):
        number = numbers[problem.line] = numbers.get(problem.line, -1) + 1
        rows.append((problem.line, number, problem.column, problem.reason))
    await writer.exec_driver_sql(
        'INSERT INTO product_import_problems (import_id, line, number, "column", reason) '
        "SELECT $1, * FROM unnest($2::bigint[], $3::int[], $4::text[], $5::text[])",
        (id, *map(list, zip(*rows, strict=True))),
    )


async def mark(writer: Writer, id: UUID, kind: str, names: dict[str, int]) -> dict[str, int]:
    """Remember in which line each of these was read. Returns those that were read in another one before, and where."""
    if not names:
        return {}
    await writer.exec_driver_sql(_MARK, (id, kind, list(names), list(names.values())))
    rows = await writer.exec_driver_sql(_MARKED, (id, kind, list(names)))
    return {row.name: row.line for row in rows if row.line != names[row.name]}


async def forget_names(writer: Writer, id: UUID) -> None:
    """The check is over."""
    await writer.execute(sa.delete(product_import_names).where(product_import_names.c.import_id == id))


async def problems_of(database: Database, id: UUID, limit: int, after: Cursor | None) -> list[tuple[Cursor, BadRow]]:
    """What is wrong with an import's lines, by line; each with its place in this list."""
    t = product_import_problems.c
    query = sa.select(t.line, t.number, t.column, t.reason).where(t.import_id == id)
    if after is not None:
        line = (after.at - _EPOCH) // timedelta(microseconds=1)
        query = query.where(sa.tuple_(t.line, t.number) > sa.tuple_(sa.literal(line), sa.literal(after.id.int)))
    async with database.reading() as reader:
        rows = await reader.execute(query.order_by(t.line, t.number).limit(limit))
        return [
            (Cursor(_EPOCH + timedelta(microseconds=row.line), UUID(int=row.number)),
             BadRow(row.line, row.column, row.reason))
            for row in rows
        ]  # fmt: skip


async def _work(reader: Reader, query: sa.Select[Any]) -> Work:
    row = (await reader.execute(query)).mappings().one()
    values = {name: row[name] for name in Work.__struct_fields__}
    return msgspec.convert({**values, "id": plain_uuid(values["id"])}, Work)


def _told(row: Any) -> ProductImport:
    values = {name: row[name] for name in ProductImport.__struct_fields__}
    return msgspec.convert({**values, "id": plain_uuid(values["id"])}, ProductImport)
