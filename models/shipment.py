"""Parcels of an order: what one holds, what is left to send, and where its goods have to come from."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from models.errors import Refusal
from models.ids import LocationId, VariantId
from models.inventory import Held
from models.position import Position, Taken, take


class ShipItem(msgspec.Struct, frozen=True):
    """Units of one thing for a parcel."""

    sku: str
    quantity: int


class Shipment(msgspec.Struct, frozen=True):
    """A parcel that left the house."""

    n: int
    """Counts the parcels of its order, from 1."""
    carrier: str
    tracking: str
    items: tuple[ShipItem, ...]
    shipped_at: datetime
    delivered_at: datetime | None
    location: str
    """Code of where it came from."""


def pack(lines: Sequence[Position], wanted: Mapping[str, int]) -> Taken:
    """What goes into a parcel. `left` of a position is what is still to be sent.

    Raises: Refusal `unknown_sku` for what the order has not; `nothing_left` with `items: [{sku, requested, left}]`.
    """
    return take(lines, wanted, "nothing_left", "Not so much of it is left to be sent.")


def without(lines: Sequence[Position], missing: Mapping[str, int]) -> Taken:
    """What an order goes without, because it is not there. `left` of a position is what is still to be sent.

    Raises: Refusal `unknown_sku`, `nothing_left` as `pack`; `edit_leaves_nothing` when nothing else would be sent.
    """
    given = pack(lines, missing)
    if sum(units for _, units in given) == sum(line.left for line in lines):
        raise Refusal("edit_leaves_nothing", "Nothing would be left to be sent: cancel it instead.")
    return given


def shortage(message: str) -> str:
    """Names a shortage by the message that accepted it: its fact, its refund and its letter."""
    return f"shortage/{message}"


def must_hold(held: Sequence[Held], location: LocationId, units: Mapping[VariantId, int]) -> None:
    """Raises: Refusal `not_held` when the order does not hold so much there."""
    there = {each.variant: each.open for each in held if each.location == location}
    short = [
        {"variant": variant, "requested": quantity, "held": there.get(variant, 0)}
        for variant, quantity in units.items() if there.get(variant, 0) < quantity
    ]  # fmt: skip
    if short:
        raise Refusal("not_held", "The order does not hold so much at this location.", items=short)


def origin(held: Sequence[Held], wanted: Mapping[VariantId, int] | None) -> LocationId | None:
    """The one location that a parcel can come from: with all that is wanted, or that has all that is left.

    None: its goods lie at several, and somebody has to say which parcel comes from where.
    """
    places = {each.location for each in held if each.open}
    if wanted is None:
        return places.pop() if len(places) == 1 else None
    able = [
        place for place in sorted(places)
        if all(
            sum(each.open for each in held if each.location == place and each.variant == variant) >= units
            for variant, units in wanted.items()
        )
    ]  # fmt: skip
    return able[0] if able else None
