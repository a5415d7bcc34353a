"""CSV as a spreadsheet writes it, read block by block: from the bytes at some place of a file to whole rows with their
line numbers, and the place where to go on. Nothing here knows what the cells mean.
"""

import csv
from collections.abc import Iterator, Sequence

import msgspec

Error = csv.Error
BOM = b"\xef\xbb\xbf"
LONGEST_CELL = 100_000
"""Characters; an end of quotes that is missing does not swallow the rest of a file."""
DELIMITERS = ",;\t"


class Row(msgspec.Struct, frozen=True):
    """One row: the line it begins in, its cells, where it begins, and what makes it no row."""

    line: int
    at: int
    """Bytes from the beginning of the block."""
    cells: list[str]
    trouble: str | None = None


class _Lines:
    """A block's lines one by one, counted; those that are no UTF-8 are remembered."""

    def __init__(self, block: bytes, ended: bool) -> None:
        self._lines = block.split(b"\n")
        if not ended or not self._lines[-1]:
            self.rest = len(self._lines.pop())
        else:
            self.rest = 0
        self.count = 0
        self.at = 0
        self.garbled = False

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.count += 1
            self.at += len(line) + 1
            try:
                yield line.decode() + "\n"
            except UnicodeDecodeError:
                self.garbled = True
                yield line.decode("utf-8", "replace") + "\n"


def rows(block: bytes, delimiter: str, first_line: int, ended: bool) -> Iterator[Row]:
    """Rows of a block that begins at the beginning of one; blank lines are none. Of a block that is not the end of its
    file the last row may be cut off: leave it to the next block.
    """
    csv.field_size_limit(LONGEST_CELL)
    lines = _Lines(block, ended)
    reader = csv.reader(iter(lines), delimiter=delimiter, strict=True)
    while True:
        line, at, trouble, cells = first_line + lines.count, lines.at, None, list[str]()
        lines.garbled = False
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            trouble = f"not readable as CSV: {error}"
        if lines.garbled:
            trouble = "not written in UTF-8"
        if cells or trouble:
            yield Row(line, at, cells, trouble)


def header(block: bytes) -> tuple[list[str], str, int] | None:
    """The first row's cells, what separates them, and how many bytes it takes; None: there is no whole first row.

    Raises: ValueError when it is no text.
    """
    begin = len(BOM) if block.startswith(BOM) else 0
    end = block.find(b"\n")
    line = block[begin : len(block) if end < 0 else end]
    if b"\x00" in line:
        raise ValueError("not written in UTF-8")
    text = line.decode().rstrip("\r")
    if not text.strip():
        return None
    delimiter = max(DELIMITERS, key=text.count)
    (cells,) = csv.reader([text], delimiter=delimiter, strict=True)
    return [cell.strip() for cell in cells], delimiter, len(block) if end < 0 else end + 1


def line_of(cells: Sequence[str]) -> str:
    """A row as it is written: quotes where needed, ends of lines as RFC 4180 has them."""
    return ",".join(_quoted(cell) for cell in cells) + "\r\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(sign in cell for sign in '",\n\r;\t') else cell
