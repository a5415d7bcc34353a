"""Goods that come back for others: what they pay of the new ones, and where such an exchange stands.

What came back is paid with: a gift card of its own carries that to an ordinary order. What it is worth more goes back
as money, what it is worth less is paid like any order.
"""

from datetime import timedelta
from enum import StrEnum

import msgspec

from models.credit import spend
from models.ids import OrderNumber, VariantId
from models.money import Money
from models.pricing import Item

PAY_WITHIN = timedelta(days=3)
"""How long the goods wait for what is to be paid for them, unless the shop says otherwise."""
SHIPPING_CODE = "exchange"
"""Shipping method of an order that is sent instead of goods that came back: it costs nothing."""


class ExchangeStatus(StrEnum):
    """Where an exchange stands."""

    OPEN = "open"
    """Its order is placed, or waits for the rest of its price."""
    DONE = "done"
    """The buyer has the new goods for the old ones."""
    REFUNDED = "refunded"
    """Nothing came of it: the money goes back, as if nothing had been wanted instead."""


class ExchangeStanding(StrEnum):
    """How far the order is that an exchange made."""

    WAITING = "waiting"
    SOLD = "sold"
    """Paid for: the goods that came back have paid their part."""
    ENDED = "ended"
    """Refused, not paid in time, or called off before."""


class ExchangeFor(msgspec.Struct, frozen=True):
    """What an order is sent instead of."""

    order: OrderNumber
    n: int
    """Number of that order's return."""
    pay_within: timedelta
    """How long it may wait for the rest of its price."""


class Wanted(msgspec.Struct, frozen=True):
    """Units of a variant that a buyer wants instead, as they are sold now."""

    variant: VariantId
    sku: str
    units: int
    available: int
    """What checkout would sell of it: units that are here, and those that are sold before they are."""
    weight: int
    tax_category: str
    price: Money | None
    """Of one; None: it is not sold any more, or not in this currency."""

    @property
    def item(self) -> Item:
        """As pricing sees it."""
        assert self.price is not None
        return Item(self.units, self.price, self.weight, self.tax_category)


class Exchange(msgspec.Struct, frozen=True):
    """What became of the wish for other goods."""

    status: ExchangeStatus
    number: OrderNumber | None = None
    """Of the order that sends the new goods; None: none was made."""
    price: Money | None = None
    """What they cost."""
    paid: Money | None = None
    """Of it, by the goods that came back."""
    rest: int | None = None
    """Number of the refund of what those are worth more; None: nothing."""
    why: str | None = None
    """Why the money goes back instead."""


def missing(wanted: list[Wanted]) -> str | None:
    """Why these goods cannot be had; None: they can."""
    if not wanted or any(each.price is None for each in wanted):
        return "not_sold"
    return "out_of_stock" if any(each.available < each.units for each in wanted) else None


def weigh(worth: Money, price: Money) -> tuple[Money, Money]:
    """What goods that are `worth` so much pay of a `price`, and what of their worth is left over.

    No card is charged less than the provider takes: where the rest would be less, they pay a little less.
    """
    [paid] = spend(price, [worth])
    return paid, worth - paid
