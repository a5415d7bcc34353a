"""What goes back: exact to the cent however it is cut, from whom, and what the payment is then."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ids import CreditAccountId, new_id
from models.money import Money
from models.payment import CORRECTIONS, PAYMENT_MOVES, PaymentStatus
from models.refund import REFUND_MOVES, RefundStatus, named_by, share, split, status_after, workflow_id
from tests.models.test_states import reachable

ORDER = UUID("0190a0a0-0000-7000-8000-000000000001")


def usd(amount: int) -> Money:
    """Dollars."""
    return Money(amount, "usd")


def test_every_refund_status_is_reachable_and_ends() -> None:
    """Given an open refund, then every status can come of it, and failed is the only end: banks send back late."""
    assert reachable(REFUND_MOVES, RefundStatus.OPEN) == set(RefundStatus)
    assert {status for status, ends in REFUND_MOVES.items() if not ends} == {RefundStatus.FAILED}


def test_corrections_lead_back_along_the_moves_and_never_further_than_paid() -> None:
    """Given the corrections, then each takes back moves that were made, and no further than to paid."""
    for status, ends in CORRECTIONS.items():
        for end in ends:
            assert status in reachable(PAYMENT_MOVES, end)
            assert end in (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED)


@pytest.mark.parametrize(
    ("left", "units_left", "units", "worth"),
    [(100, 3, 1, 34), (100, 3, 2, 67), (100, 3, 3, 100), (66, 2, 1, 33), (0, 2, 1, 0), (2, 3, 2, 2), (2, 3, 1, 1)],
)
def test_a_share_gives_the_odd_cents_first(left: int, units_left: int, units: int, worth: int) -> None:
    """Given what is left of a position, then units are worth equal parts, and the first ones a cent more."""
    assert share(usd(left), units_left, units) == usd(worth)


@pytest.mark.parametrize(("units_left", "units"), [(1, 2), (0, 0), (3, 0), (0, 1)])
def test_more_units_than_there_are_have_no_worth(units_left: int, units: int) -> None:
    """Given no units, or more than are left, then that is a mistake of ours."""
    with pytest.raises(ValueError, match="units"):
        share(usd(100), units_left, units)


@given(worth=st.integers(0, 10**9), cuts=st.lists(st.integers(1, 7), min_size=1, max_size=30))
def test_however_it_is_cut_a_position_adds_up(worth: int, cuts: list[int]) -> None:
    """Given any position given back in any parts, then they add up to it, and none is negative."""
    units, left, given_back = sum(cuts), usd(worth), []
    for cut in cuts:
        part = share(left, units, cut)
        assert 0 <= part.amount <= left.amount
        given_back.append(part.amount)
        left, units = left - part, units - cut
    assert (sum(given_back), left) == (worth, usd(0))


@given(captured=st.integers(0, 10**9), credit=st.lists(st.integers(0, 10**6), max_size=5), data=st.data())
def test_money_goes_back_to_who_paid_and_no_more(captured: int, credit: list[int], data: st.DataObject) -> None:
    """Given what is left of each payment, then the provider's goes back first, and nobody gets more than they paid."""
    left = {CreditAccountId(new_id()): usd(each) for each in credit}
    amount = data.draw(st.integers(0, captured + sum(credit)))

    parts = split(usd(amount), usd(captured), left)

    assert parts.provider == usd(min(amount, captured))
    assert parts.provider.amount + sum(part.amount for part in parts.credit.values()) == amount
    assert all(0 < part.amount <= left[account].amount for account, part in parts.credit.items())


def test_more_than_is_left_is_not_split() -> None:
    """Given more than all payments together, then that is a mistake of ours."""
    with pytest.raises(ValueError, match="more than is left"):
        split(usd(11), usd(5), {CreditAccountId(new_id()): usd(5)})


@pytest.mark.parametrize(
    ("refunded", "status"), [(0, "paid"), (1, "partially_refunded"), (99, "partially_refunded"), (100, "refunded")]
)
def test_what_a_payment_is_when_so_much_has_gone_back(refunded: int, status: str) -> None:
    """Given 100 paid, then its status follows from what has gone back."""
    assert status_after(100, refunded) == status


def test_the_owner_s_id_names_the_refund() -> None:
    """Given an order and a number, then everybody computes the same id, and reads both from it."""
    assert named_by(workflow_id(ORDER, 12)) == (ORDER, 12)


@pytest.mark.parametrize(
    "name",
    ["", "refund", f"refund/{ORDER}", f"refund/{ORDER}/0", f"refund/{ORDER}/01", f"refund/{ORDER}/1\n",
     f"order/{ORDER}/1", f"refund/{ORDER}/1/1", "refund/0190A0A0-0000-7000-8000-000000000001/1", f"refund/{ORDER}/²",
     f"refund/{ORDER}/9999999999"],
)  # fmt: skip
def test_what_is_no_id_of_ours_names_nothing(name: str) -> None:
    """Given a name from outside that is made otherwise, then it names no refund."""
    assert named_by(name) is None
