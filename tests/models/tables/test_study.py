"""What is learned from purchases and looks: figures that equal a recount by hand, and what goes with what."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from dev.recommend.measure import study_all
from models import clock
from models.database import Database
from models.ids import UserId, VariantId, first_id, new_id
from models.order import SOLD, OrderStatus
from models.recommendation import MOST_RELATED
from models.tables import order as orders
from models.tables import study
from models.tables.catalog import categories, products, variants
from models.tables.tag import product_tags, tags
from models.tables.view import product_views
from tests import people, shop
from tests.models.tables.shelf import Shelf


class Town:
    """A shop with goods A to H, and people who buy and look on the days that a test says."""

    def __init__(self, database: Database, goods: dict[str, tuple[UUID, VariantId]]) -> None:
        self.database = database
        self.goods = goods

    async def buy(
        self,
        who: UserId | None,
        what: str,
        days_ago: float = 1,
        status: OrderStatus = OrderStatus.DELIVERED,
        units: int = 1,
    ) -> UUID:
        """One order of these goods, a letter each."""
        at = clock.now() - timedelta(days=days_ago)
        first = self.goods[what[0]][1]
        order = Shelf(self.database, first, first).row(
            {self.goods[letter][1]: units for letter in what}, customer_id=who, status=status, placed_at=at,
            id=UUID(int=first_id(at).int + new_id().int % 2**64),
        )  # fmt: skip
        async with self.database.writing() as writer:
            await orders.insert(writer, order)
        return order.id

    async def look(self, who: UUID, what: str, days_ago: float = 1) -> None:
        """Somebody looks at these."""
        at = clock.now() - timedelta(days=days_ago)
        async with self.database.writing() as writer:
            for letter in what:
                values = {"visitor": who, "product_id": self.goods[letter][0], "day": at.date(), "viewed_at": at}
                await writer.execute(sa.insert(product_views).values(**values))

    async def figures(self) -> dict[str, tuple[int, int, float]]:
        """Sold, popularity and trend of each product that has any."""
        rows = await self.database.fetch(
            "SELECT p.slug, f.* FROM product_figures f JOIN products p ON p.id = f.product_id"
        )
        return {row["slug"].upper(): (row["sold"], row["popularity"], row["trend"]) for row in rows}

    async def related(self, letter: str, kind: str) -> list[str]:
        """What goes with a product."""
        rows = await self.database.fetch(
            "SELECT p.slug FROM related_products r, unnest(r.ids) WITH ORDINALITY x(id, place), products p "
            "WHERE r.product_id = $1 AND r.kind = $2 AND p.id = x.id ORDER BY x.place",
            self.goods[letter][0], kind,
        )  # fmt: skip
        return [row["slug"].upper() for row in rows]

    async def rows(self, *tables: str) -> dict[str, list[str]]:
        """All of these, but for when they were written."""
        found = {}
        for table in tables:
            rows = await self.database.fetch(f"SELECT (to_jsonb(t) - 'computed_at')::text AS row FROM {table} t")
            found[table] = sorted(row["row"] for row in rows)
        return found


@pytest.fixture
async def town(database: Database) -> Town:
    """Goods A to H in one category, ten each."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
        for letter in "ABCDEFGH":
            await shop.stock_product(writer, letter, 10)
        found = await writer.execute(sa.select(variants.c.sku, variants.c.product_id, variants.c.id))
        return Town(database, {row[0]: (row[1], VariantId(row[2])) for row in found})


async def buyers(database: Database, count: int) -> list[UserId]:
    """New accounts."""
    async with database.writing() as writer:
        return [await people.account(writer) for _ in range(count)]


