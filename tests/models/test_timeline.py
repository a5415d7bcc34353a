"""Marks in a timeline: whatever comes to light in whatever order is told once."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from models.timeline import MOST, WINDOW, Mark, read

START = 1_800_000_000_000


def id_at(ms: int, n: int) -> UUID:
    """An id that was born then."""
    return UUID(int=(START + ms) << 80 | 7 << 76 | 2 << 62 | n)


@given(
    st.lists(st.tuples(st.integers(0, 10 * WINDOW), st.integers(0, WINDOW - 1)), max_size=MOST, unique=True),
    st.data(),
)
def test_each_fact_is_told_once(facts: list[tuple[int, int]], data: st.DataObject) -> None:
    """Given facts born at any time, each seen up to two minutes later, and a client that comes back after any of them
    with what it was given, then each is told once.
    """
    ids = [id_at(ms, n) for n, (ms, _) in enumerate(facts)]
    by_light = sorted(zip(facts, ids, strict=True), key=lambda fact: (sum(fact[0]), fact[1]))
    mark, told, seen = Mark(), list[UUID](), list[UUID]()
    for _, id in by_light:
        seen.append(id)
        if data.draw(st.booleans()):
            mark = read(str(mark))  # it comes back, and is told what it does not have
        for each in sorted(seen):
            if not mark.has(each):
                mark = mark.with_(each)
                told.append(each)
    assert sorted(told) == sorted(ids)


def test_a_mark_stays_short() -> None:
    """Given a hundred facts within a moment, then the mark names the last of them, and has the others too."""
    ids = [id_at(n, n) for n in range(100)]
    mark = Mark()
    for id in ids:
        mark = mark.with_(id)
    assert len(mark.told) == MOST and len(str(mark)) < 1100
    assert all(mark.has(id) for id in ids)
    assert read(str(mark)) == mark


def test_what_is_no_mark_is_the_beginning() -> None:
    """Given nothing, or something else, then nothing was told."""
    for text in (None, "", "x", "0.1", "-1", str(UUID(int=1)), ".".join(["0", *["f" * 32] * (MOST + 1)])):
        assert read(text) == Mark()
