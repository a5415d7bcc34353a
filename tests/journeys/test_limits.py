"""Two API processes on one Redis let pass together what one alone would."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from dev.parts import PARTS
from dev.stack import embedded
from models.roles import Role
from tests import people
from tests.premises import House

PASSWORD = "a spoon of Sugar, 7 times"
LIMITS = {"RATE_LIMIT_LOGIN": "10/day", "RATE_LIMIT_GENERAL": "200/day", "FORWARDED_HOPS": "1"}


@pytest.fixture(scope="module")
def addresses(shared_house: House) -> Iterator[list[str]]:
    """Two more API processes of the house, with limits that can be reached, and the patience to count."""
    with ExitStack() as running:
        usual = PARTS["api"].argv
        patient = replace(PARTS["api"], argv=lambda site: [*usual(site)[:-1], "tests.journeys.patient:create_app"])
        running.enter_context(pytest.MonkeyPatch.context()).setitem(PARTS, "api", patient)
        given = {**shared_house.environment, **LIMITS}
        yield [running.enter_context(embedded({"api"}, given=given)).urls["api"] + "/api/v1" for _ in range(2)]


@pytest.fixture
async def doors(addresses: list[str]) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each."""
    async with AsyncExitStack() as open_ones:
        yield [await open_ones.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60)) for url in addresses]


async def statuses(*requests: "asyncio.Future[httpx.Response]") -> Counter[int]:
    """Send them all at once; how often each status came."""
    return Counter(answer.status_code for answer in await asyncio.gather(*requests))


async def test_sign_ins_are_counted_together(doors: list[httpx.AsyncClient], house: House) -> None:
    """Given ten a day, when forty try one account at once through both, from forty addresses, then exactly ten are
    compared with its password; whoever comes later is refused at either, the right password or not.
    """
    email = f"{uuid4().hex}@example.com"
    async with house.client() as client:
        opened = await client.post("/auth/register", json={"email": email, "password": PASSWORD})
        assert opened.status_code == 201, opened.text
    tries = [
        asyncio.ensure_future(
            door.post("/auth/login", json={"email": email, "password": f"guess number {n} of many"},
                      headers={"X-Forwarded-For": f"198.51.{100 + which}.{n}"})
        )
        for n in range(20) for which, door in enumerate(doors)
    ]  # fmt: skip
    assert await statuses(*tries) == {401: 10, 429: 30}
    for door in doors:
        late = await door.post("/auth/login", json={"email": email, "password": PASSWORD},
                               headers={"X-Forwarded-For": "203.0.113.9"})  # fmt: skip
        assert (late.status_code, late.json()["facts"]["limit"]) == (429, "login")
        assert 0 < int(late.headers["Retry-After"]) <= 86400


async def test_requests_of_a_sign_in_are_counted_together(doors: list[httpx.AsyncClient], house: House) -> None:
    """Given two hundred a day, when five hundred requests of one sign-in come through both, then exactly 200 pass."""
    database = house.database()
    async with database.writing() as writer:
        mine = await people.signed_in(writer, house.environment["SECRET_KEY"].encode(), Role.CUSTOMER)
    await database.close()
    passed: Counter[int] = Counter()
    for _ in range(10):
        reads = [asyncio.ensure_future(door.get("/cart", headers=mine)) for _ in range(25) for door in doors]
        passed += await statuses(*reads)
    assert passed == {200: 200, 429: 300}
