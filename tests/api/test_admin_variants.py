"""Variants as staff keep them: priced per currency, reduced for some time, put in order, never moved elsewhere."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models import clock
from models.database import Database
from models.records import DEAREST, MOST_VARIANTS
from models.roles import Role
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log, made, state

VARIANTS = f"{ADMIN}/variants"
TABLES = ("products", "variants", "prices", "stock", "stock_movements", "listings")
FRESH = {"Cache-Control": "no-cache"}
OPTIONS = [{"name": "size", "values": ["S", "M", "L"]}]


def money(amount: int, currency: str = "usd") -> dict[str, Any]:
    """Money."""
    return {"amount": amount, "currency": currency}


def price(amount: int, currency: str = "usd", **more: Any) -> dict[str, Any]:
    """A price as it is answered."""
    return {"price": money(amount, currency), "compare_at_price": None, "sale": None, **more}


@pytest.fixture
async def staff(api: Api) -> dict[str, str]:
    """The headers of who keeps the shelf, with a shirt on it in one size."""
    headers = await api.sign_in(Role.CATALOG)
    await made(
        api, headers, "products", slug="shirt", name="Shirt", category="all", options=OPTIONS,
        variants=[{"sku": "S-S", "weight": 200, "attributes": {"size": "S"}, "prices": [{"price": money(2000)}],
                   "units": 5}],
    )  # fmt: skip
    return headers


async def page(api: Api, currency: str = "usd") -> dict[str, Any]:
    """The shirt as shoppers see it now."""
    answer = await api.get("/api/v1/products/shirt", params={"currency": currency}, headers=FRESH)
    found: dict[str, Any] = answer.json()
    return found


async def patched(api: Api, staff: dict[str, str], sku: str = "S-S", **change: Any) -> dict[str, Any]:
    """A variant after a change."""
    answer = await api.patch(f"{VARIANTS}/{sku}", json=change, headers=staff)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_one_is_made_read_changed_archived_and_restored(
    api: Api, staff: dict[str, str], database: Database
) -> None:
    """Given a variant, then each step answers with it as it is, is written down, and again changes nothing."""
    medium = await made(
        api, staff, "products/shirt/variants", sku="S-M", weight=210, attributes={"size": "M"}, units=3, reason="#1",
        prices=[{"price": money(3000, "jpy")}, {"price": money(1800, "eur"), "compare_at_price": money(2500, "eur")}],
    )  # fmt: skip
    assert {name: medium[name] for name in medium.keys() - {"created_at"}} == {
        "sku": "S-M", "product": "shirt", "attributes": {"size": "M"}, "weight": 210, "position": 1, "images": [],
        "prices": [price(1800, "eur", compare_at_price=money(2500, "eur")), price(3000, "jpy")],
        "on_hand": 3, "held": 0, "archived_at": None,
    }  # fmt: skip
    path = f"{VARIANTS}/S-M"
    assert (await api.get(path, headers=staff)).json() == medium
    before = await state(database, *TABLES)
    same = {"prices": list(reversed(medium["prices"])), "weight": 210, "attributes": {"size": "M"}, "position": 1}
    assert await patched(api, staff, "S-M", **same) == medium
    assert await state(database, *TABLES) == before
    wish = {"weight": 220, "attributes": {"size": "L"}, "prices": [price(2100)], "position": 0}
    now = await patched(api, staff, "S-M", **wish, reason="#2")
    assert now == {**medium, **wish}
    assert [each["sku"] for each in (await page(api))["variants"]] == ["S-M", "S-S"]

    for _ in range(2):
        gone = await api.delete(path, params={"reason": "worn out"}, headers=staff)
        assert (gone.status_code, gone.content) == (204, b"")
    archived = (await api.get(path, headers=staff)).json()["archived_at"]
    assert [each["sku"] for each in (await page(api))["variants"]] == ["S-S"]
    refused = await api.patch(path, json={"weight": 1}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "archived")
    sheet = (await api.get(f"{ADMIN}/products/shirt", headers=staff)).json()
    assert [(each["sku"], each["position"]) for each in sheet["variants"]] == [("S-S", 0), ("S-M", 0)]
    for _ in range(2):
        back = await api.post(f"{path}/restore", headers=staff)
        assert (back.status_code, back.json()) == (200, {**now, "position": 1})

    assert (await log(database))[1:] == [
        ("variant.create", "S-M", None, medium, "#1"),
        ("variant.change", "S-M", {name: medium[name] for name in wish}, wish, "#2"),
        ("variant.archive", "S-M", {"archived_at": None}, {"archived_at": archived}, "worn out"),
        ("variant.restore", "S-M", {"archived_at": archived}, {"archived_at": None}, None),
    ]


async def test_prices_are_those_of_the_moment(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a price with a sale window, then it counts while it is open, in that currency, for page, list and cart."""
    buyer = await api.shopper("S-S")

    async def seen() -> tuple[Any, ...]:
        shirt = await page(api)
        (card,) = (await api.get("/api/v1/products", headers=FRESH)).json()["items"]
        assert (card["price"], card["compare_at_price"]) == (shirt["price"], shirt["compare_at_price"])
        (line,) = (await api.get("/api/v1/cart", headers=buyer)).json()["items"]
        assert line["unit_price"] == shirt["price"]
        before = shirt["compare_at_price"]
        return shirt["price"]["amount"], before and before["amount"]

    now = clock.now()

    def sale(amount: int, start: timedelta, end: timedelta, **more: Any) -> dict[str, Any]:
        window = {"starts_at": (now + start).isoformat(), "ends_at": (now + end).isoformat()}
        return {"price": money(2000), "sale": {"price": money(amount), **window}, **more}

    hour = timedelta(hours=1)
    assert await seen() == (2000, None)
    for prices, counts in (
        (sale(1500, -hour, hour), (1500, 2000)), (sale(1500, hour, 2 * hour), (2000, None)),
        (sale(1500, -2 * hour, -hour), (2000, None)),
        (sale(0, -hour, hour, compare_at_price=money(2200)), (0, 2200)),
        ({"price": money(1900), "compare_at_price": money(2000)}, (1900, 2000)), ({"price": money(2000)}, (2000, None)),
    ):  # fmt: skip
        answered = await patched(api, staff, prices=[prices])
        assert (answered["prices"][0]["sale"] is None) == ("sale" not in prices)
        assert await seen() == counts
    await patched(api, staff, prices=[{"price": money(2000)}, {"price": money(1800, "eur")}])
    assert ((await page(api, "eur"))["price"], (await page(api))["price"]) == (money(1800, "eur"), money(2000))
    await patched(api, staff, prices=[{"price": money(1800, "eur")}])
    assert ((await page(api, "eur"))["price"], (await page(api))["price"]) == (money(1800, "eur"), None)
    cart = (await api.get("/api/v1/cart", headers=buyer)).json()
    assert [warning["code"] for warning in cart["warnings"]] == ["not_on_sale"]
    await patched(api, staff, prices=[])
    assert (await api.get("/api/v1/products?currency=eur", headers=FRESH)).json()["items"] == []


