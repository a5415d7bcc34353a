"""An index with a few products, kept by each engine there is."""

import os
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from models.database import Database
from models.ids import new_id
from models.search.document import Document, Offer
from models.search.embedded import Embedded
from models.search.question import Ask, Engine, Found
from models.tables import search_generation as generations
from models.tables.catalog import categories
from models.tables.search_synonym import create as mean_the_same
from tests.models.swept import database, database_url, swept_url

__all__ = ["database", "database_url", "swept_url"]

MEILISEARCH = os.environ.get("HOLDFAST_TEST_MEILISEARCH_URL")
"""A server for the contract to be held against too."""
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Index:
    """An engine with a living generation, and words for what tests put into it."""

    def __init__(self, engine: Engine, database: Database, generation: int) -> None:
        self.engine = engine
        self.database = database
        self.generation = generation
        self.names: dict[UUID, str] = {}
        self.categories: dict[str, list[UUID]] = {}

    async def category(self, name: str, parent: str | None = None) -> list[UUID]:
        """A category's lineage; made when there is none."""
        if name not in self.categories:
            above = await self.category(parent) if parent else []
            key = new_id()
            async with self.database.writing() as writer:
                await writer.execute(
                    sa.insert(categories).values(
                        id=key, slug=name.lower(), name=name, parent_id=above[-1] if above else None
                    )
                )
            self.categories[name] = [*above, key]
        return self.categories[name]

    async def document(self, name: str, **more: Any) -> Document:
        """A product: 10.00 usd, in stock, in the category All, unless said otherwise."""
        lineage = more.pop("lineage", None) or await self.category("All")
        price, in_stock, on_sale = more.pop("price", 1000), more.pop("in_stock", True), more.pop("on_sale", False)
        known = {key: name for name, path in self.categories.items() for key in path[-1:]}
        values: dict[str, Any] = {
            "id": new_id(), "name": name, "description": "", "vendor": "", "tags": [], "attributes": [], "skus": [],
            "categories": [known[key] for key in lineage], "category_ids": lineage, "vendor_id": None, "tag_ids": [],
            "created_at": FIRST_DAY + timedelta(days=len(self.names)), "featured": False, "rating": 0.0,
            "popularity": 0, "offers": {"usd": Offer(price, in_stock, on_sale)},
        }  # fmt: skip
        made = Document(**{**values, **more})
        self.names[made.id] = made.name
        return made

    async def add(self, name: str, **more: Any) -> Document:
        """The same, in the index."""
        made = await self.document(name, **more)
        await self.put(made)
        return made

    async def put(self, *documents: Document, gone: Sequence[UUID] = ()) -> None:
        """Have them taken in, and searches know them."""
        await self.engine.put(self.generation, documents, gone)
        await self.notice()

    async def notice(self) -> None:
        """Let no memory of the engine be older than now."""
        self.engine.forget()

    async def mean_the_same(self, *terms: str) -> None:
        """Synonyms."""
        async with self.database.writing() as writer:
            await mean_the_same(writer, list(terms))
        await self.engine.configure(self.generation)
        await self.notice()

    async def ask(self, text: str, **more: Any) -> Found:
        """The answer to a search in usd, as it is."""
        return await self.engine.search(Ask(**{"text": text, "currency": "usd", "limit": 20, **more}))

    async def find(self, text: str, **more: Any) -> list[str]:
        """Names of what is found, in its order."""
        return [self.names[product] for product in (await self.ask(text, **more)).products]


@pytest.fixture(params=["postgres", *(["meilisearch"] if MEILISEARCH else [])])
async def index(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Index]:
    """An empty index of one engine; of Meilisearch too where a server is named."""
    engine: Engine
    if request.param == "meilisearch":
        from models.search.meilisearch import Meilisearch

        assert MEILISEARCH
        engine = Meilisearch(MEILISEARCH, os.environ.get("HOLDFAST_TEST_MEILISEARCH_API_KEY"), database)
    else:
        engine = Embedded(database)
    async with database.writing_by_driver() as fetch:
        generation = await generations.open_first(fetch, engine.name)
    assert generation is not None
    await engine.open(generation)
    yield Index(engine, database, generation)
    await engine.drop(generation, 1000)
    await engine.close()