async def test_figures_equal_a_count_by_hand(town: Town) -> None:
    """Given purchases and looks of some days, then what was sold, popularity and trend are what one counts by hand."""
    ada, bob = await buyers(town.database, 2)
    await town.buy(ada, "A", 1, units=3)
    await town.buy(bob, "AB", 20)
    await town.buy(None, "A", 60)
    await town.buy(ada, "A", 91)
    for status in set(OrderStatus) - set(SOLD):
        await town.buy(ada, "C", 1, status)
    await town.look(new_id(), "AD", 2)
    await town.look(new_id(), "D", 25)
    await town.look(new_id(), "D", 31)
    await study_all(town.database)
    before = 10 * 7 / 23  # of A: one unit in the three weeks before the last
    assert await town.figures() == {
        "A": (5, 41, pytest.approx((31 - before) / (before + 10) ** 0.5, abs=0.001)),
        "B": (1, 10, 0.0), "D": (0, 2, pytest.approx((1 - 7 / 23) / (7 / 23 + 10) ** 0.5, abs=0.001)),
    }  # fmt: skip
    rows = await town.database.fetch(
        "SELECT p.slug, r.buyers, r.viewers FROM product_reach r JOIN products p ON p.id = r.product_id ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("a", 3, 1), ("b", 1, 0), ("d", 0, 2)]
    listed = await town.database.fetch(
        "SELECT p.slug, l.popularity FROM listings l JOIN products p ON p.id = product_id"
    )
    assert {row["slug"]: row["popularity"] for row in listed if row["popularity"]} == {"a": 41, "b": 10, "d": 2}


async def test_studying_again_changes_nothing(town: Town) -> None:
    """Given a study, when it is made again, then no row is written that is the same, and nobody is told of changes."""
    for who in await buyers(town.database, 3):
        await town.buy(who, "AB")
        await town.look(who, "CD")
    await study_all(town.database)
    tables = ("purchases", "product_reach", "product_figures", "related_products")
    before = await town.rows(*tables)
    async with town.database.writing() as writer:
        await writer.exec_driver_sql("DELETE FROM catalogue_changes")
    await study_all(town.database)
    assert await town.rows(*tables) == before
    assert await town.database.fetch("SELECT FROM catalogue_changes") == []


async def test_an_order_that_is_paid_late_counts(town: Town) -> None:
    """Given an order that was not paid when it was looked at, when it is paid, then the next study has it, once."""
    [ada] = await buyers(town.database, 1)
    late = await town.buy(ada, "A", 3, OrderStatus.PENDING)
    await town.buy(ada, "B", 1)
    await study_all(town.database)
    assert set(await town.figures()) == {"B"}
    async with town.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE orders SET status = 'confirmed' WHERE id = $1", (late,))
    for _ in range(2):
        await study_all(town.database)
    assert (await town.figures())["A"][:2] == (1, 10)


async def test_long_histories_are_read_in_steps(town: Town) -> None:
    """Given more orders than a step takes, then the steps together take each once."""
    for who in await buyers(town.database, 7):
        await town.buy(who, "AB")
    steps = 0
    async with town.database.writing() as writer:
        after: UUID | None = await study.begin(writer)
        while after is not None:
            after = await study.gather(writer, after, 3)
            steps += 1
    assert steps == 3
    [row] = await town.database.fetch("SELECT count(*) AS n, count(DISTINCT order_id) AS orders FROM purchases")
    assert tuple(row) == (14, 7)


async def test_what_goes_with_what(town: Town) -> None:
    """Given baskets, buyers and looks, then each kind tells what people share, and nothing that one did alone."""
    one, two, three, four = await buyers(town.database, 4)
    for who in (one, two):
        await town.buy(who, "AB")
        await town.buy(who, "C", 5)
        await town.look(who, "DE")
    await town.buy(three, "AF")
    await town.buy(four, "G")
    await town.look(three, "DH")
    await study_all(town.database)
    assert await town.related("A", "together") == ["B"]
    assert await town.related("A", "bought") == ["B", "C"]
    assert await town.related("C", "bought") == ["B", "A"]  # everybody who bought B, but not everybody who bought A
    assert await town.related("C", "together") == []
    assert await town.related("D", "viewed") == ["E"]
    assert await town.related("G", "bought") == []


async def test_what_everybody_buys_ties_nothing_together(town: Town) -> None:
    """Given a bestseller that is in every basket, then what only fans buy together is closer."""
    crowd = await buyers(town.database, 30)
    for place, who in enumerate(crowd):
        await town.buy(who, "AB" if place < 6 else "A")
        if place < 6:
            await town.buy(who, "C")
    await study_all(town.database)
    assert (await town.related("B", "bought"))[0] == "C"
    assert set(await town.related("B", "bought")) == {"A", "C"}


async def test_what_is_alike_needs_nobody(town: Town) -> None:
    """Given products of one category, of a neighbouring one and of another, tagged or not, then each is as like."""
    ids = {letter: product for letter, (product, _) in town.goods.items()}
    root, tree, leaf, tag = new_id(), new_id(), new_id(), new_id()
    async with town.database.writing() as writer:
        for identity, slug, parent in ((root, "root", None), (tree, "tree", root), (leaf, "leaf", root)):
            await writer.execute(sa.insert(categories).values(id=identity, slug=slug, name=slug, parent_id=parent))
        for letters, category in (("ABC", tree), ("D", leaf)):
            where = products.c.id.in_([ids[letter] for letter in letters])
            await writer.execute(sa.update(products).where(where).values(category_id=category))
        await writer.execute(sa.insert(tags).values(id=tag, slug="warm", name="Warm"))
        for letter in "ACE":
            await writer.execute(sa.insert(product_tags).values(product_id=ids[letter], tag_id=tag))
    await study_all(town.database)
    assert await town.related("A", "alike") == ["C", "B", "E", "D"]
    assert "A" not in await town.related("A", "alike")
    assert len(await town.related("F", "alike")) <= MOST_RELATED


async def test_old_traces_go(town: Town) -> None:
    """Given purchases and looks too old to count, then they go, some at a time, and the others stay."""
    [ada] = await buyers(town.database, 1)
    for days in (1, 29):
        await town.look(new_id(), "A", days)
    for days in (31, 40, 50):
        await town.look(new_id(), "A", days)
    await town.buy(ada, "A", 10)
    await study_all(town.database)
    async with town.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE purchases SET bought_at = now() - interval '91 days'")
        more = [await study.forget(writer, 2) for _ in range(3)]
    assert more == [True, False, False]
    left = await town.rows("purchases", "product_views")
    assert (len(left["purchases"]), len(left["product_views"])) == (0, 2)


async def test_new_evidence_is_found_and_old_left_alone(town: Town) -> None:
    """Given a study, when two people buy something more, then what they bought is related anew, and nothing else is."""

    async def computed() -> dict[str, Any]:
        rows = await town.database.fetch(
            "SELECT p.slug, r.computed_at FROM related_products r JOIN products p ON p.id = r.product_id "
            "WHERE r.kind = 'alike'"
        )
        return {row["slug"].upper(): row["computed_at"] for row in rows}

    one, two = await buyers(town.database, 2)
    await study_all(town.database)
    before = await computed()
    assert set(before) == set("ABCDEFGH")
    for who in (one, two):
        await town.buy(who, "AB")
    await study_all(town.database)
    after = await computed()
    assert {letter for letter in after if after[letter] != before[letter]} == {"A", "B"}
    assert await town.related("A", "bought") == ["B"]
