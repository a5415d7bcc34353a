"""Counts what shoppers search for, in memory, and writes it down every few seconds: no search waits for it."""

import asyncio

import structlog

from models.database import Database
from models.errors import Unavailable
from models.search.tally import WITHHELD, Tally, remembered
from models.tables import search_tally

log = structlog.get_logger()

WRITE_EVERY = 2.0
"""Seconds; what a process has counted since is lost with it."""
MOST_HELD = 5000
"""Different queries between two writings; what is beyond counts without its words."""


class Tallies:
    """The counts of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, Tally] = {}
        self._writing: asyncio.Task[None] | None = None

    def searched(self, query: str, *, empty: bool) -> None:
        """Somebody searched for this."""
        words = remembered(query)
        if not words:
            return
        if words not in self._held and len(self._held) >= MOST_HELD:
            words = WITHHELD
        tally = self._held.setdefault(words, Tally())
        tally.searches += 1
        tally.empty += empty
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_soon())

    async def _write_soon(self) -> None:
        await asyncio.sleep(WRITE_EVERY)
        self._writing = None
        await self.write()

    async def write(self) -> None:
        """Write down what was counted. While Postgres is away it is kept."""
        held, self._held = self._held, {}
        if not held:
            return
        try:
            async with self._database.writing_by_driver() as fetch:
                await search_tally.add(fetch, held)
        except Unavailable as away:
            log.warning("searches are not counted", reason=str(away))
            for query, tally in held.items():
                now = self._held.setdefault(query, Tally())
                now.searches += tally.searches
                now.empty += tally.empty

    async def close(self) -> None:
        """Write down the last."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        await self.write()
