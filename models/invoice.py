"""What invoices and credit notes say: rows, and tax by rate, that add up to the cent. Pure sums over an order.

An invoice tells what an order is: when the order becomes another one, what is left of its invoice is cancelled by a
credit note, and a new invoice is written. Money that went back is credited against the invoice that stands then.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from uuid import UUID

import msgspec

from models.money import Money, share_out
from models.totals import TaxPart, Totals


class PaperKind(StrEnum):
    """What a paper with a number is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class RowKind(StrEnum):
    """What a row is about."""

    GOODS = "goods"
    SHIPPING = "shipping"
    AMOUNT = "amount"
    """Money given back without naming what for."""
    KEPT = "kept"
    """Of what goods are worth, not given back."""
    CANCELLED = "cancelled"
    """The rest of an invoice that another one takes the place of."""


class Row(msgspec.Struct, frozen=True):
    """One row. Rows of one paper all contain their tax, or none does."""

    kind: RowKind
    amount: Money
    """What it comes to, its discount taken off."""
    rate: int
    """Place of its rate in the paper's."""
    name: str = ""
    sku: str = ""
    quantity: int = 0
    """0: it has no units."""
    unit_price: Money | None = None
    discount: Money | None = None


class RateSum(msgspec.Struct, frozen=True):
    """What all rows of one rate come to."""

    name: str
    """Empty: not taxed."""
    ppm: int | None
    """None: nobody remembers."""
    net: Money
    tax: Money

    @property
    def gross(self) -> Money:
        return self.net + self.tax


class Sums(msgspec.Struct, frozen=True):
    """All figures of one paper; net and tax of its rates are those of the whole."""

    rows: tuple[Row, ...]
    rates: tuple[RateSum, ...]
    tax_included: bool
    """Whether the rows contain their tax."""

    @property
    def net(self) -> Money:
        return _sum(rate.net for rate in self.rates)

    @property
    def tax(self) -> Money:
        return _sum(rate.tax for rate in self.rates)

    @property
    def total(self) -> Money:
        return self.net + self.tax


class Sold(msgspec.Struct, frozen=True):
    """A position of an order."""

    id: UUID
    sku: str
    name: str
    quantity: int
    unit_price: Money
    discount: Money
    tax: Money


class GivenBack(msgspec.Struct, frozen=True):
    """Units of a position that a refund names, and what they are worth, tax counted."""

    line: UUID
    quantity: int
    amount: Money


class Given(msgspec.Struct, frozen=True):
    """A refund that has reached its buyer."""

    n: int
    amount: Money
    items: tuple[GivenBack, ...] = ()
    shipping: Money | None = None
    """Of what was asked for, shipping with its tax."""
    by_edit: bool = False
    """It gives back what an edit took off the order: the invoice says that."""


class Issued(msgspec.Struct, frozen=True):
    """A paper that there is."""

    id: UUID
    kind: PaperKind
    sums: Sums
    invoice: UUID | None = None
    """Of a credit note: of which invoice."""
    refund: int | None = None
    """Of a credit note: number of the order's refund; None: it cancels its invoice."""


class Draft(msgspec.Struct, frozen=True):
    """A paper that is to be written."""

    kind: PaperKind
    sums: Sums
    refund: int | None = None


def invoice(lines: Sequence[Sold], totals: Totals, taxes: Sequence[TaxPart], shipping_name: str = "") -> Sums:
    """What an order's invoice says. Raises: ValueError when positions and taxes do not make the order's total."""
    kind = totals.total.currency
    by_line, carriage, names = _rates(lines, totals, taxes)
    rows = [
        Row(RowKind.GOODS, line.unit_price * line.quantity - line.discount, by_line[place], line.name, line.sku,
            line.quantity, line.unit_price, line.discount)
        for place, line in enumerate(lines)
    ]  # fmt: skip
    if totals.shipping.amount:
        rows.append(Row(RowKind.SHIPPING, totals.shipping, carriage, shipping_name))
    used = sorted({row.rate for row in rows})
    rates = []
    for rate in used:
        (name, ppm), tax = names[rate], _sum((part.tax for part in taxes if names[rate] == _key(part)), kind)
        if ppm is None and name:
            tax = totals.tax
        amount = _sum((row.amount for row in rows if row.rate == rate), kind)
        rates.append(RateSum(name, ppm, amount - tax if totals.tax_included else amount, tax))
    made = Sums(
        tuple(msgspec.structs.replace(row, rate=used.index(row.rate)) for row in rows), tuple(rates),
        totals.tax_included,
    )  # fmt: skip
    if made.total != totals.total or made.tax != totals.tax:
        raise ValueError(f"rows come to {made.total} with {made.tax} of tax, the order to {totals.total}, {totals.tax}")
    return made


