"""What an order costs: sums that add up for any cart, taxes by country and region, shipping by zone and band."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import Money
from models.pricing import (
    EVERYWHERE,
    PPM,
    Band,
    Item,
    Priced,
    ShippingMethod,
    TaxRate,
    price,
    rate_for,
    shipping_quotes,
    tax_of,
)

CURRENCIES = ("usd", "eur", "jpy", "kwd")
CATEGORIES = ("standard", "reduced", "books", "untaxed")


@st.composite
def carts(draw: st.DrawFn) -> tuple[list[Item], Money, list[TaxRate]]:
    """Any cart, its shipping, and the rates of a country whose prices either contain the tax or do not."""
    currency = draw(st.sampled_from(CURRENCIES))
    items = [
        Item(draw(st.integers(1, 99)), Money(draw(st.integers(0, 10**6)), currency), 1,
             draw(st.sampled_from(CATEGORIES)))
        for _ in range(draw(st.integers(1, 6)))
    ]  # fmt: skip
    inclusive = draw(st.booleans())
    rates = [
        TaxRate(
            "XX", draw(st.integers(0, PPM)), inclusive, category, category=category, on_shipping=draw(st.booleans())
        )
        for category in draw(st.sets(st.sampled_from(CATEGORIES[:3])))
    ]
    return items, Money(draw(st.integers(0, 10**5)), currency), rates


def priced(items: list[Item], shipping: int, *rates: TaxRate, region: str | None = None) -> Priced:
    """A small cart sent to a country."""
    return price(
        items, Money(shipping, items[0].unit_price.currency), rates, rates[0].country if rates else "US", region
    )


def one(amount: int, currency: str = "usd", category: str = "standard", quantity: int = 1) -> Item:
    """A line of a cart."""
    return Item(quantity, Money(amount, currency), 100, category)


@given(carts())
def test_totals_add_up(cart: tuple[list[Item], Money, list[TaxRate]]) -> None:
    """Given any cart, then subtotal, shipping and the tax that is not contained make the total, to the unit."""
    items, shipping, rates = cart
    sums = price(items, shipping, rates, "XX").totals
    assert sums.subtotal.amount == sum(item.unit_price.amount * item.quantity for item in items)
    assert (sums.discount.amount, sums.shipping) == (0, shipping)
    on_top = 0 if sums.tax_included else sums.tax.amount
    assert sums.total.amount == sums.subtotal.amount - sums.discount.amount + sums.shipping.amount + on_top


@given(carts())
def test_the_lines_taxes_are_the_tax_but_for_the_shipping_s(cart: tuple[list[Item], Money, list[TaxRate]]) -> None:
    """Given any cart, then each rate's tax is rounded once and its lines bear exactly that, less shipping's share."""
    items, shipping, rates = cart
    result = price(items, shipping, rates, "XX")
    assert len(result.line_taxes) == len(items)
    assert all(tax.amount >= 0 for tax in result.line_taxes)
    borne = sum(tax.amount for tax in result.line_taxes)
    free = Money.zero(shipping.currency)
    if any(rate.category == "standard" and rate.on_shipping for rate in rates):
        alone = next(tax_of(shipping, rate).amount for rate in rates if rate.category == "standard")
        assert abs(result.totals.tax.amount - borne - alone) <= 1
    else:
        assert borne == result.totals.tax.amount
    assert (
        sum(tax.amount for tax in price(items, free, rates, "XX").line_taxes)
        == price(items, free, rates, "XX").totals.tax.amount
    )


@given(carts())
def test_each_category_is_taxed_by_its_own_rate(cart: tuple[list[Item], Money, list[TaxRate]]) -> None:
    """Given free shipping, then the tax is the sum over categories of the rate on that category's goods."""
    items, shipping, rates = cart
    expected = sum(
        tax_of(
            Money(sum(i.unit_price.amount * i.quantity for i in items if i.tax_category == rate.category),
                  shipping.currency), rate,
        ).amount
        for rate in rates
    )  # fmt: skip
    result = price(items, Money.zero(shipping.currency), rates, "XX")
    assert result.totals.tax.amount == expected
    untaxed = {item.tax_category for item in items} - {rate.category for rate in rates}
    for item, tax in zip(items, result.line_taxes, strict=True):
        assert item.tax_category not in untaxed or tax.amount == 0


@given(carts(), st.integers(0, 5), st.integers(1, 10**6))
def test_more_never_costs_less(cart: tuple[list[Item], Money, list[TaxRate]], index: int, more: int) -> None:
    """Given a cart, then a dearer line or dearer shipping never makes total or tax fall."""
    items, shipping, rates = cart
    dearer = list(items)
    chosen = items[index % len(items)]
    dearer[index % len(items)] = Item(
        chosen.quantity, chosen.unit_price + Money(more, shipping.currency), chosen.weight, chosen.tax_category
    )
    before = price(items, shipping, rates, "XX").totals
    for after in (
        price(dearer, shipping, rates, "XX").totals,
        price(items, shipping + Money(more, shipping.currency), rates, "XX").totals,
    ):
        assert before.total < after.total
        assert before.tax <= after.tax


