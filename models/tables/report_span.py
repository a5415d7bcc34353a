"""How ledgers are read by time: their ids are born in order, so that a day is found without an index of its own."""

from datetime import timedelta

EARLY = timedelta(hours=1)
"""By no more does the clock that an id was born by differ from the moment of its row."""


def within(first: str, last: str, starts: str, ends: str) -> str:
    """The condition of rows at moments from `starts` on and before `ends`; ids from `first` on and before `last`."""
    return f"id >= {first}::uuid AND id < {last}::uuid AND at >= {starts}::timestamptz AND at < {ends}::timestamptz"
