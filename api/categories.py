"""How the shop is divided: the tree of categories, and the products in and below one of them."""

import msgspec
from litestar import Response, get

from api.access import Access
from api.context import House, StrictRequest
from api.filters import FILTERS_WITHIN, Count, Currency, Narrowed, Order, Slug
from api.pages import PageSize, Place
from api.problems import refuses
from api.products import ProductList, listed, published
from models import cache
from models.catalog import Category
from models.errors import Refusal
from models.tables import browse


class CategoryList(msgspec.Struct, frozen=True):
    """All categories: the outermost ones, each with those below it."""

    items: list[Category]
    next_cursor: str | None = None
    """Always null: the tree comes whole."""
    total: int | None = None
    """Categories of all levels."""


@get(
    "/categories", operation_id="listCategories", access=Access.PUBLIC,
    tags=["Catalogue"], summary="The tree of categories",
    responses=refuses("unavailable"),
)  # fmt: skip
async def list_categories(request: StrictRequest, house: House) -> Response[CategoryList]:
    """Whole, in the shop's order."""

    async def make() -> bytes:
        roots = await browse.category_tree(house.database)
        return msgspec.json.encode(CategoryList(roots, total=len(_walk(roots))))

    return await published(request, house, cache.category_tree(), (cache.CATEGORIES,), make)


@get(
    "/categories/{slug:str}", operation_id="readCategory", access=Access.PUBLIC,
    tags=["Catalogue"], summary="A category",
    responses=refuses("category_not_found", "unavailable"),
)  # fmt: skip
async def read_category(request: StrictRequest, house: House, slug: Slug) -> Response[Category]:
    """With those below it."""

    async def make() -> bytes:
        found = await browse.category(house.database, slug)
        if found is None:
            raise _unknown(slug)
        return msgspec.json.encode(found)

    return await published(request, house, cache.category(slug), (cache.CATEGORIES,), make)


@get(
    "/categories/{slug:str}/products", operation_id="listCategoryProducts", access=Access.PUBLIC, tags=["Catalogue"],
    dependencies=FILTERS_WITHIN, summary="Products of a category",
    responses=refuses("category_not_found", "cursor_unknown", "invalid", "unavailable"),
)  # fmt: skip
async def list_category_products(
    request: StrictRequest,
    house: House,
    slug: Slug,
    filters: Narrowed,
    sort: Order = "newest",
    currency: Currency = None,
    limit: PageSize = 20,
    place: Place = None,
    count: Count = False,
) -> Response[ProductList]:
    """In it and below it; as `/products?category=`, but an unknown category is 404."""

    async def check() -> None:
        if not await browse.has_category(house.database, slug):
            raise _unknown(slug)

    inside = msgspec.structs.replace(filters, category=slug)
    return await listed(request, house, sort, currency, limit, place, inside, count, check)


def _walk(categories: list[Category]) -> list[Category]:
    """Each category before those below it."""
    return [found for category in categories for found in (category, *_walk(category.children))]


def _unknown(slug: str) -> Refusal:
    return Refusal("category_not_found", f"There is no category {slug!r}.", slug=slug)


handlers = [list_categories, read_category, list_category_products]
