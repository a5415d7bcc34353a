"""Whose an order's money is: every cent of it at any time, whatever was taken, sent, changed and given back."""

from collections.abc import Mapping
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.commission import PPM, Account, GoneBack, Key, Line, Rule, Sale, Terms, books, difference, parts, terms_for

ANNA, BEN = UUID(int=1), UUID(int=2)
A, B, C = UUID(int=11), UUID(int=12), UUID(int=13)
TENTH = Terms(100_000)


def told(found: Mapping[Key, int]) -> dict[str, int]:
    """The books by words."""
    names = {ANNA: "anna", BEN: "ben"}
    return {f"{account.value}{'/' + names[of] if of else ''}": amount for (account, of), amount in found.items()}


def sale(captured: int = 4_300, **changes: object) -> Sale:
    """Two mugs of Anna's, a cup of Ben's with 4.00 off, one of the shop's: 10.00 each, 10 % tax, 3.40 shipping."""
    values = {
        "currency": "usd",
        "lines": (
            Line(A, ANNA, 2_000, 200, 2, terms=TENTH), Line(B, BEN, 600, 60, 1, terms=Terms(250_000, 30)),
            Line(C, None, 1_000, 100, 1),
        ),
        "total": 4_300, "captured": captured,
    }  # fmt: skip
    return Sale(**{**values, **changes})  # type: ignore[arg-type]


PAID = {
    "captured": -4_300, "shop": 1_100 + 340 + 260, "commission/anna": 200, "vendor/anna": 1_800,
    "commission/ben": 180, "vendor/ben": 420,
}  # fmt: skip


def test_all_of_it_is_paid() -> None:
    """Given an order that is paid, then vendors have goods less commission, the shop the rest."""
    assert told(books(sale())) == PAID
    found = parts(sale().lines)
    assert {vendor: (part.goods, part.tax, part.commission, part.share) for vendor, part in found.items()} == {
        ANNA: (2_000, 200, 200, 1_800), BEN: (600, 60, 180, 420),
    }  # fmt: skip


def test_nothing_is_taken_yet() -> None:
    """Given an order whose money is only reserved, then nobody has anything."""
    assert books(sale(0)) == {}


def test_a_parcel_is_paid_for_what_is_in_it() -> None:
    """Given one of Anna's two mugs sent, and taken with shipping, then that is hers and nothing is Ben's."""
    lines = sale().lines
    sent = (Line(A, ANNA, 2_000, 200, 2, shipped=1, terms=TENTH), *lines[1:])
    assert told(books(sale(1_100 + 340, lines=sent))) == {
        "captured": -1_440, "shop": 100 + 340, "commission/anna": 100, "vendor/anna": 900,
    }  # fmt: skip
    more = told(books(sale(1_440 + 286, lines=sent)))
    assert more["vendor/anna"] == 900 + 90
    assert sum(more.values()) == 0


def test_a_refund_takes_back_the_vendor_s_share_and_the_commission() -> None:
    """Given one of Anna's mugs given back, then half of what she and the shop had of it went back, and no more."""
    assert told(books(sale(refunds=(GoneBack(1_100, {A: 1_100}),)))) == {
        **PAID, "refunded": 1_100, "shop": PAID["shop"] - 100, "commission/anna": 100, "vendor/anna": 900,
    }  # fmt: skip


def test_a_fee_that_is_kept_is_kept_by_whoever_sold_it() -> None:
    """Given a return of Ben's cup of which 0.66 were kept, then a tenth of everything of it stays."""
    found = told(books(sale(refunds=(GoneBack(594, {B: 660}),))))
    assert (found["vendor/ben"], found["commission/ben"], found["refunded"]) == (42, 18, 594)
    assert found["vendor/anna"] == PAID["vendor/anna"]


def test_shipping_that_goes_back_is_the_shop_s() -> None:
    """Given shipping given back, then no vendor pays for it."""
    assert told(books(sale(refunds=(GoneBack(340, {}, 340),)))) == {**PAID, "refunded": 340, "shop": PAID["shop"] - 340}


