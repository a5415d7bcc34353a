"""Moderation: what staff read, publish and reject."""

import asyncio
from typing import Any

import pytest

from models.database import Database
from models.roles import Role
from tests import shop
from tests.api.conftest import Api, StartApi
from tests.reviewers import BASE, Reviewer, recounted, reviewer, seen


@pytest.fixture
async def api(start_api: StartApi, database: Database) -> Api:
    """A shop where every review waits, with MUG and CUP."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
        for sku in ("MUG", "CUP"):
            await shop.stock_product(writer, sku, 10)
    return await start_api(REVIEWS_MODERATED="all")


@pytest.fixture
async def staff(api: Api, database: Database) -> Reviewer:
    """Somebody of support."""
    return await reviewer(api, database, Role.SUPPORT)


async def judge(staff: Reviewer, review: str, verdict: str, version: int = 1, **more: Any) -> Any:
    """A decision."""
    if verdict == "reject":
        more = {"reason": "Not about the product.", **more}
    return await staff.ask("POST", f"/admin/reviews/{review}/{verdict}", {"version": version, **more})


async def queue(staff: Reviewer, **query: Any) -> list[str]:
    """Ids that staff find."""
    answer = await staff.api.get(f"{BASE}/admin/reviews", params=query, headers=staff.headers)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["items"]]


async def audit(database: Database) -> list[tuple[str, str, str | None]]:
    """What was written down."""
    rows = await database.fetch("SELECT action, subject, reason FROM audit_log ORDER BY at")
    return [(row["action"], row["subject"], row["reason"]) for row in rows]


async def test_a_review_is_published(api: Api, staff: Reviewer, database: Database) -> None:
    """Given one that waits, when it is approved, again too, then everybody reads it, and it is written down once."""
    ada = await reviewer(api, database)
    own = await ada.write("mug", 5, body="Good.")
    assert (await seen(api))["items"] == []
    read = await staff.ask("GET", f"/admin/reviews/{own['id']}")
    assert read.json() == {**own, "author": "Ada L.", "author_id": str(ada.user), "version": 1}
    for _ in range(2):
        answer = await judge(staff, own["id"], "approve")
        assert (answer.status_code, answer.json()) == (200, {**read.json(), "status": "published"})
    assert [each["id"] for each in (await seen(api))["items"]] == [own["id"]]
    assert await audit(database) == [("review.approve", own["id"], None)]
    await recounted(database)


async def test_a_review_is_rejected(api: Api, staff: Reviewer, database: Database) -> None:
    """Given a published one, when it is rejected, then its author alone reads it, and why, and may try again."""
    ada = await reviewer(api, database)
    own = await ada.write("mug", 1)
    await judge(staff, own["id"], "approve")
    assert (await seen(api))["rating"] == 1.0
    assert (await judge(staff, own["id"], "reject", reason="Rude.")).json()["rejection_reason"] == "Rude."
    assert (await seen(api))["rating"] is None
    [mine] = (await ada.ask("GET", "/reviews")).json()["items"]
    assert (mine["status"], mine["rejection_reason"]) == ("rejected", "Rude.")
    again = (await ada.ask("PATCH", f"/reviews/{own['id']}", {"body": "Politely: no."})).json()
    assert (again["status"], again["rejection_reason"]) == ("pending", None)
    assert (await judge(staff, own["id"], "approve", version=2)).json()["status"] == "published"
    assert await audit(database) == [
        ("review.approve", own["id"], None), ("review.reject", own["id"], "Rude."), ("review.approve", own["id"], None),
    ]  # fmt: skip
    await recounted(database)


async def test_only_what_was_read_is_published(api: Api, staff: Reviewer, database: Database) -> None:
    """Given words that changed after staff read them, then approving the old ones is 409, and nothing is published."""
    ada = await reviewer(api, database)
    own = await ada.write("mug", 5, body="Nice.")
    await ada.ask("PATCH", f"/reviews/{own['id']}", {"body": "Buy at evil.example"})
    for verdict in ("approve", "reject"):
        answer = await judge(staff, own["id"], verdict)
        assert (answer.status_code, answer.json()["code"]) == (409, "review_changed")
        assert answer.json()["facts"] == {"version": 2}
    assert (await seen(api))["items"] == []
    assert await audit(database) == []


async def test_words_and_verdict_at_once(api: Api, staff: Reviewer, database: Database) -> None:
    """Given an author who rewrites while staff approve, many times, then no other words are public than were read."""
    ada = await reviewer(api, database)
    own, version = await ada.write("mug", 1, body="round 0"), 1
    for turn in range(1, 16):
        read = (await staff.ask("GET", f"/admin/reviews/{own['id']}")).json()
        changed, verdict = await asyncio.gather(
            ada.ask("PATCH", f"/reviews/{own['id']}", {"body": f"round {turn}", "stars": turn % 5 + 1}),
            judge(staff, own["id"], "approve", read["version"]),
        )
        assert changed.status_code == 200
        assert verdict.status_code in (200, 409)
        now = (await staff.ask("GET", f"/admin/reviews/{own['id']}")).json()
        assert (now["status"], now["version"]) == ("pending", version + turn)
        assert (await seen(api))["items"] == []
    await recounted(database)


async def test_the_queue(api: Api, staff: Reviewer, database: Database) -> None:
    """Given reviews of all kinds, then staff find them by status and product, oldest first, page by page."""
    people = [await reviewer(api, database) for _ in range(3)]
    mugs = [(await one.write("mug"))["id"] for one in people]
    cups = [(await one.write("cup"))["id"] for one in people]
    await judge(staff, mugs[0], "approve")
    await judge(staff, cups[2], "reject")
    assert await queue(staff) == mugs + cups
    assert await queue(staff, status="pending") == [*mugs[1:], *cups[:2]]
    assert await queue(staff, status="rejected") == [cups[2]]
    assert await queue(staff, product="mug", status="pending") == mugs[1:]
    first = await api.get(f"{BASE}/admin/reviews?status=pending&limit=3", headers=staff.headers)
    cursor = first.json()["next_cursor"]
    assert [each["id"] for each in first.json()["items"]] == [*mugs[1:], cups[0]]
    assert await queue(staff, status="pending", limit=3, cursor=cursor) == [cups[1]]
    for query in ({"status": "open"}, {"product": "A B"}, {"limit": 0}):
        answer = await api.get(f"{BASE}/admin/reviews", params=query, headers=staff.headers)
        assert answer.status_code == 422


@pytest.mark.parametrize(
    ("verdict", "body"),
    [
        ("approve", {}), ("approve", {"version": 0}), ("approve", {"version": 2**31}), ("approve", {"version": "1"}),
        ("reject", {"version": 1}), ("reject", {"version": 1, "reason": ""}),
        ("reject", {"version": 1, "reason": "\0"}),
        ("reject", {"version": 1, "reason": "x" * 201}), ("approve", {"version": 1, "status": "published"}),
    ],
)  # fmt: skip
async def test_a_verdict_says_what_it_means(
    api: Api, staff: Reviewer, database: Database, verdict: str, body: dict[str, Any]
) -> None:
    """Given a decision without its version or reason, then 422, and the review still waits."""
    own = await (await reviewer(api, database)).write("mug")
    answer = await staff.ask("POST", f"/admin/reviews/{own['id']}/{verdict}", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert await queue(staff, status="pending") == [own["id"]]
    assert await audit(database) == []


async def test_who_may_not(api: Api, staff: Reviewer, database: Database) -> None:
    """Given buyers and finance, then they publish nothing; a review that is not there is 404."""
    ada = await reviewer(api, database)
    own = await ada.write("mug")
    for one in (ada, await reviewer(api, database, Role.FINANCE), await reviewer(api, database, Role.VENDOR)):
        assert (await judge(one, own["id"], "approve")).status_code == 403
    nowhere = "00000000-0000-7000-8000-000000000000"
    for answer in (await judge(staff, nowhere, "approve"), await staff.ask("GET", f"/admin/reviews/{nowhere}")):
        assert (answer.status_code, answer.json()["code"]) == (404, "review_not_found")
    assert await queue(staff, status="pending") == [own["id"]]


async def test_a_verdict_is_given_once(api: Api, staff: Reviewer, database: Database) -> None:
    """Given five clicks at once, then one is written down; under a key, another decision is refused."""
    own = await (await reviewer(api, database)).write("mug")
    answers = await asyncio.gather(*(judge(staff, own["id"], "approve") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    key = {"Idempotency-Key": "k"}
    path = f"/admin/reviews/{own['id']}/reject"
    first = await staff.ask("POST", path, {"version": 1, "reason": "Rude."}, **key)
    again = await staff.ask("POST", path, {"version": 1, "reason": "Rude."}, **key)
    other = await staff.ask("POST", path, {"version": 1, "reason": "Spam."}, **key)
    assert (first.status_code, again.json(), other.status_code) == (200, first.json(), 422)
    assert [action for action, _, _ in await audit(database)] == ["review.approve", "review.reject"]
    await recounted(database)
