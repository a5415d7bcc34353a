"""Bearer tokens and order numbers: they open what they were issued for, and nothing that anybody makes up."""

import re
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import tokens
from models.ids import CartId, CreditAccountId, OrderNumber

KEY, OTHER_KEY = b"k" * 32, b"x" * 32
CART = CartId(UUID("0190a0a0-0000-7000-8000-000000000001"))
NUMBER = OrderNumber("HF-ABCDE-FGHJK")
GARBAGE = [
    "", " ", "a", "=", "====", "null", "Bearer", "\x00", "\x00" * 43, "ünïcødé", "🛒" * 11, "\ud800", "a" * 10_000,
    "../../etc/passwd", "%00", "\n", tokens.cart_token(KEY, CART) + "\n", " " + tokens.cart_token(KEY, CART),
]  # fmt: skip


@given(st.uuids())
def test_a_cart_token_opens_its_cart(cart: UUID) -> None:
    """Given any cart, then its token names it again, and is safe in a header and a URL."""
    token = tokens.cart_token(KEY, CartId(cart))
    assert tokens.read_cart_token(KEY, token) == cart
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)


def test_an_order_token_opens_its_order_alone() -> None:
    """Given an order's token, then it opens that order and no other."""
    token = tokens.order_token(KEY, NUMBER)
    assert tokens.opens_order(KEY, NUMBER, token) is True
    assert tokens.opens_order(KEY, OrderNumber("HF-ABCDE-FGHJL"), token) is False


def test_tokens_of_another_key_open_nothing() -> None:
    """Given tokens signed with another key, then they open nothing here."""
    assert tokens.read_cart_token(KEY, tokens.cart_token(OTHER_KEY, CART)) is None
    assert tokens.opens_order(KEY, NUMBER, tokens.order_token(OTHER_KEY, NUMBER)) is False


@pytest.mark.parametrize("place", range(43))
def test_a_changed_letter_is_noticed(place: int) -> None:
    """Given a cart token with one letter changed, then it never opens another cart."""
    token = tokens.cart_token(KEY, CART)
    for letter in "AZaz09-_":
        forged = token[:place] + letter + token[place + 1 :]
        assert tokens.read_cart_token(KEY, forged) in (None, CART)
        if place < 42 and letter != token[place]:  # the last letter carries two bits that mean nothing
            assert tokens.read_cart_token(KEY, forged) is None


@pytest.mark.parametrize("length", range(43))
def test_a_truncated_token_opens_nothing(length: int) -> None:
    """Given the beginning of a token, then it opens nothing."""
    assert tokens.read_cart_token(KEY, tokens.cart_token(KEY, CART)[:length]) is None
    assert tokens.opens_order(KEY, NUMBER, tokens.order_token(KEY, NUMBER)[: length % 22]) is False


def test_a_token_of_the_wrong_kind_opens_nothing() -> None:
    """Given a cart's token for an order and the other way round, then neither opens anything."""
    assert tokens.opens_order(KEY, NUMBER, tokens.cart_token(KEY, CART)) is False
    assert tokens.read_cart_token(KEY, tokens.order_token(KEY, NUMBER)) is None
    same_bytes = OrderNumber(CART.bytes.decode("latin-1"))
    assert tokens.order_token(KEY, same_bytes) not in tokens.cart_token(KEY, CART)


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_opens_nothing_and_breaks_nothing(garbage: str) -> None:
    """Given text that was never a token, then it is simply not one."""
    assert tokens.read_cart_token(KEY, garbage) is None
    assert tokens.opens_order(KEY, NUMBER, garbage) is False


@given(st.text(max_size=60))
def test_made_up_tokens_open_nothing(text: str) -> None:
    """Given any text at all, then it opens neither a cart nor an order."""
    assert tokens.read_cart_token(KEY, text) is None
    assert tokens.opens_order(KEY, NUMBER, text) is False


def test_an_order_number_follows_from_workflow_and_key() -> None:
    """Given one workflow id, then everybody computes the same number; another key or id gives another."""
    number = tokens.order_number(KEY, "order/a/1")
    assert tokens.order_number(KEY, "order/a/1") == number
    assert len({number, tokens.order_number(KEY, "order/a/2"), tokens.order_number(OTHER_KEY, "order/a/1")}) == 3


def test_order_numbers_can_be_read_aloud_and_not_be_guessed() -> None:
    """Given 5,000 workflows, then their numbers have one form, no look-alike letters, all differ, use every bit."""
    numbers = [tokens.order_number(KEY, f"order/{uuid4()}/1") for _ in range(5000)]
    assert all(re.fullmatch(r"HF-[2-9A-HJ-NP-Z]{5}-[2-9A-HJ-NP-Z]{5}", number) for number in numbers)
    assert len(set(numbers)) == 5000
    for place in (*range(3, 8), *range(9, 14)):
        assert len({number[place] for number in numbers}) == 32


@given(st.uuids())
def test_a_gift_card_s_code_is_found_however_it_is_written(card: UUID) -> None:
    """Given a card, then its code can be read aloud, and capitals, dashes and blanks do not matter."""
    code = tokens.gift_card_code(KEY, CreditAccountId(card))
    assert re.fullmatch(r"([2-9A-HJ-NP-Z]{4}-){3}[2-9A-HJ-NP-Z]{4}", code)
    kept = tokens.gift_card_key(KEY, code)
    for spelling in (code.lower(), code.replace("-", ""), code.replace("-", " "), f" {code} "):
        assert tokens.gift_card_key(KEY, spelling) == kept


def test_a_gift_card_s_code_follows_from_the_key_and_is_not_kept() -> None:
    """Given another key, then another code, and another hash of the same code; the hash does not hold the code."""
    card = CreditAccountId(CART)
    code = tokens.gift_card_code(KEY, card)
    assert tokens.gift_card_code(OTHER_KEY, card) != code
    assert tokens.gift_card_key(OTHER_KEY, code) != tokens.gift_card_key(KEY, code)
    assert code.replace("-", "").lower() not in tokens.gift_card_key(KEY, code)
