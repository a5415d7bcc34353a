"""Keeps the search index like the catalogue, whichever engine has it."""

import asyncio
import time
from datetime import timedelta
from uuid import UUID

import msgspec
from temporalio import activity

from models.database import Database
from models.search.embedded import Embedded
from models.search.question import Engine
from models.tables import search_document as index
from models.tables import search_generation as generations
from models.tables import search_tally as tallies

CHUNK = 250
"""Products that are read and written at once."""
NOTED = 10_000
"""Products of changed categories that one transaction notes."""
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)


class IndexProducts(msgspec.Struct, frozen=True):
    """These changed."""

    products: tuple[UUID, ...]


class NoteCategories(msgspec.Struct, frozen=True):
    """These categories changed, and with them the products in them and below them."""

    categories: tuple[UUID, ...]


class Rebuild(msgspec.Struct, frozen=True):
    """The generation that is being built."""

    generation: int


class NoteProducts(msgspec.Struct, frozen=True):
    """Have the next products indexed, listed or not, after `after` in the order of their ids."""

    after: UUID
    most: int


class ProductsNoted(msgspec.Struct, frozen=True):
    """How many; `change`: number of the last change written for them; `after`: where to go on, None: that was all."""

    count: int
    change: int
    after: UUID | None


class AwaitIndexed(msgspec.Struct, frozen=True):
    """Wait until the index has followed all changes up to this one, at most `seconds`."""

    change: int
    seconds: float
    poll: float


class IndexFollowed(msgspec.Struct, frozen=True):
    """Whether it has."""

    done: bool


class Swapped(msgspec.Struct, frozen=True):
    """Whether the generation is searched now; False: another rebuild took its place."""

    live: bool


class CompareIndex(msgspec.Struct, frozen=True):
    """Hold the next `most` products after `after` against the index."""

    after: UUID
    most: int


class Compared(msgspec.Struct, frozen=True):
    """What came of it. `after`: where to go on, None: that was all."""

    products: int
    drifted: int
    after: UUID | None


class TidySearch(msgspec.Struct, frozen=True):
    """Forget what nobody searches any more, and tallies older than this."""

    kept: timedelta


