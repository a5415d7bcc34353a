"""Words of stock: what can happen to a unit. Every movement is a ledger row; on-hand and held are their sums."""

from enum import StrEnum


class Movement(StrEnum):
    """Why a stock number changed. `available` = on hand - held."""

    RECEIVE = "receive"
    """Goods came in: on hand rises."""
    HOLD = "hold"
    """Promised to an open order: held rises, on hand stays."""
    RELEASE = "release"
    """A hold ended without a sale: held falls."""
    COMMIT = "commit"
    """A held unit was sold: on hand and held fall together."""
    ADJUST = "adjust"
    """A person corrected the count."""


class HoldStatus(StrEnum):
    """A hold is open until it becomes exactly one of the two others."""

    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"
