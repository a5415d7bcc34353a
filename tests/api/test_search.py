"""Searching over HTTP: results, facets, suggestions, what is counted and what is never kept."""

import asyncio
from typing import Any

import pytest

from models.database import Database
from tests import goods
from tests.api.conftest import Api
from tests.goods import Sold
from tests.indexing import index_everything

FRESH = {"Cache-Control": "no-cache"}
NOWHERE: dict[str, Any] = {
    "items": [], "next_cursor": None, "total": 0, "estimated": False, "searched_instead": None,
    "facets": {"category": [], "vendor": [], "tag": [], "price": [], "rating": [], "in_stock": 0, "sold_out": 0},
}  # fmt: skip


async def search(api: Api, q: str, path: str = "search", **parameters: Any) -> dict[str, Any]:
    """An answer made now."""
    answer = await api.get(f"/api/v1/{path}", params={"q": q, **parameters}, headers=FRESH)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def slugs(api: Api, q: str, **parameters: Any) -> list[str]:
    """What is found, in its order."""
    return [item["slug"] for item in (await search(api, q, **parameters))["items"]]


@pytest.fixture
async def stall(database: Database, api: Api) -> Api:
    """Three lanterns and a chair: one lantern of acme's, one on sale, one sold out; all indexed."""
    async with database.writing() as writer:
        lamps = await goods.category(writer, "lamps", await goods.category(writer, "home"))
        red, acme = await goods.tag(writer, "red"), await goods.vendor(writer, "acme")
        await goods.product(writer, "storm-lantern", Sold(price={"usd": 1500, "eur": 1400}), category=lamps,
                            vendor_id=acme, ratings=2, stars=9, description="Keeps burning in any wind.")  # fmt: skip
        await goods.product(writer, "paper-lantern", Sold(price={"usd": 1200}, sale=goods.open_sale(800)),
                            category=lamps, tags=[red])  # fmt: skip
        await goods.product(writer, "iron-lantern", Sold(units=0, price={"usd": 9000}), tags=[red], featured=True)
        await goods.product(writer, "garden-chair", Sold(price={"usd": 3000}), description="Goes with a lantern.")
    await index_everything(database, api.app.state.house.search)
    return api


async def test_an_answer(stall: Api) -> None:
    """Given a word, then products come with what matched, and all matches are counted by kind."""
    found = await search(stall, "storm")

    [item] = found.pop("items")
    card = (await stall.get("/api/v1/products?vendor=acme")).json()["items"][0]
    assert item.pop("highlights") == {
        "name": [{"text": "Storm", "matched": True}, {"text": "-Lantern"}], "description": [],
    }  # fmt: skip
    assert item == card
    assert found == {
        "next_cursor": None, "total": 1, "estimated": False, "searched_instead": None,
        "facets": {
            "category": [{"slug": "home", "name": "Home", "count": 1}, {"slug": "lamps", "name": "Lamps", "count": 1}],
            "vendor": [{"slug": "acme", "name": "Acme", "count": 1}], "tag": [],
            "price": [{"min": {"amount": 1000, "currency": "usd"}, "max": {"amount": 2500, "currency": "usd"},
                       "count": 1}],
            "rating": [{"min": least, "count": 1} for least in (4, 3, 2, 1)], "in_stock": 1, "sold_out": 0,
        },
    }  # fmt: skip


async def test_descriptions_are_told_around_the_match(stall: Api) -> None:
    """Given a word of a description, then it is marked there, in pieces that join to the text."""
    [item] = (await search(stall, "burning"))["items"]

    pieces = item["highlights"]["description"]
    assert "".join(piece["text"] for piece in pieces) == "Keeps burning in any wind."
    assert [piece["text"] for piece in pieces if piece.get("matched")] == ["burning"]


