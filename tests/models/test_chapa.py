"""How we name Chapa's pages, and how it writes money and signs."""

import hashlib
import hmac
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from models import chapa
from models.ids import PaymentId
from models.money import LARGEST, Money
from models.payment import takes

SOME = UUID(int=7)
BODY, SECRET = b'{"event":"charge.success"}', "secret"


@given(some.uuids(), some.integers(1, 9999))
def test_a_reference_names_its_payment_and_page(payment: PaymentId, n: int) -> None:
    """Given a payment and a page, then its reference is one that Chapa takes, and leads back to both."""
    reference = chapa.reference(payment, n)
    assert chapa.named_by(reference) == (payment, n)
    assert len(reference) <= 50


@pytest.mark.parametrize("name", ["", "HF-12345-ABCDE", f"{SOME.hex}-0", f"{SOME}-1", f"{SOME.hex}-1\n"])
def test_others_names_lead_nowhere(name: str) -> None:
    """Given a name that is none of ours, then it names no payment."""
    assert chapa.named_by(name) is None


@given(some.integers(0, LARGEST), some.sampled_from(["etb", "usd", "jpy", "kwd"]))
def test_an_amount_is_read_as_it_was_written(amount: int, currency: str) -> None:
    """Given any amount, then what we write is read as the same."""
    money = Money(amount, currency)
    assert chapa.read(chapa.written(money), currency.upper()) == money


@pytest.mark.parametrize(
    ("said", "currency"),
    [("1.234", "ETB"), ("-1", "ETB"), ("NaN", "ETB"), ("Infinity", "ETB"), ("abc", "ETB"), ("1", "XXX"),
     ("1e99", "ETB")],
)  # fmt: skip
def test_what_is_no_amount_is_not_believed(said: str, currency: str) -> None:
    """Given what is no amount of a currency, then it is none."""
    assert chapa.read(said, currency) is None


def test_numbers_and_text_are_the_same_amount() -> None:
    """Given 120.5 in any of the ways that JSON has, then it is 120.50 birr."""
    assert {chapa.read(each, "ETB") for each in ("120.5", "120.50", "1205e-1")} == {Money(12050, "etb")}
    assert chapa.written(Money(5, "etb")) == "0.05"


def test_only_a_signature_over_the_body_counts() -> None:
    """Given the signature over the secret alone, which is the same for every body, then it proves nothing."""
    good = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    assert chapa.is_signed(BODY, good, SECRET)
    static = hmac.new(SECRET.encode(), SECRET.encode(), hashlib.sha256).hexdigest()
    for forged in (static, "", good[:-1], good.upper(), "é"):
        assert not chapa.is_signed(BODY, forged, SECRET)
    assert not chapa.is_signed(BODY + b" ", good, SECRET)


@pytest.mark.parametrize(
    ("provider", "currency", "known"),
    [("chapa", "etb", True), ("chapa", "usd", True), ("chapa", "eur", False), ("stripe", "etb", True),
     ("credit", "etb", False), ("paypal", "usd", False)],
)  # fmt: skip
def test_who_can_be_asked_for_what(provider: str, currency: str, known: bool) -> None:
    """Given a provider and a currency, then birr and dollars are Chapa's, and who is no provider takes nothing."""
    assert takes(provider, currency) is known
