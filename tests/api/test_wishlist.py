"""The wishlist: products remembered, shown as the catalogue has them now."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from models.database import Database
from models.ids import UserId
from models.tables.catalog import products
from models.wishlist import MOST_WISHES
from tests import people, shop
from tests.api.conftest import Api

LIST = "/api/v1/wishlist"


class Dreamer:
    """Somebody with an account and its wishlist."""

    def __init__(self, api: Api, database: Database, user: UserId, headers: dict[str, str]) -> None:
        self.api = api
        self.database = database
        self.user = user
        self.headers = headers

    async def wish(self, slug: Any, **headers: str) -> Any:
        """Remember a product."""
        return await self.api.post(LIST, json={"product_slug": slug}, headers={**self.headers, **headers})

    async def ask(self, method: str, path: str = "", **query: Any) -> Any:
        """Any other operation."""
        return await self.api.client.request(method, LIST + path, params=query, headers=self.headers)

    async def slugs(self, **query: Any) -> list[str]:
        """What is on the list."""
        answer = await self.ask("GET", **query)
        assert answer.status_code == 200, answer.text
        return [item["slug"] for item in answer.json()["items"]]


async def dreamer(api: Api, database: Database) -> Dreamer:
    """Somebody new."""
    async with database.writing() as writer:
        user = await people.account(writer)
    return Dreamer(api, database, user, await api.sign_in(user=user))


@pytest.fixture
async def ada(api: Api, database: Database) -> Dreamer:
    """Somebody with an empty list, in a shop that sells CUP (also in eur), POT and MUG."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "CUP", 250, {"usd": 1000, "eur": 900})
        await shop.stock_product(writer, "POT", 0)
        await shop.stock_product(writer, "MUG", 3)
    return await dreamer(api, database)


async def test_a_wish_looks_like_its_card_in_the_catalogue(ada: Dreamer) -> None:
    """Given a product, when it is remembered, then 201 once and 200 afterwards, with price and stock of now."""
    first, again = await ada.wish("cup"), await ada.ask("POST", "/cup")
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    [card] = (await ada.api.get("/api/v1/products?limit=1&category=all&currency=eur")).json()["items"]
    listed = (await ada.ask("GET", currency="eur")).json()
    [wish] = listed["items"]
    assert card["slug"] == "cup"
    assert wish == {**card, "on_sale": True, "added_at": first.json()["added_at"]}
    assert (wish["price"], wish["available"]) == ({"amount": 900, "currency": "eur"}, 100)
    assert (listed["next_cursor"], listed["total"]) == (None, None)
    one = await ada.ask("GET", "/cup", currency="eur")
    assert (one.status_code, one.json()) == (200, wish)


async def test_the_newest_wish_comes_first(ada: Dreamer) -> None:
    """Given three wishes, then pages are newest first, and one that comes in between shifts nothing."""
    for slug in ("mug", "cup"):
        await ada.wish(slug)
    first = (await ada.ask("GET", limit=1)).json()
    await ada.ask("POST", "/pot")
    second = (await ada.ask("GET", limit=1, cursor=first["next_cursor"])).json()
    assert [item["slug"] for item in first["items"] + second["items"]] == ["cup", "mug"]
    assert second["next_cursor"] is None
    assert await ada.slugs() == ["pot", "cup", "mug"]


async def test_what_cannot_be_bought_stays_listed(ada: Dreamer) -> None:
    """Given a wish that is withdrawn or not sold in a currency, then it stays and says so; new ones are not taken."""
    for slug in ("cup", "pot"):
        await ada.wish(slug)
    async with ada.database.writing() as writer:
        for slug in ("cup", "mug"):
            await writer.execute(sa.update(products).where(products.c.slug == slug).values(archived_at=sa.func.now()))
    seen = {item["slug"]: item for item in (await ada.ask("GET", currency="eur")).json()["items"]}
    assert (seen["cup"]["on_sale"], seen["cup"]["available"], seen["cup"]["price"]["amount"]) == (False, 0, 900)
    assert (seen["pot"]["on_sale"], seen["pot"]["available"], seen["pot"]["price"]) == (False, 0, None)
    assert (await ada.ask("GET", "/pot")).json()["on_sale"]
    assert (await ada.wish("cup")).status_code == 200
    withdrawn = await ada.wish("mug")
    assert (withdrawn.status_code, withdrawn.json()["code"]) == (404, "product_not_found")
    assert await ada.slugs() == ["pot", "cup"]


