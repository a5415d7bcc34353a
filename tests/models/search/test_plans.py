"""How Postgres answers searches: by the index of words, or by walking down the scores, never by reading everything."""

import re
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from models.database import _LOOK_UPS, Database
from models.search.question import Ask, Place, Sort
from models.tables import search_match as matches
from models.tables.search_match import Query
from tests.models.search.conftest import Index

QUERY = Query(
    "'usdmug'",
    "'usd.mug'",
    "'usd.mug':*",
    "'usd^mug'",
    "'.mug'",
    "'.mug':*",
    "'^mug'",
    [(256, "'usd~~mug'"), (16, "'usd~mug'"), (4, "'usd~~~mug'")],
)


class Explained:
    """Stands where a database does, and has each statement explained as a hot read is planned."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.plans: list[str] = []

    async def fetch(self, sql: str, *arguments: object) -> Sequence[Any]:
        """No rows, one more plan."""
        settings = {**_LOOK_UPS, "random_page_cost": "1.1"}
        connection = await asyncpg.connect(self._url, server_settings=settings)
        await connection.execute(f"PREPARE asked AS {sql}")
        given = ", ".join(_literal(each) for each in arguments)
        rows = await connection.fetch(f"EXPLAIN EXECUTE asked({given})")
        self.plans.append("\n".join(row[0] for row in rows))
        await connection.close()
        return []


def _literal(value: object) -> str:
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(str, value))}]"
    quoted = str(value).replace("'", "''")
    return str(value) if isinstance(value, int | float) else f"'{quoted}'"


@pytest.mark.parametrize("sort", [Sort.RELEVANCE, Sort.PRICE])
async def test_every_search_uses_an_index(index: Index, database_url: str, sort: Sort) -> None:
    """Given some thousand rows, then each statement of a search finds its rows by one of the two indexes."""
    await index.put(*[await index.document(f"Mug {number}") for number in range(50)])
    async with index.database.writing_by_driver() as fetch:
        await fetch(
            "INSERT INTO search_documents SELECT generation, gen_random_uuid(), currency, words, ballast, head, score, "
            "amount, in_stock, on_sale, featured, rating, popularity, created_at, kinds, digest "
            "FROM search_documents, generate_series(1, 100)"
        )
        await fetch("ANALYZE search_documents")
    seen = Explained(database_url)
    database: Database = seen  # type: ignore[assignment]
    ask = Ask("mug", "usd", 21, sort=sort)
    further = Ask("mug", "usd", 21, sort=sort, after=Place(1000.5, next(iter(index.names))))
    for each in (ask, further):
        await matches.page(database, index.generation, each, QUERY)
        await matches.count(database, index.generation, each, QUERY)
        await matches.count(database, index.generation, each, QUERY, QUERY.samples[1])
        await matches.count(database, index.generation, each, QUERY, QUERY.samples[2], first=True)
        await matches.best(database, index.generation, each, QUERY, walk=True)
        await matches.best(database, index.generation, each, QUERY, walk=False)
        await matches.rest(database, index.generation, each, QUERY, 21)

    for plan in seen.plans:
        assert "Seq Scan on search_documents" not in plan, plan
        used = set(re.findall(r"ix_search_documents_(\w+)", plan))
        assert used, plan
    walked = [plan for plan in seen.plans if "ix_search_documents_score" in plan]
    assert len(walked) >= 4, "very many matches are found by walking down the scores"
