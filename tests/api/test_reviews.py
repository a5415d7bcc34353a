"""Reviews as buyers write and read them."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from models.database import Database
from models.order import OrderStatus
from models.tables.catalog import products
from models.tables.user import users
from tests import shop
from tests.api.conftest import Api, StartApi
from tests.reviewers import BASE, Reviewer, bought, recounted, reviewer, seen

NASTY = "<script>alert('x')</script> & \"quotes\" 'DROP TABLE reviews;--' 🙂 ‮txet tfel-ot-thgir\n\n\tnew line"


@pytest.fixture
async def ada(api: Api, database: Database) -> Reviewer:
    """A buyer in a shop that sells MUG and CUP."""
    async with database.writing() as writer:
        for sku in ("MUG", "CUP"):
            await shop.stock_product(writer, sku, 10)
    return await reviewer(api, database)


async def rows(database: Database) -> list[str]:
    """All that is written of reviews."""
    found = await database.fetch("SELECT r::text AS row FROM reviews r ORDER BY id")
    found += await database.fetch("SELECT v::text AS row FROM review_votes v ORDER BY 1")
    return [row["row"] for row in found]


async def test_a_review_is_read_as_it_was_written(ada: Reviewer, database: Database) -> None:
    """Given nasty text, when it is written, then everybody reads each letter of it, as JSON, and the rating counts."""
    own = await ada.write("mug", 5, title="<b>bold</b>", body=NASTY)
    assert own == {
        "id": own["id"], "product": {"slug": "mug", "name": "Mug"}, "stars": 5, "title": "<b>bold</b>", "body": NASTY,
        "status": "published", "rejection_reason": None, "verified_purchase": False, "helpful": 0,
        "created_at": own["created_at"], "edited_at": None,
    }  # fmt: skip
    answer = await ada.api.get(f"{BASE}/products/mug/reviews")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json() == {
        "items": [{
            "id": own["id"], "stars": 5, "title": "<b>bold</b>", "body": NASTY, "author": "Ada L.",
            "verified_purchase": False, "helpful": 0, "created_at": own["created_at"], "edited_at": None,
        }],
        "next_cursor": None, "total": 1, "rating": 5.0, "by_stars": {"1": 0, "2": 0, "3": 0, "4": 0, "5": 1},
    }  # fmt: skip
    again = await ada.api.get(f"{BASE}/products/mug/reviews", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await seen(ada.api, "cup"))["items"] == []
    await recounted(database)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"stars": 0}, {"stars": 6}, {"stars": -1}, {"stars": 4.5}, {"stars": "5"}, {"stars": None},
        {"stars": True}, {"stars": 10**30}, {"stars": 5, "title": ""}, {"stars": 5, "title": "x" * 121},
        {"stars": 5, "title": "two\nlines"}, {"stars": 5, "title": "line\n"}, {"stars": 5, "title": "nul\0"},
        {"stars": 5, "body": "nul\0"}, {"stars": 5, "body": "bell\a"}, {"stars": 5, "body": "x" * 5001},
        {"stars": 5, "body": None}, {"stars": 5, "verified_purchase": True}, {"stars": 5, "status": "published"},
        {"stars": 5, "user_id": "me"}, [], None, "five",
    ],
)  # fmt: skip
async def test_what_is_no_review_is_refused(ada: Reviewer, database: Database, body: Any) -> None:
    """Given a body that says something impossible, or more than its author may say, then 422, and nothing is there."""
    answer = await ada.ask("POST", "/products/mug/reviews", body)
    assert (answer.status_code, answer.json()["code"]) in ((422, "invalid"), (400, "malformed")), answer.text
    assert await rows(database) == []


async def test_bodies_that_are_not_even_json(ada: Reviewer, database: Database) -> None:
    """Given half a surrogate, ten megabytes or a thousand brackets, then 4xx, and nothing is there."""
    headers = {**ada.headers, "Content-Type": "application/json"}
    for content, status in (
        (rb'{"stars": 5, "body": "\ud800"}', 400), (b'{"stars": 5, "body": "\xff"}', 400),
        (b'{"stars": 5, "body": "' + b"x" * 10**7 + b'"}', 413), (b"[" * 100_000, 422), (b"", 400),
    ):  # fmt: skip
        answer = await ada.api.post(f"{BASE}/products/mug/reviews", content=content, headers=headers)
        assert answer.status_code == status, answer.text
    assert await rows(database) == []


async def test_one_review_a_buyer_and_product(ada: Reviewer, database: Database) -> None:
    """Given ten clicks at once, then one review; another is refused, and another product is another matter."""
    answers = await asyncio.gather(*(ada.ask("POST", "/products/mug/reviews", {"stars": 3}) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 9]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"review_exists"}
    key = {"Idempotency-Key": "k"}
    first = await ada.ask("POST", "/products/cup/reviews", {"stars": 2}, **key)
    again = await ada.ask("POST", "/products/cup/reviews", {"stars": 2}, **key)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    other = await ada.ask("POST", "/products/cup/reviews", {"stars": 1}, **key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    listed = (await ada.ask("GET", "/reviews")).json()
    assert [(each["product"]["slug"], each["stars"]) for each in listed["items"]] == [("cup", 2), ("mug", 3)]
    await recounted(database)


async def test_who_bought_it_is_said(ada: Reviewer, api: Api, database: Database) -> None:
    """Given orders paid and not, of a user and a guest, then only who paid is a verified buyer."""
    payers, others = (OrderStatus.CONFIRMED, OrderStatus.DELIVERED), (OrderStatus.PENDING, OrderStatus.CANCELLED)
    for status in (*payers, *others):
        buyer = await reviewer(api, database)
        await bought(database, buyer.user, "MUG", status)
        assert (await buyer.write("mug"))["verified_purchase"] is (status in payers), status
        assert (await buyer.write("cup"))["verified_purchase"] is False
    await bought(database, None, "MUG")
    own = await ada.write("mug")
    assert own["verified_purchase"] is False
    await bought(database, ada.user, "MUG")
    changed = await ada.ask("PATCH", f"/reviews/{own['id']}", {"body": "Bought it since."})
    assert changed.json()["verified_purchase"] is True
    assert [each["verified_purchase"] for each in (await seen(api))["items"]] == [True, False, False, True, True]


async def test_own_words_are_changed(ada: Reviewer, database: Database) -> None:
    """Given a review, when some of it is changed, then the rest stays, and saying the same again changes nothing."""
    own = await ada.write("mug", 2, title="Meh", body="Too small.")
    path = f"/reviews/{own['id']}"
    for change, differs in (
        ({"stars": 4}, {"stars": 4}), ({"title": None}, {"title": None}), ({"body": ""}, {"body": ""}),
        ({"title": "Fine", "body": "After all."}, {"title": "Fine", "body": "After all."}),
    ):  # fmt: skip
        answer = await ada.ask("PATCH", path, change)
        own = {**own, **differs, "edited_at": answer.json()["edited_at"]}
        assert (answer.status_code, answer.json()) == (200, own)
        assert own["edited_at"] > own["created_at"]
    before = await rows(database)
    for nothing in ({}, {"stars": 4}, {"title": "Fine"}):
        same = await ada.ask("PATCH", path, nothing)
        assert (same.status_code, same.json()) == (200, own)
    for wrong in ({"stars": None}, {"stars": 0}, {"body": None}, {"title": ""}, {"helpful": 9}, {"body": "\0"}):
        assert (await ada.ask("PATCH", path, wrong)).status_code == 422
    assert await rows(database) == before
    assert (await seen(ada.api))["rating"] == 4.0
    await recounted(database)


async def test_a_review_is_taken_back(ada: Reviewer, api: Api, database: Database) -> None:
    """Given a review with a vote, when it is deleted, then it is gone with its vote, and may be written anew."""
    own, bob = await ada.write("mug", 1), await reviewer(api, database)
    await bob.ask("POST", f"/reviews/{own['id']}/helpful")
    gone = await ada.ask("DELETE", f"/reviews/{own['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert await rows(database) == []
    again = await ada.ask("DELETE", f"/reviews/{own['id']}")
    assert (again.status_code, again.json()["code"]) == (404, "review_not_found")
    assert ((await seen(api))["total"], (await seen(api))["rating"]) == (0, None)
    await ada.write("mug", 5)
    await recounted(database)


async def test_what_is_somebody_elses_is_not_there(ada: Reviewer, api: Api, database: Database) -> None:
    """Given another's review, then changing and deleting it is 404, and nothing moves; nobody does so signed out."""
    own, bob = await ada.write("mug", 5), await reviewer(api, database)
    before = await rows(database)
    for method, body in (("PATCH", {"stars": 1}), ("DELETE", None)):
        for review in (own["id"], "00000000-0000-7000-8000-000000000000"):
            answer = await bob.ask(method, f"/reviews/{review}", body)
            assert (answer.status_code, answer.json()["code"]) == (404, "review_not_found")
        assert (await api.client.request(method, f"{BASE}/reviews/{own['id']}", json=body)).status_code == 401
    assert (await bob.ask("GET", "/reviews")).json()["items"] == []
    assert await rows(database) == before


