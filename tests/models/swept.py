"""One migrated database for all tests of a worker, emptied before each: a tenth of the time that a fresh one takes."""

from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from dev import postgres
from models import tables
from models.database import Database, Writer
from models.tables.base import metadata
from models.tables.location import FIRST

for word in Path(tables.__path__[0]).glob("*.py"):
    import_module(f"models.tables.{word.stem}")
_SWEEP = (
    "SET LOCAL session_replication_role = replica; "
    + "; ".join(  # past the ledgers' triggers
        f"DELETE FROM {table.name}" for table in metadata.sorted_tables
    )
    + f"; {FIRST}"
)


@pytest.fixture(scope="session")
def swept_url(parts: dict[str, str]) -> Iterator[str]:
    """The database of this worker."""
    url = postgres.fresh_database(parts["DATABASE_URL"])
    yield url
    postgres.drop_database(url)


@pytest.fixture
def database_url(swept_url: str) -> str:
    """Instead of the root's database of one test alone."""
    return swept_url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The doors to it; all tables are there and empty."""
    opened = Database(database_url)
    be_patient(opened)
    async with opened.writing() as writer:
        await sweep(writer)
    yield opened
    await opened.close()


def be_patient(database: Database) -> None:
    """Have whoever finds all connections in use wait for a minute: a crowd is larger here than any process lets in,
    and a machine may be slow."""
    database.engine.pool._timeout = 60.0  # type: ignore[attr-defined]


async def sweep(writer: Writer) -> None:
    """Empty all tables, but for what the migrations themselves put into them."""
    connection = await writer.get_raw_connection()
    await connection.driver_connection.execute(_SWEEP)  # type: ignore[union-attr]
