"""Invoices and credit notes: whatever is sold, given back and changed, rows and tax by rate add up to the cent."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.invoice import (
    Draft,
    Given,
    GivenBack,
    Issued,
    PaperKind,
    RowKind,
    Sold,
    Sums,
    credit,
    invoice,
    missing,
)
from models.money import Money
from models.pricing import Item, Priced, TaxRate, price, tax_of

RATES = {
    True: (TaxRate("DE", 190_000, True, "MwSt."), TaxRate("DE", 70_000, True, "MwSt.", None, "food"),
           TaxRate("DE", 0, True, "Reverse charge", None, "zero")),
    False: (TaxRate("DE", 88_750, False, "Sales tax"), TaxRate("DE", 10_000, False, "Food", None, "food"),
            TaxRate("DE", 0, False, "Exempt", None, "zero", False)),
}  # fmt: skip
"""What prices contain, and what comes on top. Nobody taxes `free`."""

INVOICE, NOTE = PaperKind.INVOICE, PaperKind.CREDIT_NOTE


def usd(amount: int) -> Money:
    return Money(amount, "usd")


class Order(msgspec.Struct):
    """An order as checkout priced it."""

    lines: Mapping[UUID, Sold]
    priced: Priced
    items: Sequence[Item]

    @property
    def invoice(self) -> Sums:
        return invoice(list(self.lines.values()), self.priced.totals, self.priced.taxes, "Standard")


def order(items: Sequence[Item], included: bool, shipping: int, discounts: Sequence[int]) -> Order:
    priced = price(items, usd(shipping), RATES[included], "DE", None, [usd(each) for each in discounts])
    lines = {
        (id := UUID(int=place + 1)): Sold(
            id, f"S{place}", f"Thing {place}", item.quantity, item.unit_price, usd(discounts[place]),
            priced.line_taxes[place],
        )
        for place, item in enumerate(items)
    }  # fmt: skip
    return Order(lines, priced, items)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    items, discounts = [], []
    for _ in range(draw(st.integers(1, 6))):
        units, each = draw(st.integers(1, 9)), draw(st.integers(0, 5000))
        items.append(Item(units, usd(each), 1, draw(st.sampled_from(["standard", "food", "zero", "free"]))))
        discounts.append(draw(st.integers(0, units * each)))
    return order(items, draw(st.booleans()), draw(st.integers(0, 2000)), discounts)


def must_add_up(sums: Sums) -> None:
    for place, rate in enumerate(sums.rates):
        rows = sum(row.amount.amount for row in sums.rows if row.rate == place)
        assert rows == (rate.gross if sums.tax_included else rate.net).amount
    assert sums.total == sums.net + sums.tax


@given(orders())
def test_an_invoice_adds_up_to_its_order(sold: Order) -> None:
    """Given any order, then its invoice's rows come to its total, and each rate's tax is that of its rows."""
    sums = sold.invoice
    must_add_up(sums)
    assert (sums.total, sums.tax) == (sold.priced.totals.total, sold.priced.totals.tax)
    rates: dict[tuple[str, int | None], TaxRate] = {(rate.name, rate.ppm): rate for rate in RATES[sums.tax_included]}
    for rate in sums.rates:
        known = rates.get((rate.name, rate.ppm))
        base = rate.gross if sums.tax_included else rate.net
        assert rate.tax == (tax_of(base, known) if known else usd(0))
        assert known is not None or (rate.name, rate.ppm) == ("", None)


@given(orders(), st.data())
def test_credit_notes_never_say_more_than_their_invoice(sold: Order, data: st.DataObject) -> None:
    """Given an order whose money goes back bit by bit, then each note says what went back, and when all of it is back,
    invoice and notes are the same rate by rate."""
    of, notes, left = sold.invoice, list[Sums](), sold.priced.totals.total.amount
    n = 0
    while left:
        n += 1
        amount = data.draw(st.integers(1, left)) if n < 6 else left
        named = data.draw(st.sampled_from([None, *sold.lines.values()]))
        items = (GivenBack(named.id, 1, usd(data.draw(st.integers(0, 3000)))),) if named else ()
        carriage = usd(data.draw(st.integers(0, 500))) if data.draw(st.booleans()) else None
        note = credit(of, notes, usd(amount), Given(n, usd(amount), items, carriage), sold.lines)
        must_add_up(note)
        assert note.total == usd(amount)
        assert all(rate.net.amount >= 0 and rate.tax.amount >= 0 for rate in note.rates)
        notes.append(note)
        left -= amount
    for rate in of.rates:
        same = [each for note in notes for each in note.rates if (each.name, each.ppm) == (rate.name, rate.ppm)]
        assert sum(each.net.amount for each in same) == rate.net.amount
        assert sum(each.tax.amount for each in same) == rate.tax.amount


def test_units_are_credited_at_their_own_rate() -> None:
    """Given a mug at 19 % and bread at 7 %, and the bread goes back, then the note has 7 % alone."""
    sold = order([Item(1, usd(1190), 1), Item(2, usd(107), 1, "food")], True, 0, [0, 0])
    bread = sold.lines[UUID(int=2)]
    note = credit(sold.invoice, [], usd(107), Given(1, usd(107), (GivenBack(bread.id, 1, usd(107)),)), sold.lines)
    assert [(rate.ppm, rate.net, rate.tax) for rate in note.rates] == [(70_000, usd(100), usd(7))]
    assert [(row.kind, row.sku, row.quantity, row.amount) for row in note.rows] == [(RowKind.GOODS, "S1", 1, usd(107))]


def test_what_is_kept_of_goods_is_a_row() -> None:
    """Given goods worth 11.90 of which 1.90 is kept, then the note says both, and credits 10.00."""
    sold = order([Item(1, usd(1190), 1)], True, 0, [0])
    wanted = Given(1, usd(1000), (GivenBack(UUID(int=1), 1, usd(1190)),))
    note = credit(sold.invoice, [], usd(1000), wanted, sold.lines)
    assert [(row.kind, row.amount) for row in note.rows] == [(RowKind.GOODS, usd(1190)), (RowKind.KEPT, usd(-190))]
    assert (note.net, note.tax, note.total) == (usd(840), usd(160), usd(1000))


def test_figures_that_contradict_each_other_are_no_invoice() -> None:
    """Given positions that do not make the order's total, then nothing is written."""
    sold = order([Item(1, usd(1190), 1)], True, 0, [0])
    wrong = msgspec.structs.replace(sold.priced.totals, total=usd(1191))
    with pytest.raises(ValueError, match="rows come to"):
        invoice(list(sold.lines.values()), wrong, sold.priced.taxes)


