"""Who passes at the desk: every page × every role, and what only a page of ours may send."""

import re
from uuid import uuid4

import pytest

from models.database import Database
from models.roles import Role
from tests.api.conftest import Api, everything
from tests.api.desk.conftest import HERE, Hire, Visitor
from tests.routes import AT_THE_DESK, PUBLIC, STAFF


def address(route: str) -> tuple[str, str]:
    """Method and an address that the route takes; nothing is there."""
    method, path = route.split(" ")
    made_up = {"uuid": str(uuid4()), "str": "HF-NNNNN-NNNNN"}
    return method, re.sub(r"\{\w+:(\w+)\}", lambda match: made_up[match[1]], path)


async def met(visitor: Visitor, route: str) -> str:
    """`in`, `out` or `asked who`."""
    method, path = address(route)
    asks = visitor.see if method == "GET" else lambda path: visitor.send(path, {"key": "k"})
    answer = await asks(path.removeprefix("/desk"))
    assert answer.status_code < 500, (route, answer.text)
    if answer.status_code == 401 or answer.headers.get("Location", "").startswith("/desk/login?"):
        return "asked who"
    return "out" if answer.status_code == 403 else "in"


@pytest.mark.parametrize("route", [route for route, who in AT_THE_DESK.items() if who != PUBLIC])
async def test_every_page_and_every_role(api: Api, hire: Hire, route: str) -> None:
    """Given everybody who may stand at the door, then each meets what the table says, and buyers meet the sign-in."""
    who = AT_THE_DESK[route]
    assert await met(Visitor(api), route) == "asked who"
    for role in Role:
        expected = "asked who" if role not in STAFF else "in" if role in who else "out"
        assert await met(await hire(role), route) == expected, role


async def test_a_token_of_the_api_is_none_here(api: Api, hire: Hire) -> None:
    """Given an access token, which scripts can hold, then it opens no page; and the desk's cookie opens no API."""
    bearer = await api.sign_in(Role.ADMIN)
    assert (await api.get("/desk/orders", headers=bearer)).status_code == 303
    admin = await hire(Role.ADMIN)
    assert (await api.get("/api/v1/admin/orders", headers=admin.headers)).status_code == 401


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Origin": "https://evil.example"}, {}), ({"Origin": "null"}, {}), ({"Origin": ""}, {}),
        ({"Origin": "http://shop.test.evil.example"}, {}), ({"Sec-Fetch-Site": "cross-site"}, {}),
        ({"Sec-Fetch-Site": "same-site"}, {}), ({}, {"proof": ""}), ({}, {"proof": "x" * 22}),
    ],
)  # fmt: skip
async def test_a_form_of_another_page_does_nothing(
    api: Api, hire: Hire, database: Database, headers: dict[str, str], said: dict[str, str]
) -> None:
    """Given a form that no page of ours has made, for this very sign-in, then 403, and not one row has moved."""
    ada, other = await hire(Role.ADMIN), await hire(Role.ADMIN)
    before = await everything(database)
    for forged in ({**said}, {"proof": other.proof} if "proof" in said else {**said}):
        answer = await ada.send("/logout", forged, **headers)
        assert answer.status_code == 403, answer.text
    assert await everything(database) == before
    assert (await ada.see("/orders")).status_code == 200


async def test_only_forms_are_read(api: Api, hire: Hire) -> None:
    """Given JSON, or text, where a form is read, then 415; what is no form: 400."""
    ada = await hire(Role.ADMIN)
    for kind in ("application/json", "text/plain", "multipart/form-data"):
        answer = await api.post("/desk/logout", content=b"{}", headers={**ada.headers, **HERE, "Content-Type": kind})
        assert answer.status_code == 415, kind
    form = {**ada.headers, **HERE, "Content-Type": "application/x-www-form-urlencoded"}
    for body in ("ä".encode(), b"a=1&" * 2000):
        assert (await api.post("/desk/logout", content=body, headers=form)).status_code == 400
    assert (await api.post("/desk/logout", content=b"a=" + b"x" * 2**20, headers=form)).status_code == 413


@pytest.mark.parametrize("path", ["/desk/login", "/desk/orders", "/desk/orders/HF-NNNNN-NNNNN"])
async def test_pages_run_nothing_but_their_own_files(api: Api, hire: Hire, path: str) -> None:
    """Given any page, then nothing stands inline, no cache or frame holds it, and its files are served here."""
    ada = await hire(Role.ADMIN)
    page = await ada.see(path.removeprefix("/desk"))
    policy = page.headers["content-security-policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert (page.headers["cache-control"], page.headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert page.headers["referrer-policy"] == "same-origin"
    assert "access-control-allow-origin" not in page.headers
    if page.status_code != 303:
        assert re.findall(r"<script(?! src=)|<style| style=| on\w+=\"|javascript:", page.text) == []
        for address in re.findall(r'(?:src|href)="(/desk/static/[^"]+)"', page.text):
            file = await api.get(address)
            assert (file.status_code, file.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
            assert file.headers["content-type"].split(";")[0] in ("text/css", "text/javascript", "image/svg+xml")


@pytest.mark.parametrize("name", ["..", "nothing.js", "desk.css%00", "..%2f..%2fadmission.py"])
async def test_there_are_no_other_files(api: Api, name: str) -> None:
    """Given a name that is none of the desk's files, then 404."""
    assert (await api.get(f"/desk/static/0/{name}")).status_code == 404
