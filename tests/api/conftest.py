"""The API in this process, on real rows, spoken to through ASGI; no order is placed here, so Temporal may be away."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from litestar import Litestar
from redis.asyncio import Redis

from api import app as wiring
from dev.stack import LIMITS_FAR_AWAY
from models.database import Database
from models.ids import UserId
from models.roles import Role
from models.settings import ApiSettings, api_settings
from tests import people, shop
from tests.models.swept import be_patient, database, database_url, swept_url
from tests.premises import own_redis

__all__ = ["database", "database_url", "swept_url"]

NOBODY = "127.0.0.1:9"
"""Nothing listens here."""
TRIES = 20
"""How often a route that says that a neighbour is away is asked again."""
DOWN_IS_AN_ANSWER = "/health/ready"
"""Says 503 when a neighbour is away, as one mostly is here."""


class Api:
    """A started API and a client of it."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient) -> None:
        self.app = app
        self.client = client
        self.get = client.get
        self.post = client.post
        self.patch = client.patch
        self.delete = client.delete

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The answer of a route that may need a neighbour who is late: a 503 says that asking again is the way."""
        answer = await self.client.request(method, path, **more)
        for _ in range(TRIES):
            if answer.status_code != 503 or path == DOWN_IS_AN_ANSWER:
                break
            await anyio.sleep(1)
            answer = await self.client.request(method, path, **more)
        return answer

    async def sign_in(self, *roles: Role, user: UserId | None = None) -> dict[str, str]:
        """The headers of somebody signed in: `user`, or somebody new with these roles."""
        house = self.app.state.house
        async with house.database.writing() as writer:
            return await people.signed_in(writer, house.settings.secret_key, *roles, user=user)

    async def shopper(self, *skus: str) -> dict[str, str]:
        """The headers of somebody with one unit of each in the cart."""
        headers: dict[str, str] = {}
        for sku in skus:
            cart = await self.post("/api/v1/cart/items", json={"sku": sku, "quantity": 1}, headers=headers)
            assert cart.status_code == 201, cart.text
            headers = {"Cart-Token": cart.json()["cart_token"]}
        return headers


async def everything(database: Database) -> dict[str, str]:
    """What every table holds, as one hash each; but for who of the staff has read what."""
    tables = await database.fetch(
        "SELECT table_name AS name FROM information_schema.tables "
        "WHERE table_schema='public' AND table_name <> 'audit_readings'"
    )
    found = {}
    for table in tables:
        rows = await database.fetch(f'SELECT t::text AS row FROM "{table["name"]}" t ORDER BY 1')
        found[table["name"]] = sha256(repr([row["row"] for row in rows]).encode()).hexdigest()
    return found


_BUILT: dict[tuple[str, int], Litestar] = {}
"""Applications that no test is using, by their settings and how many rooms they have, of which a test may add some:
building one costs more than most tests do, and whatever one opens is its lifespan's.
"""


@asynccontextmanager
async def started(settings: ApiSettings) -> AsyncIterator[Api]:
    """The API with its lifespan run as a server runs it: in a task of its own."""
    built = repr(settings), len(wiring.ROOMS)
    app = _BUILT.pop(built, None) or wiring.create_app(settings)
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outbox: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan"}, inbox.get, outbox.put))  # type: ignore[arg-type]
    await inbox.put({"type": "lifespan.startup"})
    assert (await outbox.get())["type"] == "lifespan.startup.complete"
    be_patient(app.state.house.database)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test", timeout=20) as client:
        yield Api(app, client)
    await inbox.put({"type": "lifespan.shutdown"})
    await life
    assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
    _BUILT[built] = app


@pytest.fixture
async def redis_url(parts: dict[str, str], worker_name: str) -> str:
    """An empty Redis database that no other test process uses."""
    url = own_redis(parts, worker_name, 8)
    redis = Redis.from_url(url)
    await redis.flushdb()
    await redis.aclose()
    return url


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures are kept, of all tests: the same for all, so that they can share an application."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture
def api_environment(
    parts: dict[str, str], database: Database, database_url: str, redis_url: str, media: Path
) -> dict[str, str]:
    """What the API reads, of a database that was swept before; Temporal is away."""
    for left in media.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return {
        "DATABASE_URL": database_url, "REDIS_URL": redis_url, "TEMPORAL_ADDRESS": NOBODY,
        "SECRET_KEY": "0123456789abcdef0123456789abcdef", "STRIPE_WEBHOOK_SECRET": "whsec_test",
        "MEDIA_DIR": str(media), **LIMITS_FAR_AWAY,
    }  # fmt: skip


StartApi = Callable[..., Awaitable[Api]]


@pytest.fixture
async def start_api(api_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StartApi]:
    """Starts an API with other settings than the usual.

    One process is all of the shop here: while it does something else it must not take Redis for dead.
    """
    monkeypatch.setattr("api.app.REDIS_PATIENCE", 10.0)
    monkeypatch.setattr("api.limits.ATTEMPT_PATIENCE", 10.0)
    async with AsyncExitStack() as running:

        async def start(**changes: str) -> Api:
            return await running.enter_async_context(started(api_settings({**api_environment, **changes})))

        yield start


@pytest.fixture
async def api(start_api: StartApi, database: Database) -> Api:
    """The API over an open shop with empty shelves."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
    return await start_api()