async def test_votes(ada: Reviewer, api: Api, database: Database) -> None:
    """Given a review, then each other person has one vote, may take it back, and its author has none."""
    own, bob, eve = await ada.write("mug"), await reviewer(api, database), await reviewer(api, database)
    path = f"/reviews/{own['id']}/helpful"
    for voter, count in ((bob, 1), (bob, 1), (eve, 2)):
        answer = await voter.ask("POST", path)
        assert (answer.status_code, answer.json()) == (200, {"helpful": count})
    mine = await ada.ask("POST", path)
    assert (mine.status_code, mine.json()["code"]) == (422, "own_review")
    assert [each["helpful"] for each in (await seen(api))["items"]] == [2]
    for _ in range(2):
        back = await bob.ask("DELETE", path)
        assert (back.status_code, back.content) == (204, b"")
    assert [each["helpful"] for each in (await seen(api))["items"]] == [1]
    assert (await api.post(BASE + path)).status_code == 401
    assert (await bob.ask("POST", "/reviews/00000000-0000-7000-8000-000000000000/helpful")).status_code == 404
    await recounted(database)


async def test_votes_at_once(ada: Reviewer, api: Api, database: Database) -> None:
    """Given twelve people who each click five times at once, then twelve votes."""
    path = f"/reviews/{(await ada.write('mug'))['id']}/helpful"
    crowd = [await reviewer(api, database) for _ in range(12)]
    answers = await asyncio.gather(*(voter.ask("POST", path) for voter in crowd * 5))
    assert {answer.status_code for answer in answers} == {200}
    assert [each["helpful"] for each in (await seen(api))["items"]] == [12]
    await recounted(database)


