"""Days as the shop lives them: from its midnight to its midnight, 23 or 25 hours when clocks are changed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

FIRST_DAY = date(2000, 1, 1)
"""No shop's books begin before."""
LAST_DAY = date(2999, 12, 31)


class Step(StrEnum):
    """How long each part of a range is."""

    DAY = "day"
    WEEK = "week"
    """From Monday."""
    MONTH = "month"


class Span(msgspec.Struct, frozen=True):
    """Some whole days, and which moments they are."""

    first: date
    last: date
    """Counted in."""
    starts_at: datetime
    ends_at: datetime
    """The first moment that no longer belongs to them."""


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins there: where clocks skip its midnight, the moment they do; where they repeat it, the first."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def span(first: date, last: date, zone: ZoneInfo) -> Span:
    """From the beginning of one day to the end of another."""
    return Span(first, last, midnight(first, zone), midnight(last + timedelta(days=1), zone))


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """Which day it is there."""
    return moment.astimezone(zone).date()


def spans(first: date, last: date, step: Step, zone: ZoneInfo) -> Iterator[Span]:
    """A range cut where days, weeks or months end; its first and last part may be shorter."""
    while first <= last:
        end = min(_end(first, step), last)
        yield span(first, end, zone)
        first = end + timedelta(days=1)


def _end(day: date, step: Step) -> date:
    if step is Step.DAY:
        return day
    if step is Step.WEEK:
        return day + timedelta(days=6 - day.weekday())
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def is_skipped(hour: int, minute: int, first: date, zone: ZoneInfo) -> date | None:
    """The first of the days to come on which clocks skip this time there; None: on none of the next five years'."""
    for number in range(5 * 366):
        day = first + timedelta(days=number)
        told = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
        if told.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != told.replace(tzinfo=None):
            return day
    return None
