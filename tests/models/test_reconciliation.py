"""What differs between a provider and us, and what does not: every pair of standings that matters, told apart."""

from datetime import UTC, datetime

import pytest

from models.money import Money
from models.payment import PaymentStatus, Standing
from models.reconciliation import (
    RETURNED,
    CaseKind,
    OurPayment,
    OurRefund,
    SeenObject,
    Thing,
    judge_payment,
    judge_refund,
)
from models.refund import ProviderRefundStanding, RefundStatus

NOW = datetime(2026, 1, 2, tzinfo=UTC)
_K, _P, _S = CaseKind, PaymentStatus, Standing


def there(standing: str, moved: int = 0, reference: str = "pi_1", currency: str = "usd") -> SeenObject:
    """A payment of 10.00 at the provider."""
    return SeenObject(Thing.PAYMENT, reference, standing, Money(1000, currency), NOW, moved)


def here(status: PaymentStatus, captured: int = 0, reference: str | None = "pi_1") -> OurPayment:
    """The same here."""
    return OurPayment(status, reference, Money(captured, "usd"))


@pytest.mark.parametrize(
    ("seen", "ours", "kind"),
    [
        (there(_S.METHOD_REQUIRED), here(_P.PENDING), None),
        (there(_S.ACTION_REQUIRED), here(_P.PENDING), None),
        (there(_S.DECLINED), here(_P.FAILED), None),
        (there(_S.AUTHORIZED), here(_P.AUTHORIZED), None),
        (there(_S.CAPTURED, 1000), here(_P.PAID, 1000), None),
        (there(_S.CAPTURED, 1000), here(_P.PARTIALLY_REFUNDED, 1000), None),
        (there(RETURNED, 1000), here(_P.REFUNDED, 1000), None),
        (there(RETURNED, 1000), here(_P.VOIDED), None),
        (there(_S.CANCELED), here(_P.VOIDED), None),
        (there(_S.CANCELED), None, None),
        (there(_S.METHOD_REQUIRED, reference="pi_2"), here(_P.PAID, 1000), None),
        (None, here(_P.PENDING), None),
        (None, None, None),
        (there(_S.AUTHORIZED), here(_P.PENDING), _K.PAYMENT_UNSETTLED),
        (there(_S.AUTHORIZED), here(_P.FAILED), _K.PAYMENT_UNSETTLED),
        (there(_S.CAPTURED, 1000), here(_P.PENDING), _K.PAYMENT_UNSETTLED),
        (there(_S.CAPTURED, 1000), here(_P.AUTHORIZED), _K.PAYMENT_UNSETTLED),
        (there(_S.CAPTURED, 1000), here(_P.VOIDED), _K.PAYMENT_UNSETTLED),
        (there(_S.CANCELED), here(_P.PENDING), _K.PAYMENT_UNSETTLED),
        (there(_S.CANCELED), here(_P.AUTHORIZED), _K.PAYMENT_UNSETTLED),
        (there(_S.AUTHORIZED), here(_P.VOIDED), _K.AUTHORIZATION_LEFT),
        (there(_S.CAPTURED, 999), here(_P.PAID, 1000), _K.PAYMENT_DIFFERS),
        (there(_S.CAPTURED, 1000, currency="eur"), here(_P.PAID, 1000), _K.PAYMENT_DIFFERS),
        (there(_S.AUTHORIZED), here(_P.PAID, 1000), _K.PAYMENT_DIFFERS),
        (None, here(_P.PAID, 1000), _K.PAYMENT_DIFFERS),
        (None, here(_P.AUTHORIZED), _K.PAYMENT_DIFFERS),
        (there(_S.CAPTURED, 1000, "pi_2"), here(_P.PAID, 1000), _K.PAYMENT_TWICE),
        (there(_S.AUTHORIZED, 0, "pi_2"), here(_P.PAID, 1000), _K.PAYMENT_TWICE),
        (there(_S.CAPTURED, 1000), None, _K.PAYMENT_UNKNOWN),
        (there(_S.METHOD_REQUIRED), here(_P.PENDING, reference="cs_1"), None),
        (there(_S.CANCELED), here(_P.FAILED, reference="cs_1"), None),
        (there(_S.CANCELED), here(_P.VOIDED, reference="cs_1"), None),
        (there(_S.AUTHORIZED), here(_P.PENDING, reference="cs_1"), _K.PAYMENT_UNSETTLED),
        (there(_S.CAPTURED, 1000), here(_P.VOIDED, reference="cs_1"), _K.PAYMENT_UNSETTLED),
        (there(_S.AUTHORIZED), here(_P.VOIDED, reference="cs_1"), _K.AUTHORIZATION_LEFT),
    ],
)
def test_payments(seen: SeenObject | None, ours: OurPayment | None, kind: CaseKind | None) -> None:
    """Given both sides of a payment, then they agree, or differ in one way that has a name."""
    assert judge_payment(seen, ours) is kind


def sent(standing: ProviderRefundStanding, amount: int = 700) -> SeenObject:
    """A refund at the provider."""
    return SeenObject(Thing.REFUND, "re_1", standing, Money(amount, "usd"), NOW, amount)


_R, _B = RefundStatus, ProviderRefundStanding


@pytest.mark.parametrize(
    ("seen", "ours", "kind"),
    [
        (sent(_B.PENDING), _R.OPEN, None),
        (sent(_B.SUCCEEDED), _R.SUCCEEDED, None),
        (sent(_B.FAILED), _R.FAILED, None),
        (sent(_B.FAILED), None, None),
        (None, _R.OPEN, None),
        (None, _R.FAILED, None),
        (sent(_B.SUCCEEDED), _R.OPEN, _K.REFUND_DIFFERS),
        (sent(_B.FAILED), _R.OPEN, _K.REFUND_DIFFERS),
        (sent(_B.FAILED), _R.SUCCEEDED, _K.REFUND_DIFFERS),
        (sent(_B.SUCCEEDED), _R.FAILED, _K.REFUND_DIFFERS),
        (sent(_B.SUCCEEDED, 699), _R.SUCCEEDED, _K.REFUND_DIFFERS),
        (sent(_B.SUCCEEDED), None, _K.REFUND_UNKNOWN),
        (sent(_B.PENDING), None, _K.REFUND_UNKNOWN),
        (None, _R.SUCCEEDED, _K.REFUND_MISSING),
    ],
)
def test_refunds(seen: SeenObject | None, ours: RefundStatus | None, kind: CaseKind | None) -> None:
    """Given both sides of a refund, then they agree, or differ in one way that has a name."""
    assert judge_refund(seen, OurRefund(ours, Money(700, "usd")) if ours else None) is kind
