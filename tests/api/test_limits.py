"""Who asks too often is told when to come back; nobody gets more than the limit, whatever they pretend."""

import asyncio
import time
from collections import Counter
from types import SimpleNamespace
from typing import Annotated

import httpx
import msgspec
import pytest
from litestar import post
from litestar.params import JSONBody
from redis.asyncio import Redis

from api import app as wiring
from api.access import Access
from api.limits import Limit, Limits
from models import session
from models.ids import SessionId, new_id
from models.settings import api_settings
from tests.api.conftest import Api, StartApi


class Knock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An attempt at an account's door."""

    email: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    refresh_token: str | None = None


def door(limit: Limit) -> object:
    """A room with one door, that counts as `limit`."""

    @post(f"/knock/{limit.value}", operation_id=f"knock{limit.value}", access=Access.PUBLIC, limited=limit)
    async def knock(data: JSONBody[Knock]) -> None: ...

    return knock


@pytest.fixture(autouse=True)
def doors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every API of these tests has a door a limit."""
    monkeypatch.setattr(wiring, "ROOMS", (*wiring.ROOMS, SimpleNamespace(handlers=[door(limit) for limit in Limit])))


async def knock(api: Api, limit: Limit = Limit.LOGIN, seen: str = "", **body: str) -> httpx.Response:
    """Knock once; `seen`: what X-Forwarded-For says."""
    headers = {"X-Forwarded-For": seen} if seen else {}
    return await api.post(f"/api/v1/knock/{limit.value}", json=body or {"email": "ada@example.com"}, headers=headers)


def passed(answers: list[httpx.Response]) -> Counter[int]:
    """How many answers of each status."""
    return Counter(answer.status_code for answer in answers)


async def test_the_limit_is_told_on_every_answer(start_api: StartApi) -> None:
    """Given three a day, when four knock, then each is told what is left, and the fourth when to come back."""
    api = await start_api(RATE_LIMIT_LOGIN="3/day")
    for left in (2, 1, 0):
        answer = await knock(api)
        assert answer.status_code == 201
        assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Policy"]) == ("3", "3;w=86400")
        assert answer.headers["RateLimit-Remaining"] == str(left)
        assert 86000 <= int(answer.headers["RateLimit-Reset"]) <= 86400
    refused = await knock(api)
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["RateLimit-Remaining"] == "0"
    wait = int(refused.headers["Retry-After"])
    assert 86000 <= wait <= 86400
    assert refused.json()["code"] == "too_many_requests"
    assert refused.json()["facts"] == {"limit": "login", "most": 3, "seconds": 86400, "retry_after": wait}
    exposed = refused.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"RateLimit-Limit", "RateLimit-Policy", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"} <= set(
        exposed
    )


@pytest.mark.parametrize("limit", [limit for limit in Limit if limit is not Limit.UNCOUNTED])
async def test_each_door_counts_by_itself(start_api: StartApi, limit: Limit) -> None:
    """Given two a day at one door, then exactly two of ten at once pass there, and the other doors stay open."""
    api = await start_api(**{f"RATE_LIMIT_{limit.name}": "2/day"})
    assert passed(await asyncio.gather(*(knock(api, limit) for _ in range(10)))) == {201: 2, 429: 8}
    others = [other for other in Limit if other is not limit]
    assert passed(await asyncio.gather(*(knock(api, other) for other in others))) == {201: len(others)}


async def test_an_account_is_counted_wherever_they_come_from(start_api: StartApi) -> None:
    """Given forty addresses that try one account, then ten pass, in whatever case it is written; another is free."""
    api = await start_api(RATE_LIMIT_LOGIN="10/day", FORWARDED_HOPS="1")
    tries = [knock(api, seen=f"198.51.100.{n}", email="ada@EXAMPLE.com" if n % 2 else "ADA@example.com")
             for n in range(40)]  # fmt: skip
    assert passed(await asyncio.gather(*tries)) == {201: 10, 429: 30}
    assert (await knock(api, seen="198.51.100.1", email="bob@example.com")).status_code == 201


async def test_an_address_is_counted_whoever_it_tries(start_api: StartApi) -> None:
    """Given one address that tries forty accounts, then ten pass; and who is refused there takes nothing of an
    account's: it is still free from elsewhere.
    """
    api = await start_api(RATE_LIMIT_LOGIN="10/day", FORWARDED_HOPS="1")
    tries = [knock(api, seen="198.51.100.1", email=f"{n}@example.com") for n in range(40)]
    assert passed(await asyncio.gather(*tries)) == {201: 10, 429: 30}
    tries = [knock(api, seen="198.51.100.1", email="ada@example.com") for _ in range(20)]
    assert passed(await asyncio.gather(*tries)) == {429: 20}
    tries = [knock(api, seen=f"198.51.100.{n}", email="ada@example.com") for n in range(2, 12)]
    assert passed(await asyncio.gather(*tries)) == {201: 10}


async def test_a_body_that_names_no_account_is_not_an_attempt(start_api: StartApi) -> None:
    """Given bodies that are refused as invalid, then they are not counted as attempts."""
    api = await start_api(RATE_LIMIT_LOGIN="1/day")
    for body in ({"email": 7}, {"mail": "ada@example.com"}, {"email": "x" * 101}):
        assert (await api.post("/api/v1/knock/login", json=body)).status_code == 422
    assert (await knock(api)).status_code == 201


async def test_refreshes_are_counted_by_sign_in(start_api: StartApi, api_environment: dict[str, str]) -> None:
    """Given genuine refresh tokens of one sign-in, whatever their generation, then they are counted together; a forged
    one is counted for its address alone.
    """
    api = await start_api(RATE_LIMIT_REFRESH="3/day", FORWARDED_HOPS="1")
    key, born = api_environment["SECRET_KEY"].encode(), SessionId(new_id())
    tries = [
        knock(api, Limit.REFRESH, f"198.51.100.{n}", refresh_token=session.refresh_token(key, born, n))
        for n in range(10)
    ]
    assert passed(await asyncio.gather(*tries)) == {201: 3, 429: 7}
    forged = session.refresh_token(b"f" * 32, born, 1)
    tries = [knock(api, Limit.REFRESH, f"203.0.113.{n}", refresh_token=forged) for n in range(10)]
    assert passed(await asyncio.gather(*tries)) == {201: 10}


async def test_the_window_passes(start_api: StartApi) -> None:
    """Given three a second, then no four pass within any second, and after each three more do."""
    api = await start_api(RATE_LIMIT_LOGIN="3/second")
    began: list[float] = []
    ended: list[float] = []
    async with asyncio.timeout(60):
        while len(ended) < 9:
            at = time.time()
            if (await knock(api)).status_code == 201:
                began.append(at)
                ended.append(time.time())
            await asyncio.sleep(0.01)
    assert all(later - earlier > 1 for earlier, later in zip(began, ended[3:], strict=False))


async def test_two_processes_count_together(start_api: StartApi) -> None:
    """Given two APIs on one Redis, when forty attempts arrive at once, then exactly ten pass; the general limit too."""
    settings = {"RATE_LIMIT_LOGIN": "10/day", "RATE_LIMIT_GENERAL": "100/day"}
    one, two = await start_api(**settings), await start_api(**settings)
    answers = await asyncio.gather(*(knock(api) for _ in range(20) for api in (one, two)))
    assert passed(answers) == {201: 10, 429: 30}
    reads = [api.get("/api/v1/cart") for _ in range(50) for api in (one, two)]
    assert passed(await asyncio.gather(*reads)) == {200: 60, 429: 40}


async def test_the_general_limit_is_a_session_s(start_api: StartApi) -> None:
    """Given twenty a day, then exactly twenty of a sign-in's thirty requests pass, and another one's, and those of an
    address without any; a token that is no good counts for its address.
    """
    api = await start_api(RATE_LIMIT_GENERAL="20/day")
    for headers in (await api.sign_in(), await api.sign_in()):
        answers = await asyncio.gather(*(api.get("/api/v1/cart", headers=headers) for _ in range(30)))
        assert passed(answers) == {200: 20, 429: 10}
        assert {answer.json()["facts"]["limit"] for answer in answers if answer.status_code == 429} == {"general"}
    bad = [api.get("/api/v1/cart", headers={"Authorization": "Bearer x.y.z"}) for _ in range(15)]
    assert passed(await asyncio.gather(*bad)) == {401: 15}
    answers = [await api.get("/api/v1/cart") for _ in range(15)]
    assert passed(answers) == {200: 5, 429: 10}
    assert [answer.headers["RateLimit-Remaining"] for answer in answers[:7]] == ["4", "3", "2", "1", "0", "0", "0"]
    assert (await api.get("/health")).status_code == 200
    assert (await api.post("/api/v1/knock/uncounted", json={})).status_code == 201


async def test_a_block_is_asked_for_once(
    redis_url: str, api_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given 600 a day, then Redis is asked for thirty permits at the first request, and again at the 31st."""
    moment = time.time()
    monkeypatch.setattr("api.limits.time.time", lambda: moment)  # a day may end just now
    redis = Redis.from_url(redis_url)
    limits = Limits(redis, api_settings({**api_environment, "RATE_LIMIT_GENERAL": "600/day"}))
    alone, taken = SessionId(new_id()), []
    for _ in range(61):
        await limits.pass_by({}, alone)
        (key,) = [key async for key in redis.scan_iter(f"*{alone.hex}*")]
        taken.append(int(await redis.get(key) or 0))
    assert taken == [30] * 30 + [60] * 30 + [90]
    await limits.close()
    await redis.aclose()


