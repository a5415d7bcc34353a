"""Positions of an order, and units taken from them: for a parcel, for a return."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from models.errors import Refusal
from models.ids import VariantId


class Position(msgspec.Struct, frozen=True):
    """A position of an order, and how many of its units something can be done with."""

    line: UUID
    """Its row."""
    variant: VariantId
    sku: str
    left: int


Taken = list[tuple[Position, int]]
"""Positions with their units."""


def take(positions: Sequence[Position], wanted: Mapping[str, int], code: str, detail: str) -> Taken:
    """Units by SKU, taken from the positions in their order.

    Raises: Refusal `unknown_sku` for what is not among them; `code`, saying `detail`, with
    `items: [{sku, requested, left}]` when fewer units are left.
    """
    unknown = sorted(wanted.keys() - {each.sku for each in positions})
    if unknown:
        raise Refusal("unknown_sku", "There is no such position.", skus=unknown)
    left = {sku: sum(each.left for each in positions if each.sku == sku) for sku in wanted}
    short = [
        {"sku": sku, "requested": quantity, "left": left[sku]}
        for sku, quantity in wanted.items() if left[sku] < quantity
    ]  # fmt: skip
    if short:
        raise Refusal(code, detail, items=short)
    taken, open_still = [], dict(wanted)
    for each in positions:
        units = min(each.left, open_still.get(each.sku, 0))
        if units:
            taken.append((each, units))
            open_still[each.sku] -= units
    return taken
