"""Accounts in the hands of staff: found, opened, changed, closed and reopened, and never without an admin."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa

from models import clock
from models.database import Database
from models.ids import CartId, OrderId, UserId, new_id
from models.money import Money
from models.roles import Role
from models.tables.order import orders
from models.tables.password_reset import password_resets
from models.tables.user import users
from tests import people, shop
from tests.api.conftest import Api, StartApi

USERS = "/api/v1/admin/users"
PASSWORD = "correct horse battery staple"
GRACE: dict[str, Any] = {
    "email": "Grace@example.com", "roles": ["support"], "first_name": "Grace", "last_name": "Hopper",
    "phone": "+1 212 555 0100", "locale": "en-us",
}  # fmt: skip
NOBODY = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
async def admin(api: Api) -> dict[str, str]:
    """The headers of an admin."""
    return await api.sign_in(Role.ADMIN)


async def made(api: Api, staff: dict[str, str], **changes: Any) -> dict[str, Any]:
    """A new account."""
    answer = await api.post(USERS, json={**GRACE, **changes}, headers=staff)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def state(database: Database) -> list[str]:
    """Every account, session and reset, and every change written down."""
    tables = ("users", "sessions", "password_resets", "audit_log")
    rows = await database.fetch(
        " UNION ALL ".join(f"SELECT t::text FROM {table} t" for table in tables) + " ORDER BY 1"
    )
    return [row[0] for row in rows]


async def log(database: Database) -> list[tuple[Any, ...]]:
    """What was written down, oldest first: action, subject, before, after, why."""
    rows = await database.fetch("SELECT action, subject, before, after, reason FROM audit_log ORDER BY at")
    return [
        (row["action"], row["subject"], *(msgspec.json.decode(row[name] or "null") for name in ("before", "after")),
         row["reason"])
        for row in rows
    ]  # fmt: skip


async def account(database: Database, *roles: Role, **values: Any) -> UserId:
    """Somebody's account, with `values` in its row."""
    async with database.writing() as writer:
        user = await people.account(writer, *roles)
        if values:
            await writer.execute(sa.update(users).where(users.c.id == user).values(**values))
    return user


async def test_an_account_is_made_read_changed_closed_and_reopened(
    api: Api, admin: dict[str, str], database: Database
) -> None:
    """Given a new account, then each step answers with it as it is; the log never says what people are called."""
    user = await made(api, admin, reason="new colleague")
    assert {name: user[name] for name in user.keys() - {"id", "created_at"}} == {
        **GRACE, "locale": "en-US", "marketing_consent": False, "marketing_consent_at": None, "last_login_at": None,
        "archived_at": None, "has_password": False, "erasure_asked_at": None, "erased_at": None,
        "sessions": 0, "orders": 0, "ordered": [],
    }  # fmt: skip
    path = f"{USERS}/{user['id']}"
    assert (await api.get(path, headers=admin)).json() == user

    same = await api.patch(path, json={"roles": ["support"], "first_name": "Grace"}, headers=admin)
    assert (same.status_code, same.json()) == (200, user)
    change = {"roles": ["catalog", "support"], "phone": None, "first_name": "Amazing", "reason": "#1"}
    changed = await api.patch(path, json=change, headers=admin)
    assert changed.json() == {**user, "roles": ["support", "catalog"], "phone": None, "first_name": "Amazing"}
    turned = await api.patch(path, json={"roles": ["catalog", "support", "support"]}, headers=admin)
    assert turned.json() == changed.json()

    mine = await api.sign_in(user=UserId(UUID(user["id"])))
    assert (await api.get(path, headers=admin)).json()["sessions"] == 1
    assert (await api.get("/api/v1/auth/me", headers=mine)).status_code == 200
    assert (await api.delete(path, params={"reason": "left"}, headers=admin)).status_code == 204
    assert (await api.delete(path, headers=admin)).status_code == 204
    closed = (await api.get(path, headers=admin)).json()
    assert (closed["sessions"], closed["archived_at"] is None) == (0, False)
    assert (await api.get("/api/v1/auth/me", headers=mine)).status_code == 401

    for _ in range(2):
        back = await api.post(f"{path}/restore", headers=admin)
        assert (back.status_code, back.json()) == (200, changed.json())
    assert (await api.get("/api/v1/auth/me", headers=mine)).status_code == 401

    assert await log(database) == [
        ("user.create", user["id"], None,
         {"email": "personal", "roles": ["support"], "locale": "en-US", "has_password": False}, "new colleague"),
        ("user.change", user["id"], {"roles": ["support"], "phone": "personal", "first_name": "personal"},
         {"roles": ["support", "catalog"], "phone": None, "first_name": "personal"}, "#1"),
        ("user.archive", user["id"], {"archived_at": None, "sessions": 1},
         {"archived_at": closed["archived_at"], "sessions": 0}, "left"),
        ("user.restore", user["id"], {"archived_at": closed["archived_at"]}, {"archived_at": None}, None),
    ]  # fmt: skip


