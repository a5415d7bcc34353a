"""Migrations: they make exactly the tables that the code describes, and lead down to nothing and up again."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from dev import postgres
from models import database
from models.tables import coupon, credit
from models.tables.base import metadata

MIGRATIONS = Path(database.__file__).parent / "migrations"
SHAPE = {
    "columns": """
        SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default,
               col_description((quote_ident(table_name))::regclass, ordinal_position)
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype <> 't'""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}
"""All that tells whether two databases have the same tables. Alembic's own check looks at no CHECK constraint."""


@pytest.fixture
def empty_url(parts: dict[str, str]) -> Iterator[str]:
    """A database without a single table."""
    url = postgres.fresh_database(parts["DATABASE_URL"], template="template0")
    yield url
    postgres.drop_database(url)


@pytest.fixture
def config(swept_url: str) -> Config:
    """Alembic as `python -m alembic` has it, on a migrated database."""
    return _config(swept_url)


def _config(url: str) -> Config:
    made = Config(stdout=io.StringIO())
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["url"] = make_url(url).set(drivername="postgresql+asyncpg")
    return made


def tables(url: str) -> list[str]:
    """Tables and functions there are, but for Alembic's own."""
    found = postgres.run_sql(
        url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' UNION "
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
    )  # fmt: skip
    return found.split()


def test_alembic_finds_nothing_to_migrate(config: Config) -> None:
    """Given a migrated database, then Alembic sees no difference between it and the tables in the code."""
    command.check(config)


def test_migrations_lead_down_and_up_again(empty_url: str) -> None:
    """Given an empty database, when migrated up, down and up again, then nothing is left behind in between."""
    database.upgrade(empty_url)
    first = tables(empty_url)
    command.downgrade(_config(empty_url), "base")
    assert tables(empty_url) == []
    database.upgrade(empty_url)
    assert tables(empty_url) == first
    assert {*metadata.tables, "coupons_of_cart", "gift_cards_of_cart", "refuse_edit", "relist"} <= set(first)
    database.upgrade(empty_url)


@pytest.mark.parametrize(
    ("name", "told"), [("coupons_of_cart", coupon.OF_CART), ("gift_cards_of_cart", credit.OF_CART)]
)
def test_the_function_is_the_one_that_the_code_tells(swept_url: str, name: str, told: str) -> None:
    """Given a migrated database, then the functions that a cart is read with are those that the code shows."""
    body = postgres.run_sql(swept_url, f"SELECT prosrc FROM pg_proc WHERE proname = '{name}'")
    assert body.strip() == told.strip()


async def test_migrations_make_what_the_code_describes(empty_url: str, swept_url: str) -> None:
    """Given one database made by migrations and one from the code, then columns, checks, keys and indexes are equal."""
    seen: dict[str, dict[str, set[str]]] = {what: {} for what in SHAPE}
    for name, url, create in (("code", empty_url, True), ("migrations", swept_url, False)):
        engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
        async with engine.begin() as connection:
            if create:
                await connection.run_sync(metadata.create_all)
            for what, sql in SHAPE.items():
                rows = {str(tuple(row)) for row in await connection.execute(sa.text(sql)) if "alembic" not in row[0]}
                seen[what][name] = rows
        await engine.dispose()
    for by_name in seen.values():
        assert by_name["migrations"] - by_name["code"] == set()
        assert by_name["code"] - by_name["migrations"] == set()
        assert by_name["code"] != set()
