"""Staff who read something of people are written down too: who, what, when and from where, before they are answered."""

from collections.abc import Iterable
from uuid import UUID

from api.context import House, Identity
from models.tables import audit

LIST = "list"
"""Stands in the log for a page of several."""


async def write_down_reading(
    house: House, caller: Identity, action: str, subjects: Iterable[str | UUID], shown: str | None = None
) -> None:
    """Append who reads these now, once an hour for each and for each address they read from."""
    names = sorted({str(subject) for subject in subjects})
    await audit.append_readings(house.database, caller.author, action, names, shown)
