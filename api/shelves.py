"""Lists that a shop's front page is made of: featured, best sellers, flash sales, trending."""

from litestar import Response, get

from api.access import Access
from api.context import House, StrictRequest
from api.filters import Currency, InCategory
from api.pages import PageSize, Place
from api.problems import refuses
from api.products import ProductList, listed
from models.catalog import Filters

REFUSES = refuses("cursor_unknown", "invalid", "unavailable")


@get(
    "/products/featured", operation_id="listFeaturedProducts", access=Access.PUBLIC, tags=["Catalogue"],
    summary="Products that the shop features", responses=REFUSES,
)  # fmt: skip
async def list_featured(
    request: StrictRequest,
    house: House,
    category: InCategory = None,
    currency: Currency = None,
    limit: PageSize = 20,
    place: Place = None,
) -> Response[ProductList]:
    """Newest first."""
    return await listed(request, house, "newest", currency, limit, place, Filters(category, featured=True))


@get(
    "/products/best-sellers", operation_id="listBestSellers", access=Access.PUBLIC, tags=["Catalogue"],
    summary="Products that sell best", responses=REFUSES,
)  # fmt: skip
async def list_best_sellers(
    request: StrictRequest,
    house: House,
    category: InCategory = None,
    currency: Currency = None,
    limit: PageSize = 20,
    place: Place = None,
) -> Response[ProductList]:
    """By units sold in the last 90 days; what sold nothing is not among them."""
    return await listed(request, house, "sold", currency, limit, place, Filters(category))


@get(
    "/products/flash-sales", operation_id="listFlashSales", access=Access.PUBLIC, tags=["Catalogue"],
    summary="Products in a sale that is open now", responses=REFUSES,
)  # fmt: skip
async def list_flash_sales(
    request: StrictRequest,
    house: House,
    category: InCategory = None,
    currency: Currency = None,
    limit: PageSize = 20,
    place: Place = None,
) -> Response[ProductList]:
    """The one that ends first comes first; `sale_ends_at` says when."""
    return await listed(request, house, "sale_end", currency, limit, place, Filters(category))


@get(
    "/products/trending", operation_id="listTrendingProducts", access=Access.PUBLIC, tags=["Catalogue"],
    summary="Products that more and more look at and buy", responses=REFUSES,
)  # fmt: skip
async def list_trending(
    request: StrictRequest,
    house: House,
    category: InCategory = None,
    currency: Currency = None,
    limit: PageSize = 20,
    place: Place = None,
) -> Response[ProductList]:
    """The one whose popularity grows fastest comes first."""
    return await listed(request, house, "trend", currency, limit, place, Filters(category))


handlers = [list_featured, list_best_sellers, list_flash_sales, list_trending]