_FORGOTTEN = ("tax", None)
"""An order that has tax and does not say by which rates."""
_UNTAXED = ("", None)


def _key(part: TaxPart) -> tuple[str, int | None]:
    return part.name, part.ppm


def _rates(
    lines: Sequence[Sold], totals: Totals, taxes: Sequence[TaxPart]
) -> tuple[list[int], int, list[tuple[str, int | None]]]:
    """Each position's rate, that of shipping, and all rates: the highest first, what is not taxed last."""
    if not taxes and totals.tax.amount:
        return [0] * len(lines), 0, [_FORGOTTEN]
    names = [*sorted({_key(part) for part in taxes}, key=lambda key: (-(key[1] or 0), key[0])), _UNTAXED]
    by_line, carriage = [len(names) - 1] * len(lines), len(names) - 1
    for part in taxes:
        for place in part.lines:
            by_line[place] = names.index(_key(part))
        if part.shipping is not None:
            carriage = names.index(_key(part))
    return by_line, carriage, names


def credit(of: Sums, earlier: Sequence[Sums], amount: Money, given: Given | None, lines: Mapping[UUID, Sold]) -> Sums:
    """A credit note for `amount` of an invoice: tax by rate as a share of what `earlier` credit notes left of it.

    So all credit notes of an invoice together never say more than it, and when all of it went back they say the same,
    rate by rate. `given`: what the money was given back for; None: the rest is cancelled.
    Raises: ValueError when so much is not left.
    """
    left = _left(of, earlier)
    wanted, rows = _named(of, given, lines)
    asked = sum(each.amount for each in wanted)
    if asked != amount.amount or not rows:
        weights = [each.amount for each in wanted] if asked else [rate.gross.amount for rate in left]
        shares = share_out(amount, weights)
    else:
        shares = wanted
    shares = _fitting(shares, [rate.gross for rate in left])
    plain = RowKind.CANCELLED if given is None else RowKind.AMOUNT
    for place, (share, named) in enumerate(zip(shares, wanted, strict=True)):
        if (rest := share - named).amount:
            rows.append(Row(RowKind.KEPT if asked else plain, rest, place))
    rates = [_taxed(rate, share) for rate, share in zip(left, shares, strict=True)]
    used = [place for place, rate in enumerate(rates) if any(row.rate == place for row in rows)]
    return Sums(
        tuple(msgspec.structs.replace(row, rate=used.index(row.rate)) for row in rows),
        tuple(rates[place] for place in used), True,
    )  # fmt: skip


def _left(of: Sums, earlier: Sequence[Sums]) -> list[RateSum]:
    """What is left of an invoice, by its rates."""
    left = []
    for rate in of.rates:
        same = [each for note in earlier for each in note.rates if (each.name, each.ppm) == (rate.name, rate.ppm)]
        net, tax = rate.net, rate.tax
        for each in same:
            net, tax = net - each.net, tax - each.tax
        left.append(RateSum(rate.name, rate.ppm, net, tax))
    return left


