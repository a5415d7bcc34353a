"""Words of stock: where goods lie, and what can happen to a unit.

Every movement is a ledger row; on-hand and held of a level are their sums. A level is one variant at one location.
"""

from enum import StrEnum
from uuid import UUID

import msgspec

from models.ids import LocationId, VariantId

MAIN = LocationId(UUID("01900000-0000-7000-8000-000000000001"))
"""The location that every shop has from the first day: with one house, nobody has to know of locations."""

MOST_ON_LEVEL = 10_000_000
"""Units of one variant at one location, and with MOST_LOCATIONS fewer in all than a number in Postgres holds."""
MOST_LOCATIONS = 200


class Movement(StrEnum):
    """Why a level changed. `available` = on hand - held."""

    RECEIVE = "receive"
    """Goods came in: on hand rises."""
    HOLD = "hold"
    """Promised to an order: held rises, on hand stays."""
    RELEASE = "release"
    """Units of a hold are not to be sent: held falls."""
    COMMIT = "commit"
    """A held unit was sent: on hand and held fall together."""
    RETURN = "return"
    """A unit that was sent came back: on hand rises."""
    ADJUST = "adjust"
    """A person corrected the count."""
    TRANSFER = "transfer"
    """Went from one location to another: two rows, one for each."""


class HoldStatus(StrEnum):
    """What an order holds of a coupon or of credit: open until it becomes exactly one of the two others."""

    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"


class Held(msgspec.Struct, frozen=True):
    """What one order was promised of a level, and what became of it."""

    variant: VariantId
    location: LocationId
    open: int
    """Still to be sent."""
    shipped: int
    released: int


class Drifted(msgspec.Struct, frozen=True):
    """A number of the stock that is not what its rows add up to."""

    sku: str
    location: str | None
    """Its code; None: the sum over all locations."""
    what: str
    """`on_hand`, `held`: against the ledger, or the sum against its levels; `holds`: held against what orders hold;
    `backordered`: what is waited for, against the orders that wait."""
    counted: int
    explained: int
