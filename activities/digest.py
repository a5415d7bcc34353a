"""Writes the letter that tells staff once a day what waits for them."""

from datetime import date

import msgspec
from temporalio import activity

from models.database import Database
from models.tables import digest, outbox


class WriteDigest(msgspec.Struct, frozen=True):
    """The letter of this day."""

    day: date


class DigestWritten(msgspec.Struct, frozen=True):
    """What waits, by kind; nothing: there is no letter."""

    waiting: dict[str, int]


class DigestActivities:
    """Needs Postgres, and whether there is anybody to be told."""

    def __init__(self, database: Database, staff: str | None) -> None:
        self._database = database
        self._staff = staff

    @activity.defn
    async def write_digest(self, request: WriteDigest) -> DigestWritten:
        """Count what waits for a person and write a letter about it, if there is anything and anybody to write to.

        Changes: outbox.
        Again: a day has one letter, the first.
        Undo: nothing.
        """
        found = await digest.gather(self._database)
        counted = {each.name: each.count for each in found if each.count}
        if counted and self._staff is not None:
            told = {each.name: {"count": each.count, "first": each.first} for each in found}
            async with self._database.writing() as writer:
                await outbox.write_staff_letter(
                    writer, "staff_digest", f"staff_digest/{request.day}", {"day": request.day, "waiting": told}
                )
        return DigestWritten(counted)
