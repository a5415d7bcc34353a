"""Lists of products over HTTP: parameters together, cursors of the very list, totals where asked for."""

import asyncio
from typing import Any

import pytest

from models.database import Database
from tests import goods
from tests.api.conftest import Api
from tests.goods import Sold

FRESH = {"Cache-Control": "no-cache"}


async def slugs(api: Api, path: str = "products", **parameters: Any) -> list[str]:
    """What a list holds now."""
    answer = await api.get(f"/api/v1/{path}", params=parameters, headers=FRESH)
    assert answer.status_code == 200, answer.text
    return [item["slug"] for item in answer.json()["items"]]


@pytest.fixture
async def stall(database: Database, api: Api) -> Api:
    """Four products: two mugs of acme's, one on sale; a featured pot; a plate that is sold out."""
    async with database.writing() as writer:
        mugs = await goods.category(writer, "mugs", await goods.category(writer, "home"))
        red, acme = await goods.tag(writer, "red"), await goods.vendor(writer, "acme")
        await goods.product(writer, "mug", Sold(price={"usd": 1500, "eur": 1400}), category=mugs, vendor_id=acme,
                            ratings=2, stars=9)  # fmt: skip
        await goods.product(writer, "cup", Sold(price={"usd": 1200}, sale=goods.open_sale(800)), category=mugs,
                            vendor_id=acme, tags=[red])  # fmt: skip
        await goods.product(writer, "pot", Sold(price={"usd": 3000}), featured=True, tags=[red], ratings=1, stars=3)
        await goods.product(writer, "plate", Sold(units=0, price={"usd": 700}))
    return api


async def test_each_filter_and_some_together(stall: Api) -> None:
    """Given the four, then each filter leaves those it should."""
    assert await slugs(stall) == ["plate", "pot", "cup", "mug"]
    assert await slugs(stall, category="home") == ["cup", "mug"]
    assert await slugs(stall, path="categories/home/products", sort="price") == ["cup", "mug"]
    assert await slugs(stall, path="categories/home/products", tag="red") == ["cup"]
    assert await slugs(stall, tag="red") == ["pot", "cup"]
    assert await slugs(stall, vendor="acme") == ["cup", "mug"]
    assert await slugs(stall, min_price=800, max_price=1500) == ["cup", "mug"]
    assert await slugs(stall, in_stock="true") == ["pot", "cup", "mug"]
    assert await slugs(stall, min_rating=3.5) == ["mug"]
    assert await slugs(stall, featured="true") == ["pot"]
    assert await slugs(stall, on_sale="true") == ["cup"]
    assert await slugs(stall, in_stock="false", featured="false", on_sale="false") == ["plate", "pot", "cup", "mug"]
    assert await slugs(stall, category="mugs", tag="red", vendor="acme", max_price=800, in_stock="true") == ["cup"]
    assert await slugs(stall, min_price=1600, max_price=1500) == []
    assert await slugs(stall, currency="eur", vendor="acme") == ["mug"]


async def test_each_order(stall: Api) -> None:
    """Given the four, then each order is its own; the price of a sale counts while it is open."""
    assert await slugs(stall, sort="newest") == ["plate", "pot", "cup", "mug"]
    assert await slugs(stall, sort="price") == ["plate", "cup", "mug", "pot"]
    assert await slugs(stall, sort="-price") == ["pot", "mug", "cup", "plate"]
    assert (await slugs(stall, sort="rating"))[:2] == ["mug", "pot"]


async def test_totals_are_counted_where_asked(stall: Api) -> None:
    """Given a page of one, then the total is that of the whole list; unasked there is none."""
    for parameters, total in (({}, 4), ({"tag": "red"}, 2), ({"tag": "blue"}, 0)):
        asked = await stall.get("/api/v1/products", params={**parameters, "limit": 1, "count": "true"}, headers=FRESH)
        assert asked.json()["total"] == total
        unasked = await stall.get("/api/v1/products", params={**parameters, "limit": 1}, headers=FRESH)
        assert unasked.json()["total"] is None


