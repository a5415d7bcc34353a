"""What the books should say of an order that vendors sold a part of: whose its money is, exact to the cent.

Pure. Of every cent that was taken for an order it is known at any time whose it is: the vendor's who sold the goods,
the shop's as its commission, the shop's own (its goods, shipping and all taxes, which it owes), or nobody's any more,
because it went back to the buyer. `models/tables/payout_ledger.py` appends what differs from what the books say.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from uuid import UUID

import msgspec

from models.money import Money, share_out
from models.refund import share

PPM = 1_000_000


class Account(StrEnum):
    """Accounts of the payout ledger. Positive: that much of what was taken is theirs."""

    CAPTURED = "captured"
    """What buyers paid; always negative, because it is what the others share."""
    REFUNDED = "refunded"
    """Gone back to buyers."""
    DISPUTED = "disputed"
    """Taken back by buyers' banks."""
    SHOP = "shop"
    """The shop's: its own goods, shipping, and all taxes."""
    COMMISSION = "commission"
    """The shop's, for what a vendor sold."""
    VENDOR = "vendor"
    """A vendor's: what the shop owes them, less what was paid out."""
    PAID = "paid"
    """Paid out to a vendor."""


Key = tuple[Account, UUID | None]
"""An account, and whose it is; None: the shop's."""


