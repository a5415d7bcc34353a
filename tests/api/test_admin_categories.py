"""The tree of categories as staff edit it: growing, moving whole branches, reordering, pruning what is empty."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from models.database import Database
from models.ids import new_id
from models.records import DEEPEST
from models.roles import Role
from models.tables.catalog import products
from models.tables.category import categories
from tests import shop
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log, made, slugs, state

CATEGORIES = f"{ADMIN}/categories"


@pytest.fixture
async def staff(api: Api) -> dict[str, str]:
    """The headers of who keeps the shelf."""
    return await api.sign_in(Role.CATALOG)


async def plant(api: Api, staff: dict[str, str], *branches: str) -> None:
    """Categories by their path: `home/kitchen/cups`, each after what it stands in."""
    for branch in branches:
        *above, slug = branch.split("/")
        await made(api, staff, "categories", slug=slug, name=slug.title(), parent=above[-1] if above else None)


async def patched(api: Api, staff: dict[str, str], slug: str, **change: Any) -> dict[str, Any]:
    """A category after a change."""
    answer = await api.patch(f"{CATEGORIES}/{slug}", json=change, headers=staff)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def tree(database: Database) -> list[tuple[str, int]]:
    """Every living category as its path and its position; paths by the lineage that the database keeps."""
    rows = await database.fetch(
        """
        SELECT array_to_string(ARRAY(SELECT a.slug FROM unnest(c.lineage) WITH ORDINALITY u (id, n)
                                     JOIN categories a ON a.id = u.id ORDER BY u.n), '/') AS path, c.position
        FROM categories c WHERE c.archived_at IS NULL AND c.slug <> 'all' ORDER BY 1
        """
    )
    return [(row["path"], row["position"]) for row in rows]


async def test_one_is_made_read_changed_archived_and_restored(
    api: Api, staff: dict[str, str], database: Database
) -> None:
    """Given a category, then each step answers with it as it is, is written down, and again changes nothing."""
    await plant(api, staff, "home")
    words = "To drink from.\nAll ☕"
    cups = await made(api, staff, "categories", slug="cups", name="Cups", description=words, parent="home", reason="#1")
    assert {name: cups[name] for name in cups.keys() - {"created_at"}} == {
        "slug": "cups", "name": "Cups", "description": words, "parent": "home",
        "path": ["home", "cups"], "position": 0, "archived_at": None,
    }  # fmt: skip
    path = f"{CATEGORIES}/cups"
    assert (await api.get(path, headers=staff)).json() == cups
    assert await patched(api, staff, "cups", name="Cups", parent="home", position=7) == cups
    now = await patched(api, staff, "cups", name="Mugs", parent=None, reason="#2")
    assert now == {**cups, "name": "Mugs", "parent": None, "path": ["cups"], "position": 2}

    for _ in range(2):
        assert (await api.delete(path, params={"reason": "out"}, headers=staff)).status_code == 204
    archived = (await api.get(path, headers=staff)).json()["archived_at"]
    refused = await api.patch(path, json={"name": "X"}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "archived")
    for _ in range(2):
        back = await api.post(f"{path}/restore", headers=staff)
        assert (back.status_code, back.json()) == (200, now)

    assert (await log(database))[1:] == [
        ("category.create", "cups", None, cups, "#1"),
        ("category.change", "cups", {name: cups[name] for name in ("name", "parent", "path", "position")},
         {name: now[name] for name in ("name", "parent", "path", "position")}, "#2"),
        ("category.archive", "cups", {"archived_at": None}, {"archived_at": archived}, "out"),
        ("category.restore", "cups", {"archived_at": archived}, {"archived_at": None}, None),
    ]  # fmt: skip


async def test_a_branch_moves_whole(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a branch with goods, when it moves, then everything below it does, and its goods are found at both ends."""
    await plant(api, staff, "home", "home/kitchen", "home/kitchen/cups", "office")
    async with database.writing() as writer:
        await shop.stock_product(writer, "MUG", 1)
        cups = sa.select(categories.c.id).where(categories.c.slug == "cups").scalar_subquery()
        await writer.execute(sa.update(products).values(category_id=cups))
    fresh = {"Cache-Control": "no-cache"}

    async def where_the_mug_is() -> list[str]:
        found = []
        for slug in ("home", "kitchen", "cups", "office"):
            page = await api.get(f"/api/v1/categories/{slug}/products", headers=fresh)
            found += [slug] if page.json()["items"] else []
        rows = await database.fetch(
            "SELECT c.slug FROM listings l JOIN categories c ON c.id = ANY (l.category_ids) ORDER BY 1"
        )
        assert [row["slug"] for row in rows] == sorted(found)
        return found

    assert await where_the_mug_is() == ["home", "kitchen", "cups"]
    moved = await patched(api, staff, "kitchen", parent="office")
    assert moved["path"] == ["office", "kitchen"]
    assert await where_the_mug_is() == ["kitchen", "cups", "office"]
    assert [path for path, _ in await tree(database)] == ["home", "office", "office/kitchen", "office/kitchen/cups"]
    assert (await patched(api, staff, "cups", parent=None))["path"] == ["cups"]
    assert await where_the_mug_is() == ["cups"]


