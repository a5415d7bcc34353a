"""What an order costs: pure sums over tables of shipping bands and tax rates. The API previews, checkout freezes.

The tax rule lives in `tax_of` and `rate_for`; which rates exist is data (`tax_rates`).
"""

from collections.abc import Iterable, Sequence

import msgspec

from models.errors import Refusal
from models.money import Money, share_out, total
from models.totals import TaxPart, Totals

PPM = 1_000_000
"""Tax rates are integers in parts per million: 190_000 is 19 %, 88_750 is 8.875 %."""
EVERYWHERE = "*"
"""A zone's country that stands for every country no other zone names."""


class Item(msgspec.Struct, frozen=True):
    """What pricing needs to know of a cart line."""

    quantity: int
    unit_price: Money
    weight: int
    """Grams a unit."""
    tax_category: str = "standard"


class Band(msgspec.Struct, frozen=True):
    """One shipping price: for these countries, this weight and this subtotal. Lower bounds count in, upper do not."""

    countries: frozenset[str]
    price: Money
    min_weight: int = 0
    max_weight: int | None = None
    """Grams; None: no upper bound."""
    min_subtotal: int = 0
    max_subtotal: int | None = None
    """Minor units of the price's currency; None: no upper bound."""


class ShippingMethod(msgspec.Struct, frozen=True):
    """A way to send a parcel and its price bands."""

    code: str
    name: str
    min_days: int
    max_days: int
    bands: tuple[Band, ...]

    @property
    def estimate(self) -> str:
        return f"{self.min_days}-{self.max_days} days" if self.max_days != self.min_days else f"{self.min_days} days"


class ShippingQuote(msgspec.Struct, frozen=True):
    """A shipping method with what it costs for this parcel."""

    code: str
    name: str
    price: Money
    estimate: str


class TaxRate(msgspec.Struct, frozen=True):
    """A tax in one country, or one region of it, for one category of goods."""

    country: str
    ppm: int
    """Parts per million of the net price."""
    inclusive: bool
    """True: list prices already contain it (as in the EU and Japan). False: it is added (as in the US)."""
    name: str
    region: str | None = None
    category: str = "standard"
    on_shipping: bool = True


class Priced(msgspec.Struct, frozen=True):
    """The totals, and what each item bears of tax and discount, in the items' order."""

    totals: Totals
    line_taxes: tuple[Money, ...]
    line_discounts: tuple[Money, ...]
    taxes: tuple[TaxPart, ...] = ()
    """What the tax is made of; an item that none names is not taxed."""


def shipping_quotes(
    methods: Iterable[ShippingMethod], country: str, weight: int, subtotal: Money
) -> list[ShippingQuote]:
    """What can carry `weight` grams worth `subtotal` to `country`, cheapest first. Empty: nothing goes there."""
    quotes = []
    for method in methods:
        price = _band_price(method.bands, country, weight, subtotal)
        if price is not None:
            quotes.append(ShippingQuote(method.code, method.name, price, method.estimate))
    return sorted(quotes, key=lambda quote: (quote.price.amount, quote.code))


def _band_price(bands: Sequence[Band], country: str, weight: int, subtotal: Money) -> Money | None:
    """A zone that names the country goes before one for everywhere; among fitting bands the cheapest wins."""
    for zone in (country, EVERYWHERE):
        fitting = [
            band.price
            for band in bands
            if zone in band.countries
            and band.price.currency == subtotal.currency
            and band.min_weight <= weight
            and (band.max_weight is None or weight < band.max_weight)
            and band.min_subtotal <= subtotal.amount
            and (band.max_subtotal is None or subtotal.amount < band.max_subtotal)
        ]
        if fitting:
            return min(fitting, key=lambda price: price.amount)
    return None


def rate_for(rates: Iterable[TaxRate], country: str, region: str | None, category: str) -> TaxRate | None:
    """The rate that applies: the region's before the country's; None means untaxed."""
    fitting = [rate for rate in rates if rate.country == country and rate.category == category]
    for wanted in (region, None):
        for rate in fitting:
            if rate.region == wanted:
                return rate
    return None


