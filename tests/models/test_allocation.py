"""Which location gives what: each rule on a map of three houses, and what all rules must keep to."""

from collections import Counter
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.allocation import RULES, Allocation, Place, Portion, Rule, Shelf, fewest_parcels, most_stock, nearest
from models.ids import LocationId, VariantId
from tests.shop import BERLIN, NEW_YORK

JERSEY = Place(LocationId(UUID(int=1)), "US", "NJ", 5, "jersey")
BROOKLYN = Place(LocationId(UUID(int=2)), "US", "ny", 9, "brooklyn")
POTSDAM = Place(LocationId(UUID(int=3)), "DE", "BB", 1, "potsdam")
NOWHERE = Place(LocationId(UUID(int=4)), None, None, 0, "main")
MUG, CUP, JUG = (VariantId(UUID(int=number)) for number in (11, 12, 13))


def shelves(*lying: tuple[Place, dict[VariantId, int]]) -> list[Shelf]:
    """What lies where."""
    return [Shelf(variant, place, units) for place, goods in lying for variant, units in goods.items()]


def told(portions: list[Portion]) -> list[tuple[int, int, int]]:
    """(location, variant, units)."""
    return [(each.location.int, each.variant.int, each.quantity) for each in portions]


def test_the_nearest_gives_first() -> None:
    """Given mugs in four places, then the buyer's region is asked first, then the country, then by priority."""
    lying = shelves(*((place, {MUG: 2}) for place in (NOWHERE, POTSDAM, JERSEY, BROOKLYN)))
    assert told(nearest(NEW_YORK, {MUG: 7}, lying)) == [(2, 11, 2), (1, 11, 2), (4, 11, 2), (3, 11, 1)]
    assert told(nearest(BERLIN, {MUG: 3}, lying)) == [(3, 11, 2), (4, 11, 1)]


def test_where_most_lies_gives_first() -> None:
    """Given more mugs far away, then those go first; of equally many the nearer ones."""
    lying = shelves((BROOKLYN, {MUG: 3}), (JERSEY, {MUG: 3}), (POTSDAM, {MUG: 4}))
    assert told(most_stock(NEW_YORK, {MUG: 6}, lying)) == [(3, 11, 4), (2, 11, 2)]


def test_one_parcel_if_one_place_has_all() -> None:
    """Given a near place that has half and two far ones that have all, then the nearer of the two sends it alone."""
    both = {MUG: 1, CUP: 1}
    lying = shelves((BROOKLYN, {MUG: 5}), (POTSDAM, both), (JERSEY, both))
    assert told(fewest_parcels(NEW_YORK, both, lying)) == [(1, 11, 1), (1, 12, 1)]


def test_else_as_few_as_there_are() -> None:
    """Given no place that has all, then the one that has most of it, and the others for the rest."""
    lying = shelves((BROOKLYN, {MUG: 1}), (JERSEY, {CUP: 1, JUG: 1}), (POTSDAM, {MUG: 3}))
    wanted = {MUG: 2, CUP: 1, JUG: 1}
    assert told(fewest_parcels(NEW_YORK, wanted, lying)) == [(1, 12, 1), (1, 13, 1), (3, 11, 2)]


def test_alike_the_nearest_sends_it() -> None:
    """Given everything everywhere, then each rule takes it from next door."""
    lying = shelves(*((place, {MUG: 9, CUP: 9}) for place in (POTSDAM, NOWHERE, JERSEY, BROOKLYN)))
    for rule in RULES.values():
        assert told(rule(NEW_YORK, {MUG: 2, CUP: 3}, lying)) == [(2, 11, 2), (2, 12, 3)]


def test_without_a_region_the_country_counts() -> None:
    """Given a buyer and a house without a region, then they are no neighbours for that."""
    plain = msgspec.structs.replace(POTSDAM, region=None, id=LocationId(UUID(int=5)), priority=0)
    to = msgspec.structs.replace(BERLIN, region=None)
    assert told(nearest(to, {MUG: 2}, shelves((POTSDAM, {MUG: 1}), (plain, {MUG: 1})))) == [(5, 11, 1), (3, 11, 1)]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@given(st.data())
def test_all_is_given_and_nothing_twice(rule: Rule, data: st.DataObject) -> None:
    """Given any shelves that have enough, then a rule gives exactly what is wanted, from where it lies, each once."""
    places = [JERSEY, BROOKLYN, POTSDAM, NOWHERE]
    lying = shelves(*((place, {v: data.draw(st.integers(-1, 5)) for v in (MUG, CUP, JUG)}) for place in places))
    there = Counter({v: sum(max(each.available, 0) for each in lying if each.variant == v) for v in (MUG, CUP, JUG)})
    wanted = {v: data.draw(st.integers(1, there[v])) for v in (MUG, CUP, JUG) if there[v]}
    portions = rule(data.draw(st.sampled_from([NEW_YORK, BERLIN])), wanted, data.draw(st.permutations(lying)))
    assert Counter({v: sum(each.quantity for each in portions if each.variant == v) for v in wanted}) == wanted
    for shelf in lying:
        taken = [p.quantity for p in portions if (p.variant, p.location) == (shelf.variant, shelf.place.id)]
        assert len(taken) <= 1 and sum(taken) <= max(shelf.available, 0) and all(each > 0 for each in taken)


def test_every_rule_has_its_name() -> None:
    """Given the setting's words, then each is a rule."""
    assert RULES.keys() == set(Allocation)
