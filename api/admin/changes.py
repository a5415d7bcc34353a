"""How every operation of staff's writes down what it changed: in its own transaction, with who, why and which request.

Fields of a person are named and their content left out: the log is never edited, and people may ask to be forgotten.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Protocol
from uuid import UUID

import msgspec
from litestar.params import QueryParameter

from api.context import Identity
from models.address import Text
from models.audit import PERSONAL
from models.database import Writer
from models.tables import audit

Reason = Annotated[
    Text, msgspec.Meta(description="Why, for the audit log, which is never edited: name no person", examples=["#4711"])
]
WhyAsked = Annotated[
    str | None,
    QueryParameter(
        name="reason", min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Why, for the audit log, which is never edited: name no person",
    ),
]  # fmt: skip
"""The reason of a DELETE, which has no body."""


async def write_down(
    writer: Writer,
    caller: Identity,
    action: str,
    subject: str | UUID,
    *,
    before: object = None,
    after: object = None,
    reason: str | None = None,
) -> None:
    """Append a change to the audit log, in the transaction that makes it."""
    await audit.append(writer, caller.author, action, subject, before=before, after=after, reason=reason)


async def write_down_all(
    writer: Writer, caller: Identity, action: str, changes: Sequence[tuple[str, object, object]], reason: str | None
) -> None:
    """Append the same change of many things: subject, before and after of each."""
    await audit.append_all(writer, caller.author, action, changes, reason)


def differences(
    before: msgspec.Struct, after: msgspec.Struct, personal: frozenset[str] = frozenset()
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The fields that differ between two states of one thing, as they were and as they are; None: it is the same.

    Of a `personal` field only whether it is empty is told.
    """
    was, now = msgspec.structs.asdict(before), msgspec.structs.asdict(after)
    changed = [name for name in now if was[name] != now[name]]

    def told(state: dict[str, Any]) -> dict[str, Any]:
        return {name: PERSONAL if name in personal and state[name] is not None else state[name] for name in changed}

    return (told(was), told(now)) if changed else None


def said(data: msgspec.Struct) -> dict[str, Any]:
    """What a PATCH says at all, but for its reason."""
    fields = msgspec.structs.asdict(data).items()
    return {name: value for name, value in fields if value is not msgspec.UNSET and name != "reason"}


class Movable(Protocol):
    """What can be archived."""

    @property
    def archived_at(self) -> datetime | None: ...


async def write_down_move(
    writer: Writer, caller: Identity, action: str, subject: str, was: Movable, now: Movable, reason: str | None
) -> None:
    """Append to the audit log that something was archived, or taken back into use."""
    moved = {"archived_at": was.archived_at}, {"archived_at": now.archived_at}
    await write_down(writer, caller, action, subject, before=moved[0], after=moved[1], reason=reason)
