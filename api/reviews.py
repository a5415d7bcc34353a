"""What buyers say of products: read by everybody, written by who has an account, one of each for each product."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from api import pages
from api.access import Access
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.filters import Slug
from api.pages import PageSize, Place
from api.problems import SIGNED_IN, refuses
from api.products import published
from api.repeats import once, scope_of
from models import cache, cursor
from models.cursor import Cursor, Rank
from models.database import Writer
from models.errors import Refusal
from models.review import OwnReview, Review, ReviewOrder, Stars, Title, Words
from models.roles import Scope
from models.tables import review as reviews

OfStars = Annotated[int | None, QueryParameter(ge=1, le=5, description="Only those that give so many stars")]


InOrder = Annotated[ReviewOrder, QueryParameter(name="sort", description="What comes first")]


class NewReview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody thinks of a product."""

    stars: Stars
    title: Title | None = None
    body: Words = ""


class ReviewChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be different. What is left out stays; a null title takes it away."""

    stars: Stars | UnsetType = UNSET
    title: Title | UnsetType | None = UNSET
    body: Words | UnsetType = UNSET


class ReviewList(msgspec.Struct, frozen=True):
    """One page of a product's reviews, and what all of them come to."""

    items: list[Review]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int
    """Of this list, all pages together."""
    rating: float | None
    """Mean of all published stars; null while there are none."""
    by_stars: dict[int, int]
    """How many reviews give so many stars."""


class OwnReviewList(msgspec.Struct, frozen=True):
    """One page of one's own reviews, newest first."""

    items: list[OwnReview]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class Votes(msgspec.Struct, frozen=True):
    """What others make of a review."""

    helpful: int
    """People who found it helpful."""


@get(
    "/products/{slug:str}/reviews", operation_id="listReviews", access=Access.PUBLIC, tags=["Catalogue"],
    summary="What buyers say of a product",
    responses=refuses("product_not_found", "cursor_unknown", "invalid", "unavailable"),
)  # fmt: skip
async def list_reviews(
    request: StrictRequest,
    house: House,
    slug: Slug,
    stars: OfStars = None,
    order: InOrder = ReviewOrder.NEWEST,
    limit: PageSize = 20,
    place: Place = None,
) -> Response[ReviewList]:
    """Those that are published. Their text is plain: show it as text, never as HTML."""
    key, by = house.settings.secret_key, reviews.BY[order]
    this = f"reviews/{slug}/{stars}/{order}"
    after = cursor.read_rank(key, place, this, int if order is ReviewOrder.HELPFUL else datetime) if place else None

    async def make() -> bytes:
        known = await reviews.ratings(house.database, slug)
        if known is None:
            raise Refusal("product_not_found", f"There is no product {slug!r}.", slug=slug)
        found = await reviews.published(house.database, known.product, limit + 1, stars, order, after)
        shown = found[:limit]
        more = cursor.write_rank(key, Rank(getattr(shown[-1], by), shown[-1].id), this) if found[limit:] else None
        total = known.count if stars is None else known.by_stars[stars]
        mean = known.sum / known.count if known.count else None
        return msgspec.json.encode(ReviewList(shown, more, total, mean, known.by_stars))

    return await published(request, house, cache.reviews(this, limit, place), (cache.about_product(slug),), make)


@post(
    "/products/{slug:str}/reviews", operation_id="writeReview", access=Scope.ACCOUNT, tags=["Catalogue"],
    summary="Review a product",
    responses=refuses(*SIGNED_IN, "product_not_found", "review_exists", "idempotency_key_reused", "invalid",
                      "unsupported_media_type"),
)  # fmt: skip
async def write_review(
    request: StrictRequest,
    house: House,
    caller: Caller,
    slug: Slug,
    data: JSONBody[NewReview],
    idempotency: IdempotencyKey = None,
) -> OwnReview:
    """Once for each product. `verified_purchase`: this account bought it. It may have to wait until staff read it."""

    async def write(writer: Writer) -> OwnReview:
        said = msgspec.structs.asdict(data)
        return await reviews.write(writer, caller.account, slug, house.settings.moderation, said)

    scope = scope_of(request, caller, f"POST /products/{slug}/reviews")
    return await once(house, scope, idempotency_key(idempotency), data, OwnReview, write)


@get(
    "/reviews", operation_id="listOwnReviews", access=Scope.ACCOUNT, tags=["Catalogue"], summary="One's own reviews",
    responses=refuses(*SIGNED_IN, "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_own_reviews(house: House, caller: Caller, limit: PageSize = 20, place: Place = None) -> OwnReviewList:
    """Newest first, also those that wait or were rejected, with the reason."""
    found = await reviews.own(house.database, caller.account, limit + 1, pages.begin(house, place))
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return OwnReviewList(shown, more)


@patch(
    "/reviews/{review_id:uuid}", operation_id="changeReview", access=Scope.ACCOUNT, tags=["Catalogue"],
    summary="Change one's own review",
    responses=refuses(*SIGNED_IN, "review_not_found", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_review(
    house: House, caller: Caller, review_id: FromPath[UUID], data: JSONBody[ReviewChange]
) -> OwnReview:
    """One that was rejected waits for staff to read it again; others do where new ones would. Votes stay."""
    async with house.database.writing() as writer:
        return await reviews.rewrite(writer, caller.account, review_id, house.settings.moderation, _said(data))


@delete(
    "/reviews/{review_id:uuid}", operation_id="deleteReview", access=Scope.ACCOUNT, tags=["Catalogue"],
    summary="Take one's own review back", status_code=204,
    responses=refuses(*SIGNED_IN, "review_not_found"),
)  # fmt: skip
async def delete_review(house: House, caller: Caller, review_id: FromPath[UUID]) -> None:
    """For good, with its votes; the product may be reviewed anew."""
    async with house.database.writing() as writer:
        await reviews.remove(writer, caller.account, review_id)


@post(
    "/reviews/{review_id:uuid}/helpful", operation_id="voteHelpful", access=Scope.ACCOUNT, tags=["Catalogue"],
    summary="Find a review helpful", status_code=200,
    responses=refuses(*SIGNED_IN, "review_not_found", "own_review", "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def vote_helpful(
    request: StrictRequest,
    house: House,
    caller: Caller,
    review_id: FromPath[UUID],
    idempotency: IdempotencyKey = None,
) -> Votes:
    """One vote a person, never for one's own. Again changes nothing."""

    async def vote(writer: Writer) -> Votes:
        return Votes(await reviews.vote(writer, caller.account, review_id, helpful=True))

    scope = scope_of(request, caller, f"POST /reviews/{review_id}/helpful")
    return await once(house, scope, idempotency_key(idempotency), None, Votes, vote)


@delete(
    "/reviews/{review_id:uuid}/helpful", operation_id="takeVoteBack", access=Scope.ACCOUNT, tags=["Catalogue"],
    summary="Take one's vote back", status_code=204,
    responses=refuses(*SIGNED_IN, "review_not_found", "own_review"),
)  # fmt: skip
async def take_vote_back(house: House, caller: Caller, review_id: FromPath[UUID]) -> None:
    """Again changes nothing."""
    async with house.database.writing() as writer:
        await reviews.vote(writer, caller.account, review_id, helpful=False)


def _said(data: ReviewChange) -> Mapping[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}


handlers = [
    list_reviews, write_review, list_own_reviews, change_review, delete_review, vote_helpful, take_vote_back,
]  # fmt: skip
