"""Watches the outbox and keeps book of what left it."""

import asyncio
import time
from uuid import UUID

import msgspec
from temporalio import activity

from models.database import Database
from models.letter import Letter
from models.tables import outbox

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


class Settled(msgspec.Struct, frozen=True):
    """What became of one letter."""

    letter: UUID
    error: str | None
    final: bool


class SettleLetters(msgspec.Struct, frozen=True):
    """Write down what became of a batch."""

    results: tuple[Settled, ...]


class OutboxActivities:
    """Needs Postgres, how long a letter waits for others to be sent with it, and where staff's own letters go."""

    def __init__(self, database: Database, company: float = COMPANY, staff: str | None = None) -> None:
        self._database = database
        self._staff = staff
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
                return DueLetters(tuple(letters))
            activity.heartbeat()
            await asyncio.sleep(request.poll)

    async def _due(self, most: int) -> list[Letter]:
        letters, pointless = await outbox.due(self._database, most, self._staff)
        if pointless:
            async with self._database.writing() as writer:
                for letter, reason in pointless:
                    await outbox.withdraw(writer, letter, reason)
        return letters

    @activity.defn
    async def settle_letters(self, request: SettleLetters) -> None:
        """Write down what became of letters: sent, given up, or to be tried again later.

        Changes: outbox.
        Again: what is settled stays settled; a postponed letter waits a little longer.
        Undo: nothing.
        """
        async with self._database.writing() as writer:
            for result in request.results:
                if result.error is None or result.final:
                    await outbox.settle(writer, result.letter, result.error)
                else:
                    await outbox.postpone(writer, result.letter, result.error)
