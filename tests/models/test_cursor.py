"""Cursors: the place a page ends, and nothing that anybody makes up."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import cursor
from models.cursor import Cursor
from models.errors import Refusal

KEY = b"k" * 32
PLACE = Cursor(datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), UUID("0190a0a0-0000-7000-8000-000000000001"))


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_names_its_place(at: datetime, identity: UUID) -> None:
    """Given any place in any list, then its cursor names it again to the microsecond."""
    assert cursor.read(KEY, cursor.write(KEY, Cursor(at, identity))) == Cursor(at, identity)


def test_a_time_zone_does_not_move_the_place() -> None:
    """Given the same moment written in Tokyo, then it is the same cursor."""
    tokyo = PLACE.at.astimezone(timezone(timedelta(hours=9)))
    assert cursor.write(KEY, Cursor(tokyo, PLACE.id)) == cursor.write(KEY, PLACE)


@pytest.mark.parametrize(
    "text",
    ["", "a", "\x00", "ü", "\ud800", "a" * 43, "a" * 9999, cursor.write(b"x" * 32, PLACE),
     cursor.write(KEY, PLACE)[:-1],
     cursor.write(KEY, PLACE) + "AAAA", "AAAA" + cursor.write(KEY, PLACE)[4:]],
    ids=range(11),
)  # fmt: skip
def test_what_we_did_not_hand_out_is_refused(text: str) -> None:
    """Given garbage, another key's cursor, or a changed or cut one of ours, then it is refused by its code."""
    with pytest.raises(Refusal) as refused:
        cursor.read(KEY, text)
    assert refused.value.code == "cursor_unknown"