async def test_wishes_are_forgotten(ada: Dreamer) -> None:
    """Given wishes, when one and then all are forgotten, then they are gone, and again is harmless."""
    for slug in ("cup", "pot", "mug"):
        await ada.wish(slug)
    for path, left in (("/pot", ["mug", "cup"]), ("/pot", ["mug", "cup"]), ("/nothing", ["mug", "cup"]), ("", [])):
        answer = await ada.ask("DELETE", path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert await ada.slugs() == left
    assert (await ada.ask("DELETE")).status_code == 204
    gone = await ada.ask("GET", "/cup")
    assert (gone.status_code, gone.json()["code"]) == (404, "wishlist_item_not_found")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"product_slug": "nothing"}, 404, "product_not_found"), ({"product_slug": "CUP"}, 422, "invalid"),
        ({"product_slug": ""}, 422, "invalid"), ({"product_slug": "a\0b"}, 422, "invalid"),
        ({"product_slug": "cup\n"}, 404, "product_not_found"), ({"product_slug": 1}, 422, "invalid"),
        ({"product_slug": "x" * 101}, 422, "invalid"), ({}, 422, "invalid"), ({"slug": "cup"}, 422, "invalid"),
    ],
)  # fmt: skip
async def test_what_is_no_product_is_not_remembered(ada: Dreamer, body: Any, status: int, code: str) -> None:
    """Given a name that nothing has, or that is none, then it is refused and the list stays empty."""
    answer = await ada.api.post(LIST, json=body, headers=ada.headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await ada.slugs() == []


async def test_a_list_has_an_end(ada: Dreamer) -> None:
    """Given room for one more, when three are wished for at once, then one is; what is on it already is no more."""
    async with ada.database.writing() as writer:
        await writer.exec_driver_sql(
            "INSERT INTO products (id, slug, name, category_id) SELECT gen_random_uuid(), 'p-' || n, 'P', "
            "(SELECT id FROM categories LIMIT 1) FROM generate_series(1, $1) n", (MOST_WISHES - 1,)
        )  # fmt: skip
        await writer.exec_driver_sql(
            "INSERT INTO wishlist_items (user_id, product_id) SELECT $1, id FROM products WHERE slug LIKE 'p-%'",
            (ada.user,),
        )
    answers = await asyncio.gather(*(ada.wish(slug) for slug in ("cup", "pot", "mug")))
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422]
    refused = next(answer.json() for answer in answers if answer.status_code == 422)
    assert (refused["code"], refused["facts"]) == ("wishlist_full", {"most": 500})
    assert (await ada.wish("p-1")).status_code == 200
    rows = await ada.database.fetch("SELECT count(*) AS wishes FROM wishlist_items")
    assert rows[0]["wishes"] == MOST_WISHES


async def test_a_wish_is_written_once(ada: Dreamer) -> None:
    """Given clicks at once, then one is new; under a key all get the first answer, and another wish is refused."""
    answers = await asyncio.gather(*(ada.wish("cup") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    key = {"Idempotency-Key": "k"}
    keyed = [await ada.wish("pot", **key), await ada.wish("pot", **key)]
    assert [(answer.status_code, answer.json()) for answer in keyed] == [(201, keyed[0].json())] * 2
    reused = await ada.api.post(f"{LIST}/mug", headers={**ada.headers, **key})
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert await ada.slugs() == ["pot", "cup"]


async def test_everybody_has_their_own_list(api: Api, database: Database, ada: Dreamer) -> None:
    """Given two accounts, then neither sees or forgets the other's wishes; a guest has none."""
    bob = await dreamer(api, database)
    await bob.wish("cup")
    assert await ada.slugs() == []
    assert (await ada.ask("GET", "/cup")).status_code == 404
    for path in ("/cup", ""):
        await ada.ask("DELETE", path)
    assert await bob.slugs() == ["cup"]
    for method, path in (("GET", ""), ("POST", "/cup"), ("DELETE", ""), ("GET", "/cup"), ("DELETE", "/cup")):
        assert (await api.client.request(method, LIST + path)).status_code == 401
    for query, status in (({"currency": "USD"}, 422), ({"limit": 101}, 422), ({"cursor": "x"}, 400)):
        assert (await ada.ask("GET", **query)).status_code == status
