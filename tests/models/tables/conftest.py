"""An open shop with two products on the shelf, straight on the tables."""

from collections.abc import AsyncIterator

import pytest

from models.database import Database
from tests import shop
from tests.models.tables.shelf import Shelf


@pytest.fixture
async def shelf(database: Database) -> AsyncIterator[Shelf]:
    """MUG and CUP, 10 units each, at 10.00 usd; MUG also at 9.00 eur."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
        mug = await shop.stock_product(writer, "MUG", 10, {"usd": 1000, "eur": 900})
        cup = await shop.stock_product(writer, "CUP", 10)
    yield Shelf(database, mug, cup)
