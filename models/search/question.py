"""What is asked of a search engine and what it answers, and the engine itself as an interface."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

from models.search.document import Document

MOST_COUNTED = 1000
"""Matches up to which they are all ranked. Of a quarter of these on, a quarter is counted; of more, a sixteenth."""

PRICE_STEPS = (10, 25, 50, 100, 250, 500, 1000)
"""Where ranges of prices begin, in whole units of a currency that has hundredths."""


class Sort(StrEnum):
    """In what order matches are given."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    PRICE = "price"
    PRICE_DOWN = "-price"
    RATING = "rating"
    POPULARITY = "popularity"


class Chosen(msgspec.Struct, frozen=True):
    """What matches must be besides; None: anything. By ids, because names change faster than an index follows."""

    category: UUID | None = None
    """In it or below it."""
    vendor: UUID | None = None
    tag: UUID | None = None
    min_price: int | None = None
    """Minor units."""
    max_price: int | None = None
    min_rating: float | None = None
    in_stock: bool | None = None
    featured: bool | None = None
    on_sale: bool | None = None


class Place(msgspec.Struct, frozen=True):
    """Where a page begins: after the product `id` that has `value` in the asked order, or at a number."""

    value: float
    id: UUID


class Ask(msgspec.Struct, frozen=True):
    """One search."""

    text: str
    currency: str
    limit: int
    filters: Chosen = Chosen()
    sort: Sort = Sort.RELEVANCE
    after: Place | None = None
    counted: bool = True
    """Whether facets are wanted."""
    glance: bool = False
    """A few good matches will do, best those with the words in their name; no page follows."""


class Facets(msgspec.Struct, frozen=True):
    """How many of all matches there are of each kind."""

    categories: dict[int, int]
    """Of each category, with those below it. By the `tail` of its id, as vendors and tags are."""
    vendors: dict[int, int]
    tags: dict[int, int]
    prices: dict[int, int]
    """By the number of steps (`price_steps`) that the price has reached."""
    ratings: dict[int, int]
    """By whole stars, rounded down; 0: not rated."""
    in_stock: int
    sold_out: int


class Found(msgspec.Struct, frozen=True):
    """One page of matches."""

    products: list[UUID]
    places: list[Place]
    """Each one's own."""
    words: frozenset[str] = frozenset()
    """What of a text counts as matched."""
    beginnings: frozenset[str] = frozenset()
    """So do words that begin with one of these."""
    instead: str | None = None
    """What was searched for in the place of words that nothing knows."""
    total: int | None = None
    facets: Facets | None = None
    estimated: bool = False
    """Total and facets are those of a sample, multiplied."""


class Engine(Protocol):
    """Finds products, and keeps the index that it finds them in. Generations: see `models/tables/search_generation.py`.

    Everything may run twice. Raises: Unavailable.
    """

    name: str

    async def search(self, ask: Ask) -> Found:
        """One page of what matches."""

    async def open(self, generation: int) -> None:
        """Make room for a generation."""

    async def put(self, generation: int, documents: Sequence[Document], gone: Sequence[UUID]) -> None:
        """Take these in, each in the place of what was known of it, and know the others no more."""

    async def configure(self, generation: int) -> None:
        """Take over settings that are rows: synonyms."""

    async def digests(self, generation: int, first: UUID, last: UUID) -> dict[UUID, str]:
        """What is known of products between two ids, both counted in."""

    async def drop(self, generation: int, most: int) -> bool:
        """Forget a generation, or `most` products of it. Whether something is left."""

    def forget(self) -> None:
        """Let nothing in memory be older than the next search."""

    async def close(self) -> None:
        """Let go of connections."""


def price_steps(exponent: int) -> list[int]:
    """The same steps in minor units of a currency with so many decimals: yen step by the thousand."""
    unit = 10**exponent if exponent else 100
    return [step * unit for step in PRICE_STEPS]
