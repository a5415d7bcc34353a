"""Every hot read of the catalogue is a look-up by index, in a shop of some size, whatever is asked for."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import pytest

from dev.seed.crowd import crowd
from models.catalog import Filters
from models.cursor import Rank
from models.database import Database
from models.tables import browse, catalog, catalogue_change, shelf
from models.tables.listing import cards

PRODUCTS = 1000


class Explaining(Database):
    """Plans what it is asked, as it would be planned, and answers it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.plans: list[tuple[str, Any]] = []

    async def fetch(self, sql: str, *arguments: object) -> list[Any]:
        [(plan,)] = await super().fetch(f"EXPLAIN (FORMAT JSON) {sql}", *arguments)
        self.plans.append((sql, json.loads(plan)[0]["Plan"]))
        return await super().fetch(sql, *arguments)

    async def fetch_planned(self, sql: str, *arguments: object) -> list[Any]:
        [(plan,)] = await super().fetch_planned(f"EXPLAIN (FORMAT JSON) {sql}", *arguments)
        self.plans.append((sql, json.loads(plan)[0]["Plan"]))
        return await super().fetch_planned(sql, *arguments)


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from steps(below)


@pytest.fixture
async def explaining(database: Database, database_url: str) -> AsyncIterator[Explaining]:
    """A shop of a thousand products, whose statistics Postgres knows."""
    await crowd(database_url, PRODUCTS)
    opened = Explaining(database_url)
    yield opened
    await opened.close()


async def test_every_hot_read_uses_an_index(explaining: Explaining) -> None:
    """Given each list with each filter, each order and each place in it, pages and names, then no table is scanned."""
    one = Filters("crowd-0", "crowd-tag-1", "crowd-vendor-1", 500, 90000, 2.5, True, True, True)
    names = one.__struct_fields__
    choices = [shelf.ALL, one, *(Filters(**{name: getattr(one, name)}) for name in names)]
    for order in shelf.SORTS:
        page = await shelf.page(explaining, "usd", shelf.ALL, order, 1, None)
        assert page.next is not None
        for filters in choices:
            for after in (None, page.next):
                await shelf.page(explaining, "usd", filters, order, 20, after, count=True)
    [(slug, id)] = await Database.fetch(explaining, "SELECT slug, id FROM products ORDER BY id LIMIT 1")
    await catalog.product(explaining, slug, "usd")
    await cards(explaining, "usd", [UUID(str(id))])
    await browse.category(explaining, "crowd-0")
    await browse.has_category(explaining, "crowd-0")
    await browse.vendor(explaining, "crowd-vendor-1")
    for read in (browse.tags, browse.vendors):
        found = await read(explaining, 2, None)
        await read(explaining, 2, found[-1][0])
    await catalogue_change.noted(explaining, "answers", 100)
    await catalogue_change.outdated(explaining, [UUID(str(id))], [], [], [])

    assert len(explaining.plans) > 200
    scanned = {
        (step["Relation Name"], sql) for sql, plan in explaining.plans for step in steps(plan)
        if step["Node Type"] == "Seq Scan"
    }  # fmt: skip
    assert scanned == set()


@pytest.mark.parametrize("order", shelf.SORTS)
async def test_a_list_walks_the_index_of_its_order(explaining: Explaining, order: str) -> None:
    """Given a list without filters, then nothing is sorted but the page itself, from whatever place on."""
    page = await shelf.page(explaining, "usd", shelf.ALL, order, 5, None)
    assert page.next is not None
    await shelf.page(explaining, "usd", shelf.ALL, order, 5, Rank(page.next.value, page.next.id))
    for _, plan in explaining.plans:
        inner = [step for step in steps(plan) if step["Node Type"] in ("Index Scan", "Index Only Scan")
                 and step["Relation Name"] == "listings"]  # fmt: skip
        assert [step["Index Name"] for step in inner] != []
        walked = [step for step in steps(plan) if step["Node Type"] == "Limit"]
        below = {step["Node Type"] for limit in walked for step in steps(limit)}
        assert "Sort" not in below, plan