@given(st.integers(0, 10**9), st.integers(0, PPM))
def test_contained_tax_is_what_the_net_price_would_bear(gross: int, ppm: int) -> None:
    """Given a gross price, then net + tax is the gross, and the tax on that net is the contained one, to one unit."""
    contained = tax_of(Money(gross, "eur"), TaxRate("DE", ppm, True, "USt")).amount
    on_top = tax_of(Money(gross - contained, "eur"), TaxRate("DE", ppm, False, "USt")).amount
    assert 0 <= contained <= gross
    assert abs(contained - on_top) <= 1


def test_tax_on_top() -> None:
    """Given 8.875 % on top of 19.99, then the tax is 1.77 and the total 21.76."""
    rate = TaxRate("US", 88_750, False, "Sales tax", "NY")
    result = price([one(1999)], Money.zero("usd"), [rate], "US", "NY")
    assert (result.totals.tax.amount, result.totals.total.amount) == (177, 2176)
    assert result.totals.tax_included is False


def test_tax_contained() -> None:
    """Given 19 % contained in 119.00 and 11.90 shipping, then the tax is 20.90 and the total what was printed."""
    result = priced([one(11900, "eur")], 1190, TaxRate("DE", 190_000, True, "USt"))
    assert (result.totals.tax.amount, result.totals.total.amount) == (2090, 13090)
    assert (result.totals.tax_included, result.line_taxes[0].amount) == (True, 1900)


def test_half_a_unit_is_rounded_up() -> None:
    """Given taxes of exactly half a cent and just below it, then the half is rounded up and the other down."""
    half = TaxRate("US", 500_000, False, "half")
    assert tax_of(Money(1, "usd"), half).amount == 1
    assert tax_of(Money(1, "usd"), TaxRate("US", 499_999, False, "less")).amount == 0


def test_yen_have_no_fractions() -> None:
    """Given 10 % contained in 1,099 yen, then the tax is 100 whole yen, shared out to the lines without a rest."""
    rate = TaxRate("JP", 100_000, True, "consumption tax")
    result = priced([one(333, "jpy"), one(333, "jpy"), one(433, "jpy")], 0, rate)
    assert (result.totals.tax, result.totals.total) == (Money(100, "jpy"), Money(1099, "jpy"))
    assert [tax.amount for tax in result.line_taxes] == [30, 30, 40]


def test_one_rounding_a_rate_not_a_line() -> None:
    """Given three lines of 0.05 at 10 %, then the tax is 0.02 (of 0.15), not three roundings of 0.01."""
    result = priced([one(5), one(5), one(5)], 0, TaxRate("US", 100_000, False, "tax"))
    assert result.totals.tax.amount == 2
    assert [tax.amount for tax in result.line_taxes] == [1, 1, 0]


def test_shipping_is_taxed_at_the_standard_rate_if_at_all() -> None:
    """Given books alone, then shipping still bears the standard rate, unless that one leaves shipping alone."""
    books = TaxRate("DE", 70_000, False, "reduced", category="books")
    standard = TaxRate("DE", 190_000, False, "USt")
    spared = TaxRate("DE", 190_000, False, "USt", on_shipping=False)
    assert priced([one(1000, category="books")], 100, books, standard).totals.tax.amount == 70 + 19
    assert priced([one(1000, category="books")], 100, books, spared).totals.tax.amount == 70


def test_without_a_rate_nothing_is_taxed() -> None:
    """Given a country without rates, then there is no tax, and it is not called included."""
    sums = priced([one(1000)], 500).totals
    assert (sums.tax.amount, sums.total.amount, sums.tax_included) == (0, 1500, False)


def test_a_region_goes_before_its_country() -> None:
    """Given a rate for the country and one for a region, then that region pays its own and others the country's."""
    country, region = TaxRate("CA", 50_000, False, "GST"), TaxRate("CA", 150_000, False, "HST", "NS")
    for rates in ([country, region], [region, country]):
        assert rate_for(rates, "CA", "NS", "standard") is region
        assert rate_for(rates, "CA", "ON", "standard") is country
        assert rate_for(rates, "CA", None, "standard") is country
    assert rate_for([region], "CA", "ON", "standard") is None
    assert rate_for([region], "CA", None, "standard") is None
    assert rate_for([country], "US", None, "standard") is None
    assert rate_for([country], "CA", None, "books") is None