async def test_siblings_are_put_in_order(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given siblings, then each goes where it is told, the others make room, and shoppers see that order."""
    await plant(api, staff, "home", *(f"home/{slug}" for slug in "abcd"))

    async def order() -> str:
        seen = (await api.get("/api/v1/categories/home", headers={"Cache-Control": "no-cache"})).json()["children"]
        by_place = sorted((place, path[-1]) for path, place in await tree(database) if "/" in path)
        assert [place for place, _ in by_place] == list(range(len(by_place)))
        assert [slug for _, slug in by_place] == [child["slug"] for child in seen]
        return "".join(slug for _, slug in by_place)

    assert await order() == "abcd"
    assert (await patched(api, staff, "d", position=0))["position"] == 0
    assert await order() == "dabc"
    assert (await patched(api, staff, "d", position=2))["position"] == 2
    assert await order() == "abdc"
    assert (await patched(api, staff, "a", position=999_999))["position"] == 3
    assert await order() == "bdca"
    assert (await made(api, staff, "categories", slug="e", name="E", parent="home", position=1))["position"] == 1
    assert await order() == "bedca"
    await asyncio.gather(*(patched(api, staff, slug, position=0) for slug in "abcde"))
    assert sorted(await order()) == list("abcde")


async def test_no_circles(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a category, then it moves neither into itself nor into what stands in it; nothing is written."""
    await plant(api, staff, "home", "home/kitchen", "home/kitchen/cups")
    before = await state(database, "categories")
    for slug, parent in (("home", "home"), ("home", "cups"), ("kitchen", "cups"), ("cups", "cups")):
        refused = await api.patch(f"{CATEGORIES}/{slug}", json={"parent": parent}, headers=staff)
        assert (refused.status_code, refused.json()["code"]) == (409, "category_cycle")
    assert await state(database, "categories") == before


async def test_two_moves_at_once_close_no_circle(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given two moves that are fine alone and a circle together, when both come, one is refused."""
    for number in range(5):
        await plant(api, staff, f"a{number}", f"b{number}")
        answers = await asyncio.gather(
            api.patch(f"{CATEGORIES}/a{number}", json={"parent": f"b{number}"}, headers=staff),
            api.patch(f"{CATEGORIES}/b{number}", json={"parent": f"a{number}"}, headers=staff),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        assert next(a.json()["code"] for a in answers if a.status_code == 409) == "category_cycle"


async def test_what_is_in_use_is_not_archived(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given categories with living ones or products in them, then they stay; emptied from below, they go."""
    await plant(api, staff, "home", "home/cups", "home/pots")
    async with database.writing() as writer:
        await shop.stock_product(writer, "MUG", 1)
        cups = sa.select(categories.c.id).where(categories.c.slug == "cups").scalar_subquery()
        await writer.execute(sa.update(products).values(category_id=cups))
    before = await state(database, "categories")
    for slug, facts in (
        ("home", {"categories": ["cups", "pots"], "products": 0}), ("cups", {"categories": [], "products": 1}),
    ):  # fmt: skip
        refused = await api.delete(f"{CATEGORIES}/{slug}", headers=staff)
        assert (refused.status_code, refused.json()["code"], refused.json()["facts"]) == (409, "category_in_use", facts)
    assert await state(database, "categories") == before
    async with database.writing() as writer:
        await writer.execute(sa.update(products).values(archived_at=sa.func.now()))
    for slug in ("cups", "pots", "home"):
        assert (await api.delete(f"{CATEGORIES}/{slug}", headers=staff)).status_code == 204
    assert await tree(database) == []


async def test_nothing_stands_in_what_is_archived(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given an archived category, then nothing is put into it, moved into it, or restored in it."""
    await plant(api, staff, "home", "home/cups", "office")
    for slug in ("cups", "home"):
        await api.delete(f"{CATEGORIES}/{slug}", headers=staff)
    before = await state(database, "categories")
    for answer in (
        await api.post(CATEGORIES, json={"slug": "x", "name": "X", "parent": "home"}, headers=staff),
        await api.patch(f"{CATEGORIES}/office", json={"parent": "home"}, headers=staff),
        await api.post(f"{CATEGORIES}/cups/restore", headers=staff),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "archived")
        assert answer.json()["facts"] == {"categories": ["home"]}
    for answer in (
        await api.post(CATEGORIES, json={"slug": "x", "name": "X", "parent": "moon"}, headers=staff),
        await api.patch(f"{CATEGORIES}/office", json={"parent": "moon"}, headers=staff),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "category_unknown")
        assert answer.json()["facts"] == {"categories": ["moon"]}
    taken = await api.post(CATEGORIES, json={"slug": "home", "name": "X"}, headers=staff)
    assert (taken.status_code, taken.json()["code"]) == (409, "slug_taken")
    assert await state(database, "categories") == before


async def test_a_tree_has_an_end(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given as many levels as may be, then no other fits below, also not by moving a branch there."""
    async with database.writing() as writer:
        above = None
        for level in range(DEEPEST - 1):
            row = {"id": new_id(), "slug": f"level-{level}", "name": "Level", "parent_id": above}
            await writer.execute(sa.insert(categories).values(**row))
            above = row["id"]
    last = f"level-{DEEPEST - 2}"
    await plant(api, staff, "a", "a/b")
    refused = await api.patch(f"{CATEGORIES}/a", json={"parent": last}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "category_too_deep")
    deepest = await patched(api, staff, "b", parent=last)
    assert len(deepest["path"]) == DEEPEST
    refused = await api.post(CATEGORIES, json={"slug": "c", "name": "C", "parent": "b"}, headers=staff)
    assert (refused.status_code, refused.json()["code"], refused.json()["facts"]) == (
        409, "category_too_deep", {"most": DEEPEST},
    )  # fmt: skip
    whole = await api.get("/api/v1/categories", headers={"Cache-Control": "no-cache"})
    assert (whole.status_code, whole.json()["total"]) == (200, DEEPEST + 2)


async def test_the_list(api: Api, staff: dict[str, str]) -> None:
    """Given a tree, then it is listed newest first, page by page, by words, by branch, and archived ones apart."""
    await plant(api, staff, "home", "home/kitchen", "home/kitchen/cups", "office")
    await api.delete(f"{CATEGORIES}/cups", headers=staff)
    assert await slugs(api, staff, "categories", limit=1) == ["office", "kitchen", "home", "all"]
    assert await slugs(api, staff, "categories", q="OFF") == ["office"]
    assert await slugs(api, staff, "categories", below="home") == ["kitchen"]
    assert await slugs(api, staff, "categories", below="home", archived=True) == ["cups"]
    assert await slugs(api, staff, "categories", below="kitchen", q="x") == []
    assert await slugs(api, staff, "categories", below="nothing") == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"slug": "A"}, "/slug"), ({"name": ""}, "/name"), ({"description": "a\x00"}, "/description"),
        ({"description": "x" * 20_001}, "/description"), ({"parent": "No such"}, "/parent"), ({"parent": 1}, "/parent"),
        ({"position": -1}, "/position"), ({"position": 10**30}, "/position"), ({"position": 1.5}, "/position"),
        ({"path": ["a"]}, "/path"), ({"lineage": []}, "/lineage"),
    ],
)  # fmt: skip
async def test_bad_ones(
    api: Api, staff: dict[str, str], database: Database, change: dict[str, Any], pointer: str
) -> None:
    """Given what is no category, or no change of one, then 422 points at it, and nothing is written."""
    before = await state(database, "categories")
    answers = [await api.post(CATEGORIES, json={"slug": "x", "name": "X", **change}, headers=staff)]
    answers += [await api.patch(f"{CATEGORIES}/all", json=change, headers=staff)]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await state(database, "categories") == before