def test_an_amount_goes_back_of_everything_alike() -> None:
    """Given half of the order given back without a word for what, then everybody loses half."""
    assert told(books(sale(refunds=(GoneBack(2_150),)))) == {
        "captured": -4_300, "refunded": 2_150, "shop": 850, "commission/anna": 100, "vendor/anna": 900,
        "commission/ben": 90, "vendor/ben": 210,
    }  # fmt: skip


def test_what_was_too_much_goes_back_first() -> None:
    """Given an order made smaller after it was paid, then the refund of the difference takes nothing from anybody."""
    smaller = {"lines": sale().lines[:2], "total": 3_200}
    before = told(books(sale(4_300, **smaller)))
    assert (before["vendor/anna"], before["shop"]) == (1_800, 340 + 260 + 1_100)
    after = told(books(sale(4_300, **smaller, refunds=(GoneBack(1_100),))))
    assert after == {**before, "refunded": 1_100, "shop": 600}


def test_a_dispute_takes_and_a_won_one_gives() -> None:
    """Given all of it taken back by the bank, then nobody has anything; once it is won, all is as before."""
    assert told(books(sale(disputed=4_300))) == {"captured": -4_300, "disputed": 4_300}
    assert told(books(sale(disputed=0))) == PAID


def test_what_the_bank_takes_beyond_is_the_shop_s_loss() -> None:
    """Given a refund, and then a dispute of the whole, then no vendor owes more than they had."""
    found = told(books(sale(refunds=(GoneBack(300),), disputed=4_300)))
    assert found == {"captured": -4_300, "refunded": 300, "disputed": 4_300, "shop": -300}


@pytest.mark.parametrize(
    ("terms", "goods", "commission"),
    [
        (Terms(), 1_000, 0), (Terms(100_000), 1_000, 100), (Terms(100_000), 5, 1), (Terms(100_000), 4, 0),
        (Terms(0, 30), 1_000, 30), (Terms(0, 30), 20, 20), (Terms(PPM, 30), 1_000, 1_000), (Terms(1), 10**15, 10**9),
        (Terms(PPM, 5), 0, 0),
    ],
)  # fmt: skip
def test_a_commission_is_rounded_once_and_never_more_than_the_goods(terms: Terms, goods: int, commission: int) -> None:
    """Given terms and goods, then the commission is the part and the fixed sum, at most what the goods cost."""
    assert terms.of(goods) == commission


def test_the_most_specific_rule_counts() -> None:
    """Given rules for everything, then vendor goes before category, the nearest category first, then the currency."""
    mugs, kitchen, all_goods = UUID(int=21), UUID(int=22), UUID(int=23)
    wanted = [
        Rule(Terms(1)), Rule(Terms(2), currency="usd"), Rule(Terms(3), category=all_goods),
        Rule(Terms(4), category=kitchen), Rule(Terms(5), category=kitchen, currency="usd"), Rule(Terms(6), vendor=ANNA),
        Rule(Terms(7), vendor=ANNA, currency="usd"), Rule(Terms(8), vendor=ANNA, category=mugs),
    ]  # fmt: skip
    way = [all_goods, kitchen, mugs]

    def counts(vendor: UUID = ANNA, lineage: list[UUID] = way, currency: str = "usd", most: int = 8) -> int:
        return terms_for(wanted[:most], vendor, lineage, currency).ppm

    assert [counts(most=most) for most in range(9)] == list(range(9))
    assert counts(BEN) == 5
    assert counts(BEN, currency="eur") == 4
    assert counts(BEN, [all_goods]) == 3
    assert counts(BEN, []) == 2
    assert counts(BEN, [], "eur") == 1
    assert counts(ANNA, [], "eur") == 6


amounts = st.integers(0, 10**6)


