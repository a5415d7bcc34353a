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
