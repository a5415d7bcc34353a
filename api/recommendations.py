"""What goes with a product, and what somebody may like next; and what that is learned from: looks at products."""

import msgspec
from litestar import Response, get, post

from api.access import Access
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.filters import Currency, Slug
from api.pages import PageSize
from api.problems import refuses
from api.products import published
from models import cache, clock, tokens
from models.catalog import ProductCard
from models.errors import Refusal
from models.tables import recommendation as recommendations
from models.tables import view as views


class Suggestions(msgspec.Struct, frozen=True):
    """Products that can be bought now, the best first."""

    items: list[ProductCard]
    next_cursor: str | None = None
    """Always null: there are no more than these."""
    total: int | None = None
    """Not counted."""


@get(
    "/products/{slug:str}/similar", operation_id="listSimilarProducts", access=Access.PUBLIC, tags=["Catalogue"],
    summary="What could be bought instead",
    responses=refuses("product_not_found", "invalid", "unavailable"),
)  # fmt: skip
async def list_similar_products(
    request: StrictRequest, house: House, slug: Slug, currency: Currency = None, limit: PageSize = 20
) -> Response[Suggestions]:
    """What the same people looked at, and what is alike by category, tags, vendor and price."""
    kind = currency or house.settings.default_currency

    async def make() -> bytes:
        return _told(slug, await recommendations.similar(house.database, slug, kind, limit))

    return await published(request, house, cache.related("similar", slug, kind, limit), (cache.PRODUCTS,), make)


@get(
    "/products/{slug:str}/frequently-bought-together", operation_id="listBoughtTogether", access=Access.PUBLIC,
    tags=["Catalogue"], summary="What is bought in one order with it",
    responses=refuses("product_not_found", "invalid", "unavailable"),
)  # fmt: skip
async def list_bought_together(
    request: StrictRequest, house: House, slug: Slug, currency: Currency = None, limit: PageSize = 20
) -> Response[Suggestions]:
    """By more than one person; none while nothing is."""
    kind = currency or house.settings.default_currency

    async def make() -> bytes:
        return _told(slug, await recommendations.together(house.database, slug, kind, limit))

    return await published(request, house, cache.related("together", slug, kind, limit), (cache.PRODUCTS,), make)


@get(
    "/recommendations", operation_id="listRecommendations", access=Access.ANYONE, tags=["Catalogue"],
    summary="What one may like next",
    responses=refuses("unauthorized", "token_expired", "invalid", "unavailable"),
)  # fmt: skip
async def list_recommendations(
    house: House, caller: Caller, currency: Currency = None, limit: PageSize = 20
) -> Suggestions:
    """By what one has bought, put into the cart, wished for and looked at; a newcomer gets what is popular or new.

    What was bought or lies in the cart is left out. Signed in, or with a `Cart-Token`.
    """
    kind = currency or house.settings.default_currency
    visitors = tokens.visitors(house.settings.secret_key, caller.cart, clock.now().date()) if caller.cart else []
    return Suggestions(
        await recommendations.recommended(house.database, kind, caller.user, caller.cart, visitors, limit)
    )


@post(
    "/products/{slug:str}/views", operation_id="viewProduct", access=Access.ANYONE, tags=["Catalogue"],
    summary="Say that somebody looks at a product", status_code=204,
    responses=refuses("unauthorized", "token_expired", "product_not_found", "invalid", "unavailable"),
)  # fmt: skip
async def view_product(house: House, caller: Caller, slug: Slug, idempotency: IdempotencyKey = None) -> None:
    """For popularity and recommendations. Counts once a day; a stranger without a `Cart-Token` counts not at all.

    Kept for 30 days under a name that is made of account or cart and changes each month.
    """
    idempotency_key(idempotency)  # the same look again is the same look, key or not
    visitor = None
    if caller.cart is not None:
        visitor = tokens.visitors(house.settings.secret_key, caller.cart, clock.now().date())[0]
    if not await views.view(house.database, slug, visitor):
        raise _unknown(slug)


def _told(slug: str, found: list[ProductCard] | None) -> bytes:
    if found is None:
        raise _unknown(slug)
    return msgspec.json.encode(Suggestions(found))


def _unknown(slug: str) -> Refusal:
    return Refusal("product_not_found", f"There is no product {slug!r}.", slug=slug)


handlers = [list_similar_products, list_bought_together, list_recommendations, view_product]
