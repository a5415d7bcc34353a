"""What any search engine of ours does, held against each of them."""

from uuid import UUID

import pytest

from models.ids import new_id, tail
from models.search.document import Offer
from models.search.question import Chosen, Sort
from tests.models.search.conftest import Index


async def test_words_of_a_product_find_it(index: Index) -> None:
    """Given a product, then each word of its name, description, vendor, category, tags and variants finds it."""
    lineage = await index.category("Kitchenware")
    await index.add("Copper kettle", description="Boils water quickly", vendor="Hearthside", tags=["bestseller"],
                    attributes=["hammered"], skus=["KTL-100"], lineage=lineage)  # fmt: skip
    await index.add("Garden chair", description="Folds flat")

    for word in ("copper", "Kettle", "BOILS", "hearthside", "kitchenware", "bestseller", "hammered", "KTL-100"):
        assert await index.find(word) == ["Copper kettle"], word
    assert await index.find("copper quickly") == ["Copper kettle"]


async def test_nothing(index: Index) -> None:
    """Given words that nothing has, or no words at all, then nothing is found and nothing is counted."""
    await index.add("Copper kettle")

    for text in ("zzzzqqqq", "!!!", " ", "🫖", "'; DROP TABLE products; --", "\\", "a'b\\c:* | & ! <->"):
        found = await index.ask(text)
        assert (found.products, found.total) == ([], 0), text


async def test_case_and_accents_do_not_matter(index: Index) -> None:
    """Given accents on one side or the other, then both meet."""
    await index.add("Café crème bowl")
    await index.add("Strasse sign")

    assert await index.find("cafe") == ["Café crème bowl"]
    assert await index.find("CRÈME BOWL") == ["Café crème bowl"]
    assert await index.find("créme") == ["Café crème bowl"]


@pytest.mark.parametrize("name", ["Кофейная чашка", "茶碗", "كوب قهوة", "कप"])
async def test_other_scripts(index: Index, name: str) -> None:
    """Given a name in any script, then it is found by it."""
    await index.add(name)
    await index.add("Garden chair")

    assert await index.find(name) == [name]


@pytest.mark.parametrize(
    "typed", ["lantren", "lantrn", "lanntern", "lamtern", "Lanterm", "antern"],
)  # fmt: skip
async def test_a_typo_is_forgiven(index: Index, typed: str) -> None:
    """Given a word with a letter swapped, left out, doubled or wrong, then what was meant is found."""
    await index.add("Storm lantern")
    await index.add("Garden chair")

    assert await index.find(typed) == ["Storm lantern"]


async def test_two_typos_in_a_long_word(index: Index) -> None:
    """Given a long word with two, then they are forgiven; in a short one two are not."""
    await index.add("Weatherproof binoculars")
    await index.add("Lamp")

    assert await index.find("binocluras") == ["Weatherproof binoculars"]
    assert await index.find("lxxp") == []


async def test_a_word_that_is_being_typed(index: Index) -> None:
    """Given the beginning of the last word, then it finds what begins like it; a word before it must be whole."""
    await index.add("Storm lantern")
    await index.add("Landscape print")

    assert set(await index.find("lan")) == {"Storm lantern", "Landscape print"}
    assert await index.find("storm la") == ["Storm lantern"]


async def test_better_matches_come_first(index: Index) -> None:
    """Given the word as name, in the name and in the description, then they come in that order, popular or not."""
    await index.add("Shelf", description="Holds a teapot", popularity=1_000_000)
    await index.add("Teapot warmer", popularity=10)
    await index.add("Teapot")

    assert await index.find("teapot") == ["Teapot", "Teapot warmer", "Shelf"]


async def test_popular_products_come_first_among_equals(index: Index) -> None:
    """Given products that match alike, then the popular one comes first."""
    await index.add("Blue mug", popularity=10)
    await index.add("Red mug", popularity=100_000)
    await index.add("Tan mug", popularity=2_000)

    assert await index.find("mug") == ["Red mug", "Tan mug", "Blue mug"]


