"""How parcels travel and what that costs: zones that methods share, and methods with their prices."""

import asyncio
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from models.database import Database
from models.roles import Role
from tests import shop
from tests.api.conftest import Api

METHODS = "/api/v1/admin/shipping-methods"
ZONES = "/api/v1/admin/shipping-zones"
AMERICA: dict[str, Any] = {"code": "america", "countries": ["US", "CA"]}


def usd(amount: int, **bounds: int) -> dict[str, Any]:
    """A price as staff write it."""
    return {"price": {"amount": amount, "currency": "usd"}, **bounds}


EXPRESS: dict[str, Any] = {
    "code": "express", "name": "Express", "min_days": 1, "max_days": 2,
    "zones": [
        {"zone": "world", "prices": [usd(4000)]},
        {"zone": "america", "prices": [usd(900, max_weight=1000), usd(300, max_weight=1000, min_subtotal=5000)]},
    ],
}  # fmt: skip


@pytest.fixture
async def finance(api: Api) -> dict[str, str]:
    """The headers of who keeps the shipping prices."""
    return await api.sign_in(Role.FINANCE)


@pytest.fixture
async def america(api: Api, finance: dict[str, str]) -> dict[str, Any]:
    """A second zone beside `world`."""
    return await made(api, finance, ZONES, AMERICA)


