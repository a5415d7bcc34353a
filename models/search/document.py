"""A product as the search index knows it, whichever engine keeps it."""

from datetime import datetime
from hashlib import blake2b
from math import log1p
from uuid import UUID

import msgspec

_encode = msgspec.json.Encoder(order="deterministic").encode
SHAPE = 3
"""Raise it when documents are made otherwise than before: the next healing makes all of them anew."""


class Offer(msgspec.Struct, frozen=True):
    """What a product costs in one currency."""

    amount: int
    in_stock: bool
    on_sale: bool


class Document(msgspec.Struct, frozen=True):
    """What of a product can be searched for, filtered and sorted by."""

    id: UUID
    name: str
    description: str
    vendor: str
    categories: list[str]
    """Names from the outermost category to the product's own."""
    tags: list[str]
    attributes: list[str]
    """What its variants are: `sand`, `XL`."""
    skus: list[str]
    category_ids: list[UUID]
    vendor_id: UUID | None
    tag_ids: list[UUID]
    created_at: datetime
    featured: bool
    rating: float
    popularity: int
    offers: dict[str, Offer]
    """By currency."""

    @property
    def digest(self) -> str:
        """Equal for equal documents: what a copy is compared by."""
        return blake2b(_encode([SHAPE, self]), digest_size=12).hexdigest()

    @property
    def score(self) -> float:
        """How far up it stands among products that match alike: 0 to below 1, popular and well rated ones high."""
        popular = log1p(max(self.popularity, 0)) / log1p(1_000_000)
        return min(0.7 * min(popular, 1.0) + 0.2 * self.rating / 5 + (0.05 if self.featured else 0.0), 0.95)
