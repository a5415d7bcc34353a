"""Who did what, when and why."""

from typing import Any

import pytest
import sqlalchemy as sa

from models.audit import Author
from models.database import Database
from models.ids import UserId
from models.roles import Role
from models.tables import audit
from models.tables.user import users
from tests import people
from tests.api.conftest import Api

LOG = "/api/v1/admin/audit"


async def actor(database: Database, email: str) -> UserId:
    """One of the staff."""
    async with database.writing() as writer:
        return await people.account(writer, Role.ADMIN, email=email)


async def note(database: Database, by: UserId | None, action: str, subject: str, **more: Any) -> None:
    """One change, at a time of its own."""
    async with database.writing() as writer:
        await audit.append(writer, Author(by) if by else None, action, subject, **more)


async def test_the_log_says_who_what_when_and_why(api: Api, database: Database) -> None:
    """Given a change of staff's and one made at the server, then both are told, newest first, as they were written."""
    ada = await actor(database, "ada@shop.test")
    await note(database, None, "user.create", "one")
    author = Author(ada, "r", "192.0.2.1", (Role.CUSTOMER, Role.CATALOG))
    async with database.writing() as writer:
        await audit.append(writer, author, "coupon.change", "SAVE10", before={"ppm": 1}, after={"ppm": 2}, reason="#1")
    answer = await api.get(LOG, headers=await api.sign_in(Role.FINANCE))
    assert answer.status_code == 200
    told = [{name: item[name] for name in item.keys() - {"id", "at"}} for item in answer.json()["items"]]
    assert told == [
        {"actor": {"id": str(ada), "email": "ada@shop.test"}, "roles": ["customer", "catalog"],
         "action": "coupon.change", "subject": "SAVE10",
         "before": {"ppm": 1}, "after": {"ppm": 2}, "reason": "#1", "request_id": "r", "address": "192.0.2.1"},
        {"actor": None, "roles": [], "action": "user.create", "subject": "one",
         "before": None, "after": None, "reason": None, "request_id": None, "address": None},
    ]  # fmt: skip
    assert (answer.json()["next_cursor"], answer.json()["total"]) == (None, None)


async def test_what_somebody_acted_as_is_told_as_it_was_then(api: Api) -> None:
    """Given somebody who reads, makes, gives up a role and reads again, then each row has their roles then."""
    ada = await api.sign_in(Role.CATALOG, Role.ADMIN)
    who = (await api.get("/api/v1/auth/me", headers=ada)).json()["id"]
    await api.sign_in(Role.ADMIN)  # one has to stay

    async def look() -> None:
        assert (await api.get("/api/v1/admin/orders", headers=ada)).status_code == 200

    await look()
    made = await api.post("/api/v1/admin/tags", json={"name": "Blue", "slug": "blue"}, headers=ada)
    given_up = await api.patch(f"/api/v1/admin/users/{who}", json={"roles": ["finance"]}, headers=ada)
    assert (made.status_code, given_up.status_code) == (201, 200)
    await look()
    rows = (await api.get(LOG, params={"actor": who, "limit": 100}, headers=ada)).json()["items"]
    before = ["catalog", "admin"]
    told = [(row["action"], row["roles"]) for row in rows if row["action"] != "user.read"]
    assert told == [
        ("order.read", ["finance"]), ("user.change", before), ("tag.create", before), ("order.read", before),
    ]  # fmt: skip


async def test_filters_add_up(api: Api, database: Database) -> None:
    """Given changes by two people to two things, then each filter narrows the list, and all of them together."""
    ada, bob = await actor(database, "ada@shop.test"), await actor(database, "bob@shop.test")
    for by, action, subject in ((ada, "coupon.create", "A"), (ada, "coupon.change", "B"), (bob, "coupon.change", "A")):
        await note(database, by, action, subject)
    staff = await api.sign_in(Role.ADMIN)

    async def found(**filters: str) -> list[str]:
        answer = await api.get(LOG, params=filters, headers=staff)
        assert answer.status_code == 200, answer.text
        return [f"{item['action']} {item['subject']}" for item in answer.json()["items"]]

    assert await found(subject="A") == ["coupon.change A", "coupon.create A"]
    assert await found(actor=str(ada)) == ["coupon.change B", "coupon.create A"]
    assert await found(action="coupon.change") == ["coupon.change A", "coupon.change B"]
    assert await found(subject="A", actor=str(bob), action="coupon.change") == ["coupon.change A"]
    assert await found(subject="a") == []


async def test_pages_stay_put_while_the_log_grows(api: Api, database: Database) -> None:
    """Given five changes read two a page, when another is made in between, then each of the five is read once."""
    staff = await api.sign_in(Role.ADMIN)
    for number in range(5):
        await note(database, None, "coupon.change", str(number))
    seen, cursor = [], None
    while True:
        page = (await api.get(LOG, params={"limit": 2, **({"cursor": cursor} if cursor else {})}, headers=staff)).json()
        seen += [item["subject"] for item in page["items"]]
        await note(database, None, "coupon.change", "new")
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["4", "3", "2", "1", "0"]


async def test_an_erased_actor_has_no_address(api: Api, database: Database) -> None:
    """Given a change by somebody who has been erased since, then the log still says which account it was."""
    ada = await actor(database, "ada@shop.test")
    await note(database, ada, "coupon.change", "A")
    async with database.writing() as writer:
        await writer.execute(sa.update(users).where(users.c.id == ada).values(erased_at=sa.func.now()))
    answer = await api.get(LOG, headers=await api.sign_in(Role.ADMIN))
    assert answer.json()["items"][0]["actor"] == {"id": str(ada), "email": None}


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"subject": "a\x00b"}, 422, "invalid"), ({"subject": ""}, 422, "invalid"), ({"actor": "me"}, 422, "invalid"),
        ({"action": "x"}, 422, "invalid"), ({"limit": "101"}, 422, "invalid"), ({"cursor": "x"}, 400, "cursor_unknown"),
    ],
)  # fmt: skip
async def test_bad_filters(api: Api, params: dict[str, str], status: int, code: str) -> None:
    """Given a filter that cannot be, then it is named."""
    answer = await api.get(LOG, params=params, headers=await api.sign_in(Role.ADMIN))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_odd_text_finds_nothing(api: Api) -> None:
    """Given half a surrogate, SQL, emoji or right-to-left text as subject, then nothing is found and nothing breaks."""
    staff = await api.sign_in(Role.ADMIN)
    for text in ("%ED%A0%80", "%27%20OR%201%3D1--", "%F0%9F%A6%86", "%E2%80%AEabc"):
        answer = await api.get(f"{LOG}?subject={text}", headers=staff)
        assert (answer.status_code, answer.json()["items"]) == (200, [])


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.VENDOR, Role.SUPPORT, Role.CATALOG])
async def test_not_everybody_reads_it(api: Api, role: Role) -> None:
    """Given a role without the scope, then 403; nobody signed in: 401."""
    answer = await api.get(LOG, headers=await api.sign_in(role))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await api.get(LOG)).status_code == 401
