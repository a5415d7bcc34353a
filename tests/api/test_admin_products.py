"""Products as staff keep them: made with their variants, changed, taken off sale and put back, all written down."""

import asyncio
from typing import Any

import msgspec
import pytest

from models.database import Database
from models.roles import Role
from tests import shop
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log, made, slugs, state

PRODUCTS = f"{ADMIN}/products"
TABLES = ("products", "variants", "prices", "stock", "stock_movements", "product_tags", "listings")
FRESH = {"Cache-Control": "no-cache"}


def usd(amount: int) -> dict[str, Any]:
    """Money of the shop's own currency."""
    return {"amount": amount, "currency": "usd"}


def variant(sku: str, *choice: str, **more: Any) -> dict[str, Any]:
    """A variant of a shirt as staff write it."""
    attributes = {"attributes": dict(zip(("size", "colour"), choice, strict=True))} if choice else {}
    return {"sku": sku, "weight": 200, "prices": [{"price": usd(2400)}], **attributes, **more}


OPTIONS = [{"name": "size", "values": ["S", "M"]}, {"name": "colour", "values": ["sand", "sea"]}]
SHIRT: dict[str, Any] = {
    "slug": "linen-shirt", "name": "Linen <b>Shirt</b> 👕", "description": "Light.\nقميص", "category": "all",
    "vendor": "loom", "tags": ["new", "linen"], "options": OPTIONS, "featured": True, "tax_category": "clothing",
    "variants": [variant("SHIRT-M", "M", "sea", units=5), variant("SHIRT-S", "S", "sea")], "reason": "summer",
}  # fmt: skip


@pytest.fixture
async def staff(api: Api) -> dict[str, str]:
    """The headers of who keeps the shelf, where there are a vendor and two tags."""
    headers = await api.sign_in(Role.CATALOG)
    await made(api, headers, "vendors", slug="loom", name="The Loom")
    for tag in ("linen", "new"):
        await made(api, headers, "tags", slug=tag, name=tag.title())
    return headers


async def shown(api: Api) -> list[str]:
    """What shoppers see in the list."""
    page = await api.get("/api/v1/products", headers=FRESH)
    return [item["slug"] for item in page.json()["items"]]


