"""Pages of lists, against a list made in Python of the same products: any filters, every order, page by page."""

import random
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest

from models import clock
from models.catalog import Filters
from models.cursor import Rank
from models.database import Database
from models.tables import shelf
from tests import goods
from tests.goods import Sold


class Thing(NamedTuple):
    """What the other side of the comparison knows of a product."""

    id: UUID
    slug: str
    categories: frozenset[str]
    tags: frozenset[str]
    vendor: str | None
    amount: int
    in_stock: bool
    featured: bool
    rating: float
    created_at: datetime
    popularity: int
    sold: int
    trend: float
    sale_ends_at: datetime | None

    def passes(self, filters: Filters) -> bool:
        """Whether it is in a list so narrowed."""
        return (
            (filters.category is None or filters.category in self.categories)
            and (filters.tag is None or filters.tag in self.tags)
            and (filters.vendor is None or filters.vendor == self.vendor)
            and (filters.min_price is None or self.amount >= filters.min_price)
            and (filters.max_price is None or self.amount <= filters.max_price)
            and (filters.min_rating is None or self.rating >= filters.min_rating)
            and (self.in_stock or not filters.in_stock)
            and (self.featured or not filters.featured)
            and (self.sale_ends_at is not None or not filters.on_sale)
        )


async def stocked(database: Database, dice: random.Random, count: int) -> list[Thing]:
    """A shop of random products, many of them alike."""
    found = []
    now = clock.now()
    async with database.writing() as writer:
        tree = {"home": await goods.category(writer, "home")}
        lineages = {"home": ["home"], "mugs": ["home", "mugs"], "tall": ["home", "mugs", "tall"], "garden": ["garden"]}
        for slug in ("mugs", "tall", "garden"):
            above = lineages[slug][-2:-1]
            tree[slug] = await goods.category(writer, slug, tree[above[0]] if above else None)
        tags = {slug: await goods.tag(writer, slug) for slug in ("new", "red", "gift")}
        vendors = {slug: await goods.vendor(writer, slug) for slug in ("acme", "zen")}
        for number in range(count):
            at = dice.choice(list(tree))
            given = [slug for slug in tags if dice.random() < 0.4]
            vendor = dice.choice([None, *vendors])
            votes = [dice.randint(1, 5) for _ in range(dice.choice((0, 1, 3)))]
            sold = [
                Sold(dice.choice((0, 0, 3)), {"usd": dice.choice((500, 1000, 1500)), "eur": 900}, None,
                     dice.choice((None, None, (400, now - goods.HOUR, now + dice.choice((1, 2, 3)) * goods.HOUR),
                                  (300, now + goods.HOUR, now + 2 * goods.HOUR))))
                for _ in range(dice.randint(1, 3))
            ]  # fmt: skip
            figures = {
                "popularity": dice.choice((0, 7, 9)),
                "sold": dice.choice((0, 4)),
                "trend": dice.choice((0, 0.5)),
            }
            created, featured = now - timedelta(days=dice.randint(1, 3)), dice.random() < 0.3
            id, _ = await goods.product(
                writer, f"p{number}", *sold, category=tree[at], tags=[tags[slug] for slug in given], figures=figures,
                vendor_id=vendors[vendor] if vendor else None, featured=featured, created_at=created,
                ratings=len(votes), stars=sum(votes),
            )  # fmt: skip
            ends = [each.sale[2] for each in sold if each.sale and each.sale[1] <= now]
            found.append(
                Thing(
                    id, f"p{number}", frozenset(lineages[at]), frozenset(given), vendor,
                    min(400 if each.sale and each.sale[1] <= now else each.price["usd"] for each in sold),
                    any(each.units for each in sold), featured, sum(votes) / len(votes) if votes else 0, created,
                    int(figures["popularity"]), int(figures["sold"]), figures["trend"], min(ends, default=None),
                )
            )  # fmt: skip
        # Neither sold in this currency nor on sale at all: in no list.
        await goods.product(writer, "abroad", Sold(price={"jpy": 500}))
        await goods.product(writer, "archived", archived_at=now)
    return found


def expected(things: list[Thing], filters: Filters, order: str) -> list[str]:
    """The slugs of the whole list."""
    sort = shelf.SORTS[order]
    only = {"sold": "sold", "trend": "trend", "sale_end": "sale_ends_at"}.get(order)
    passing = [each for each in things if each.passes(filters) and (only is None or getattr(each, only))]
    passing.sort(key=lambda each: (getattr(each, sort.column), each.id.bytes), reverse=sort.descending)
    return [each.slug for each in passing]


async def leafed(database: Database, filters: Filters, order: str, size: int) -> list[str]:
    """The slugs of all pages."""
    found: list[str] = []
    after: Rank | None = None
    while True:
        page = await shelf.page(database, "usd", filters, order, size, after)
        found += [card.slug for card in page.cards]
        if page.next is None:
            return found
        assert len(page.cards) == size
        after = page.next


CHOICES: dict[str, list[Any]] = {
    "category": ["home", "mugs", "tall", "garden"], "tag": ["new", "red"], "vendor": ["acme", "zen"],
    "min_price": [400, 401, 1000], "max_price": [400, 999, 1000], "min_rating": [1.0, 2.5, 4.0],
    "in_stock": [True], "featured": [True], "on_sale": [True],
}  # fmt: skip


@pytest.mark.parametrize("order", shelf.SORTS)
async def test_every_order_and_any_filters_together(database: Database, order: str) -> None:
    """Given 80 random products, when lists of none to four filters are leafed through, then each is as Python says."""
    dice = random.Random(f"shelves {order}")
    things = await stocked(database, dice, 80)
    told = 0
    for _ in range(40):
        names = dice.sample(list(CHOICES), dice.randint(0, 4))
        filters = Filters(**{name: dice.choice(CHOICES[name]) for name in names})
        wanted = expected(things, filters, order)
        assert await leafed(database, filters, order, dice.choice((1, 3, 100)) if len(wanted) < 20 else 7) == wanted
        counted = await shelf.page(database, "usd", filters, order, 1, None, count=True)
        assert counted.total == len(wanted), filters
        told += len(wanted)
    assert told > 100


@pytest.mark.parametrize("name", ["category", "tag", "vendor"])
async def test_what_is_not_there_has_no_products(database: Database, name: str) -> None:
    """Given a name that nothing has, or that of something archived, then its list is empty, and counted as such."""
    async with database.writing() as writer:
        at, tag, vendor = (
            await goods.category(writer, "old"),
            await goods.tag(writer, "old"),
            await goods.vendor(writer, "old"),
        )
        await goods.product(writer, "thing", category=at, tags=[tag], vendor_id=vendor)
    old = msgspec.structs.replace(Filters(), **{name: "old"})
    assert len((await shelf.page(database, "usd", old, "newest", 5, None)).cards) == 1
    for table in ("categories", "tags", "vendors"):
        async with database.writing() as writer:
            await writer.exec_driver_sql(f"UPDATE {table} SET archived_at = now()")

    for slug in ("old", "nobody"):
        filters = msgspec.structs.replace(Filters(), **{name: slug})
        assert await shelf.page(database, "usd", filters, "newest", 5, None, True) == shelf.Page([], None, 0)
