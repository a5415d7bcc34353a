"""What a changed order costs: sums that add up, whatever is changed, and nothing is left of what is taken back."""

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.edit import Content, EditedLine, Offer, Sold, changes, edited
from models.errors import Refusal
from models.ids import VariantId
from models.money import Money
from models.pricing import EVERYWHERE, Band, ShippingMethod, TaxRate, price
from models.pricing import Item as Goods
from tests.shop import BERLIN, NEW_YORK

USD = "usd"


def usd(amount: int) -> Money:
    return Money(amount, USD)


METHODS = (
    ShippingMethod("standard", "Standard", 2, 4, (
        Band(frozenset({EVERYWHERE}), usd(500), max_weight=5000),
        Band(frozenset({EVERYWHERE}), usd(900), min_weight=5000),
    )),
)  # fmt: skip
RATES = {
    "US": (TaxRate("US", 88_750, False, "Sales tax", "NY"), TaxRate("US", 10_000, False, "Food", None, "food")),
    "DE": (TaxRate("DE", 190_000, True, "USt"), TaxRate("DE", 70_000, True, "USt", None, "food")),
}
SKUS = ("A", "B", "C", "D")


def variant(sku: str) -> VariantId:
    return VariantId(UUID(int=ord(sku)))


def offer(sku: str, amount: int, category: str = "standard", *, on_sale: bool = True) -> Offer:
    return Offer(variant(sku), sku, sku.lower(), 300, category, usd(amount), on_sale)


@st.composite
def shops(draw: st.DrawFn) -> tuple[Content, dict[str, Offer]]:
    """An order of some things, priced as checkout does, and a catalogue that has changed its prices since."""
    now = {sku: offer(sku, draw(st.integers(0, 10_000)), draw(st.sampled_from(["standard", "food"]))) for sku in SKUS}
    bought = draw(st.lists(st.sampled_from(SKUS), min_size=1, max_size=4, unique=True))
    lines = []
    for index, sku in enumerate(bought):
        units, each = draw(st.integers(1, 9)), draw(st.integers(0, 10_000))
        discount = draw(st.integers(0, units * each))
        lines.append(
            EditedLine(variant(sku), sku, sku.lower(), units, usd(each), usd(units * each), usd(discount), usd(0),
                       UUID(int=index + 1))
        )  # fmt: skip
    goods = [Goods(line.quantity, line.unit_price, 300, now[line.sku].tax_category) for line in lines]
    weight = 300 * sum(line.quantity for line in lines)
    priced = price(
        goods, usd(500 if weight < 5000 else 900), RATES["US"], "US", "NY", [line.discount for line in lines]
    )
    taxed = [msgspec.structs.replace(line, tax=tax) for line, tax in zip(lines, priced.line_taxes, strict=True)]
    return Content(tuple(taxed), priced.totals), now


def settle(content: Content) -> Content:
    """As the rows have it: new positions have theirs."""
    return msgspec.structs.replace(
        content,
        lines=tuple(
            msgspec.structs.replace(line, line=line.line or UUID(int=1000 + ord(line.sku))) for line in content.lines
        ),
    )


def sold_of(*history: Content) -> dict[UUID, Sold]:
    """On which terms positions were sold first."""
    found: dict[UUID, Sold] = {}
    for content in history:
        for line in content.lines:
            assert line.line is not None
            found.setdefault(line.line, Sold(line.quantity, line.discount))
    return found


ITEMS = st.dictionaries(st.sampled_from(SKUS), st.integers(0, 12), max_size=4)


@given(shops(), ITEMS, st.sampled_from([NEW_YORK, BERLIN]))
def test_whatever_is_changed_the_sums_add_up(
    shop: tuple[Content, dict[str, Offer]], items: dict[str, int], to: object
) -> None:
    """Given any order and any change, then positions have their units and their price, and all parts the total."""
    before, offers = shop
    to = NEW_YORK if to is NEW_YORK else BERLIN
    units = {line.sku: line.quantity for line in before.lines} | items
    if not any(units.values()):
        with pytest.raises(Refusal) as refused:
            edited(before, items, offers, {}, METHODS, RATES[to.country], to, "standard")
        assert refused.value.code == "edit_leaves_nothing"
        return

    after = edited(before, items, offers, {}, METHODS, RATES[to.country], to, "standard")

    assert {line.sku: line.quantity for line in after.lines} == {sku: each for sku, each in units.items() if each}
    was = {line.sku: line for line in before.lines}
    for line in after.lines:
        known = was.get(line.sku)
        assert line.unit_price == (known.unit_price if known else offers[line.sku].price)
        assert line.line_total == line.unit_price * line.quantity
        assert 0 <= line.discount.amount <= (known.discount.amount if known else 0)
        assert line.discount <= line.line_total
        assert line.line == (known.line if known else None)
    sums = after.totals
    assert sums.subtotal.amount == sum(line.line_total.amount for line in after.lines)
    assert sums.discount.amount == sum(line.discount.amount for line in after.lines)
    assert sums.shipping.amount == (500 if sum(line.quantity for line in after.lines) * 300 < 5000 else 900)
    added = 0 if sums.tax_included else sums.tax.amount
    assert sums.total.amount == sums.subtotal.amount - sums.discount.amount + sums.shipping.amount + added
    assert sums.tax_included is (to is BERLIN)
    by = {line.sku: line.quantity for line in after.lines}
    assert changes(before, after) == {
        variant(sku): by.get(sku, 0) - (was[sku].quantity if sku in was else 0)
        for sku in SKUS
        if by.get(sku, 0) != (was[sku].quantity if sku in was else 0)
    }


