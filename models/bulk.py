"""What staff do to hundreds of products at once, and what that makes of a price. Sums are exact, rounded half up."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from models.money import Money
from models.pricing import PPM
from models.records import DEAREST, PriceRecord, SaleWindow, must_be_a_window

MOST_AT_ONCE = 500
"""Most products in one request."""

Currency = Annotated[str, Meta(pattern=r"^[a-z]{3}$(?!\n)", description="ISO 4217, lower case", examples=["usd"])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-27T00:00:00Z"])]


class PriceShift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices of all variants that are sold, up or down; also those of sale windows that are planned."""

    ppm: Annotated[
        int, Meta(ge=-990_000, le=10 * PPM, description="Parts per million: 50000 is 5 % more", examples=[-100_000])
    ]
    currency: Currency | None = None
    """Left out: in all currencies."""

    def __post_init__(self) -> None:
        if self.ppm == 0:
            raise ValueError("ppm is more or less than nothing")

    def of(self, price: PriceRecord) -> PriceRecord:
        """The price after it. A price before that is no longer higher is taken away, and so is a sale that is none.

        Raises: OverflowError when nothing may cost that much.
        """
        now = _times(price.price, PPM + self.ppm)
        if now.amount > DEAREST:
            raise OverflowError
        before, sale = price.compare_at_price, price.sale
        if before is not None and before.amount <= now.amount:
            before = None
        if sale is not None:
            lower = _times(sale.price, PPM + self.ppm)
            sale = SaleWindow(lower, sale.starts_at, sale.ends_at) if lower.amount < now.amount else None
        return PriceRecord(now, before, sale)


class SaleOff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sale of all variants that are sold, in place of what was planned for them."""

    ppm: Annotated[
        int, Meta(ge=1, le=PPM, description="Parts per million off the price: 200000 is 20 % less", examples=[200_000])
    ]
    starts_at: Moment
    ends_at: Moment
    """Not counted in."""
    currency: Currency | None = None
    """Left out: in all currencies."""

    def __post_init__(self) -> None:
        must_be_a_window(self.starts_at, self.ends_at)

    def of(self, price: PriceRecord) -> PriceRecord:
        """The price with the sale; as it is when so little of it would not make it lower."""
        lower = _times(price.price, PPM - self.ppm)
        if lower.amount >= price.price.amount:
            return price
        window = SaleWindow(lower, self.starts_at.astimezone(UTC), self.ends_at.astimezone(UTC))
        return PriceRecord(price.price, price.compare_at_price, window)


def without_sale(price: PriceRecord) -> PriceRecord:
    """The price with nothing planned."""
    return PriceRecord(price.price, price.compare_at_price)


def _times(money: Money, ppm: int) -> Money:
    return Money((money.amount * ppm + PPM // 2) // PPM, money.currency)