async def test_the_dearest_cart_there_can_be_is_still_a_cart(api: Api, staff: dict[str, str]) -> None:
    """Given goods at the highest price, when a cart is full of them, then its totals are told, with taxes and all."""
    many = [
        {"sku": f"GOLD-{number}", "weight": 10**7, "prices": [{"price": money(DEAREST)}], "units": 1_000_000}
        for number in range(MOST_VARIANTS)
    ]
    await made(api, staff, "products", slug="gold", name="Gold", category="all", variants=many)
    headers: dict[str, str] = {}
    for each in many:
        cart = await api.post("/api/v1/cart/items", json={"sku": each["sku"], "quantity": 999}, headers=headers)
        assert cart.status_code == 201, cart.text
        headers = {"Cart-Token": cart.json()["cart_token"]}
    address = {"full_name": "A", "line1": "1", "city": "N", "postal_code": "1", "country": "US", "region": "NY"}
    quote = await api.post("/api/v1/checkout/quote", json={"shipping_address": address}, headers=headers)
    assert quote.status_code == 200, quote.text
    assert quote.json()["totals"]["subtotal"] == money(100 * 999 * DEAREST)


async def test_they_are_put_in_order(api: Api, staff: dict[str, str]) -> None:
    """Given three variants, then each goes where it is told, the others make room, and shoppers see that order."""
    for size in "ML":
        await made(api, staff, "variants", product="shirt", sku=f"S-{size}", weight=1, attributes={"size": size})

    async def order() -> str:
        return "".join(each["sku"][-1] for each in (await page(api))["variants"])

    assert await order() == "SML"
    assert (await patched(api, staff, "S-L", position=0))["position"] == 0
    assert await order() == "LSM"
    assert (await patched(api, staff, "S-L", position=1))["position"] == 1
    assert await order() == "SLM"
    assert (await patched(api, staff, "S-S", position=10**6))["position"] == 2
    assert await order() == "LMS"
    await asyncio.gather(*(patched(api, staff, f"S-{size}", position=0) for size in "SML"))
    assert sorted(await order()) == list("LMS")