async def test_pages_hold_under_inserts(ada: Reviewer, api: Api, database: Database) -> None:
    """Given five reviews, then pages of two show each once, whatever is written in between; stars filter them."""
    crowd = [ada, *[await reviewer(api, database) for _ in range(5)]]
    written = [(await one.write("mug", stars))["id"] for one, stars in zip(crowd[:5], (1, 5, 5, 3, 5), strict=True)]
    read: list[str] = []
    cursor, totals = None, []
    while cursor or not read:
        page = await seen(api, limit=2, **({"cursor": cursor} if cursor else {}))
        read += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
        totals.append(page["total"])
        if len(read) == 2:
            await crowd[5].write("mug", 2)
    assert read == written[::-1]
    assert totals == [5, 6, 6]
    fives = await seen(api, stars=5, limit=2)
    rest = await seen(api, stars=5, limit=2, cursor=fives["next_cursor"])
    assert [each["id"] for each in fives["items"] + rest["items"]] == [written[4], written[2], written[1]]
    assert (fives["total"], rest["next_cursor"]) == (3, None)
    assert fives["by_stars"] == {"1": 1, "2": 1, "3": 1, "4": 0, "5": 3}
    for other in ("stars=4", "sort=helpful&stars=5", ""):  # a cursor is good in its own list
        answer = await api.get(f"{BASE}/products/mug/reviews?{other}&cursor={fives['next_cursor']}")
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_unknown")
    for wrong, status in (("sort=best", 422), ("stars=6", 422), ("limit=0", 422), ("cursor=forged", 400)):
        assert (await api.get(f"{BASE}/products/mug/reviews?{wrong}")).status_code == status


