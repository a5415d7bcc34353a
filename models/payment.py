"""What a payment is: its status and the moves it permits."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from models.money import Money
from models.payment_method import KeptCard

STRIPE = "stripe"
"""The provider of whoever does not name one."""
CHAPA = "chapa"
PAGE_CLOSED = "page_closed"
"""The code of a payment whose page at the provider is closed; another try opens another."""
AMOUNT_MISMATCH = "amount_mismatch"
"""The code of a payment of which the provider has another sum than was asked for."""


class Terms(msgspec.Struct, frozen=True):
    """What a provider can do, as far as an order has to know."""

    captures_apart: bool = True
    """Money is reserved first and taken later. False: what is paid is taken at once, and can only be sent back."""
    hosted: bool = False
    """The buyer pays on a page of the provider's, and may try again there when it fails."""
    lists: bool = True
    """It tells what it has, page by page. False: it is asked for each of ours, and tells of no others."""
    transfers: bool = False
    """It pays vendors out."""
    currencies: frozenset[str] | None = None
    """Which it takes; None: any."""


def is_page(reference: str | None) -> bool:
    """Whether a reference names a page of Stripe's and not the payment that is made on it."""
    return reference is not None and reference.startswith("cs_")


TERMS: Mapping[str, Terms] = {
    STRIPE: Terms(transfers=True),
    CHAPA: Terms(captures_apart=False, hosted=True, lists=False, currencies=frozenset({"etb", "usd"})),
}
"""Every provider by the name that clients call it."""


def takes(provider: str, currency: str) -> bool:
    """Whether a provider can be asked for money in this currency; what is none takes nothing."""
    terms = TERMS.get(provider)
    return terms is not None and (terms.currencies is None or currency in terms.currencies)


class PaymentStatus(StrEnum):
    """Where the money stands. `paid` means captured, nothing less."""

    PENDING = "pending"
    """No authorization yet: the buyer, their bank or the provider has to act."""
    AUTHORIZED = "authorized"
    """The provider guarantees the money; it has not moved."""
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    """Ended without money: the authorization, if there was one, is given back."""
    FAILED = "failed"
    """The last attempt was declined; another may be made until the payment window closes."""


_P = PaymentStatus

PAYMENT_MOVES: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    _P.PENDING: frozenset({_P.AUTHORIZED, _P.FAILED, _P.VOIDED}),
    _P.FAILED: frozenset({_P.PENDING, _P.AUTHORIZED, _P.VOIDED}),
    _P.AUTHORIZED: frozenset({_P.PAID, _P.PARTIALLY_REFUNDED, _P.VOIDED}),
    _P.PAID: frozenset({_P.PARTIALLY_REFUNDED, _P.REFUNDED}),
    _P.PARTIALLY_REFUNDED: frozenset({_P.REFUNDED}),
    _P.REFUNDED: frozenset(),
    _P.VOIDED: frozenset(),
}
"""From each status, where a payment may go next. An empty set is an end."""

CORRECTIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    _P.REFUNDED: frozenset({_P.PARTIALLY_REFUNDED, _P.PAID}),
    _P.PARTIALLY_REFUNDED: frozenset({_P.PAID}),
}
"""No moves: what was said was not so. A refund came back from the buyer's bank after it had succeeded."""

SETTLED = frozenset({_P.AUTHORIZED, _P.PAID, _P.PARTIALLY_REFUNDED, _P.REFUNDED, _P.VOIDED})
"""Statuses in which news of an authorization tells us nothing that we did not know."""


class Standing(StrEnum):
    """What the provider says of a payment when asked."""

    AUTHORIZED = "authorized"
    """The full amount is reserved on the buyer's card."""
    CAPTURED = "captured"
    DECLINED = "declined"
    """The last attempt failed; the same payment can be tried with another method."""
    ACTION_REQUIRED = "action_required"
    """The buyer has to confirm with their bank (3-D Secure)."""
    METHOD_REQUIRED = "method_required"
    """Nobody has tried to pay yet."""
    PROCESSING = "processing"
    CANCELED = "canceled"
    UNKNOWN = "unknown"
    """The provider did not answer in time: it may or may not have happened."""


class ProviderPayment(msgspec.Struct, frozen=True):
    """A payment as the provider sees it."""

    standing: Standing
    reference: str | None = None
    """The provider's id of the payment intent, or of the page on which nobody has paid yet."""
    client_secret: str | None = None
    redirect_url: str | None = None
    code: str | None = None
    """The provider's decline code."""
    detail: str | None = None
    """The provider's words for the buyer."""
    kept: KeptCard | None = None
    """The card that paid, when its owner wanted it kept and the provider keeps it."""
    taken: Money | None = None
    """How much was captured; None: nothing, or it is not said."""


class Returned(msgspec.Struct, frozen=True):
    """Money that came too late, and went back."""

    reference: str
    """The provider's id of what was paid."""
    amount: Money
