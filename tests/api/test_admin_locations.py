"""Locations as staff keep them: codes for ever, and none closed over goods."""

import asyncio

import pytest

from models.database import Database
from models.roles import Role
from tests import shop
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log, made, state

BERLIN = {"code": "berlin", "name": "Berlin", "country": "DE", "region": "BE", "postal_code": "10115", "priority": 5}
PATH = f"{ADMIN}/locations"


@pytest.fixture
async def staff(api: Api) -> dict[str, str]:
    """The headers of who keeps the stock."""
    return await api.sign_in(Role.CATALOG)


async def test_a_location_is_made_changed_archived_and_used_again(
    api: Api, staff: dict[str, str], database: Database
) -> None:
    """Given a location, then each step answers with it as it is, is written down, and again changes nothing."""
    berlin = await made(api, staff, "locations", **BERLIN, reason="second house")
    assert {**berlin, "created_at": ""} == {**BERLIN, "created_at": "", "archived_at": None}
    assert (await api.get(f"{PATH}/berlin", headers=staff)).json() == berlin
    change = {"name": "Berlin 2", "region": None, "reason": "moved"}
    changed = await api.patch(f"{PATH}/berlin", json=change, headers=staff)
    assert (changed.status_code, changed.json()) == (200, {**berlin, "name": "Berlin 2", "region": None})
    assert (await api.patch(f"{PATH}/berlin", json=change, headers=staff)).json() == changed.json()
    for _ in range(2):
        assert (await api.delete(f"{PATH}/berlin", params={"reason": "closed"}, headers=staff)).status_code == 204
    assert [each["code"] for each in (await api.get(PATH, headers=staff)).json()["items"]] == ["main"]
    gone = (await api.get(PATH, params={"archived": True}, headers=staff)).json()["items"]
    assert [each["code"] for each in gone] == ["berlin"]
    closed = await api.patch(f"{PATH}/berlin", json={"name": "x"}, headers=staff)
    assert (closed.status_code, closed.json()["code"]) == (409, "archived")
    for _ in range(2):
        again = await api.post(f"{PATH}/berlin/restore", headers=staff)
        assert (again.status_code, again.json()) == (200, changed.json())
    assert [(action, why) for action, subject, _, _, why in await log(database) if subject == "berlin"] == [
        ("location.create", "second house"), ("location.change", "moved"), ("location.archive", "closed"),
        ("location.restore", None),
    ]  # fmt: skip


async def test_a_code_is_given_once(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a location, then another one of that code is refused, archived or not; ten at once make one."""
    before = await state(database, "locations")
    answers = await asyncio.gather(*(api.post(PATH, json=BERLIN, headers=staff) for _ in range(10)))
    assert sorted(each.status_code for each in answers) == [201] + [409] * 9
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"code_taken"}
    assert len(await state(database, "locations")) == len(before) + 2
    await api.delete(f"{PATH}/berlin", headers=staff)
    assert (await api.post(PATH, json=BERLIN, headers=staff)).json()["code"] == "code_taken"


async def test_one_key_makes_one_location(api: Api, staff: dict[str, str]) -> None:
    """Given the same request under one key, then one answer; with another body it is refused."""
    headers = {**staff, "Idempotency-Key": "berlin"}
    first, second = [await api.post(PATH, json=BERLIN, headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code, second.json()) == (201, 201, first.json())
    other = await api.post(PATH, json={**BERLIN, "name": "x"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_none_is_closed_over_goods(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given goods at a location, then it stays open, as `main` does even when it is empty."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "MUG", 0)
    await made(api, staff, "locations", **BERLIN)
    goods = {"location": "berlin", "change": 3, "reason": "delivery"}
    await made(api, staff, "inventory/MUG/adjustments", **goods)
    before = await state(database, "locations", "stock_levels")
    for code, left in (("berlin", 3), ("main", 0)):
        refused = await api.delete(f"{PATH}/{code}", headers=staff)
        assert (refused.status_code, refused.json()["code"]) == (409, "location_in_use")
        assert refused.json()["facts"] == {"on_hand": left}
    assert await state(database, "locations", "stock_levels") == before
    await made(api, staff, "inventory/MUG/adjustments", location="berlin", counted=0, reason="sold at the door")
    assert (await api.delete(f"{PATH}/berlin", headers=staff)).status_code == 204
    refused = await api.post(f"{ADMIN}/inventory/MUG/adjustments", json=goods, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "archived")


async def test_closed_while_goods_come_in(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a delivery and the closing of its location at once, then one of them is refused, whoever was first."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "MUG", 0)
    for number in range(6):
        code = f"house-{number}"
        await made(api, staff, "locations", code=code, name="House")
        goods = {"location": code, "change": 1, "reason": "delivery"}
        came, closed = await asyncio.gather(
            api.post(f"{ADMIN}/inventory/MUG/adjustments", json=goods, headers=staff),
            api.delete(f"{PATH}/{code}", headers=staff),
        )
        assert (came.status_code, closed.status_code) in ((201, 409), (409, 204))
    lost = await database.fetch(
        "SELECT 1 FROM stock_levels l JOIN locations o ON o.id = l.location_id "
        "WHERE o.archived_at IS NOT NULL AND l.on_hand > 0"
    )
    assert lost == []


@pytest.mark.parametrize(
    "body",
    [
        {}, {**BERLIN, "code": "Berlin"}, {**BERLIN, "code": "x\n"}, {**BERLIN, "country": "XX"},
        {**BERLIN, "name": "\x00"}, {**BERLIN, "priority": -1}, {**BERLIN, "priority": 10**30}, {**BERLIN, "more": 1},
    ],
)  # fmt: skip
async def test_what_is_no_location(
    api: Api, staff: dict[str, str], database: Database, body: dict[str, object]
) -> None:
    """Given a body that is none, then it is refused and nothing moved."""
    before = await state(database, "locations")
    answer = await api.post(PATH, json=body, headers=staff)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert await state(database, "locations") == before


async def test_what_is_not_there(api: Api, staff: dict[str, str]) -> None:
    """Given a code of nothing, then every operation on it says so."""
    for answer in (
        await api.get(f"{PATH}/nowhere", headers=staff), await api.delete(f"{PATH}/nowhere", headers=staff),
        await api.patch(f"{PATH}/nowhere", json={"name": "x"}, headers=staff),
        await api.post(f"{PATH}/nowhere/restore", headers=staff),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (404, "location_not_found")
