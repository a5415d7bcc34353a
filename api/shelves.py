"""Lists that a shop's front page is made of: featured, best sellers, flash sales, trending."""

from typing import NamedTuple

from litestar import Response, get
from litestar.di import NamedDependency, Provide

from api.access import Access
from api.context import House, StrictRequest
from api.filters import Currency, InCategory
from api.pages import PageSize, Place
from api.problems import refuses
from api.products import ProductList, listed
from models.catalog import Filters

REFUSES = refuses("cursor_unknown", "invalid", "unavailable")


class Page(NamedTuple):
    """Which part of a list a client asks for."""

    category: str | None
    currency: str | None
    limit: int
    place: str | None


def provide_page(
    house: House, category: InCategory = None, currency: Currency = None, limit: PageSize = 20, place: Place = None
) -> Page:
    """The parameters that all of these lists have. house: not needed, see `api/filters.py`."""
    return Page(category, currency, limit, place)


Wanted = NamedDependency[Page]
PAGE = {"page": Provide(provide_page, sync_to_thread=False)}


@get(
    "/products/featured", operation_id="listFeaturedProducts", access=Access.PUBLIC, dependencies=PAGE,
    tags=["Catalogue"], summary="Products that the shop features", responses=REFUSES,
)  # fmt: skip
async def list_featured(request: StrictRequest, house: House, page: Wanted) -> Response[ProductList]:
    """Newest first."""
    return await _listed(request, house, "newest", page, featured=True)


@get(
    "/products/best-sellers", operation_id="listBestSellers", access=Access.PUBLIC, dependencies=PAGE,
    tags=["Catalogue"], summary="Products that sell best", responses=REFUSES,
)  # fmt: skip
async def list_best_sellers(request: StrictRequest, house: House, page: Wanted) -> Response[ProductList]:
    """By units sold in the last 90 days; what sold nothing is not among them."""
    return await _listed(request, house, "sold", page)


@get(
    "/products/flash-sales", operation_id="listFlashSales", access=Access.PUBLIC, dependencies=PAGE,
    tags=["Catalogue"], summary="Products in a sale that is open now", responses=REFUSES,
)  # fmt: skip
async def list_flash_sales(request: StrictRequest, house: House, page: Wanted) -> Response[ProductList]:
    """The one that ends first comes first; `sale_ends_at` says when."""
    return await _listed(request, house, "sale_end", page)


@get(
    "/products/trending", operation_id="listTrendingProducts", access=Access.PUBLIC, dependencies=PAGE,
    tags=["Catalogue"], summary="Products that more and more look at and buy", responses=REFUSES,
)  # fmt: skip
async def list_trending(request: StrictRequest, house: House, page: Wanted) -> Response[ProductList]:
    """The one whose popularity grows fastest comes first."""
    return await _listed(request, house, "trend", page)


async def _listed(
    request: StrictRequest, house: House, order: str, page: Page, featured: bool = False
) -> Response[ProductList]:
    chosen = Filters(page.category, featured=featured)
    return await listed(request, house, order, page.currency, page.limit, page.place, chosen)


handlers = [list_featured, list_best_sellers, list_flash_sales, list_trending]
