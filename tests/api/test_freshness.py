"""No cached answer outlives what it is about, and no other answer is made anew: for every cached route.

Time is taken out: answers stay fresh for ever here, and are held by no process, so that only what the changes make old
can be made anew. How long it takes through the running house is measured in tests/journeys/test_freshness.py.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from temporalio.testing import ActivityEnvironment

from activities.answers import AnswerActivities, DropAnswers
from activities.catalogue_changes import AwaitChanges, CatalogueChangeActivities, SettleChanges
from api import shelf
from models import cache
from models.database import Database
from tests import goods
from tests.api.conftest import NOBODY, Api, StartApi

CHANGES: dict[str, list[str]] = {
    "/products": ["UPDATE prices SET amount = 1100", "UPDATE products SET name = 'Jug' WHERE slug = 'mug'",
                  "UPDATE categories SET name = 'Casa' WHERE slug = 'mugs'", "UPDATE products SET archived_at = now()"],
    "/products?sort=price&tag=red": ["UPDATE prices SET amount = 1200", "DELETE FROM product_tags"],
    "/products?in_stock=true&count=true": ["UPDATE stock_levels SET on_hand = 0"],
    "/products?category=home": ["UPDATE categories SET name = 'Casa' WHERE slug = 'mugs'",
                                "UPDATE categories SET parent_id = NULL WHERE slug = 'mugs'",
                                "UPDATE products SET category_id = (SELECT id FROM categories WHERE slug = 'home')"],
    "/products?vendor=acme": ["UPDATE products SET vendor_id = NULL",
                              "UPDATE products SET vendor_id = (SELECT id FROM vendors)",
                              "UPDATE vendors SET archived_at = now()"],
    "/products?min_rating=4": ["UPDATE products SET stars = 2 WHERE slug = 'mug'"],
    "/products/mug": [
        "UPDATE prices SET amount = 1300", "UPDATE products SET description = 'Blue.'",
        "UPDATE stock_levels SET on_hand = 0",
        "UPDATE variants SET attributes = '{\"size\": \"L\"}'",
        "UPDATE categories SET name = 'Casa' WHERE slug = 'home'",
        "UPDATE tags SET name = 'Rouge'", "UPDATE vendors SET name = 'Zen'",
        "UPDATE products SET stars = 3 WHERE slug = 'mug'",
        "UPDATE prices SET sale_amount = 1, sale_starts_at = now() - interval '1 hour', "
        "sale_ends_at = now() + interval '1 hour'",
    ],
    "/products/featured": ["UPDATE products SET featured = false"],
    "/products/best-sellers": ["UPDATE product_figures SET sold = 0"],
    "/products/trending": ["UPDATE product_figures SET trend = 0"],
    "/products/flash-sales": [
        "UPDATE prices SET sale_amount = 1, sale_starts_at = now() - interval '1 hour', "
        "sale_ends_at = now() + interval '1 hour'",
    ],
    "/categories": ["UPDATE categories SET name = 'Casa' WHERE slug = 'home'",
                    "UPDATE categories SET position = 9 - position",
                    "INSERT INTO categories (id, slug, name) VALUES (uuidv7(), 'new', 'New')"],
    "/categories/home": ["UPDATE categories SET description = 'Inside.' WHERE slug = 'mugs'"],
    "/categories/home/products": ["UPDATE prices SET amount = 1400"],
    "/tags": ["UPDATE tags SET name = 'Rouge'", "INSERT INTO tags (id, slug, name) VALUES (uuidv7(), 'a', 'A')"],
    "/vendors": ["UPDATE vendors SET archived_at = now()",
                 "INSERT INTO vendors (id, slug, name) VALUES (uuidv7(), 'a', 'A')"],
    "/products/mug/reviews": [
        "WITH u AS (INSERT INTO users (id, email, roles) VALUES (uuidv7(), 'a@b.example', '{customer}') RETURNING id) "
        "INSERT INTO reviews (id, product_id, user_id, stars, status, verified_purchase) "
        "SELECT uuidv7(), p.id, u.id, 5, 'published', false FROM u, products p WHERE p.slug = 'mug'",
        "UPDATE reviews SET body = 'Blue.'", "UPDATE reviews SET helpful = 3", "UPDATE reviews SET status = 'pending'",
    ],
    "/products/mug/similar": [
        "INSERT INTO related_products (product_id, kind, ids, scores) SELECT a.id, 'viewed', ARRAY[b.id], '{1}' "
        "FROM products a, products b WHERE a.slug = 'mug' AND b.slug = 'spade'",
        "UPDATE products SET name = 'Shovel' WHERE slug = 'spade'", "UPDATE prices SET amount = 1500",
        "DELETE FROM related_products",
    ],
    "/products/mug/frequently-bought-together": [
        "INSERT INTO related_products (product_id, kind, ids, scores) SELECT a.id, 'together', ARRAY[b.id], '{1}' "
        "FROM products a, products b WHERE a.slug = 'mug' AND b.slug = 'spade'",
        "UPDATE stock_levels SET on_hand = 0",
    ],
    "/vendors/acme": ["UPDATE vendors SET description = 'Ltd.'"],
}  # fmt: skip
"""By address, statements each of which makes its answer another one."""


@pytest.fixture(autouse=True)
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are always fresh, and never held; a machine that is busy with other tests takes nobody's turn."""
    monkeypatch.setattr("api.app.REDIS_PATIENCE", 10.0)
    monkeypatch.setattr(shelf, "ONE_MAKES", 10.0)
    monkeypatch.setattr(shelf, "_FRESH", 1e6)
    monkeypatch.setattr(shelf, "_HELD", 0.0)
    monkeypatch.setattr(shelf.answer_of, "__defaults__", (None, 0.0))


