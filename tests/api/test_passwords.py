"""A forgotten password over HTTP: what the code opens, and what nobody is told or given without it.

A worker writes the resets; here its activity does, so that these tests need no Temporal. The way through a running
house is in tests/journeys/test_letters.py.
"""

import asyncio
from datetime import timedelta
from time import perf_counter
from typing import Any

import httpx
import pytest
from temporalio.testing import ActivityEnvironment

from activities.passwords import OpenReset, PasswordActivities
from api.context import digest
from api.passwords import OtpBody, ResetBody
from models import clock, reset
from models.database import Database
from models.ids import ResetId, UserId, new_id
from models.password import Passwords
from models.tables import user as users
from tests import people
from tests.api.conftest import Api, StartApi

AUTH = "/api/v1/auth"
KEY = b"0123456789abcdef0123456789abcdef"
ADA = "ada@example.com"
OLD, NEW = "correct horse battery staple", "seven purple elephants in a boat"


@pytest.fixture
async def api(start_api: StartApi) -> Api:
    """The API for people in a hurry: its limits are other tests' business."""
    return await start_api(RATE_LIMIT_LOGIN="off", RATE_LIMIT_OTP="off", RATE_LIMIT_FORGOT="off")


@pytest.fixture
async def ada(api: Api, database: Database) -> UserId:
    """Somebody who had a password."""
    passwords = Passwords()
    kept = await passwords.hashed(OLD)
    passwords.close()
    async with database.writing() as writer:
        user = await people.account(writer, email=ADA)
        assert await users.set_password(writer, user, kept)
    return user


async def asked(database: Database, email: str = ADA) -> str:
    """Somebody asked for a code, and a worker wrote the reset; its code."""
    one = ResetId(new_id())
    step = PasswordActivities(database, KEY).open_reset
    await ActivityEnvironment().run(step, OpenReset(one, email, clock.now() + timedelta(hours=1)))
    return reset.code(KEY, one)


def wrong(code: str) -> str:
    """Another code."""
    return f"{(int(code) + 1) % 10**6:06}"


async def verify(api: Api, code: str, email: str = ADA, key: str | None = None) -> httpx.Response:
    """Send a code."""
    headers = {"Idempotency-Key": key} if key else {}
    return await api.post(f"{AUTH}/password/verify-otp", json={"email": email, "code": code}, headers=headers)


async def set_password(api: Api, token: str, password: str = NEW, key: str | None = None) -> httpx.Response:
    """Send a new password."""
    headers = {"Idempotency-Key": key} if key else {}
    body = {"reset_token": token, "password": password}
    return await api.post(f"{AUTH}/password/reset", json=body, headers=headers)


async def token_for(api: Api, database: Database) -> str:
    """A reset token of Ada's."""
    answer = await verify(api, await asked(database))
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["reset_token"]
    return found


async def signs_in(api: Api, password: str) -> bool:
    """Whether this is Ada's password."""
    answer = await api.post(f"{AUTH}/login", json={"email": ADA, "password": password})
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