@st.composite
def sales(draw: st.DrawFn) -> Sale:
    """Any order: of several vendors and the shop, partly sent, partly paid, with refunds of whatever kind."""
    lines = []
    for number in range(draw(st.integers(1, 6))):
        quantity = draw(st.integers(1, 5))
        lines.append(
            Line(
                UUID(int=100 + number), draw(st.sampled_from([None, ANNA, BEN])), draw(amounts),
                draw(st.integers(0, 10**5)), quantity, draw(st.integers(0, quantity)),
                Terms(draw(st.integers(0, PPM)), draw(st.integers(0, 500))),
            )
        )  # fmt: skip
    total = sum(line.worth for line in lines) + draw(amounts)
    captured = draw(st.one_of(st.just(total), st.integers(0, total + 10**5)))
    left, refunds = captured, []
    while left and draw(st.booleans()):
        amount = draw(st.integers(1, left))
        named = draw(st.dictionaries(st.sampled_from([line.id for line in lines]), amounts, max_size=3))
        refunds.append(GoneBack(amount, named, draw(st.sampled_from([0, 0, 300]))))
        left -= amount
    disputed = draw(st.one_of(st.just(0), st.integers(0, captured)))
    return Sale("usd", tuple(lines), total, captured, tuple(refunds), disputed)


def of(found: Mapping[Key, int], account: Account) -> int:
    """All that an account has, whosever it is."""
    return sum(amount for (name, _), amount in found.items() if name is account)


@given(sales())
def test_every_cent_is_somebody_s(any_sale: Sale) -> None:
    """Given any order, then commission, vendors', shop's and what went back are what was taken; no vendor owes."""
    found = books(any_sale)
    assert sum(found.values()) == 0
    assert -of(found, Account.CAPTURED) == any_sale.captured
    assert of(found, Account.REFUNDED) == sum(refund.amount for refund in any_sale.refunds)
    shared = sum(of(found, account) for account in (Account.COMMISSION, Account.VENDOR, Account.SHOP))
    assert shared == any_sale.captured - of(found, Account.REFUNDED) - any_sale.disputed
    most = parts(any_sale.lines)
    for (account, whose), amount in found.items():
        if whose is not None:
            assert 0 < amount <= (most[whose].share if account is Account.VENDOR else most[whose].commission)


@given(sales())
def test_all_paid_is_all_shared(any_sale: Sale) -> None:
    """Given any order, once all of it is paid and nothing went back, then each vendor has exactly their part."""
    paid = Sale(any_sale.currency, any_sale.lines, any_sale.total, any_sale.total)
    found = books(paid)
    for vendor, part in parts(any_sale.lines).items():
        assert found.get((Account.VENDOR, vendor), 0) == part.share
        assert found.get((Account.COMMISSION, vendor), 0) == part.commission
    everything = Sale(paid.currency, paid.lines, paid.total, paid.total, (GoneBack(paid.total),))
    assert set(books(everything)) <= {(Account.CAPTURED, None), (Account.REFUNDED, None)}


@given(st.lists(sales(), min_size=1, max_size=6))
def test_the_books_follow_whatever_happens(states: list[Sale]) -> None:
    """Given an order in any states one after the other, then what is appended balances, and again it is nothing."""
    said: dict[Key, int] = {}
    for state in states:
        should = books(state)
        more = difference(should, said)
        assert sum(more.values()) == 0
        said = {key: said.get(key, 0) + more.get(key, 0) for key in (*said, *more)}
        assert {key: amount for key, amount in said.items() if amount} == should
        assert difference(should, said) == {}


@given(sales(), st.lists(st.tuples(st.sampled_from([ANNA, BEN]), st.booleans()), max_size=8))
def test_payouts_leave_every_sum_as_it_was(any_sale: Sale, payouts: list[tuple[UUID, bool]]) -> None:
    """Given payouts of all that is owed, some of which fail, then what was paid and what is owed is the vendor's
    share of what was taken, and the whole still adds up.
    """
    said = books(any_sale)
    before = {vendor: said.get((Account.VENDOR, vendor), 0) for vendor in (ANNA, BEN)}
    for vendor, arrives in payouts:
        owed = said.get((Account.VENDOR, vendor), 0)
        if owed > 0 and arrives:
            said = {**said, (Account.VENDOR, vendor): 0,
                    (Account.PAID, vendor): said.get((Account.PAID, vendor), 0) + owed}  # fmt: skip
    assert sum(said.values()) == 0
    for vendor, had in before.items():
        assert said.get((Account.VENDOR, vendor), 0) + said.get((Account.PAID, vendor), 0) == had
