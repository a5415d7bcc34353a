"""Coming in and going out over HTTP: accounts, passwords, tokens that turn, and what a thief meets."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from api.auth import Registration
from api.context import digest
from models import clock
from models.database import Database
from models.ids import new_id
from models.session import ACCESS_LIFE, REFRESH_LIFE
from models.tables.session import MOST_AT_ONCE, sessions
from models.tables.user import users
from tests.api.conftest import Api, StartApi

AUTH = "/api/v1/auth"
PASSWORD = "correct horse battery staple"
ADA = {"email": "Ada@example.com", "password": PASSWORD}


@pytest.fixture
async def api(start_api: StartApi) -> Api:
    """The API for people in a hurry: its limits are other tests' business."""
    return await start_api(RATE_LIMIT_REGISTER="off", RATE_LIMIT_LOGIN="off")


async def register(api: Api, **changes: Any) -> dict[str, Any]:
    """A new account; what it was answered."""
    answer = await api.post(f"{AUTH}/register", json={**ADA, **changes})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def log_in(api: Api, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
    """Ada signs in, or tries to."""
    return await api.post(f"{AUTH}/login", json={**ADA, **changes}, headers=headers)


async def refresh(api: Api, token: str, key: str | None = None) -> httpx.Response:
    """New tokens for an old one."""
    headers = {"Idempotency-Key": key} if key else {}
    return await api.post(f"{AUTH}/token/refresh", json={"refresh_token": token}, headers=headers)


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    """Headers of who holds these tokens."""
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def opens(api: Api, tokens: dict[str, Any]) -> bool:
    """Whether the access token opens the account."""
    answer = await api.get(f"{AUTH}/me", headers=bearer(tokens))
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


async def all_sessions(database: Database) -> list[tuple[int, str | None]]:
    """Generation and why it ended, oldest first."""
    found = await database.fetch("SELECT generation, revoked_for FROM sessions ORDER BY id")
    return [tuple(row) for row in found]


async def everything(database: Database) -> list[tuple[Any, ...]]:
    """Every account and session as it stands, to show that nothing moved."""
    kept = await database.fetch("SELECT * FROM users ORDER BY id")
    return [tuple(row) for row in (*kept, *await database.fetch("SELECT * FROM sessions ORDER BY id"))]


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code."""
    return answer.status_code, answer.json()["code"]


# -- registering -----------------------------------------------------------------------------------------------------


async def test_registering_signs_in(api: Api, database: Database) -> None:
    """Given a new address, then 201 with the profile as sent, tokens that open it, and no password anywhere."""
    answer = await register(
        api, first_name="Ada", last_name="Lovelace", phone="+44 20 1", locale="en-gb", marketing_consent=True
    )
    user = answer["user"]
    assert {**user, "id": 0, "created_at": 0, "marketing_consent_at": 0} == {
        "id": 0, "email": "Ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "phone": "+44 20 1",
        "roles": ["customer"], "locale": "en-GB", "marketing_consent": True, "marketing_consent_at": 0,
        "created_at": 0, "last_login_at": None, "archived_at": None,
    }  # fmt: skip
    assert (answer["expires_in"], answer["token_type"]) == (900, "Bearer")
    assert (await api.get(f"{AUTH}/me", headers=bearer(answer))).json() == user
    [row] = await database.fetch("SELECT password_hash, marketing_consent_at FROM users")
    assert row["password_hash"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert abs(row["marketing_consent_at"] - clock.now()) < timedelta(minutes=1)
    assert await all_sessions(database) == [(1, None)]


async def test_only_what_is_asked_for_is_needed(api: Api) -> None:
    """Given no more than address and password, then the rest is empty, English and without consent."""
    user = (await register(api))["user"]
    assert (user["first_name"], user["last_name"], user["phone"], user["locale"]) == (None, None, None, "en")
    assert (user["marketing_consent"], user["marketing_consent_at"]) == (False, None)


@pytest.mark.parametrize(
    ("browser", "said", "locale"),
    [("fr-CH, en;q=0.5", {}, "fr-CH"), ("ja", {}, "en"), ("fr", {"locale": "de-at"}, "de-AT"), ("\xff;;q=", {}, "en")],
)
async def test_an_account_begins_in_the_language_of_its_browser(
    api: Api, browser: str, said: dict[str, str], locale: str
) -> None:
    """Given a registration, then its language is what it says, else what the browser asks for, if it is ours."""
    body = {"email": "ada@example.com", "password": "seven purple elephants", **said}
    headers = {b"Accept-Language": browser.encode("latin-1")}
    answer = await api.client.post(f"{AUTH}/register", json=body, headers=headers)
    assert (answer.status_code, answer.json()["user"]["locale"]) == (201, locale)


@pytest.mark.parametrize("address", ["Ada@example.com", "ada@EXAMPLE.com"])
async def test_an_address_is_taken_once(api: Api, database: Database, address: str) -> None:
    """Given an account, when its address comes again in whatever case, then 409, and nothing moved."""
    await register(api)
    before = await everything(database)
    answer = await api.post(f"{AUTH}/register", json={"email": address, "password": "another good password"})
    assert refused(answer) == (409, "email_taken")
    assert await everything(database) == before


async def test_of_two_registrations_at_once_one_wins(api: Api, database: Database) -> None:
    """Given five people with one address at the same time, then one has an account and four are told it is taken."""
    answers = await asyncio.gather(
        *(api.post(f"{AUTH}/register", json={**ADA, "first_name": f"Ada {n}"}) for n in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    won = next(answer.json()["user"] for answer in answers if answer.status_code == 201)
    assert [row["first_name"] for row in await database.fetch("SELECT first_name FROM users")] == [won["first_name"]]
    assert await all_sessions(database) == [(1, None)]


@pytest.mark.parametrize(
    ("password", "reason"),
    [("short 1", "too_short"), ("x" * 64 + "y z" * 22, "too_long"), ("Password1", "common"),
     ("ada@example.com", "personal"), ("", "too_short")],
)  # fmt: skip
async def test_a_password_that_will_not_do(api: Api, database: Database, password: str, reason: str) -> None:
    """Given a password that somebody would guess, then 422 with the reason, and there is no account."""
    answer = await api.post(f"{AUTH}/register", json={**ADA, "password": password})
    assert refused(answer) == (422, "password_unacceptable")
    assert answer.json()["facts"] == {"reason": reason, "shortest": 8, "longest": 128}
    assert await everything(database) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "ada"), ("email", "ada@example.com\n"), ("email", "a,b@example.com"), ("email", "ada\0@example.com"),
     ("email", "a" * 250 + "@example.com"), ("first_name", "A\0da"), ("first_name", ""), ("phone", "call me"),
     ("locale", "English"), ("locale", "en_GB"), ("locale", ""), ("password", 12345678), ("password", "x" * 1025),
     ("roles", ["admin"]), ("marketing_consent", "yes")],
)  # fmt: skip
async def test_what_is_no_registration(api: Api, database: Database, field: str, value: Any) -> None:
    """Given a field that cannot be, then 422 names it, and there is no account."""
    answer = await api.post(f"{AUTH}/register", json={**ADA, field: value})
    assert refused(answer) == (422, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}"]
    assert await everything(database) == []


@pytest.mark.parametrize(
    "password", ["pass word with blanks ", "пароль-секрет", "🦄🌈🍕🚀🎸🎈🐙🌵", "tab\tand\0null", "ａｂｃｄｅｆｇｘ９"]
)
async def test_any_characters_make_a_password(api: Api, password: str) -> None:
    """Given blanks, umlauts, emoji or worse, then they register and sign in, and what differs by one does not."""
    await register(api, password=password)
    assert (await log_in(api, password=password)).status_code == 200
    assert refused(await log_in(api, password=password + "x")) == (401, "credentials_wrong")


async def test_one_password_from_two_keyboards(api: Api) -> None:
    """Given an accent sent as one character, when it comes as letter and accent, then it is the same password."""
    await register(api, password="caf\u00e9 au lait")
    assert (await log_in(api, password="cafe\u0301 au lait")).status_code == 200


# -- signing in ------------------------------------------------------------------------------------------------------


async def test_signing_in(api: Api, database: Database) -> None:
    """Given the address in another case and the password, then 200 with tokens of a session of its own."""
    first = await register(api)
    answer = await log_in(api, email="ADA@example.com", headers={"User-Agent": "Browser/1.0"})
    assert answer.status_code == 200
    second = answer.json()
    assert second["user"]["id"] == first["user"]["id"]
    assert abs(datetime.fromisoformat(second["user"]["last_login_at"]) - clock.now()) < timedelta(minutes=1)
    assert second["refresh_token"] != first["refresh_token"]
    assert [await opens(api, tokens) for tokens in (first, second)] == [True, True]
    assert await all_sessions(database) == [(1, None), (1, None)]


@pytest.mark.parametrize("who", ["wrong password", "unknown address", "closed", "without a password", "other case"])
async def test_one_answer_to_whoever_may_not_in(api: Api, database: Database, who: str) -> None:
    """Given a wrong password, an unknown address or a closed account, then the answer is the same to the letter."""
    await register(api)
    async with database.writing() as writer:
        if who == "closed":
            await writer.execute(sa.update(users).values(archived_at=clock.now()))
        if who == "without a password":
            await writer.execute(sa.update(users).values(password_hash=None))
    before = await everything(database)
    changes = {
        "wrong password": {"password": "wrong horse"}, "unknown address": {"email": "bob@example.com"},
        "other case": {"password": PASSWORD.upper()},
    }.get(who, {})  # fmt: skip
    answer = await api.post(f"{AUTH}/login", json={**ADA, **changes})
    assert answer.json() == {
        "type": "urn:holdfast:problem:credentials_wrong", "title": "Credentials wrong", "status": 401,
        "detail": "There is no account with this address and this password.", "code": "credentials_wrong", "facts": {},
    }  # fmt: skip
    assert await everything(database) == before


async def test_an_unknown_address_takes_as_long(api: Api, record_property: Any) -> None:
    """Given wrong passwords and unknown addresses in turn, then neither takes thrice the other's time.

    The least of each is compared: whatever else the machine does makes an answer later, never earlier.
    """
    await register(api)
    took: dict[str, list[float]] = {"ada@example.com": [], "bob@example.com": []}
    for _ in range(7):
        for email, times in took.items():
            began = perf_counter()
            assert (await log_in(api, email=email, password="wrong horse")).status_code == 401
            times.append(perf_counter() - began)
    known, unknown = (min(times) for times in took.values())
    record_property(
        "measured", f"a wrong password takes {known * 1000:.0f} ms, an unknown address {unknown * 1000:.0f}"
    )
    assert 1 / 3 < known / unknown < 3


async def test_a_password_kept_with_old_parameters_is_hashed_anew(api: Api, database: Database) -> None:
    """Given a hash of weaker parameters, when its owner signs in twice at once, then both are in and it is today's."""
    await register(api)
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    async with database.writing() as writer:
        await writer.execute(sa.update(users).values(password_hash=weak))
    assert [answer.status_code for answer in await asyncio.gather(log_in(api), log_in(api))] == [200, 200]
    [row] = await database.fetch("SELECT password_hash FROM users")
    assert "m=65536,t=3,p=4" in row["password_hash"]
    assert (await log_in(api)).status_code == 200


async def test_sign_ins_live_side_by_side_up_to_a_number(api: Api, database: Database) -> None:
    """Given as many sign-ins as there may be, when one more comes, then the one that rested longest is ended."""
    first = await register(api)
    async with database.writing() as writer:
        [row] = await database.fetch("SELECT id, user_id FROM sessions")
        await writer.execute(
            sa.insert(sessions),
            [{"id": new_id(), "user_id": row["user_id"], "expires_at": clock.now() + REFRESH_LIFE}
             for _ in range(MOST_AT_ONCE - 1)],
        )  # fmt: skip
    assert (await log_in(api)).status_code == 200
    assert not await opens(api, first)
    ended = await database.fetch("SELECT id, revoked_for FROM sessions WHERE revoked_at IS NOT NULL")
    assert [tuple(each) for each in ended] == [(row["id"], "crowded_out")]


# -- refreshing ------------------------------------------------------------------------------------------------------


async def test_a_refresh_turns_both_tokens(api: Api, database: Database) -> None:
    """Given a refresh token, then the next two tokens open the account, and the session lives seven days from now."""
    first = await register(api)
    async with database.writing() as writer:
        await writer.execute(sa.update(sessions).values(expires_at=clock.now() + timedelta(minutes=1)))
    answer = await refresh(api, first["refresh_token"])
    assert answer.status_code == 200
    second = answer.json()
    assert second["user"] == first["user"]
    assert second["refresh_token"] != first["refresh_token"]
    assert await opens(api, second)
    assert await all_sessions(database) == [(2, None)]
    [row] = await database.fetch("SELECT expires_at FROM sessions")
    assert abs(row["expires_at"] - clock.now() - REFRESH_LIFE) < timedelta(minutes=1)
    assert (await refresh(api, second["refresh_token"])).status_code == 200


async def test_a_token_that_comes_twice_ends_the_session(api: Api, database: Database) -> None:
    """Given a token used before, then it is refused, and every token of that session dies at once; others live."""
    first, other = await register(api), (await log_in(api)).json()
    second = (await refresh(api, first["refresh_token"])).json()
    assert refused(await refresh(api, first["refresh_token"])) == (401, "token_reused")
    assert [await opens(api, tokens) for tokens in (first, second, other)] == [False, False, True]
    assert refused(await refresh(api, second["refresh_token"])) == (401, "unauthorized")
    assert refused(await refresh(api, first["refresh_token"])) == (401, "token_reused")
    assert await all_sessions(database) == [(2, "token_reused"), (1, None)]


async def test_of_two_refreshes_at_once_one_wins_and_the_family_ends(api: Api, database: Database) -> None:
    """Given one token from two places at the same time, then one gets tokens, and neither can use any."""
    tokens = await register(api)
    answers = await asyncio.gather(*(refresh(api, tokens["refresh_token"]) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    assert not await opens(api, won)
    assert await all_sessions(database) == [(2, "token_reused")]


async def test_a_lost_answer_is_given_again_under_its_key(api: Api, database: Database) -> None:
    """Given a refresh under a key, when it is sent five times at once and again, then there is one answer, one turn."""
    tokens, key = await register(api), str(uuid4())
    answers = await asyncio.gather(*(refresh(api, tokens["refresh_token"], key) for _ in range(5)))
    answers.append(await refresh(api, tokens["refresh_token"], key))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert await all_sessions(database) == [(2, None)]
    assert await opens(api, answers[0].json())
    other = await refresh(api, answers[0].json()["refresh_token"], key)
    assert refused(other) == (422, "idempotency_key_reused")
    assert await all_sessions(database) == [(2, None)]


@pytest.mark.parametrize("ended", ["revoked", "expired", "closed"])
async def test_a_session_that_ended_is_not_refreshed(api: Api, database: Database, ended: str) -> None:
    """Given a session that was ended, ran out, or whose account is closed, then 401, and nothing moved."""
    tokens = await register(api)
    async with database.writing() as writer:
        past = clock.now() - timedelta(seconds=1)
        await writer.execute(
            {
                "revoked": sa.update(sessions).values(revoked_at=past, revoked_for="logout"),
                "expired": sa.update(sessions).values(expires_at=past),
                "closed": sa.update(users).values(archived_at=past),
            }[ended]
        )
    before = await everything(database)
    assert refused(await refresh(api, tokens["refresh_token"])) == (401, "unauthorized")
    assert await everything(database) == before


# -- the same request twice ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["register", "login"])
async def test_the_same_key_signs_in_once(api: Api, database: Database, operation: str) -> None:
    """Given one key, when the request comes three times at once, then there is one session and one answer."""
    if operation == "login":
        await register(api)
    before = len(await all_sessions(database))
    headers = {"Idempotency-Key": str(uuid4())}
    answers = await asyncio.gather(*(api.post(f"{AUTH}/{operation}", json=ADA, headers=headers) for _ in range(3)))
    assert len({answer.content for answer in answers}) == 1, [answer.text for answer in answers]
    assert answers[0].status_code == (201 if operation == "register" else 200)
    assert len(await all_sessions(database)) == before + 1
    other = await api.post(f"{AUTH}/{operation}", json={**ADA, "password": "another good one"}, headers=headers)
    assert other.status_code in (422, 401)
    assert len(await all_sessions(database)) == before + 1


async def test_what_is_kept_for_a_repeat_reveals_nothing(api: Api, database: Database) -> None:
    """Given answers kept under keys, then no token, address or plain hash of the body is in them."""
    headers = {"Idempotency-Key": "k"}
    first = (await api.post(f"{AUTH}/register", json=ADA, headers=headers)).json()
    second = (await refresh(api, first["refresh_token"], "k")).json()
    kept = str(
        [tuple(row) for row in await database.fetch("SELECT scope, digest, answer::text FROM idempotent_requests")]
    )
    for secret in (first["access_token"], first["refresh_token"], second["access_token"], second["refresh_token"]):
        assert secret not in kept
    assert "example.com" not in kept
    assert digest(Registration(ADA["email"], PASSWORD)) not in kept


async def test_no_password_is_written_into_the_log(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """Given passwords taken, refused, of the wrong kind and in a body that is none, then no line has one."""
    await register(api)
    await log_in(api)
    await log_in(api, password="the wrong secret")
    bodies: list[Any] = [
        {"json": {**ADA, "password": "secret1"}},
        {"json": {**ADA, "password": ["secret in a list"]}},
        {"json": {**ADA, "email": "secret@example.com", "passwort": "secret name"}},
        {"content": b'{"email": "a@example.com", "password": "secret cut sho'},
    ]
    for body in bodies:
        answer = await api.post(f"{AUTH}/register", **body)
        assert (answer.status_code in (400, 422), "secret" in answer.text) == (True, False)
    said = capsys.readouterr().out
    assert said.count("/auth/") >= 7
    assert PASSWORD not in said
    assert "secret" not in said


# -- verifying and going out -----------------------------------------------------------------------------------------


async def test_verify_says_whose_token_it_is_and_until_when(api: Api) -> None:
    """Given a good access token in body or header, then 200 with its account and its end; a dead one is 401."""
    tokens = await register(api)
    for request in ({"json": {"token": tokens["access_token"]}}, {"headers": bearer(tokens)}):
        answer = await api.post(f"{AUTH}/token/verify", **request)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["valid"], answer.json()["user"]) == (True, tokens["user"])
        until = datetime.fromisoformat(answer.json()["expires_at"]).astimezone(UTC)
        assert abs(until - clock.now() - ACCESS_LIFE) < timedelta(minutes=1)
    for body in ({}, {"token": tokens["refresh_token"]}, {"token": "x.y.z"}):
        assert refused(await api.post(f"{AUTH}/token/verify", json=body)) == (401, "unauthorized")
    assert refused(await api.post(f"{AUTH}/token/verify")) == (401, "unauthorized")
    await api.post(f"{AUTH}/logout", headers=bearer(tokens))
    answer = await api.post(f"{AUTH}/token/verify", json={"token": tokens["access_token"]})
    assert refused(answer) == (401, "unauthorized")


@pytest.mark.parametrize("by", ["access token", "refresh token", "both", "refresh token, access token expired"])
async def test_logout_ends_this_session_at_once(api: Api, database: Database, by: str) -> None:
    """Given either token, then 204, and its session's tokens are dead; the other sign-in lives. Twice is once."""
    mine, other = await register(api), (await log_in(api)).json()
    headers = bearer(mine) if by in ("access token", "both") else {}
    if "expired" in by:
        headers = {"Authorization": "Bearer x.y.z"}
    body = {} if by == "access token" else {"json": {"refresh_token": mine["refresh_token"]}}
    for _ in range(2):
        answer = await api.post(f"{AUTH}/logout", headers=headers, **body)  # type: ignore[arg-type]
        assert (answer.status_code, answer.content) == (204, b"")
    assert [await opens(api, tokens) for tokens in (mine, other)] == [False, True]
    assert refused(await refresh(api, mine["refresh_token"])) == (401, "unauthorized")
    assert await all_sessions(database) == [(1, "logout"), (1, None)]


async def test_logout_needs_a_token_of_ours(api: Api, database: Database) -> None:
    """Given no token or a stranger's invention, then 401, and every session lives."""
    await register(api)
    for request in ({}, {"headers": {"Authorization": "Bearer x.y.z"}}, {"json": {"refresh_token": "A" * 48}}):
        assert refused(await api.post(f"{AUTH}/logout", **request)) == (401, "unauthorized")  # type: ignore[arg-type]
    assert await all_sessions(database) == [(1, None)]
