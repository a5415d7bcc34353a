"""Coupons as staff keep them. What they take off a cart is `models/coupon.py`."""

import secrets
from datetime import datetime

import msgspec

from models.money import Money

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""What is not mistaken for something else when it is read aloud or copied from paper."""
_LENGTH = 12
"""60 bits: nobody guesses one of a thousand codes."""


class CouponTerms(msgspec.Struct, frozen=True):
    """What a coupon promises, and how often orders have used it."""

    code: str
    description: str
    """As buyers read it on their cart."""
    ppm: int | None
    """A percentage, in parts per million: 100000 is 10 %. Null: fixed `amounts`."""
    amounts: list[Money] | None
    """Fixed, one a currency; in other currencies it cannot be used. Null: a percentage."""
    min_subtotals: list[Money]
    """What a cart's goods must be worth at full price, one a currency; in other currencies: anything."""
    products: list[str]
    """Slugs. With `categories`: for these goods only; both empty: for all."""
    categories: list[str]
    """Slugs, with everything below them."""
    starts_at: datetime
    ends_at: datetime | None
    """Not counted in; null: never."""
    max_redemptions: int | None
    """How many orders may use it; null: any number."""
    max_per_buyer: int | None
    """How many of one buyer's, who is known by the account or by the e-mail address; null: any number."""
    first_order_only: bool
    stackable: bool
    """It may stand beside others that are stackable too."""
    redeemed: int
    """Orders that use it; those that were cancelled do not count."""
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    """Set: withdrawn. Placed orders keep their discount."""


class CouponUse(msgspec.Struct, frozen=True):
    """What orders have made of a coupon."""

    held: int
    """By orders that wait for their payment."""
    committed: int
    """By paid orders."""
    released: int
    """Given back by orders that were cancelled."""
    discounts: list[Money]
    """What it took off paid orders, by currency."""


class CouponReport(CouponTerms, frozen=True):
    """A coupon with its use."""

    use: CouponUse


def random_code(prefix: str) -> str:
    """A code that nobody guesses: `SPRING-7K2MQ9XD4TRA`."""
    return f"{prefix}-{''.join(secrets.choice(_LETTERS) for _ in range(_LENGTH))}"
