"""How readers write sums of money and moments."""

import copy
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from babel.dates import format_date, format_datetime
from babel.numbers import NumberPattern

from models.money import EXPONENTS, Money
from models.wording.languages import conventions


@lru_cache(maxsize=256)
def _pattern(locale: str | None, digits: int) -> NumberPattern:
    # Babel's own digits are those of Unicode's tables, which differ from ISO 4217's for some twenty currencies.
    pattern: NumberPattern = copy.copy(conventions(locale).currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


def money(value: object, locale: str | None) -> str:
    """A sum: `Money(1999, "usd")` is `$19.99` in `en` and `19,99 $` in `de`.

    What is no sum stays as it is: letters that were written before this had words there.
    """
    if not isinstance(value, Money):
        if not isinstance(value, Mapping):
            return str(value)
        value = msgspec.convert(value, Money)
    digits = EXPONENTS[value.currency]
    exact = Decimal(value.amount).scaleb(-digits)
    code = value.currency.upper()
    written: str = _pattern(locale, digits).apply(exact, conventions(locale), currency=code, currency_digits=False)
    return _GLUED.sub("\xa0", written)


_GLUED = re.compile(r"(?<=[^\W\d_])(?=\d)")
"""Between a currency that is written as letters and its figure."""


def _moment(value: object) -> datetime:
    when: datetime = msgspec.convert(value, datetime, strict=False)
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def day(value: object, locale: str | None) -> str:
    """A date (`2026-12-24`) or the day of a moment, in UTC: `December 24, 2026`, `24. Dezember 2026`."""
    if isinstance(value, datetime) or not isinstance(value, date):
        plain = isinstance(value, str) and len(value) == 10
        value = date.fromisoformat(value) if plain else _moment(value)  # type: ignore[arg-type]
    return format_date(value, format="long", locale=conventions(locale))


def moment(value: object, locale: str | None) -> str:
    """A moment, to the minute: `December 24, 2026 at 10:00 AM UTC`."""
    when = _moment(value)
    words = format_datetime(when, format=_TO_THE_MINUTE.get(conventions(locale).language, "medium"), tzinfo=UTC,
                            locale=conventions(locale))  # fmt: skip
    return f"{words} UTC"


_TO_THE_MINUTE: Mapping[str, Any] = {
    "en": "MMMM d, y, h:mm a",
    "de": "d. MMMM y, HH:mm",
    "fr": "d MMMM y, HH:mm",
    "am": "d MMMM y፣ h:mm a",
}
"""Unicode's own have seconds, or leave out the year."""


def country(code: object, locale: str | None) -> str:
    """The name of a country (ISO 3166, `US`); a code that nobody knows stays as it is."""
    return str(conventions(locale).territories.get(str(code), code))