@pytest.mark.parametrize(
    "other",
    [{"sort": "price"}, {"tag": "red"}, {"currency": "eur"}, {"in_stock": "true"}, {"category": "home"}],
    ids=lambda other: next(iter(other)),
)
async def test_a_cursor_is_of_its_own_list(stall: Api, other: dict[str, str]) -> None:
    """Given the cursor of one list, then it opens no other one, and still opens its own."""
    first = (await stall.get("/api/v1/products", params={"limit": 1})).json()

    strange = await stall.get("/api/v1/products", params={"limit": 1, "cursor": first["next_cursor"], **other})
    assert (strange.status_code, strange.json()["code"]) == (400, "cursor_unknown")
    assert await slugs(stall, limit=2, cursor=first["next_cursor"]) == ["pot", "cup"]


@pytest.mark.parametrize("sort", ["newest", "price", "-price", "rating", "popularity"])
async def test_leafing_through(stall: Api, sort: str) -> None:
    """Given any order, then pages of one come to the whole list, under cursors that look alike."""
    whole, found, cursor = await slugs(stall, sort=sort), [], ""
    while True:
        page = (await stall.get("/api/v1/products", params={"sort": sort, "limit": 1, "cursor": cursor})).json()
        found += [item["slug"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
        assert len(cursor) == 43
    assert found == whole


@pytest.mark.parametrize(
    "query",
    ["sort=cheapest", "sort=", "min_price=-1", "max_price=9223372036854775808", "min_price=1.5", "min_rating=nan",
     "min_rating=inf", "min_rating=0", "min_rating=5.1", "category=Mugs", "tag=%00", "vendor=%F0%9F%98%80",
     "vendor=" + "x" * 101, "in_stock=maybe", "limit=0", "limit=101", "currency=USD", "count=2"],
)  # fmt: skip
async def test_bad_parameters(api: Api, query: str) -> None:
    """A clear 422, which names the parameter."""
    answer = await api.get(f"/api/v1/products?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]


async def test_lists_under_concurrent_readers(stall: Api) -> None:
    """Given many readers of many lists at once, then each gets its own list."""
    wanted = {"red": ["pot", "cup"], "blue": []}
    answers = await asyncio.gather(*(slugs(stall, tag=tag, limit=10 + n) for n in range(10) for tag in wanted))
    assert answers == [wanted[tag] for _ in range(10) for tag in wanted]


async def test_the_front_page(api: Api, database: Database) -> None:
    """Given products with figures and sales, then each list has its own, in its own order, also within a category."""
    hour = goods.HOUR
    amount, opened, closes = goods.open_sale(500)
    async with database.writing() as writer:
        home = await goods.category(writer, "home")
        await goods.product(writer, "old", Sold(sale=(amount, opened, closes + hour)), figures={"sold": 3},
                            category=home)  # fmt: skip
        await goods.product(writer, "hit", Sold(sale=(amount, opened, closes)), figures={"sold": 9, "trend": 0.1})
        await goods.product(writer, "star", featured=True, figures={"trend": 2.5}, category=home)
        await goods.product(writer, "next", Sold(sale=(amount, closes, closes + hour)), featured=True)

    assert await slugs(api, "products/featured") == ["next", "star"]
    assert await slugs(api, "products/best-sellers") == ["hit", "old"]
    assert await slugs(api, "products/flash-sales") == ["hit", "old"]
    assert await slugs(api, "products/trending") == ["star", "hit"]
    assert await slugs(api, "products/trending", category="home") == ["star"]
    first = (await api.get("/api/v1/products/best-sellers?limit=1")).json()
    assert await slugs(api, "products/best-sellers", limit=1, cursor=first["next_cursor"]) == ["old"]
    strange = await api.get("/api/v1/products/trending", params={"cursor": first["next_cursor"]})
    assert (strange.status_code, strange.json()["code"]) == (400, "cursor_unknown")
    card = (await api.get("/api/v1/products/flash-sales?limit=1")).json()["items"][0]
    assert (card["price"]["amount"], card["compare_at_price"]["amount"]) == (500, 1000)
    assert card["sale_ends_at"] == closes.isoformat().replace("+00:00", "Z")


async def test_a_page_tells_everything(api: Api, database: Database) -> None:
    """Given a product with all there is, then its page has it; of an archived tag or vendor nothing is told."""
    amount, opened, closes = goods.open_sale(500)
    picture = {"id": "a1", "url": "/media/a.webp", "alt": "A mug", "width": 800, "height": 600,
               "sizes": [{"width": 80, "height": 60, "url": "/media/a-80.webp"}]}  # fmt: skip
    async with database.writing() as writer:
        mugs = await goods.category(writer, "mugs", await goods.category(writer, "home"))
        red, old, acme = (
            await goods.tag(writer, "red"),
            await goods.tag(writer, "old"),
            await goods.vendor(writer, "acme"),
        )
        await writer.exec_driver_sql("UPDATE tags SET archived_at = now() WHERE slug = 'old'")
        _, made = await goods.product(
            writer, "mug", Sold(2, {"usd": 900}), Sold(1, {"usd": 1000}, 1200, (amount, opened, closes)),
            category=mugs, tags=[red, old], vendor_id=acme, featured=True, ratings=3, stars=14,
            images=[picture, {"url": "/media/old.svg", "alt": "Old"}], options=[{"name": "size", "values": ["S", "L"]}],
        )  # fmt: skip
        await writer.exec_driver_sql("UPDATE variants SET images = '[\"a1\"]' WHERE id = $1", (made[1],))

    page = (await api.get("/api/v1/products/mug")).json()

    sale = {
        "starts_at": opened.isoformat().replace("+00:00", "Z"),
        "ends_at": closes.isoformat().replace("+00:00", "Z"),
    }
    usd = [{"amount": amount, "currency": "usd"} for amount in (900, 500, 1200)]
    assert page == {
        "slug": "mug", "name": "Mug", "description": "",
        "category_path": [{"slug": "home", "name": "Home"}, {"slug": "mugs", "name": "Mugs"}],
        "images": [picture, {"url": "/media/old.svg", "alt": "Old", "id": None, "width": None, "height": None,
                             "sizes": []}],
        "price": usd[1], "compare_at_price": usd[2], "available": 3,
        "variants": [
            {"sku": "MUG-0", "attributes": {}, "price": usd[0], "compare_at_price": None, "available": 2,
             "sale": None, "images": [], "backorder_days": None},
            {"sku": "MUG-1", "attributes": {}, "price": usd[1], "compare_at_price": usd[2], "available": 1,
             "sale": sale, "images": ["a1"], "backorder_days": None},
        ],
        "featured": True, "rating": 4.67, "ratings": 3, "sale": sale, "vendor": {"slug": "acme", "name": "Acme"},
        "tags": [{"slug": "red", "name": "Red"}], "options": [{"name": "size", "values": ["S", "L"]}],
    }  # fmt: skip
    async with database.writing() as writer:
        await writer.exec_driver_sql("UPDATE vendors SET archived_at = now()")
        await writer.exec_driver_sql("UPDATE variants SET archived_at = now() WHERE id = $1", (made[1],))
    page = (await api.get("/api/v1/products/mug", headers=FRESH)).json()
    assert (page["vendor"], [each["sku"] for each in page["variants"]], page["sale"]) == (None, ["MUG-0"], None)


async def test_tags_and_vendors(api: Api, database: Database) -> None:
    """By name, page by page, without the archived ones; a vendor has a page of its own."""
    async with database.writing() as writer:
        for slug in ("pear", "apple", "fig", "gone"):
            await goods.tag(writer, slug)
            await goods.vendor(writer, slug)
        for table in ("tags", "vendors"):
            await writer.exec_driver_sql(f"UPDATE {table} SET archived_at = now() WHERE slug = 'gone'")

    for word in ("tags", "vendors"):
        assert await slugs(api, word) == ["apple", "fig", "pear"]
        first = (await api.get(f"/api/v1/{word}?limit=2")).json()
        assert [item["slug"] for item in first["items"]] == ["apple", "fig"]
        assert await slugs(api, word, limit=2, cursor=first["next_cursor"]) == ["pear"]
        other = "vendors" if word == "tags" else "tags"
        strange = await api.get(f"/api/v1/{other}", params={"cursor": first["next_cursor"]})
        assert (strange.status_code, strange.json()["code"]) == (400, "cursor_unknown")
    fig = {"slug": "fig", "name": "Fig", "description": "Of fig."}
    assert (await api.get("/api/v1/vendors/fig")).json() == fig
    for slug in ("gone", "nobody"):
        missing = await api.get(f"/api/v1/vendors/{slug}")
        assert (missing.status_code, missing.json()["code"]) == (404, "vendor_not_found")
