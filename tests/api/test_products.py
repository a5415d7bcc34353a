"""The shelves: order, pages, filters, prices by currency, and what a client may keep."""

from typing import Any

import pytest
import sqlalchemy as sa

from models.database import Database
from models.ids import new_id
from models.tables.catalog import categories, products
from tests import shop
from tests.api.conftest import NOBODY, Api, StartApi

FRESH = {"Cache-Control": "no-cache"}


async def stock(database: Database, *skus: str, **options: Any) -> None:
    """Products of one variant each, the last the newest."""
    for sku in skus:
        async with database.writing() as writer:
            await shop.stock_product(writer, sku, options.pop("units", 5), **options)


async def test_cards(api: Api, database: Database) -> None:
    """What a shopper needs to choose by, newest first."""
    await stock(database, "CUP", "POT")

    answer = await api.get("/api/v1/products")

    assert answer.status_code == 200
    assert answer.json() == {
        "items": [
            {
                "slug": slug, "name": slug.title(), "category": {"slug": "all", "name": "All"}, "image": None,
                "price": {"amount": 1000, "currency": "usd"}, "compare_at_price": None, "available": 5,
                "rating": None, "ratings": 0, "sale_ends_at": None,
            }
            for slug in ("pot", "cup")
        ],
        "next_cursor": None,
        "total": None,
    }  # fmt: skip


