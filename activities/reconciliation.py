"""Both sides of the money, compared: what providers told is kept, what differs is found, and becomes a case."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import structlog
from temporalio import activity

from models.database import Database
from models.reconciliation import Finding, SeenObject, Thing
from models.tables import case as cases
from models.tables import reconciliation

log = structlog.get_logger()

OURS = 10
"""So many a page, where a provider has to be asked for each."""


class KeepSeen(msgspec.Struct, frozen=True):
    """What a provider told of."""

    provider: str
    seen: tuple[SeenObject, ...]


class ListOurs(msgspec.Struct, frozen=True):
    """What of ours a provider without lists has to be asked for."""

    provider: str
    thing: Thing
    since: datetime
    after: UUID | None = None
    """Our id of the last one of the page before."""


class OursListed(msgspec.Struct, frozen=True):
    """A page of them."""

    names: tuple[str, ...]
    """As the provider is asked for each."""
    after: UUID | None
    """None: this was the last page."""


class CompareBooks(msgspec.Struct, frozen=True):
    """Hold what was made since then against what providers told, both ways."""

    since: datetime
    providers: tuple[str, ...]


class EndReconciliation(msgspec.Struct, frozen=True):
    """What is still different, and how the rest went."""

    began_at: datetime
    since: datetime
    looked: int
    mended: int
    found: tuple[Finding, ...]


class ReconciliationActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def keep_seen(self, request: KeepSeen) -> None:
        """Write down what a provider has, as it told it.

        Changes: what is known of the provider's objects.
        Again: the same, told later.
        Undo: nothing, it is what was seen.
        """
        async with self._database.writing() as writer:
            await reconciliation.keep(writer, request.provider, request.seen)

    @activity.defn
    async def list_ours(self, request: ListOurs) -> OursListed:
        """What of ours a provider that has no lists is asked for, one by one.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        after = request.after or UUID(int=0)
        async with self._database.reading() as reader:
            names, last = await reconciliation.of_ours(
                reader, request.provider, request.thing, request.since, after, OURS
            )
        return OursListed(tuple(names), last)

    @activity.defn
    async def compare_books(self, request: CompareBooks) -> list[Finding]:
        """Where providers and we differ, both ways, and where our rows and our ledger of money do.

        Changes: nothing.
        Again: looks again.
        Undo: nothing.
        """
        async with self._database.reading() as reader:
            return await reconciliation.compare(reader, request.since, request.providers)

    @activity.defn
    async def end_reconciliation(self, request: EndReconciliation) -> int:
        """Open a case for each thing that still differs, close those that do not any more; how many there are.

        Changes: cases, the list of reconciliations; the log names what differs.
        Again: there is one open case a thing; the list has it twice.
        Undo: nothing; the next one looks again.
        """
        async with self._database.writing() as writer:
            drift = await cases.settle(writer, request.found, request.since)
            await reconciliation.write_down(
                writer, request.began_at, request.since, request.looked, request.mended, drift
            )
        _name(request.found)
        return drift


def _name(found: Sequence[Finding]) -> None:
    for each in found:
        log.error("provider and books differ", kind=each.kind, object=each.object, facts=dict(each.facts))
