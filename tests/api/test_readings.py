"""Staff and vendors who read something of people stand in the audit log: who, whom, when and from where."""

from pathlib import Path
from uuid import uuid4

import pytest

from models.database import Database
from models.ids import UserId
from models.roles import Role
from tests import people, shop
from tests.api.conftest import Api, StartApi
from tests.api.full_shop import ENDLESS, NUMBER, UNSEEN, FullShop
from tests.readings import NOTHING, SHOWN
from tests.traces import ZERUBBABEL

BASE = "/api/v1"
ADMIN = f"{BASE}/admin"


async def readings(database: Database, by: UserId | None = None) -> set[tuple[str, str]]:
    """What was read, each once; by one of them, or by all."""
    rows = await database.fetch(
        "SELECT action, subject FROM audit_readings WHERE $1::uuid IS NULL OR actor_id = $1", by
    )
    return {(row["action"], row["subject"]) for row in rows}


async def test_reading_an_account_is_written_down(api: Api, database: Database) -> None:
    """Given support who reads an account three times and lists all, then the log tells both, and from where."""
    async with database.writing() as writer:
        user = await people.account(writer)
    staff = await api.sign_in(Role.SUPPORT)
    for _ in range(3):
        assert (await api.get(f"{ADMIN}/users/{user}", headers=staff)).status_code == 200
    assert (await api.get(f"{ADMIN}/users", headers=staff)).status_code == 200
    assert await readings(database) == {("user.read", "list"), ("user.read", str(user))}
    rows = await database.fetch("SELECT * FROM audit_readings")
    hours = {row["at"].replace(minute=0, second=0, microsecond=0) for row in rows}
    assert 2 <= len(rows) <= 2 * len(hours)
    assert {row["address"] for row in rows} == {"127.0.0.1"}
    assert all(row["actor_id"] and row["request_id"] for row in rows)


async def test_a_change_that_changes_nothing_is_a_reading(api: Api, database: Database) -> None:
    """Given an admin who changes nothing of an account and is answered with it, then it is no change, but a reading."""
    async with database.writing() as writer:
        user = await people.account(writer)
    boss = await api.sign_in(Role.ADMIN)
    assert (await api.patch(f"{ADMIN}/users/{user}", json={}, headers=boss)).status_code == 200
    assert await readings(database) == {("user.read", str(user))}
    assert await database.fetch("SELECT FROM audit_log") == []


async def test_what_is_refused_or_not_there_is_no_reading(api: Api, database: Database) -> None:
    """Given nobody who may, or nothing to read, then nothing is written."""
    catalog, support = await api.sign_in(Role.CATALOG), await api.sign_in(Role.SUPPORT)
    for path in (f"users/{uuid4()}", "orders/HF-AAAAA-BBBBB", "orders/HF-AAAAA-BBBBB/explain", f"letters/{uuid4()}",
                 f"returns/{uuid4()}", f"users/{uuid4()}/store-credit"):  # fmt: skip
        assert (await api.get(f"{ADMIN}/{path}", headers=catalog)).status_code == 403
        assert (await api.get(f"{ADMIN}/{path}", headers=support)).status_code == 404
    assert (await api.get(f"{BASE}/orders/HF-AAAAA-BBBBB/invoice", headers=support)).status_code == 404
    assert await readings(database) == set()


async def test_where_from_is_told_of_changes_too(start_api: StartApi, database: Database) -> None:
    """Given a change asked for through a proxy that is trusted, then the log has the address that the proxy heard."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
    api = await start_api(FORWARDED_HOPS="1")
    headers = {**await api.sign_in(Role.ADMIN), "X-Forwarded-For": "198.51.100.7, 203.0.113.9"}
    made = await api.post(f"{ADMIN}/tags", json={"name": "Blue", "slug": "blue"}, headers=headers)
    assert made.status_code == 201, made.text
    rows = await database.fetch("SELECT action, address FROM audit_log")
    assert [tuple(row) for row in rows] == [("tag.create", "203.0.113.9")]


LISTS = ("/orders", "/returns", "/reviews", "/users", "/mail-bounces", "/deliveries")
"""How addresses of lists end."""
UNNAMED = {
    "GET /admin/users/{user_id:uuid}/store-credit", "GET /admin/vendors/{slug:str}/members",
    "POST /admin/codec/decode",
}  # fmt: skip
"""These tell of somebody else, in base64, or only what somebody has."""


@pytest.fixture
async def full(start_api: StartApi, parts: dict[str, str], database: Database, media: Path) -> FullShop:
    """It, beside a Temporal in which nothing runs."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
    api = await start_api(TEMPORAL_ADDRESS=parts["TEMPORAL_ADDRESS"], CHECKOUT_ANSWER_BUDGET="60")
    return await FullShop.furnished(api, database, media)


async def test_whoever_reads_of_people_is_written_down(full: FullShop) -> None:
    """Given each answer that tells something of a person, then whoever gets it stands in the log, as what they are."""
    subjects = {
        "return.read": {NUMBER, "HF-WA006-AAAAA"}, "review.read": set(full.names["reviews"]),
        "user.read": {str(full.buyer)}, "store_credit.read": {str(full.buyer)}, "vendor_member.read": {"anna"},
        "letter.read": set(full.names["letters"]), "payload.read": {"payload"},
    }  # fmt: skip
    for route, action in SHOWN.items():
        who, answers = await full.ask(route)
        assert {answer.status_code for answer in answers} == {200}, (route, answers[0].text)
        expected = {"list"} if route.endswith(LISTS) else subjects.get(action, {NUMBER})
        assert await readings(full.database, who) == {(action, subject) for subject in expected}, route
        rows = await full.database.fetch("SELECT DISTINCT roles FROM audit_readings WHERE actor_id = $1", who)
        assert [row["roles"] for row in rows] == [["customer", "vendor"] if who == full.anna.user else ["admin"]]
        told = [answer.text.lower() for answer in answers if answer.headers["content-type"] != "application/pdf"]
        named = any(word in each for each in told for word in ZERUBBABEL.words)
        assert named or not told or route in UNNAMED, route


async def test_where_nobody_is_written_down_nobody_is_named(full: FullShop) -> None:
    """Given each other answer of staff's and vendors', then no word of the buyer's is in it, and nothing is written."""
    for route in NOTHING.keys() - {ENDLESS}:
        who, answers = await full.ask(route)
        expected = {404} if route in UNSEEN else {303} if route == "GET /desk" else {200}
        assert {answer.status_code for answer in answers} == expected, (route, answers[0].text)
        for answer in answers:
            assert [word for word in ZERUBBABEL.words if word in answer.text.lower()] == [], (route, answer.text)
        assert await readings(full.database, who) == set(), route


async def test_what_is_one_s_own_is_no_reading(full: FullShop) -> None:
    """Given somebody of staff who bought it, and a buyer, then their own invoice is nobody else's to read."""
    async with full.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE users SET roles = '{customer,support}' WHERE id = $1", (full.buyer,))
    headers = await full.api.sign_in(user=full.buyer)
    assert (await full.api.get(f"{BASE}/orders/{NUMBER}/invoice", headers=headers)).status_code == 200
    assert await readings(full.database, full.buyer) == set()