async def test_one_is_made_and_sold(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a product with options, variants, prices and units, then staff read it so, and shoppers can buy it."""
    answer = await api.post(PRODUCTS, json=SHIRT, headers=staff)
    assert answer.status_code == 201, answer.text
    shirt = answer.json()
    assert {name: shirt[name] for name in shirt.keys() - {"created_at", "updated_at", "variants"}} == {
        **{name: value for name, value in SHIRT.items() if name not in ("reason", "variants")},
        "tags": ["linen", "new"], "images": [], "archived_at": None,
    }  # fmt: skip
    price = {"price": usd(2400), "compare_at_price": None, "sale": None}
    assert [{name: each[name] for name in each.keys() - {"created_at"}} for each in shirt["variants"]] == [
        {"sku": sku, "product": "linen-shirt", "attributes": {"size": size, "colour": "sea"}, "prices": [price],
         "weight": 200, "position": position, "images": [], "on_hand": units, "held": 0, "archived_at": None}
        for position, (sku, size, units) in enumerate([("SHIRT-M", "M", 5), ("SHIRT-S", "S", 0)])
    ]  # fmt: skip
    assert (await api.get(f"{PRODUCTS}/linen-shirt", headers=staff)).json() == shirt
    assert (await log(database))[3:] == [("product.create", "linen-shirt", None, shirt, "summer")]
    ledger = await database.fetch("SELECT kind, on_hand, reason FROM stock_movements")
    assert [tuple(row) for row in ledger] == [("receive", 5, "came with the variant")]

    page = (await api.get("/api/v1/products/linen-shirt", headers=FRESH)).json()
    assert (page["name"], page["price"], page["available"]) == (SHIRT["name"], usd(2400), 5)
    assert [each["sku"] for each in page["variants"]] == ["SHIRT-M", "SHIRT-S"]
    assert await shown(api) == ["linen-shirt"]
    buyer = await api.shopper("SHIRT-M")
    assert (await api.get("/api/v1/cart", headers=buyer)).json()["totals"]["subtotal"] == usd(2400)


async def test_one_is_changed(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a product, then what is said changes, what is left out stays, null clears, and again changes nothing."""
    shirt = await made(api, staff, "products", **SHIRT)
    path = f"{PRODUCTS}/linen-shirt"
    same = {name: SHIRT[name] for name in ("name", "description", "category", "vendor", "options", "tags", "featured")}
    before = await state(database, *TABLES)
    unchanged = await api.patch(path, json={**same, "tags": ["linen", "new", "linen"]}, headers=staff)
    assert (unchanged.status_code, unchanged.json()) == (200, shirt)
    assert await state(database, *TABLES) == before

    await made(api, staff, "categories", slug="shirts", name="Shirts")
    wish = {
        "name": "Shirt", "description": "", "category": "shirts", "vendor": None, "tags": ["new"], "featured": False,
        "tax_category": "standard", "options": [*OPTIONS[:1], {"name": "colour", "values": ["sea", "salt"]}],
    }  # fmt: skip
    changed = await api.patch(path, json={**wish, "reason": "#1"}, headers=staff)
    assert (changed.status_code, changed.json()) == (
        200, {**shirt, **wish, "updated_at": changed.json()["updated_at"]},
    )  # fmt: skip
    assert changed.json()["updated_at"] > shirt["updated_at"]
    assert (await log(database))[-1] == (
        "product.change", "linen-shirt", {name: shirt[name] for name in wish}, wish, "#1"
    )  # fmt: skip
    listed = (await api.get("/api/v1/categories/shirts/products", headers=FRESH)).json()["items"]
    assert [item["name"] for item in listed] == ["Shirt"]


async def test_one_is_archived_and_restored(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a product in a cart, when it is archived, then nobody sees or buys it; restored, it is as it was."""
    shirt = await made(api, staff, "products", **SHIRT)
    buyer, path = await api.shopper("SHIRT-M"), f"{PRODUCTS}/linen-shirt"
    for _ in range(2):
        gone = await api.delete(path, params={"reason": "recall"}, headers=staff)
        assert (gone.status_code, gone.content) == (204, b"")
    archived = (await api.get(path, headers=staff)).json()
    assert archived["archived_at"] is not None
    assert await shown(api) == []
    assert (await api.get("/api/v1/products/linen-shirt", headers=FRESH)).status_code == 404
    cart = (await api.get("/api/v1/cart", headers=buyer)).json()
    assert [warning["code"] for warning in cart["warnings"]] == ["not_on_sale"]
    quote = await api.post(
        "/api/v1/cart/items", json={"sku": "SHIRT-S", "quantity": 1}, headers=buyer
    )  # fmt: skip
    assert (quote.status_code, quote.json()["code"]) == (422, "unknown_sku")

    before = await state(database, *TABLES)
    for refused in (
        await api.patch(path, json={"name": "X"}, headers=staff),
        await api.post(f"{path}/variants", json=variant("SHIRT-L", "M", "sand"), headers=staff),
        await api.patch(f"{ADMIN}/variants/SHIRT-M", json={"weight": 1}, headers=staff),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "archived")
    assert await state(database, *TABLES) == before

    for _ in range(2):
        back = await api.post(f"{path}/restore", params={"reason": "safe"}, headers=staff)
        assert (back.status_code, back.json()) == (200, {**shirt, "updated_at": back.json()["updated_at"]})
    assert await shown(api) == ["linen-shirt"]
    assert (await api.get("/api/v1/cart", headers=buyer)).json()["warnings"] == []
    assert (await log(database))[-2:] == [
        ("product.archive", "linen-shirt", {"archived_at": None}, {"archived_at": archived["archived_at"]}, "recall"),
        ("product.restore", "linen-shirt", {"archived_at": archived["archived_at"]}, {"archived_at": None}, "safe"),
    ]


async def test_what_is_archived_takes_nothing_in(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given an archived category, vendor and tag, then no product gets them; what has the tag or vendor keeps them."""
    await made(api, staff, "products", **SHIRT)
    await made(api, staff, "categories", slug="shirts", name="Shirts")
    await made(api, staff, "products", slug="vest", name="Vest", category="shirts")
    await api.delete(f"{PRODUCTS}/vest", headers=staff)
    for path in ("categories/shirts", "vendors/loom", "tags/new"):
        assert (await api.delete(f"{ADMIN}/{path}", headers=staff)).status_code == 204
    kept = await api.patch(f"{PRODUCTS}/linen-shirt", json={"tags": ["new"], "name": "S"}, headers=staff)
    assert (kept.status_code, kept.json()["tags"], kept.json()["vendor"]) == (200, ["new"], "loom")
    before = await state(database, *TABLES)
    new = {"slug": "x", "name": "X", "category": "all"}
    for change, facts in (
        ({"category": "shirts"}, {"categories": ["shirts"]}), ({"vendor": "loom"}, {"vendors": ["loom"]}),
        ({"tags": ["linen", "new"]}, {"tags": ["new"]}),
    ):  # fmt: skip
        refused = await api.post(PRODUCTS, json={**new, **change}, headers=staff)
        assert (refused.status_code, refused.json()["code"], refused.json()["facts"]) == (409, "archived", facts)
    refused = await api.post(f"{PRODUCTS}/vest/restore", headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "archived")
    for change, noun in (({"category": "y"}, "category"), ({"vendor": "y"}, "vendor"), ({"tags": ["y"]}, "tag")):
        plural = {"category": "categories"}.get(noun, f"{noun}s")
        for refused in (
            await api.post(PRODUCTS, json={**new, **change}, headers=staff),
            await api.patch(f"{PRODUCTS}/linen-shirt", json=change, headers=staff),
        ):
            assert (refused.status_code, refused.json()["code"]) == (422, f"{noun}_unknown")
            assert refused.json()["facts"] == {plural: ["y"]}
    assert await state(database, *TABLES) == before


async def test_no_product_gets_into_a_category_that_is_archived_meanwhile(
    api: Api, staff: dict[str, str], database: Database
) -> None:
    """Given an empty category, when it is archived while a product comes into it, then never do both happen."""
    await made(api, staff, "products", slug="roamer", name="Roamer", category="all")
    for number in range(8):
        slug = f"shelf-{number}"
        await made(api, staff, "categories", slug=slug, name="Shelf")
        new = {"slug": f"product-{number}", "name": "P", "category": slug}
        gone, *put = await asyncio.gather(
            api.delete(f"{ADMIN}/categories/{slug}", headers=staff), api.post(PRODUCTS, json=new, headers=staff),
            api.patch(f"{PRODUCTS}/roamer", json={"category": slug}, headers=staff),
        )  # fmt: skip
        answers = {answer.status_code for answer in (gone, *put)}
        assert answers <= {204, 201, 200, 409}, answers
        assert (gone.status_code == 204) == all(answer.status_code == 409 for answer in put)
    rows = await database.fetch(
        "SELECT FROM products p JOIN categories c ON c.id = p.category_id"
        " WHERE c.archived_at IS NOT NULL AND p.archived_at IS NULL"
    )
    assert rows == []


async def test_names_are_given_once(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given ten requests for one slug, or for the same SKUs in another order, then one of each wins, and is whole."""
    same = [{**SHIRT, "variants": [variant(f"A-{number}", "M", "sea")]} for number in range(10)]
    first = await asyncio.gather(*(api.post(PRODUCTS, json=body, headers=staff) for body in same))
    assert sorted(answer.status_code for answer in first) == [201] + [409] * 9
    assert {answer.json()["code"] for answer in first if answer.status_code == 409} == {"slug_taken"}
    shared = [variant("S-1", "M", "sea"), variant("S-2", "S", "sea")]
    bodies = [
        {**SHIRT, "slug": f"shirt-{number}", "variants": shared if number % 2 else shared[::-1]} for number in range(10)
    ]
    second = await asyncio.gather(*(api.post(PRODUCTS, json=body, headers=staff) for body in bodies))
    assert sorted(answer.status_code for answer in second) == [201] + [409] * 9
    refused = next(answer.json() for answer in second if answer.status_code == 409)
    assert (refused["code"], refused["facts"]) == ("sku_taken", {"skus": ["S-1", "S-2"]})
    rows = await database.fetch("SELECT count(*) FROM products UNION ALL SELECT count(*) FROM variants")
    assert [row[0] for row in rows] == [2, 3]


async def test_a_repeat_makes_no_second_one(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given the same request five times under one key, then one product, its stock once, and one answer."""
    headers = {**staff, "Idempotency-Key": "k"}
    answers = await asyncio.gather(*(api.post(PRODUCTS, json=SHIRT, headers=headers) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert (await database.fetch("SELECT sum(on_hand) FROM stock"))[0][0] == 5


async def test_the_list(api: Api, staff: dict[str, str]) -> None:
    """Given products of all kinds, then they are listed newest first, by page, and by filters that add up."""
    await made(api, staff, "categories", slug="home", name="Home")
    await made(api, staff, "categories", slug="cups", name="Cups", parent="home")
    await made(api, staff, "products", **SHIRT)
    await made(api, staff, "products", slug="mug", name="Mug 100%", category="cups", tags=["new"])
    await made(api, staff, "products", slug="pot", name="Pot", category="home", vendor="loom", featured=True)
    await made(api, staff, "products", slug="old", name="Old", category="home")
    await api.delete(f"{PRODUCTS}/old", headers=staff)
    assert await slugs(api, staff, "products", limit=1) == ["pot", "mug", "linen-shirt"]
    for params, found in (
        ({"archived": True}, ["old"]), ({"category": "home"}, ["pot", "mug"]), ({"category": "cups"}, ["mug"]),
        ({"vendor": "loom"}, ["pot", "linen-shirt"]), ({"tag": "new"}, ["mug", "linen-shirt"]),
        ({"featured": True}, ["pot", "linen-shirt"]), ({"featured": False}, ["mug"]), ({"q": "0%"}, ["mug"]),
        ({"q": "shirt-m"}, ["linen-shirt"]), ({"q": "LINEN"}, ["linen-shirt"]), ({"q": "_"}, []),
        ({"vendor": "loom", "featured": True, "category": "home"}, ["pot"]), ({"tag": "nothing"}, []),
        ({"vendor": "nobody"}, []), ({"category": "nowhere"}, []), ({"archived": True, "tag": "new"}, []),
    ):  # fmt: skip
        assert await slugs(api, staff, "products", **params) == found, params


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"slug": "Shirt"}, "/slug"), ({"slug": "trending"}, ""), ({"slug": "bulk"}, ""), ({"name": ""}, "/name"),
        ({"name": "a\x00"}, "/name"), ({"description": "a\x00"}, "/description"), ({"category": None}, "/category"),
        ({"description": "x" * 20_001}, "/description"), ({"tags": "new"}, "/tags"), ({"tags": ["New"]}, "/tags/0"),
        ({"tags": ["a"] * 51}, "/tags"), ({"options": [{"name": "size"}]}, "/options/0/values"),
        ({"options": [{"name": "size", "values": []}]}, "/options/0/values"),
        ({"options": [{"name": "size", "values": ["S", "S"]}]}, "/options/0"),
        ({"options": [{"name": "a", "values": ["S"]}] * 2}, ""),
        ({"options": [{"name": "a\n", "values": ["S"]}]}, "/options/0/name"),
        ({"options": [{"name": "a", "values": ["S"], "x": 1}]}, "/options/0/x"), ({"featured": 1}, "/featured"),
        ({"tax_category": "No"}, "/tax_category"), ({"id": "x"}, "/id"), ({"images": []}, "/images"),
        ({"ratings": 5}, "/ratings"), ({"variants": [variant("A"), variant("A")]}, ""),
        ({"variants": [variant("A B")]}, "/variants/0/sku"), ({"variants": [variant("A/B")]}, "/variants/0/sku"),
        ({"variants": [variant("A", weight=-1)]}, "/variants/0/weight"),
        ({"variants": [variant("A", weight=10**30)]}, "/variants/0/weight"),
        ({"variants": [variant("A", units=-1)]}, "/variants/0/units"),
        ({"variants": [variant("A", units=2**31)]}, "/variants/0/units"),
        ({"variants": [variant("A", attributes={"": "x"})]}, "/variants/0/attributes"),
        ({"variants": [variant("A", attributes={"a": 1})]}, "/variants/0/attributes"),
        ({"variants": [variant("A", attributes={"a": "\x00"})]}, "/variants/0/attributes"),
        ({"variants": [variant("A", product="mug")]}, "/variants/0/product"),
        ({"variants": [variant(f"A-{n}") for n in range(101)]}, "/variants"),
    ],
)  # fmt: skip
async def test_bad_ones(
    api: Api, staff: dict[str, str], database: Database, change: dict[str, Any], pointer: str
) -> None:
    """Given what is no product, then 422 points at it, and nothing is written."""
    before = await state(database, *TABLES)
    answer = await api.post(PRODUCTS, json={**SHIRT, **change}, headers=staff)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await state(database, *TABLES) == before


@pytest.mark.parametrize(
    ("options", "choices", "code"),
    [
        (OPTIONS, [("M", "red")], "options_mismatch"), (OPTIONS[:1], [("M", "sea")], "options_mismatch"),
        (OPTIONS, [()], "options_mismatch"), (OPTIONS, [("M", "sea"), ("M", "sea")], "variants_alike"),
        ([{"name": "Size", "values": ["M"]}, OPTIONS[1]], [("M", "sea")], "options_mismatch"),
    ],
)  # fmt: skip
async def test_variants_choose_of_the_options(
    api: Api, staff: dict[str, str], database: Database, options: Any, choices: list[Any], code: str
) -> None:
    """Given options, then neither a new product nor a change leaves a variant that does not choose one of each."""
    await made(api, staff, "products", **SHIRT)
    before = await state(database, *TABLES)
    body = {**SHIRT, "slug": "x", "options": options}
    new = [variant(f"A-{number}", *choice) for number, choice in enumerate(choices)]
    refused = await api.post(PRODUCTS, json={**body, "variants": new}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409 if code == "variants_alike" else 422, code)
    narrower = [{"name": "size", "values": ["M"]}, OPTIONS[1]]
    refused = await api.patch(f"{PRODUCTS}/linen-shirt", json={"options": narrower}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (422, "options_mismatch")
    assert refused.json()["facts"] == {"skus": ["SHIRT-S"], "options": ["colour", "size"]}
    assert await state(database, *TABLES) == before


async def test_nobody_knows_it(api: Api, staff: dict[str, str]) -> None:
    """Given a slug that no product has, then 404."""
    path = f"{PRODUCTS}/nothing"
    for answer in (
        await api.get(path, headers=staff), await api.patch(path, json={}, headers=staff),
        await api.delete(path, headers=staff), await api.post(f"{path}/restore", headers=staff),
        await api.get(f"{path}/variants", headers=staff),
        await api.post(f"{path}/variants", json=variant("A"), headers=staff),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (404, "product_not_found")


async def test_an_order_keeps_what_it_refers_to(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given somebody who bought it, when a product is archived, then its rows are all still there."""
    await made(api, staff, "products", **SHIRT)
    address = {"shipping_address": msgspec.to_builtins(shop.NEW_YORK)}
    quote = await api.post("/api/v1/checkout/quote", json=address, headers=await api.shopper("SHIRT-M"))
    assert quote.json()["totals"]["subtotal"] == usd(2400)
    rows = "SELECT (SELECT count(*) FROM variants), (SELECT count(*) FROM prices), (SELECT count(*) FROM products)"
    before = tuple((await database.fetch(rows))[0])
    await api.delete(f"{PRODUCTS}/linen-shirt", headers=staff)
    assert tuple((await database.fetch(rows))[0]) == before == (2, 2, 1)
