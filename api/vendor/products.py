"""A vendor's own goods, as the shop keeps them: read only, the shop's catalogue staff change them."""

import msgspec
from litestar import get

from api import pages
from api.admin.shelving import Archived, SlugInPath, Words
from api.context import Caller, House
from api.pages import PageSize, Place
from api.vendor.refusals import vendor_refuses
from models.cursor import Cursor
from models.errors import Refusal
from models.records import ProductRecord, ProductSheet
from models.roles import Scope
from models.tables import product as products
from models.tables import vendor_member as members


class OwnProductList(msgspec.Struct, frozen=True):
    """One page of a vendor's products, newest first."""

    items: list[ProductRecord]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/vendor/products", operation_id="listOwnProducts", access=Scope.VENDOR, tags=["Vendors"],
    summary="One's own products", responses=vendor_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_products(
    house: House, caller: Caller, words: Words = None, archived: Archived = False, limit: PageSize = 20,
    place: Place = None,
) -> OwnProductList:  # fmt: skip
    """Newest first; by part of the name, the slug or a SKU."""
    vendor = await members.vendor_of(house.database, caller.account)
    wanted = [products.owned_by(vendor), *([products.called(words)] if words else [])]
    found = await products.records.listed(house.database, limit + 1, pages.begin(house, place), archived, *wanted)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last[1].created_at, last[0]))
    return OwnProductList([product for _, product in items], more)


@get(
    "/vendor/products/{slug:str}", operation_id="readOwnProduct", access=Scope.VENDOR, tags=["Vendors"],
    summary="A product of one's own", responses=vendor_refuses("product_not_found"),
)  # fmt: skip
async def read_product(house: House, caller: Caller, slug: SlugInPath) -> ProductSheet:
    """With its variants, what they cost, and how many units are here."""
    vendor = await members.vendor_of(house.database, caller.account)
    found = await products.find_of(house.database, slug, vendor)
    if found is None:
        raise Refusal("product_not_found", "There is no such product, or it is not yours.")
    return found


handlers = [list_products, read_product]
