"""What API and worker agree on about Chapa: how our references are made, and how it writes money and signs."""

import hashlib
import hmac
import re
from decimal import Decimal, InvalidOperation
from uuid import UUID

from models.ids import PaymentId
from models.money import EXPONENTS, Money

_REFERENCE = re.compile(r"([0-9a-f]{32})-([1-9][0-9]{0,3})", re.ASCII)


def reference(payment: PaymentId, n: int) -> str:
    """Our name of the `n`-th page on which a payment can be made: Chapa's `tx_ref`, good for one transaction."""
    return f"{payment.hex}-{n}"


def named_by(tx_ref: str) -> tuple[PaymentId, int] | None:
    """The payment and the number of the page that `tx_ref`, which came from outside, names; None: it names none."""
    found = _REFERENCE.fullmatch(tx_ref)
    return (PaymentId(UUID(found[1])), int(found[2])) if found else None


def written(amount: Money) -> str:
    """An amount as Chapa reads it: `Money(12050, "etb")` is `120.50`."""
    digits = EXPONENTS[amount.currency]
    whole, rest = divmod(amount.amount, 10**digits)
    return f"{whole}.{rest:0{digits}d}" if digits else str(whole)


def read(amount: str, currency: str) -> Money | None:
    """An amount as Chapa writes it; None: no amount of that currency, or of none that we know."""
    kind = currency.lower()
    try:
        minor = Decimal(amount).scaleb(EXPONENTS[kind])
        exact = int(minor) if minor.is_finite() else None
        return Money(exact, kind) if exact is not None and exact == minor and exact >= 0 else None
    except (InvalidOperation, KeyError, ValueError):
        return None


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Whether `signature` is over this very body.

    Chapa sends a second one over its secret alone, the same for every body: that one proves nothing, and is not taken.
    """
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())
