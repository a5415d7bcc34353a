"""How the shop is divided: the tree of categories, and the products in and below one of them."""

import msgspec
from litestar import Response, get

from api.access import Access
from api.context import House, StrictRequest
from api.pages import PageSize, Place
from api.problems import refuses
from api.products import Currency, ProductList, Slug, encode_page, published
from models import cache, cursor
from models.catalog import Category
from models.errors import Refusal
from models.tables import catalog


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
        roots = await catalog.category_tree(house.database)
        return msgspec.json.encode(CategoryList(roots, total=len(_walk(roots))))

    return await published(request, house, cache.category_tree(), make)


@get(
    "/categories/{slug:str}", operation_id="readCategory", access=Access.PUBLIC,
    tags=["Catalogue"], summary="A category",
    responses=refuses("category_not_found", "unavailable"),
)  # fmt: skip
async def read_category(request: StrictRequest, house: House, slug: Slug) -> Response[Category]:
    """With those below it."""

    async def make() -> bytes:
        for category in _walk(await catalog.category_tree(house.database)):
            if category.slug == slug:
                return msgspec.json.encode(category)
        raise _unknown(slug)

    return await published(request, house, cache.category(slug), make)


@get(
    "/categories/{slug:str}/products", operation_id="listCategoryProducts", access=Access.PUBLIC, tags=["Catalogue"],
    summary="Products of a category",
    responses=refuses("category_not_found", "cursor_unknown", "invalid", "unavailable"),
)  # fmt: skip
async def list_category_products(
    request: StrictRequest,
    house: House,
    slug: Slug,
    currency: Currency = None,
    limit: PageSize = 20,
    place: Place = None,
) -> Response[ProductList]:
    """Newest first, in it and below it; as `/products?category=`, but an unknown category is 404."""
    kind = currency or house.settings.default_currency
    after = cursor.read(house.settings.secret_key, place) if place else None

    async def make() -> bytes:
        found = await catalog.listed(house.database, kind, limit + 1, slug, after)
        if not found and not await catalog.has_category(house.database, slug):
            raise _unknown(slug)
        return encode_page(house, found, limit)

    return await published(request, house, cache.category_products(slug, kind, limit, place), make)


def _walk(categories: list[Category]) -> list[Category]:
    """Each category before those below it."""
    return [found for category in categories for found in (category, *_walk(category.children))]


def _unknown(slug: str) -> Refusal:
    return Refusal("category_not_found", f"There is no category {slug!r}.", slug=slug)


handlers = [list_categories, read_category, list_category_products]
