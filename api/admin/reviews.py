"""Moderation: staff read what buyers wrote of products, and say what everybody reads."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from api import pages
from api.admin.changes import Reason, write_down
from api.admin.readings import LIST, write_down_reading
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, Identity, StrictRequest, idempotency_key
from api.filters import SLUG
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models.cursor import Cursor
from models.database import Writer
from models.review import JudgedReview, ReviewStatus
from models.roles import Scope
from models.tables import review as reviews

OfStatus = Annotated[
    ReviewStatus | None, QueryParameter(name="status", description="Left out: all; `pending`: those that wait")
]
OfProduct = Annotated[str | None, QueryParameter(name="product", pattern=SLUG, description="`slug` of a product")]
Version = Annotated[
    int, msgspec.Meta(ge=1, le=2**31 - 1, description="`version` of the review as it was read", examples=[1])
]
Told = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
        description="Why, as its author reads it, and for the audit log, which is never edited: name no person",
        examples=["This is about the parcel service, not about the product."],
    ),
]  # fmt: skip


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everybody may read it."""

    version: Version
    reason: Reason | None = None


class Rejection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nobody but its author shall read it."""

    version: Version
    reason: Told


class JudgedReviewList(msgspec.Struct, frozen=True):
    """One page of reviews, oldest first."""

    items: list[JudgedReview]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/reviews", operation_id="listReviewsForStaff", access=Scope.REVIEWS_READ, tags=["Staff"],
    summary="Reviews, such as those that wait",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_reviews_for_staff(
    house: House,
    caller: Caller,
    status: OfStatus = None,
    product: OfProduct = None,
    limit: PageSize = 20,
    place: Place = None,
) -> JudgedReviewList:
    """Oldest first, as a queue is worked off. Filters add up."""
    found = await reviews.waiting(house.database, limit + 1, status, product, pages.begin(house, place))
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    await write_down_reading(house, caller, "review.read", [LIST])
    return JudgedReviewList(shown, more)


@get(
    "/admin/reviews/{review_id:uuid}", operation_id="readReviewForStaff", access=Scope.REVIEWS_READ, tags=["Staff"],
    summary="A review",
    responses=staff_refuses("review_not_found"),
)  # fmt: skip
async def read_review_for_staff(house: House, caller: Caller, review_id: FromPath[UUID]) -> JudgedReview:
    """Whatever its status."""
    found = await reviews.find(house.database, review_id)
    if found is None:
        raise reviews.unknown(review_id)
    await write_down_reading(house, caller, "review.read", [review_id])
    return found


@post(
    "/admin/reviews/{review_id:uuid}/approve", operation_id="approveReview", access=Scope.REVIEWS_WRITE,
    tags=["Staff"], summary="Publish a review", status_code=200,
    responses=staff_refuses("review_not_found", "review_changed", "wrong_move", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def approve_review(
    request: StrictRequest,
    house: House,
    caller: Caller,
    review_id: FromPath[UUID],
    data: JSONBody[Approval],
    idempotency: IdempotencyKey = None,
) -> JudgedReview:
    """The version that was read, and no other: 409 when its author has changed it since. Again changes nothing."""

    async def approve(writer: Writer) -> JudgedReview:
        return await _judge(writer, caller, review_id, data.version, ReviewStatus.PUBLISHED, data.reason)

    scope = scope_of(request, caller, f"POST /admin/reviews/{review_id}/approve")
    judged = await once(house, scope, idempotency_key(idempotency), data, JudgedReview, approve)
    await write_down_reading(house, caller, "review.read", [review_id])
    return judged


@post(
    "/admin/reviews/{review_id:uuid}/reject", operation_id="rejectReview", access=Scope.REVIEWS_WRITE,
    tags=["Staff"], summary="Reject a review, also a published one", status_code=200,
    responses=staff_refuses("review_not_found", "review_changed", "wrong_move", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def reject_review(
    request: StrictRequest,
    house: House,
    caller: Caller,
    review_id: FromPath[UUID],
    data: JSONBody[Rejection],
    idempotency: IdempotencyKey = None,
) -> JudgedReview:
    """Its author reads the reason, and may write it anew: then it waits. Again changes nothing."""

    async def reject(writer: Writer) -> JudgedReview:
        return await _judge(writer, caller, review_id, data.version, ReviewStatus.REJECTED, data.reason)

    scope = scope_of(request, caller, f"POST /admin/reviews/{review_id}/reject")
    judged = await once(house, scope, idempotency_key(idempotency), data, JudgedReview, reject)
    await write_down_reading(house, caller, "review.read", [review_id])
    return judged


async def _judge(
    writer: Writer, caller: Identity, review: UUID, version: int, status: ReviewStatus, reason: str | None
) -> JudgedReview:
    told = reason if status is ReviewStatus.REJECTED else None
    was, now = await reviews.judge(writer, review, version, status, told)
    if now.status is not was.status:
        action = "review.approve" if status is ReviewStatus.PUBLISHED else "review.reject"
        before, after = {"status": was.status}, {"status": now.status, "version": now.version}
        await write_down(writer, caller, action, review, before=before, after=after, reason=reason)
    return now


handlers = [list_reviews_for_staff, read_review_for_staff, approve_review, reject_review]
