"""Stripe's published test cards: their numbers, tokens, and what each of them does when charged."""

from dataclasses import dataclass

from dev.stripe.errors import Obj

# decline_code → (error code, the message a cardholder reads)
DECLINES = {
    "generic_decline": ("card_declined", "Your card was declined."),
    "insufficient_funds": ("card_declined", "Your card has insufficient funds."),
    "lost_card": ("card_declined", "Your card was declined."),
    "stolen_card": ("card_declined", "Your card was declined."),
    "fraudulent": ("card_declined", "Your card was declined."),
    "card_velocity_exceeded": (
        "card_declined",
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    ),
    "expired_card": ("expired_card", "Your card has expired."),
    "incorrect_cvc": ("incorrect_cvc", "Your card's security code is incorrect."),
    "processing_error": (
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    "authentication_required": (
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
    ),
}
TRY_AGAIN = frozenset({"generic_decline", "insufficient_funds", "processing_error", "card_velocity_exceeded"})
# These carry no decline_code of their own on Stripe: the error code says it all.
CODE_ONLY = frozenset({"expired_card", "incorrect_cvc", "processing_error"})


@dataclass(frozen=True)
class TestCard:
    """One test card and its behaviour.

    `authentication`: always · unless_set_up (off-session is free once set up) · optional (only when asked for).
    """

    __test__ = False

    token: str
    number: str
    brand: str = "visa"
    decline: str | None = None
    authentication: str | None = None
    attachable: bool = True
    set_up: bool = False
    dispute: str | None = None
    refund: str = "succeeded"
    funding: str = "credit"
    country: str = "US"


def declining(token: str, number: str, decline: str) -> TestCard:
    return TestCard(token, number, decline=decline, attachable=False)


CARDS = (
    TestCard("visa", "4242424242424242"),
    TestCard("visa_debit", "4000056655665556", funding="debit"),
    TestCard("mastercard", "5555555555554444", "mastercard"),
    TestCard("mastercard_debit", "5200828282828210", "mastercard", funding="debit"),
    TestCard("mastercard_prepaid", "5105105105105100", "mastercard", funding="prepaid"),
    TestCard("amex", "378282246310005", "amex"),
    TestCard("discover", "6011111111111117", "discover"),
    TestCard("diners", "3056930009020004", "diners"),
    TestCard("jcb", "3566002020360505", "jcb", country="JP"),
    TestCard("unionpay", "6200000000000005", "unionpay", country="CN"),
    TestCard("us", "4242424242424242"),
    TestCard("gb", "4000008260000000", country="GB"),
    TestCard("de", "4000002760000016", country="DE"),
    TestCard("fr", "4000002500000003", country="FR"),
    TestCard("jp", "4000003920000003", country="JP"),
    TestCard("bypassPending", "4000000000000077"),
    declining("chargeDeclined", "4000000000000002", "generic_decline"),
    declining("chargeDeclinedInsufficientFunds", "4000000000009995", "insufficient_funds"),
    declining("visa_chargeDeclined", "4000000000000002", "generic_decline"),
    declining("visa_chargeDeclinedInsufficientFunds", "4000000000009995", "insufficient_funds"),
    declining("visa_chargeDeclinedLostCard", "4000000000009987", "lost_card"),
    declining("visa_chargeDeclinedStolenCard", "4000000000009979", "stolen_card"),
    declining("chargeDeclinedLostCard", "4000000000009987", "lost_card"),
    declining("chargeDeclinedStolenCard", "4000000000009979", "stolen_card"),
    declining("chargeDeclinedExpiredCard", "4000000000000069", "expired_card"),
    declining("chargeDeclinedIncorrectCvc", "4000000000000127", "incorrect_cvc"),
    declining("chargeDeclinedProcessingError", "4000000000000119", "processing_error"),
    declining("visa_chargeDeclinedVelocityLimitExceeded", "4000000000006975", "card_velocity_exceeded"),
    declining("radarBlock", "4100000000000019", "fraudulent"),
    declining("chargeDeclinedFraudulent", "4100000000000019", "fraudulent"),
    TestCard("chargeCustomerFail", "4000000000000341", decline="generic_decline"),
    TestCard("authenticationRequired", "4000002760003184", authentication="always", country="DE"),
    TestCard("authenticationRequiredOnSetup", "4000002500003155", authentication="unless_set_up", country="FR"),
    TestCard(
        "authenticationRequiredSetupForOffSession",
        "4000003800000446",
        authentication="unless_set_up",
        set_up=True,
        country="IT",
    ),
    TestCard(
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        "4000008260003178",
        authentication="always",
        decline="insufficient_funds",
        country="GB",
    ),
    TestCard("threeDSecure2Required", "4000000000003220", authentication="always"),
    TestCard(
        "threeDSecureRequiredChargeDeclined", "4000008400001629", authentication="always", decline="generic_decline"
    ),
    TestCard(
        "threeDSecureRequiredProcessingError", "4000008400001280", authentication="always", decline="processing_error"
    ),
    TestCard("threeDSecureOptional", "4000000000003055", authentication="optional"),
    TestCard("createDispute", "4000000000000259", dispute="fraudulent"),
    TestCard("createDisputeProductNotReceived", "4000000000002685", dispute="product_not_received"),
    TestCard("createDisputeInquiry", "4000000000001976", dispute="general"),
    TestCard("refundFail", "4000000000005126"),
    TestCard("pendingRefund", "4000000000007726", refund="pending"),
)
BY_TOKEN = {f"{kind}_{card.token}": card for card in CARDS for kind in ("pm_card", "tok")}
BY_NUMBER = {card.number: card for card in reversed(CARDS)}


def luhn_valid(number: str) -> bool:
    """Whether the number's check digit is right."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(digit * 2, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def card_facts(card: TestCard, exp_month: int, exp_year: int) -> Obj:
    """The `card` part of a payment method."""
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "unchecked"},
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": exp_month,
        "exp_year": exp_year,
        "fingerprint": f"sim{card.number[-13:]}",
        "funding": card.funding,
        "generated_from": None,
        "last4": card.number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": card.brand != "unionpay"},
        "wallet": None,
    }


def needs_authentication(card: TestCard, *, set_up: bool, off_session: bool, requested: str) -> bool:
    """Whether the buyer must pass 3-D Secure before this card is charged."""
    if card.authentication == "unless_set_up":
        return not (off_session and set_up)
    if card.authentication == "optional":
        return requested in ("any", "challenge")
    return card.authentication == "always"


def decline_error(decline: str) -> Obj:
    """The card_error facts of a decline, as in `last_payment_error`."""
    code, message = DECLINES[decline]
    error: Obj = {
        "advice_code": "try_again_later" if decline in TRY_AGAIN else "do_not_try_again",
        "code": code,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": message,
        "type": "card_error",
    }
    if decline not in CODE_ONLY:
        error["decline_code"] = decline
    return error
