"""Imports of products: a file in the storage is read batch by batch, checked first, and only then written."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

import msgspec
from temporalio import activity

from models import csv_lines
from models.audit import Author
from models.database import Database, Writer
from models.product_csv import Columns, Unfit
from models.product_import import (
    MOST_PROBLEMS,
    BadRow,
    Batch,
    Group,
    ImportOpened,
    ImportStatus,
    ProductImport,
    batch,
    problem_of,
)
from models.product_plan import Written, plan
from models.storage import Storage
from models.tables import audit
from models.tables import product_import as imports
from models.tables.product_import import Work
from models.tables.product_upsert import known, write

BLOCK, LARGEST_BLOCK = 256 * 1024, 16 * 1024 * 1024
"""Bytes that are looked at: more when the rows of one product are longer."""
ROWS = {ImportStatus.CHECKING: 1000, ImportStatus.IMPORTING: 300}
"""In one step; a step that writes keeps its products locked."""


class OpenImport(msgspec.Struct, frozen=True):
    """Somebody has sent a file in."""

    id: UUID
    author: Author
    file: str
    """Its name in the storage."""
    digest: str
    size: int
    dry_run: bool
    reason: str | None = None


class GoOn(msgspec.Struct, frozen=True):
    """Take an import's next step."""

    id: UUID


class StopImport(msgspec.Struct, frozen=True):
    """Leave an import as it is."""

    id: UUID


class DropFile(msgspec.Struct, frozen=True):
    """Nobody needs this file any more."""

    file: str


