"""The words of a notification: from its facts alone, whatever they are."""

from typing import Any

import pytest

from models.notification import NEWS, NotificationKind, words

NUMBER = "HF-7KQ2M-4XWPD"
TOTAL = {"amount": 2700, "currency": "usd"}


@pytest.mark.parametrize(
    ("kind", "facts", "title", "text"),
    [
        ("order_confirmed", {"total": TOTAL}, "Order confirmed", "Your order {} of 27.00 USD is confirmed. Thank you!"),
        ("order_confirmed", {}, "Order confirmed", "Your order {} is confirmed. Thank you!"),
        ("order_confirmed", {"total": "27"}, "Order confirmed", "Your order {} is confirmed. Thank you!"),
        ("payment_failed", {"code": "lost_card", "detail": "Stolen!"}, "Payment declined",
         "Your order {} is not paid: the payment was declined. Please pay another way."),
        ("order_cancelled", {"reason": "payment_window_closed"}, "Order cancelled",
         "Your order {} was cancelled. It was not paid in time."),
        ("order_cancelled", {"reason": "cancelled_by_buyer"}, "Order cancelled",
         "Your order {} was cancelled. You called it off."),
        ("order_cancelled", {"reason": "found it cheaper"}, "Order cancelled",
         "Your order {} was cancelled. Reason: found it cheaper"),
        ("order_cancelled", {"reason": None}, "Order cancelled", "Your order {} was cancelled."),
        ("order_shipped", {"carrier": "UPS", "tracking": "1Z"}, "Order shipped",
         "Your order {} is on its way with UPS, tracking number 1Z."),
        ("order_shipped", {}, "Order shipped", "Your order {} is on its way."),
        ("order_delivered", {}, "Order delivered", "Your order {} has arrived."),
        ("order_refunded", {"amount": TOTAL, "n": 1}, "Money back", "27.00 USD of your order {} went back to you."),
        ("order_refunded", {"amount": TOTAL, "store_credit": True}, "Money back",
         "27.00 USD of your order {} went back to you as store credit."),
        ("order_refunded", {"amount": "27"}, "Money back", "Money of your order {} went back to you."),
        ("return_approved", {"n": 1}, "Return approved", "Your order {}: please send back what you want to return."),
        ("return_rejected", {"n": 1, "reason": "worn"}, "Return not possible",
         "Your order {} cannot be returned as you asked. Reason: worn"),
        ("return_rejected", {}, "Return not possible", "Your order {} cannot be returned as you asked."),
        ("return_expired", {"n": 1}, "Return ended", "Your order {}: what you wanted to return did not arrive."),
        ("order_repainted", {"colour": "red"}, "Order repainted", "There is news of order {}."),
    ],
)  # fmt: skip
def test_what_is_said(kind: str, facts: dict[str, Any], title: str, text: str) -> None:
    """Given a kind and its facts, also fewer of them or of a newer version, then a person can read it."""
    assert words(kind, NUMBER, facts) == (title, text.format(NUMBER))


def test_an_order_without_a_number_is_just_yours() -> None:
    """Given no number, then the words do without one; and what is unknown then has a title alone."""
    assert words("order_delivered", None, {}).text == "Your order has arrived."
    assert words("gift_arrived", None, {}) == ("Gift arrived", "")


def test_every_kind_has_words_and_a_cause() -> None:
    """Given every kind, then some event brings it about, and it is not told as if it were unknown."""
    assert set(NEWS.values()) == set(NotificationKind)
    for kind in NotificationKind:
        assert "There is news" not in words(kind, NUMBER, {}).text
