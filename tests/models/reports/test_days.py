"""Days of a shop: of 23, 24 and 25 hours, without a gap and without an overlap, wherever it is."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from models.reports.days import Step, day_of, is_skipped, span, spans

BERLIN, NEW_YORK, CAIRO = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Africa/Cairo")


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        (BERLIN, date(2026, 3, 28), datetime(2026, 3, 27, 23, tzinfo=UTC), 24),
        (BERLIN, date(2026, 3, 29), datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        (BERLIN, date(2026, 10, 25), datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
        (NEW_YORK, date(2026, 3, 8), datetime(2026, 3, 8, 5, tzinfo=UTC), 23),
        (NEW_YORK, date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC), 25),
        (CAIRO, date(2026, 4, 24), datetime(2026, 4, 23, 22, tzinfo=UTC), 23),  # clocks skip its midnight
        (CAIRO, date(2026, 10, 29), datetime(2026, 10, 28, 21, tzinfo=UTC), 25),  # and repeat its last hour
        (ZoneInfo("UTC"), date(2026, 3, 29), datetime(2026, 3, 29, tzinfo=UTC), 24),
    ],
)  # fmt: skip
def test_a_day_is_as_long_as_it_is(zone: ZoneInfo, day: date, begins: datetime, hours: int) -> None:
    """Given days on which clocks are changed and others, then each begins at its midnight and has its hours."""
    found = span(day, day, zone)
    assert (found.starts_at, found.ends_at) == (begins, begins + timedelta(hours=hours))


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, CAIRO, ZoneInfo("Asia/Kathmandu"), ZoneInfo("Australia/Lord_Howe")])
def test_days_of_a_year_meet(zone: ZoneInfo) -> None:
    """Given every day of a year, then each begins where the one before ended, and its own moments are of it."""
    days = list(spans(date(2026, 1, 1), date(2026, 12, 31), Step.DAY, zone))
    assert len(days) == 365
    assert [each.starts_at for each in days[1:]] == [each.ends_at for each in days[:-1]]
    for each in days:
        assert day_of(each.starts_at, zone) == day_of(each.ends_at - timedelta(microseconds=1), zone) == each.first


def test_weeks_begin_on_mondays_and_months_end_where_they_end() -> None:
    """Given a range, then its first and last part are cut off, and the others are whole."""
    weeks = list(spans(date(2026, 2, 26), date(2026, 3, 10), Step.WEEK, BERLIN))
    assert [(each.first, each.last) for each in weeks] == [
        (date(2026, 2, 26), date(2026, 3, 1)), (date(2026, 3, 2), date(2026, 3, 8)),
        (date(2026, 3, 9), date(2026, 3, 10)),
    ]  # fmt: skip
    months = list(spans(date(2026, 1, 31), date(2026, 4, 1), Step.MONTH, BERLIN))
    assert [(each.first, each.last) for each in months] == [
        (date(2026, 1, 31), date(2026, 1, 31)), (date(2026, 2, 1), date(2026, 2, 28)),
        (date(2026, 3, 1), date(2026, 3, 31)), (date(2026, 4, 1), date(2026, 4, 1)),
    ]  # fmt: skip
    assert months[2].ends_at - months[2].starts_at == timedelta(days=31) - timedelta(hours=1)


def test_a_time_that_clocks_skip_is_found() -> None:
    """Given times of day, then one that does not exist on some day is told with that day; one that always does, not."""
    since = date(2026, 1, 1)
    assert is_skipped(2, 30, since, BERLIN) == date(2026, 3, 29)
    assert is_skipped(0, 0, since, CAIRO) == date(2026, 4, 24)
    assert is_skipped(4, 10, since, BERLIN) is is_skipped(2, 30, since, ZoneInfo("UTC")) is None
    assert is_skipped(2, 30, date(2026, 3, 30), BERLIN) == date(2027, 3, 28)
