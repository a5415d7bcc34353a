"""Money as integers of the currency's smallest unit, so that no cent is ever made or lost by rounding."""

from collections.abc import Sequence
from typing import Self

import msgspec

EXPONENTS = dict.fromkeys(
    (
        "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd btn bwp byn bzd cad cdf "
        "chf cny cop crc cup cve czk dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gtq gyd hkd hnl "
        "htg huf idr ils inr irr jmd kes kgs khr kpw kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop "
        "mru mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd "
        "scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt top try ttd twd tzs uah usd uyu uzs "
        "ves wst xcd yer zar zmw"
    ).split(),
    2,
)
"""Digits after the point by currency (ISO 4217, lower case): 2 for most, 0 for yen, 3 for dinars."""
EXPONENTS |= dict.fromkeys(("bif clp djf gnf isk jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf").split(), 0)
EXPONENTS |= dict.fromkeys(("bhd iqd jod kwd lyd omr tnd").split(), 3)

LARGEST = 10**15
"""No single amount may exceed this many minor units: far above any order, far below BIGINT's end."""


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount in minor units of one currency: `Money(1999, "usd")` is 19.99 dollars, `Money(500, "jpy")` 500 yen."""

    amount: int
    """Minor units; negative only in ledgers and differences."""
    currency: str
    """ISO 4217, lower case."""

    def __post_init__(self) -> None:
        if type(self.amount) is not int:
            raise TypeError(f"amount must be an int of minor units, not {type(self.amount).__name__}")
        if self.currency not in EXPONENTS:
            raise ValueError(f"unknown currency {self.currency!r}: use an ISO 4217 code in lower case")
        if abs(self.amount) > LARGEST:
            raise ValueError(f"amount must lie within ±{LARGEST} minor units")

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(0, currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __mul__(self, times: int) -> "Money":
        if type(times) is not int:
            raise TypeError("money is multiplied by whole numbers only; use a rate for fractions")
        return Money(self.amount * times, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._same(other)

    def __str__(self) -> str:
        digits = EXPONENTS[self.currency]
        whole, rest = divmod(abs(self.amount), 10**digits)
        sign = "-" if self.amount < 0 else ""
        point = f".{rest:0{digits}d}" if digits else ""
        return f"{sign}{whole:,}{point} {self.currency.upper()}"

    def _same(self, other: "Money") -> int:
        if self.currency != other.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")
        return other.amount


def total(amounts: Sequence[Money], currency: str) -> Money:
    """Sum of amounts; `currency` names the zero of an empty sum. Raises: ValueError on mixed currencies."""
    result = Money.zero(currency)
    for amount in amounts:
        result += amount
    return result


def share_out(amount: Money, weights: Sequence[int]) -> list[Money]:
    """Split `amount` in proportion to non-negative `weights` so that the parts add up to it exactly.

    The largest remainder gets the odd unit first, the earlier part on a tie. All weights 0: the first part takes all.
    """
    if not weights or any(weight < 0 for weight in weights):
        raise ValueError("weights must be non-negative and at least one")
    whole = sum(weights)
    if whole == 0:
        return [amount, *([Money.zero(amount.currency)] * (len(weights) - 1))]
    sign = -1 if amount.amount < 0 else 1
    exact = [divmod(abs(amount.amount) * weight, whole) for weight in weights]
    missing = abs(amount.amount) - sum(quotient for quotient, _ in exact)
    by_remainder = sorted(range(len(weights)), key=lambda index: -exact[index][1])
    lucky = set(by_remainder[:missing])
    return [Money(sign * (quotient + (index in lucky)), amount.currency) for index, (quotient, _) in enumerate(exact)]
