"""A stock-take as a table: one row a variant and location, with what was counted there."""

import csv
import re
from collections.abc import Sequence

import msgspec

from models import csv_lines
from models.inventory import MOST_ON_LEVEL

MOST_ROWS = 10_000
LARGEST_FILE = 1024 * 1024
"""Bytes."""
COLUMNS = ("sku", "location", "counted")
_UNITS = re.compile(r"[0-9]{1,9}", re.ASCII).fullmatch


class Counted(msgspec.Struct, frozen=True):
    """So many units of a variant lay at a location."""

    line: int
    sku: str
    location: str
    """Its code."""
    units: int


class BadCount(msgspec.Struct, frozen=True):
    """Why a row of a stock-take cannot be believed."""

    line: int
    """Of the file, from 1."""
    column: str | None
    """Null: the row as a whole."""
    reason: str


class StockTaken(msgspec.Struct, frozen=True):
    """What a stock-take came to."""

    dry_run: bool
    rows: int
    """Counts that were read."""
    right: int
    """Of these, those that were as the books say."""
    change: int
    """Units more, or fewer, than the books said, all together."""
    problems: list[BadCount]
    """Every bad row. With one of them nothing is changed."""


def read(body: bytes, location: str) -> tuple[list[Counted], list[BadCount]]:
    """The counts of a file, and its bad rows. `location`: where a row does not say it.

    Raises: ValueError for what is no such table.
    """
    try:
        head = csv_lines.header(body)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"the first line is not readable: {error}") from error
    if head is None:
        raise ValueError("the first line names the columns: sku, location, counted")
    names, delimiter, begin = head
    missing = [name for name in ("sku", "counted") if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if missing or unknown or len(set(names)) < len(names):
        raise ValueError(f"the first line names the columns sku, location, counted: {', '.join(missing or unknown)}")
    found: list[Counted] = []
    bad: list[BadCount] = []
    seen: dict[tuple[str, str], int] = {}
    for row in csv_lines.rows(body[begin:], delimiter, 2, ended=True):
        if len(found) + len(bad) >= MOST_ROWS:
            raise ValueError(f"a stock-take has at most {MOST_ROWS} rows: send it in parts")
        trouble = _row(names, row, location)
        if isinstance(trouble, BadCount):
            bad.append(trouble)
            continue
        first = seen.setdefault((trouble.sku, trouble.location), trouble.line)
        if first != trouble.line:
            bad.append(BadCount(row.line, "sku", f"counted in line {first} already"))
        else:
            found.append(trouble)
    return found, bad


def _row(names: Sequence[str], row: csv_lines.Row, location: str) -> Counted | BadCount:
    if row.trouble is not None:
        return BadCount(row.line, None, row.trouble)
    if len(row.cells) != len(names):
        return BadCount(row.line, None, f"has {len(row.cells)} cells, not {len(names)}")
    cells = {name: cell.strip() for name, cell in zip(names, row.cells, strict=True)}
    if not cells["sku"] or "\x00" in cells["sku"]:
        return BadCount(row.line, "sku", "names no variant")
    units = cells["counted"]
    if not _UNITS(units) or int(units) > MOST_ON_LEVEL:
        return BadCount(row.line, "counted", f"is no whole number from 0 to {MOST_ON_LEVEL}")
    place = cells.get("location") or location
    if "\x00" in place:
        return BadCount(row.line, "location", "names no location")
    return Counted(row.line, cells["sku"], place, int(units))
