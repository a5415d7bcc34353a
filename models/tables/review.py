"""What buyers say of products, and who found it helpful.

Triggers keep what is counted: `products.ratings` and `stars` of published reviews, `reviews.helpful` of votes, each by
what a statement adds or takes away, in its transaction. They also tell the readers of the catalogue what changed.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cursor import Cursor, Rank
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import ReviewId, UserId, new_id
from models.review import (
    REVIEW_MOVES,
    JudgedReview,
    Moderation,
    OwnReview,
    Ratings,
    Review,
    ReviewedProduct,
    ReviewOrder,
    ReviewStatus,
    author_of,
    rewritten,
)
from models.tables.base import key, metadata, moment, now_column, one_of, plain_uuid, reference

_SHOWN = sa.text("status = 'published'")

reviews = sa.Table(
    "reviews", metadata,
    key(),
    reference("product_id", "products.id"),
    reference("user_id", "users.id"),
    sa.Column("stars", sa.SmallInteger, nullable=False),
    sa.Column("title", sa.Text),
    sa.Column("body", sa.Text, nullable=False, server_default="", comment="as written, plain text"),
    *one_of("status", ReviewStatus),
    sa.Column("rejection_reason", sa.Text),
    sa.Column("verified_purchase", sa.Boolean, nullable=False, comment="as of the last time its author wrote it"),
    sa.Column("helpful", sa.Integer, nullable=False, server_default="0", comment="votes; kept by a trigger"),
    sa.Column("version", sa.Integer, nullable=False, server_default="1", comment="rises when its author changes it"),
    now_column(),
    moment("edited_at", nullable=True),
    sa.UniqueConstraint("user_id", "product_id"),
    sa.CheckConstraint("stars BETWEEN 1 AND 5", name="stars_one_to_five"),
    sa.CheckConstraint("(status = 'rejected') = (rejection_reason IS NOT NULL)", name="rejected_for_a_reason"),
    sa.Index("ix_reviews_newest", "product_id", sa.text("created_at DESC"), sa.text("id DESC"),
             postgresql_where=_SHOWN),
    sa.Index("ix_reviews_helpful", "product_id", sa.text("helpful DESC"), sa.text("id DESC"),
             postgresql_where=_SHOWN),
    sa.Index("ix_reviews_stars", "product_id", "stars", sa.text("created_at DESC"), sa.text("id DESC"),
             postgresql_where=_SHOWN),
    sa.Index("ix_reviews_status", "status", "created_at", "id"),
)  # fmt: skip

review_votes = sa.Table(
    "review_votes", metadata,
    sa.Column("review_id", pg.UUID(as_uuid=True), sa.ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("user_id", pg.UUID(as_uuid=True), sa.ForeignKey("users.id"), primary_key=True),
    now_column(),
    sa.Index("ix_review_votes_user_id", "user_id"),
)  # fmt: skip

_RATINGS = """
SELECT p.id, p.ratings, p.stars, ARRAY(
    SELECT ARRAY[r.stars, count(*)] FROM reviews r WHERE r.product_id = p.id AND r.status = 'published'
    GROUP BY r.stars ORDER BY r.stars
) AS by_stars
FROM products p WHERE p.slug = $1 AND p.archived_at IS NULL
"""
_PUBLISHED = """
SELECT r.*, u.first_name, u.last_name FROM reviews r JOIN users u ON u.id = r.user_id
WHERE r.product_id = $1 AND r.status = 'published' {more}
ORDER BY r.{by} DESC, r.id DESC LIMIT $2
"""
BY = {ReviewOrder.NEWEST: "created_at", ReviewOrder.HELPFUL: "helpful"}
"""The column that each order goes by, which is also an attribute of `Review`."""
_WITH_PRODUCT = """
SELECT r.*, p.slug, p.name, u.first_name, u.last_name
FROM reviews r JOIN products p ON p.id = r.product_id JOIN users u ON u.id = r.user_id
"""
_OWN = (
    _WITH_PRODUCT
    + """
WHERE r.user_id = $1 AND ($3::timestamptz IS NULL OR (r.created_at, r.id) < ($3, $4::uuid))
ORDER BY r.created_at DESC, r.id DESC LIMIT $2
"""
)
_ONE = _WITH_PRODUCT + "WHERE r.id = $1"
_LOCK = "SELECT * FROM reviews WHERE id = $1 FOR NO KEY UPDATE"
_QUEUE = """
WHERE ($2::text IS NULL OR r.status = $2) AND ($3::text IS NULL OR p.slug = $3)
  AND ($4::timestamptz IS NULL OR (r.created_at, r.id) > ($4, $5::uuid))
