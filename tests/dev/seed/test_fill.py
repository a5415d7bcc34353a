"""Seeding a real database: all of it once, nothing the second time, never on top of somebody's own data."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from dev.seed.catalog import SKU_EXAMPLE, goods, variants
from dev.seed.fill import fill
from models.database import LONGEST, Database, Reader
from models.ids import OrderId, VariantId, new_id
from models.tables import catalog, inventory, pricing
from models.tables.coupon import coupons
from tests import shop

TABLES = [
    catalog.categories, catalog.products, catalog.variants, catalog.prices, inventory.stock, inventory.levels,
    inventory.movements, pricing.shipping_methods, pricing.shipping_zones, pricing.shipping_bands, pricing.tax_rates,
    coupons,
]  # fmt: skip


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh, migrated database."""
    opened = Database(database_url, size=3, longest=LONGEST)  # as `python -m dev.seed` has it
    yield opened
    await opened.close()


async def everything(reader: Reader) -> dict[str, set[str]]:
    """Every row of every table that seeding touches, as text."""
    return {
        table.name: set((await reader.execute(sa.text(f"SELECT t::text FROM {table.name} t"))).scalars())
        for table in TABLES
    }


async def seed(database: Database, today: datetime | None = None) -> dict[str, int]:
    async with database.writing() as writer:
        return await fill(writer, today)


async def test_seeding_twice_changes_nothing(database: Database) -> None:
    """The first run fills every table and its ledger agrees with the stock; the second leaves every row as it is."""
    added = await seed(database)
    async with database.reading() as reader:
        first = await everything(reader)
        drift = await inventory.drift(reader)

    again = await seed(database, datetime.now(UTC) + timedelta(days=30))

    async with database.reading() as reader:
        assert await everything(reader) == first
    shelf = [variant for good in goods() for variant in variants(good)]
    assert (added["products"], added["variants"]) == (len(goods()), len(shelf))
    assert len(first["stock"]) == len(shelf) < len(first["stock_levels"]) == len(first["stock_movements"])
    assert len({row.split(",")[1] for row in first["stock_levels"]}) == 3
    assert all(first.values())
    assert drift == []
    assert again == {}


async def test_sold_stock_is_not_refilled_and_edits_stay(database: Database) -> None:
    """A shop that has been used is left as its people left it."""
    await seed(database)
    async with database.writing() as writer:
        mug = (
            await writer.execute(sa.select(catalog.variants.c.id).where(catalog.variants.c.sku == SKU_EXAMPLE))
        ).scalar_one()
        order = OrderId(new_id())
        await inventory.hold(writer, order, {VariantId(mug): 3}, datetime.now(UTC) + timedelta(hours=1), shop.NEW_YORK)
        [held] = await inventory.holds_of(writer, order)
        await inventory.ship(writer, order, new_id(), held.location, {held.variant: held.open})
        await writer.execute(sa.delete(pricing.tax_rates).where(pricing.tax_rates.c.country == "DE"))

    assert await seed(database) == {}

    async with database.reading() as reader:
        left = sa.select(inventory.stock.c.on_hand).where(inventory.stock.c.variant_id == mug)
        assert (await reader.execute(left)).scalar_one() == 2497
        assert await pricing.tax_rates_for(reader, "DE") == []
        assert await inventory.drift(reader) == []


async def test_a_run_that_dies_leaves_nothing(database: Database) -> None:
    """One transaction: all of the shop, or none of it."""
    with pytest.raises(RuntimeError, match="power cut"):
        async with database.writing() as writer:
            await fill(writer)
            raise RuntimeError("power cut")

    async with database.reading() as reader:
        assert not any((await everything(reader)).values())


async def test_two_runs_at_once_fill_the_shop_once(database: Database) -> None:
    """The second waits for the first and finds nothing to do."""
    one, other = await asyncio.gather(seed(database), seed(database))

    assert sorted((one.get("products", 0), other.get("products", 0))) == [0, len(goods())]
    async with database.reading() as reader:
        assert await inventory.drift(reader) == []


async def test_what_the_api_reads_is_there(database: Database) -> None:
    """Rates and shipping come back through the queries that checkout uses; products point at their pictures."""
    await seed(database)
    async with database.reading() as reader:
        methods = await pricing.shipping_methods_for(reader, "DE", "eur")
        rates = await pricing.tax_rates_for(reader, "US")
        images = (await reader.execute(sa.select(catalog.products.c.slug, catalog.products.c.images))).all()
        newest = sa.select(catalog.products.c.slug).order_by(catalog.products.c.created_at.desc()).limit(1)
        assert (await reader.execute(newest)).scalar_one() == goods()[0].slug

    assert [method.code for method in methods] == ["express", "pickup", "standard"]
    assert {rate.region for rate in rates if rate.ppm == 88_750} == {"NY"}
    alts = {good.slug: good.alt for good in goods()}
    assert {row.slug: row.images for row in images} == {
        slug: [{"url": f"/media/products/{slug}.svg", "alt": alt}] for slug, alt in alts.items()
    }
