"""Which location gives what of an order. Pure: given who wants how much and what lies where, the same answer always.

A rule is a function; another one is a function more and a name in `RULES`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from models.address import Address
from models.ids import LocationId, VariantId


class Place(msgspec.Struct, frozen=True):
    """A location as a rule sees it."""

    id: LocationId
    country: str | None
    region: str | None
    priority: int
    """Lower first, where nothing else decides."""
    code: str


class Shelf(msgspec.Struct, frozen=True):
    """What can be promised of one variant at one place."""

    variant: VariantId
    place: Place
    available: int


class Portion(msgspec.Struct, frozen=True):
    """So many units of a variant come from this location."""

    variant: VariantId
    location: LocationId
    quantity: int


Wanted = Mapping[VariantId, int]
Rule = Callable[[Address, Wanted, Sequence[Shelf]], list[Portion]]
"""Shares out what is wanted. Of each variant there are at least as many as are wanted; nothing is left unserved."""


class Allocation(StrEnum):
    """The rules by name: the setting `ALLOCATION`."""

    FEWEST_PARCELS = "fewest_parcels"
    NEAREST = "nearest"
    MOST_STOCK = "most_stock"


def nearest(to: Address, wanted: Wanted, shelves: Sequence[Shelf]) -> list[Portion]:
    """Each variant from the buyer's region first, then from their country, then by the locations' priority."""
    return _taken(wanted, sorted(shelves, key=lambda shelf: _distance(to, shelf.place)))


def most_stock(to: Address, wanted: Wanted, shelves: Sequence[Shelf]) -> list[Portion]:
    """Each variant from where most of it lies, so that the locations run dry together; alike: the nearest."""
    return _taken(wanted, sorted(shelves, key=lambda shelf: (-shelf.available, _distance(to, shelf.place))))


def fewest_parcels(to: Address, wanted: Wanted, shelves: Sequence[Shelf]) -> list[Portion]:
    """All from one location if any has all, and the nearest of those; else as much as possible from each next one."""
    shelves = [shelf for shelf in shelves if shelf.variant in wanted]
    places = sorted({shelf.place for shelf in shelves}, key=lambda place: _distance(to, place))
    missing = dict(wanted)
    order: list[Place] = []
    while any(missing.values()):

        def serves(place: Place) -> int:
            return sum(_gives(shelf, missing) for shelf in shelves if shelf.place == place)

        best = max((place for place in places if place not in order), key=serves)  # the first, hence nearest, of equals
        for shelf in shelves:
            if shelf.place == best:
                missing[shelf.variant] -= _gives(shelf, missing)
        order.append(best)
    return _taken(wanted, sorted((s for s in shelves if s.place in order), key=lambda s: order.index(s.place)))


RULES: Mapping[Allocation, Rule] = {
    Allocation.FEWEST_PARCELS: fewest_parcels,
    Allocation.NEAREST: nearest,
    Allocation.MOST_STOCK: most_stock,
}


def _taken(wanted: Wanted, shelves: Iterable[Shelf]) -> list[Portion]:
    """What is wanted, from these shelves in this order."""
    missing, portions = dict(wanted), []
    for shelf in shelves:
        if given := _gives(shelf, missing):
            missing[shelf.variant] -= given
            portions.append(Portion(shelf.variant, shelf.place.id, given))
    return portions


def _gives(shelf: Shelf, missing: Wanted) -> int:
    return max(min(shelf.available, missing.get(shelf.variant, 0)), 0)


def _distance(to: Address, place: Place) -> tuple[int, int, str]:
    if place.country != to.country:
        return 2, place.priority, place.code
    here = to.region is not None and place.region is not None and place.region.casefold() == to.region.casefold()
    return 0 if here else 1, place.priority, place.code