async def test_typos_and_filters_and_orders(stall: Api) -> None:
    """Given the filters and orders of the list, then they hold in searches, and a typo is named."""
    assert await slugs(stall, "lantern", sort="price") == [
        "paper-lantern", "storm-lantern", "garden-chair", "iron-lantern",
    ]  # fmt: skip
    assert set(await slugs(stall, "lantern", category="home")) == {"storm-lantern", "paper-lantern"}
    assert await slugs(stall, "lantern", vendor="acme") == ["storm-lantern"]
    assert await slugs(stall, "lantern", on_sale="true") == ["paper-lantern"]
    assert await slugs(stall, "lantern", tag="red", in_stock="true") == ["paper-lantern"]
    assert await slugs(stall, "lantern", featured="true") == ["iron-lantern"]
    assert await slugs(stall, "lantern", min_price=801, max_price=1500) == ["storm-lantern"]
    assert await slugs(stall, "lantern", min_rating=4) == ["storm-lantern"]
    assert await slugs(stall, "lantern", currency="eur") == ["storm-lantern"]
    assert await slugs(stall, "lantern", category="nothing") == []
    mistyped = await search(stall, "strom")
    assert ([item["slug"] for item in mistyped["items"]], mistyped["searched_instead"]) == (["storm-lantern"], "storm")


async def test_pages(stall: Api) -> None:
    """Given pages, then each match is on one of them, counted on the first alone; a cursor is good for its search."""
    first = await search(stall, "lantern", limit=3)
    second = await search(stall, "lantern", limit=3, cursor=first["next_cursor"])

    assert first["total"] == 4
    assert (second["total"], second["facets"], second["next_cursor"]) == (None, None, None)
    assert len({item["slug"] for item in (*first["items"], *second["items"])}) == 4
    for other in ({"q": "storm"}, {"q": "lantern", "sort": "price"}, {"q": "lantern", "tag": "red"}):
        answer = await stall.get("/api/v1/search", params={**other, "cursor": first["next_cursor"]})
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_unknown")
    answer = await stall.get("/api/v1/products", params={"cursor": first["next_cursor"]})
    assert answer.json()["code"] == "cursor_unknown"


async def test_the_list_narrowed_by_words(stall: Api) -> None:
    """Given `q` on the list of products, then it holds what the search finds, in its order or any other."""
    listed = await search(stall, "lantern", path="products", count="true")
    assert {item["slug"] for item in listed["items"]} == set(await slugs(stall, "lantern"))
    assert (listed["total"], set(listed)) == (4, {"items", "next_cursor", "total"})
    assert await slugs(stall, "lantern", path="products", sort="price", in_stock="true") == [
        "paper-lantern", "storm-lantern", "garden-chair",
    ]  # fmt: skip
    page = await search(stall, "lantern", path="products", limit=1, sort="-price")
    following = await search(stall, "lantern", path="products", limit=1, sort="-price", cursor=page["next_cursor"])
    assert [each["items"][0]["slug"] for each in (page, following)] == ["iron-lantern", "garden-chair"]
    assert page["total"] is None


async def test_suggestions(stall: Api) -> None:
    """Given what is typed so far, then categories, vendors and products come that it may become."""
    found = (await search(stall, "la", path="search/suggestions"))["items"]
    assert found[0] == {"kind": "category", "slug": "lamps", "text": [{"text": "Lamps", "matched": True}]}
    assert {item["slug"] for item in found if item["kind"] == "product"} >= {"storm-lantern", "paper-lantern"}

    storm = (await search(stall, "storm lan", path="search/suggestions"))["items"]
    assert storm == [
        {"kind": "product", "slug": "storm-lantern",
         "text": [{"text": "Storm", "matched": True}, {"text": "-"}, {"text": "Lantern", "matched": True}]}
    ]  # fmt: skip
    assert (await search(stall, "zzzz", path="search/suggestions"))["items"] == []


