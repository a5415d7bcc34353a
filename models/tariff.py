"""What staff set and buyers are charged: tax rates, shipping zones, and shipping methods with their prices.

These are the rows as people keep them; `models/pricing.py` has the sums.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from models.money import Money


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
    min_weight: int = 0
    """Grams."""
    max_weight: int | None = None
    """Grams."""
    min_subtotal: int = 0
    """Minor units of the price's currency, before any discount."""
    max_subtotal: int | None = None
    """Minor units of the price's currency, before any discount."""


class ZonePrices(msgspec.Struct, frozen=True):
    """What a method costs to the countries of one zone. Where several prices fit a parcel, the cheapest is charged."""

    zone: str
    """`code` of a shipping zone."""
    prices: list[ShippingPrice]


class ShippingTariff(msgspec.Struct, frozen=True):
    """A way to send a parcel: how long it takes, and what it costs where."""

    code: str
    name: str
    min_days: int
    max_days: int
    zones: list[ZonePrices]
    """Countries in none of them are not served."""
    created_at: datetime
    archived_at: datetime | None
    """Set: no longer offered. Placed orders keep it."""
