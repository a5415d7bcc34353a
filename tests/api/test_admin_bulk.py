"""Many products at once: all of it or nothing, told product by product, and written down for each."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from models.bulk import MOST_AT_ONCE
from models.database import Database, patiently
from models.records import DEAREST
from models.roles import Role
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log, made, slugs, state

BULK = f"{ADMIN}/products/bulk"
TABLES = ("products", "variants", "prices", "product_tags", "listings", "catalogue_changes")
SALE = {"ppm": 250_000, "starts_at": "2020-01-01T00:00:00Z", "ends_at": "2100-01-01T02:00:00+02:00"}


def money(amount: int, currency: str = "usd") -> dict[str, Any]:
    """Money."""
    return {"amount": amount, "currency": currency}


@pytest.fixture
async def staff(api: Api) -> dict[str, str]:
    """The headers of who keeps the shelf, with a mug, a pot and an archived jar on it, and what they can be given."""
    headers = await api.sign_in(Role.CATALOG)
    await made(api, headers, "categories", slug="kitchen", name="Kitchen")
    await made(api, headers, "vendors", slug="kiln", name="Kiln")
    for tag in ("new", "old"):
        await made(api, headers, "tags", slug=tag, name=tag)
    for slug, amount in (("mug", 1000), ("pot", 3999), ("jar", 500)):
        prices = [{"price": money(amount)}, {"price": money(amount * 150, "jpy")}]
        await made(
            api, headers, "products", slug=slug, name=slug.title(), category="all", tags=["old"],
            variants=[{"sku": f"{slug}-{n}", "weight": 1, "prices": prices, "units": 1} for n in range(2)],
        )  # fmt: skip
    await api.delete(f"{ADMIN}/products/jar", headers=headers)
    return headers


async def told(api: Api, staff: dict[str, str], *products: str, **change: Any) -> dict[str, Any]:
    """What became of them."""
    answer = await api.post(BULK, json={"products": products, **change}, headers=staff)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def prices(api: Api, staff: dict[str, str], slug: str) -> list[tuple[Any, ...]]:
    """(currency, price, before, sale) of the first variant."""
    sheet = (await api.get(f"{ADMIN}/products/{slug}", headers=staff)).json()
    first, second = (each["prices"] for each in sheet["variants"])
    assert first == second
    return [
        (each["price"]["currency"], each["price"]["amount"],
         each["compare_at_price"] and each["compare_at_price"]["amount"],
         each["sale"] and each["sale"]["price"]["amount"])
        for each in first
    ]  # fmt: skip


async def test_places_and_words(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given two products, then category, vendor, tags and place of honour change together; again changes nothing."""
    start = len(await log(database))
    wish = {"category": "kitchen", "vendor": "kiln", "featured": True, "add_tags": ["new"], "remove_tags": ["old"]}
    assert await told(api, staff, "pot", "mug", **wish, reason="#1") == {"changed": ["pot", "mug"], "unchanged": []}
    before, after = (
        {"category": "all", "vendor": None, "featured": False, "tags": ["old"]},
        {"category": "kitchen", "vendor": "kiln", "featured": True, "tags": ["new"]},
    )
    assert sorted((await log(database))[start:]) == [
        ("product.change", slug, before, after, "#1") for slug in ("mug", "pot")
    ]
    for slug in ("mug", "pot"):
        sheet = (await api.get(f"{ADMIN}/products/{slug}", headers=staff)).json()
        assert {name: sheet[name] for name in after} == after
        assert sheet["updated_at"] > sheet["created_at"]
    listed = await api.get("/api/v1/categories/kitchen/products", headers={"Cache-Control": "no-cache"})
    assert [item["slug"] for item in listed.json()["items"]] == ["pot", "mug"]

    rows = await state(database, *TABLES)
    assert await told(api, staff, "mug", "pot", **wish) == {"changed": [], "unchanged": ["mug", "pot"]}
    assert await state(database, *TABLES) == rows
    assert await told(api, staff, "mug", vendor=None) == {"changed": ["mug"], "unchanged": []}


