"""How evidence adds up, as sums."""

from uuid import UUID

from models.recommendation import Kind, Related, blended, interleaved

A, B, C, D = (UUID(int=number) for number in (1, 2, 3, 4))


def test_evidence_adds_up() -> None:
    """Given two products that lead to the same one, then it comes before what one of them leads to more strongly."""
    bought = Related(Kind.BOUGHT, [B, C], [0.5, 0.4])
    viewed = Related(Kind.VIEWED, [C, D], [0.5, 0.1])
    weights = {Kind.BOUGHT: 1.0, Kind.VIEWED: 0.5}
    assert blended([(1.0, bought), (1.0, viewed)], weights) == [C, B, D]
    assert blended([(1.0, bought), (0.1, viewed)], weights) == [B, C, D]
    assert blended([(1.0, viewed)], {Kind.BOUGHT: 1.0}) == blended([], weights) == []


def test_what_is_as_strong_keeps_an_order() -> None:
    """Given evidence of the same strength, then the same list comes out each time, whatever came in first."""
    one, other = Related(Kind.ALIKE, [B, A], [0.5, 0.5]), Related(Kind.ALIKE, [A, B], [0.5, 0.5])
    assert blended([(1.0, one)], {Kind.ALIKE: 1.0}) == blended([(1.0, other)], {Kind.ALIKE: 1.0}) == [A, B]


def test_lists_take_turns() -> None:
    """Given lists of different length with something in common, then each is heard, and nothing comes twice."""
    assert interleaved([A, B, C], [B, D]) == [A, B, D, C]
    assert interleaved([], []) == interleaved() == []
