"""One's own account over HTTP: profile, consent, password, and where one is signed in."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from models import clock
from models.database import Database
from models.user import spelled
from tests.api.conftest import Api, StartApi

AUTH = "/api/v1/auth"
ME = f"{AUTH}/me"
PASSWORD, NEW = "correct horse battery staple", "a quite different one"
ADA = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
async def api(start_api: StartApi) -> Api:
    """Without limits at the doors."""
    return await start_api(RATE_LIMIT_REGISTER="off", RATE_LIMIT_LOGIN="off")


async def enter(api: Api, operation: str = "login", **changes: Any) -> dict[str, str]:
    """Register or log in; the headers of who did."""
    answer = await api.post(f"{AUTH}/{operation}", json={**ADA, **changes}, headers={"User-Agent": "Test/1"})
    assert answer.status_code in (200, 201), answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def change(api: Api, me: dict[str, str], current: str = PASSWORD, new: str = NEW, key: str = "") -> Any:
    """Take another password."""
    headers = {**me, **({"Idempotency-Key": key} if key else {})}
    body = {"current_password": current, "new_password": new}
    return await api.post(f"{AUTH}/password/change", json=body, headers=headers)


async def is_in(api: Api, me: dict[str, str]) -> bool:
    """Whether these headers still open the account."""
    return (await api.get(ME, headers=me)).status_code == 200


async def users(database: Database) -> list[tuple[Any, ...]]:
    """Every account as it stands."""
    return [tuple(row) for row in await database.fetch("SELECT * FROM users ORDER BY id")]


async def test_a_profile_is_changed_field_by_field(api: Api) -> None:
    """Given a profile, then what is sent changes, what is left out stays, and null takes a field away."""
    me = await api.sign_in()
    before = (await api.get(ME, headers=me)).json()
    assert (before["first_name"], before["last_name"], before["locale"]) == ("Ada", "Lovelace", "en")

    changed = await api.patch(ME, json={"last_name": None, "phone": "+49 30 1", "locale": "de-at"}, headers=me)

    wanted = {**before, "last_name": None, "phone": "+49 30 1", "locale": "de-AT"}
    assert (changed.status_code, changed.json()) == (200, wanted)
    assert (await api.get(ME, headers=me)).json() == wanted
    assert (await api.patch(ME, json={}, headers=me)).json() == wanted


async def test_consent_has_the_time_of_its_last_change(api: Api) -> None:
    """Given consent that is given, given again and taken back, then its time moves when it changes, and only then."""
    me = await api.sign_in()
    stamps = []
    for consent in (False, True, True, False, False):
        answer = (await api.patch(ME, json={"marketing_consent": consent}, headers=me)).json()
        assert answer["marketing_consent"] is consent
        stamps.append(answer["marketing_consent_at"])
    never, given, repeated, taken_back, still = stamps
    assert (never, repeated, still) == (None, given, taken_back)
    assert given < taken_back
    assert abs(datetime.fromisoformat(given) - clock.now()) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("first_name", ""), ("first_name", "x" * 201), ("last_name", "a\0b"), ("phone", "x"), ("locale", None),
     ("locale", "de_AT"), ("locale", "x" * 36), ("marketing_consent", None), ("marketing_consent", 1),
     ("email", "bob@example.com"), ("roles", ["admin"]), ("password", "a new good password")],
)  # fmt: skip
async def test_what_cannot_be_changed(api: Api, database: Database, field: str, value: Any) -> None:
    """Given a value that cannot be, or a field that is not the owner's to change, then 422, and nothing moved."""
    me = await api.sign_in()
    before = await users(database)
    answer = await api.patch(ME, json={field: value}, headers=me)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{field}")
    assert await users(database) == before


@pytest.mark.parametrize(
    ("given", "written"),
    [("EN", "en"), ("de-at", "de-AT"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), ("sl-ROZAJ", "sl-rozaj"),
     ("de-ch-1996", "de-CH-1996"), ("en-us-u-CA-gregory", "en-US-u-ca-gregory"), ("en-X-ab", "en-x-ab")],
)  # fmt: skip
def test_a_language_tag_is_spelled_as_it_should_be(given: str, written: str) -> None:
    """Given a tag in any case, then it is written as RFC 5646 recommends."""
    assert spelled(given) == written


async def test_another_password_ends_the_other_sessions(api: Api, database: Database) -> None:
    """Given three sign-ins, when one changes the password, then it stays, the others end, and the old one is dead."""
    others, me = [await enter(api, "register"), await enter(api)], await enter(api)
    answer = await change(api, me)
    assert (answer.status_code, answer.json()) == (200, {"sessions_ended": 2})
    assert [await is_in(api, headers) for headers in (*others, me)] == [False, False, True]
    assert (await api.post(f"{AUTH}/login", json=ADA)).status_code == 401
    await enter(api, password=NEW)
    ended = await database.fetch("SELECT revoked_for FROM sessions WHERE revoked_at IS NOT NULL")
    assert [row["revoked_for"] for row in ended] == ["password_changed"] * 2


