"""Staff who read something of people stand in the audit log: who, whom, when and from where."""

from uuid import uuid4

from models.database import Database
from models.roles import Role
from tests import people, shop
from tests.api.conftest import Api, StartApi

ADMIN = "/api/v1/admin"


async def readings(database: Database) -> set[tuple[str, str]]:
    """What was read, each once."""
    rows = await database.fetch("SELECT action, subject FROM audit_readings")
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


async def test_lists_of_people_are_written_down(api: Api, database: Database) -> None:
    """Given finance who lists orders, and support who lists addresses that take no mail, then both are told."""
    assert (await api.get(f"{ADMIN}/orders", headers=await api.sign_in(Role.FINANCE))).status_code == 200
    assert (await api.get(f"{ADMIN}/mail-bounces", headers=await api.sign_in(Role.SUPPORT))).status_code == 200
    assert await readings(database) == {("bounce.read", "list"), ("order.read", "list")}


async def test_what_is_refused_or_not_there_is_no_reading(api: Api, database: Database) -> None:
    """Given nobody who may, or nothing to read, then nothing is written."""
    catalog, support = await api.sign_in(Role.CATALOG), await api.sign_in(Role.SUPPORT)
    for path in (f"users/{uuid4()}", "orders/HF-AAAAA-BBBBB", "orders/HF-AAAAA-BBBBB/explain", f"letters/{uuid4()}"):
        assert (await api.get(f"{ADMIN}/{path}", headers=catalog)).status_code == 403
        assert (await api.get(f"{ADMIN}/{path}", headers=support)).status_code == 404
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
