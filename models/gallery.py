"""A product's pictures as staff keep them."""

from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from models.catalog import ImageSize

MOST_IMAGES = 30
"""Of one product."""


class KeptImage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A picture as its product's row keeps it; rows from before sizes have only `url` and `alt`."""

    url: str
    alt: str = ""
    id: UUID | None = None
    width: int | None = None
    height: int | None = None
    sizes: list[ImageSize] = []

    @property
    def key(self) -> UUID:
        """Its id; an old one's follows from where it is."""
        return self.id or uuid5(NAMESPACE_URL, self.url)


class ProductImage(msgspec.Struct, frozen=True):
    """A picture of a product."""

    id: UUID
    position: int
    """0: the primary one, which lists show."""
    url: str
    """In its largest size."""
    alt: str
    """The words that stand in for it."""
    width: int | None
    """Pixels; null: never measured, it came with the first goods."""
    height: int | None
    sizes: list[ImageSize]
    """The smallest first: for `srcset`."""
    variants: list[str]
    """SKUs of the variants that it shows."""