async def made(api: Api, staff: dict[str, str], path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A new zone or method."""
    answer = await api.post(path, json=body, headers=staff)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def state(database: Database) -> list[str]:
    """Every zone, method and price, and every change written down."""
    tables = ("shipping_zones", "shipping_methods", "shipping_bands", "audit_log")
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


async def quoted(api: Api, buyer: dict[str, str]) -> dict[str, int]:
    """What each method costs for the buyer's cart to New York."""
    body = {"shipping_address": msgspec.to_builtins(shop.NEW_YORK)}
    answer = await api.post("/api/v1/checkout/quote", json=body, headers=buyer)
    assert answer.status_code == 200, answer.text
    return {method["code"]: method["price"]["amount"] for method in answer.json()["shipping_methods"]}


async def test_a_method_is_made_read_changed_and_archived(
    api: Api, finance: dict[str, str], america: dict[str, Any], database: Database
) -> None:
    """Given a method, then each step answers with it as it is, is written down, and doing it again changes nothing."""
    method = await made(api, finance, METHODS, {**EXPRESS, "reason": "new carrier"})
    full = {"min_weight": 0, "max_weight": None, "min_subtotal": 0, "max_subtotal": None}
    assert {name: method[name] for name in method.keys() - {"created_at"}} == {
        "code": "express", "name": "Express", "min_days": 1, "max_days": 2, "archived_at": None,
        "zones": [
            {"zone": "america", "prices": [{**full, **usd(900, max_weight=1000)},
                                           {**full, **usd(300, max_weight=1000, min_subtotal=5000)}]},
            {"zone": "world", "prices": [{**full, **usd(4000)}]},
        ],
    }  # fmt: skip
    path = f"{METHODS}/express"
    assert (await api.get(path, headers=finance)).json() == method

    turned = {"zones": list(reversed(method["zones"])), "name": "Express"}
    assert (await api.patch(path, json=turned, headers=finance)).json() == method
    changed = await api.patch(path, json={"max_days": 3, "reason": "#1"}, headers=finance)
    assert (changed.status_code, changed.json()) == (200, {**method, "max_days": 3})
    world = [{"zone": "world", "prices": [{**full, **usd(1)}]}]
    cheap = await api.patch(path, json={"zones": world}, headers=finance)
    assert cheap.json() == {**method, "max_days": 3, "zones": world} == (await api.get(path, headers=finance)).json()

    assert (await api.delete(path, params={"reason": "bankrupt"}, headers=finance)).status_code == 204
    assert (await api.delete(path, headers=finance)).status_code == 204
    gone = (await api.get(path, headers=finance)).json()
    back = await api.post(f"{path}/restore", headers=finance)
    assert (back.status_code, back.json()) == (200, cheap.json())
    assert (await api.post(f"{path}/restore", headers=finance)).json() == cheap.json()

    assert (await log(database))[1:] == [
        ("shipping_method.create", "express", None, method, "new carrier"),
        ("shipping_method.change", "express", {"max_days": 2}, {"max_days": 3}, "#1"),
        ("shipping_method.change", "express", {"zones": method["zones"]}, {"zones": world}, None),
        ("shipping_method.archive", "express", {"archived_at": None}, {"archived_at": gone["archived_at"]}, "bankrupt"),
        ("shipping_method.restore", "express", {"archived_at": gone["archived_at"]}, {"archived_at": None}, None),
    ]


async def test_a_zone_is_made_read_changed_and_deleted(api: Api, finance: dict[str, str], database: Database) -> None:
    """Given a zone, then each step answers with it as it is and is written down; gone, its code is free again."""
    zone = await made(api, finance, ZONES, {**AMERICA, "reason": "new lane"})
    assert (zone["code"], zone["countries"]) == ("america", ["CA", "US"])
    path = f"{ZONES}/america"
    assert (await api.get(path, headers=finance)).json() == zone
    same = await api.patch(path, json={"countries": ["CA", "US"]}, headers=finance)
    assert (same.status_code, same.json()) == (200, zone)
    more = await api.patch(path, json={"countries": ["MX", "CA", "US"], "reason": "#1"}, headers=finance)
    assert more.json() == {**zone, "countries": ["CA", "MX", "US"]}
    assert (await api.delete(path, params={"reason": "#2"}, headers=finance)).status_code == 204
    for answer in (
        await api.get(path, headers=finance), await api.delete(path, headers=finance),
        await api.patch(path, json={"countries": ["US"]}, headers=finance),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (404, "shipping_zone_not_found")
    assert await log(database) == [
        ("shipping_zone.create", "america", None, zone, "new lane"),
        ("shipping_zone.change", "america", {"countries": ["CA", "US"]}, {"countries": ["CA", "MX", "US"]}, "#1"),
        ("shipping_zone.delete", "america", more.json(), None, "#2"),
    ]
    await made(api, finance, ZONES, AMERICA)


async def test_the_lists(api: Api, finance: dict[str, str], america: dict[str, Any]) -> None:
    """Given methods and zones, then they are listed newest first, by page; archived methods apart."""
    mine = [await made(api, finance, METHODS, {**EXPRESS, "code": f"express-{number}"}) for number in range(3)]
    for path, newest in ((METHODS, mine[2]), (ZONES, america)):
        seen, cursor = [], None
        while True:
            params = {"limit": 1, **({"cursor": cursor} if cursor else {})}
            page = (await api.get(path, params=params, headers=finance)).json()
            seen += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == (await api.get(path, headers=finance)).json()["items"]
        assert seen[0] == newest
    await api.delete(f"{METHODS}/express-1", headers=finance)
    offered = (await api.get(METHODS, headers=finance)).json()["items"]
    past = (await api.get(METHODS, params={"archived": True}, headers=finance)).json()["items"]
    assert [item["code"] for item in offered] == ["express-2", "express-0", "standard"]
    assert [item["code"] for item in past] == ["express-1"]


async def test_a_change_shows_at_the_next_quote(
    api: Api, finance: dict[str, str], america: dict[str, Any], database: Database
) -> None:
    """Given a cart of 10.00 and 300 g for New York, then what staff change is in its next quote."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "TEA", 50)
    buyer = await api.shopper("TEA")
    assert await quoted(api, buyer) == {"standard": 500}
    await made(api, finance, METHODS, EXPRESS)
    assert await quoted(api, buyer) == {"standard": 500, "express": 900}
    free = [{"zone": "america", "prices": [usd(900), usd(0, max_weight=301, min_subtotal=1000)]}]
    await api.patch(f"{METHODS}/express", json={"zones": free}, headers=finance)
    assert await quoted(api, buyer) == {"express": 0, "standard": 500}
    await api.patch(f"{ZONES}/america", json={"countries": ["CA"]}, headers=finance)
    assert await quoted(api, buyer) == {"standard": 500}
    await api.patch(f"{ZONES}/america", json={"countries": ["US"]}, headers=finance)
    await api.delete(f"{METHODS}/standard", headers=finance)
    assert await quoted(api, buyer) == {"express": 0}
    await api.post(f"{METHODS}/standard/restore", headers=finance)
    assert await quoted(api, buyer) == {"express": 0, "standard": 500}


async def test_refusals_change_nothing(
    api: Api, finance: dict[str, str], america: dict[str, Any], database: Database
) -> None:
    """Given codes that are taken, unknown or in use, then each request is refused and no row is written."""
    await made(api, finance, METHODS, EXPRESS)
    await api.delete(f"{METHODS}/express", headers=finance)
    before = await state(database)
    moon = [*EXPRESS["zones"], {"zone": "moon", "prices": [usd(1)]}]
    refusals = [
        (await api.post(METHODS, json=EXPRESS, headers=finance), 409, "code_taken"),
        (await api.post(ZONES, json=AMERICA, headers=finance), 409, "code_taken"),
        (await api.post(METHODS, json={**EXPRESS, "code": "x", "zones": moon}, headers=finance),
         422, "shipping_zone_unknown"),
        (await api.patch(f"{METHODS}/standard", json={"zones": moon}, headers=finance), 422, "shipping_zone_unknown"),
        (await api.delete(f"{ZONES}/america", headers=finance), 409, "shipping_zone_in_use"),
        (await api.patch(f"{METHODS}/standard", json={"max_days": 1}, headers=finance), 422, "invalid"),
        (await api.patch(f"{METHODS}/standard", json={"min_days": 5}, headers=finance), 422, "invalid"),
        (await api.get(f"{METHODS}/none", headers=finance), 404, "shipping_method_not_found"),
        (await api.patch(f"{METHODS}/none", json={}, headers=finance), 404, "shipping_method_not_found"),
        (await api.delete(f"{METHODS}/none", headers=finance), 404, "shipping_method_not_found"),
        (await api.post(f"{METHODS}/none/restore", headers=finance), 404, "shipping_method_not_found"),
        (await api.get(f"{METHODS}/No%00ne", headers=finance), 404, "not_found"),
    ]  # fmt: skip
    for answer, status, code in refusals:
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert refusals[2][0].json()["facts"] == {"zones": ["moon"]}
    assert refusals[4][0].json()["facts"] == {"shipping_methods": ["express"]}
    assert refusals[5][0].json()["errors"][0]["pointer"] == "/max_days"
    assert await state(database) == before


async def test_a_zone_is_not_deleted_under_a_new_method(api: Api, finance: dict[str, str], database: Database) -> None:
    """Given a zone deleted while methods are given prices for it, then one of the two is refused, never both done."""
    for number in range(6):
        zone = {"code": f"zone-{number}", "countries": ["US"]}
        await made(api, finance, ZONES, zone)
        body = {**EXPRESS, "code": f"m-{number}", "zones": [{"zone": zone["code"], "prices": [usd(1)]}]}
        one, other = await asyncio.gather(
            api.post(METHODS, json=body, headers=finance), api.delete(f"{ZONES}/{zone['code']}", headers=finance)
        )
        assert (one.status_code, other.status_code) in {(201, 409), (422, 204)}
    prices = await database.fetch(
        "SELECT count(*) AS n FROM shipping_bands b JOIN shipping_methods m ON m.id = method_id"
    )
    kept = await database.fetch("SELECT count(*) AS n FROM shipping_methods")
    assert prices[0]["n"] - len(shop.SHIPPING) == kept[0]["n"] - 1


async def test_two_changes_at_once_follow_one_another(
    api: Api, finance: dict[str, str], america: dict[str, Any], database: Database
) -> None:
    """Given eight changes of one method's prices at once, then the last one counts, and the log tells them in turn."""
    await made(api, finance, METHODS, EXPRESS)
    wanted = [[{"zone": "america", "prices": [usd(number)]}] for number in range(8)]
    answers = await asyncio.gather(
        *(api.patch(f"{METHODS}/express", json={"zones": zones}, headers=finance) for zones in wanted)
    )
    assert [answer.status_code for answer in answers] == [200] * 8
    now = (await api.get(f"{METHODS}/express", headers=finance)).json()["zones"]
    changes = [entry for entry in await log(database) if entry[0] == "shipping_method.change"]
    assert len(changes) == 8
    assert all(earlier[3] == later[2] for earlier, later in pairwise(changes))
    assert changes[-1][3] == {"zones": now}


async def test_a_key_makes_one(api: Api, finance: dict[str, str], america: dict[str, Any], database: Database) -> None:
    """Given eight requests under one key, then one method, and the same answer for all; another body is refused."""
    keyed = {**finance, "Idempotency-Key": "one"}
    answers = await asyncio.gather(*(api.post(METHODS, json=EXPRESS, headers=keyed) for _ in range(8)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    reused = await api.post(METHODS, json={**EXPRESS, "name": "Other"}, headers=keyed)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert [entry[0] for entry in await log(database)] == ["shipping_zone.create", "shipping_method.create"]


def priced(*prices: dict[str, Any]) -> dict[str, Any]:
    """Only these prices."""
    return {"zones": [{"zone": "world", "prices": list(prices)}]}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"code": "Ä"}, "/code"), ({"code": "a\n"}, "/code"), ({"name": "a\x00"}, "/name"),
        ({"min_days": -1}, "/min_days"),
        ({"max_days": 0}, ""), ({"max_days": 366}, "/max_days"), ({"max_days": 10**40}, "/max_days"),
        ({"zones": []}, "/zones"), (priced(), "/zones/0/prices"), (priced(usd(-1)), "/zones/0/prices/0"),
        (priced(usd(10**12 + 1)), "/zones/0/prices/0"), (priced(usd(1), usd(2)), "/zones/0"),
        (priced(usd(1, min_weight=5, max_weight=5)), "/zones/0/prices/0"),
        (priced(usd(1, min_subtotal=5, max_subtotal=4)), "/zones/0/prices/0"),
        (priced(usd(1, max_weight=2**31)), "/zones/0/prices/0/max_weight"),
        (priced(usd(1, min_subtotal=2**63)), "/zones/0/prices/0/min_subtotal"),
        (priced({"price": {"amount": 1, "currency": "xxx"}}), "/zones/0/prices/0/price"),
        (priced({"price": 1}), "/zones/0/prices/0/price"), (priced(usd(1, weight=1)), "/zones/0/prices/0/weight"),
        ({"zones": [EXPRESS["zones"][0]] * 2}, ""), ({"carrier": "x"}, "/carrier"),
    ],
)  # fmt: skip
async def test_bad_methods(
    api: Api, finance: dict[str, str], database: Database, change: dict[str, Any], pointer: str
) -> None:
    """Given a method that contradicts itself or leaves its bounds, then 422 points at it, and nothing is written."""
    before = await state(database)
    body = {**EXPRESS, "zones": EXPRESS["zones"][:1], **change}
    answer = await api.post(METHODS, json=body, headers=finance)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await state(database) == before


