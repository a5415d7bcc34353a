"""Watches what changes in the catalogue, for whoever keeps a copy of it: cached answers, the search index."""

import asyncio
import time
from uuid import UUID

import msgspec
from temporalio import activity

from models.database import Database
from models.tables import catalogue_change


class AwaitChanges(msgspec.Struct, frozen=True):
    """Look for changes until there are some or `seconds` have passed."""

    reader: str
    """Whose changes: `answers`, `search`."""
    most: int
    seconds: float
    poll: float
    """Seconds between two looks, and that the first change waits for others."""


class Changes(msgspec.Struct, frozen=True):
    """What changed, each named once; nothing when the time passed without a change."""

    ids: tuple[int, ...] = ()
    """To be settled when they are dealt with."""
    products: tuple[UUID, ...] = ()
    categories: tuple[UUID, ...] = ()
    """Which changed themselves: name, place, whether they are shown."""
    left: tuple[UUID, ...] = ()
    """Categories that lost a product to another one."""
    words: tuple[str, ...] = ()
    """Lists of names that changed: `tags`, `vendors`."""


class SettleChanges(msgspec.Struct, frozen=True):
    """These have been dealt with."""

    ids: tuple[int, ...]


class Outdated(msgspec.Struct, frozen=True):
    """What answers are about that are true no more, in the words of `models/cache.py`."""

    about: tuple[str, ...]


class CatalogueChangeActivities:
    """Needs Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def await_changes(self, request: AwaitChanges) -> Changes:
        """Wait for changes of the catalogue, also those that the clock makes: sale windows that open or close.

        Changes: listings whose sale window has opened or closed.
        Again: harmless, they come out the same.
        Undo: nothing.
        """
        until = time.monotonic() + request.seconds
        while True:
            found = await self._look(request)
            if found.ids and len(found.ids) < request.most and not activity.is_worker_shutdown():
                await asyncio.sleep(request.poll)
                found = await self._look(request)
            if found.ids or time.monotonic() >= until or activity.is_worker_shutdown():
                return found
            activity.heartbeat()
            await asyncio.sleep(request.poll)

    async def _look(self, request: AwaitChanges) -> Changes:
        await catalogue_change.relist_due(self._database)
        found = await catalogue_change.noted(self._database, request.reader, request.most)
        return Changes(
            tuple(found.ids), tuple(found.products), tuple(found.categories), tuple(found.left), tuple(found.words)
        )

    @activity.defn
    async def find_outdated(self, request: Changes) -> Outdated:
        """Say of which answers such changes make something untrue.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        about = await catalogue_change.outdated(
            self._database, request.products, request.categories, request.left, request.words
        )
        return Outdated(tuple(about))

    @activity.defn
    async def settle_changes(self, request: SettleChanges) -> None:
        """Write down that changes have been dealt with.

        Changes: catalogue_changes.
        Again: harmless, what is gone is gone.
        Undo: nothing.
        """
        async with self._database.writing() as writer:
            await catalogue_change.settle(writer, request.ids)
