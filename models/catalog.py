"""What a shopper sees of the catalogue. Prices and stock counts here are news, not promises: checkout decides."""

from datetime import datetime

import msgspec

from models.money import Money


class ImageSize(msgspec.Struct, frozen=True, gc=False):
    """A picture scaled down."""

    width: int
    height: int
    url: str


class Image(msgspec.Struct, frozen=True, gc=False):
    """A picture and the words that stand in for it."""

    url: str
    alt: str = ""
    id: str | None = None
    """None: hung by hand, never uploaded; such a one has one size and nobody measured it."""
    width: int | None = None
    """Pixels."""
    height: int | None = None
    sizes: tuple[ImageSize, ...] = ()
    """The same in other sizes, the smallest first."""


class CategoryName(msgspec.Struct, frozen=True, gc=False):
    """A category as a product's page names it."""

    slug: str
    name: str


class ProductCard(msgspec.Struct, frozen=True, gc=False):
    """A product in a list."""

    slug: str
    name: str
    category: CategoryName
    image: Image | None
    price: Money
    """Of the cheapest variant: "from" this."""
    compare_at_price: Money | None
    """What that variant cost before, to be shown struck through."""
    available: int
    """Units of all variants that can be bought now, capped at 100."""
    rating: float | None = None
    """Mean of the buyers' stars, 1 to 5; None while nobody has rated it."""
    ratings: int = 0
    """How many have rated it."""
    sale_ends_at: datetime | None = None
    """When a sale of it ends that is open now; None: none is."""


class Filters(msgspec.Struct, frozen=True):
    """What a list of products is narrowed to; all of it together."""

    category: str | None = None
    """In it or in one below it."""
    tag: str | None = None
    vendor: str | None = None
    min_price: int | None = None
    """Of the cheapest variant, minor units, counted in."""
    max_price: int | None = None
    min_rating: float | None = None
    in_stock: bool = False
    featured: bool = False
    on_sale: bool = False


class TagName(msgspec.Struct, frozen=True, gc=False):
    """A tag as a product's page names it."""

    slug: str
    name: str


class VendorName(msgspec.Struct, frozen=True, gc=False):
    """A vendor as a product's page names it."""

    slug: str
    name: str


class Option(msgspec.Struct, frozen=True):
    """What variants of a product differ in."""

    name: str
    values: list[str]


class Sale(msgspec.Struct, frozen=True, gc=False):
    """A sale window that is open now."""

    starts_at: datetime
    ends_at: datetime
    """Not counted in."""


class Variant(msgspec.Struct, frozen=True):
    """What is actually put into a cart."""

    sku: str
    attributes: dict[str, str]
    price: Money | None
    """None: not sold in the asked currency."""
    compare_at_price: Money | None
    available: int
    """Units that can be bought now, capped at 100."""
    sale: Sale | None = None
    """`price` is this sale's; None: it is no sale's price."""
    images: list[str] = []
    """Ids of those of the product's images that show this variant; empty: none in particular."""
    backorder_days: int | None = None
    """Bought now it is sent within so many days, since it has to come in first; None: it is here, or sold out."""


class Product(msgspec.Struct, frozen=True):
    """A product's page."""

    slug: str
    name: str
    description: str
    category_path: list[CategoryName]
    """From the outermost category to the product's own."""
    images: list[Image]
    """The first is the primary one."""
    price: Money | None
    """Of the cheapest variant; None: no variant is sold in the asked currency."""
    compare_at_price: Money | None
    available: int
    """Units of all variants that can be bought now, capped at 100."""
    variants: list[Variant]
    featured: bool = False
    rating: float | None = None
    """Mean of the buyers' stars, 1 to 5; None while nobody has rated it."""
    ratings: int = 0
    """How many have rated it."""
    sale: Sale | None = None
    """That `price` is from; None: it is no sale's price."""
    vendor: VendorName | None = None
    """None: the shop itself."""
    tags: list[TagName] = []
    options: list[Option] = []
    """What its variants differ in, in the order to choose."""


class Category(msgspec.Struct, frozen=True):
    """A category with everything below it."""

    slug: str
    name: str
    description: str = ""
    children: list["Category"] = []


class Vendor(msgspec.Struct, frozen=True):
    """Who makes or sells what is on the shelves."""

    slug: str
    name: str
    description: str