class SearchActivities:
    """Needs Postgres, and the engine that has the index. What is read of Postgres is written to the engine alone."""

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine
        self._opened: set[int] = set()

    @activity.defn
    async def open_index(self) -> None:
        """Make sure that there is an index to follow the catalogue: a new one is filled with everything.

        Changes: search_generations, catalogue_changes.
        Again: there is one already.
        Undo: nothing.
        """
        async with self._database.writing_by_driver() as fetch:
            await generations.open_first(fetch, self._engine.name)

    @activity.defn
    async def index_products(self, request: IndexProducts) -> None:
        """Take these products into the index as they are now; those that are no longer listed leave it.

        Changes: the search index, also one that is being built.
        Again: they are taken in as they are then.
        Undo: nothing, it follows.
        """
        for place in range(0, len(request.products), CHUNK):
            await self._index(request.products[place : place + CHUNK])
            activity.heartbeat()

    @activity.defn
    async def note_categories(self, request: NoteCategories) -> None:
        """Have products of categories indexed, since they are found by their names and filtered by their places.

        Changes: catalogue_changes, for products that are not on their way already.
        Again: those are on their way then.
        Undo: nothing.
        """
        noted = NOTED
        while noted == NOTED:
            async with self._database.writing_by_driver() as fetch:
                noted = await index.note_categories(fetch, request.categories, NOTED)
            activity.heartbeat()

    @activity.defn
    async def configure_index(self) -> None:
        """Let the engine know synonyms as they are now.

        Changes: settings of the search index.
        Again: harmless.
        Undo: nothing, it follows.
        """
        for generation in await self._written():
            await self._engine.configure(generation)

    @activity.defn
    async def begin_rebuild(self) -> Rebuild:
        """Open a generation beside the one that is searched. From now on changes go into both.

        Changes: search_generations; one that somebody left half built is given up.
        Again: a new one takes its place.
        Undo: it is given up by the next one.
        """
        async with self._database.writing_by_driver() as fetch:
            return Rebuild(await generations.begin(fetch, self._engine.name))

    @activity.defn
    async def note_products(self, request: NoteProducts) -> ProductsNoted:
        """Have products indexed as if they had changed, so that one writer alone writes to the index.

        Changes: catalogue_changes.
        Again: they are indexed twice.
        Undo: nothing.
        """
        found = await index.next_products(self._database, request.after, request.most)
        async with self._database.writing_by_driver() as fetch:
            change = await index.note(fetch, found)
        return ProductsNoted(len(found), change, found[-1] if len(found) == request.most else None)

    @activity.defn
    async def await_indexed(self, request: AwaitIndexed) -> IndexFollowed:
        """Wait until the index has followed.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        until = time.monotonic() + request.seconds
        while await index.is_behind(self._database, request.change):
            if time.monotonic() >= until or activity.is_worker_shutdown():
                return IndexFollowed(False)
            activity.heartbeat()
            await asyncio.sleep(request.poll)
        return IndexFollowed(True)

    @activity.defn
    async def swap_generation(self, request: Rebuild) -> Swapped:
        """Search in the new generation from now on.

        Changes: search_generations.
        Again: it is searched already.
        Undo: nothing; the next rebuild swaps again.
        """
        async with self._database.writing_by_driver() as fetch:
            return Swapped(await generations.swap(fetch, request.generation))

    @activity.defn
    async def compare_index(self, request: CompareIndex) -> Compared:
        """Hold products against the index, and have those indexed anew that are not in it as they are.

        Changes: catalogue_changes, for what has drifted.
        Again: what is on its way is left out.
        Undo: nothing.
        """
        live = (await generations.known(self._database, self._engine.name)).live
        found = await index.next_products(self._database, request.after, request.most)
        more = len(found) == request.most
        if live is None:
            return Compared(0, 0, None)
        last = found[-1] if more else LAST
        first = UUID(int=request.after.int + 1)
        known = await self._engine.digests(live, first, last)
        true: dict[UUID, str] = {}
        for place in range(0, len(found), CHUNK):
            chunk = await index.documents(self._database, found[place : place + CHUNK])
            true |= {document.id: document.digest for document in chunk}
            activity.heartbeat()
        drifted = [product for product in {**true, **known} if true.get(product) != known.get(product)]
        drifted = await index.not_on_their_way(self._database, drifted)
        async with self._database.writing_by_driver() as fetch:
            await index.note(fetch, drifted)
        return Compared(len(found), len(drifted), last if more else None)

    @activity.defn
    async def tidy_search(self, request: TidySearch) -> None:
        """Forget generations that are searched no longer, words that nothing has, and old tallies.

        Changes: the search index, search_generations, search_tallies.
        Again: what is gone is gone.
        Undo: nothing, final.
        """
        for engine in (self._engine, *(() if self._engine.name == Embedded.name else (Embedded(self._database),))):
            for generation in (await generations.known(self._database, engine.name)).retired:
                while await engine.drop(generation, 1000):
                    activity.heartbeat()
                async with self._database.writing_by_driver() as fetch:
                    await generations.forget(fetch, generation)
        async with self._database.writing_by_driver() as fetch:
            await tallies.forget(fetch, request.kept)

    async def _index(self, products: tuple[UUID, ...] | list[UUID]) -> None:
        if not products:
            return
        found = await index.documents(self._database, products)
        listed = {document.id for document in found}
        gone = [product for product in products if product not in listed]
        for generation in await self._written():
            await self._engine.put(generation, found, gone)

    async def _written(self) -> list[int]:
        """Generations that changes go to, each with room made for it."""
        known = await generations.known(self._database, self._engine.name)
        written = [each for each in (known.live, known.building) if each is not None]
        for generation in written:
            if generation not in self._opened:
                await self._engine.open(generation)
                self._opened.add(generation)
        return written