@pytest.mark.parametrize(
    "q",
    ["' OR 1=1 --", "<script>alert(1)</script>", "a:*|b", "\\", "\u202egnirts", "🫖" * 40, "\x00\x01", " ", "é" * 200,
     "\ud7ff", "-" * 200, "~lantern", ".lantern", "^storm lantern", "=ab", "&|!()<->:*'", "a " * 100, "İ", "ﬁ", "Ⅷ"],
)  # fmt: skip
async def test_hostile_queries(stall: Api, q: str) -> None:
    """Given anything at all, then the answer is a page, and never markup of ours."""
    for path in ("search", "search/suggestions", "products"):
        answer = await stall.get(f"/api/v1/{path}", params={"q": q}, headers=FRESH)
        assert answer.status_code == 200, answer.text
        assert "<em" not in answer.text


async def test_queries_that_are_none(stall: Api) -> None:
    """Given no query, an empty one or a book, then 422 says so."""
    for parameters in ({}, {"q": ""}, {"q": "x" * 201}, {"q": "x", "sort": "best"}, {"q": "x", "limit": 0}):
        answer = await stall.get("/api/v1/search", params=parameters)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_nothing_found(stall: Api, api: Api) -> None:
    """Given words that nothing has, then the answer is empty, not an error; also before there is an index."""
    assert await search(stall, "zzzzqqqq") == NOWHERE


async def test_before_there_is_an_index(api: Api) -> None:
    """Given a shop that was never indexed, then nothing is found."""
    assert (await search(api, "lantern"))["items"] == []


async def test_answers_are_kept_and_known_again(stall: Api) -> None:
    """Given a search made before, then it is 304 for who has it."""
    first = await stall.get("/api/v1/search?q=lantern")
    again = await stall.get("/api/v1/search?q=lantern", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


async def tallies(stall: Api, database: Database) -> dict[str, tuple[int, int, int]]:
    """What was counted so far: searches, of these empty, clicks."""
    await stall.app.state.house.tallies.write()
    rows = await database.fetch("SELECT query, searches, empty, clicks FROM search_tallies")
    return {row["query"]: (row["searches"], row["empty"], row["clicks"]) for row in rows}


async def test_searches_are_counted(stall: Api, database: Database) -> None:
    """Given searches, kept answers among them, then each counts once by its words; further pages do not."""
    for q in ("lantern", "Lantern ", "LANTERN"):
        await stall.get("/api/v1/search", params={"q": q})
    first = await stall.get("/api/v1/search", params={"q": "lantern", "limit": 1})
    await stall.get("/api/v1/search", params={"q": "lantern", "limit": 1, "cursor": first.json()["next_cursor"]})
    await stall.get("/api/v1/search", params={"q": "umbrella"})
    await stall.get("/api/v1/search", params={"q": "lantern", "tag": "nothing"})

    assert await tallies(stall, database) == {"lantern": (5, 0, 0), "umbrella": (1, 1, 0)}


@pytest.mark.parametrize(
    "q", ["ada@example.com", "+49 151 2345678", "4242 4242 4242 4242", "ada at example dot com", "1234-5678",
          "https://example.com/me", "DE89 3704 0044 0532 0130 00", "x" * 100],
)  # fmt: skip
async def test_what_tells_of_somebody_is_not_kept(stall: Api, database: Database, q: str) -> None:
    """Given an address, a number, a link, then it counts without its words."""
    await stall.get("/api/v1/search", params={"q": q})

    assert list(await tallies(stall, database)) == ["…"]


async def test_clicks(stall: Api, database: Database) -> None:
    """Given a search, then ways from it to a product count; of a query that nobody made nothing is kept."""
    await stall.get("/api/v1/search?q=lantern")
    for body in ({"q": "Lantern", "slug": "storm-lantern"}, {"q": "never made", "slug": "storm-lantern"}):
        answer = await stall.post("/api/v1/search/clicks", json=body)
        assert (answer.status_code, answer.content) == (204, b"")
    await asyncio.gather(
        *(stall.post("/api/v1/search/clicks", json={"q": "lantern", "slug": "iron-lantern"}) for _ in range(5))
    )

    assert await tallies(stall, database) == {"lantern": (1, 0, 6)}
    bad = await stall.post("/api/v1/search/clicks", json={"q": "", "slug": "x"})
    assert (bad.status_code, bad.json()["code"]) == (422, "invalid")
