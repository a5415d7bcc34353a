"""What shoppers search for: a number a day and query, of nobody in particular."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import sqlalchemy as sa

from models.database import Database, Fetch
from models.search.tally import Report, Tally, Told
from models.tables.base import metadata

search_tallies = sa.Table(
    "search_tallies", metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("query", sa.Text, primary_key=True, comment="tidied; `…` for what may have told of somebody"),
    sa.Column("searches", sa.Integer, nullable=False, server_default="0"),
    sa.Column("empty", sa.Integer, nullable=False, server_default="0", comment="of these: found nothing"),
    sa.Column("clicks", sa.Integer, nullable=False, server_default="0"),
)  # fmt: skip

_ADD = """
INSERT INTO search_tallies AS t (day, query, searches, empty)
SELECT current_date, * FROM unnest($1::text[], $2::int[], $3::int[])
ON CONFLICT (day, query) DO UPDATE SET searches = t.searches + excluded.searches, empty = t.empty + excluded.empty
"""


async def add(fetch: Fetch, counted: Mapping[str, Tally]) -> None:
    """Add what was searched for to today's numbers."""
    ordered = sorted(counted.items())
    columns: Sequence[list[object]] = (
        [query for query, _ in ordered], [tally.searches for _, tally in ordered], [tally.empty for _, tally in ordered]
    )  # fmt: skip
    await fetch(_ADD, *columns)


async def click(fetch: Fetch, query: str) -> None:
    """Somebody went from this search to a product: counted where somebody has searched so, today or yesterday."""
    await fetch(
        "UPDATE search_tallies SET clicks = clicks + 1 WHERE (day, query) = (SELECT day, query FROM search_tallies "
        "WHERE query = $1 AND day >= current_date - 1 ORDER BY day DESC LIMIT 1)", query,
    )  # fmt: skip


_TOTAL = """
SELECT coalesce(sum(searches), 0)::bigint AS searches, coalesce(sum(empty), 0)::bigint AS empty,
       coalesce(sum(clicks), 0)::bigint AS clicks
FROM search_tallies WHERE day BETWEEN $1 AND $2
"""
_TOP = """
SELECT query, sum(searches)::bigint AS searches, sum(empty)::bigint AS empty, sum(clicks)::bigint AS clicks
FROM search_tallies WHERE day BETWEEN $1 AND $2 AND query <> '…' GROUP BY query
"""
_TOPS = {
    "top": f"{_TOP} ORDER BY sum(searches) DESC, query LIMIT $3",
    "without_results": f"{_TOP} HAVING sum(empty) > 0 ORDER BY sum(empty) DESC, query LIMIT $3",
    "without_clicks": f"{_TOP} HAVING sum(searches) > sum(empty) AND sum(clicks) = 0 "
    "ORDER BY sum(searches) DESC, query LIMIT $3",
}


async def report(database: Database, first: date, last: date, most: int) -> Report:
    """What was searched for from one day to another, both counted in."""
    [total] = await database.fetch(_TOTAL, first, last)
    tops = {name: [Told(*row) for row in await database.fetch(sql, first, last, most)] for name, sql in _TOPS.items()}
    return Report(first, last, total["searches"], total["empty"], total["clicks"], **tops)


async def forget(fetch: Fetch, kept: timedelta) -> None:
    """Remove numbers older than this."""
    await fetch("DELETE FROM search_tallies WHERE day < current_date - $1::int", kept.days)