async def test_off_sale_and_on_again(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given products of both kinds, then they are archived or restored; those that are so already stay untouched."""
    jar = (await api.get(f"{ADMIN}/products/jar", headers=staff)).json()
    assert await told(api, staff, "mug", "jar", archived=True) == {"changed": ["mug"], "unchanged": ["jar"]}
    assert (await api.get(f"{ADMIN}/products/jar", headers=staff)).json() == jar
    assert await slugs(api, staff, "products") == ["pot"]
    back = await told(api, staff, "mug", "jar", "pot", archived=False, featured=True)
    assert back == {"changed": ["mug", "jar", "pot"], "unchanged": []}
    assert sorted(await slugs(api, staff, "products", featured=True)) == ["jar", "mug", "pot"]
    await made(api, staff, "categories", slug="gone", name="Gone")
    await told(api, staff, "jar", category="gone")
    await told(api, staff, "jar", archived=True)
    await api.delete(f"{ADMIN}/categories/gone", headers=staff)
    refused = await api.post(BULK, json={"products": ["jar"], "archived": False}, headers=staff)
    assert (refused.status_code, refused.json()["facts"]["refused"][0]["code"]) == (409, "archived")
    assert await told(api, staff, "jar", archived=False, category="all") == {"changed": ["jar"], "unchanged": []}


async def test_prices_move_by_a_percentage(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given prices, then they rise and fall exactly, all or those of one currency, with old and new in the log."""
    start = len(await log(database))
    await told(api, staff, "mug", "pot", prices={"ppm": -100_000}, reason="down")
    assert await prices(api, staff, "mug") == [("jpy", 135_000, None, None), ("usd", 900, None, None)]
    assert await prices(api, staff, "pot") == [("jpy", 539_865, None, None), ("usd", 3599, None, None)]
    mug = next(entry for entry in (await log(database))[start:] if entry[1] == "mug")
    assert mug[2]["prices"].keys() == {"mug-0", "mug-1"}
    assert [(was["price"], now["price"]) for was, now in zip(mug[2]["prices"]["mug-1"], mug[3]["prices"]["mug-1"],
                                                             strict=True)] == [
        (money(150_000, "jpy"), money(135_000, "jpy")), (money(1000), money(900)),
    ]  # fmt: skip
    await told(api, staff, "mug", prices={"ppm": 50_000, "currency": "jpy"})
    assert await prices(api, staff, "mug") == [("jpy", 141_750, None, None), ("usd", 900, None, None)]
    assert (await told(api, staff, "mug", prices={"ppm": 1, "currency": "eur"}))["unchanged"] == ["mug"]
    page = (await api.get("/api/v1/products/mug", headers={"Cache-Control": "no-cache"})).json()
    assert page["price"] == money(900)


async def test_a_sale_of_many(api: Api, staff: dict[str, str]) -> None:
    """Given a sale for all, then it counts for page and list from its beginning, and is taken back by null."""
    fresh = {"Cache-Control": "no-cache"}
    await told(api, staff, "mug", "pot", prices={"ppm": 100_000}, sale={**SALE, "currency": "usd"})
    assert await prices(api, staff, "mug") == [("jpy", 165_000, None, None), ("usd", 1100, None, 825)]
    cards = (await api.get("/api/v1/products", headers=fresh)).json()["items"]
    assert [(card["price"], card["compare_at_price"]) for card in cards] == [
        (money(3299), money(4399)), (money(825), money(1100)),
    ]  # fmt: skip
    sheet = (await api.get(f"{ADMIN}/products/mug", headers=staff)).json()
    assert sheet["variants"][0]["prices"][1]["sale"]["ends_at"] == "2100-01-01T00:00:00Z"
    assert (await told(api, staff, "mug", sale={**SALE, "currency": "usd"}))["unchanged"] == ["mug"]
    assert await told(api, staff, "mug", "pot", sale=None) == {"changed": ["mug", "pot"], "unchanged": []}
    assert (await api.get("/api/v1/products/mug", headers=fresh)).json()["price"] == money(1100)


async def test_all_or_nothing(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given products of which some cannot, then each is told with its reason, and not one row has moved."""
    dear = [{"sku": "GOLD", "weight": 1, "prices": [{"price": money(DEAREST)}]}]
    await made(api, staff, "products", slug="gold", name="Gold", category="all", variants=dear)
    before = await state(database, *TABLES)
    body = {"products": ["mug", "moon", "jar", "gold", "pot"], "featured": True, "prices": {"ppm": 1000}}
    refused = await api.post(BULK, json=body, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "bulk_refused")
    assert [(each["product"], each["code"]) for each in refused.json()["facts"]["refused"]] == [
        ("moon", "product_not_found"), ("jar", "archived"), ("gold", "price_too_high"),
    ]  # fmt: skip
    for change, status, code in (
        ({"category": "moon"}, 422, "category_unknown"), ({"vendor": "moon"}, 422, "vendor_unknown"),
        ({"add_tags": ["moon"]}, 422, "tag_unknown"),
    ):  # fmt: skip
        answer = await api.post(BULK, json={"products": ["mug"], "featured": True, **change}, headers=staff)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await state(database, *TABLES) == before
    for kind in ("vendors/kiln", "tags/new", "categories/kitchen"):
        await api.delete(f"{ADMIN}/{kind}", headers=staff)
    before = await state(database, *TABLES)
    for change in ({"category": "kitchen"}, {"vendor": "kiln"}, {"add_tags": ["new"]}):
        answer = await api.post(BULK, json={"products": ["mug"], **change}, headers=staff)
        assert (answer.status_code, answer.json()["code"]) == (409, "archived")
    assert await state(database, *TABLES) == before
    assert await told(api, staff, "mug", remove_tags=["moon", "new"]) == {"changed": [], "unchanged": ["mug"]}


async def test_once_for_each_key(api: Api, staff: dict[str, str]) -> None:
    """Given the same request five times at once under one key, then prices rise once."""
    headers, body = {**staff, "Idempotency-Key": "k"}, {"products": ["pot", "mug"], "prices": {"ppm": 100_000}}
    answers = await asyncio.gather(*(api.post(BULK, json=body, headers=headers) for _ in range(5)))
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (200, b'{"changed":["pot","mug"],"unchanged":[]}')
    }
    assert await prices(api, staff, "mug") == [("jpy", 165_000, None, None), ("usd", 1100, None, None)]


async def test_two_at_once_both_count(api: Api, staff: dict[str, str]) -> None:
    """Given two requests for the same products in another order, then both are done, one after the other."""
    body = {"prices": {"ppm": 1_000_000}}
    orders = [["mug", "pot"], ["pot", "mug"]] * 3
    answers = await asyncio.gather(*(api.post(BULK, json={"products": each, **body}, headers=staff) for each in orders))
    assert {answer.status_code for answer in answers} == {200}
    assert (await prices(api, staff, "mug"))[1] == ("usd", 64_000, None, None)


async def test_as_many_as_may_be(
    api: Api, staff: dict[str, str], database: Database, record_property: Callable[[str, object], None]
) -> None:
    """Given five hundred products of three variants in two currencies, then all change within Postgres' patience, also
    when it still takes the tables for empty.
    """
    await database.fetch("ANALYZE")
    many = """
        WITH p AS (
            INSERT INTO products (id, slug, name, category_id)
            SELECT uuidv7(), 'many-' || n, 'Many', (SELECT id FROM categories WHERE slug = 'all')
            FROM generate_series(1, $1::int) n RETURNING id, slug
        ), v AS (
            INSERT INTO variants (id, product_id, sku, weight)
            SELECT uuidv7(), p.id, p.slug || '-' || n, 1 FROM p, generate_series(1, 3) n RETURNING id
        ) INSERT INTO prices (variant_id, currency, amount) SELECT id, c, 1000 FROM v, unnest(ARRAY['usd', 'eur']) c
    """
    async with database.writing() as writer:
        await patiently(writer, many, MOST_AT_ONCE)
    names = [f"many-{number + 1}" for number in range(MOST_AT_ONCE)]
    began = time.perf_counter()
    wish = {"category": "kitchen", "add_tags": ["new"], "prices": {"ppm": 100_000}, "sale": SALE, "featured": True}
    assert await told(api, staff, *names, **wish) == {"changed": names, "unchanged": []}
    record_property("measured", f"{MOST_AT_ONCE} products changed at once: {time.perf_counter() - began:.2f} s")
    rows = await database.fetch("SELECT amount, compare_at, count(*) FROM listings WHERE featured GROUP BY 1, 2")
    assert [tuple(row) for row in rows] == [(825, 1100, 2 * MOST_AT_ONCE)]
    assert len([entry for entry in await log(database) if entry[0] == "product.change"]) == MOST_AT_ONCE


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({}, ""), ({"add_tags": []}, ""), ({"reason": "x"}, ""), ({"products": []}, "/products"),
        ({"products": ["a", "a"], "featured": True}, ""), ({"products": ["A"], "featured": True}, "/products/0"),
        ({"products": [f"p-{n}" for n in range(501)], "featured": True}, "/products"),
        ({"products": "mug", "featured": True}, "/products"), ({"archived": None}, "/archived"),
        ({"category": None}, "/category"), ({"featured": "yes"}, "/featured"), ({"name": "X"}, "/name"),
        ({"add_tags": ["new"], "remove_tags": ["new"]}, ""), ({"prices": {"ppm": 0}}, "/prices"),
        ({"prices": {"ppm": -1_000_000}}, "/prices/ppm"), ({"prices": {"ppm": 10**30}}, "/prices/ppm"),
        ({"prices": {"ppm": 1.5}}, "/prices/ppm"), ({"prices": {"ppm": 1, "currency": "USD"}}, "/prices/currency"),
        ({"prices": {"percent": 5}}, "/prices/percent"), ({"prices": None}, "/prices"),
        ({"sale": {**SALE, "ppm": 0}}, "/sale/ppm"), ({"sale": {**SALE, "ppm": 1_000_001}}, "/sale/ppm"),
        ({"sale": {**SALE, "ends_at": "2019-01-01T00:00:00Z"}}, "/sale"), ({"sale": {"ppm": 1}}, "/sale/starts_at"),
        ({"sale": {**SALE, "starts_at": "2020-01-01"}}, "/sale/starts_at"),
    ],
)  # fmt: skip
async def test_wishes_that_make_no_sense(
    api: Api, staff: dict[str, str], database: Database, change: dict[str, Any], pointer: str
) -> None:
    """Given nothing to do, or what cannot be done, then 422 points at it, and nothing moves."""
    before = await state(database, *TABLES)
    answer = await api.post(BULK, json={"products": ["mug"], **change}, headers=staff)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await state(database, *TABLES) == before
