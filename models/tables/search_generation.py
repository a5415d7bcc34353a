"""Which generation of the search index is searched, and which one is being built to take its place.

A generation is a whole index. Changes go to the living one and to one that is being built; the swap is one statement.
"""

from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from models.database import Database, Fetch
from models.tables.base import metadata, now_column

search_generations = sa.Table(
    "search_generations", metadata,
    sa.Column("number", sa.Integer, sa.Identity(always=True), primary_key=True),
    sa.Column("engine", sa.Text, nullable=False, comment="`postgres` or `meilisearch`"),
    sa.Column("status", sa.Text, nullable=False),
    now_column("opened_at"),
    sa.Column("live_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("status IN ('building', 'live', 'retired')", name="status_known"),
    sa.Index("uq_search_generations_status", "status", unique=True, postgresql_where=sa.text("status <> 'retired'")),
)  # fmt: skip

INDEXING = 4823
"""Advisory lock of whoever writes to the index: one at a time, so that its versions are seen in their order."""


class Generations(NamedTuple):
    """What there is."""

    live: int | None
    building: int | None
    retired: list[int]


async def known(database: Database, engine: str) -> Generations:
    """Generations of one engine."""
    rows = await database.fetch(
        "SELECT number, status FROM search_generations WHERE engine = $1 ORDER BY number", engine
    )
    by_status: dict[str, list[int]] = {"live": [], "building": [], "retired": []}
    for number, status in rows:
        by_status[status].append(number)
    return Generations(
        by_status["live"][0] if by_status["live"] else None,
        by_status["building"][0] if by_status["building"] else None,
        by_status["retired"],
    )


async def open_first(fetch: Fetch, engine: str) -> int | None:
    """A living generation for an engine that has none, with every product noted as changed; None: it has one.

    Another engine's are retired: it follows no longer.
    """
    await fetch("SELECT pg_advisory_xact_lock($1)", INDEXING)
    if await fetch("SELECT FROM search_generations WHERE engine = $1 AND status = 'live'", engine):
        return None
    await fetch("UPDATE search_generations SET status = 'retired' WHERE status <> 'retired'")
    [row] = await fetch(
        "INSERT INTO search_generations (engine, status, live_at) VALUES ($1, 'live', now()) RETURNING number", engine
    )
    await fetch("INSERT INTO catalogue_changes (reader, product_id) SELECT 'search', id FROM products")
    return int(row["number"])


async def begin(fetch: Fetch, engine: str) -> int:
    """The number of the generation that is being built; one that somebody left half built is retired."""
    await fetch("SELECT pg_advisory_xact_lock($1)", INDEXING)
    await fetch("UPDATE search_generations SET status = 'retired' WHERE status = 'building'")
    [row] = await fetch(
        "INSERT INTO search_generations (engine, status) VALUES ($1, 'building') RETURNING number", engine
    )
    return int(row["number"])


async def swap(fetch: Fetch, number: int) -> bool:
    """Search in this generation from now on. Whether it is searched now; False: it was retired meanwhile."""
    await fetch("SELECT pg_advisory_xact_lock($1)", INDEXING)
    if not await fetch("SELECT FROM search_generations WHERE number = $1 AND status <> 'retired' FOR UPDATE", number):
        return False
    await fetch("UPDATE search_generations SET status = 'retired' WHERE status = 'live' AND number <> $1", number)
    await fetch(
        "UPDATE search_generations SET status = 'live', live_at = now() WHERE number = $1 AND status = 'building'",
        number,
    )
    return True


async def forget(fetch: Fetch, number: int) -> None:
    """A retired generation of which nothing is left."""
    await fetch("DELETE FROM search_generations WHERE number = $1 AND status = 'retired'", number)


class Index(msgspec.Struct, frozen=True):
    """How the search index stands."""

    engine: str
    generation: int | None
    """The one that is searched; null: there is none yet."""
    live_at: datetime | None
    """Since when."""
    building: int | None
    """The one that is being built; null: none is."""
    waiting: int
    """Changes that it has yet to follow."""
    oldest_waiting_at: datetime | None


_INDEX = """
SELECT (SELECT count(*) FROM catalogue_changes WHERE reader = 'search') AS waiting,
       (SELECT min(created_at) FROM catalogue_changes WHERE reader = 'search') AS oldest,
       (SELECT number FROM search_generations WHERE engine = $1 AND status = 'live') AS live,
       (SELECT live_at FROM search_generations WHERE engine = $1 AND status = 'live') AS live_at,
       (SELECT number FROM search_generations WHERE engine = $1 AND status = 'building') AS building
"""


async def index_of(database: Database, engine: str) -> Index:
    """What there is of one engine, and how far behind it is."""
    [row] = await database.fetch(_INDEX, engine)
    return Index(engine, row["live"], row["live_at"], row["building"], row["waiting"], row["oldest"])