ORDER BY r.created_at, r.id LIMIT $1
"""
_ABOUT = """
SELECT p.id, EXISTS (
    SELECT FROM orders o
    JOIN order_lines l ON l.order_id = o.id
    JOIN variants v ON v.id = l.variant_id AND v.product_id = p.id
    WHERE o.customer_id = $2 AND o.status IN ('confirmed', 'processing', 'shipped', 'delivered', 'completed')
) AS verified
FROM products p WHERE {which} = $1
"""
"""An order is confirmed when its money is captured, and not before."""
_ABOUT_SLUG = _ABOUT.format(which="p.archived_at IS NULL AND p.slug")
_ABOUT_ID = _ABOUT.format(which="p.id")
_ADD = """
INSERT INTO reviews (id, product_id, user_id, stars, title, body, status, verified_purchase)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (user_id, product_id) DO NOTHING RETURNING id
"""
_REWRITE = """
UPDATE reviews SET stars = $2, title = $3, body = $4, status = $5, rejection_reason = NULL, verified_purchase = $6,
       version = version + 1, edited_at = now()
WHERE id = $1
"""
_JUDGE = "UPDATE reviews SET status = $2, rejection_reason = $3 WHERE id = $1"
_REMOVE = "DELETE FROM reviews WHERE id = $1 AND user_id = $2 RETURNING id"
_VOTED_ON = "SELECT user_id, helpful FROM reviews WHERE id = $1 AND status = 'published' FOR NO KEY UPDATE"
_VOTE = "INSERT INTO review_votes (review_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING review_id"
_TAKE_BACK = "DELETE FROM review_votes WHERE review_id = $1 AND user_id = $2 RETURNING review_id"


async def ratings(database: Database, slug: str) -> Ratings | None:
    """What a product's reviews come to; None: there is no such product."""
    rows = await database.fetch(_RATINGS, slug)
    if not rows:
        return None
    by_stars = {**dict.fromkeys(range(1, 6), 0), **dict(rows[0]["by_stars"])}
    return Ratings(plain_uuid(rows[0]["id"]), rows[0]["ratings"], rows[0]["stars"], by_stars)


async def published(
    database: Database, product: UUID, limit: int, stars: int | None, order: ReviewOrder, after: Rank | None = None
) -> list[Review]:
    """What everybody reads of a product; only what has so many `stars`."""
    arguments: list[object] = [product, limit]
    more = ""
    if stars is not None:
        arguments.append(stars)
        more += f" AND r.stars = ${len(arguments)}"
    if after is not None:
        arguments += [after.value, after.id]
        more += f" AND (r.{BY[order]}, r.id) < (${len(arguments) - 1}, ${len(arguments)})"
    rows = await database.fetch(_PUBLISHED.format(more=more, by=BY[order]), *arguments)
    return [
        Review(
            ReviewId(plain_uuid(row["id"])), row["stars"], row["title"], row["body"],
            author_of(row["first_name"], row["last_name"]), row["verified_purchase"], row["helpful"],
            row["created_at"], row["edited_at"],
        )
        for row in rows
    ]  # fmt: skip


async def own(database: Database, user: UserId, limit: int, after: Cursor | None = None) -> list[OwnReview]:
    """What an account wrote, newest first, whoever may read it."""
    place = (after.at, after.id) if after else (None, None)
    return [_own(row) for row in await database.fetch(_OWN, user, limit, *place)]


async def waiting(
    database: Database,
    limit: int,
    status: ReviewStatus | None = None,
    product: str | None = None,
    after: Cursor | None = None,
) -> list[JudgedReview]:
    """Reviews of a status, or about a product, oldest first, as a queue is worked off."""
    place = (after.at, after.id) if after else (None, None)
    rows = await database.fetch(_WITH_PRODUCT + _QUEUE, limit, status, product, *place)
    return [_judged(row) for row in rows]


async def find(database: Database, review: UUID) -> JudgedReview | None:
    """One review, for staff."""
    return next((_judged(row) for row in await database.fetch(_ONE, review)), None)


