"""What we ask of Meilisearch is what its published API takes, and what it answers is understood."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import pytest
from meilisearch_python_sdk.errors import MeilisearchApiError

from models.database import Database
from models.errors import Unavailable
from models.ids import new_id, tail
from models.search.document import Offer
from models.search.meilisearch import Meilisearch
from models.search.question import Chosen, Sort
from models.tables import search_generation as generations
from tests.dev.meilisearch.strict import StrictServer
from tests.models.search.conftest import Index


@pytest.fixture
def server() -> Iterator[StrictServer]:
    """One that holds requests against the published API."""
    started = StrictServer("key")
    yield started
    started.close()


@pytest.fixture
async def index(server: StrictServer, database: Database) -> AsyncIterator[Index]:
    """An empty index on it."""
    engine = Meilisearch(server.url, "key", database)
    async with database.writing_by_driver() as fetch:
        generation = await generations.open_first(fetch, engine.name)
    assert generation is not None
    await engine.open(generation)
    yield Index(engine, database, generation)
    await engine.close()


async def test_an_index_is_made_once_with_its_settings(index: Index, server: StrictServer) -> None:
    """Given a generation, when it is opened again, then it stays, with what filters and orders need."""
    await index.add("Storm lantern")
    await index.engine.open(index.generation)

    [(uid, kept)] = server.indexes.items()
    assert (uid, kept.key, len(kept.documents)) == (f"holdfast_products_{index.generation}", "id", 1)
    assert kept.settings["typoTolerance"]["minWordSizeForTypos"] == {"oneTypo": 4, "twoTypos": 8}
    assert kept.settings["rankingRules"][0] == "sort"
    assert kept.settings["faceting"] == {"maxValuesPerFacet": 1000, "sortFacetValuesBy": {"*": "count"}}


async def test_every_filter_and_order_is_one_the_server_takes(index: Index) -> None:
    """Given all filters at once and each order, then nothing is refused, and each filter leaves what it should."""
    cups, vendor, tag = await index.category("Cups", "Kitchen"), new_id(), new_id()
    await index.add("Fine mug", price=3000, lineage=cups, vendor_id=vendor, tag_ids=[tag], rating=4.5, featured=True,
                    on_sale=True)  # fmt: skip
    await index.add("Plain mug", price=1000, in_stock=False)
    every: dict[str, Any] = {
        "category": cups[0], "vendor": vendor, "tag": tag, "min_price": 3000, "max_price": 3000, "min_rating": 4.5,
        "in_stock": True, "featured": True, "on_sale": True,
    }  # fmt: skip

    assert await index.find("mug", filters=Chosen(**every)) == ["Fine mug"]
    for name, value in every.items():
        left = ["Fine mug", "Plain mug"] if name == "max_price" else ["Fine mug"]
        assert await index.find("mug", filters=Chosen(**{name: value})) == left, name
    assert await index.find("mug", filters=Chosen(in_stock=False)) == ["Plain mug"]
    for sort in Sort:
        assert set(await index.find("mug", sort=sort)) == {"Fine mug", "Plain mug"}
    assert await index.find("mug", sort=Sort.PRICE) == ["Plain mug", "Fine mug"]


async def test_answers_are_understood(index: Index) -> None:
    """Given matches, then their numbers by kind, their pages and what matched come out as from the other engine."""
    cups, vendor, tag = await index.category("Cups", "Kitchen"), new_id(), new_id()
    await index.add("Plain mug", price=999, lineage=cups, tag_ids=[tag], rating=4.7, description="Crème mug")
    await index.add("Fine mug", price=1000, lineage=cups, vendor_id=vendor, tag_ids=[tag])
    await index.add("Sold mug", price=100_000, in_stock=False, offers={"usd": Offer(100_000, False, False),
                                                                      "eur": Offer(1, True, False)})  # fmt: skip
    await index.add("Chair")

    found = await index.ask("mug")

    assert found.facets is not None
    (all_,) = await index.category("All")
    assert (found.total, found.estimated, found.words) == (3, False, frozenset({"mug"}))
    assert found.facets.categories == {tail(cups[0]): 2, tail(cups[1]): 2, tail(all_): 1}
    assert (found.facets.vendors, found.facets.tags) == ({tail(vendor): 1}, {tail(tag): 2})
    assert found.facets.prices == {0: 1, 1: 1, 7: 1}
    assert (found.facets.ratings, found.facets.in_stock, found.facets.sold_out) == ({4: 1, 0: 2}, 2, 1)
    first = await index.ask("mug", limit=2, counted=False)
    second = await index.ask("mug", limit=2, counted=False, after=first.places[-1])
    assert first.facets is None
    assert [*first.products, *second.products] == found.products
    assert await index.find("mug", currency="eur") == ["Sold mug"]


async def test_queries_give_no_orders(index: Index, server: StrictServer) -> None:
    """Given quotes, minus signs and nothing at all, then only words are sent, and nothing is not everything."""
    await index.add("Storm lantern")

    assert await index.find('"storm" -lantern') == ["Storm lantern"]
    assert server.requests[-1][2]["q"] == "storm lantern"
    for text in ("", "  ", '""', "🫖"):
        assert (await index.ask(text)).products == []


async def test_what_is_put_is_kept_and_taken_out(index: Index, server: StrictServer) -> None:
    """Given documents, then they are in the index as they are, can be compared, and go."""
    one, two = await index.add("Storm lantern"), await index.add("Paper lantern")
    everything = UUID(int=0), UUID(int=2**128 - 1)

    assert await index.engine.digests(index.generation, *everything) == {one.id: one.digest, two.id: two.digest}
    assert await index.engine.digests(index.generation, one.id, one.id) == {one.id: one.digest}
    await index.put(gone=[one.id])
    assert await index.engine.digests(index.generation, *everything) == {two.id: two.digest}
    assert await index.engine.drop(index.generation, 10) is False
    assert server.indexes == {}
    await index.engine.drop(index.generation, 10)


async def test_synonyms_are_told(index: Index, server: StrictServer) -> None:
    """Given synonyms, then the server gets each with all others, as words that are compared."""
    await index.mean_the_same("sofa", "Couch", "French press")

    [kept] = server.indexes.values()
    assert kept.settings["synonyms"] == {
        "sofa": ["couch", "french press"], "couch": ["sofa", "french press"], "french press": ["sofa", "couch"],
    }  # fmt: skip


async def test_a_server_that_is_away_is_unavailable(index: Index, server: StrictServer, database: Database) -> None:
    """Given a server that does not answer, or not well, then that is said, and nothing else."""
    document = await index.add("Storm lantern")
    server.away = True
    with pytest.raises(Unavailable):
        await index.ask("storm")
    with pytest.raises(Unavailable):
        await index.put(document)
    nobody = Meilisearch("http://127.0.0.1:9", "key", database)
    with pytest.raises(Unavailable):
        await nobody.search(_ask())
    await nobody.close()


async def test_the_server_refuses_what_its_api_does_not_know(index: Index, server: StrictServer) -> None:
    """Given a filter on what is not filterable, then that is a defect of ours, not a server that is away."""
    [kept] = server.indexes.values()
    kept.settings["filterableAttributes"] = []
    with pytest.raises(MeilisearchApiError, match="invalid_search_filter"):
        await index.ask("storm")


def _ask() -> Any:
    from models.search.question import Ask

    return Ask("storm", "usd", 5)
