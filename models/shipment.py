"""Parcels of an order: what one holds, what is left to send, and where its goods have to come from."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from models.errors import Refusal
from models.ids import LocationId, VariantId
from models.inventory import Held


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


class ToShip(msgspec.Struct, frozen=True):
    """A position of an order, and what of it is still to be sent."""

    line: object
    """Its row."""
    variant: VariantId
    sku: str
    left: int


Packed = Sequence[tuple[ToShip, int]]
"""Positions with their units."""


def pack(lines: Sequence[ToShip], wanted: Mapping[str, int]) -> Packed:
    """What goes into a parcel, taken from the positions in their order.

    Raises: Refusal `unknown_sku` for what the order has not; `nothing_left` with `items: [{sku, requested, left}]`.
    """
    unknown = sorted(wanted.keys() - {line.sku for line in lines})
    if unknown:
        raise Refusal("unknown_sku", "The order has no such position.", skus=unknown)
    left = {sku: sum(line.left for line in lines if line.sku == sku) for sku in wanted}
    short = [
        {"sku": sku, "requested": quantity, "left": left[sku]}
        for sku, quantity in wanted.items() if left[sku] < quantity
    ]  # fmt: skip
    if short:
        raise Refusal("nothing_left", "Not so much of it is left to be sent.", items=short)
    packed, open_still = [], dict(wanted)
    for line in lines:
        units = min(line.left, open_still.get(line.sku, 0))
        if units:
            packed.append((line, units))
            open_still[line.sku] -= units
    return packed


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
