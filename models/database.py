"""The engine, and the two doors to it: `reading` for answers, `writing` for exactly one transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NewType

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from models import spans
from models.errors import Unavailable

Reader = NewType("Reader", AsyncConnection)
"""A connection that only reads."""
Writer = NewType("Writer", Reader)
"""A connection inside one transaction; wherever a Reader is asked for, it will do."""

Fetch = Callable[..., Awaitable[Sequence[Any]]]
"""Runs one statement, given its SQL and arguments, inside a transaction; its rows know their columns by name."""

_GONE = (ConnectionError, OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError,
         asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError,
         asyncpg.TooManyConnectionsError, asyncpg.QueryCanceledError,
         asyncpg.InternalClientError)  # the driver, told to go in the middle of something  # fmt: skip
_RETRY = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

_LOOK_UPS = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_memoize": "off"}
"""Hot reads are look-ups by index: planned once, not anew for each page (half the time of a product list)."""

_CHOICES = {"plan_cache_mode": "force_custom_plan", "enable_seqscan": "off"}
"""Where one value is met by five rows and another by fifty thousand, each is worth a plan of its own: some 0.2 ms."""

MOST_CHOICES = 4
"""Connections for those at most: they keep a processor busy, not a disk."""

STATEMENT_TIMEOUT = 5
"""Seconds. No statement of ours needs longer; a longer one waits for a lock and would only pile up."""
LONGEST = 60
"""Seconds for the few that turn over much of the shop at once, see `patiently`."""


class Database:
    """All connections of one process to Postgres, which connect when first used: a process starts without it.

    `longest`: seconds that a statement may take.
    """

    def __init__(self, url: str, *, size: int = 10, longest: int = STATEMENT_TIMEOUT) -> None:
        parsed = make_url(url)
        server_settings = {
            "statement_timeout": f"{longest}s", "application_name": "holdfast", "jit": "off",
            "random_page_cost": "1.1",  # memory and flash: our reads look a few rows up by index, never scan
        }  # fmt: skip
        self._dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        self._settings = server_settings
        self._size = size
        self._pools: dict[str, asyncpg.Pool] = {}
        self._opening = asyncio.Lock()
        self.engine: AsyncEngine = create_async_engine(
            parsed.set(drivername="postgresql+asyncpg"),
            pool_size=size,
            max_overflow=0,
            pool_timeout=5,
            pool_pre_ping=False,
            hide_parameters=True,  # an error is logged, and what a statement is about may be somebody's address
            connect_args={"server_settings": server_settings, "timeout": 5, "command_timeout": longest + 1},
        )
        if spans.collector:
            spans.collector.watch_engine(self.engine)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reader]:
        """A connection for reads. Raises: Unavailable when Postgres does not answer."""
        with _translated():
            async with self.engine.connect() as connection:
                yield Reader(connection)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Writer]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises: Unavailable when Postgres does not answer, or asks for another try.
        """
        with _translated():
            async with self.engine.begin() as connection:
                yield Writer(Reader(connection))

    async def fetch(self, sql: str, *arguments: object) -> list[Any]:
        """Rows of one hot, read-only statement, by the bare driver: about a third of the engine's cost a call."""
        with _translated():
            pool = self._pools.get("look-ups") or await self._open("look-ups")
            return await pool.fetch(sql, *arguments)  # type: ignore[no-any-return]

    async def fetch_planned(self, sql: str, *arguments: object) -> list[Any]:
        """Rows of one read whose best way depends on its arguments, as filters do: planned for these."""
        with _translated():
            pool = self._pools.get("choices") or await self._open("choices")
            return await pool.fetch(sql, *arguments)  # type: ignore[no-any-return]

    @asynccontextmanager
    async def writing_by_driver(self) -> AsyncIterator[Fetch]:
        """One transaction as `writing` draws it, for the hottest writes: by the bare driver, a third of the cost.

        Yields what runs a statement in it and answers its rows.
        """
        with _translated():
            pool = self._pools.get("look-ups") or await self._open("look-ups")
            async with pool.acquire() as connection, connection.transaction():
                yield connection.fetch

    @asynccontextmanager
    async def surveying(self) -> AsyncIterator[Fetch]:
        """All as it is at one moment, for the few reads that turn over much of the shop: each may take a minute.

        On a connection of its own, so that nobody waits for one meanwhile.
        """
        with _translated():
            connection = await asyncpg.connect(
                self._dsn, timeout=5, command_timeout=LONGEST + 1,
                server_settings={
                    **self._settings, "statement_timeout": f"{LONGEST}s", "plan_cache_mode": "force_custom_plan",
                },
            )  # fmt: skip
            try:
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    yield connection.fetch
            finally:
                await connection.close()

    async def _open(self, kind: str) -> asyncpg.Pool:
        async with self._opening:  # a burst of first reads must not open a pool each
            if kind not in self._pools:
                how, most = (_LOOK_UPS, self._size) if kind == "look-ups" else (_CHOICES, min(self._size, MOST_CHOICES))
                self._pools[kind] = await asyncpg.create_pool(
                    self._dsn, min_size=1, max_size=most, timeout=5, command_timeout=5,
                    server_settings={**self._settings, **how}, reset=_keep,
                    init=spans.collector.watch_connection if spans.collector else None,
                )  # fmt: skip
            return self._pools[kind]

    async def close(self) -> None:
        """Hand every connection back."""
        await self.engine.dispose()
        for pool in self._pools.values():
            await pool.close()


async def _keep(_: object) -> None:
    """Hot reads leave nothing behind on a connection, so nothing needs a reset round trip."""


def fetching(writer: Writer) -> Fetch:
    """The same on a Writer, where a hot write is only one step of its transaction."""

    async def fetch(sql: str, *arguments: object) -> Sequence[Any]:
        return (await writer.exec_driver_sql(sql, arguments)).mappings().all()

    return fetch


async def apart(writer: Writer, work: Callable[[], Awaitable[object]]) -> Exception | None:
    """Do a part of a transaction that may fail without the rest: then nothing of it is done, and the error is returned.

    Raises: what says that the database itself cannot go on now; that concerns the whole.
    """
    try:
        async with writer.begin_nested():
            await work()
    except Exception as error:  # whatever is wrong with one of many does not hold up the others
        cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else error
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if lost or isinstance(cause, _GONE + _RETRY) or isinstance(error, (InterfaceError, PoolTimeoutError)):
            raise
        return error
    return None


async def patiently(writer: Writer, sql: str, *arguments: object) -> None:
    """Run one statement of a Writer's transaction that may take a minute: it moves rows by the ten thousand."""
    await writer.exec_driver_sql(f"SET LOCAL statement_timeout = '{LONGEST}s'")
    driver = (await writer.get_raw_connection()).driver_connection
    assert isinstance(driver, asyncpg.Connection)
    await driver.execute(sql, *arguments, timeout=LONGEST + 1)
    await writer.exec_driver_sql("SET LOCAL statement_timeout TO DEFAULT")


class _translated:
    """Turns the driver's many ways of saying "not now" into Unavailable; everything else passes."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else error
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise Unavailable("postgres", str(error.orig)) from error
        if isinstance(cause, _GONE + _RETRY) or isinstance(error, (OperationalError, InterfaceError, PoolTimeoutError)):
            raise Unavailable("postgres", f"{type(cause).__name__}: {cause}") from error


def upgrade(url: str) -> None:
    """Bring the schema of the database at `url` to the newest revision."""
    from alembic import command  # only the migration job needs Alembic
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = make_url(url).set(drivername="postgresql+asyncpg")
    command.upgrade(config, "head")