async def test_a_password_given_by_staff_opens_the_account(start_api: StartApi, database: Database) -> None:
    """Given an account made with a password, then it opens it while it is not closed; one without opens to nobody."""
    api = await start_api(RATE_LIMIT_LOGIN="off")
    admin = await api.sign_in(Role.ADMIN)

    async def opens(email: str) -> bool:
        answer = await api.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200

    first = await made(api, admin, password=PASSWORD)
    assert first["has_password"] is True
    await made(api, admin, email="other@example.com")
    assert (await opens("grace@example.com"), await opens("other@example.com")) == (True, False)
    path = f"{USERS}/{first['id']}"
    await api.delete(path, headers=admin)
    assert not await opens("grace@example.com")
    await api.post(f"{path}/restore", headers=admin)
    assert await opens("grace@example.com")
    weak = await api.post(USERS, json={**GRACE, "email": "x@example.com", "password": "password"}, headers=admin)
    assert (weak.status_code, weak.json()["code"]) == (422, "password_unacceptable")


async def test_people_are_found(api: Api, database: Database) -> None:
    """Given accounts, then any part of an address or name finds them, case aside, with role, newest first, by page."""
    support = await api.sign_in(Role.SUPPORT)
    ada = await account(database, email="ada_l@shop.test", first_name="Adele", last_name="Lovett")
    bob = await account(database, Role.VENDOR, Role.CUSTOMER, email="bob@shop.test", first_name="Bob", last_name=None)
    gone = await account(database, email="gone@shop.test", archived_at=clock.now())

    async def found(**params: Any) -> list[str]:
        answer = await api.get(USERS, params=params, headers=support)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert await found(q="SHOP.test") == [str(bob), str(ada)]
    assert await found(q="dele love") == [str(ada)]
    assert await found(q="bob") == await found(role="vendor") == [str(bob)]
    assert await found(q="a_l") == [str(ada)]
    assert await found(q="%") == await found(q="\\") == await found(q="' OR 1=1 --") == []
    assert await found(archived=True) == [str(gone)]
    assert await found(q="shop.test", role="support") == []
    first = (await api.get(USERS, params={"q": "shop.test", "limit": 1}, headers=support)).json()
    rest = {"q": "shop.test", "limit": 1, "cursor": first["next_cursor"]}
    second = (await api.get(USERS, params=rest, headers=support)).json()
    assert [first["items"][0]["id"], second["items"][0]["id"]] == [str(bob), str(ada)]
    assert second["next_cursor"] is None
    assert "password" not in first["items"][0]


async def test_what_somebody_has_ordered(api: Api, admin: dict[str, str], database: Database) -> None:
    """Given orders in two currencies, one cancelled, then they are counted, and summed without the cancelled one."""
    buyer = await account(database)
    for number, (currency, total, status) in enumerate(
        [("usd", 1000, "confirmed"), ("usd", 250, "completed"), ("usd", 7, "cancelled"), ("jpy", 900, "pending")]
    ):
        await _order(database, buyer, f"HF-{number}", Money(total, currency), status)
    await _order(database, UserId(new_id()), "HF-other", Money(5, "usd"), "confirmed")
    found = (await api.get(f"{USERS}/{buyer}", headers=admin)).json()
    assert (found["orders"], found["ordered"]) == (
        4, [{"amount": 900, "currency": "jpy"}, {"amount": 1250, "currency": "usd"}],
    )  # fmt: skip


async def test_signed_out_everywhere(api: Api, admin: dict[str, str], database: Database) -> None:
    """Given somebody signed in twice, when staff end that, then both tokens are dead at once; again ends nothing."""
    ada = await account(database)
    mine = [await api.sign_in(user=ada), await api.sign_in(user=ada)]
    path = f"{USERS}/{ada}/sessions/revoke"
    answer = await api.post(path, params={"reason": "phished"}, headers=admin)
    assert (answer.status_code, answer.json()) == (200, {"sessions_ended": 2})
    for headers in mine:
        assert (await api.get("/api/v1/auth/me", headers=headers)).status_code == 401
    assert (await api.post(path, headers=admin)).json() == {"sessions_ended": 0}
    assert (await api.get("/api/v1/auth/me", headers=await api.sign_in(user=ada))).status_code == 200
    assert (await api.get("/api/v1/auth/me", headers=admin)).status_code == 200
    assert await log(database) == [("user.revoke_sessions", str(ada), {"sessions": 2}, {"sessions": 0}, "phished")]


