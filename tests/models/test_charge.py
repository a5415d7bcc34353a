"""Charges: which id each has, how they end, and what each payment gives of a refund."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.charge import CHARGE_MOVES, ChargeStatus, Source, charge_id, draw
from models.ids import PaymentId
from models.money import Money
from tests.models.test_states import reachable

PAYMENT = PaymentId(UUID("0190a0a0-0000-7000-8000-000000000001"))


def source(n: int, left: int) -> Source:
    """The n-th payment at the provider, with so much left."""
    return Source(charge_id(PAYMENT, n) if n > 1 else None, f"pi_{n}", Money(left, "usd"))


def test_every_status_is_reachable_and_ends() -> None:
    """Given a charge that is reserved, then it is taken or let go, and that is its end."""
    assert reachable(CHARGE_MOVES, ChargeStatus.AUTHORIZED) == set(ChargeStatus)
    assert {status for status, ends in CHARGE_MOVES.items() if not ends} == {
        ChargeStatus.CAPTURED, ChargeStatus.VOIDED,
    }  # fmt: skip


def test_an_id_is_known_before_there_is_a_row() -> None:
    """Given a payment and a number, then the id is the same whoever asks, and no other charge has it."""
    assert charge_id(PAYMENT, 2) == charge_id(PAYMENT, 2)
    assert len({charge_id(PAYMENT, n) for n in range(2, 200)}) == 198
    assert charge_id(PaymentId(UUID(int=7)), 2) != charge_id(PAYMENT, 2)


def test_the_first_payment_gives_first() -> None:
    """Given 10.00 of which the first has 6.00, then it gives them all, and the second the rest."""
    first, second, third = source(1, 600), source(2, 500), source(3, 100)
    assert draw(Money(1000, "usd"), [first, second, third]) == [
        (first, Money(600, "usd")), (second, Money(400, "usd")),
    ]  # fmt: skip
    assert draw(Money(600, "usd"), [source(1, 0), second, third]) == [
        (second, Money(500, "usd")), (third, Money(100, "usd")),
    ]  # fmt: skip


@given(left=st.lists(st.integers(0, 10**6), min_size=1, max_size=6), share=st.floats(0, 1))
def test_parts_add_up_and_none_gives_more_than_it_has(left: list[int], share: float) -> None:
    """Given any payments and any amount up to what they have, then the parts are that amount, to the cent."""
    sources = [source(n, each) for n, each in enumerate(left, 1)]
    amount = int(sum(left) * share)
    drawn = draw(Money(amount, "usd"), sources)
    assert sum(part.amount for _, part in drawn) == amount
    assert all(0 < part.amount <= each.left.amount for each, part in drawn)


def test_more_than_they_have_is_a_mistake_of_ours() -> None:
    """Given more than is left, then nothing is shared out."""
    with pytest.raises(ValueError, match="more than is left"):
        draw(Money(7, "usd"), [source(1, 3), source(2, 3)])
