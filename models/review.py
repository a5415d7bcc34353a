"""What buyers say of a product: who may read it when, and how its standing may change."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from models.ids import ReviewId, UserId

Stars = Annotated[int, msgspec.Meta(ge=1, le=5, examples=[5])]
Title = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)", examples=["Better than expected"]),
]
"""One printed line."""
Words = Annotated[
    str,
    msgspec.Meta(
        max_length=5000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$",
        description="Plain text with line breaks. It is kept as it is written: show it as text, never as HTML",
        examples=["Warm, and it survived the wash."],
    ),
]  # fmt: skip


class ReviewStatus(StrEnum):
    """Who reads a review."""

    PENDING = "pending"
    """Its author and staff: it waits for a decision."""
    PUBLISHED = "published"
    """Everybody; it counts in the product's rating."""
    REJECTED = "rejected"
    """Its author, with the reason, and staff."""


_S = ReviewStatus

REVIEW_MOVES: Mapping[ReviewStatus, frozenset[ReviewStatus]] = {
    _S.PENDING: frozenset({_S.PUBLISHED, _S.REJECTED}),
    _S.PUBLISHED: frozenset({_S.PENDING, _S.REJECTED}),
    _S.REJECTED: frozenset({_S.PENDING, _S.PUBLISHED}),
}
"""From each status, where a review may go next. It has no end: its author may always write it anew, or take it back."""


class Moderation(StrEnum):
    """Which reviews staff read before everybody does."""

    NONE = "none"
    UNVERIFIED = "unverified"
    """Of those who did not buy the product here."""
    ALL = "all"

    def holds(self, verified: bool) -> bool:
        """Whether a review waits for a decision."""
        return self is Moderation.ALL or (self is Moderation.UNVERIFIED and not verified)


def rewritten(was: ReviewStatus, rule: Moderation, verified: bool) -> ReviewStatus:
    """Where a review stands after its author changed it: other words than those that staff let pass, or refused."""
    return _S.PUBLISHED if was is _S.PUBLISHED and not rule.holds(verified) else _S.PENDING


def author_of(first_name: str | None, last_name: str | None) -> str | None:
    """As whom everybody sees an author: `Ada L.`; None: they gave no name."""
    initial = f"{last_name[0]}." if last_name else None
    return " ".join(name for name in (first_name, initial) if name) or None


class ReviewOrder(StrEnum):
    """What comes first in a product's reviews."""

    NEWEST = "newest"
    HELPFUL = "helpful"
    """What most people found helpful."""


class Review(msgspec.Struct, frozen=True):
    """A review as everybody reads it."""

    id: ReviewId
    stars: int
    title: str | None
    body: str
    """As it was written: plain text, never to be read as HTML."""
    author: str | None
    """First name and initial; null: no name given."""
    verified_purchase: bool
    """The author bought the product here."""
    helpful: int
    """People who found it helpful."""
    created_at: datetime
    edited_at: datetime | None


class ReviewedProduct(msgspec.Struct, frozen=True):
    """What a review is about."""

    slug: str
    name: str


class OwnReview(msgspec.Struct, frozen=True):
    """A review as its author sees it."""

    id: ReviewId
    product: ReviewedProduct
    stars: int
    title: str | None
    body: str
    status: ReviewStatus
    rejection_reason: str | None
    """Why it is not shown; null unless it is rejected."""
    verified_purchase: bool
    helpful: int
    created_at: datetime
    edited_at: datetime | None


class JudgedReview(msgspec.Struct, frozen=True):
    """A review as staff see it."""

    id: ReviewId
    product: ReviewedProduct
    author_id: UserId
    author: str | None
    stars: int
    title: str | None
    body: str
    version: int
    """Rises with each change by its author: who decides says which one they read."""
    status: ReviewStatus
    rejection_reason: str | None
    verified_purchase: bool
    helpful: int
    created_at: datetime
    edited_at: datetime | None


class Ratings(msgspec.Struct, frozen=True):
    """What a product's published reviews come to."""

    product: UUID
    count: int
    sum: int
    by_stars: dict[int, int]
