"""The words of a notification: from its facts alone, whatever they are."""

from typing import Any

import pytest

from models.notification import NEWS, NotificationKind, words
from models.wording.languages import LANGUAGES

NUMBER = "HF-7KQ2M-4XWPD"
TOTAL = {"amount": 2700, "currency": "usd"}


@pytest.mark.parametrize(
    ("kind", "facts", "title", "text"),
    [
        ("order_confirmed", {"total": TOTAL}, "Order confirmed", "Your order {} of $27.00 is confirmed. Thank you!"),
        ("order_confirmed", {}, "Order confirmed", "Your order {} is confirmed. Thank you!"),
        ("order_confirmed", {"total": "27"}, "Order confirmed", "Your order {} is confirmed. Thank you!"),
        ("payment_failed", {"code": "lost_card", "detail": "Stolen!"}, "Payment declined",
         "Your order {} is not paid: the payment was declined. Please pay another way."),
        ("order_cancelled", {"reason": "payment_window_closed"}, "Order cancelled",
         "Your order {} was cancelled: it was not paid in time."),
        ("order_cancelled", {"reason": "cancelled_by_buyer"}, "Order cancelled",
         "Your order {} was cancelled: you called it off."),
        ("order_cancelled", {"reason": "found it cheaper"}, "Order cancelled",
         "Your order {} was cancelled: found it cheaper."),
        ("order_cancelled", {"reason": None}, "Order cancelled", "Your order {} was cancelled."),
        ("order_shipped", {"carrier": "UPS", "tracking": "1Z"}, "Order shipped",
         "Your order {} is on its way with UPS, tracking number 1Z."),
        ("order_shipped", {}, "Order shipped", "Your order {} is on its way."),
        ("order_delivered", {}, "Order delivered", "Your order {} has arrived."),
        ("order_refunded", {"amount": TOTAL, "n": 1}, "Money back", "$27.00 of your order {} went back to you."),
        ("order_refunded", {"amount": TOTAL, "store_credit": True}, "Money back",
         "$27.00 of your order {} went back to you as store credit."),
        ("order_refunded", {"amount": "27"}, "Money back", "Money of your order {} went back to you."),
        ("return_approved", {"n": 1}, "Return approved", "Your order {}: please send back what you want to return."),
        ("return_rejected", {"n": 1, "reason": "worn"}, "Return not possible",
         "Your order {} cannot be returned as you asked: worn."),
        ("return_rejected", {}, "Return not possible", "Your order {} cannot be returned as you asked."),
        ("return_expired", {"n": 1}, "Return ended", "Your order {}: what you wanted to return did not arrive."),
        ("order_repainted", {"colour": "red"}, "Order repainted", "There is news of order {}."),
    ],
)  # fmt: skip
def test_what_is_said(kind: str, facts: dict[str, Any], title: str, text: str) -> None:
    """Given a kind and its facts, also fewer of them or of a newer version, then a person can read it."""
    assert words(kind, NUMBER, facts) == (title, text.format(NUMBER))


@pytest.mark.parametrize(
    ("locale", "title", "text"),
    [
        ("de-AT", "Bestellung bestätigt", "Ihre Bestellung {} über $\xa027,00 ist bestätigt. Vielen Dank!"),
        ("fr", "Commande confirmée", "Votre commande {} de 27,00\xa0$US est confirmée. Merci !"),
        ("am", "ትዕዛዝ ተረጋግጧል", "የUS$27.00 ትዕዛዝዎ {} ተረጋግጧል። እናመሰግናለን!"),
        ("ja", "Order confirmed", "Your order {} of $27.00 is confirmed. Thank you!"),
    ],
)
def test_it_is_said_in_the_reader_s_language(locale: str, title: str, text: str) -> None:
    """Given a reader's language, then words and sums are theirs; one we do not speak reads English."""
    assert words("order_confirmed", NUMBER, {"total": TOTAL}, locale) == (title, text.format(NUMBER))


def test_a_reason_is_said_in_the_reader_s_language() -> None:
    """Given a reason that is a code, then it is words of the reader's language; a person's own stay as they are."""
    said = [words("order_cancelled", NUMBER, {"reason": why}, "de").text for why in ("not_accepted", "zu teuer")]
    assert said == [
        f"Ihre Bestellung {NUMBER} wurde storniert: der Shop kann sie nicht annehmen.",
        f"Ihre Bestellung {NUMBER} wurde storniert: zu teuer.",
    ]


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("kind", NotificationKind)
def test_every_kind_is_said_in_every_language(kind: NotificationKind, locale: str) -> None:
    """Given every kind and language, then there are words, without anything left to fill in."""
    facts = {"total": TOTAL, "amount": TOTAL, "carrier": "UPS", "tracking": "1Z", "reason": "worn"}
    for some in ({}, facts):
        title, text = words(kind, NUMBER, some, locale)
        assert title and NUMBER in text and "%" not in title + text and "None" not in text
        assert locale == "en" or title != words(kind, NUMBER, some).title


def test_an_order_without_a_number_is_just_yours() -> None:
    """Given no number, then the words do without one; and what is unknown then has a title alone."""
    assert words("order_delivered", None, {}).text == "Your order has arrived."
    assert words("gift_arrived", None, {}) == ("Gift arrived", "")


def test_every_kind_has_words_and_a_cause() -> None:
    """Given every kind, then some event brings it about, and it is not told as if it were unknown."""
    assert set(NEWS.values()) == set(NotificationKind)
    for kind in NotificationKind:
        assert "There is news" not in words(kind, NUMBER, {}).text