@pytest.mark.parametrize(
    "countries", [[], ["us"], ["XX"], ["US", "US"], ["*", "US"], ["*", "*"], ["US\n"], [None], "US", None]
)
async def test_bad_zones(api: Api, finance: dict[str, str], database: Database, countries: Any) -> None:
    """Given countries that are none, or more than all of them, then 422, and nothing is written."""
    before = await state(database)
    for answer in (
        await api.post(ZONES, json={"code": "x", "countries": countries}, headers=finance),
        await api.patch(f"{ZONES}/world", json={"countries": countries}, headers=finance),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert await state(database) == before


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.VENDOR, Role.SUPPORT, Role.CATALOG])
async def test_who_may(api: Api, database: Database, role: Role) -> None:
    """Given staff who do not keep the money, then they read and change nothing; buyers do not even read."""
    mine = await api.sign_in(role)
    before = await state(database)
    for path in (METHODS, f"{METHODS}/standard", ZONES, f"{ZONES}/world"):
        assert (await api.get(path, headers=mine)).status_code == (403 if role in (Role.CUSTOMER, Role.VENDOR) else 200)
    for answer in (
        await api.post(ZONES, json=AMERICA, headers=mine), await api.delete(f"{METHODS}/standard", headers=mine),
        await api.patch(f"{ZONES}/world", json={"countries": ["US"]}, headers=mine),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert await state(database) == before