async def test_pages_stay_put_under_inserts(api: Api, database: Database) -> None:
    """What comes in while somebody leafs through shows up on no page twice and pushes nothing off."""
    await stock(database, "A", "B", "C", "D", "E")
    first = (await api.get("/api/v1/products?limit=2")).json()
    await stock(database, "NEW")

    second = (await api.get("/api/v1/products", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    third = (await api.get("/api/v1/products", params={"limit": 2, "cursor": second["next_cursor"]})).json()

    pages = [[item["slug"] for item in page["items"]] for page in (first, second, third)]
    assert pages == [["e", "d"], ["c", "b"], ["a"]]
    assert third["next_cursor"] is None


async def test_ties_are_broken_by_id(api: Api, database: Database) -> None:
    """A bulk import gives many products one time; pages still hold each exactly once."""
    await stock(database, *"ABCDEFG")
    async with database.writing() as writer:
        await writer.execute(sa.update(products).values(created_at=sa.func.now()))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api.get("/api/v1/products", params={"limit": 3, **({"cursor": cursor} if cursor else {})})).json()
        seen += [item["slug"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert sorted(seen) == list("abcdefg")


@pytest.mark.parametrize("cursor", ["x", "a" * 43, "!!!", "AAAA", "é"])
async def test_forged_cursor(api: Api, cursor: str) -> None:
    """A clear 400."""
    answer = await api.get("/api/v1/products", params={"cursor": cursor})

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_unknown")


async def test_currency(api: Api, database: Database) -> None:
    """The list holds what can be bought in it; a product's page says when it cannot."""
    await stock(database, "ABROAD", price={"eur": 900, "jpy": 1500})
    await stock(database, "HOME")

    assert [item["slug"] for item in (await api.get("/api/v1/products")).json()["items"]] == ["home"]
    abroad = (await api.get("/api/v1/products?currency=jpy")).json()["items"]
    assert [(item["slug"], item["price"]) for item in abroad] == [("abroad", {"amount": 1500, "currency": "jpy"})]
    page = (await api.get("/api/v1/products/abroad")).json()
    assert (page["price"], page["available"], page["variants"][0]["price"]) == (None, 0, None)


async def test_category_holds_what_is_below_it(api: Api, database: Database) -> None:
    """Filter and address of a category give the same list; only the address can be wrong."""
    await stock(database, "ELSEWHERE")
    async with database.writing() as writer:
        parent, child = new_id(), new_id()
        await writer.execute(sa.insert(categories).values(id=parent, slug="kitchen", name="Kitchen"))
        await writer.execute(sa.insert(categories).values(id=child, slug="cups", name="Cups", parent_id=parent))
        variant = await shop.stock_product(writer, "MUG", 1)
        await writer.execute(
            sa.text(
                "UPDATE products p SET category_id = :child FROM variants v WHERE v.product_id = p.id AND v.id = :v"
            ),
            {"child": child, "v": variant},
        )

    for path in ("products?category=kitchen", "categories/kitchen/products", "categories/cups/products"):
        assert [item["slug"] for item in (await api.get(f"/api/v1/{path}")).json()["items"]] == ["mug"]
    assert (await api.get("/api/v1/products?category=nothing")).json()["items"] == []
    unknown = await api.get("/api/v1/categories/nothing/products")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "category_not_found")
    page = (await api.get("/api/v1/products/mug")).json()
    assert [category["slug"] for category in page["category_path"]] == ["kitchen", "cups"]


async def test_product(api: Api, database: Database) -> None:
    """A page has its variants, with stock capped at 100."""
    await stock(database, "BOLT", units=250)

    answer = await api.get("/api/v1/products/bolt")

    assert answer.json() == {
        "slug": "bolt", "name": "Bolt", "description": "", "category_path": [{"slug": "all", "name": "All"}],
        "images": [], "price": {"amount": 1000, "currency": "usd"}, "compare_at_price": None, "available": 100,
        "variants": [{"sku": "BOLT", "attributes": {}, "price": {"amount": 1000, "currency": "usd"},
                      "compare_at_price": None, "available": 100, "sale": None, "images": [], "backorder_days": None}],
        "featured": False, "rating": None, "ratings": 0, "sale": None, "vendor": None, "tags": [], "options": [],
    }  # fmt: skip


async def test_withdrawn_products_are_gone(api: Api, database: Database) -> None:
    """From list and page."""
    await stock(database, "OLD")
    async with database.writing() as writer:
        await writer.execute(sa.update(products).values(archived_at=sa.func.now()))

    assert (await api.get("/api/v1/products")).json()["items"] == []
    gone = await api.get("/api/v1/products/old")
    assert (gone.status_code, gone.json()["code"], gone.json()["facts"]) == (404, "product_not_found", {"slug": "old"})


async def test_categories(api: Api, database: Database) -> None:
    """A tree, and each node by its name."""
    async with database.writing() as writer:
        parent = new_id()
        await writer.execute(sa.insert(categories).values(id=parent, slug="home", name="Home", position=1))
        await writer.execute(sa.insert(categories).values(id=new_id(), slug="desk", name="Desk", parent_id=parent))
    desk = {"slug": "desk", "name": "Desk", "description": "", "children": []}
    home = {"slug": "home", "name": "Home", "description": "", "children": [desk]}

    tree = (await api.get("/api/v1/categories")).json()

    assert tree == {"items": [{**desk, "slug": "all", "name": "All"}, home], "next_cursor": None, "total": 3}
    assert (await api.get("/api/v1/categories/home")).json() == home
    assert (await api.get("/api/v1/categories/nothing")).json()["code"] == "category_not_found"


async def test_validators(api: Api, database: Database) -> None:
    """Who has the answer already is told so in 304, from the shelf and from the rows alike."""
    await stock(database, "CUP")
    tag = (await api.get("/api/v1/products")).headers["etag"]

    for extra in ({}, FRESH):
        for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            same = await api.get("/api/v1/products", headers={"If-None-Match": sent, **extra})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        assert (await api.get("/api/v1/products", headers={"If-None-Match": '"other"', **extra})).status_code == 200


async def test_an_answer_may_be_seconds_old_unless_asked_otherwise(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`no-cache` reads the rows."""
    monkeypatch.setattr("api.shelf._FRESH", 600.0)
    await stock(database, "CUP")
    await api.get("/api/v1/products")
    await stock(database, "POT")

    assert len((await api.get("/api/v1/products")).json()["items"]) == 1
    assert len((await api.get("/api/v1/products", headers=FRESH)).json()["items"]) == 2


async def test_redis_away(start_api: StartApi, api: Api, database: Database) -> None:
    """The shelves are read from Postgres, and Redis is left alone for a while."""
    await stock(database, "CUP")
    alone = await start_api(REDIS_URL=f"redis://{NOBODY}/0")

    for path in ("/api/v1/products", "/api/v1/products/cup", "/api/v1/categories"):
        assert (await alone.get(path)).status_code == 200


async def test_postgres_away_and_the_shelf_knows_the_answer(start_api: StartApi, api: Api, database: Database) -> None:
    """Reads go on with what Redis keeps; what it does not keep is 503."""
    await stock(database, "CUP")
    kept = (await api.get("/api/v1/products")).json()
    cut_off = await start_api(DATABASE_URL=f"postgresql://nobody@{NOBODY}/nothing")

    assert (await cut_off.get("/api/v1/products")).json() == kept
    assert (await cut_off.get("/api/v1/products/cup")).status_code == 503


async def test_images_are_served(api: Api) -> None:
    """With a long life."""
    folder = api.app.state.house.settings.media_dir
    (folder / "cup.png").write_bytes(b"\x89PNG")

    answer = await api.get("/media/cup.png")

    assert (answer.status_code, answer.content) == (200, b"\x89PNG")
    assert answer.headers["content-type"] == "image/png"
    assert "max-age=2592000" in answer.headers["cache-control"]
    assert (await api.get("/media/../conftest.py")).status_code == 404