async def test_a_variant_stays_with_its_product(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given two products, then no request moves a variant from one to the other, nor gives its SKU away."""
    await made(api, staff, "products", slug="vest", name="Vest", category="all")
    await made(api, staff, "variants", product="vest", sku="V", weight=1)
    await api.delete(f"{VARIANTS}/V", headers=staff)
    before = await state(database, *TABLES)
    new = {"weight": 1, "attributes": {"size": "L"}}
    for answer, status, code in (
        (await api.patch(f"{VARIANTS}/S-S", json={"product": "vest"}, headers=staff), 422, "invalid"),
        (await api.patch(f"{VARIANTS}/S-S", json={"sku": "V-S"}, headers=staff), 422, "invalid"),
        (await api.post(f"{ADMIN}/products/vest/variants", json={**new, "sku": "S-S"}, headers=staff), 409,
         "sku_taken"),
        (await api.post(VARIANTS, json={**new, "sku": "S-S", "product": "vest"}, headers=staff), 409, "sku_taken"),
        (await api.post(VARIANTS, json={**new, "sku": "V", "product": "shirt"}, headers=staff), 409, "sku_taken"),
        (await api.post(f"{ADMIN}/products/vest/variants", json={**new, "sku": "X", "product": "shirt"},
                        headers=staff), 422, "invalid"),
        (await api.post(VARIANTS, json={**new, "sku": "X", "product": "moon"}, headers=staff), 404,
         "product_not_found"),
        (await api.post(VARIANTS, json={**new, "sku": "X"}, headers=staff), 422, "invalid"),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await state(database, *TABLES) == before


async def test_each_chooses_of_the_options(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given options, then a variant neither comes, changes nor comes back without choosing what no other has."""
    await made(api, staff, "variants", product="shirt", sku="S-M", weight=1, attributes={"size": "M"})
    await api.delete(f"{VARIANTS}/S-M", headers=staff)
    await made(api, staff, "variants", product="shirt", sku="S-M2", weight=1, attributes={"size": "M"})
    before = await state(database, *TABLES)
    path = f"{ADMIN}/products/shirt/variants"
    for answer, code in (
        (await api.post(path, json={"sku": "X", "weight": 1}, headers=staff), "options_mismatch"),
        (await api.post(path, json={"sku": "X", "weight": 1, "attributes": {"size": "XL"}}, headers=staff),
         "options_mismatch"),
        (await api.post(path, json={"sku": "X", "weight": 1, "attributes": {"size": "L", "a": "b"}}, headers=staff),
         "options_mismatch"),
        (await api.post(path, json={"sku": "X", "weight": 1, "attributes": {"size": "S"}}, headers=staff),
         "variants_alike"),
        (await api.patch(f"{VARIANTS}/S-S", json={"attributes": {"size": "M"}}, headers=staff), "variants_alike"),
        (await api.patch(f"{VARIANTS}/S-S", json={"attributes": {}}, headers=staff), "options_mismatch"),
        (await api.post(f"{VARIANTS}/S-M/restore", headers=staff), "variants_alike"),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (409 if code == "variants_alike" else 422, code)
    assert answer.json()["facts"] == {"skus": ["S-M2", "S-M"]}
    assert await state(database, *TABLES) == before
    rush = [{"sku": f"L-{number}", "weight": 1, "attributes": {"size": "L"}} for number in range(5)]
    answers = await asyncio.gather(*(api.post(path, json=body, headers=staff) for body in rush))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_a_product_has_so_many(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a product that is full, then no other variant is made or comes back before one has gone."""
    many = [{"sku": f"N-{number}", "weight": 1} for number in range(MOST_VARIANTS)]
    await made(api, staff, "products", slug="nails", name="Nails", category="all", variants=many)
    path = f"{ADMIN}/products/nails/variants"
    full = await api.post(path, json={"sku": "N-X", "weight": 1}, headers=staff)
    assert (full.status_code, full.json()["code"], full.json()["facts"]) == (
        422, "variants_full", {"most": MOST_VARIANTS},
    )  # fmt: skip
    await api.delete(f"{VARIANTS}/N-7", headers=staff)
    assert (await api.post(path, json={"sku": "N-X", "weight": 1}, headers=staff)).json()["position"] == 99
    back = await api.post(f"{VARIANTS}/N-7/restore", headers=staff)
    assert (back.status_code, back.json()["code"]) == (422, "variants_full")


async def test_two_change_one_at_once(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given ten changes of one variant at once, then each is whole: the log tells them one after the other."""
    answers = await asyncio.gather(
        *(patched(api, staff, weight=1000 + n, prices=[{"price": money(1000 + n)}]) for n in range(10))
    )
    assert all(each["weight"] == each["prices"][0]["price"]["amount"] for each in answers)
    steps = [(before["weight"], after["weight"]) for _, _, before, after, _ in (await log(database))[1:]]
    assert [before for before, _ in steps] == [200, *(after for _, after in steps[:-1])]
    assert (await api.get(f"{VARIANTS}/S-S", headers=staff)).json()["weight"] == steps[-1][1]


async def test_the_lists(api: Api, staff: dict[str, str]) -> None:
    """Given variants of two products, then they are listed newest first, by page, by words and by product."""
    await made(api, staff, "products", slug="mug", name="Stone Mug", category="all")
    await made(api, staff, "variants", product="mug", sku="mug.1", weight=1)
    await made(api, staff, "variants", product="shirt", sku="S-M", weight=1, attributes={"size": "M"})
    await made(api, staff, "variants", product="shirt", sku="S-L", weight=1, attributes={"size": "L"})
    await api.delete(f"{VARIANTS}/S-L", headers=staff)

    async def skus(path: str = "variants", **params: Any) -> list[str]:
        found, more = [], dict[str, Any]()
        while True:
            answer = (await api.get(f"{ADMIN}/{path}", params={**params, **more}, headers=staff)).json()
            found += [each["sku"] for each in answer["items"]]
            if answer["next_cursor"] is None:
                return found
            more = {"cursor": answer["next_cursor"]}

    assert await skus(limit=1) == ["S-M", "mug.1", "S-S"]
    for params, found in (
        ({"archived": True}, ["S-L"]), ({"product": "shirt"}, ["S-M", "S-S"]), ({"product": "moon"}, []),
        ({"q": "STONE"}, ["mug.1"]), ({"q": "s-m"}, ["S-M"]), ({"q": "%"}, []), ({"q": "g.1"}, ["mug.1"]),
        ({"q": "s-", "product": "mug"}, []),
    ):  # fmt: skip
        assert await skus(**params) == found, params
    assert await skus("products/shirt/variants", limit=1) == ["S-M", "S-S"]
    assert await skus("products/shirt/variants", archived=True) == ["S-L"]
    assert await skus("products/mug/variants", archived=True) == []


NOW, LATER = "2026-11-27T00:00:00Z", "2026-12-01T00:00:00Z"


def reduced(**change: Any) -> dict[str, Any]:
    """A price with a sale window that is wrong somewhere."""
    return {"price": money(100), "sale": {"price": money(50), "starts_at": NOW, "ends_at": LATER, **change}}


@pytest.mark.parametrize(
    ("prices", "pointer"),
    [
        ([{"price": money(-1)}], "/prices/0"), ([{"price": money(DEAREST + 1)}], "/prices/0"),
        ([{"price": money(10**30)}], "/prices/0/price"), ([{"price": {"amount": 1.5, "currency": "usd"}}],
                                                          "/prices/0/price/amount"),
        ([{"price": money(1, "xxx")}], "/prices/0/price"), ([{"price": money(1, "USD")}], "/prices/0/price"),
        ([{"price": 100}], "/prices/0/price"), ([{}], "/prices/0/price"), ("free", "/prices"), (None, "/prices"),
        ([{"price": money(1)}, {"price": money(2)}], ""), ([{"price": money(1), "x": 1}], "/prices/0/x"),
        ([{"price": money(100), "compare_at_price": money(100)}], "/prices/0"),
        ([{"price": money(100), "compare_at_price": money(200, "eur")}], "/prices/0"),
        ([{"price": money(100), "compare_at_price": money(10**12)}], "/prices/0"),
        ([reduced(price=money(100))], "/prices/0"), ([reduced(price=money(-1))], "/prices/0"),
        ([reduced(price=money(50, "eur"))], "/prices/0"), ([reduced(ends_at=NOW)], "/prices/0/sale"),
        ([reduced(starts_at="2026-11-27T00:00:00")], "/prices/0/sale/starts_at"),
        ([reduced(starts_at="0001-01-01T00:00:00+14:00")], "/prices/0/sale"),
        ([reduced(ends_at="9999-12-31T23:59:59-14:00")], "/prices/0/sale"),
        ([reduced(ends_at=None)], "/prices/0/sale/ends_at"), ([reduced(ppm=1)], "/prices/0/sale/ppm"),
    ],
)  # fmt: skip
async def test_prices_that_make_no_sense(
    api: Api, staff: dict[str, str], database: Database, prices: Any, pointer: str
) -> None:
    """Given a price that nothing can have, then 422 points at it, for a new variant and an old one; nothing moves."""
    before = await state(database, *TABLES)
    new = {"sku": "X", "weight": 1, "attributes": {"size": "L"}, "prices": prices}
    for answer in (
        await api.post(f"{ADMIN}/products/shirt/variants", json=new, headers=staff),
        await api.patch(f"{VARIANTS}/S-S", json={"prices": prices}, headers=staff),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await state(database, *TABLES) == before


@pytest.mark.parametrize("sku", ["nothing", "%F0%9F%91%95", "'%20OR%201=1", "a%20b", "x" * 100])
async def test_nobody_knows_it(api: Api, staff: dict[str, str], sku: str) -> None:
    """Given a SKU that nothing has, then 404."""
    path = f"{VARIANTS}/{sku}"
    for answer in (
        await api.get(path, headers=staff), await api.patch(path, json={}, headers=staff),
        await api.delete(path, headers=staff), await api.post(f"{path}/restore", headers=staff),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (404, "variant_not_found")