async def test_the_most_helpful_come_first(ada: Reviewer, api: Api, database: Database) -> None:
    """Given votes, then pages by helpfulness begin with the most, each once; of equal ones the newer first."""
    crowd = [ada, *[await reviewer(api, database) for _ in range(4)]]
    written = [(await one.write("mug"))["id"] for one in crowd]
    for place, voters in ((1, crowd[2:4]), (3, crowd[:1]), (4, crowd[:1])):
        for voter in voters:
            assert (await voter.ask("POST", f"/reviews/{written[place]}/helpful")).status_code == 200
    first = await seen(api, sort="helpful", limit=2)
    rest = await seen(api, sort="helpful", limit=3, cursor=first["next_cursor"])
    read = [(each["id"], each["helpful"]) for each in first["items"] + rest["items"]]
    assert read == [(written[1], 2), (written[4], 1), (written[3], 1), (written[2], 0), (written[0], 0)]
    assert rest["next_cursor"] is None


async def test_products_that_are_not_there(ada: Reviewer, api: Api, database: Database) -> None:
    """Given no such product, or one withdrawn, then 404; one's own review of it can still be changed."""
    own = await ada.write("mug")
    async with database.writing() as writer:
        await writer.execute(sa.update(products).where(products.c.slug == "mug").values(archived_at=sa.func.now()))
    for slug in ("mug", "nothing"):
        for answer in (await ada.ask("POST", f"/products/{slug}/reviews", {"stars": 1}),
                       await api.get(f"{BASE}/products/{slug}/reviews")):  # fmt: skip
            assert (answer.status_code, answer.json()["code"]) == (404, "product_not_found")
    assert (await ada.ask("PATCH", f"/reviews/{own['id']}", {"stars": 1})).status_code == 200
    await recounted(database)


async def test_a_name_is_not_told_without_one(ada: Reviewer, database: Database) -> None:
    """Given an author without a name, then none is shown, and nothing else of the account ever is."""
    await ada.write("mug")
    async with database.writing() as writer:
        await writer.execute(sa.update(users).values(first_name=None, last_name=None))
    [review] = (await seen(ada.api))["items"]
    assert review["author"] is None
    assert str(ada.user) not in str(review)


@pytest.mark.parametrize(("rule", "status"), [("unverified", ["pending", "published"]), ("all", ["pending"] * 2)])
async def test_reviews_wait_where_the_shop_says_so(
    start_api: StartApi, database: Database, rule: str, status: list[str]
) -> None:
    """Given a rule, then reviews that wait are their author's alone, count nowhere, and take no votes."""
    api = await start_api(REVIEWS_MODERATED=rule)
    async with database.writing() as writer:
        await shop.open_shop(writer)
        await shop.stock_product(writer, "MUG", 10)
    stranger, buyer = await reviewer(api, database), await reviewer(api, database)
    await bought(database, buyer.user, "MUG")
    written = [await each.write("mug", 2) for each in (stranger, buyer)]
    assert [each["status"] for each in written] == status
    assert (await seen(api))["total"] == status.count("published")
    assert (await buyer.ask("POST", f"/reviews/{written[0]['id']}/helpful")).status_code == 404
    [own] = (await stranger.ask("GET", "/reviews")).json()["items"]
    assert own == written[0]
    await recounted(database)