def test_a_country_that_contains_some_taxes_and_adds_others_is_refused() -> None:
    """Given one rate contained and one on top, then there is no total that says it, and nothing is priced."""
    mixed = [TaxRate("XX", 100_000, True, "in"), TaxRate("XX", 100_000, False, "on top", category="books")]
    with pytest.raises(ValueError, match="contains"):
        price([one(1000), one(1000, category="books")], Money.zero("usd"), mixed, "XX")


@pytest.mark.parametrize("items", [[], [one(1000, "eur")], [one(1000), one(1000, "eur")]])
def test_nothing_and_mixed_currencies_have_no_price(items: list[Item]) -> None:
    """Given no items, or items in another currency than shipping, then there is no price."""
    with pytest.raises(ValueError, match=r"nothing to price|cannot mix"):
        price(items, Money(500, "usd"), [], "US")


def band(amount: int, *countries: str, currency: str = "usd", **bounds: Any) -> Band:
    """A shipping price."""
    return Band(frozenset(countries), Money(amount, currency), **bounds)


def method(*bands: Band, code: str = "standard", days: tuple[int, int] = (2, 4)) -> ShippingMethod:
    """A shipping method of these bands."""
    return ShippingMethod(code, code.title(), *days, bands)


def quoted(chosen: ShippingMethod, country: str = "US", weight: int = 100, subtotal: int = 1000) -> list[int]:
    """What it costs, if it goes there."""
    return [quote.price.amount for quote in shipping_quotes([chosen], country, weight, Money(subtotal, "usd"))]


def test_a_zone_that_names_the_country_goes_before_everywhere() -> None:
    """Given a cheaper price for everywhere, then a country with a price of its own pays its own."""
    both = method(band(300, EVERYWHERE), band(900, "US", "CA"))
    assert (quoted(both, "US"), quoted(both, "CA"), quoted(both, "DE")) == ([900], [900], [300])


def test_everywhere_stands_in_where_the_country_s_bands_do_not_fit() -> None:
    """Given a country whose own bands end at 1 kg, then a heavier parcel goes at everywhere's price."""
    both = method(band(300, "US", max_weight=1000), band(900, EVERYWHERE))
    assert (quoted(both, weight=999), quoted(both, weight=1000)) == ([300], [900])


def test_lower_bounds_count_in_and_upper_ones_do_not() -> None:
    """Given bands that meet at 1 kg and at 50.00, then each weight and subtotal fits exactly one."""
    by_weight = method(band(300, "US", max_weight=1000), band(500, "US", min_weight=1000, max_weight=2000))
    assert [quoted(by_weight, weight=grams) for grams in (0, 999, 1000, 1999, 2000)] == [[300], [300], [500], [500], []]
    by_value = method(band(300, "US", max_subtotal=5000), band(0, "US", min_subtotal=5000))
    assert [quoted(by_value, subtotal=cents) for cents in (0, 4999, 5000)] == [[300], [300], [0]]


def test_among_fitting_bands_the_cheapest_wins() -> None:
    """Given two bands for one parcel, then the buyer pays the lower price."""
    assert quoted(method(band(500, "US"), band(300, "US"))) == [300]


def test_a_band_in_another_currency_does_not_count() -> None:
    """Given a price in euros alone, then a cart in dollars cannot be sent by it."""
    assert quoted(method(band(300, "US", currency="eur"))) == []


def test_quotes_come_cheapest_first() -> None:
    """Given several methods, then they are sorted by price and then code, and one that does not go there is absent."""
    methods = [
        method(band(900, "US"), code="express", days=(1, 1)), method(band(300, "US"), code="post"),
        method(band(300, "US"), code="bike"), method(band(1, "DE"), code="tram"),
    ]  # fmt: skip
    quotes = shipping_quotes(methods, "US", 100, Money(1000, "usd"))
    assert [(quote.code, quote.price.amount) for quote in quotes] == [("bike", 300), ("post", 300), ("express", 900)]
    assert [quote.estimate for quote in quotes] == ["2-4 days", "2-4 days", "1 days"]


@given(
    st.lists(st.integers(1, 5000), min_size=1, max_size=5, unique=True),
    st.lists(st.integers(0, 10**4), min_size=6, max_size=6),
    st.integers(0, 6000),
)
def test_bands_without_gaps_price_every_parcel_once(bounds: list[int], amounts: list[int], weight: int) -> None:
    """Given bands that tile all weights, then a parcel costs exactly what its band says."""
    edges = [0, *sorted(bounds)]
    tiled = [
        band(amount, "US", min_weight=low, max_weight=high)
        for amount, low, high in zip(amounts, edges, [*edges[1:], None], strict=False)
    ]
    fitting = max(index for index, edge in enumerate(edges) if edge <= weight)
    assert quoted(method(*tiled), weight=weight) == [amounts[fitting]]