async def test_a_header_can_be_made_up(start_api: StartApi) -> None:
    """Given no trusted proxy, then what X-Forwarded-For says changes nothing; given one, only its last entry counts."""
    api = await start_api(RATE_LIMIT_LOGIN="3/day")
    tries = [knock(api, seen=f"198.51.100.{n}", email=f"{n}@example.com") for n in range(10)]
    assert passed(await asyncio.gather(*tries)) == {201: 3, 429: 7}
    behind = await start_api(RATE_LIMIT_LOGIN="3/day", FORWARDED_HOPS="1")
    tries = [knock(behind, seen=f"198.51.100.{n}, 203.0.113.7", email=f"x{n}@example.com") for n in range(10)]
    assert passed(await asyncio.gather(*tries)) == {201: 3, 429: 7}


@pytest.mark.parametrize(
    ("hops", "header", "address"),
    [
        (0, "198.51.100.1", "192.0.2.1"), (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (2, "6.6.6.6, 198.51.100.1, 10.0.0.1", "198.51.100.1"), (3, "198.51.100.1", "198.51.100.1"),
        (1, "198.51.100.1:4711", "198.51.100.1"), (1, "[2001:db8:1:2:3::4]:443", "2001:db8:1:2::/64"),
        (1, "2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"), (1, "::ffff:198.51.100.1", "198.51.100.1"),
        (1, "unknown", "192.0.2.1"), (1, "", "192.0.2.1"), (1, "\u00ff\u0000", "192.0.2.1"),
    ],
)  # fmt: skip
async def test_whom_a_request_comes_from(
    api_environment: dict[str, str], redis_url: str, hops: int, header: str, address: str
) -> None:
    """Given so many proxies, then it is the entry that the outermost of them added; a network for IPv6."""
    redis = Redis.from_url(redis_url)
    limits = Limits(redis, api_settings({**api_environment, "FORWARDED_HOPS": str(hops)}))
    scope = {"client": ("192.0.2.1", 4711), "headers": [(b"x-forwarded-for", header.encode("latin-1"))]}
    assert limits.address(scope) == address
    await limits.close()
    await redis.aclose()


async def test_without_redis_nobody_guesses(start_api: StartApi) -> None:
    """Given a Redis that is away, then attempts at an account answer 503, while reads and refreshes go on."""
    api = await start_api(REDIS_URL="redis://127.0.0.1:9/0", RATE_LIMIT_GENERAL="2/day", RATE_LIMIT_REFRESH="2/day")
    for limit in (Limit.REGISTER, Limit.LOGIN, Limit.FORGOT, Limit.OTP, Limit.GIFT_CARD):
        answer = await knock(api, limit)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.json()["facts"] == {"neighbour": "redis"}
        assert int(answer.headers["Retry-After"]) >= 1
    assert passed([await api.get("/api/v1/cart") for _ in range(5)]) == {200: 5}
    assert passed([await knock(api, Limit.REFRESH) for _ in range(5)]) == {201: 5}


async def test_limits_can_be_switched_off(start_api: StartApi) -> None:
    """Given `off`, then everybody passes and nothing is told."""
    api = await start_api(RATE_LIMIT_GENERAL="off", RATE_LIMIT_LOGIN="off")
    answers = await asyncio.gather(*(knock(api) for _ in range(50)))
    assert passed(answers) == {201: 50}
    assert "RateLimit-Limit" not in answers[0].headers


async def test_a_password_is_guessed_at_two_doors(start_api: StartApi) -> None:
    """Given three a day, then sign-ins and changes of the password are counted together: both are guesses."""
    api = await start_api(RATE_LIMIT_LOGIN="3/day", FORWARDED_HOPS="1")
    person = {"email": "ada@example.com", "password": "a spoon of Sugar 7 times"}
    mine = (await api.post("/api/v1/auth/register", json=person)).json()
    assert (await api.post("/api/v1/auth/login", json=person, headers={"X-Forwarded-For": "198.51.100.1"})).is_success
    guess = {"current_password": "not this one either", "new_password": "a cup of Salt, 11 times"}
    statuses = []
    for n in range(2, 6):
        headers = {"Authorization": f"Bearer {mine['access_token']}", "X-Forwarded-For": f"198.51.100.{n}"}
        statuses.append((await api.post("/api/v1/auth/password/change", json=guess, headers=headers)).status_code)
    assert statuses == [422, 422, 429, 429]
    last = await api.post("/api/v1/auth/login", json=person, headers={"X-Forwarded-For": "198.51.100.9"})
    assert last.status_code == 429
