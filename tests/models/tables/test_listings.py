"""Listings are what a recount says, whoever changes whatever they are made from, and however many do at once."""

import asyncio
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from models import clock
from models.database import Database
from models.ids import OrderId, VariantId, new_id
from models.product_csv import Columns
from models.product_import import batch
from models.product_plan import plan
from models.tables import inventory, product_upsert
from tests import goods
from tests.goods import Sold
from tests.shop import NEW_YORK

_RECOUNT = """
SELECT p.id, o.currency, o.cheapest[1], o.cheapest[2], o.in_stock, p.featured,
       CASE WHEN p.ratings > 0 THEN p.stars::float / p.ratings ELSE 0 END, coalesce(f.popularity, 0), p.vendor_id,
       c.lineage, ARRAY(SELECT t.id FROM product_tags x JOIN tags t ON t.id = x.tag_id
                        WHERE x.product_id = p.id AND t.archived_at IS NULL ORDER BY t.id)
FROM products p JOIN categories c ON c.id = p.category_id LEFT JOIN product_figures f ON f.product_id = p.id
JOIN LATERAL (
    SELECT r.currency, min(ARRAY[r.price_now, r.price_before]) AS cheapest,
           bool_or(coalesce(s.on_hand - s.held, 0) > 0) AS in_stock
    FROM variants v JOIN prices r ON r.variant_id = v.id LEFT JOIN stock s ON s.variant_id = v.id
    WHERE v.product_id = p.id AND v.archived_at IS NULL GROUP BY r.currency
) o ON true
WHERE p.archived_at IS NULL ORDER BY 1, 2
"""
_LISTED = """
SELECT product_id, currency, amount, compare_at, in_stock, featured, rating, popularity, vendor_id, category_ids,
       tag_ids FROM listings ORDER BY 1, 2
"""


class Stall:
    """A mug of two variants in home/mugs, and what may happen to it."""

    def __init__(self, database: Database, product: UUID, variants: list[VariantId]) -> None:
        self.database = database
        self.product = product
        self.variants = variants

    async def run(self, *statements: str) -> None:
        """Statements of nobody's code, in one transaction."""
        async with self.database.writing() as writer:
            for statement in statements:
                await writer.exec_driver_sql(statement)

    async def agrees(self) -> list[tuple[object, ...]]:
        """The listings, which are what a recount says."""
        listed = [tuple(row) for row in await self.database.fetch(_LISTED)]
        assert listed == [tuple(row) for row in await self.database.fetch(_RECOUNT)]
        return listed

    async def in_stock(self) -> bool:
        """Whether the mug can be bought, as lists say."""
        rows = await self.database.fetch(
            "SELECT in_stock FROM listings WHERE product_id = $1 AND currency = 'usd'", self.product
        )
        return bool(rows[0]["in_stock"])

    async def hold(self, variant: VariantId, quantity: int = 1) -> OrderId:
        """An order takes units."""
        order = OrderId(new_id())
        async with self.database.writing() as writer:
            await inventory.hold(writer, order, {variant: quantity}, clock.now() + timedelta(minutes=30), NEW_YORK)
        return order

    async def give_back(self, order: OrderId) -> None:
        """It is cancelled."""
        async with self.database.writing() as writer:
            await inventory.release(writer, order, "test")


