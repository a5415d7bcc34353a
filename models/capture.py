"""When an order's money is taken: at once, or as its goods leave; and how much each parcel takes. Exact to the cent."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from models.credit import least_charge
from models.money import EXPONENTS, Money
from models.refund import share


class Capture(StrEnum):
    """When reserved money is taken."""

    AT_ONCE = "at_once"
    AT_SHIPMENT = "at_shipment"
    """Each parcel takes what its goods cost before it leaves, the first one shipping too."""


class Goods(msgspec.Struct, frozen=True):
    """A position of an order, and how much of it has left."""

    worth: Money
    """Of all its units, discount and tax counted."""
    quantity: int
    sent: int


def due_by(goods: Sequence[Goods], total: Money, credit: Money) -> Money:
    """What the provider has to have taken once so much has left: what that is worth, less what `credit` paid of it.

    Shipping, the rest of the total, comes with the first unit. With the last one it is all that the provider takes.
    """
    if not any(each.sent for each in goods):
        return Money.zero(total.currency)
    all_goods = sum(each.worth.amount for each in goods)
    sent = sum(share(each.worth, each.quantity, each.sent).amount for each in goods if each.sent)
    return Money(max(total.amount - all_goods + sent - credit.amount, 0), total.currency)


def to_take(missing: Money, left: Money) -> Money:
    """What a card is asked for when so much is `missing` of what is `left` to be taken: no less than that.

    Neither this nor the rest may be less than any card is charged: the rest could never be had. Of currencies with
    three digits after the point providers take no single thousandths.
    """
    least, step = least_charge(left.currency).amount, 10 if EXPONENTS[left.currency] == 3 else 1
    amount = max(-(-missing.amount // step) * step, least)
    return Money(amount, left.currency) if left.amount - amount >= least else left
