"""Coming to the desk and leaving it: staff alone, as often as anybody may try, and nobody with an old cookie."""

from datetime import timedelta
from http.cookies import SimpleCookie

import pytest

from models import clock
from models.database import Database
from models.ids import UserId, new_id
from models.roles import Role
from models.session import DESK_LIFE, desk_token, read_desk_token
from models.tables import user as users
from tests.api.conftest import Api, StartApi
from tests.api.desk.conftest import Hire, Visitor

PASSWORD = "correct horse battery staple"
ADA = {"email": "ada@example.com", "password": PASSWORD}


async def account(api: Api, database: Database, *roles: Role) -> UserId:
    """Ada, who has a password."""
    user, kept = UserId(new_id()), await api.app.state.house.passwords.hashed(PASSWORD)
    async with database.writing() as writer:
        assert await users.insert(writer, user, ADA["email"], kept, roles=(Role.CUSTOMER, *roles))
    return user


async def living(database: Database) -> int:
    """Sign-ins that live."""
    [row] = await database.fetch("SELECT count(*) AS living FROM sessions WHERE revoked_at IS NULL")
    found: int = row["living"]
    return found


async def test_staff_come_in_and_leave(api: Api, database: Database) -> None:
    """Given her password, then a cookie that scripts and other sites never see opens the desk, until she leaves."""
    await account(api, database, Role.SUPPORT)
    nobody = Visitor(api)

    answer = await nobody.send("/login", {**ADA, "next": "/desk/orders?q=MUG"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk/orders?q=MUG")
    cookie = SimpleCookie(answer.headers["Set-Cookie"])["holdfast-desk"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
    assert (cookie["max-age"], cookie["expires"], cookie["secure"]) == ("", "", "")
    ada = Visitor(api)
    ada.headers = {"Cookie": f"holdfast-desk={cookie.value}"}
    assert (await ada.see("/orders")).status_code == 200
    ada.session = read_desk_token(ada.key, cookie.value, clock.now())
    [row] = await database.fetch(
        "SELECT last_login_at IS NOT NULL AS noticed FROM users WHERE email = $1", ADA["email"]
    )
    assert row["noticed"]

    left = await ada.send("/logout", {})

    assert (left.status_code, left.headers["Location"], await living(database)) == (303, "/desk/login", 0)
    again = await ada.see("/orders")
    assert (again.status_code, again.headers["Location"]) == (303, "/desk/login?next=%2Fdesk%2Forders")


@pytest.mark.parametrize(
    ("said", "status"),
    [({"password": "wrong horse battery"}, 401), ({"email": "bob@example.com"}, 401), ({"email": "no address"}, 422),
     ({"password": ""}, 401)],
)  # fmt: skip
async def test_who_is_not_known_stays_out(api: Api, database: Database, said: dict[str, str], status: int) -> None:
    """Given a wrong password, or nobody's address, then no sign-in begins, and the page says so."""
    await account(api, database, Role.SUPPORT)

    answer = await Visitor(api).send("/login", {**ADA, **said})

    assert (answer.status_code, "Set-Cookie" in answer.headers, await living(database)) == (status, False, 0)
    assert 'role="alert"' in answer.text
    assert "horse" not in answer.text


async def test_buyers_stay_out(api: Api, database: Database) -> None:
    """Given a buyer's right password, then the page says that the desk is not for them, and no sign-in is left."""
    await account(api, database)

    answer = await Visitor(api).send("/login", ADA)

    assert (answer.status_code, "Set-Cookie" in answer.headers, await living(database)) == (403, False, 0)
    assert "This account does not work for the shop." in answer.text


async def test_guessing_is_slow(start_api: StartApi, database: Database) -> None:
    """Given two tries a minute, when a third is made here, then 429, as at the JSON API: they are counted together."""
    api = await start_api(RATE_LIMIT_LOGIN="2/minute")
    await account(api, database, Role.SUPPORT)
    wrong = {**ADA, "password": "wrong horse battery"}
    assert (await api.post("/api/v1/auth/login", json=wrong)).status_code == 401
    assert (await Visitor(api).send("/login", wrong)).status_code == 401

    answer = await Visitor(api).send("/login", ADA)

    assert (answer.status_code, await living(database)) == (429, 0)
    assert "At most 2 requests" in answer.text


@pytest.mark.parametrize(
    "next", ["https://evil.example", "//evil.example/desk", "/desk/../api", "/deskevil", "/desk//evil.example\\", ""]
)
async def test_nobody_is_led_elsewhere(api: Api, database: Database, next: str) -> None:
    """Given a link to the sign-in that names another place, then one ends up at the desk."""
    await account(api, database, Role.SUPPORT)

    answer = await Visitor(api).send("/login", {**ADA, "next": next})

    assert answer.status_code == 303
    assert answer.headers["Location"] in ("/desk", "/desk/../api")  # the last is ours, and nothing


async def test_a_cookie_of_yesterday_opens_nothing(api: Api, hire: Hire) -> None:
    """Given a sign-in of half a day ago, or a cookie that is none of ours, then one has to sign in again."""
    ada = await hire(Role.SUPPORT)
    assert (await ada.see("/orders")).status_code == 200
    assert ada.session is not None
    old = desk_token(ada.key, ada.session, clock.now() - DESK_LIFE - timedelta(seconds=1))
    forged = desk_token(b"f" * 32, ada.session, clock.now())
    for token in (old, forged, old[:-1], "", "%C3%A4", "x" * 3000):
        ada.headers = {"Cookie": f"holdfast-desk={token}"}
        assert (await ada.see("/orders")).status_code == 303, token
    raw = await api.get("/desk/orders", headers=[(b"cookie", b"holdfast-desk=\xc3\xa4\xff")])
    assert raw.status_code == 303


async def test_over_tls_the_cookie_is_this_host_s_alone(start_api: StartApi, database: Database) -> None:
    """Given a shop over https, then browsers take the cookie from this host alone and send it over TLS alone."""
    api = await start_api(PUBLIC_URL="https://shop.test")
    await account(api, database, Role.SUPPORT)

    answer = await Visitor(api).send("/login", ADA, Origin="https://shop.test")

    assert answer.status_code == 303
    cookie = SimpleCookie(answer.headers["Set-Cookie"])["__Host-holdfast-desk"]
    assert (cookie["secure"], cookie["path"], cookie["domain"], cookie["samesite"]) == (True, "/", "", "strict")


async def test_a_link_from_elsewhere_finds_who_is_signed_in(hire: Hire, api: Api) -> None:
    """Given a link in a mail, with which no cookie of ours comes along, then the page asks again, itself."""
    answer = await Visitor(api).see("/orders/HF-ABCDE-FGHJK", **{"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/desk/orders/HF-ABCDE-FGHJK">' in answer.text


async def test_who_is_signed_in_is_not_asked(hire: Hire) -> None:
    """Given somebody at the desk, when they open the sign-in, then they are led on."""
    ada = await hire(Role.CATALOG)
    answer = await ada.see("/login")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk")
    home = await ada.see("")
    assert (home.status_code, home.headers["Location"]) == (303, "/desk/products")