def tax_of(amount: Money, rate: TaxRate) -> Money:
    """Tax on `amount`, half a unit rounded up: contained in it where the rate is inclusive, on top otherwise."""
    base = PPM + rate.ppm if rate.inclusive else PPM
    return Money((2 * amount.amount * rate.ppm + base) // (2 * base), amount.currency)


def price(
    items: Sequence[Item],
    shipping: Money,
    rates: Sequence[TaxRate],
    country: str,
    region: str | None = None,
    discounts: Sequence[Money] = (),
) -> Priced:
    """What `items` cost when sent to `country`: one rounding a tax rate, its cents shared out over the lines exactly.

    `discounts`: each item's, in their order and at most its price; empty: none. Tax is on what is left.
    Shipping is taxed at the standard rate. Raises: ValueError on mixed currencies, no items, or rates of one country
    of which one is contained in prices and another comes on top: no single total would say that.
    """
    if not items:
        raise ValueError("nothing to price")
    currency = shipping.currency
    full = [item.unit_price * item.quantity for item in items]
    reductions = list(discounts) or [Money.zero(currency)] * len(items)
    lines = [before - reduction for before, reduction in zip(full, reductions, strict=True)]
    if any(line.amount < 0 for line in lines):
        raise ValueError("a discount exceeds the price of its item")
    subtotal, discount = total(full, currency), total(reductions, currency)
    taxes = [Money.zero(currency)] * len(items)
    tax, added = Money.zero(currency), Money.zero(currency)
    inclusive: bool | None = None
    parts: list[TaxPart] = []
    for category in sorted({item.tax_category for item in items} | {"standard"}):
        rate = rate_for(rates, country, region, category)
        if rate is None:
            continue
        members = [index for index, item in enumerate(items) if item.tax_category == category]
        goods = [lines[index] for index in members]
        carriage = [shipping] if category == "standard" and rate.on_shipping else []
        due = tax_of(total([*goods, *carriage], currency), rate)
        shares = share_out(due, [amount.amount for amount in [*goods, *carriage]]) if goods or carriage else []
        for index, share in zip(members, shares, strict=False):
            taxes[index] = share
        tax += due
        if shares:
            parts.append(TaxPart(rate.name, rate.ppm, due, tuple(members), shares[-1] if carriage else None))
        if inclusive not in (None, rate.inclusive):
            raise ValueError(f"{country} contains one tax in its prices and adds another")
        inclusive = rate.inclusive
        if not inclusive:
            added += due
    return Priced(
        Totals(subtotal, discount, shipping, tax, subtotal - discount + shipping + added, bool(inclusive)),
        tuple(taxes),
        tuple(reductions),
        tuple(parts),
    )


class Quote(msgspec.Struct, frozen=True):
    """What can carry a cart to an address, and what it all costs with the chosen method."""

    methods: tuple[ShippingQuote, ...]
    """Cheapest first."""
    chosen: ShippingQuote
    priced: Priced


def quote(
    items: Sequence[Item],
    methods: Iterable[ShippingMethod],
    rates: Sequence[TaxRate],
    country: str,
    region: str | None,
    wanted: str | None,
    discounts: Sequence[Money] = (),
) -> Quote:
    """Price `items` for an address with the `wanted` shipping method, or the cheapest.

    Shipping prices go by the subtotal before `discounts`, so that a coupon never makes a parcel dearer.
    Raises: Refusal `no_shipping`, `shipping_method_unknown`.
    """
    subtotal = total([item.unit_price * item.quantity for item in items], items[0].unit_price.currency)
    offered = shipping_quotes(methods, country, sum(item.weight * item.quantity for item in items), subtotal)
    if not offered:
        raise Refusal("no_shipping", f"Nothing in this cart can be sent to {country}.", country=country)
    chosen = offered[0] if wanted is None else next((each for each in offered if each.code == wanted), None)
    if chosen is None:
        codes = [each.code for each in offered]
        raise Refusal("shipping_method_unknown", "This shipping method is not offered here.", shipping_methods=codes)
    return Quote(tuple(offered), chosen, price(items, chosen.price, rates, country, region, discounts))