class ProductImportActivities:
    """Needs Postgres and the storage, which is only read while a row may be written."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    @activity.defn
    async def open_import(self, request: OpenImport) -> ImportOpened:
        """Write down that a file was sent in, and by whom.

        Changes: the list of imports; the audit log, unless it is a dry run.
        Again: the first one under the id stays.
        Undo: `stop_import`.
        """
        async with self._database.writing() as writer:
            opened, is_new = await imports.begin(
                writer, request.id, request.file, request.digest, request.size, request.dry_run
            )  # fmt: skip
            if is_new and not request.dry_run:
                await audit.append(
                    writer, request.author, "product.import", request.id, after={"bytes": request.size},
                    reason=request.reason,
                )  # fmt: skip
            return opened

    @activity.defn
    async def go_on_with_import(self, request: GoOn) -> ProductImport:
        """Check the next rows of a file; when all are checked and good, write them batch by batch.

        Changes: while it checks only the list of what is wrong; then products, variants, prices, tags.
        Again: how far it has come is written in the same transaction, so a batch is taken once.
        Undo: none; products that were written stay.
        """
        async with self._database.reading() as reader:
            work = await imports.work(reader, request.id)
        step = await self._read(work)
        async with self._database.writing() as writer:
            now = await imports.take_up(writer, request.id)
            if now != work or work.status.is_over:  # taken already
                return await imports.change(writer, request.id)
            if work.status is ImportStatus.IMPORTING:
                return await _import(writer, work, step)
            return await _check(writer, work, step)

    @activity.defn
    async def stop_import(self, request: StopImport) -> ProductImport:
        """Leave an import where it is.

        Changes: its status, unless it is over.
        Again: harmless.
        Undo: none; the file may be sent in again, what is written already stays as it is then.
        """
        async with self._database.writing() as writer:
            work = await imports.take_up(writer, request.id)
            if work.status.is_over:
                return await imports.change(writer, request.id)
            await imports.forget_names(writer, request.id)
            return await imports.change(writer, request.id, status=ImportStatus.STOPPED)

    @activity.defn
    async def drop_file(self, request: DropFile) -> None:
        """Delete a file that was sent in.

        Changes: the storage.
        Again: what is gone is gone.
        Undo: none.
        """
        await self._storage.delete(request.file)

    async def _read(self, work: Work) -> "_Step":
        """The next batch of a file, or what is wrong with the file."""
        if work.status.is_over:
            return _Step()
        begin, delimiter, names = work.begin, work.delimiter, work.columns
        if names is None:
            block = await self._storage.read(work.file, 0, min(BLOCK, work.size))
            try:
                found = csv_lines.header(block)
                if found is None:
                    raise Unfit("", "the file is empty: its first line names the columns")
                names, delimiter, begin = found
                Columns(names)
            except Unfit as unfit:
                return _Step(refusal=problem_of(1, unfit))
            except (ValueError, csv_lines.Error) as error:
                return _Step(refusal=BadRow(1, None, f"this is no CSV in UTF-8: {error}"[:200]))
        at, line = max(work.done, begin), max(work.next_line, 2)
        size = BLOCK
        while True:
            block = await self._storage.read(work.file, at, min(size, work.size - at))
            ended = at + len(block) >= work.size
            found_now = await asyncio.to_thread(
                batch, block, Columns(names), delimiter, line, ended, ROWS[work.status]
            )  # fmt: skip
            if found_now.consumed or ended:
                break
            if size >= LARGEST_BLOCK:
                return _Step(refusal=BadRow(line, None, "the rows of this product are too long to be read"))
            size *= 4
        is_last = at + found_now.consumed >= work.size
        return _Step(found_now, None, at + found_now.consumed, is_last, names, delimiter, begin)


class _Step(NamedTuple):
    """What comes next in a file."""

    batch: Batch | None = None
    refusal: BadRow | None = None
    """Why the file cannot be read on."""
    done: int = 0
    is_last: bool = False
    names: list[str] = []  # noqa: RUF012 (never changed)
    delimiter: str = ","
    begin: int = 0


async def _check(writer: Writer, work: Work, step: _Step) -> ProductImport:
    found = [step.refusal] if step.refusal else []
    values: dict[str, object] = {}
    rows = 0
    if step.batch:
        groups = step.batch.groups
        found += [*step.batch.problems, *await _repeated(writer, work, groups)]
        found += plan(await known(writer, groups, lock=False), groups).problems
        rows = step.batch.rows
        values = {
            "columns": step.names, "delimiter": step.delimiter, "begin": step.begin, "done": step.done,
            "next_line": step.batch.next_line,
        }  # fmt: skip
    await imports.note(writer, work.id, found)
    problems = work.problems + len(found)
    if step.refusal or step.is_last or problems > MOST_PROBLEMS:
        await imports.forget_names(writer, work.id)
        if problems or work.dry_run:
            values["status"] = ImportStatus.REFUSED if problems else ImportStatus.CHECKED
        else:  # from the beginning
            values |= {"status": ImportStatus.IMPORTING, "done": step.begin, "next_line": 2, "rows": 0}
            rows = 0
    return await imports.change(writer, work.id, added={"rows": rows, "problems": len(found)}, **values)


async def _import(writer: Writer, work: Work, step: _Step) -> ProductImport:
    if step.batch is None:
        found, written, rows = [step.refusal] if step.refusal else [], Written(), 0
    else:
        wanted = plan(await known(writer, step.batch.groups, lock=True), step.batch.groups)
        found, written, rows = wanted.problems, wanted.written, step.batch.rows
        await write(writer, wanted)
    await imports.note(writer, work.id, found)
    values: dict[str, object] = {}
    if step.batch:
        values = {"done": step.done, "next_line": step.batch.next_line}
    if step.is_last or step.batch is None:
        values["status"] = ImportStatus.IMPORTED
    added: Mapping[str, int] = {"rows": rows, "problems": len(found), **msgspec.structs.asdict(written)}
    return await imports.change(writer, work.id, added=added, **values)


async def _repeated(writer: Writer, work: Work, groups: list[Group]) -> list[BadRow]:
    """Products whose rows do not stand together, and SKUs that are there twice."""
    slugs: dict[str, int] = {}
    skus: dict[str, int] = {}
    found = []
    for group in groups:
        if slugs.setdefault(group.slug, group.line) != group.line:
            found.append(_apart(group.line, slugs[group.slug]))
        for line in group.lines:
            if line.variant and skus.setdefault(line.variant.sku, line.line) != line.line:
                found += [_twice(line.line, skus[line.variant.sku])]
    for slug, before in (await imports.mark(writer, work.id, "product", slugs)).items():
        found.append(_apart(slugs[slug], before))
    for sku, before in (await imports.mark(writer, work.id, "sku", skus)).items():
        found.append(_twice(skus[sku], before))
    return found


def _apart(line: int, before: int) -> BadRow:
    return BadRow(line, "product", f"its rows stand together, and the first are in line {before}")


def _twice(line: int, before: int) -> BadRow:
    return BadRow(line, "sku", f"is in line {before} already")
