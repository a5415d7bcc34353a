"""The shelves: products newest first, and each product's page. Answers are kept ready, see `api/shelf.py`."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import PathParameter, QueryParameter

from api import pages
from api.access import Access
from api.context import House, StrictRequest
from api.pages import PageSize, Place
from api.problems import refuses
from api.shelf import answer_of
from models import cache
from models.catalog import Listed, Product, ProductCard
from models.cursor import Cursor
from models.errors import Refusal
from models.tables import catalog

SLUG = r"^[a-z0-9][a-z0-9-]{0,99}$"
Slug = Annotated[str, PathParameter(pattern=SLUG, description="Lower case letters, digits and dashes")]
InCategory = Annotated[
    str | None, QueryParameter(pattern=SLUG, description="`slug` of a category; those below it count in")
]
Currency = Annotated[
    str | None,
    QueryParameter(pattern=r"^[a-z]{3}$", description="ISO 4217 in lower case; left out: the shop's own currency"),
]


class ProductList(msgspec.Struct, frozen=True):
    """One page of products, newest first."""

    items: list[ProductCard]
    next_cursor: str | None
    """Give it as `cursor` for the next page; None: this was the last."""
    total: int | None = None
    """Not counted."""


_encode = msgspec.json.Encoder().encode


@get(
    "/products", operation_id="listProducts", access=Access.PUBLIC,
    tags=["Catalogue"], summary="Products, newest first",
    responses=refuses("cursor_unknown", "invalid", "unavailable"),
)  # fmt: skip
async def list_products(
    request: StrictRequest,
    house: House,
    category: InCategory = None,
    currency: Currency = None,
    limit: PageSize = 20,
    place: Place = None,
) -> Response[ProductList]:
    """Those that are sold in `currency`; with `category`: in it or in one below it.

    An answer may be some seconds old. `Cache-Control: no-cache` asks for one made now.
    """
    kind = currency or house.settings.default_currency
    after = pages.begin(house, place)

    async def make() -> bytes:
        return encode_page(house, await catalog.listed(house.database, kind, limit + 1, category, after), limit)

    return await published(request, house, cache.product_list(category, kind, limit, place), make)


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

    return await published(request, house, cache.product(slug, kind), make)


def encode_page(house: House, found: list[Listed], limit: int) -> bytes:
    """`limit` products out of up to one more, which only proves that there is a next page."""
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.at, last.id))
    return _encode(ProductList([one.card for one in shown], more))


async def published(
    request: StrictRequest, house: House, key: str, make: Callable[[], Awaitable[bytes]]
) -> Response[Any]:
    """A public answer from the shelf, or made now when the client insists; 304 when it has it already."""
    if "no-cache" in request.headers.get("cache-control", ""):
        answer = answer_of(await make())
    else:
        answer = await house.shelf.get(key, make)
        scope = request.scope
        house.shelf.put_ready(scope["path"], scope["query_string"], scope["path_template"], answer)
    if_none_match = request.headers.get("if-none-match")
    if if_none_match is not None and answer.matches(if_none_match):
        return Response(None, status_code=304, headers=answer.validators)
    return Response(answer.body, media_type="application/json", headers=answer.validators)


handlers = [list_products, read_product]
