"""Codes and tokens of a password reset: they follow from its id and the key, and nobody makes them up."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import reset
from models.ids import ResetId

KEY, OTHER_KEY = b"k" * 32, b"x" * 32
ONE = ResetId(UUID("0190a0a0-0000-7000-8000-000000000001"))


@given(st.uuids())
def test_a_code_is_six_digits_and_always_the_same(identity: UUID) -> None:
    """Given any reset, then its code is six digits, the same at each look, and is recognized."""
    code = reset.code(KEY, ResetId(identity))
    assert re.fullmatch(r"[0-9]{6}", code)
    assert code == reset.code(KEY, ResetId(identity))
    assert reset.is_code(KEY, ResetId(identity), code)


def test_codes_are_spread_over_all_numbers() -> None:
    """Given 20,000 resets, then hardly two share a code, and each first digit comes about as often."""
    codes = [reset.code(KEY, ResetId(UUID(int=number))) for number in range(20_000)]
    assert len(set(codes)) > 19_600
    assert all(1_800 < sum(code[0] == digit for code in codes) < 2_200 for digit in "0123456789")


@pytest.mark.parametrize("given_code", ["", "00000", "0000000", "abcdef", "é", "😀", "\x00" * 6])
def test_what_is_no_code_opens_nothing(given_code: str) -> None:
    """Given something else than the six digits, or those of another key, then it is not the code."""
    assert not reset.is_code(KEY, ONE, given_code)
    assert not reset.is_code(KEY, ONE, reset.code(OTHER_KEY, ONE))


def test_an_address_has_one_key_however_it_is_cased() -> None:
    """Given an address in two spellings, then one key stands for both, and another without our secret."""
    key = reset.email_key(KEY, "Ada@Example.com")
    assert key == reset.email_key(KEY, "ada@example.COM")
    assert re.fullmatch(r"[0-9a-f]{64}", key)
    assert key not in {reset.email_key(KEY, "bob@example.com"), reset.email_key(OTHER_KEY, "ada@example.com")}


@given(st.uuids())
def test_a_token_names_its_reset(identity: UUID) -> None:
    """Given any reset, then its token names it again."""
    token = reset.token(KEY, ResetId(identity))
    assert reset.read_token(KEY, token) == identity
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)


GOOD = reset.token(KEY, ONE)


@pytest.mark.parametrize(
    "forged",
    ["", "=", "null", "\x00" * 43, "ünïcødé", "🛒" * 11, "\ud800", "a" * 10_000, GOOD + "=", GOOD + "\n", " " + GOOD,
     GOOD[:-1], reset.token(OTHER_KEY, ONE), *(GOOD[:place] + "-" + GOOD[place + 1 :] for place in range(43))],
)  # fmt: skip
def test_a_token_that_is_not_ours_names_nothing(forged: str) -> None:
    """Given a token of another key, cut, padded, or with one letter changed, then there is no reset to it."""
    assert reset.read_token(KEY, forged) is None or forged == GOOD


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading(text: str) -> None:
    """Given any text at all, then it is read without an error, and names nothing."""
    assert reset.read_token(KEY, text) is None
