"""Money: no fractions, no mixed currencies, and no unit lost or made when it is shared out."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import EXPONENTS, LARGEST, Money, share_out, total

AMOUNTS = st.integers(-(10**9), 10**9)
WEIGHTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=12)


@pytest.mark.parametrize("amount", [1.0, 0.1, Decimal("1"), True, "1", None])
def test_an_amount_is_a_whole_number_of_minor_units(amount: Any) -> None:
    """Given anything but an int, even a float without a fraction or a bool, then it is no amount."""
    with pytest.raises(TypeError, match="minor units"):
        Money(amount, "usd")


@pytest.mark.parametrize("currency", ["USD", "us", "usdd", "xxx", "", "€"])
def test_a_currency_is_a_known_code_in_lower_case(currency: str) -> None:
    """Given a word that is no currency of ours, then it is refused and named."""
    with pytest.raises(ValueError, match="unknown currency"):
        Money(1, currency)


def test_amounts_have_a_limit_far_below_the_column_s() -> None:
    """Given the largest amount, then it is taken, and one unit more in either direction is not."""
    assert Money(LARGEST, "usd").amount == -Money(-LARGEST, "usd").amount == 10**15 < 2**63
    for amount in (LARGEST + 1, -LARGEST - 1):
        with pytest.raises(ValueError, match="must lie within"):
            Money(amount, "usd")


def test_currencies_do_not_mix() -> None:
    """Given dollars and euros, then no sum, difference or comparison is made of them."""
    dollar, euro = Money(1, "usd"), Money(1, "eur")
    for mix in (
        lambda: dollar + euro, lambda: dollar - euro, lambda: dollar < euro, lambda: dollar <= euro,
        lambda: dollar > euro, lambda: total([dollar, euro], "usd"), lambda: total([euro], "usd"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="cannot mix"):
            mix()
    assert dollar != euro


def test_money_is_multiplied_by_whole_numbers_only() -> None:
    """Given 19.99, then three of it are 59.97, and one and a half of it is refused."""
    half: Any = 1.5
    assert Money(1999, "usd") * 3 == Money(5997, "usd")
    with pytest.raises(TypeError, match="whole numbers"):
        Money(1999, "usd") * half


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(1999, "usd"), "19.99 USD"), (Money(5, "usd"), "0.05 USD"), (Money(-5, "usd"), "-0.05 USD"),
        (Money(123456789, "eur"), "1,234,567.89 EUR"), (Money(500, "jpy"), "500 JPY"), (Money(0, "jpy"), "0 JPY"),
        (Money(1500, "kwd"), "1.500 KWD"), (Money(-1, "bhd"), "-0.001 BHD"),
    ],
)  # fmt: skip
def test_money_reads_as_people_write_it(money: Money, text: str) -> None:
    """Given amounts in currencies with two, no and three decimals, then each is printed with its own."""
    assert str(money) == text


def test_exponents_are_those_of_iso_4217() -> None:
    """Given the table, then yen have no decimals, dinars three, all others two, and every code has three letters."""
    assert {code for code, digits in EXPONENTS.items() if digits == 0} >= {"jpy", "krw", "vnd", "clp", "isk"}
    assert {code for code, digits in EXPONENTS.items() if digits == 3} == {
        "bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd",
    }  # fmt: skip
    assert (EXPONENTS["usd"], EXPONENTS["eur"], EXPONENTS["gbp"]) == (2, 2, 2)
    assert all(len(code) == 3 and code.isalpha() and code.islower() for code in EXPONENTS)


def test_money_has_one_shape_in_json() -> None:
    """Given money, then its JSON is amount and currency, and JSON with a fraction or a bad code is refused."""
    assert msgspec.json.encode(Money(1999, "usd")) == b'{"amount":1999,"currency":"usd"}'
    for body in (b'{"amount":19.99,"currency":"usd"}', b'{"amount":"1","currency":"usd"}', b'{"amount":1}',
                 b'{"amount":1,"currency":"USD"}', b'{"amount":1000000000000001,"currency":"usd"}'):  # fmt: skip
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(body, type=Money)


@given(st.lists(AMOUNTS, max_size=20))
def test_a_total_is_the_sum(amounts: list[int]) -> None:
    """Given any amounts, also none, then their total is their sum in the named currency."""
    assert total([Money(amount, "eur") for amount in amounts], "eur") == Money(sum(amounts), "eur")


@given(AMOUNTS, WEIGHTS)
def test_parts_add_up_exactly(amount: int, weights: list[int]) -> None:
    """Given any amount and weights, then the parts add up to it, and none has another sign."""
    parts = share_out(Money(amount, "usd"), weights)
    assert sum(part.amount for part in parts) == amount
    assert len(parts) == len(weights)
    assert all(part.amount * amount >= 0 for part in parts)


@given(AMOUNTS, WEIGHTS)
def test_no_part_is_a_whole_unit_away_from_its_fair_share(amount: int, weights: list[int]) -> None:
    """Given weights that are not all 0, then each part differs from its exact share by less than one unit."""
    whole = sum(weights)
    if whole:
        for part, weight in zip(share_out(Money(amount, "usd"), weights), weights, strict=True):
            assert abs(part.amount * whole - amount * weight) < whole


@given(AMOUNTS, WEIGHTS)
def test_the_largest_remainders_get_the_odd_units(amount: int, weights: list[int]) -> None:
    """Given a remainder, then whoever got an odd unit had at least the remainder of everybody who did not."""
    whole = sum(weights)
    if whole:
        exact = [divmod(abs(amount) * weight, whole) for weight in weights]
        parts = [abs(part.amount) for part in share_out(Money(amount, "usd"), weights)]
        lucky = [rest for part, (quotient, rest) in zip(parts, exact, strict=True) if part == quotient + 1]
        others = [rest for part, (quotient, rest) in zip(parts, exact, strict=True) if part == quotient]
        assert len(lucky) + len(others) == len(weights)
        assert min(lucky, default=whole) >= max(others, default=0)


def test_ties_go_to_the_earlier_part() -> None:
    """Given 1.00 in three equal parts, then the first has the odd cent; 0.02 in three: the first two have one each."""
    assert [part.amount for part in share_out(Money(100, "usd"), [1, 1, 1])] == [34, 33, 33]
    assert [part.amount for part in share_out(Money(2, "usd"), [5, 5, 5])] == [1, 1, 0]
    assert [part.amount for part in share_out(Money(-100, "usd"), [1, 1, 1])] == [-34, -33, -33]


def test_weights_of_zero() -> None:
    """Given weights that are all 0, then the first part takes everything; one that is 0 among others gets nothing."""
    assert [part.amount for part in share_out(Money(7, "usd"), [0, 0])] == [7, 0]
    assert [part.amount for part in share_out(Money(7, "usd"), [0, 3, 0])] == [0, 7, 0]


@pytest.mark.parametrize("weights", [[], [1, -1], [-1]])
def test_senseless_weights_are_refused(weights: list[int]) -> None:
    """Given no weights or a negative one, then nothing is shared out."""
    with pytest.raises(ValueError, match="weights"):
        share_out(Money(1, "usd"), weights)
