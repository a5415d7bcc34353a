"""What a buyer wants to remember: products, shown as the catalogue has them now."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody

from api import pages
from api.context import Caller, House, IdempotencyKey, Identity, StrictRequest, idempotency_key
from api.filters import SLUG, Currency, Slug
from api.pages import PageSize, Place
from api.problems import SIGNED_IN, refuses
from api.repeats import once, scope_of
from models.catalog import CategoryName, Image
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.money import Money
from models.roles import Scope
from models.tables import wishlist
from models.wishlist import Wish


class WishBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to remember."""

    product_slug: Annotated[str, msgspec.Meta(pattern=SLUG, examples=["linen-shirt"])]


class WishReply(msgspec.Struct, frozen=True):
    """A product on the list, with the price and stock of now."""

    slug: str
    name: str
    category: CategoryName
    image: Image | None
    price: Money | None
    """Of the cheapest variant: "from" this. Null: not sold in the asked currency."""
    compare_at_price: Money | None
    available: int
    """Units of all variants that can be bought now, capped at 100."""
    on_sale: bool
    """False: withdrawn from the shop, or not sold in the asked currency."""
    added_at: datetime
    rating: float | None = None
    """Mean of the buyers' stars, 1 to 5; null while nobody has rated it."""
    ratings: int = 0
    """How many have rated it."""
    sale_ends_at: datetime | None = None
    """When a sale of it ends that is open now; null: none is."""


class WishList(msgspec.Struct, frozen=True):
    """One page of the list, newest first."""

    items: list[WishReply]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class Remembered(msgspec.Struct, frozen=True):
    """What a repeat under the same key is answered with."""

    wish: WishReply
    is_new: bool


LISTED_ALREADY = ResponseSpec(WishReply, description="It is on the list already", generate_examples=False)


@get(
    "/wishlist", operation_id="listWishes", access=Scope.ACCOUNT, tags=["Accounts"], summary="The wishlist",
    responses=refuses(*SIGNED_IN, "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_wishes(
    house: House, caller: Caller, currency: Currency = None, limit: PageSize = 20, place: Place = None
) -> WishList:
    """Newest first. What was withdrawn stays listed, with `on_sale` false."""
    kind = currency or house.settings.default_currency
    found = await wishlist.page(house.database, caller.account, kind, limit + 1, pages.begin(house, place))
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.added_at, last.product_id))
    return WishList([_reply(wish) for wish in shown], more)


@post(
    "/wishlist", operation_id="addWish", access=Scope.ACCOUNT, tags=["Accounts"], summary="Remember a product",
    responses={200: LISTED_ALREADY, **refuses(*SIGNED_IN, "product_not_found", "wishlist_full",
                                              "idempotency_key_reused", "invalid", "unsupported_media_type")},
)  # fmt: skip
async def add_wish(
    request: StrictRequest,
    house: House,
    caller: Caller,
    data: JSONBody[WishBody],
    currency: Currency = None,
    idempotency: IdempotencyKey = None,
) -> Response[WishReply]:
    """201 the first time, 200 when it is on the list already. At most 500."""
    return await _remember(request, house, caller, data, currency, idempotency)


@delete(
    "/wishlist", operation_id="clearWishes", access=Scope.ACCOUNT, tags=["Accounts"], summary="Forget all of them",
    status_code=204, responses=refuses(*SIGNED_IN),
)  # fmt: skip
async def clear_wishes(house: House, caller: Caller) -> None:
    """The list is empty afterwards."""
    async with house.database.writing() as writer:
        await wishlist.clear(writer, caller.account)


@get(
    "/wishlist/{product_slug:str}", operation_id="readWish", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="Whether a product is on the wishlist",
    responses=refuses(*SIGNED_IN, "wishlist_item_not_found", "invalid"),
)  # fmt: skip
async def read_wish(house: House, caller: Caller, product_slug: Slug, currency: Currency = None) -> WishReply:
    """404 when it is not."""
    kind = currency or house.settings.default_currency
    found = await wishlist.find(house.database, caller.account, product_slug, kind)
    if found is None:
        raise Refusal("wishlist_item_not_found", f"{product_slug!r} is not on your wishlist.", slug=product_slug)
    return _reply(found)


@post(
    "/wishlist/{product_slug:str}", operation_id="addWishBySlug", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="Remember this product",
    responses={200: LISTED_ALREADY, **refuses(*SIGNED_IN, "product_not_found", "wishlist_full",
                                              "idempotency_key_reused", "invalid")},
)  # fmt: skip
async def add_wish_by_slug(
    request: StrictRequest,
    house: House,
    caller: Caller,
    product_slug: Slug,
    currency: Currency = None,
    idempotency: IdempotencyKey = None,
) -> Response[WishReply]:
    """As `POST /wishlist`, without a body."""
    return await _remember(request, house, caller, WishBody(product_slug), currency, idempotency)


@delete(
    "/wishlist/{product_slug:str}", operation_id="removeWish", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="Forget a product", status_code=204,
    responses=refuses(*SIGNED_IN),
)  # fmt: skip
async def remove_wish(house: House, caller: Caller, product_slug: Slug) -> None:
    """Forgetting what is not (or no longer) on the list changes nothing."""
    async with house.database.writing() as writer:
        await wishlist.remove(writer, caller.account, product_slug)


async def _remember(
    request: StrictRequest,
    house: House,
    caller: Identity,
    wish: WishBody,
    currency: str | None,
    idempotency: str | None,
) -> Response[WishReply]:
    kind = currency or house.settings.default_currency

    async def remember(writer: Writer) -> Remembered:
        found, is_new = await wishlist.add(writer, caller.account, wish.product_slug, kind)
        return Remembered(_reply(found), is_new)

    scope = scope_of(request, caller, "POST /wishlist")
    answer = await once(house, scope, idempotency_key(idempotency), wish, Remembered, remember)
    return Response(answer.wish, status_code=201 if answer.is_new else 200)


def _reply(wish: Wish) -> WishReply:
    return msgspec.convert(wish, WishReply, from_attributes=True)


handlers = [list_wishes, add_wish, clear_wishes, read_wish, add_wish_by_slug, remove_wish]