class Terms(msgspec.Struct, frozen=True):
    """What the shop keeps of one position."""

    ppm: int = 0
    """Of what its goods cost, parts per million."""
    fixed: int = 0
    """Besides, minor units a position."""

    def of(self, goods: int) -> int:
        """The commission on goods that cost so much; never more than that. Half a cent is one."""
        return min(goods, (goods * self.ppm + PPM // 2) // PPM + self.fixed)


class Rule(msgspec.Struct, frozen=True):
    """For what these terms are: what is not named may be any."""

    terms: Terms
    vendor: UUID | None = None
    category: UUID | None = None
    """And all that stands in it."""
    currency: str | None = None


def terms_for(rules: Sequence[Rule], vendor: UUID, lineage: Sequence[UUID], currency: str) -> Terms:
    """The terms of the most specific rule; without any the shop keeps nothing.

    A rule for the vendor goes before one that is for all; then the one for the nearest category; then the one for the
    currency. `lineage`: the categories that the product stands in, from the outermost to its own.
    """
    depth = {category: place for place, category in enumerate(lineage, 1)}
    fitting = [
        ((rule.vendor is not None, depth[rule.category] if rule.category else 0, rule.currency is not None), rule.terms)
        for rule in rules
        if rule.vendor in (None, vendor) and rule.currency in (None, currency)
        if rule.category is None or rule.category in depth
    ]
    return max(fitting, key=lambda each: each[0])[1] if fitting else Terms()


class Line(msgspec.Struct, frozen=True):
    """One position of an order. Amounts are minor units of the order's currency."""

    id: UUID
    vendor: UUID | None
    """Who sold it; None: the shop itself."""
    goods: int
    """What its buyer pays for it, its discount and any tax taken off."""
    tax: int
    quantity: int
    shipped: int = 0
    terms: Terms = Terms()

    @property
    def worth(self) -> int:
        """What its buyer pays for it."""
        return self.goods + self.tax

    @property
    def commission(self) -> int:
        """What the shop keeps of it, once all of it is paid."""
        return self.terms.of(self.goods)


class GoneBack(msgspec.Struct, frozen=True):
    """A refund that the buyer has."""

    amount: int
    lines: Mapping[UUID, int] = {}
    """By position, what was asked for; nothing named here nor as shipping: an amount went back, for whatever reason."""
    shipping: int = 0


class Sale(msgspec.Struct, frozen=True):
    """An order as its money goes."""

    currency: str
    lines: tuple[Line, ...]
    total: int
    """What it costs; more than its lines: the rest is shipping."""
    captured: int
    """What was taken for it so far: by providers, and of gift cards and store credit."""
    refunds: tuple[GoneBack, ...] = ()
    disputed: int = 0
    """What the buyer's bank took back, and has not given back."""

    @property
    def shipping(self) -> int:
        """What shipping costs, its tax counted."""
        return self.total - sum(line.worth for line in self.lines)


class Part(msgspec.Struct, frozen=True):
    """What one vendor has of an order, and what the shop has of that."""

    goods: int = 0
    tax: int = 0
    commission: int = 0

    @property
    def share(self) -> int:
        """What is the vendor's."""
        return self.goods - self.commission

    def __add__(self, other: "Part") -> "Part":
        return Part(self.goods + other.goods, self.tax + other.tax, self.commission + other.commission)


def parts(lines: Sequence[Line]) -> dict[UUID, Part]:
    """By vendor, what they sold of an order: what it comes to when all of it is paid and nothing goes back."""
    found: dict[UUID, Part] = {}
    for line in lines:
        if line.vendor is not None:
            found[line.vendor] = found.get(line.vendor, Part()) + Part(line.goods, line.tax, line.commission)
    return found


def books(sale: Sale) -> dict[Key, int]:
    """What the books should say of an order now: every account that has something. They add up to nothing.

    Money that is taken is for what was sent, and for shipping, before it is for what was not; what is taken beyond what
    the order costs is the shop's until it goes back. A refund goes back of what it names; an amount of what is too
    much, then of everything alike. So does what a bank takes. Of each position goods and tax, and of its goods the
    vendor and the shop, lose the same part: a commission is earned as far as the goods stay sold.
    """
    left = _Left(sale)
    for refund in sale.refunds:
        left.give_back(refund)
    left.lose(sale.disputed)
    found: dict[Key, int] = {
        (Account.CAPTURED, None): -sale.captured,
        (Account.REFUNDED, None): sum(refund.amount for refund in sale.refunds),
        (Account.DISPUTED, None): sale.disputed,
        (Account.SHOP, None): left.shipping + left.surplus,
    }
    for line, amount in zip(sale.lines, left.lines, strict=True):
        goods, tax = _shared(amount, [line.goods, line.tax])
        if line.vendor is None:
            found[Account.SHOP, None] += amount
            continue
        commission, vendor = _shared(goods, [line.commission, line.goods - line.commission])
        found[Account.SHOP, None] += tax
        for account, more in ((Account.COMMISSION, commission), (Account.VENDOR, vendor)):
            found[account, line.vendor] = found.get((account, line.vendor), 0) + more
    return {key: amount for key, amount in found.items() if amount}


def difference(should: Mapping[Key, int], said: Mapping[Key, int]) -> dict[Key, int]:
    """What has to be appended so that the books say what they should. Nothing, when they do."""
    keys = dict.fromkeys((*should, *said))
    return {key: more for key in keys if (more := should.get(key, 0) - said.get(key, 0))}


class _Left:
    """What is left of the money of each position, of shipping, and of what was taken beyond them."""

    def __init__(self, sale: Sale) -> None:
        self._ids = [line.id for line in sale.lines]
        worth = [*(line.worth for line in sale.lines), sale.shipping]
        sent = [
            share(Money(line.worth, sale.currency), line.quantity, line.shipped).amount if line.shipped else 0
            for line in sale.lines
        ]
        first = [*sent, sale.shipping if any(sent) else 0]
        taken = min(sale.captured, sum(worth))
        if taken <= sum(first):
            self._left = _shared(taken, first)
        else:
            rest = [whole - part for whole, part in zip(worth, first, strict=True)]
            self._left = [
                part + more for part, more in zip(first, _shared(taken - sum(first), rest), strict=True)
            ]  # fmt: skip
        self.surplus = sale.captured - taken

    @property
    def lines(self) -> list[int]:
        """Of each position, in their order."""
        return self._left[:-1]

    @property
    def shipping(self) -> int:
        """Of shipping."""
        return self._left[-1]

    def give_back(self, refund: GoneBack) -> None:
        """What it names first; what is kept of that as a fee is kept of all of it alike."""
        wanted = [*(refund.lines.get(line, 0) for line in self._ids), refund.shipping]
        if not any(wanted):
            self.lose(refund.amount)
            return
        named = _shared(min(refund.amount, sum(wanted)), wanted)
        over = refund.amount - sum(named)
        for place, part in enumerate(named):
            taken = min(part, self._left[place])
            self._left[place] -= taken
            over += part - taken
        self.lose(over)

    def lose(self, amount: int) -> None:
        """What is too much first, then of everything alike; more than there is, is the shop's loss."""
        spare = min(amount, max(self.surplus, 0))
        self.surplus -= spare
        part = min(amount - spare, sum(self._left))
        for place, lost in enumerate(_shared(part, self._left)):
            self._left[place] -= lost
        self.surplus -= amount - spare - part


def _shared(amount: int, weights: Sequence[int]) -> list[int]:
    """So much, shared out by these weights to the cent."""
    return [part.amount for part in share_out(Money(amount, "usd"), weights)]