async def everything(database: Database) -> list[tuple[Any, ...]]:
    """Accounts, sessions and letters as they stand, to show that nothing moved."""
    tables = ("users", "sessions", "outbox")
    return [tuple(row) for name in tables for row in await database.fetch(f"SELECT * FROM {name} ORDER BY id")]


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code."""
    return answer.status_code, answer.json()["code"]


async def test_a_code_opens_the_account_once_more(api: Api, database: Database, ada: UserId) -> None:
    """Given the code, then a token; with it a new password, every session ended, a letter, and nothing else changed."""
    mine = await api.sign_in(user=ada)
    before = dict((await database.fetch("SELECT * FROM users"))[0])
    code = await asked(database)

    answer = await verify(api, code, "ADA@Example.com")
    assert (answer.status_code, set(answer.json())) == (200, {"reset_token", "expires_in"})
    assert 590 <= answer.json()["expires_in"] <= 600
    assert (await api.get(f"{AUTH}/me", headers=mine)).status_code == 200
    done = await set_password(api, answer.json()["reset_token"])

    assert (done.status_code, done.json()) == (200, {"detail": "The password is set: sign in with it."})
    assert refused(await api.get(f"{AUTH}/me", headers=mine)) == (401, "unauthorized")
    assert [await signs_in(api, OLD), await signs_in(api, NEW)] == [False, True]
    after = dict((await database.fetch("SELECT * FROM users"))[0])
    assert {name for name in after if after[name] != before[name]} == {"password_hash", "updated_at", "last_login_at"}
    ended = await database.fetch("SELECT revoked_for FROM sessions WHERE revoked_at IS NOT NULL")
    assert [row["revoked_for"] for row in ended] == ["password_changed"]
    letters = await database.fetch("SELECT payload::jsonb ->> 'template' AS template, user_id FROM outbox ORDER BY id")
    assert [tuple(row) for row in letters] == [("password_reset", ada), ("password_changed", ada)]


async def test_neither_code_nor_token_stands_in_any_table(api: Api, database: Database, ada: UserId) -> None:
    """Given a code that was tried and used under request keys, then no row of any table has it, the token, or a hash
    that anybody could guess them or the password from."""
    code = await asked(database)
    token = (await verify(api, code, key="one")).json()["reset_token"]
    assert (await set_password(api, token, key="two")).status_code == 200
    names = [row["name"] for row in await database.fetch(
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
    )]  # fmt: skip
    rows = "\n".join([
        row["row"] for name in names for row in await database.fetch(f"SELECT t::text AS row FROM {name} t")
    ])  # fmt: skip
    assert token not in rows
    assert NEW not in rows
    assert f'"{code}"' not in rows and f",{code}," not in rows and f": {code}" not in rows
    for body in (OtpBody(ADA, code), ResetBody(token, NEW)):
        assert digest(body) not in rows  # anybody can compute it


@pytest.mark.parametrize("case", ["unknown", "not asked", "wrong", "late", "tried out", "used", "closed"])
async def test_one_answer_for_all_that_is_wrong(api: Api, database: Database, ada: UserId, case: str) -> None:
    """Given whatever is wrong, then the same 422 to the letter, and nothing moved."""
    email = "nobody@example.com" if case == "unknown" else ADA
    code = "000000" if case == "not asked" else await asked(database, email)
    changes = {
        "late": "UPDATE outbox SET settled_at = now() - interval '6 minutes'",
        "tried out": "UPDATE password_resets SET tries = 5",
        "used": "UPDATE password_resets SET used_at = now()",
        "closed": "UPDATE users SET archived_at = now()",
    }
    async with database.writing() as writer:
        if case in changes:
            await writer.exec_driver_sql(changes[case])
        if case == "closed":
            await writer.exec_driver_sql("DELETE FROM password_resets")
    if case == "closed":
        code = await asked(database)
    before = await everything(database)
    answer = await verify(api, wrong(code) if case == "wrong" else code, email)
    said = {**answer.json()}
    assert said == {
        "type": "urn:holdfast:problem:otp_wrong", "title": "Otp wrong", "status": 422, "code": "otp_wrong",
        "detail": "This code does not fit this address, or not any more: ask for a new one.", "facts": {},
    }  # fmt: skip
    assert await everything(database) == before


async def test_a_try_takes_as_long_for_every_address(
    api: Api, database: Database, ada: UserId, record_property: Any
) -> None:
    """Given an account, an address without one, and one that nobody asked for, then no answer stands out by its time.

    The least of each is compared: whatever else the machine does makes an answer later, never earlier.
    What is looked for is a missing commit or a missing query, not a microsecond.
    """
    codes = {ADA: await asked(database), "nobody@example.com": await asked(database, "nobody@example.com")}
    took: dict[str, list[float]] = {ADA: [], "nobody@example.com": [], "neverasked@example.com": []}
    for _ in range(60):
        for email, times in took.items():
            began = perf_counter()
            assert refused(await verify(api, wrong(codes.get(email, "000000")), email)) == (422, "otp_wrong")
            times.append(perf_counter() - began)
    least = {email: min(times) for email, times in took.items()}
    said = ", ".join(f"{email.partition('@')[0]} {seconds * 1000:.2f} ms" for email, seconds in least.items())
    record_property("measured", f"a wrong code is refused after: {said}")
    assert max(least.values()) < 2 * min(least.values())


async def test_five_wrong_codes_close_a_reset(api: Api, database: Database, ada: UserId) -> None:
    """Given five wrong codes, then the right one is refused as they were; a new reset has new tries."""
    code = await asked(database)
    for _ in range(5):
        assert refused(await verify(api, wrong(code))) == (422, "otp_wrong")
    assert refused(await verify(api, code)) == (422, "otp_wrong")
    assert (await verify(api, await asked(database))).status_code == 200


async def test_twenty_at_once_have_five_tries(api: Api, database: Database, ada: UserId) -> None:
    """Given twenty wrong codes at once, then all are refused and counted, and the right one comes too late."""
    code = await asked(database)
    answers = await asyncio.gather(*(verify(api, wrong(code)) for _ in range(20)))
    assert {refused(answer) for answer in answers} == {(422, "otp_wrong")}
    assert (await database.fetch("SELECT tries FROM password_resets"))[0]["tries"] == 20
    assert refused(await verify(api, code)) == (422, "otp_wrong")


async def test_of_twenty_right_codes_at_once_five_are_heard(api: Api, database: Database, ada: UserId) -> None:
    """Given the right code twenty times at once, then exactly five come within the five tries, all with one token."""
    code = await asked(database)
    answers = await asyncio.gather(*(verify(api, code) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [422] * 15
    assert len({answer.json()["reset_token"] for answer in answers if answer.status_code == 200}) == 1


async def test_a_replaced_code_opens_nothing(api: Api, database: Database, ada: UserId) -> None:
    """Given a second code, then the first one is wrong."""
    first, second = await asked(database), await asked(database)
    assert refused(await verify(api, first)) == (422, "otp_wrong")
    assert (await verify(api, second)).status_code == 200


async def test_a_token_sets_one_password(api: Api, database: Database, ada: UserId) -> None:
    """Given one token sent by five at once with five passwords, then one is set, and one letter tells so."""
    token = await token_for(api, database)
    passwords = [f"{NEW} {number}" for number in range(5)]
    answers = await asyncio.gather(*(set_password(api, token, each) for each in passwords))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422, 422]
    assert {refused(answer)[1] for answer in answers if answer.status_code == 422} == {"reset_token_invalid"}
    won = next(each for each, answer in zip(passwords, answers, strict=True) if answer.status_code == 200)
    assert await signs_in(api, won)
    rows = await database.fetch("SELECT 1 FROM outbox WHERE payload::jsonb ->> 'template' = 'password_changed'")
    assert len(rows) == 1


@pytest.mark.parametrize("case", ["forged", "nonsense", "never verified", "late", "replaced", "closed"])
async def test_a_token_that_is_not_good_sets_nothing(api: Api, database: Database, ada: UserId, case: str) -> None:
    """Given a token that was made up, came late, was replaced, or whose account is closed, then 422, nothing moved."""
    token = await token_for(api, database)
    if case == "replaced":
        await asked(database)
    statement = {
        "never verified": "UPDATE password_resets SET verified_at = NULL",
        "late": "UPDATE password_resets SET verified_at = now() - interval '11 minutes'",
        "closed": "UPDATE users SET archived_at = now()",
    }.get(case)
    if statement:
        async with database.writing() as writer:
            await writer.exec_driver_sql(statement)
    given = {"forged": reset.token(b"f" * 32, ResetId(new_id())), "nonsense": "🛒" * 60}.get(case, token)
    before = await everything(database)
    assert refused(await set_password(api, given)) == (422, "reset_token_invalid")
    assert await everything(database) == before


@pytest.mark.parametrize(
    ("password", "reason"),
    [("short 1", "too_short"), ("Password1", "common"), ("lovelace1", "personal"), ("ada@example.com", "personal")],
)
async def test_a_password_that_will_not_do_uses_nothing_up(
    api: Api, database: Database, ada: UserId, password: str, reason: str
) -> None:
    """Given a password that somebody would guess, then 422 with the reason, and the token is still good."""
    token = await token_for(api, database)
    before = await everything(database)
    answer = await set_password(api, token, password)
    assert (*refused(answer), answer.json()["facts"]["reason"]) == (422, "password_unacceptable", reason)
    assert await everything(database) == before
    assert (await set_password(api, token)).status_code == 200


async def test_a_repeated_request_is_answered_alike_and_done_once(api: Api, database: Database, ada: UserId) -> None:
    """Given requests sent twice under one key, then one answer and one try; with another body, 422."""
    code = await asked(database)
    wrongs = [await verify(api, wrong(code), key="a") for _ in range(8)]
    assert {refused(answer) for answer in wrongs} == {(422, "otp_wrong")}
    assert (await database.fetch("SELECT tries FROM password_resets"))[0]["tries"] == 1
    assert refused(await verify(api, code, key="a")) == (422, "idempotency_key_reused")

    rights = [await verify(api, code, key="b") for _ in range(8)]
    [token] = {answer.json()["reset_token"] for answer in rights}
    assert (await database.fetch("SELECT tries FROM password_resets"))[0]["tries"] == 2

    done = [await set_password(api, token, key="c") for _ in range(2)]
    assert [answer.status_code for answer in done] == [200, 200]
    assert refused(await set_password(api, token, f"{NEW}!", key="c")) == (422, "idempotency_key_reused")
    assert refused(await set_password(api, token, key="d")) == (422, "reset_token_invalid")
    assert await signs_in(api, NEW)


@pytest.mark.parametrize("key", [None, "one"])
async def test_without_temporal_every_address_is_asked_to_come_back(
    api: Api, database: Database, ada: UserId, key: str | None
) -> None:
    """Given Temporal away, then asking is 503 for whoever asks, and nothing is half done."""
    for email in (ADA, "nobody@example.com"):
        headers = {"Idempotency-Key": key} if key else {}
        answer = await api.post(f"{AUTH}/password/forgot", json={"email": email}, headers=headers)
        assert refused(answer) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    assert await database.fetch("SELECT 1 FROM password_resets") == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("forgot", {}), ("forgot", {"email": "nobody"}), ("forgot", {"email": "a@b.c\x00"}),
        ("forgot", {"email": "a@example.com", "more": 1}), ("forgot", {"email": f"{'x' * 300}@example.com"}),
        ("forgot", {"email": ["a@example.com"]}), ("forgot", {"email": "a@example.com,b@example.com"}),
        ("verify-otp", {"email": ADA, "code": "12345"}), ("verify-otp", {"email": ADA, "code": 123456}),
        ("verify-otp", {"email": ADA, "code": "１２３４５６"}), ("verify-otp", {"email": ADA, "code": "123456\n"}),
        ("verify-otp", {"email": ADA}), ("reset", {"reset_token": "", "password": NEW}),
        ("reset", {"reset_token": "a" * 201, "password": NEW}), ("reset", {"reset_token": "a", "password": "x" * 1025}),
        ("reset", {"reset_token": "a", "password": None}),
    ],
)  # fmt: skip
async def test_what_breaks_the_schema_is_named(api: Api, path: str, body: dict[str, Any]) -> None:
    """Given a body that is not what the operation takes, then 422 `invalid` with a pointer, before anything is done."""
    answer = await api.post(f"{AUTH}/password/{path}", json=body)
    assert refused(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["pointer"].startswith("/")
