"""What credit pays: never more than is asked, in the order it was added, and nothing is left that no card can pay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.credit import Bill, GiftCard, least_charge, spend
from models.ids import CreditAccountId, new_id
from models.money import Money
from models.totals import Totals


def usd(*amounts: int) -> list[Money]:
    """Dollars."""
    return [Money(amount, "usd") for amount in amounts]


@pytest.mark.parametrize(
    ("price", "balances", "parts"),
    [
        (1600, [], []), (1600, [600], [600]), (1600, [1600], [1600]), (1600, [5000], [1600]),
        (1600, [600, 500, 5000], [600, 500, 500]), (1600, [0, 600], [0, 600]), (0, [600], [0]),
        (1600, [2000, 600], [1600, 0]),
        (1600, [1551], [1550]), (1600, [1599], [1550]), (1600, [1550], [1550]), (1600, [1500, 99], [1500, 50]),
        (40, [30], [0]), (40, [40], [40]),
    ],
)  # fmt: skip
def test_what_each_pays(price: int, balances: list[int], parts: list[int]) -> None:
    """Given a price and balances, then the first pays as much as it can, and no remainder is below 50 cents."""
    assert spend(Money(price, "usd"), usd(*balances)) == usd(*parts)


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**15), max_size=6), st.sampled_from(["usd", "jpy", "gbp"]))
def test_nobody_pays_too_much(price: int, balances: list[int], kind: str) -> None:
    """Given whatever, then no part exceeds its balance, all of them not the price, and a card can pay the rest."""
    parts = spend(Money(price, kind), [Money(balance, kind) for balance in balances])
    assert all(0 <= part.amount <= balance for part, balance in zip(parts, balances, strict=True))
    paid = sum(part.amount for part in parts)
    left = price - paid
    assert left == 0 or left >= least_charge(kind).amount or paid == 0
    assert left == 0 or sum(balances) < price, "there was more to take"


def test_a_bill_adds_up() -> None:
    """Given totals and credit, then the total stays the full price, and credit and due make it up."""
    zero = Money(0, "usd")
    totals = Totals(Money(1000, "usd"), zero, Money(500, "usd"), Money(100, "usd"), Money(1600, "usd"))
    bill = Bill.of(totals, Money(600, "usd"))
    assert (bill.total, bill.credit, bill.due) == (Money(1600, "usd"), Money(600, "usd"), Money(1000, "usd"))
    assert (Bill.of(totals).credit, Bill.of(totals).due) == (zero, totals.total)


@pytest.mark.parametrize(("expired", "currency", "worth"), [(False, "usd", 500), (True, "usd", 0), (False, "eur", 0)])
def test_what_a_card_is_worth_in_a_cart(expired: bool, currency: str, worth: int) -> None:
    """Given a card of 5.00 usd, then it pays in dollars while it has not expired."""
    card = GiftCard(CreditAccountId(new_id()), "HWPD", Money(500, "usd"), expired)
    assert card.worth(currency) == Money(worth, currency)