@pytest.fixture
async def stall(database: Database) -> Stall:
    """One unit of each variant."""
    async with database.writing() as writer:
        mugs = await goods.category(writer, "mugs", await goods.category(writer, "home"))
        await goods.category(writer, "garden")
        red = await goods.tag(writer, "red")
        await goods.vendor(writer, "acme")
        product, variants = await goods.product(
            writer, "mug", Sold(1, {"usd": 1000, "eur": 900}), Sold(1, {"usd": 800}), category=mugs, tags=[red]
        )
        await goods.product(writer, "pot")
    return Stall(database, product, variants)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE products SET featured = true, ratings = 2, stars = 7", "UPDATE products SET archived_at = now()",
        "UPDATE products SET vendor_id = (SELECT id FROM vendors)",
        "UPDATE products SET category_id = (SELECT id FROM categories WHERE slug = 'garden')",
        "UPDATE variants SET archived_at = now() WHERE sku = 'MUG-1'", "UPDATE variants SET archived_at = now()",
        "UPDATE prices SET amount = amount + 5", "UPDATE prices SET compare_at = 5000 WHERE amount = 800",
        "DELETE FROM prices WHERE currency = 'eur'",
        "INSERT INTO prices (variant_id, currency, amount) SELECT id, 'jpy', 700 FROM variants",
        "UPDATE prices SET sale_amount = 1, sale_starts_at = now() - interval '1 hour', "
        "sale_ends_at = now() + interval '1 hour'",
        "UPDATE stock_levels SET on_hand = 0", "UPDATE stock_levels SET held = on_hand",
        "UPDATE stock_levels SET on_hand = 9",
        "DELETE FROM product_tags", "UPDATE tags SET archived_at = now()",
        "INSERT INTO product_tags SELECT p.id, t.id FROM products p, tags t ON CONFLICT DO NOTHING",
        "INSERT INTO product_figures (product_id, popularity) SELECT id, 7 FROM products",
        "UPDATE categories SET parent_id = (SELECT id FROM categories WHERE slug = 'garden') WHERE slug = 'home'",
        "UPDATE categories SET parent_id = NULL WHERE slug = 'mugs'",
        "UPDATE variants SET product_id = (SELECT id FROM products WHERE slug = 'pot') WHERE sku = 'MUG-1'",
    ],
)  # fmt: skip
async def test_every_change_is_listed(stall: Stall, change: str) -> None:
    """Given any change of what listings are made from, then they are what a recount says, in the same transaction."""
    before = await stall.agrees()
    assert len(before) == 3
    await stall.run(change)
    after = await stall.agrees()
    assert (after != before) is (change != "UPDATE stock_levels SET on_hand = 9")


async def test_an_import_lists_once(stall: Stall) -> None:
    """Given rows that make a product and change another in every way, then both are listed, and each is told once."""
    names = ["product", "name", "category", "tags", "featured", "sku", "weight", "price_usd", "price_eur"]
    rows = (
        b"mug,Mug,mugs,,true,MUG-1,300,9.00,\nmug,,,,,MUG-9,300,7.00,6.00\n"
        b"cup,Cup,mugs,red,false,CUP-1,200,5.00,4.00\ncup,,,,,CUP-2,200,4.50,\n"
    )
    groups = batch(rows, Columns(names), ",", 2, True, 100).groups
    await stall.run("DELETE FROM catalogue_changes")
    async with stall.database.writing() as writer:
        made = plan(await product_upsert.known(writer, groups, lock=True), groups)
        await product_upsert.write(writer, made)

    listed = await stall.agrees()
    mug = [row[1:4] + row[5:6] for row in listed if row[0] == stall.product]
    assert (made.problems, mug) == ([], [("eur", 600, None, True), ("usd", 700, None, True)])
    assert sorted(str(row[1:3]) for row in listed if row[0] in {each["id"] for each in made.new_products}) == [
        "('eur', 400)", "('usd', 450)",
    ]  # fmt: skip
    told = await stall.database.fetch(
        "SELECT reader, slug, count(*) FROM catalogue_changes x JOIN products p ON p.id = x.product_id GROUP BY 1, 2"
    )
    assert sorted(tuple(row) for row in told) == [
        ("answers", "cup", 1), ("answers", "mug", 1), ("search", "cup", 1), ("search", "mug", 1),
    ]  # fmt: skip
    await stall.run("UPDATE products SET name = 'Pot' WHERE slug = 'cup'", "DELETE FROM prices WHERE currency = 'eur'")
    await stall.agrees()


