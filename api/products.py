"""The shelves: products in any order, narrowed by any filters, and each product's page.

Answers are kept ready, see `api/shelf.py`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from litestar import Response, get

from api.access import Access
from api.context import House, StrictRequest
from api.filters import FILTERS, Count, Currency, Narrowed, OrderOrRank, Slug, Words
from api.finding import begin, find, of
from api.pages import PageSize, Place
from api.problems import refuses
from api.shelf import answer_of
from models import cache, cursor
from models.catalog import Filters, Product, ProductCard
from models.errors import Refusal
from models.search.text import tidy
from models.tables import catalog, shelf


class ProductList(msgspec.Struct, frozen=True):
    """One page of products."""

    items: list[ProductCard]
    next_cursor: str | None
    """Give it as `cursor`, with the same filters and order, for the next page; None: this was the last."""
    total: int | None = None
    """How many there are on all pages; None: not counted."""


_encode = msgspec.json.Encoder().encode


@get(
    "/products", operation_id="listProducts", access=Access.PUBLIC, dependencies=FILTERS,
    tags=["Catalogue"], summary="Products, newest first unless sorted",
    responses=refuses("cursor_unknown", "invalid", "unavailable"),
)  # fmt: skip
async def list_products(
    request: StrictRequest,
    house: House,
    filters: Narrowed,
    q: Words = None,
    sort: OrderOrRank = None,
    currency: Currency = None,
    limit: PageSize = 20,
    place: Place = None,
    count: Count = False,
) -> Response[ProductList]:
    """Those that are sold in `currency` and pass all filters. A category, tag or vendor that is none has no products.

    With `q`, those that `/search` finds. An answer may be some seconds old. `Cache-Control: no-cache` asks for one made
    now.
    """
    if q is not None:
        return await _matching(request, house, tidy(q), sort or "relevance", currency, limit, place, filters, count)
    return await listed(request, house, sort or "newest", currency, limit, place, filters, count)


async def _matching(
    request: StrictRequest, house: House, query: str, order: str, currency: str | None, limit: int, place: str | None,
    filters: Filters, count: bool,
) -> Response[ProductList]:  # fmt: skip
    """A page of the list that the search engine makes."""
    kind = currency or house.settings.default_currency
    which = of(query, order, kind, filters)
    after = begin(house, which, place)

    async def make() -> bytes:
        found = await find(house, query, order, kind, filters, limit, after, counted=count)
        return _encode(ProductList(found.cards, found.next_cursor, found.found.total if count else None))

    return await published(request, house, cache.product_list(which, limit, place, count), (cache.SEARCH,), make)


@get(
    "/products/{slug:str}", operation_id="readProduct", access=Access.PUBLIC, tags=["Catalogue"], summary="A product",
    responses=refuses("product_not_found", "invalid", "unavailable"),
)  # fmt: skip
async def read_product(
    request: StrictRequest, house: House, slug: Slug, currency: Currency = None
) -> Response[Product]:
    """With its variants and what can be bought of each now. Prices are null where it is not sold in `currency`."""
    kind = currency or house.settings.default_currency

    async def make() -> bytes:
        found = await catalog.product(house.database, slug, kind)
        if found is None:
            raise Refusal("product_not_found", f"There is no product {slug!r}.", slug=slug)
        return _encode(found)

    about = (cache.about_product(slug), cache.CATEGORIES)
    return await published(request, house, cache.product(slug, kind), about, make)


async def listed(
    request: StrictRequest,
    house: House,
    order: str,
    currency: str | None,
    limit: int,
    place: str | None,
    filters: Filters = shelf.ALL,
    count: bool = False,
    check: Callable[[], Awaitable[None]] | None = None,
) -> Response[ProductList]:
    """A page of the list that `order` and `filters` make, of those in `shelf.SORTS`.

    check: refuses, when the page is empty, where the list itself is none.
    """
    kind, key = currency or house.settings.default_currency, house.settings.secret_key
    of = _encode([order, kind, filters]).decode()
    after = cursor.read_rank(key, place, of, shelf.SORTS[order].kind) if place else None

    async def make() -> bytes:
        found = await shelf.page(house.database, kind, filters, order, limit, after, count)
        if check is not None and not found.cards:
            await check()
        more = cursor.write_rank(key, found.next, of) if found.next else None
        return _encode(ProductList(found.cards, more, found.total))

    about = (cache.about_category(filters.category) if filters.category else cache.PRODUCTS,)
    key_of = of if check is None else f"checked:{of}"  # what was checked is not found where it was not
    return await published(request, house, cache.product_list(key_of, limit, place, count), about, make)


async def published(
    request: StrictRequest, house: House, key: str, about: Sequence[str], make: Callable[[], Awaitable[bytes]]
) -> Response[Any]:
    """A public answer from the shelf, or made now when the client insists; 304 when it has it already.

    about: what must not have changed since it was made, in the words of `models/cache.py`.
    """
    if "no-cache" in request.headers.get("cache-control", ""):
        answer = answer_of(await make())
    else:
        answer = await house.shelf.get(key, about, make)
        scope = request.scope
        house.shelf.put_ready(scope["path"], scope["query_string"], scope["path_template"], answer)
    if_none_match = request.headers.get("if-none-match")
    if if_none_match is not None and answer.matches(if_none_match):
        return Response(None, status_code=304, headers=answer.validators)
    return Response(answer.body, media_type="application/json", headers=answer.validators)


handlers = [list_products, read_product]
