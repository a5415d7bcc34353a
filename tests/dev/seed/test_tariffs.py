"""Sample shipping and tax give every buyer a sensible answer."""

from itertools import pairwise

import pytest

from dev.seed import shipping, tax
from models.address import COUNTRIES
from models.money import Money
from models.pricing import EVERYWHERE, Band, ShippingMethod, rate_for, shipping_quotes

METHODS = [
    ShippingMethod(
        method.code, method.name, method.min_days, method.max_days,
        tuple(
            Band(frozenset(shipping.ZONES[band.zone]), Money(band.price, band.currency),
                 band.min_weight, band.max_weight, band.min_subtotal)
            for band in shipping.bands() if band.method == method.code
        ),
    )
    for method in shipping.METHODS
]  # fmt: skip


def quoted(country: str, weight: int, subtotal: Money) -> dict[str, int]:
    return {quote.code: quote.price.amount for quote in shipping_quotes(METHODS, country, weight, subtotal)}


@pytest.mark.parametrize("currency", ["usd", "eur", "jpy", "etb"])
@pytest.mark.parametrize("weight", [0, 999, 1000, 4999, 5000, 19_999, 20_000, 30_000, 900_000])
@pytest.mark.parametrize("country", ["US", "DE", "JP", "GB", "BR", "ET"])
def test_something_carries_every_parcel_everywhere(country: str, weight: int, currency: str) -> None:
    """Whatever the cart's currency and weight, standard delivery has a price."""
    assert quoted(country, weight, Money(1000, currency))["standard"] > 0


def test_prices_by_weight_and_zone_are_the_printed_ones() -> None:
    """A mug at home and abroad; express ends at 30 kg, pick-up is not everywhere."""
    mug = Money(2400, "usd")

    assert quoted("US", 380, mug) == {"pickup": 390, "standard": 590, "express": 1490}
    assert quoted("FR", 380, mug) == {"pickup": 490, "standard": 790, "express": 1990}
    assert quoted("JP", 380, Money(3600, "jpy")) == {"pickup": 600, "standard": 1100, "express": 2500}
    assert quoted("AU", 1000, mug) == {"standard": 2790, "express": 5990}
    assert quoted("US", 30_000, mug) == {"standard": 4900}


@pytest.mark.parametrize(
    ("country", "below", "above"),
    [("US", Money(7499, "usd"), Money(7500, "usd")), ("DE", Money(8899, "eur"), Money(8900, "eur")),
     ("JP", Money(11_999, "jpy"), Money(12_000, "jpy"))],
)  # fmt: skip
def test_standard_delivery_is_free_from_a_subtotal_on(country: str, below: Money, above: Money) -> None:
    """One cent less pays; express always pays; a heavy parcel pays too."""
    assert quoted(country, 2000, below)["standard"] > 0
    assert quoted(country, 2000, above)["standard"] == 0
    assert quoted(country, 2000, above)["express"] > 0
    assert quoted(country, 20_000, above)["standard"] > 0


def test_a_heavier_parcel_never_costs_less() -> None:
    """Bands of a method and zone meet without a gap and rise."""
    paid = [band for band in shipping.bands() if band.price]
    for method, zone, currency in {(band.method, band.zone, band.currency) for band in paid}:
        steps = [band for band in paid if (band.method, band.zone, band.currency) == (method, zone, currency)]
        assert steps[0].min_weight == 0
        for lighter, heavier in pairwise(steps):
            assert lighter.max_weight == heavier.min_weight, (method, zone)
            assert lighter.price < heavier.price, (method, zone)


def test_zones_name_real_countries_once() -> None:
    """A country in two zones would have two prices."""
    named = [country for countries in shipping.ZONES.values() for country in countries if country != EVERYWHERE]
    assert set(named) <= COUNTRIES
    assert len(named) == len(set(named))


@pytest.mark.parametrize(
    ("country", "region", "category", "ppm", "inclusive"),
    [
        ("DE", None, "standard", 190_000, True), ("DE", "BY", "reduced", 70_000, True),
        ("FR", None, "standard", 200_000, True), ("FR", None, "reduced", 55_000, True),
        ("JP", None, "standard", 100_000, True), ("JP", None, "reduced", 80_000, True),
        ("GB", None, "standard", 200_000, True), ("US", "NY", "standard", 88_750, False),
        ("US", "CA", "standard", 72_500, False), ("US", "TX", "reduced", 62_500, False),
    ],
)  # fmt: skip
def test_known_rates(country: str, region: str | None, category: str, ppm: int, inclusive: bool) -> None:
    """What a person would check first."""
    rate = rate_for(tax.rates(), country, region, category)
    assert rate is not None
    assert (rate.ppm, rate.inclusive) == (ppm, inclusive)


@pytest.mark.parametrize("region", [None, "OR", "DE"])
def test_us_states_without_sales_tax_take_none(region: str | None) -> None:
    """The country as a whole has no rate to fall back on."""
    assert rate_for(tax.rates(), "US", region, "standard") is None


def test_rates_are_unambiguous_and_every_place_has_both_categories() -> None:
    """One rate for each place and category; the reduced one is never the higher."""
    rates = {(rate.country, rate.region, rate.category): rate.ppm for rate in tax.rates()}
    assert len(rates) == len(tax.rates())
    for country, region, category in rates:
        assert country in COUNTRIES
        if category == "standard":
            assert rates[country, region, "reduced"] <= rates[country, region, "standard"]
    assert set(shipping.EU) <= {country for country, _, _ in rates}
