"""What a buyer wants to remember."""

from datetime import datetime

import msgspec

from models.catalog import CategoryName, Image
from models.ids import ProductId
from models.money import Money

MOST_WISHES = 500
"""Most products on one account's list."""


class Wish(msgspec.Struct, frozen=True):
    """A product on somebody's list, as the catalogue shows it now."""

    product_id: ProductId
    slug: str
    name: str
    category: CategoryName
    image: Image | None
    price: Money | None
    """Of the cheapest variant; None: not sold in the asked currency."""
    compare_at_price: Money | None
    available: int
    """Units of all variants that can be bought now, capped at 100."""
    on_sale: bool
    """False: withdrawn, or not sold in the asked currency."""
    added_at: datetime
    rating: float | None = None
    """Mean of the buyers' stars, 1 to 5; None while nobody has rated it."""
    ratings: int = 0
    """How many have rated it."""
    sale_ends_at: datetime | None = None
    """When a sale of it ends that is open now; None: none is."""
