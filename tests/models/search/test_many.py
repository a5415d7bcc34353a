"""Words that very many products have: counted by a sample, found by walking, and still each match once."""

from uuid import UUID

import pytest

from models.database import Database
from models.ids import new_id, tail
from models.search.embedded import Embedded
from models.search.question import Chosen, Sort
from models.tables import search_generation as generations
from tests.models.search.conftest import Index

EVERY = 256
"""Products, one for each last byte of an id: then each sample is exactly its share."""


@pytest.fixture
async def crowd(database: Database) -> Index:
    """256 products in one category: a word of it in all, `mug` in the name of the first 128; few counted at most."""
    engine = Embedded(database, counted=4)
    async with database.writing_by_driver() as fetch:
        generation = await generations.open_first(fetch, engine.name)
    assert generation is not None
    index = Index(engine, database, generation)
    lineage = await index.category("Household")
    made = []
    for number in range(EVERY):
        id = UUID(int=new_id().int >> 8 << 8 | number)
        name = f"{'Mug' if number % 2 else 'Pot'} {number}"
        description = "" if number % 2 else "Goes with a mug"
        made.append(await index.document(name, id=id, lineage=lineage, popularity=number, description=description))
    await index.put(*made)
    return index


async def test_many_are_estimated(crowd: Index) -> None:
    """Given a word that all have, then total and facets are a sample's, multiplied, and the answer says so."""
    [category] = await crowd.category("Household")

    found = await crowd.ask("household")

    assert (found.estimated, found.total) == (True, EVERY)
    assert found.facets is not None
    assert found.facets.categories == {tail(category): EVERY}
    assert (found.facets.in_stock, found.facets.sold_out) == (EVERY, 0)
    assert [crowd.names[product] for product in found.products[:2]] == ["Mug 255", "Pot 254"]


@pytest.mark.parametrize("text", ["household", "mug", "mug household"])
async def test_pages_hold_each_of_many_once(crowd: Index, text: str) -> None:
    """Given pages through very many, then each match is on one of them, the words in the name first, then by score."""
    seen: list[str] = []
    after = None
    for _ in range(EVERY // 20 + 1):
        found = await crowd.ask(text, after=after, counted=after is None)
        seen += [crowd.names[product] for product in found.products]
        after = found.places[-1]

    assert len(seen) == len(set(seen)) == EVERY
    numbers = [int(name.split()[1]) for name in seen]
    if text == "mug":
        assert seen[:128] == [f"Mug {number}" for number in range(255, 0, -2)]
        assert numbers[128:] == list(range(254, -1, -2))
    else:
        assert numbers == list(range(255, -1, -1))


async def test_few_of_many_are_exact(crowd: Index) -> None:
    """Given a word that all have and a rare one, or a filter that leaves few, then they are counted one by one."""
    rare = await crowd.ask("household 77")
    assert (rare.estimated, rare.total) == (False, 1)
    assert [crowd.names[product] for product in rare.products] == ["Mug 77"]
    beside = UUID(int=new_id().int >> 8 << 8 | 1)  # in no sample: with so few counted, one in it would be many
    await crowd.add("Fine mug", id=beside, vendor_id=(vendor := new_id()), vendor="Finest")
    few = await crowd.ask("mug", filters=Chosen(vendor=vendor))
    assert (few.estimated, few.total) == (False, 1)


async def test_other_orders_of_many(crowd: Index) -> None:
    """Given another order than the best first, then it holds for all of them."""
    found = await crowd.find("mug", sort=Sort.POPULARITY, limit=3)
    assert found == ["Mug 255", "Pot 254", "Mug 253"]


async def test_some_hundreds_are_counted_by_a_quarter(crowd: Index) -> None:
    """Given a word that some hundreds have, then they are estimated, and pages hold each once, in the exact order."""
    some = Index(Embedded(crowd.database, counted=300), crowd.database, crowd.generation)
    some.names, some.categories = crowd.names, crowd.categories
    [category] = await some.category("Household")

    found = await some.ask("household")
    assert (found.estimated, found.total) == (True, EVERY)
    assert found.facets is not None
    assert (found.facets.categories, found.facets.in_stock) == ({tail(category): EVERY}, EVERY)

    for limit in (20, 100):
        first = await some.ask("mug", limit=limit)
        second = await some.ask("mug", limit=limit, after=first.places[-1], counted=False)
        numbers = [int(some.names[product].split()[1]) for product in first.products + second.products]
        assert (first.estimated, first.total) == (True, EVERY)
        assert numbers == [*range(255, 0, -2), *range(254, -1, -2)][: 2 * limit]


async def test_what_is_typed_is_looked_for_in_names(crowd: Index) -> None:
    """Given a beginning, then a glance has products with such a word in their name; with none, any that match."""
    names = [crowd.names[product] for product in (await crowd.ask("mu", counted=False, glance=True, limit=3)).products]
    assert names == ["Mug 255", "Mug 253", "Mug 251"]
    some = [crowd.names[product] for product in (await crowd.ask("househ", glance=True, limit=2)).products]
    assert some == ["Mug 255", "Pot 254"]