@pytest.fixture
async def stall(api: Api, database: Database) -> AsyncIterator[Api]:
    """One mug with all there is, and a spade that nobody touches."""
    async with database.writing() as writer:
        mugs = await goods.category(writer, "mugs", await goods.category(writer, "home"), position=1)
        garden = await goods.category(writer, "garden", position=2)
        red, acme = await goods.tag(writer, "red"), await goods.vendor(writer, "acme")
        await goods.product(writer, "mug", category=mugs, tags=[red], vendor_id=acme, featured=True, ratings=1,
                            stars=4, figures={"sold": 1, "trend": 1})  # fmt: skip
        await goods.product(writer, "spade", category=garden)
    yield api


async def told(api: Api, database: Database) -> None:
    """What `refresh-answers` does, until nothing is left to tell."""
    changes, answers = CatalogueChangeActivities(database), AnswerActivities(api.app.state.house.settings.redis_url)
    run = ActivityEnvironment().run
    while (found := await run(changes.await_changes, AwaitChanges("answers", 500, 0, 0))).ids:
        await run(answers.drop_answers, DropAnswers((await run(changes.find_outdated, found)).about))
        await run(changes.settle_changes, SettleChanges(found.ids))


async def read(api: Api, path: str) -> Any:
    """Status and body."""
    answer = await api.get(f"/api/v1{path}")
    return answer.status_code, answer.content


@pytest.mark.parametrize("path", CHANGES)
async def test_a_change_makes_its_answers_old(stall: Api, database: Database, path: str) -> None:
    """Given a kept answer, when what it tells changes, then it is given until that is told, and never again."""
    await told(stall, database)
    for change in CHANGES[path]:
        await read(stall, path)
        before = await read(stall, path)
        async with database.writing() as writer:
            await writer.exec_driver_sql(change)
        assert await read(stall, path) == before, "it is not kept at all"
        await told(stall, database)
        after = await read(stall, path)
        assert after != before, change
        fresh = await stall.get(f"/api/v1{path}", headers={"Cache-Control": "no-cache"})
        assert after == (fresh.status_code, fresh.content)


async def test_other_answers_stay(stall: Api, database: Database) -> None:
    """Given many kept answers, when one product changes, then those about others are given as they are."""
    others = [
        "/products/spade",
        "/categories",
        "/categories/garden/products",
        "/tags",
        "/vendors",
        "/products?category=garden",
    ]
    await told(stall, database)
    for path in others:
        await read(stall, path)
    made = stall.app.state.house.shelf.given["postgres"]
    async with database.writing() as writer:
        await writer.exec_driver_sql("UPDATE products SET name = 'Jug' WHERE slug = 'mug'")
        await writer.exec_driver_sql(
            "UPDATE prices SET amount = 5 WHERE variant_id IN (SELECT id FROM variants WHERE sku = 'MUG-0')"
        )
    await told(stall, database)
    for path in others:
        assert (await read(stall, path))[0] == 200
    assert stall.app.state.house.shelf.given["postgres"] == made


@pytest.mark.parametrize("path", CHANGES)
async def test_without_redis_answers_are_right_at_once(
    start_api: StartApi, stall: Api, database: Database, path: str
) -> None:
    """Given no Redis, then each answer is made from the rows, and is what it should be."""
    alone = await start_api(REDIS_URL=f"redis://{NOBODY}/0")
    for change in CHANGES[path]:
        before = await read(alone, path)
        async with database.writing() as writer:
            await writer.exec_driver_sql(change)
        assert await read(alone, path) != before, change


async def test_a_crowd_of_two_processes_makes_one_answer(
    start_api: StartApi, stall: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an answer that has become old, when 500 ask for it at two processes, then Postgres is asked once."""
    other, path, asked = await start_api(), "/products?category=home", 0
    await read(stall, path)
    async with database.writing() as writer:
        await writer.exec_driver_sql("UPDATE products SET name = 'Jug' WHERE slug = 'mug'")
    await told(stall, database)
    fetch = Database.fetch_planned

    async def counted(self: Database, sql: str, *arguments: object) -> list[Any]:
        nonlocal asked
        asked += 1
        return await fetch(self, sql, *arguments)

    monkeypatch.setattr(Database, "fetch_planned", counted)
    answers = await asyncio.gather(*(read(api, path) for _ in range(250) for api in (stall, other)))

    assert asked == 1
    assert {status for status, _ in answers} == {200}
    assert {b"Jug" in body for _, body in answers} <= {True, False}
    assert b"Jug" in (await read(other, path))[1] and asked == 1


async def test_a_maker_that_dies_is_not_waited_for_long(
    stall: Api, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a process that took up an answer and died, then another one makes it, when its time is over."""
    monkeypatch.setattr(shelf, "ONE_MAKES", 0.3)
    async with Redis.from_url(redis_url) as redis:
        await redis.set(cache.being_made(cache.category_tree()), b"", px=300)
    assert (await read(stall, "/categories"))[0] == 200


async def test_metrics_tell_where_answers_came_from(stall: Api) -> None:
    """Given one answer made and one from Redis, then both are counted."""
    for _ in range(2):
        await read(stall, "/tags")
    text = (await stall.client.get("/metrics")).text
    assert 'holdfast_catalogue_answers_total{source="postgres"} 1.0' in text
    assert 'holdfast_catalogue_answers_total{source="redis"} 1.0' in text