async def write(writer: Writer, user: UserId, slug: str, rule: Moderation, said: Mapping[str, Any]) -> OwnReview:
    """Review a product. Raises: Refusal `product_not_found`, `review_exists`."""
    about = (await writer.exec_driver_sql(_ABOUT_SLUG, (slug, user))).one_or_none()
    if about is None:
        raise Refusal("product_not_found", f"There is no product {slug!r}.", slug=slug)
    review = ReviewId(new_id())
    status = ReviewStatus.PENDING if rule.holds(about.verified) else ReviewStatus.PUBLISHED
    values = (review, about.id, user, said["stars"], said["title"], said["body"], status, about.verified)
    if (await writer.exec_driver_sql(_ADD, values)).one_or_none() is None:
        raise Refusal("review_exists", "You have reviewed this product: change that review.", slug=slug)
    return _own(await _read(writer, review))


async def rewrite(writer: Writer, user: UserId, review: UUID, rule: Moderation, said: Mapping[str, Any]) -> OwnReview:
    """Change `said` of one's own review. What it says already changes nothing. Raises: Refusal `review_not_found`."""
    was = await _locked(writer, review)
    if was["user_id"] != user:
        raise unknown(review)
    now = {name: said.get(name, was[name]) for name in ("stars", "title", "body")}
    if any(was[name] != value for name, value in now.items()):
        about = (await writer.exec_driver_sql(_ABOUT_ID, (was["product_id"], user))).one()
        status = rewritten(ReviewStatus(was["status"]), rule, about.verified)
        await writer.exec_driver_sql(_REWRITE, (review, *now.values(), status, about.verified))
    return _own(await _read(writer, review))


async def remove(writer: Writer, user: UserId, review: UUID) -> None:
    """Take one's own review back, for good. Raises: Refusal `review_not_found`."""
    if (await writer.exec_driver_sql(_REMOVE, (review, user))).one_or_none() is None:
        raise unknown(review)


async def vote(writer: Writer, user: UserId, review: UUID, *, helpful: bool) -> int:
    """Find a published review helpful, or no more; how many do now. Again: changes nothing.

    Raises: Refusal `review_not_found`, `own_review`.
    """
    seen = (await writer.exec_driver_sql(_VOTED_ON, (review,))).one_or_none()
    if seen is None:
        raise unknown(review)
    if seen.user_id == user:
        raise Refusal("own_review", "Others say whether your review is helpful.")
    moved = (await writer.exec_driver_sql(_VOTE if helpful else _TAKE_BACK, (review, user))).one_or_none()
    step = 1 if helpful else -1
    return int(seen.helpful) + (step if moved is not None else 0)


async def judge(
    writer: Writer, review: UUID, version: int, status: ReviewStatus, reason: str | None
) -> tuple[JudgedReview, JudgedReview]:
    """Publish or reject the version that was read, as it was and as it is. Again: changes nothing.

    Raises: Refusal `review_not_found`, `review_changed`, `wrong_move`.
    """
    await _locked(writer, review)
    was = _judged(await _read(writer, review))
    if was.version != version:
        raise Refusal("review_changed", "Its author has changed this review: read it again.", version=was.version)
    if was.status is status:
        return was, was
    if status not in REVIEW_MOVES[was.status]:
        raise Refusal("wrong_move", f"A review that is {was.status} cannot become {status}.", status=was.status)
    await writer.exec_driver_sql(_JUDGE, (review, status, reason))
    return was, _judged(await _read(writer, review))


def unknown(review: UUID) -> Refusal:
    """It is not there, or not for everybody, or somebody else's."""
    return Refusal("review_not_found", "There is no such review.", id=str(review))


async def _locked(writer: Writer, review: UUID) -> Any:
    found = (await writer.exec_driver_sql(_LOCK, (review,))).mappings().one_or_none()
    if found is None:
        raise unknown(review)
    return found


async def _read(writer: Writer, review: UUID) -> Any:
    return (await writer.exec_driver_sql(_ONE, (review,))).mappings().one()


def _own(row: Any) -> OwnReview:
    return OwnReview(
        ReviewId(plain_uuid(row["id"])), ReviewedProduct(row["slug"], row["name"]), row["stars"], row["title"],
        row["body"], ReviewStatus(row["status"]), row["rejection_reason"], row["verified_purchase"], row["helpful"],
        row["created_at"], row["edited_at"],
    )  # fmt: skip


def _judged(row: Any) -> JudgedReview:
    return JudgedReview(
        ReviewId(plain_uuid(row["id"])), ReviewedProduct(row["slug"], row["name"]),
        UserId(plain_uuid(row["user_id"])), author_of(row["first_name"], row["last_name"]), row["stars"],
        row["title"], row["body"], row["version"], ReviewStatus(row["status"]), row["rejection_reason"],
        row["verified_purchase"], row["helpful"], row["created_at"], row["edited_at"],
    )  # fmt: skip