async def test_a_rolled_back_change_lists_nothing(stall: Stall) -> None:
    """Given a change that is taken back, then listings and noted changes are what they were."""
    before, noted = await stall.agrees(), await stall.database.fetch("SELECT count(*) FROM catalogue_changes")
    with pytest.raises(RuntimeError):
        async with stall.database.writing() as writer:
            await writer.exec_driver_sql("UPDATE prices SET amount = 1")
            raise RuntimeError
    assert await stall.agrees() == before
    assert await stall.database.fetch("SELECT count(*) FROM catalogue_changes") == noted


async def test_two_orders_take_the_last_units_of_two_variants(stall: Stall) -> None:
    """Given one unit of each variant, when two orders take them at once, then it is sold out; twenty times."""
    for _ in range(20):
        orders = await asyncio.gather(*(stall.hold(variant) for variant in stall.variants))
        assert not await stall.in_stock()
        await asyncio.gather(*(stall.give_back(order) for order in orders))
        assert await stall.in_stock()
    await stall.agrees()


async def test_stock_between_is_not_listed_anew(stall: Stall) -> None:
    """Given plenty of stock, when orders take some of it, then nothing is noted: no reader has anything to do."""
    await stall.run("UPDATE stock_levels SET on_hand = 10", "DELETE FROM catalogue_changes")
    await stall.give_back(await stall.hold(stall.variants[0], 9))
    assert await stall.database.fetch("SELECT FROM catalogue_changes") == []


async def test_everybody_at_once(stall: Stall) -> None:
    """Given orders, prices, moves and tags changed side by side for a while, then nobody waits in a circle for ever,
    and the listings are what a recount says."""
    dice = random.Random(4)

    async def shop(variant: VariantId) -> None:
        for _ in range(10):
            await stall.give_back(await stall.hold(variant))

    async def keep() -> None:
        for _ in range(10):
            to = dice.choice(("home", "mugs", "garden"))
            await stall.run(f"UPDATE products SET category_id = (SELECT id FROM categories WHERE slug = '{to}')")
            await stall.run(f"UPDATE prices SET amount = {dice.randint(500, 900)}")

    async def move() -> None:
        for _ in range(10):
            for above in ("NULL", "(SELECT id FROM categories WHERE slug = 'home')"):
                await stall.run(f"UPDATE categories SET parent_id = {above} WHERE slug = 'mugs'")

    async with asyncio.timeout(60), asyncio.TaskGroup() as crowd:  # which takes its people along when one fails
        for deeds in (*(shop(variant) for variant in stall.variants), keep(), move()):
            crowd.create_task(deeds)
    await stall.agrees()


async def test_a_sale_opens_and_closes_by_the_clock(stall: Stall) -> None:
    """Given a window of a moment, then the listing says when it is to be looked at again, until nothing is to come."""
    until = (
        "SELECT until <= now() AS due, sale_ends_at, amount FROM listings WHERE product_id = $1 AND currency = 'usd'"
    )
    relist = "SELECT relist(ARRAY(SELECT product_id FROM listings WHERE until <= now()))"
    opens = "sale_starts_at = clock_timestamp() + interval '300 milliseconds', sale_ends_at = now() + interval '1 hour'"
    closes = "sale_ends_at = clock_timestamp() + interval '300 milliseconds'"
    seen: list[tuple[bool, int]] = []
    for edge in (opens, closes):
        await stall.run(f"UPDATE prices SET sale_amount = 5, {edge} WHERE amount = 800")
        due: Any = None
        async with asyncio.timeout(60):
            while not due:
                [(due, ends, amount)] = await stall.database.fetch(until, stall.product)
                await asyncio.sleep(0.02)
        seen.append((ends is not None, amount))
        await stall.run(relist)
    [(due, ends, amount)] = await stall.database.fetch(until, stall.product)
    assert seen == [(False, 800), (True, 5)]
    assert (due, ends, amount) == (None, None, 800)
    await stall.agrees()
