"""The catalogue as staff keep it: also what is archived or not complete yet. What shoppers see is `catalog.py`."""

from datetime import datetime
from typing import Annotated

import msgspec

from models.catalog import Image
from models.money import Money

SLUG = r"^[a-z0-9][a-z0-9-]{0,99}$"
Slug = Annotated[
    str,
    msgspec.Meta(
        pattern=SLUG + r"(?!\n)", examples=["stone-mugs"],
        description="Lower case letters, digits and dashes; part of addresses, so given once for ever",
    ),
]  # fmt: skip
Prose = Annotated[str, msgspec.Meta(max_length=20_000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
"""Text of several lines, kept as written; no control characters but tabs and ends of lines."""
DEEPEST = 100
"""Most levels of categories."""
MOST_VARIANTS = 100
"""Most variants of one product that are in use."""
DEAREST = 4 * 10**9
"""No goods cost more minor units: a hundred full lines of a cart, and taxes, then stay within what money can hold."""
RESERVED = frozenset(("best-sellers", "bulk", "export", "featured", "flash-sales", "import", "imports", "trending"))
"""No product's slug: addresses below `/products` that mean something else."""

_WORD = r"^[^\x00-\x1f\x7f]+$(?!\n)"
AttributeName = Annotated[str, msgspec.Meta(min_length=1, max_length=50, pattern=_WORD, examples=["size"])]
AttributeValue = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=_WORD, examples=["M"])]


class TagRecord(msgspec.Struct, frozen=True):
    """A word that products have in common across categories."""

    slug: str
    name: str
    """As shoppers read it."""
    created_at: datetime
    archived_at: datetime | None
    """Set: no longer shown, nor given to products; those that have it keep it."""


class VendorRecord(msgspec.Struct, frozen=True):
    """Who makes or sells some of the products."""

    slug: str
    name: str
    description: str
    created_at: datetime
    archived_at: datetime | None
    """Set: has no page any more; its products stay where they are."""


class CategoryRecord(msgspec.Struct, frozen=True):
    """A category and its place in the tree."""

    slug: str
    name: str
    description: str
    parent: str | None
    """Slug of the category it stands in; null: outermost."""
    path: list[str]
    """Slugs from the outermost category to this one."""
    position: int
    """Its place among those of the same parent, from 0."""
    created_at: datetime
    archived_at: datetime | None
    """Set: not shown. Nothing that is on sale stands in it."""


class ProductOption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What variants of a product differ in, and what may be chosen."""

    name: AttributeName
    values: Annotated[list[AttributeValue], msgspec.Meta(min_length=1, max_length=100, examples=[["S", "M", "L"]])]

    def __post_init__(self) -> None:
        if len(set(self.values)) < len(self.values):
            raise ValueError("a value is named twice")


class SaleWindow(msgspec.Struct, frozen=True):
    """A price for some time."""

    price: Money
    starts_at: datetime
    ends_at: datetime
    """Not counted in."""


class PriceRecord(msgspec.Struct, frozen=True):
    """What a variant costs in one currency."""

    price: Money
    compare_at_price: Money | None = None
    """What it cost before, shown struck through; null: nothing is."""
    sale: SaleWindow | None = None
    """Null: none is planned, or it was taken away. One that is over stays."""


class VariantRecord(msgspec.Struct, frozen=True):
    """What is actually put into a cart."""

    sku: str
    product: str
    """Slug."""
    attributes: dict[str, str]
    prices: list[PriceRecord]
    """One a currency; in others it is not sold."""
    weight: int
    """Grams."""
    position: int
    """Its place among its product's variants, from 0."""
    images: list[str]
    """Ids of those of the product's images that show it."""
    on_hand: int
    """Units in the house."""
    held: int
    """Of these, promised to open orders."""
    created_at: datetime
    archived_at: datetime | None
    """Set: not sold any more, kept for orders that refer to it."""


class ProductRecord(msgspec.Struct, frozen=True):
    """A product, whether shoppers see it or not."""

    slug: str
    name: str
    description: str
    category: str
    """Slug."""
    vendor: str | None
    """Slug; null: the shop's own."""
    tags: list[str]
    """Slugs, also of archived ones, which shoppers do not see."""
    options: list[ProductOption]
    """What its variants differ in; empty: anything."""
    featured: bool
    tax_category: str
    images: list[Image]
    """The first is the primary one."""
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    """Set: not on sale, kept for orders that refer to it."""


class ProductSheet(ProductRecord, frozen=True):
    """A product with its variants."""

    variants: list[VariantRecord]
    """In their order, archived ones behind the others."""


def must_be_a_moment(at: datetime) -> None:
    """Raises: ValueError at the ends of time."""
    if not 2000 <= at.year <= 9000:
        raise ValueError("the year lies between 2000 and 9000")


def must_be_a_window(starts_at: datetime, ends_at: datetime) -> None:
    """Raises: ValueError when it ends before it begins, or at the ends of time."""
    must_be_a_moment(starts_at)
    must_be_a_moment(ends_at)
    if ends_at <= starts_at:
        raise ValueError("ends_at is later than starts_at")


class Unpriceable(ValueError):
    """A price that cannot be. `part` of it: price, compare_at or sale."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(reason)
        self.part = part


def must_be_a_price(wanted: PriceRecord) -> None:
    """Raises: Unpriceable when it is not in its bounds, in one currency, below the one before and above its sale's."""
    price, before, sale = wanted.price, wanted.compare_at_price, wanted.sale
    if not 0 <= price.amount <= DEAREST:
        raise Unpriceable("price", f"a price lies between 0 and {DEAREST} minor units")
    if {each.currency for each in (before, sale and sale.price) if each} - {price.currency}:
        raise Unpriceable("price", "one price has one currency")
    if before is not None and not price.amount < before.amount <= DEAREST:
        raise Unpriceable("compare_at", f"compare_at is more than the price, and at most {DEAREST} minor units")
    if sale is not None and not 0 <= sale.price.amount < price.amount:
        raise Unpriceable("sale", "in a sale the price is lower than else")
