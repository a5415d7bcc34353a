"""What may be remembered of a search: the words, unless they tell of somebody."""

import re
from datetime import date

import msgspec

from models.search.text import tidy

LONGEST = 80
"""Characters; who pastes more does not search for a product."""
WITHHELD = "…"
"""Stands for every query that may tell of somebody."""

_DIGIT = re.compile(r"\d")
_PERSONAL = re.compile(r"@|https?:|www\.|\bat\b.*\bdot\b")
MOST_DIGITS = 6
"""More of them, however they are parted, may be a phone or card number, a date of birth, an account."""


class Tally(msgspec.Struct):
    """How often something was searched for; of these, how often nothing was found."""

    searches: int = 0
    empty: int = 0


class Told(msgspec.Struct, frozen=True):
    """A query and its numbers."""

    query: str
    searches: int
    empty: int
    """Of these: found nothing."""
    clicks: int
    """Ways to a product from it."""


class Report(msgspec.Struct, frozen=True):
    """What shoppers searched for. Queries that may tell of somebody count in the sums only."""

    first_day: date
    last_day: date
    searches: int
    empty: int
    """Of these: found nothing."""
    clicks: int
    top: list[Told]
    without_results: list[Told]
    """Those that found nothing, the most frequent first: goods or synonyms that are missing."""
    without_clicks: list[Told]
    """Those that found something that nobody wanted to see."""


def remembered(query: str) -> str:
    """A query as it is counted: tidied, or `…` when it looks like an e-mail address, a number of somebody's, a link."""
    tidied = tidy(query)
    if len(tidied) > LONGEST or _PERSONAL.search(tidied) or len(_DIGIT.findall(tidied)) > MOST_DIGITS:
        return WITHHELD
    return tidied
