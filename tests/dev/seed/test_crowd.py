"""A big shop made up: so many and no more, listed as the triggers would, its stock explained by its ledger."""

from dev.seed.crowd import crowd
from models.catalog import Filters
from models.database import Database
from models.tables import inventory, shelf


async def test_a_crowd_of_products(database: Database, database_url: str) -> None:
    """Given 40 wanted and then 60, then there are 60, each with three variants, and lists that agree with a recount."""
    assert await crowd(database_url, 40) == 40
    assert await crowd(database_url, 60) == 20
    assert await crowd(database_url, 60) == 0

    counts = "SELECT (SELECT count(*) FROM products), (SELECT count(*) FROM variants), (SELECT count(*) FROM listings)"
    assert [tuple(row) for row in await database.fetch(counts)] == [(60, 180, 120)]
    listed = await database.fetch("SELECT * FROM listings ORDER BY product_id, currency")
    async with database.writing() as writer:
        await writer.exec_driver_sql("SELECT relist(ARRAY(SELECT id FROM products))")
    assert await database.fetch("SELECT * FROM listings ORDER BY product_id, currency") == listed
    async with database.reading() as reader:
        assert await inventory.drift(reader) == []
    page = await shelf.page(database, "usd", Filters(category="crowd-0"), "newest", 100, None, count=True)
    assert 0 < len(page.cards) < 60 and page.total == len(page.cards)