async def test_filters(index: Index) -> None:
    """Given filters, then all of them hold, each with its edges."""
    cups = await index.category("Cups", "Kitchen")
    vendor, tag = new_id(), new_id()
    await index.add("Plain mug", price=1000, lineage=cups)
    await index.add("Fine mug", price=3000, lineage=cups, vendor_id=vendor, vendor="Finest", rating=4.5)
    await index.add("Sold mug", price=2000, in_stock=False, tag_ids=[tag], tags=["last"], featured=True)
    await index.add("Sale mug", price=500, on_sale=True, rating=4.0)

    async def names(**wanted: object) -> set[str]:
        return set(await index.find("mug", filters=Chosen(**wanted)))  # type: ignore[arg-type]

    assert await names(category=cups[0]) == await names(category=cups[1]) == {"Plain mug", "Fine mug"}
    assert await names(vendor=vendor) == {"Fine mug"}
    assert await names(tag=tag) == {"Sold mug"}
    assert await names(min_price=1000, max_price=2000) == {"Plain mug", "Sold mug"}
    assert await names(min_rating=4.0) == {"Fine mug", "Sale mug"}
    assert await names(in_stock=True) == {"Plain mug", "Fine mug", "Sale mug"}
    assert await names(in_stock=False) == await names(featured=True) == {"Sold mug"}
    assert await names(on_sale=True) == {"Sale mug"}
    assert await names(category=cups[0], min_price=2500, min_rating=4.0) == {"Fine mug"}
    assert await names(category=new_id()) == await names(vendor=new_id()) == await names(tag=new_id()) == set()


async def test_sorts(index: Index) -> None:
    """Given an order, then matches come in it."""
    await index.add("Old mug", price=2000, rating=3.0, popularity=5)
    await index.add("Mid mug", price=1000, rating=5.0, popularity=1)
    await index.add("New mug", price=3000, rating=4.0, popularity=9)

    async def order(sort: Sort) -> list[str]:
        return [name.split()[0] for name in await index.find("mug", sort=sort)]

    assert await order(Sort.NEWEST) == ["New", "Mid", "Old"]
    assert await order(Sort.PRICE) == ["Mid", "Old", "New"]
    assert await order(Sort.PRICE_DOWN) == ["New", "Old", "Mid"]
    assert await order(Sort.RATING) == ["Mid", "New", "Old"]
    assert await order(Sort.POPULARITY) == ["New", "Old", "Mid"]


