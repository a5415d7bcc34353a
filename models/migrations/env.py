"""Runs migrations against the database named by DATABASE_URL or handed over by `models.database.upgrade`."""

import asyncio
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa
from alembic import context
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from models import tables
from models.settings import database_url
from models.tables.base import metadata

for word in Path(tables.__file__).parent.glob("[a-z]*.py"):
    import_module(f"models.tables.{word.stem}")


def run(connection: sa.Connection) -> None:
    """One migration at a time, however many deploy jobs start at once."""
    connection.execute(sa.text("SELECT pg_advisory_lock(4817)"))
    connection.execute(sa.text("SET lock_timeout = '4s'"))
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    url = context.config.attributes.get("url") or make_url(database_url()).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


asyncio.run(main())