def _named(of: Sums, given: Given | None, lines: Mapping[UUID, Sold]) -> tuple[list[Money], list[Row]]:
    """By rate, what a refund was asked for, and its rows."""
    kind = of.total.currency
    wanted, rows = [Money.zero(kind)] * len(of.rates), []
    by_sku = {row.sku: row.rate for row in of.rows if row.kind is RowKind.GOODS}
    carriage = next((row.rate for row in of.rows if row.kind is RowKind.SHIPPING), 0)
    for item in given.items if given else ():
        line = lines.get(item.line)
        if line is None or line.sku not in by_sku:
            return [Money.zero(kind)] * len(of.rates), []  # an edit took the position off: credited as an amount
        rate = by_sku[line.sku]
        rows.append(Row(RowKind.GOODS, item.amount, rate, line.name, line.sku, item.quantity))
        wanted[rate] += item.amount
    if given is not None and given.shipping is not None and given.shipping.amount:
        rows.append(Row(RowKind.SHIPPING, given.shipping, carriage))
        wanted[carriage] += given.shipping
    return wanted, rows


def _fitting(shares: Sequence[Money], room: Sequence[Money]) -> list[Money]:
    """The same sum, no share larger than its room. Raises: ValueError when there is not so much."""
    fitting = [Money(min(share.amount, most.amount), most.currency) for share, most in zip(shares, room, strict=True)]
    over = _sum(shares) - _sum(fitting)
    free = [(most - share).amount for share, most in zip(fitting, room, strict=True)]
    if over.amount > sum(free):
        raise ValueError(f"{over} more than is left of the invoice")
    if not over.amount:
        return fitting
    return [share + more for share, more in zip(fitting, share_out(over, free), strict=True)]


def _taxed(left: RateSum, gross: Money) -> RateSum:
    """Of what is left of a rate, so much: half a unit of tax is rounded up."""
    whole = left.gross.amount
    tax = (2 * left.tax.amount * gross.amount + whole) // (2 * whole) if whole else 0
    return RateSum(left.name, left.ppm, gross - Money(tax, gross.currency), Money(tax, gross.currency))


def missing(
    now: Sums | None, is_sold: bool, issued: Sequence[Issued], refunds: Sequence[Given], taken_off: Money,
    lines: Mapping[UUID, Sold],
) -> list[Draft]:  # fmt: skip
    """The papers that an order has not, in the order in which they are to be written; none, when it has all.

    `now`: what an invoice would say today; `is_sold`: one may be written. `taken_off`: what edits took off the order's
    total, of which the money went back or failed to: the new invoice says it. What came back of a refund stays
    credited, and so much of the next one is not credited again.
    """
    current = next((each for each in reversed(issued) if each.kind is PaperKind.INVOICE), None)
    drafts: list[Draft] = []
    notes = [each for each in issued if current is not None and each.invoice == current.id]
    of, earlier = (current.sums, [note.sums for note in notes]) if current is not None else (None, [])
    credited = {note.refund for note in notes}
    if is_sold and now is not None and now != of:
        if of is not None and (rest := _rest(of, earlier)).amount:
            drafts.append(Draft(PaperKind.CREDIT_NOTE, credit(of, earlier, rest, None, lines)))
        drafts.append(Draft(PaperKind.INVOICE, now))
        of, earlier, credited = now, [], set()
    if of is None:
        return []
    gap = _sum((each.amount for each in refunds), of.total.currency) - taken_off
    gap -= _sum((note.total for note in earlier), of.total.currency)
    for refund in refunds:
        amount = min(refund.amount.amount, gap.amount, _rest(of, earlier).amount)
        if refund.by_edit or refund.n in credited or amount <= 0:
            continue
        note = credit(of, earlier, Money(amount, gap.currency), refund, lines)
        drafts.append(Draft(PaperKind.CREDIT_NOTE, note, refund.n))
        earlier = [*earlier, note]
        gap -= note.total
    return drafts


def _rest(of: Sums, earlier: Sequence[Sums]) -> Money:
    return _sum(rate.gross for rate in _left(of, earlier))


def _sum(amounts: Iterable[Money], currency: str | None = None) -> Money:
    found = list(amounts)
    result = Money.zero(currency or found[0].currency)
    for amount in found:
        result += amount
    return result
