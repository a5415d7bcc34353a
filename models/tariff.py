"""What staff set and buyers are charged: tax rates, shipping zones, and shipping methods with their prices.

These are the rows as people keep them; `models/pricing.py` has the sums.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from models.money import LARGEST, Money

Weight = Annotated[int, msgspec.Meta(ge=0, le=2 * 10**9)]
Subtotal = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]


class TaxTariff(msgspec.Struct, frozen=True):
    """A tax in one country, or in one region of it, on one category of goods."""

    id: UUID
    country: str
    region: str | None
    """Null: wherever in the country no region has a rate of its own."""
    category: str
    """Of goods: `standard`, `reduced` … Shipping is taxed as `standard`."""
    name: str
    ppm: int
    """Parts per million of the net price: 190000 is 19 %."""
    inclusive: bool
    """True: list prices already contain it. False: it comes on top. All rates of a country agree in this."""
    on_shipping: bool
    created_at: datetime
    archived_at: datetime | None
    """Set: no longer charged. Placed orders keep what they were charged."""


class ShippingZone(msgspec.Struct, frozen=True):
    """Countries that have their shipping prices in common. Several methods may price one zone."""

    code: str
    countries: list[str]
    """ISO 3166-1 alpha-2; `["*"]`: every country for which a method has no price in a zone that names it."""
    created_at: datetime


class ShippingPrice(msgspec.Struct, frozen=True):
    """What parcels of one weight and one worth cost. Lower bounds count in, upper ones do not; null: no bound."""

    price: Money
    min_weight: Weight = 0
    """Grams."""
    max_weight: Weight | None = None
    """Grams."""
    min_subtotal: Subtotal = 0
    """Minor units of the price's currency, before any discount."""
    max_subtotal: Subtotal | None = None
    """Minor units of the price's currency, before any discount."""

    @property
    def parcels(self) -> tuple[str, int, int | None, int, int | None]:
        """Which parcels it is for."""
        return self.price.currency, self.min_weight, self.max_weight, self.min_subtotal, self.max_subtotal


class ZonePrices(msgspec.Struct, frozen=True):
    """What a method costs to the countries of one zone. Where several prices fit a parcel, the cheapest is charged."""

    zone: str
    """`code` of a shipping zone."""
    prices: tuple[ShippingPrice, ...]


def in_order(zones: Sequence[ZonePrices]) -> tuple[ZonePrices, ...]:
    """Zones by code, prices from light and cheap to heavy: as they are kept and read, however they were sent."""

    def place(price: ShippingPrice) -> tuple[str, int, int, int]:
        return price.price.currency, price.min_weight, price.min_subtotal, price.price.amount

    def plain(price: ShippingPrice) -> ShippingPrice:
        return ShippingPrice(price.price, price.min_weight, price.max_weight, price.min_subtotal, price.max_subtotal)

    return tuple(
        ZonePrices(zone.zone, tuple(plain(price) for price in sorted(zone.prices, key=place)))
        for zone in sorted(zones, key=lambda zone: zone.zone)
    )


class ShippingTariff(msgspec.Struct, frozen=True):
    """A way to send a parcel: how long it takes, and what it costs where."""

    code: str
    name: str
    min_days: int
    max_days: int
    zones: tuple[ZonePrices, ...]
    """Countries in none of them are not served."""
    created_at: datetime
    archived_at: datetime | None
    """Set: no longer offered. Placed orders keep it."""