@pytest.mark.parametrize(
    ("current", "new", "code"),
    [("wrong horse", NEW, "password_wrong"), (PASSWORD, "short", "password_unacceptable"),
     (PASSWORD, "ada@example.com", "password_unacceptable"), (PASSWORD, "password1", "password_unacceptable")],
)  # fmt: skip
async def test_a_password_that_is_not_changed(api: Api, database: Database, current: str, new: str, code: str) -> None:
    """Given the wrong password, or a new one that will not do, then 422, every session lives, and nothing moved."""
    other, me = await enter(api, "register"), await enter(api)
    before = await users(database)
    answer = await change(api, me, current, new)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await users(database) == before
    assert [await is_in(api, headers) for headers in (other, me)] == [True, True]


async def test_a_password_is_changed_once_under_a_key(api: Api) -> None:
    """Given one key, when the change comes again, though its password is none any more, then the answer is one."""
    me, key = await enter(api, "register"), str(uuid4())
    first, second = await change(api, me, key=key), await change(api, me, key=key)
    assert (first.status_code, first.content) == (200, second.content)
    assert (await change(api, me, NEW, "yet another one", key)).json()["code"] == "idempotency_key_reused"


async def test_a_sign_in_beside_a_change_is_ended_or_refused(api: Api) -> None:
    """Given sign-ins with the old password while it is changed, then none of them is in afterwards."""
    me = await enter(api, "register")
    logins = [api.post(f"{AUTH}/login", json=ADA) for _ in range(4)]
    changed, *answers = await asyncio.gather(change(api, me), *logins)
    assert changed.status_code == 200
    for answer in answers:
        assert answer.status_code in (200, 401), answer.text
        if answer.status_code == 200:
            assert not await is_in(api, {"Authorization": f"Bearer {answer.json()['access_token']}"})


async def test_one_sees_where_one_is_signed_in(api: Api) -> None:
    """Given two sign-ins, then both are listed, newest first, page by page, and the one that asks is marked."""
    await enter(api, "register")
    me = await enter(api)
    listed = (await api.get(f"{AUTH}/sessions", headers=me)).json()
    assert (listed["total"], listed["next_cursor"]) == (2, None)
    assert [(item["current"], item["user_agent"]) for item in listed["items"]] == [(True, "Test/1"), (False, "Test/1")]
    first = (await api.get(f"{AUTH}/sessions", params={"limit": 1}, headers=me)).json()
    rest = (await api.get(f"{AUTH}/sessions", params={"cursor": first["next_cursor"]}, headers=me)).json()
    assert [*first["items"], *rest["items"]] == listed["items"]
    assert rest["next_cursor"] is None


async def test_a_sign_in_is_ended_from_afar(api: Api) -> None:
    """Given another sign-in, when it is ended, then it is out at once and gone from the list; twice is not found."""
    other, me = await enter(api, "register"), await enter(api)
    [theirs] = [
        item["id"] for item in (await api.get(f"{AUTH}/sessions", headers=me)).json()["items"] if not item["current"]
    ]
    assert (await api.delete(f"{AUTH}/sessions/{theirs}", headers=me)).status_code == 204
    assert [await is_in(api, headers) for headers in (other, me)] == [False, True]
    again = await api.delete(f"{AUTH}/sessions/{theirs}", headers=me)
    assert (again.status_code, again.json()["code"]) == (404, "session_not_found")
    assert (await api.get(f"{AUTH}/sessions", headers=me)).json()["total"] == 1


async def test_nobody_ends_somebody_else_s_session(api: Api) -> None:
    """Given another account's session, then it is not found, and it lives."""
    mine, theirs = await api.sign_in(), await api.sign_in()
    [session] = (await api.get(f"{AUTH}/sessions", headers=theirs)).json()["items"]
    answer = await api.delete(f"{AUTH}/sessions/{session['id']}", headers=mine)
    assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")
    assert await is_in(api, theirs)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ME), ("PATCH", ME), ("POST", f"{AUTH}/password/change"), ("GET", f"{AUTH}/sessions"),
     ("DELETE", f"{AUTH}/sessions/01900000-0000-7000-8000-000000000000")],
)  # fmt: skip
async def test_an_account_is_needed(api: Api, method: str, path: str) -> None:
    """Given nobody signed in, then 401."""
    answer = await api.client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
