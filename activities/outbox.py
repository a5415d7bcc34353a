"""Watches the outbox and keeps book of what left it."""

import asyncio
import time
from uuid import UUID

import msgspec
from temporalio import activity

from models.database import Database
from models.letter import Letter
from models.tables import bounce as bounces
from models.tables import mail_template as templates
from models.tables import order as orders
from models.tables import outbox
from models.wording.languages import language_of
from models.wording.own import Failure, Own

LARGEST = 300_000
"""Characters of the shop's own sources that travel with a batch: a step's result has its limits."""
COMPANY = 1.0
"""Seconds that the first letter waits for others: a batch costs the Temporal server as much as an order does."""


class AwaitLetters(msgspec.Struct, frozen=True):
    """Look for letters until some are due or `seconds` have passed."""

    most: int
    seconds: float
    poll: float
    """Seconds between two looks."""


class DueLetters(msgspec.Struct, frozen=True):
    """Letters to send, oldest first; none when the time passed without any."""

    letters: tuple[Letter, ...]
    own: tuple[Own, ...] = ()
    """Sources of the shop's own that some of them are made of."""


class Settled(msgspec.Struct, frozen=True):
    """What became of one letter."""

    letter: UUID
    error: str | None
    final: bool
    bounced: bool = False
    """Nobody reads mail at its address."""
    failure: Failure | None = None
    """The shop's own source could not be used for it."""


class SettleLetters(msgspec.Struct, frozen=True):
    """Write down what became of a batch."""

    results: tuple[Settled, ...]


class OutboxActivities:
    """Needs Postgres, how long a letter waits for others to be sent with it, and where staff's own letters go, in which
    language."""

    def __init__(
        self, database: Database, company: float = COMPANY, staff: str | None = None, language: str = "en"
    ) -> None:
        self._database = database
        self._staff = staff
        self._language = language
        self._company = company

    @activity.defn
    async def await_letters(self, request: AwaitLetters) -> DueLetters:
        """Wait for letters that are due, and withdraw those that became pointless before they were sent.

        Changes: outbox, for withdrawn letters.
        Again: harmless, what is withdrawn stays so.
        Undo: nothing.
        """
        until = time.monotonic() + request.seconds
        while True:
            letters = await self._due(request.most)
            if letters and len(letters) < request.most and not activity.is_worker_shutdown():
                await asyncio.sleep(self._company)
                letters = await self._due(request.most)
            if letters or time.monotonic() >= until or activity.is_worker_shutdown():
                return await self._with_sources(letters)
            activity.heartbeat()
            await asyncio.sleep(request.poll)

    async def _with_sources(self, letters: list[Letter]) -> DueLetters:
        """Letters with what they are made of: as many as fit; the rest is due again at once."""
        if not letters:
            return DueLetters(())
        active = await templates.active(self._database, sorted({letter.template for letter in letters}))
        known = {(each.template, each.language): each for each in active}
        taken, used, size = list[Letter](), dict[UUID, Own](), 0
        for letter in letters:
            own = known.get((letter.template, language_of(letter.locale)))
            if own is not None and own.id not in used:
                size += len(own.source.text) + len(own.source.html or "")
                if size > LARGEST and taken:
                    break
                used[own.id] = own
            taken.append(letter)
        return DueLetters(tuple(taken), tuple(used.values()))

    async def _due(self, most: int) -> list[Letter]:
        letters, pointless = await outbox.due(self._database, most, self._staff, self._language)
        if pointless:
            async with self._database.writing() as writer:
                for letter, reason in pointless:
                    await outbox.withdraw(writer, letter, reason)
        return letters

    @activity.defn
    async def settle_letters(self, request: SettleLetters) -> None:
        """Write down what became of letters: sent, given up, or to be tried again later.

        Changes: outbox; of one that was refused for good: the mark of its address, and its order's timeline; of a
            source of the shop's own that failed: that it did.
        Again: what is settled stays settled; a postponed letter waits a little longer, a failure is counted again.
        Undo: nothing.
        """
        async with self._database.writing() as writer:
            sent = [result.letter for result in request.results if result.error is None]
            if sent:
                await bounces.reached(writer, sent)
            for result in request.results:
                if result.failure is not None:
                    await templates.note_failure(writer, result.failure.id, result.failure.why)
                if result.error is not None and not result.final:
                    await outbox.postpone(writer, result.letter, result.error)
                    continue
                if result.bounced and result.error is not None:
                    await bounces.mark(writer, result.letter, result.error)
                settled = await outbox.settle(writer, result.letter, result.error)
                if settled is not None and settled.order is not None and result.error is not None:
                    await orders.tell(
                        writer, settled.order, f"letter/{result.letter}/refused/{settled.tries}", "letter_refused",
                        "mail", template=settled.template, error=result.error,
                    )  # fmt: skip
