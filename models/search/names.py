"""Names of categories, tags and vendors in memory, for facets and suggestions."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Sequence

from models.database import Database
from models.ids import tail
from models.search.text import words
from models.tables import naming
from models.tables.naming import Name

AGE = 1.0
"""Seconds that they may be old."""


class Names:
    """Reads them at most once a second; while one request reads, the others go on with what is there."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found: list[Name] = []
        self._known: list[tuple[Name, list[str]]] = []
        self._by_word: list[tuple[str, int]] = []
        self._by_tail: dict[int, Name] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def by_tail(self) -> dict[int, Name]:
        """Each by the `tail` of its id, as facets name them."""
        await self._refresh()
        return self._by_tail

    async def beginning(self, asked: Sequence[str], most: int) -> list[Name]:
        """Those whose names have all these words, of which the last may be unfinished; the shortest names first."""
        await self._refresh()
        if not asked:
            return []
        *whole, last = asked
        first = bisect_left(self._by_word, (last, 0))
        end = bisect_left(self._by_word, (last + "\U0010ffff", 0), first)
        likely = (self._known[at] for at in {at for _, at in self._by_word[first:end]})
        found = [name for name, has in likely if all(word in has for word in whole)]
        return sorted(found, key=lambda name: (len(name.name), name.name, name.slug))[:most]

    async def _refresh(self) -> None:
        if time.monotonic() - self._read_at < AGE or (self._reading.locked() and self._by_tail):
            return
        async with self._reading:
            if time.monotonic() - self._read_at < AGE:
                return
            begun = time.monotonic()
            found = await naming.names(self._database)
            if found == self._found:
                self._read_at = begun
                return
            self._found = found
            self._known = [(name, words(name.name)) for name in found]
            self._by_word = sorted((word, at) for at, (_, has) in enumerate(self._known) for word in has)
            self._by_tail = {tail(name.id): name for name in found}
            self._read_at = begun
