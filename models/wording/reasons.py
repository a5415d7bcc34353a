"""Why something happened, in a reader's words: the codes that facts carry, which are written for programs."""

from collections.abc import Mapping

from models.wording.catalogues import later, said

REASONS: Mapping[str, str] = {
    "cancelled_by_buyer": later("you called it off"),
    "payment_window_closed": later("it was not paid in time"),
    "cancelled_at_provider": later("its payment was called off"),
    "cancelled_by_operator": later("the shop had to cancel it"),
    "not_accepted": later("the shop cannot accept it"),
    "not_reviewed_in_time": later("the shop could not check it in time"),
    "requested": later("requested"),
    "received": later("received"),
    "daily_sales": later("Daily sales"),
    "stock_and_reorder": later("Stock and reorder"),
    "payments_reconciliation": later("Payments reconciliation"),
    "attention_digest": later("What waits for people"),
    "orders": later("orders"),
    "net": later("net"),
    "to_reorder": later("to reorder"),
    "sold_out": later("sold out"),
    "levels": later("stock levels"),
    "booked": later("booked"),
    "differ": later("differ"),
    "open_cases": later("open cases"),
    "waiting": later("waiting"),
    "critical": later("critical"),
    "high": later("high"),
    "normal": later("normal"),
    "card_declined": later("the bank said no"),
    "generic_decline": later("the bank said no"),
    "do_not_honor": later("the bank said no"),
    "insufficient_funds": later("there is not enough money on the card"),
    "expired_card": later("the card has expired"),
    "incorrect_cvc": later("the security code is wrong"),
    "incorrect_number": later("the card number is wrong"),
    "lost_card": later("the bank said no"),
    "stolen_card": later("the bank said no"),
    "processing_error": later("the bank could not be reached"),
    "authentication_required": later("the bank wants to hear from you that it is you"),
    "payment_intent_authentication_failure": later("the bank wants to hear from you that it is you"),
}
"""Those that a reader knows; anything else was written by a person, or is shown without its underscores."""


def reason(code: object, locale: str | None) -> str:
    """A code's words; what is none, as it was written."""
    known = REASONS.get(str(code))
    return said(locale, known) if known is not None else str(code).replace("_", " ").strip().rstrip(".")
