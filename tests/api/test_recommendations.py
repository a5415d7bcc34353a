"""What goes with a product and what one may like next, as shoppers ask for it."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from dev.recommend.measure import study_all
from models.database import Database
from models.ids import UserId
from models.roles import Role
from models.tables.catalog import products
from tests import people, shop
from tests.api.conftest import Api
from tests.reviewers import BASE, bought

NOW = {"Cache-Control": "no-cache"}
SKUS = ("MUG", "CUP", "POT", "JUG", "TEA", "OUT")


@pytest.fixture
async def shelves(api: Api, database: Database) -> Api:
    """MUG, CUP, POT, JUG and TEA to be bought, TEA also in eur; OUT is sold out."""
    async with database.writing() as writer:
        for sku in SKUS:
            price = {"usd": 1000, "eur": 900} if sku == "TEA" else {"usd": 1000}
            await shop.stock_product(writer, sku, 0 if sku == "OUT" else 50, price)
    return api


async def slugs(api: Api, path: str, headers: dict[str, str] | None = None, **query: Any) -> list[str]:
    """What a list has."""
    answer = await api.get(f"{BASE}{path}", params=query, headers={**NOW, **(headers or {})})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"items", "next_cursor", "total"}
    assert answer.json()["next_cursor"] is None
    return [card["slug"] for card in answer.json()["items"]]


async def crowd(database: Database, baskets: dict[str, int]) -> list[UserId]:
    """So many people, each with orders of the goods named."""
    found = []
    for basket, count in baskets.items():
        for _ in range(count):
            async with database.writing() as writer:
                user = await people.account(writer)
            for sku in basket.split():
                await bought(database, user, sku)
            found.append(user)
    return found


async def test_a_look_is_noted_once_a_day(shelves: Api, database: Database) -> None:
    """Given somebody with a cart, somebody signed in and a stranger, then two are counted, and nobody is named."""
    cart, ada = await shelves.shopper("MUG"), await shelves.sign_in()
    for headers in (cart, cart, ada, {}, {"Cart-Token": "forged"}):
        answer = await shelves.post(f"{BASE}/products/cup/views", headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")
    rows = await database.fetch("SELECT visitor FROM product_views")
    assert len(rows) == len({row["visitor"] for row in rows}) == 2
    known = await database.fetch("SELECT id FROM users UNION SELECT id FROM carts UNION SELECT id FROM sessions")
    assert {row["visitor"] for row in rows}.isdisjoint({row["id"] for row in known})
    for slug, status in (("nothing", 404), ("A", 404)):
        assert (await shelves.post(f"{BASE}/products/{slug}/views", headers=cart)).status_code == status
    assert (await shelves.post(f"{BASE}/products/cup/views", headers={"Authorization": "Bearer x"})).status_code == 401
    assert len(await database.fetch("SELECT FROM product_views")) == 2


async def test_what_is_bought_together(shelves: Api, database: Database) -> None:
    """Given orders with two things in them, then each is told with the other, with price and stock of now."""
    from models.tables import order as orders  # the only test that needs orders of two lines
    from tests.models.tables.shelf import Shelf

    assert await slugs(shelves, "/products/mug/frequently-bought-together") == []
    found = await database.fetch("SELECT sku, id FROM variants")
    variants: dict[str, Any] = {row["sku"]: UUID(int=row["id"].int) for row in found}
    async with database.writing() as writer:
        for pair in (("MUG", "CUP"), ("MUG", "CUP"), ("MUG", "OUT"), ("MUG", "OUT"), ("MUG", "POT")):
            lines = {variants[sku]: 1 for sku in pair}
            shelf = Shelf(database, *lines)
            await orders.insert(writer, shelf.row(lines, status="delivered"))
    await study_all(database)
    assert await slugs(shelves, "/products/mug/frequently-bought-together") == ["cup"]
    assert await slugs(shelves, "/products/cup/frequently-bought-together") == ["mug"]
    assert await slugs(shelves, "/products/mug/frequently-bought-together", currency="eur") == []
    answer = await shelves.get(f"{BASE}/products/mug/frequently-bought-together")
    [card] = answer.json()["items"]
    assert (card["price"], card["available"]) == ({"amount": 1000, "currency": "usd"}, 50)
    again = await shelves.get(
        f"{BASE}/products/mug/frequently-bought-together", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304


async def test_what_is_similar(shelves: Api, database: Database) -> None:
    """Given no study yet, then a product's category stands in; given looks in common, these come first."""
    assert sorted(await slugs(shelves, "/products/mug/similar")) == ["cup", "jug", "pot", "tea"]
    for _ in range(2):
        looker = await shelves.shopper("POT")
        for slug in ("mug", "jug"):
            await shelves.post(f"{BASE}/products/{slug}/views", headers=looker)
    await study_all(database)
    found = await slugs(shelves, "/products/mug/similar")
    assert (found[0], sorted(found)) == ("jug", ["cup", "jug", "pot", "tea"])
    assert await slugs(shelves, "/products/mug/similar", limit=1) == ["jug"]
    assert await slugs(shelves, "/products/mug/similar", currency="eur") == ["tea"]