class Books:
    """An order's papers, as they are written one after the other."""

    def __init__(self) -> None:
        self.issued: list[Issued] = []

    def write(self, now: Sums, refunds: Sequence[Given], taken_off: int = 0, **changes: bool) -> list[Draft]:
        """What is missing, written."""
        drafts = missing(now, changes.get("is_sold", True), self.issued, refunds, usd(taken_off), {})
        for draft in drafts:
            must_add_up(draft.sums)
            current = next((each.id for each in reversed(self.issued) if each.kind is INVOICE), None)
            of = current if draft.kind is NOTE else None
            self.issued.append(
                Issued(UUID(int=len(self.issued) + 1), draft.kind, draft.sums, of, draft.refund)
            )  # fmt: skip
        assert missing(now, True, self.issued, refunds, usd(taken_off), {}) == [] or changes
        return drafts

    @property
    def balance(self) -> int:
        """What is invoiced and not credited."""
        return sum((1 if each.kind is INVOICE else -1) * each.sums.total.amount for each in self.issued)


def told(drafts: Sequence[Draft]) -> list[tuple[PaperKind, int, int | None]]:
    return [(draft.kind, draft.sums.total.amount, draft.refund) for draft in drafts]


def mugs(units: int) -> Sums:
    return order([Item(units, usd(1190), 1)], True, 0, [0]).invoice


def test_an_order_is_invoiced_once_and_each_refund_credited_once() -> None:
    """Given an order that is not paid, nothing; paid, an invoice; then a note a refund; and nothing twice."""
    books = Books()
    assert missing(mugs(2), False, [], [], usd(0), {}) == []
    assert told(books.write(mugs(2), [])) == [(INVOICE, 2380, None)]
    first, second = Given(1, usd(380)), Given(2, usd(2000))
    assert told(books.write(mugs(2), [first])) == [(NOTE, 380, 1)]
    assert told(books.write(mugs(2), [first, second])) == [(NOTE, 2000, 2)]
    assert books.balance == 0


def test_a_changed_order_has_a_new_invoice() -> None:
    """Given an invoice of which something went back, and the order becomes another, then the rest of the invoice is
    cancelled, a new one written, and what went back credited against that."""
    books, gone = Books(), Given(1, usd(100))
    books.write(mugs(3), [gone])
    changed = [gone, Given(2, usd(1190), by_edit=True)]
    assert told(books.write(mugs(2), changed, 1190)) == [(NOTE, 3470, None), (INVOICE, 2380, None), (NOTE, 100, 1)]
    assert books.balance == 2280


def test_money_of_an_edit_is_no_credit_note_before_or_after_it_arrives() -> None:
    """Given an edit whose money is on its way, then other refunds wait with their notes until that has come."""
    books = Books()
    books.write(mugs(3), [])
    assert told(books.write(mugs(2), [], 1190)) == [(NOTE, 3570, None), (INVOICE, 2380, None)]
    assert books.write(mugs(2), [Given(2, usd(100))], 1190) == []
    both = [Given(1, usd(1190), by_edit=True), Given(2, usd(100))]
    assert told(books.write(mugs(2), both, 1190)) == [(NOTE, 100, 2)]


def test_what_came_back_stays_credited() -> None:
    """Given a refund that a bank sent back, then the one that makes up for it is credited as far as it is more."""
    books = Books()
    books.write(mugs(2), [Given(1, usd(500))])
    assert books.write(mugs(2), []) == []
    assert told(books.write(mugs(2), [Given(2, usd(700))])) == [(NOTE, 200, 2)]
    assert books.balance == 2380 - 700


def test_an_order_that_was_called_off_before_its_invoice_has_none() -> None:
    """Given an order that ended before anybody invoiced it, then its refund is credited nowhere."""
    assert missing(mugs(1), False, [], [Given(1, usd(1190))], usd(0), {}) == []


@given(st.lists(st.tuples(st.sampled_from(["edit", "refund", "look"]), st.integers(1, 9)), max_size=12))
def test_papers_always_say_what_the_order_is_less_what_went_back(steps: list[tuple[str, int]]) -> None:
    """Given edits and refunds in any order, with papers written now and then, then papers tell what is left to pay."""
    books, units, refunds, taken_off, given_back = Books(), 9, list[Given](), 0, 0
    for step, size in [*steps, ("look", 1)]:
        n = len(refunds) + 1
        if step == "edit" and size * 1190 >= given_back:
            if size < units:
                refunds.append(Given(n, usd((units - size) * 1190), by_edit=True))
                taken_off += (units - size) * 1190
            units = size
        elif step == "refund" and given_back + size * 100 <= units * 1190:
            refunds.append(Given(n, usd(size * 100)))
            given_back += size * 100
        elif step == "look":
            books.write(mugs(units), refunds, taken_off)
            assert books.balance == units * 1190 - given_back
