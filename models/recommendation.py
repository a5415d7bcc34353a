"""What goes with what, and what somebody might like next: the weights of the evidence, and how it adds up.

Evidence is item to item: bought by the same people, bought together, looked at by the same people, alike by nature.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

PURCHASES_COUNT = timedelta(days=90)
"""How long a purchase says something about a product."""
VIEWS_COUNT = timedelta(days=30)
"""How long a look at a product is kept."""
UNIT_WEIGHS = 10
"""A unit sold says as much about popularity as so many looks."""
AT_LEAST = 2
"""So many people must have had two products in common: what one person did alone is theirs."""
MOST_RELATED = 30
"""Products kept for each product and kind of evidence."""
MOST_PEOPLE = 500
"""A product's most recent buyers or visitors that are looked at: bounds the work of a bestseller."""
MOST_OF_ONE = 100
"""A person's most recent products that are looked at: nobody who looks at everything ties everything together."""


class Kind(StrEnum):
    """Why two products belong together."""

    BOUGHT = "bought"
    """The same people bought both, maybe at other times."""
    TOGETHER = "together"
    """They were bought in one order."""
    VIEWED = "viewed"
    """The same people looked at both."""
    ALIKE = "alike"
    """By category, tags, vendor and price: needs nobody to have bought either."""


SIMILAR = {Kind.VIEWED: 1.0, Kind.ALIKE: 0.4}
"""What stands in for a product: what people compare it with, then what is like it."""
NEXT = {Kind.BOUGHT: 1.0, Kind.TOGETHER: 0.3, Kind.VIEWED: 0.4, Kind.ALIKE: 0.05}
"""What somebody may want next who knows a product."""


class Known(StrEnum):
    """How somebody came to know a product."""

    BOUGHT = "bought"
    IN_CART = "in_cart"
    WISHED = "wished"
    VIEWED = "viewed"


SAYS = {Known.BOUGHT: 1.0, Known.IN_CART: 1.0, Known.WISHED: 0.7, Known.VIEWED: 0.3}
"""How much each says about somebody's taste."""
HAS = frozenset({Known.BOUGHT, Known.IN_CART})
"""Not recommended any more."""


class Related(msgspec.Struct, frozen=True):
    """What one product is related to, the closest first, by one kind of evidence."""

    kind: Kind
    products: Sequence[UUID]
    scores: Sequence[float]


def blended(found: Iterable[tuple[float, Related]], weights: dict[Kind, float]) -> list[UUID]:
    """Products by all evidence together, the strongest first; each `Related` counts as much as stands before it."""
    sums: dict[UUID, float] = {}
    for share, related in found:
        weight = share * weights.get(related.kind, 0.0)
        for product, score in zip(related.products, related.scores, strict=True):
            sums[product] = sums.get(product, 0.0) + weight * score
    return sorted((product for product, total in sums.items() if total > 0), key=lambda each: (-sums[each], each))


def interleaved(*lists: Sequence[UUID]) -> list[UUID]:
    """One of each in turn, each product once."""
    longest = max(map(len, lists), default=0)
    return list(dict.fromkeys(each[place] for place in range(longest) for each in lists if place < len(each)))
