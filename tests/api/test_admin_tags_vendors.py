"""Tags and vendors as staff keep them: both are words with a slug that is given once for ever."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from models.database import Database
from models.ids import new_id
from models.roles import Role
from models.tables.catalog import products
from models.tables.tag import product_tags
from models.tables.tag import tags as tag_rows
from tests import shop
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log, made, slugs, state

KINDS = ["tag", "vendor"]


@pytest.fixture
async def staff(api: Api) -> dict[str, str]:
    """The headers of who keeps the shelf."""
    return await api.sign_in(Role.CATALOG)


@pytest.mark.parametrize("kind", KINDS)
async def test_one_is_made_read_changed_archived_and_restored(
    api: Api, staff: dict[str, str], database: Database, kind: str
) -> None:
    """Given one of them, then each step answers with it as it is, is written down, and again changes nothing."""
    more = {"description": "Since 1851.\nBy hand 🏺"} if kind == "vendor" else {}
    one = await made(api, staff, f"{kind}s", slug="mud-and-fire", name="Mud & <Fire>", reason="#1", **more)
    assert {name: one[name] for name in one.keys() - {"created_at"}} == {
        "slug": "mud-and-fire", "name": "Mud & <Fire>", "archived_at": None, **more,
    }  # fmt: skip
    path = f"{ADMIN}/{kind}s/mud-and-fire"
    assert (await api.get(path, headers=staff)).json() == one
    same = await api.patch(path, json={"name": "Mud & <Fire>"}, headers=staff)
    assert (same.status_code, same.json()) == (200, one)
    changed = await api.patch(path, json={"name": "نار", "reason": "#2"}, headers=staff)
    assert (changed.status_code, changed.json()) == (200, {**one, "name": "نار"})

    for _ in range(2):
        gone = await api.delete(path, params={"reason": "closed"}, headers=staff)
        assert (gone.status_code, gone.content) == (204, b"")
    archived = (await api.get(path, headers=staff)).json()["archived_at"]
    assert archived is not None
    refused = await api.patch(path, json={"name": "X"}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "archived")
    for _ in range(2):
        back = await api.post(f"{path}/restore", params={"reason": "open"}, headers=staff)
        assert (back.status_code, back.json()) == (200, {**one, "name": "نار"})

    assert await log(database) == [
        (f"{kind}.create", "mud-and-fire", None, one, "#1"),
        (f"{kind}.change", "mud-and-fire", {"name": "Mud & <Fire>"}, {"name": "نار"}, "#2"),
        (f"{kind}.archive", "mud-and-fire", {"archived_at": None}, {"archived_at": archived}, "closed"),
        (f"{kind}.restore", "mud-and-fire", {"archived_at": archived}, {"archived_at": None}, "open"),
    ]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_list(api: Api, staff: dict[str, str], kind: str) -> None:
    """Given some, then they are listed newest first, page by page, by words, and archived ones apart."""
    for slug, name in (("a", "Wool 100%"), ("b", "Linen"), ("c", "LINEN blend")):
        await made(api, staff, f"{kind}s", slug=slug, name=name)
    await api.delete(f"{ADMIN}/{kind}s/b", headers=staff)
    await api.post(f"{ADMIN}/{kind}s/b/restore", headers=staff)
    await made(api, staff, f"{kind}s", slug="old-linen", name="Gone")
    await api.delete(f"{ADMIN}/{kind}s/old-linen", headers=staff)
    assert await slugs(api, staff, f"{kind}s", limit=1) == ["c", "b", "a"]
    assert await slugs(api, staff, f"{kind}s", q="linen") == ["c", "b"]
    assert await slugs(api, staff, f"{kind}s", q="0%") == ["a"]
    assert await slugs(api, staff, f"{kind}s", q="%") == ["a"]
    assert await slugs(api, staff, f"{kind}s", q="'; DROP TABLE tags; --") == []
    assert await slugs(api, staff, f"{kind}s", archived=True) == ["old-linen"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_slug_is_given_once(api: Api, staff: dict[str, str], database: Database, kind: str) -> None:
    """Given ten requests for one slug at once, then one gets it; a repeat under its key gets the same answer."""
    headers = [{**staff, "Idempotency-Key": f"k{number}"} for number in range(10)]
    body = {"slug": "new", "name": "New"}
    answers = await asyncio.gather(*(api.post(f"{ADMIN}/{kind}s", json=body, headers=each) for each in headers))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"slug_taken"}
    won = next(index for index, answer in enumerate(answers) if answer.status_code == 201)
    again = await api.post(f"{ADMIN}/{kind}s", json=body, headers=headers[won])
    assert (again.status_code, again.json()) == (201, answers[won].json())
    other = await api.post(f"{ADMIN}/{kind}s", json={**body, "name": "Else"}, headers=headers[won])
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert [entry[:2] for entry in await log(database)] == [(f"{kind}.create", "new")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"slug": ""}, "/slug"), ({"slug": "Upper"}, "/slug"), ({"slug": "a b"}, "/slug"), ({"slug": "-a"}, "/slug"),
        ({"slug": "a" * 101}, "/slug"), ({"slug": "a\n"}, "/slug"), ({"slug": "é"}, "/slug"), ({"slug": None}, "/slug"),
        ({"name": ""}, "/name"), ({"name": "a\x00b"}, "/name"), ({"name": "x" * 201}, "/name"), ({"name": 7}, "/name"),
        ({"id": 1}, "/id"), ({"archived_at": None}, "/archived_at"), ({"reason": "a\nb"}, "/reason"),
    ],
)  # fmt: skip
async def test_bad_ones(
    api: Api, staff: dict[str, str], database: Database, kind: str, change: dict[str, Any], pointer: str
) -> None:
    """Given what is none, then 422 points at it, and nothing is written."""
    answer = await api.post(f"{ADMIN}/{kind}s", json={"slug": "a", "name": "A", **change}, headers=staff)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await state(database, "tags", "vendors") == []


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_knows_it(api: Api, staff: dict[str, str], kind: str) -> None:
    """Given a slug that nothing has, or that is none, then 404."""
    for slug, code in (("nothing", f"{kind}_not_found"), ("No%00thing", "not_found"), ("%ED%A0%80", "not_found")):
        path = f"{ADMIN}/{kind}s/{slug}"
        for answer in (
            await api.get(path, headers=staff), await api.patch(path, json={}, headers=staff),
            await api.delete(path, headers=staff), await api.post(f"{path}/restore", headers=staff),
        ):  # fmt: skip
            assert (answer.status_code, answer.json()["code"]) == (404, code), slug


async def test_an_archived_tag_leaves_the_lists_and_comes_back(
    api: Api, staff: dict[str, str], database: Database
) -> None:
    """Given a product with two tags, when one is archived and restored, then its listing follows."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "MUG", 1)
        mug = (await writer.execute(sa.select(products.c.id))).scalar_one()
        rows = [{"id": new_id(), "slug": slug, "name": slug} for slug in ("new", "red")]
        await writer.execute(sa.insert(tag_rows), rows)
        await writer.execute(sa.insert(product_tags), [{"product_id": mug, "tag_id": row["id"]} for row in rows])

    async def shown() -> list[str]:
        found = await database.fetch("SELECT t.slug FROM listings l JOIN tags t ON t.id = ANY (l.tag_ids) ORDER BY 1")
        return [row["slug"] for row in found]

    assert await shown() == ["new", "red"]
    await api.delete(f"{ADMIN}/tags/new", headers=staff)
    assert await shown() == ["red"]
    await api.post(f"{ADMIN}/tags/new/restore", headers=staff)
    assert await shown() == ["new", "red"]
