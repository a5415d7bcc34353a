"""Which tax is charged where, kept so that no cart can ever be given two kinds of prices."""

import asyncio
from typing import Any

import msgspec
import pytest

from models.database import Database
from models.roles import Role
from tests import shop
from tests.api.conftest import Api

RATES = "/api/v1/admin/tax-rates"
FRANCE = {"country": "FR", "name": "TVA", "ppm": 200_000, "inclusive": True}
CALIFORNIA = {"country": "US", "region": "CA", "name": "Sales tax CA", "ppm": 72_500, "inclusive": False}


@pytest.fixture
async def finance(api: Api) -> dict[str, str]:
    """The headers of who keeps the taxes."""
    return await api.sign_in(Role.FINANCE)


async def state(database: Database) -> list[Any]:
    """Every rate, and every change written down."""
    rows = await database.fetch("SELECT t::text FROM tax_rates t UNION ALL SELECT a::text FROM audit_log a ORDER BY 1")
    return [row[0] for row in rows]


async def log(database: Database) -> list[tuple[Any, ...]]:
    """What was written down, oldest first."""
    rows = await database.fetch("SELECT action, subject, before, after, reason, request_id FROM audit_log ORDER BY at")
    return [
        (row["action"], row["subject"], *(msgspec.json.decode(row[name] or "null") for name in ("before", "after")),
         row["reason"], row["request_id"])
        for row in rows
    ]  # fmt: skip