async def test_another_address(api: Api, admin: dict[str, str], database: Database) -> None:
    """Given an account whose address staff change, then a code that went to the old one opens nothing."""
    ada = await account(database, email="old@example.com")
    async with database.writing() as writer:
        reset = {"id": new_id(), "email_key": "key", "user_id": ada, "expires_at": clock.now()}
        await writer.execute(sa.insert(password_resets).values(reset))
    changed = await api.patch(f"{USERS}/{ada}", json={"email": "new@example.com"}, headers=admin)
    assert changed.json()["email"] == "new@example.com"
    assert await database.fetch("SELECT FROM password_resets") == []
    assert await log(database) == [
        ("user.change", str(ada), {"email": "personal"}, {"email": "personal"}, None),
    ]  # fmt: skip
    spelled = await api.patch(f"{USERS}/{ada}", json={"email": "NEW@example.com"}, headers=admin)
    assert spelled.json()["email"] == "NEW@example.com"


async def test_refusals_change_nothing(api: Api, admin: dict[str, str], database: Database) -> None:
    """Given addresses that are taken and accounts that are not there or forgotten, then nothing moves."""
    await made(api, admin)
    ada = await account(database, email="ada@example.com")
    lost = await account(database, erasure_asked_at=clock.now(), archived_at=clock.now())
    before = await state(database)
    refusals = [
        (await api.post(USERS, json={**GRACE, "email": "ADA@example.com"}, headers=admin), 409, "email_taken"),
        (await api.patch(f"{USERS}/{ada}", json={"email": "GRACE@example.com", "phone": "1"}, headers=admin),
         409, "email_taken"),
        (await api.patch(f"{USERS}/{lost}", json={"phone": "1"}, headers=admin), 409, "account_erased"),
        (await api.post(f"{USERS}/{lost}/restore", headers=admin), 409, "account_erased"),
        (await api.delete(f"{USERS}/{lost}", headers=admin), 409, "account_erased"),
        (await api.post(f"{USERS}/{lost}/sessions/revoke", headers=admin), 409, "account_erased"),
        (await api.get(f"{USERS}/{NOBODY}", headers=admin), 404, "user_not_found"),
        (await api.patch(f"{USERS}/{NOBODY}", json={"phone": "1"}, headers=admin), 404, "user_not_found"),
        (await api.patch(f"{USERS}/{NOBODY}", json={"roles": ["customer"]}, headers=admin), 404, "user_not_found"),
        (await api.delete(f"{USERS}/{NOBODY}", headers=admin), 404, "user_not_found"),
        (await api.post(f"{USERS}/{NOBODY}/restore", headers=admin), 404, "user_not_found"),
        (await api.post(f"{USERS}/{NOBODY}/sessions/revoke", headers=admin), 404, "user_not_found"),
        (await api.get(f"{USERS}/me", headers=admin), 404, "not_found"),
    ]  # fmt: skip
    for answer, status, code in refusals:
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await state(database) == before