@pytest.mark.parametrize("sort", list(Sort))
async def test_pages(index: Index, sort: Sort) -> None:
    """Given pages in any order, then together they hold each match once, ties among them."""
    for number in range(7):
        await index.add(f"Mug {'abcdefg'[number]}", price=1000 + number // 3)
    seen: list[str] = []
    after = None
    for _ in range(4):
        found = await index.ask("mug", sort=sort, limit=2, after=after)
        seen += [index.names[product] for product in found.products]
        after = found.places[-1]

    assert len(seen) == 7
    assert seen == await index.find("mug", sort=sort)
    assert sorted(seen) == [f"Mug {letter}" for letter in "abcdefg"]


async def test_facets(index: Index) -> None:
    """Given matches, then they are counted by kind, categories with what is below them; what does not match is not."""
    cups = await index.category("Cups", "Kitchen")
    pots = await index.category("Pots", "Kitchen")
    vendor, tag, other = new_id(), new_id(), new_id()
    await index.add("Plain mug", price=999, lineage=cups, tag_ids=[tag, other], tags=["one", "two"], rating=4.7)
    await index.add("Fine mug", price=1000, lineage=cups, vendor_id=vendor, vendor="Finest", tag_ids=[tag])
    await index.add("Mug pot", price=100_000, lineage=pots, in_stock=False, rating=4.0)
    await index.add("Chair", lineage=pots, vendor_id=vendor, tag_ids=[tag])

    found = await index.ask("mug")

    facets = found.facets
    assert facets is not None
    assert (found.total, found.estimated) == (3, False)
    assert facets.categories == {tail(cups[0]): 3, tail(cups[1]): 2, tail(pots[1]): 1}
    assert facets.vendors == {tail(vendor): 1}
    assert facets.tags == {tail(tag): 2, tail(other): 1}
    assert facets.prices == {0: 1, 1: 1, 7: 1}
    assert facets.ratings == {4: 2, 0: 1}
    assert (facets.in_stock, facets.sold_out) == (2, 1)


async def test_facets_are_those_of_what_the_filters_leave(index: Index) -> None:
    """Given a filter, then all counts are of what passes it; and nobody counts for who does not ask."""
    vendor = new_id()
    await index.add("Plain mug", tag_ids=[new_id()])
    await index.add("Fine mug", vendor_id=vendor, vendor="Finest")

    found = await index.ask("mug", filters=Chosen(vendor=vendor))

    assert found.facets is not None
    assert (found.total, found.facets.vendors, found.facets.tags) == (1, {tail(vendor): 1}, {})
    assert (await index.ask("mug", counted=False)).facets is None


async def test_currencies_are_apart(index: Index) -> None:
    """Given products sold in one currency or another, then each search sees its own with their prices."""
    await index.add("Home mug", offers={"usd": Offer(1000, True, False), "eur": Offer(900, False, False)})
    await index.add("Far mug", offers={"jpy": Offer(1500, True, False)})

    assert await index.find("mug") == ["Home mug"]
    assert await index.find("mug", currency="jpy") == ["Far mug"]
    assert await index.find("mug", currency="eur", filters=Chosen(in_stock=True)) == []
    assert await index.find("mug", currency="eur", filters=Chosen(max_price=900)) == ["Home mug"]


async def test_synonyms(index: Index) -> None:
    """Given words that mean the same, then each finds the others, also a term of several words."""
    await index.add("Velvet couch")
    await index.add("Corner sofa")
    await index.add("French press")
    await index.mean_the_same("sofa", "couch", "settee")
    await index.mean_the_same("cafetière", "french press")

    assert set(await index.find("sofa")) == set(await index.find("couch")) == {"Velvet couch", "Corner sofa"}
    assert set(await index.find("settee")) == {"Velvet couch", "Corner sofa"}
    assert await index.find("velvet sofa") == ["Velvet couch"]
    assert await index.find("cafetiere") == ["French press"]


async def test_a_changed_product_is_found_as_it_is(index: Index) -> None:
    """Given a product that was indexed before, when it is again, then only what it is now finds it."""
    was = await index.add("Copper kettle", price=1000)
    now = await index.document("Steel urn", id=was.id, price=2000)
    await index.put(now)
    await index.put(now)

    assert await index.find("copper") == await index.find("kettle") == []
    assert await index.find("steel", filters=Chosen(min_price=2000)) == ["Steel urn"]
    assert (await index.ask("steel")).total == 1


async def test_a_product_that_is_gone_is_not_found(index: Index) -> None:
    """Given a product that is taken out, then it is gone with its words; taking it out again does nothing."""
    gone = await index.add("Copper kettle")
    stays = await index.add("Copper pan")
    for _ in range(2):
        await index.put(gone=[gone.id])

    assert await index.find("copper") == ["Copper pan"]
    assert await index.find("kettle") == []
    span = UUID(int=0), UUID(int=2**128 - 1)
    assert await index.engine.digests(index.generation, *span) == {stays.id: stays.digest}


async def test_what_matched_is_told(index: Index) -> None:
    """Given an answer, then it says which words of a text matched: for showing them."""
    await index.add("Storm lantern")

    found = await index.ask("storm lan")

    assert "storm" in found.words
    assert "lantern" in found.words or any("lantern".startswith(each) for each in found.beginnings)
