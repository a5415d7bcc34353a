"""How far somebody has followed an order's timeline, so that whoever comes back misses nothing and hears nothing twice.

Facts have ids in the order of their birth, and become visible when their transaction ends: one that is born earlier can
come to light later. So a mark does not name the last fact alone, but all that were told of the last two minutes; no
transaction on an order takes as long.
"""

import re
from uuid import UUID

import msgspec

WINDOW = 120_000
"""Milliseconds in which a fact may come to light after later ones."""
MOST = 32
"""Facts that a mark names; it becomes the client's `Last-Event-ID`, and headers are short."""
_TEXT = re.compile(rf"[0-9a-f]{{1,12}}(\.[0-9a-f]{{32}}){{0,{MOST}}}", re.ASCII)


def born(id: UUID) -> int:
    """When an id was made, in milliseconds."""
    return id.int >> 80


class Mark(msgspec.Struct, frozen=True):
    """What was told: everything born before `horizon`, and these."""

    horizon: int = 0
    told: frozenset[UUID] = frozenset()

    def has(self, id: UUID) -> bool:
        """Whether this fact was told."""
        return born(id) < self.horizon or id in self.told

    def with_(self, id: UUID) -> "Mark":
        """After this fact was told too."""
        told = sorted({*self.told, id})
        horizon = max(self.horizon, born(told[-1]) - WINDOW)
        if len(told) > MOST:
            horizon = max(horizon, born(told[-MOST - 1]) + 1)
        return Mark(horizon, frozenset([each for each in told if born(each) >= horizon][-MOST:]))

    def __str__(self) -> str:
        return ".".join([f"{self.horizon:x}", *(each.hex for each in sorted(self.told))])


def read(text: str | None) -> Mark:
    """The mark that a client brings back. What is none of ours means: from the beginning."""
    if text is None or not _TEXT.fullmatch(text):
        return Mark()
    horizon, *told = text.split(".")
    return Mark(int(horizon, 16), frozenset(UUID(each) for each in told))
