"""What a review may become, as words."""

import pytest

from models.review import REVIEW_MOVES, Moderation, ReviewStatus, author_of, rewritten

PENDING, PUBLISHED, REJECTED = ReviewStatus


def test_no_status_is_an_end() -> None:
    """Given each status, then every other one may follow from it, but nothing goes back to where it was."""
    assert set(REVIEW_MOVES) == set(ReviewStatus)
    for status, goals in REVIEW_MOVES.items():
        assert goals == set(ReviewStatus) - {status}


@pytest.mark.parametrize(
    ("rule", "verified", "waits"),
    [("none", False, False), ("none", True, False), ("unverified", False, True), ("unverified", True, False),
     ("all", False, True), ("all", True, True)],
)  # fmt: skip
def test_who_waits(rule: str, verified: bool, waits: bool) -> None:
    """Given a rule, then it says whose reviews wait; changed words of a published one wait as new ones would."""
    assert Moderation(rule).holds(verified) is waits
    assert rewritten(PUBLISHED, Moderation(rule), verified) is (PENDING if waits else PUBLISHED)
    for was in (PENDING, REJECTED):
        assert rewritten(was, Moderation(rule), verified) is PENDING


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [("Ada", "Lovelace", "Ada L."), ("Ada", None, "Ada"), (None, "Lovelace", "L."), (None, None, None),
     ("", "", None), ("Åsa", "Öberg", "Åsa Ö."), ("😀", "😀", "😀 😀.")],
)  # fmt: skip
def test_an_author_keeps_most_of_the_name(first: str | None, last: str | None, shown: str | None) -> None:
    """Given a name, then everybody sees the first one and an initial."""
    assert author_of(first, last) == shown
