"""What a list of products can be narrowed to and ordered by: the parameters that all such lists share."""

from typing import Annotated, Literal

from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter, QueryParameter

from api.context import House
from models.catalog import Filters
from models.search.text import LONGEST_QUERY

SLUG = r"^[a-z0-9][a-z0-9-]{0,99}$"
Slug = Annotated[str, PathParameter(pattern=SLUG, description="Lower case letters, digits and dashes")]
LARGEST = 2**63 - 1  # and `gt=-1` below: of `ge=0` the OpenAPI would tell nothing

Currency = Annotated[
    str | None,
    QueryParameter(pattern=r"^[a-z]{3}$", description="ISO 4217 in lower case; left out: the shop's own currency"),
]
InCategory = Annotated[
    str | None, QueryParameter(pattern=SLUG, description="`slug` of a category; those below it count in")
]
WithTag = Annotated[str | None, QueryParameter(pattern=SLUG, description="`slug` of a tag")]
OfVendor = Annotated[str | None, QueryParameter(pattern=SLUG, description="`slug` of a vendor")]
MinPrice = Annotated[
    int | None, QueryParameter(gt=-1, le=LARGEST, description="What the cheapest variant costs at least, minor units")
]
MaxPrice = Annotated[
    int | None, QueryParameter(gt=-1, le=LARGEST, description="What the cheapest variant costs at most, minor units")
]
MinRating = Annotated[float | None, QueryParameter(ge=1, le=5, description="Mean of the stars, at least")]
InStock = Annotated[bool, QueryParameter(description="Only what can be bought now; false, or left out: all")]
Featured = Annotated[bool, QueryParameter(description="Only what the shop features; false, or left out: all")]
OnSale = Annotated[bool, QueryParameter(description="Only what is in a sale now; false, or left out: all")]
Order = Annotated[
    Literal["newest", "price", "-price", "rating", "popularity"],
    QueryParameter(name="sort", description="The dearest first with `-price`; the highest first with the others"),
]
OrderOrRank = Annotated[
    Literal["newest", "price", "-price", "rating", "popularity"] | None,
    QueryParameter(
        name="sort",
        description="The dearest first with `-price`; the highest first with the others. Left out: newest, but with "
        "`q` what matches best",
    ),
]
Words = Annotated[
    str | None,
    QueryParameter(name="q", min_length=1, max_length=LONGEST_QUERY, description="Only what `/search` would find"),
]
Count = Annotated[
    bool, QueryParameter(description="Also say in `total` how many there are, which takes longer than a page does")
]


def provide_filters(
    house: House,
    category: InCategory = None,
    tag: WithTag = None,
    vendor: OfVendor = None,
    min_price: MinPrice = None,
    max_price: MaxPrice = None,
    min_rating: MinRating = None,
    in_stock: InStock = False,
    featured: Featured = False,
    on_sale: OnSale = False,
) -> Filters:
    """Whatever a client narrows a list to.

    house: not needed. Who needs it too is provided after it, one by one; the framework begins a task for each of what
    can be provided side by side, which costs more than all the rest here.
    """
    return Filters(category, tag, vendor, min_price, max_price, min_rating, in_stock, featured, on_sale)


def provide_filters_within(
    house: House,
    tag: WithTag = None,
    vendor: OfVendor = None,
    min_price: MinPrice = None,
    max_price: MaxPrice = None,
    min_rating: MinRating = None,
    in_stock: InStock = False,
    featured: Featured = False,
    on_sale: OnSale = False,
) -> Filters:
    """The same where the address names the category."""
    return Filters(None, tag, vendor, min_price, max_price, min_rating, in_stock, featured, on_sale)


Narrowed = NamedDependency[Filters]
"""What a handler asks for as `filters`, with `dependencies=FILTERS`."""
FILTERS = {"filters": Provide(provide_filters, sync_to_thread=False)}
FILTERS_WITHIN = {"filters": Provide(provide_filters_within, sync_to_thread=False)}
