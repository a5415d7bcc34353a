"""What each parcel takes: never more than what was sent is worth, and all of it with the last one, to the cent."""

from hypothesis import given
from hypothesis import strategies as st

from models.capture import Goods, due_by, to_take
from models.credit import least_charge
from models.money import Money


def usd(amount: int) -> Money:
    """Dollars."""
    return Money(amount, "usd")


POSITIONS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 9)), min_size=1, max_size=6)


@given(positions=POSITIONS, shipping=st.integers(0, 5000), share=st.floats(0, 1), data=st.data())
def test_parcels_add_up_to_what_is_due(
    positions: list[tuple[int, int]], shipping: int, share: float, data: st.DataObject
) -> None:
    """Given any order sent in any parcels, then what is due never falls, and at the end is its total less credit."""
    total = usd(sum(worth for worth, _ in positions) + shipping)
    credit = usd(int(total.amount * share))
    sent, before = [0] * len(positions), 0
    units = data.draw(
        st.permutations([place for place, (_, quantity) in enumerate(positions) for _ in range(quantity)])
    )
    assert due_by([Goods(usd(w), q, 0) for w, q in positions], total, credit) == usd(0)
    for place in units:
        sent[place] += 1
        goods = [Goods(usd(w), q, n) for (w, q), n in zip(positions, sent, strict=True)]
        due = due_by(goods, total, credit).amount
        worth = sum(w * n // q + n for (w, q), n in zip(positions, sent, strict=True))
        assert before <= due <= max(shipping + worth - credit.amount, 0)
        before = due
    assert before == total.amount - credit.amount


def test_shipping_comes_with_the_first_unit() -> None:
    """Given three mugs for 10.00 and 5.00 of shipping, then 8.34, 3.33 and 3.33 are due, one by one."""
    due = [due_by([Goods(usd(1000), 3, n)], usd(1500), usd(0)).amount for n in range(4)]
    assert due == [0, 834, 1167, 1500]


def test_credit_pays_first() -> None:
    """Given 9.00 of credit, then the first mug of 8.34 takes nothing of the card."""
    due = [due_by([Goods(usd(1000), 3, n)], usd(1500), usd(900)).amount for n in range(4)]
    assert due == [0, 0, 267, 600]


@given(left=st.integers(50, 10**6), share=st.floats(0, 1), currency=st.sampled_from(["usd", "huf", "jpy", "kwd"]))
def test_a_card_can_always_be_asked_for_it_and_for_the_rest(left: int, share: float, currency: str) -> None:
    """Given anything that a card was good for, then no part of it is less than a card can be asked for."""
    least = least_charge(currency).amount
    step = 10 if currency == "kwd" else 1
    whole = Money(max(left // step * step, least), currency)
    missing = Money(max(int(whole.amount * share), 1), currency)
    amount = to_take(missing, whole)
    rest = whole - amount
    assert missing <= amount <= whole
    assert amount.amount >= least and (rest.amount == 0 or rest.amount >= least)
    assert amount.amount % step == rest.amount % step == 0


def test_what_is_taken_besides_is_the_least_that_can_be() -> None:
    """Given dollars, then 16.00 stay 16.00, 0.20 become 0.50, and a rest of 0.20 is taken too."""
    taken = [to_take(usd(amount), usd(2700)).amount for amount in (1600, 20, 2680, 2650, 2700)]
    assert taken == [1600, 50, 2700, 2650, 2700]
    assert to_take(Money(1234, "kwd"), Money(5000, "kwd")) == Money(1240, "kwd")
