"""What products are counted by, packed and counted."""

from uuid import UUID

from models.ids import new_id, tail
from models.search.document import Document, Offer
from models.search.kinds import MOST_VALUES, counted, packed
from models.search.question import Facets
from tests.models.search.conftest import FIRST_DAY


def _document(**more: object) -> Document:
    values = {
        "id": new_id(), "name": "Mug", "description": "", "vendor": "", "categories": [], "tags": [], "attributes": [],
        "skus": [], "category_ids": [], "vendor_id": None, "tag_ids": [], "created_at": FIRST_DAY,
        "featured": False, "rating": 0.0, "popularity": 0, "offers": {"usd": Offer(1000, True, False)},
    }  # fmt: skip
    return Document(**{**values, **more})  # type: ignore[arg-type]


def test_nothing_is_counted() -> None:
    """Given no matches, then no kind is counted."""
    assert counted(b"", 1) == Facets({}, {}, {}, {}, {}, 0, 0)


def test_many_are_counted_by_all_their_kinds() -> None:
    """Given a thousand products and one more, then each kind is counted, in its order of the most, and multiplied."""
    above, below, vendor, tag = (new_id() for _ in range(4))
    usual = _document(category_ids=[above, below], vendor_id=vendor, tag_ids=[tag], rating=4.9)
    other = _document(category_ids=[above], offers={"usd": Offer(100_000, False, False)}, rating=5.0)

    found = counted(packed(usual, "usd") * 1000 + packed(other, "usd"), 2)

    assert list(found.categories.items()) == [(tail(above), 2002), (tail(below), 2000)]
    assert (found.vendors, found.tags) == ({tail(vendor): 2000}, {tail(tag): 2000})
    assert (found.prices, found.ratings) == ({1: 2000, 7: 2}, {4: 2000, 5: 2})
    assert (found.in_stock, found.sold_out) == (2000, 2)


def test_prices_step_by_their_currency() -> None:
    """Given yen, which have no hundredths, then a thousand of them are the first step, as ten dollars are."""
    offers = {"jpy": Offer(1000, True, False), "usd": Offer(999, True, False)}
    document = _document(offers=offers)

    assert counted(packed(document, "jpy"), 1).prices == {1: 1}
    assert counted(packed(document, "usd"), 1).prices == {0: 1}


def test_a_facet_has_the_values_of_most_products() -> None:
    """Given more tags than a facet shows, then those of most products are told, the others are not."""
    tags = [UUID(int=number) for number in range(MOST_VALUES + 10)]
    few = b"".join(packed(_document(tag_ids=[tag]), "usd") for tag in tags)
    many = packed(_document(tag_ids=tags[-5:]), "usd")

    found = counted(few + many, 1).tags

    assert len(found) == MOST_VALUES
    assert [found[tail(tag)] for tag in tags[-5:]] == [2] * 5