@pytest.mark.parametrize(
    "change",
    [
        {"email": "nobody"}, {"email": "a@b"}, {"email": "a\x00@b.test"}, {"email": None}, {"roles": []},
        {"roles": ["king"]}, {"roles": None}, {"roles": "admin"}, {"first_name": ""}, {"last_name": "x" * 201},
        {"phone": "call me"}, {"locale": "x"}, {"locale": None}, {"archived_at": None}, {"id": NOBODY},
        {"reason": "a\nb"},
    ],
)  # fmt: skip
async def test_bad_fields(api: Api, admin: dict[str, str], database: Database, change: dict[str, Any]) -> None:
    """Given a field that cannot be, then 422 from both who make and who change, and nothing moves."""
    ada = await account(database)
    before = await state(database)
    for answer in (
        await api.post(USERS, json={**GRACE, **change}, headers=admin),
        await api.patch(f"{USERS}/{ada}", json=change, headers=admin),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert await state(database) == before


@pytest.mark.parametrize("params", [{"q": ""}, {"q": "a\x00"}, {"role": "king"}, {"limit": 0}, {"archived": "maybe"}])
async def test_bad_filters(api: Api, admin: dict[str, str], params: dict[str, Any]) -> None:
    """Given a filter that cannot be, then 422."""
    answer = await api.get(USERS, params=params, headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_the_last_admin_stays(api: Api, database: Database) -> None:
    """Given one admin, then neither closing nor demoting them is done; with a second one either is."""
    first = await account(database, Role.ADMIN, Role.SUPPORT)
    await account(database, Role.ADMIN, archived_at=clock.now())
    admin = await api.sign_in(user=first)
    before = await state(database)
    for answer in (
        await api.delete(f"{USERS}/{first}", headers=admin),
        await api.patch(f"{USERS}/{first}", json={"roles": ["support"]}, headers=admin),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    assert await state(database) == before
    second = await account(database, Role.ADMIN)
    demoted = await api.patch(f"{USERS}/{first}", json={"roles": ["support"]}, headers=admin)
    assert demoted.json()["roles"] == ["support"]
    refused = await api.patch(f"{USERS}/{second}", json={"roles": ["admin", "support"]}, headers=admin)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("how", ["close", "demote", "both"])
async def test_two_admins_cannot_remove_each_other(api: Api, database: Database, how: str) -> None:
    """Given two admins who close or demote each other at once, many times, then one of them is always left."""
    for _ in range(8):
        pair = [await account(database, Role.ADMIN) for _ in range(2)]
        headers = [await api.sign_in(user=user) for user in pair]

        async def remove(victim: UserId, by: dict[str, str], closing: bool) -> int:
            if closing:
                return (await api.delete(f"{USERS}/{victim}", headers=by)).status_code
            return (await api.patch(f"{USERS}/{victim}", json={"roles": ["support"]}, headers=by)).status_code

        done = await asyncio.gather(
            remove(pair[1], headers[0], how != "demote"), remove(pair[0], headers[1], how == "close")
        )
        assert Counter(done) in (Counter({200: 1, 409: 1}), Counter({204: 1, 409: 1}),
                                 Counter({200: 1, 401: 1}), Counter({204: 1, 401: 1}),
                                 Counter({200: 1, 403: 1}), Counter({204: 1, 403: 1}))  # fmt: skip
        left = await database.fetch("SELECT id FROM users WHERE 'admin' = ANY (roles) AND archived_at IS NULL")
        assert len(left) == 1
        async with database.writing() as writer:
            await writer.execute(sa.update(users).values(roles=["customer"]))


async def test_an_address_is_given_once(api: Api, admin: dict[str, str], database: Database) -> None:
    """Given eight accounts opened with one address at once, and two changed to another, then one of each is."""
    answers = await asyncio.gather(*(api.post(USERS, json=GRACE, headers=admin) for _ in range(8)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
    pair = [await account(database) for _ in range(2)]
    answers = await asyncio.gather(
        *(api.patch(f"{USERS}/{user}", json={"email": "one@example.com"}, headers=admin) for user in pair)
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 1}
    assert [entry[0] for entry in await log(database)] == ["user.create", "user.change"]


async def test_a_key_opens_one_account(api: Api, admin: dict[str, str], database: Database) -> None:
    """Given eight requests under one key, then one account; what is kept of them is its id alone."""
    keyed = {**admin, "Idempotency-Key": "one"}
    answers = await asyncio.gather(*(api.post(USERS, json=GRACE, headers=keyed) for _ in range(8)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    reused = await api.post(USERS, json={**GRACE, "phone": "1"}, headers=keyed)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    kept = await database.fetch("SELECT answer::text FROM idempotent_requests")
    assert [row["answer"] for row in kept] == [f'{{"user": "{answers[0].json()["id"]}"}}']


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.VENDOR, Role.CATALOG, Role.FINANCE, Role.SUPPORT])
async def test_who_may(api: Api, database: Database, role: Role) -> None:
    """Given anybody but an admin, then nobody is made staff, changed or closed; support at least reads."""
    ada = await account(database)
    mine = await api.sign_in(role)
    before = await state(database)
    reads = 200 if role is Role.SUPPORT else 403
    assert (await api.get(USERS, headers=mine)).status_code == reads
    assert (await api.get(f"{USERS}/{ada}", headers=mine)).status_code == reads
    for answer in (
        await api.post(USERS, json=GRACE, headers=mine), await api.delete(f"{USERS}/{ada}", headers=mine),
        await api.patch(f"{USERS}/{ada}", json={"roles": ["admin"]}, headers=mine),
        await api.post(f"{USERS}/{ada}/restore", headers=mine),
        await api.post(f"{USERS}/{ada}/sessions/revoke", headers=mine),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert await state(database) == before


async def _order(database: Database, buyer: UserId, number: str, total: Money, status: str) -> None:
    order, now = OrderId(new_id()), clock.now()
    async with database.writing() as writer:
        await writer.execute(
            sa.insert(orders).values(
                id=order, number=number, workflow_id=number, cart_id=CartId(new_id()), attempt=1, customer_id=buyer,
                email="x@example.com", status=status, fulfilment_status="unfulfilled", currency=total.currency,
                subtotal=total.amount, discount=0, shipping=0, tax=0, total=total.amount, tax_included=False,
                shipping_method={}, shipping_address=shop.NEW_YORK, billing_address=shop.NEW_YORK,
                placed_at=now, pay_until=now,
            )
        )  # fmt: skip