@given(shops(), ITEMS)
def test_an_edit_that_is_taken_back_leaves_what_was(
    shop: tuple[Content, dict[str, Offer]], items: dict[str, int]
) -> None:
    """Given positions that all stay, when they get other units and then those they had, then all is as it was."""
    before, offers = shop
    kept = {line.sku: line.quantity for line in before.lines}
    there = {sku: max(units, 1) for sku, units in items.items() if sku in kept} | {
        sku: units for sku, units in items.items() if sku not in kept
    }
    changed = settle(edited(before, there, offers, {}, METHODS, RATES["US"], NEW_YORK, "standard"))
    back = {line.sku: kept.get(line.sku, 0) for line in changed.lines}

    again = edited(changed, back, offers, sold_of(before), METHODS, RATES["US"], NEW_YORK, "standard")

    assert sorted(again.lines, key=lambda line: line.sku) == sorted(before.lines, key=lambda line: line.sku)
    assert again.totals == before.totals


def one(units: int = 3, discount: int = 100) -> Content:
    """So many of A for 10.00 each, shipped to New York."""
    lines = (
        EditedLine(variant("A"), "A", "a", units, usd(1000), usd(1000 * units), usd(discount), usd(0), UUID(int=1)),
    )
    priced = price([Goods(units, usd(1000), 300)], usd(500), RATES["US"], "US", "NY", [usd(discount)])
    return Content((msgspec.structs.replace(lines[0], tax=priced.line_taxes[0]),), priced.totals)


def test_a_discount_is_shared_by_the_units_that_it_was_for() -> None:
    """Given three units with a dollar off, then one has 34 cents of it, two 67, three all, and a fourth nothing."""
    shares = [
        edited(one(), {"A": units}, {"A": offer("A", 2000)}, {}, METHODS, RATES["US"], NEW_YORK, "standard").lines[0]
        for units in (1, 2, 3, 4)
    ]
    assert [line.discount.amount for line in shares] == [34, 67, 100, 100]
    assert {line.unit_price.amount for line in shares} == {1000}


@pytest.mark.parametrize(
    ("items", "offers", "code"),
    [
        ({"Z": 1}, {}, "unknown_sku"),
        ({"B": 1}, {"B": msgspec.structs.replace(offer("B", 1), price=None)}, "not_sold_in_currency"),
        ({"B": 1}, {"B": offer("B", 1, on_sale=False)}, "out_of_stock"),
        ({"A": 4}, {"A": offer("A", 1, on_sale=False)}, "out_of_stock"),
        ({"A": 1000}, {}, "quantity_out_of_range"),
        ({"A": 0}, {}, "edit_leaves_nothing"),
    ],
)
def test_what_cannot_be_sold_is_refused(items: dict[str, int], offers: dict[str, Offer], code: str) -> None:
    """Given a wish that the catalogue cannot meet, then it is refused with the reason."""
    with pytest.raises(Refusal) as refused:
        edited(one(), items, {"A": offer("A", 1)} | offers, {}, METHODS, RATES["US"], NEW_YORK, "standard")
    assert refused.value.code == code


def test_fewer_of_what_is_sold_no_more_can_be_had() -> None:
    """Given a thing that was withdrawn, then its units can become fewer, at the price they were bought at."""
    gone = {"A": offer("A", 1, on_sale=False)}
    after = edited(one(), {"A": 1}, gone, {}, METHODS, RATES["US"], NEW_YORK, "standard")
    assert (after.lines[0].quantity, after.lines[0].unit_price) == (1, usd(1000))