@pytest.mark.parametrize("path", ["similar", "frequently-bought-together"])
async def test_products_that_are_not_there(shelves: Api, database: Database, path: str) -> None:
    """Given no such product, or one withdrawn, then 404; what is withdrawn is not told with others either."""
    async with database.writing() as writer:
        await writer.execute(sa.update(products).where(products.c.slug == "cup").values(archived_at=sa.func.now()))
    for slug in ("cup", "nothing"):
        answer = await shelves.get(f"{BASE}/products/{slug}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "product_not_found")
    assert "cup" not in await slugs(shelves, f"/products/mug/{path}")
    for query in ({"limit": 0}, {"limit": 101}, {"currency": "USD"}):
        assert (await shelves.get(f"{BASE}/products/mug/{path}", params=query)).status_code == 422


async def test_a_newcomer_gets_what_is_popular_or_new(shelves: Api, database: Database) -> None:
    """Given nobody known, then the bestseller comes first and the newest second; sold out is not recommended."""
    await crowd(database, {"MUG": 3})
    await study_all(database)
    found = await slugs(shelves, "/recommendations")
    assert found[:2] == ["mug", "tea"]
    assert sorted(found) == ["cup", "jug", "mug", "pot", "tea"]
    assert await slugs(shelves, "/recommendations", limit=2) == ["mug", "tea"]
    assert await slugs(shelves, "/recommendations", currency="eur") == ["tea"]
    assert await slugs(shelves, "/recommendations", await shelves.sign_in()) == found
    assert (await shelves.get(f"{BASE}/recommendations", headers={"Authorization": "Bearer x"})).status_code == 401


async def test_what_others_bought_too(shelves: Api, database: Database) -> None:
    """Given people who buy pots with mugs, then whoever has a mug, by order, cart, wish or look, is shown the pot."""
    await crowd(database, {"MUG POT": 3, "CUP JUG": 3, "TEA": 5})
    [ada] = await crowd(database, {"MUG": 1})
    await study_all(database)
    bought_it = await slugs(shelves, "/recommendations", await shelves.sign_in(user=ada))
    assert bought_it[0] == "pot"
    assert "mug" not in bought_it
    in_cart = await slugs(shelves, "/recommendations", await shelves.shopper("MUG"))
    assert in_cart[0] == "pot"
    assert "mug" not in in_cart
    wisher, looker = await shelves.sign_in(), await shelves.sign_in(Role.CUSTOMER)
    wished = await shelves.post(f"{BASE}/wishlist", json={"product_slug": "mug"}, headers=wisher)
    assert wished.status_code == 201
    await shelves.post(f"{BASE}/products/mug/views", headers=looker)
    for headers in (wisher, looker):
        assert (await slugs(shelves, "/recommendations", headers))[0] == "pot"


async def test_recommendations_are_nobody_elses(shelves: Api, database: Database) -> None:
    """Given one's own recommendations, then no cache may keep them."""
    answer = await shelves.get(f"{BASE}/recommendations", headers=await shelves.sign_in())
    assert "public" not in answer.headers.get("cache-control", "")
    assert "etag" not in answer.headers
