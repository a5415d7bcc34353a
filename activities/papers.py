"""Papers of orders: written as rows, drawn, kept as files. Each step either on our rows or in the storage."""

import hashlib

import msgspec
import structlog
from temporalio import activity

from models.database import Database
from models.ids import OrderId, PaperId
from models.papers import apart
from models.papers.paper import Paper, Printed, Shop, named
from models.storage import Storage
from models.tables import attention, order_feed
from models.tables import paper as papers

log = structlog.get_logger()

ATTENTION = "papers cannot be written: {}"
"""Stays until they can, or somebody says that they have looked."""


class WritePapers(msgspec.Struct, frozen=True):
    """Write the papers of one order."""

    order_id: OrderId


class FollowOrders(msgspec.Struct, frozen=True):
    """Write the papers of orders to which something happened."""

    reader: str
    types: tuple[str, ...]
    most: int


class Followed(msgspec.Struct, frozen=True):
    """What came of it."""

    news: int
    written: int
    failed: int = 0


class FindUnprinted(msgspec.Struct, frozen=True):
    """Look for papers without a file."""

    most: int
    but: tuple[PaperId, ...] = ()
    """Not these: they could not be drawn."""


class Unprinted(msgspec.Struct, frozen=True):
    """Papers without a file, oldest first."""

    papers: tuple[PaperId, ...]


class ReadPapers(msgspec.Struct, frozen=True):
    """Read what these papers say."""

    papers: tuple[PaperId, ...]


class PapersRead(msgspec.Struct, frozen=True):
    """What they say."""

    papers: tuple[Paper, ...]


class Print(msgspec.Struct, frozen=True):
    """What became of one paper; `printed` None: it cannot be drawn."""

    paper: PaperId
    printed: Printed | None


class Prints(msgspec.Struct, frozen=True):
    """What became of several."""

    prints: tuple[Print, ...]


class PaperActivities:
    """Needs Postgres, where files are kept, and who sells."""

    def __init__(self, database: Database, storage: Storage, shop: Shop) -> None:
        self._database = database
        self._storage = storage
        self._shop = shop

    @activity.defn
    async def write_papers(self, request: WritePapers) -> Unprinted:
        """Write the papers that an order has not, and tell which of its papers are no files yet.

        Changes: papers, their series; attention that they needed is needed no more.
        Again: all of them are there.
        Undo: nothing: a paper is never taken back, another one corrects it.
        """
        order = request.order_id
        async with self._database.writing() as writer:
            await papers.lock(writer, [order])
            if await papers.issue(writer, order, self._shop):
                await attention.settle(writer, order, "papers")
            return Unprinted(tuple(await papers.to_print_of(writer, order)))

    @activity.defn
    async def follow_orders(self, request: FollowOrders) -> Followed:
        """Write the papers of orders to which something happened; those that cannot be written wait for a person.

        Changes: papers, their series, the reader's place; attention of orders whose papers cannot be written.
        Again: goes on where the last one that was committed ended.
        Undo: nothing.
        """
        async with self._database.writing() as writer:
            told = await order_feed.take(writer, request.reader, request.types, request.most)
            concerned = list(dict.fromkeys(each.order for each in told))
            await papers.lock(writer, concerned)
            written, failed = 0, 0
            for order in concerned:
                try:
                    written += len(await papers.issue_apart(writer, order, self._shop))
                except papers.Unwritable as error:
                    failed += 1
                    about = [f"{each.type} {each.id}" for each in told if each.order == order]
                    log.error("papers cannot be written", order=str(order), about=about, why=str(error))
                    await attention.ask(writer, order, "papers", ATTENTION.format(error))
        return Followed(len(told), written, failed)

    @activity.defn
    async def find_unprinted(self, request: FindUnprinted) -> Unprinted:
        """Find papers that are no files yet.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        return Unprinted(tuple(await papers.to_print(self._database, request.most, request.but)))

    @activity.defn
    async def read_papers(self, request: ReadPapers) -> PapersRead:
        """Read what papers say.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        async with self._database.reading() as reader:
            return PapersRead(tuple([await papers.read(reader, paper) for paper in request.papers]))

    @activity.defn
    async def print_papers(self, request: PapersRead) -> Prints:
        """Draw papers and keep them as files, each named after its content.

        Changes: files.
        Again: the same content, under the same name.
        Undo: nothing: a file that no paper names is in nobody's way.
        """
        prints = []
        for paper, drawn in zip(request.papers, await apart.drawn(request.papers), strict=True):
            if drawn.file is None:
                log.error("paper cannot be drawn", paper=paper.number, why=drawn.error)
                prints.append(Print(paper.id, None))
                continue
            printed = Printed(hashlib.sha256(drawn.file).hexdigest(), len(drawn.file))
            await self._storage.put(named(paper.number, printed.sha256), drawn.file)
            prints.append(Print(paper.id, printed))
        return Prints(tuple(prints))

    @activity.defn
    async def file_papers(self, request: Prints) -> None:
        """Write down which file each paper is, for ever.

        Changes: papers.
        Again: the first file stays.
        Undo: nothing.
        """
        async with self._database.writing() as writer:
            for each in request.prints:
                if each.printed is not None:
                    await papers.file(writer, each.paper, each.printed)
