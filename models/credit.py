"""Gift cards and store credit: money that the shop owes its buyers, taken at checkout before a card is charged.

Credit is a tender, not a discount: an order's total stays the full price, and what is `due` goes to the provider.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self
from uuid import UUID

import msgspec

from models.ids import CreditAccountId
from models.money import Money
from models.totals import Totals

MOST_GIFT_CARDS = 5
"""Most gift cards in one cart."""
PROVIDER = "credit"
"""The payment provider of an order of which nothing is due: nobody is asked for money."""


class CreditKind(StrEnum):
    """Whose credit it is."""

    GIFT_CARD = "gift_card"
    """Whoever knows its code."""
    STORE_CREDIT = "store_credit"
    """One account's."""


class CardCode(NamedTuple):
    """What is kept of a gift card's code."""

    key: str
    last4: str


class EntryType(StrEnum):
    """Why a balance moved; the first word of the ledger row's operation."""

    ISSUE = "issue"
    """A gift card was given out."""
    ADJUST = "adjust"
    """Staff granted store credit, or took it back."""
    HOLD = "hold"
    """An order was placed with it."""
    RELEASE = "release"
    """That order ended without a sale."""
    REFUND = "refund"
    """Money of an order came back."""


class GiftCard(msgspec.Struct, frozen=True):
    """A gift card in a cart."""

    id: CreditAccountId
    last4: str
    balance: Money
    expired: bool = False

    def worth(self, currency: str) -> Money:
        """What it can pay in a cart of this currency."""
        usable = not self.expired and self.balance.currency == currency
        return self.balance if usable else Money.zero(currency)


class IssuedCard(msgspec.Struct, frozen=True):
    """A gift card as the shop keeps it: without its code."""

    id: CreditAccountId
    last4: str
    balance: Money
    expires_at: datetime | None
    created_at: datetime
    archived_at: datetime | None = None
    """Set: staff withdrew it; what is on it stays, and cannot be spent."""


class Entry(msgspec.Struct, frozen=True):
    """One row of the credit ledger."""

    id: UUID
    type: EntryType
    amount: Money
    """Positive: the balance gained."""
    order_number: str | None
    at: datetime
    actor: str
    """`order`, or the account of whoever of staff did it."""
    reason: str


class Bill(Totals, frozen=True, kw_only=True):
    """Totals, and who pays them: total = credit + due."""

    credit: Money
    """Paid by gift cards and store credit."""
    due: Money
    """What the payment provider takes. Give it to the checkout as `expected_due`."""

    @classmethod
    def of(cls, totals: Totals, credit: Money | None = None) -> Self:
        """The totals with what credit pays of them; None: nothing."""
        paid = credit or Money.zero(totals.total.currency)
        return cls(
            totals.subtotal, totals.discount, totals.shipping, totals.tax, totals.total, totals.tax_included,
            credit=paid, due=totals.total - paid,
        )  # fmt: skip


_LEAST: Mapping[str, int] = {
    "aed": 200, "bgn": 100, "czk": 1500, "dkk": 250, "gbp": 30, "hkd": 400, "huf": 17500, "mxn": 1000, "myr": 200,
    "nok": 300, "pln": 200, "ron": 200, "sek": 300, "thb": 1000,
}  # fmt: skip
_LEAST_ELSEWHERE = 50


def least_charge(currency: str) -> Money:
    """The smallest amount that the payment provider takes from a card, as Stripe publishes it."""
    return Money(_LEAST.get(currency, _LEAST_ELSEWHERE), currency)


def spend(price: Money, balances: Sequence[Money]) -> list[Money]:
    """What each of `balances`, taken in this order, pays of `price`.

    A remainder that is too small for any card could not be paid: where it would be one, credit pays a little less.
    """
    covered = min(price.amount, sum(balance.amount for balance in balances))
    least = least_charge(price.currency)
    if 0 < price.amount - covered < least.amount:
        covered = max(price.amount - least.amount, 0)
    parts = []
    for balance in balances:
        parts.append(Money(min(balance.amount, covered), price.currency))
        covered -= parts[-1].amount
    return parts
