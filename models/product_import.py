"""A catalogue that is being imported: what staff are told of it, and the step from a block of its file to products."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from models import csv_lines
from models.product_csv import Columns, ProductCells, Unfit, VariantCells, slug_of
from models.records import MOST_VARIANTS

LARGEST_FILE = 512 * 1024 * 1024
"""Bytes: some million lines."""
MOST_PROBLEMS = 100_000
"""Kept of one file; then nobody reads on."""


class ImportStatus(StrEnum):
    """Where an import stands."""

    CHECKING = "checking"
    """Line by line; nothing is changed."""
    CHECKED = "checked"
    """It was a dry run, and every line is good."""
    REFUSED = "refused"
    """Some lines are bad, so nothing was changed."""
    IMPORTING = "importing"
    IMPORTED = "imported"
    """All of it; but for what stopped being possible between the check and its turn, which `problems` lists."""
    STOPPED = "stopped"
    """By an operator. What was imported before stays."""

    @property
    def is_over(self) -> bool:
        """Whether nothing happens any more."""
        return self not in (ImportStatus.CHECKING, ImportStatus.IMPORTING)


class ProductImport(msgspec.Struct, frozen=True):
    """An import of products."""

    id: UUID
    status: ImportStatus
    dry_run: bool
    size: int
    """Bytes of the file."""
    done: int
    """Bytes of it that are checked or, once it is importing, imported."""
    rows: int
    """Read so far, without the first."""
    problems: int
    """Found so far."""
    products_created: int
    products_changed: int
    variants_created: int
    variants_changed: int
    created_at: datetime
    finished_at: datetime | None


class ImportOpened(msgspec.Struct, frozen=True):
    """What was sent in under an id: now, or at the first time."""

    known: ProductImport
    digest: str
    """SHA-256 of the file."""
    file: str


class BadRow(msgspec.Struct, frozen=True):
    """Why a line is not good."""

    line: int
    """Of the file, from 1; of a row of several lines the first."""
    column: str | None
    """Null: the row as a whole."""
    reason: str


class Line(msgspec.Struct, frozen=True):
    """A row that was understood."""

    line: int
    product: ProductCells | None
    variant: VariantCells | None


class Group(msgspec.Struct):
    """The rows of one product, which stand together."""

    slug: str
    line: int
    at: int
    """Bytes from the beginning of the block."""
    lines: list[Line] = []
    said: Line | None = None
    """The row that says what the product is."""
    rows: int = 0
    problems: list[BadRow] = []


class Batch(msgspec.Struct, frozen=True):
    """Whole products out of a block."""

    groups: list[Group]
    problems: list[BadRow]
    """Of rows that belong to no product."""
    rows: int
    consumed: int
    """Bytes; 0: the block holds no whole product."""
    next_line: int


class _Stray(msgspec.Struct, frozen=True):
    """A row of no product."""

    line: int
    at: int
    problem: BadRow


def batch(block: bytes, columns: Columns, delimiter: str, first_line: int, ended: bool, most: int) -> Batch:
    """The first products of a block, of about `most` rows. `ended`: the block is the end of its file."""
    found: list[Group | _Stray] = []
    rows, stop = 0, None
    for row in csv_lines.rows(block, delimiter, first_line, ended):
        unit = _unit(row, columns)
        last = found[-1] if found else None
        if isinstance(unit, Group) and isinstance(last, Group) and unit.slug == last.slug:
            _join(last, unit)
        elif rows >= most:
            stop = (row.at, row.line)
            break
        else:
            found.append(unit)
        rows += 1
    if stop is None and not ended:  # the last one may go on in the next block
        if not found:
            return Batch([], [], 0, 0, first_line)
        last = found.pop()
        stop = (last.at, last.line)
        rows -= last.rows if isinstance(last, Group) else 1
    groups = [unit for unit in found if isinstance(unit, Group)]
    strays = [unit.problem for unit in found if isinstance(unit, _Stray)]
    consumed, next_line = stop or (len(block), first_line)
    return Batch(groups, strays, rows, consumed, next_line)


def _unit(row: csv_lines.Row, columns: Columns) -> Group | _Stray:
    try:
        if row.trouble:
            raise Unfit("", row.trouble)
        cells = columns.read(row.cells)
        group = Group(slug_of(cells), row.line, row.at, rows=1)
    except Unfit as unfit:
        return _Stray(row.line, row.at, problem_of(row.line, unfit))
    said = variant = None
    try:
        said = columns.product(cells)
    except Unfit as unfit:
        group.problems.append(problem_of(row.line, unfit))
    try:
        variant = columns.variant(cells)
    except Unfit as unfit:
        group.problems.append(problem_of(row.line, unfit))
    line = Line(row.line, said, variant)
    group.lines.append(line)
    group.said = line if said is not None else None
    return group


def _join(group: Group, more: Group) -> None:
    """Another row of the same product."""
    group.rows += 1
    if group.rows == MOST_VARIANTS + 1:
        group.problems.append(BadRow(more.line, "product", f"a product has at most {MOST_VARIANTS} variants"))
    if group.rows > MOST_VARIANTS:
        return
    group.problems += more.problems
    group.lines += more.lines
    if more.said is None or group.said is None:
        group.said = group.said or more.said
        return
    first, again = group.said.product, more.said.product
    for name in _differing(first, again):
        group.problems.append(BadRow(more.line, name, f"says something else than line {group.said.line}"))


def _differing(first: ProductCells | None, again: ProductCells | None) -> Iterator[str]:
    return (name for name in ProductCells.__struct_fields__ if getattr(first, name) != getattr(again, name))


def import_workflow_id(id: UUID) -> str:
    """One file, one workflow."""
    return f"product-import/{id}"


def problem_of(line: int, unfit: Unfit) -> BadRow:
    """What is told of a cell that makes no sense."""
    return BadRow(line, unfit.column or None, unfit.reason)
