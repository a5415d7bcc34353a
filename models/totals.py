"""What an order comes to: data alone, also for a process that knows nothing of how it is reckoned."""

import msgspec

from models.money import Money


class Totals(msgspec.Struct, frozen=True):
    """total = subtotal - discount + shipping, + tax unless `tax_included`."""

    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    total: Money
    tax_included: bool = False
    """True: `tax` is contained in the other sums."""


class TaxPart(msgspec.Struct, frozen=True):
    """One rate as it was charged: on which of the items, and whether on their shipping."""

    name: str
    ppm: int
    tax: Money
    lines: tuple[int, ...]
    """Places of those items, from 0."""
    shipping: Money | None = None
    """Of the tax, that on shipping; None: shipping is not taxed by it."""
