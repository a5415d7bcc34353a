"""What is in a cart, priced as of now. Nothing here is promised: checkout freezes prices and holds stock."""

from datetime import datetime, timedelta

import msgspec

from models.coupon import NO_DISCOUNTS, Coupon, Discounts, Goods, discounts
from models.credit import GiftCard
from models.ids import CartId, CartItemId, VariantId
from models.money import Money
from models.pricing import Item

MOST_A_LINE = 999
"""Most units of one variant in one cart."""
MOST_LINES = 100
"""Most different variants in one cart."""
MOST_SHOWN = 100
"""`available` is capped here, so that nobody reads a shop's stock book off its pages."""
ACCOUNT_LIFETIME = timedelta(days=180)
"""How long an account's cart is kept that nobody touches; an anonymous one: as the settings say."""
REMINDED_AT_MOST_EVERY = timedelta(days=7)
"""A cart's owner gets no two reminders within this."""


class CartLine(msgspec.Struct, frozen=True):
    """One variant in a cart with its price of this moment."""

    id: CartItemId
    variant_id: VariantId
    sku: str
    name: str
    quantity: int
    unit_price: Money
    seen_price: Money
    """The price when the line was last written: a difference is a warning to the buyer."""
    available: int
    """Units that can be bought now, uncapped."""
    tax_category: str
    weight: int
    """Grams a unit."""
    backorder_days: int | None = None
    """Not all of it is here: what is not is sent within so many days; None: all of it is, or it cannot be bought."""
    on_sale: bool = True
    """False when the product was withdrawn after it was put into the cart."""


class Cart(msgspec.Struct, frozen=True):
    """A cart with its lines in the order they were added. `currency` None: nothing was ever put in."""

    id: CartId
    currency: str | None
    attempt: int
    """Number of the next or running checkout: rises when an order of this cart ends unpaid or is paid."""
    lines: tuple[CartLine, ...] = ()
    gift_cards: tuple[GiftCard, ...] = ()
    """In the order they were added, which is the order they are spent in."""
    coupons: tuple[Coupon, ...] = ()
    """In the order in which they were added."""

    @property
    def items(self) -> list[Item]:
        """The lines as pricing sees them."""
        return [Item(line.quantity, line.unit_price, line.weight, line.tax_category) for line in self.lines]

    def discounts(self, now: datetime) -> Discounts:
        """What its coupons take off, or why they do not."""
        if not self.coupons or self.currency is None:
            return NO_DISCOUNTS
        goods = [Goods(line.variant_id, line.unit_price * line.quantity) for line in self.lines]
        return discounts(self.coupons, goods, self.currency, now)


def merged(own: int, coming: int, available: int) -> int:
    """Units of one variant when `coming` more join `own` in another cart: the sum, as far as stock and bounds go.

    Never fewer than `own`, and never none: that something is sold out is told by its line, not by its absence.
    """
    return max(own, min(own + coming, available, MOST_A_LINE), 1)