async def made(api: Api, staff: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    """A new rate."""
    answer = await api.post(RATES, json=body, headers=staff)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_rate_is_made_read_changed_and_archived(api: Api, finance: dict[str, str], database: Database) -> None:
    """Given a rate, then each step answers with it as it is, is written down, and doing it again changes nothing."""
    rate = await made(api, finance, {**CALIFORNIA, "reason": "new nexus"})
    assert {name: rate[name] for name in rate.keys() - {"id", "created_at"}} == {
        "country": "US", "region": "CA", "category": "standard", "name": "Sales tax CA", "ppm": 72_500,
        "inclusive": False, "on_shipping": True, "archived_at": None,
    }  # fmt: skip
    path = f"{RATES}/{rate['id']}"
    assert (await api.get(path, headers=finance)).json() == rate

    headers = {**finance, "X-Request-Id": "the-change"}
    changed = await api.patch(path, json={"ppm": 73_000, "name": rate["name"], "reason": "#1"}, headers=headers)
    assert (changed.status_code, changed.json()) == (200, {**rate, "ppm": 73_000})
    same = await api.patch(path, json={"ppm": 73_000}, headers=finance)
    assert (same.status_code, same.json()) == (200, changed.json())

    assert (await api.delete(path, params={"reason": "left"}, headers=finance)).status_code == 204
    assert (await api.delete(path, headers=finance)).status_code == 204
    gone = (await api.get(path, headers=finance)).json()
    assert gone["archived_at"] is not None

    written = await log(database)
    assert [entry[:2] for entry in written] == [
        (f"tax_rate.{step}", "US/CA/standard") for step in ("create", "change", "archive")
    ]
    assert written[0][2:5] == (None, rate, "new nexus")
    assert written[1][2:] == ({"ppm": 72_500}, {"ppm": 73_000}, "#1", "the-change")
    assert written[2][2:5] == ({"archived_at": None}, {"archived_at": gone["archived_at"]}, "left")


async def test_the_list(api: Api, finance: dict[str, str]) -> None:
    """Given rates of three countries, then they are listed newest first, by country, by page, archived or not."""
    mine = [await made(api, finance, {**FRANCE, "category": name}) for name in ("standard", "reduced", "books")]
    everything = (await api.get(RATES, headers=finance)).json()
    assert [item["country"] for item in everything["items"]] == ["FR", "FR", "FR", "DE", "US"]
    assert everything["next_cursor"] is None
    first = (await api.get(RATES, params={"country": "FR", "limit": 2}, headers=finance)).json()
    assert first["items"] == [mine[2], mine[1]]
    rest = {"country": "FR", "limit": 2, "cursor": first["next_cursor"]}
    second = (await api.get(RATES, params=rest, headers=finance)).json()
    assert (second["items"], second["next_cursor"]) == ([mine[0]], None)
    await api.delete(f"{RATES}/{mine[0]['id']}", headers=finance)
    past = (await api.get(RATES, params={"archived": True}, headers=finance)).json()
    assert [item["id"] for item in past["items"]] == [mine[0]["id"]]


async def test_a_change_shows_at_the_next_quote(api: Api, finance: dict[str, str], database: Database) -> None:
    """Given a cart, when the rate of its place rises, ends and begins again, then each next quote says so."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "TEA", 5)
    buyer = await api.shopper("TEA")
    rows = (await api.get(RATES, params={"country": "US"}, headers=finance)).json()["items"]
    path = f"{RATES}/{rows[0]['id']}"

    async def tax() -> int:
        body = {"shipping_address": msgspec.to_builtins(shop.NEW_YORK)}
        answer = await api.post("/api/v1/checkout/quote", json=body, headers=buyer)
        due: int = answer.json()["totals"]["tax"]["amount"]
        return due

    assert await tax() == 100
    assert (await api.patch(path, json={"ppm": 200_000}, headers=finance)).status_code == 200
    assert await tax() == 200
    assert (await api.patch(path, json={"on_shipping": True}, headers=finance)).status_code == 200
    assert await tax() == 300
    assert (await api.delete(path, headers=finance)).status_code == 204
    assert await tax() == 0
    await made(api, finance, {**CALIFORNIA, "region": "NY", "on_shipping": False})
    assert await tax() == 73


async def test_one_rate_a_place_and_category(api: Api, finance: dict[str, str], database: Database) -> None:
    """Given a rate, then a second for the same place and category is refused until the first is archived."""
    first = await made(api, finance, FRANCE)
    before = await state(database)
    again = await api.post(RATES, json={**FRANCE, "ppm": 1}, headers=finance)
    assert (again.status_code, again.json()["code"]) == (409, "tax_rate_exists")
    assert again.json()["facts"] == {"country": "FR", "region": None, "category": "standard"}
    assert await state(database) == before
    assert (await api.delete(f"{RATES}/{first['id']}", headers=finance)).status_code == 204
    await made(api, finance, FRANCE)


async def test_a_country_is_never_mixed(api: Api, finance: dict[str, str], database: Database) -> None:
    """Given a country whose rates come on top, then none that is contained is made or made so; the last one may be."""
    rows = (await api.get(RATES, params={"country": "US"}, headers=finance)).json()["items"]
    second = await made(api, finance, CALIFORNIA)
    before = await state(database)
    for answer in (
        await api.post(RATES, json={**CALIFORNIA, "region": "TX", "inclusive": True}, headers=finance),
        await api.post(RATES, json={**CALIFORNIA, "inclusive": True}, headers=finance),
        await api.patch(f"{RATES}/{second['id']}", json={"inclusive": True}, headers=finance),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "tax_rates_mixed")
        assert answer.json()["facts"] == {"country": "US", "inclusive": False}
    assert await state(database) == before
    assert (await api.delete(f"{RATES}/{rows[0]['id']}", headers=finance)).status_code == 204
    alone = await api.patch(f"{RATES}/{second['id']}", json={"inclusive": True}, headers=finance)
    assert alone.json()["inclusive"] is True


async def test_a_country_is_never_mixed_by_two_at_once(api: Api, finance: dict[str, str], database: Database) -> None:
    """Given a country without rates, when both kinds are made at once, many times, then all that stand agree."""
    for country in ("AT", "BE", "BG", "CY", "CZ"):
        answers = await asyncio.gather(
            *(
                api.post(
                    RATES, headers=finance,
                    json={**FRANCE, "country": country, "category": f"c{number}", "inclusive": bool(number % 2)},
                )
                for number in range(8)
            )
        )  # fmt: skip
        rows = await database.fetch("SELECT inclusive FROM tax_rates WHERE country = $1", country)
        assert len({row["inclusive"] for row in rows}) == 1
        assert sorted(answer.status_code for answer in answers) == [201] * 4 + [409] * 4
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"tax_rates_mixed"}
    assert len(await log(database)) == 20


async def test_the_same_rate_made_at_once_is_made_once(api: Api, finance: dict[str, str], database: Database) -> None:
    """Given eight requests for one rate, then one makes it; under one key all of them are given the same one."""
    answers = await asyncio.gather(*(api.post(RATES, json=FRANCE, headers=finance) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    keyed = {**finance, "Idempotency-Key": "one"}
    italy = {**FRANCE, "country": "IT"}
    answers = await asyncio.gather(*(api.post(RATES, json=italy, headers=keyed) for _ in range(8)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    reused = await api.post(RATES, json={**italy, "ppm": 1}, headers=keyed)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert len(await log(database)) == 2


async def test_an_archived_rate_is_not_changed(api: Api, finance: dict[str, str], database: Database) -> None:
    """Given an archived rate, or none at all, then a change is refused and nothing is written."""
    rate = await made(api, finance, FRANCE)
    await api.delete(f"{RATES}/{rate['id']}", headers=finance)
    before = await state(database)
    late = await api.patch(f"{RATES}/{rate['id']}", json={"ppm": 1}, headers=finance)
    assert (late.status_code, late.json()["code"]) == (409, "archived")
    nowhere = f"{RATES}/01890000-0000-7000-8000-000000000000"
    for answer in (
        await api.get(nowhere, headers=finance), await api.delete(nowhere, headers=finance),
        await api.patch(nowhere, json={"ppm": 1}, headers=finance),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (404, "tax_rate_not_found")
    assert await state(database) == before


@pytest.mark.parametrize(
    "change",
    [
        {"country": "XX"}, {"country": "de"}, {"ppm": -1}, {"ppm": 1_000_001}, {"ppm": 10**30}, {"ppm": 0.5},
        {"name": ""}, {"name": "a\x00b"}, {"name": "x" * 201}, {"region": ""}, {"region": "\n"}, {"category": "Ü"},
        {"inclusive": 1}, {"inclusive": None}, {"surprise": 1}, {"reason": "\x7f"},
    ],
)  # fmt: skip
async def test_bad_rates(api: Api, finance: dict[str, str], database: Database, change: dict[str, Any]) -> None:
    """Given a field that cannot be, then 422, and nothing is written."""
    before = await state(database)
    answer = await api.post(RATES, json={**FRANCE, **change}, headers=finance)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert await state(database) == before


async def test_odd_names_are_kept_as_they_are(api: Api, finance: dict[str, str]) -> None:
    """Given SQL, HTML, emoji and right-to-left text for a name, then it comes back as it was sent."""
    for number, name in enumerate(("'; DROP TABLE tax_rates;--", "<b>x</b>", "🦆 税", "\u202eabc")):
        rate = await made(api, finance, {**FRANCE, "name": name, "category": f"c{number}"})
        assert rate["name"] == name


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.VENDOR, Role.SUPPORT, Role.CATALOG])
async def test_who_may(api: Api, database: Database, role: Role) -> None:
    """Given staff who do not keep the money, then they read and change nothing; buyers do not even read."""
    mine = await api.sign_in(role)
    before = await state(database)
    assert (await api.get(RATES, headers=mine)).status_code == (403 if role in (Role.CUSTOMER, Role.VENDOR) else 200)
    refused = await api.post(RATES, json=FRANCE, headers=mine)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert await state(database) == before
