"""How the sample shop sends parcels: three methods, four zones, prices by weight in four currencies."""

import msgspec

from dev.seed.catalog import BIRR
from models.pricing import EVERYWHERE

EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
ZONES = {"domestic": ["US"], "europe": EU, "japan": ["JP"], "world": [EVERYWHERE]}
"""Countries by zone code."""


class Method(msgspec.Struct, frozen=True):
    """A shipping method as the buyer chooses it."""

    code: str
    name: str
    min_days: int
    max_days: int


class Band(msgspec.Struct, frozen=True):
    """One price: minor units, grams; upper bounds do not count in."""

    method: str
    zone: str
    currency: str
    price: int
    min_weight: int
    max_weight: int | None
    min_subtotal: int = 0


METHODS = (
    Method("standard", "Standard delivery", 3, 6),
    Method("express", "Express delivery", 1, 2),
    Method("pickup", "Pick-up point near you", 2, 5),
)

_PRICES: dict[tuple[str, str], tuple[tuple[int, int | None, tuple[int, int, int]], ...]] = {
    ("standard", "domestic"): (
        (0, 1000, (590, 550, 900)), (1000, 5000, (990, 920, 1500)),
        (5000, 20000, (1790, 1650, 2700)), (20000, None, (4900, 4500, 7400)),
    ),
    ("standard", "europe"): (
        (0, 1000, (790, 690, 1200)), (1000, 5000, (1290, 1190, 1900)),
        (5000, 20000, (2290, 2090, 3400)), (20000, None, (5900, 5400, 8900)),
    ),
    ("standard", "japan"): (
        (0, 1000, (890, 820, 1100)), (1000, 5000, (1490, 1370, 1800)),
        (5000, 20000, (2690, 2470, 3200)), (20000, None, (6900, 6300, 9800)),
    ),
    ("standard", "world"): (
        (0, 1000, (1490, 1390, 2300)), (1000, 5000, (2790, 2590, 4200)),
        (5000, 20000, (5900, 5400, 8900)), (20000, None, (14900, 13900, 22400)),
    ),
    ("express", "domestic"): (
        (0, 1000, (1490, 1390, 2300)), (1000, 5000, (2290, 2090, 3400)), (5000, 30000, (3990, 3690, 6000)),
    ),
    ("express", "europe"): (
        (0, 1000, (1990, 1790, 3000)), (1000, 5000, (2990, 2690, 4500)), (5000, 30000, (4990, 4590, 7500)),
    ),
    ("express", "japan"): (
        (0, 1000, (1990, 1850, 2500)), (1000, 5000, (3290, 3050, 4200)), (5000, 30000, (5490, 5050, 7200)),
    ),
    ("express", "world"): (
        (0, 1000, (3490, 3190, 5200)), (1000, 5000, (5990, 5490, 9000)), (5000, 30000, (11900, 10900, 17900)),
    ),
    ("pickup", "domestic"): ((0, 5000, (390, 350, 600)), (5000, 20000, (890, 820, 1300))),
    ("pickup", "europe"): ((0, 5000, (490, 390, 700)), (5000, 20000, (1090, 990, 1600))),
    ("pickup", "japan"): ((0, 5000, (490, 450, 600)), (5000, 20000, (1090, 990, 1400))),
}  # fmt: skip
"""From and up to (not including) so many grams, and the price in usd, eur and jpy. Pick-up does not go everywhere."""
FREE_FROM = {
    "domestic": (7500, 6900, 11000), "europe": (9900, 8900, 14800), "japan": (9900, 9200, 12000),
}  # fmt: skip
"""Subtotal in usd, eur and jpy from which standard delivery and pick-up cost nothing, below 20 kg."""
_FREE_BELOW = 20_000


def bands() -> list[Band]:
    """Every price there is; where a free one fits too, it wins by being the cheapest."""
    paid = [
        Band(method, zone, currency, price, lightest, heaviest)
        for (method, zone), steps in _PRICES.items()
        for lightest, heaviest, prices in steps
        for currency, price in _named(prices)
    ]
    free = [
        Band(method, zone, currency, 0, 0, _FREE_BELOW, subtotal)
        for method in ("standard", "pickup")
        for zone, subtotals in FREE_FROM.items()
        for currency, subtotal in _named(subtotals)
    ]
    return paid + free


def _named(amounts: tuple[int, int, int]) -> list[tuple[str, int]]:
    """The same in each currency by its name; birr follow the dollars, as the goods' prices do."""
    return [*zip(("usd", "eur", "jpy"), amounts, strict=True), ("etb", amounts[0] * BIRR)]
