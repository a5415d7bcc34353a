"""Sums and moments as readers write them, with as many digits as the currency has."""

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from models.money import EXPONENTS, Money
from models.wording.formats import country, day, moment, money


@pytest.mark.parametrize(
    ("value", "locale", "written"),
    [
        (Money(1999, "usd"), "en", "$19.99"), (Money(123456789, "eur"), "de", "1.234.567,89\xa0€"),
        (Money(123456789, "eur"), "fr", "1\u202f234\u202f567,89\xa0€"), (Money(2700, "etb"), "am", "ብር\xa027.00"),
        (Money(500, "jpy"), "en", "¥500"), (Money(1500, "kwd"), "en", "KWD\xa01.500"), (Money(5, "usd"), "en", "$0.05"),
        (Money(-609, "usd"), "en", "-$6.09"), (Money(0, "isk"), "de", "0\xa0ISK"),
        (Money(12345, "iqd"), "en", "IQD\xa012.345"),
        ({"amount": 1999, "currency": "usd"}, "en", "$19.99"), ("20.00 USD", "de", "20.00 USD"),
        (Money(1999, "usd"), "ja", "$19.99"), (Money(1999, "usd"), None, "$19.99"),
    ],
)  # fmt: skip
def test_sums(value: Any, locale: str | None, written: str) -> None:
    """Given a sum, then it is written as in the reader's country; what was words before stays so."""
    assert money(value, locale) == written


@pytest.mark.parametrize("language", ["en", "de", "fr", "am"])
def test_no_digit_is_lost(language: str) -> None:
    """Given every currency, then what is written has all digits of the amount, and as many after the point."""
    for currency, digits in EXPONENTS.items():
        written = "".join(each for each in money(Money(12_345_678, currency), language) if each.isdigit())
        assert written == "12345678"
        after = (
            money(Money(12_345_678, currency), language).replace("\xa0", "").rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ$€£¥")
        )
        assert digits == 0 or not after[-digits - 1 :].isdigit()


def test_days_and_moments() -> None:
    """Given moments, as facts spell them or as they are, then they are written in UTC, to the minute."""
    late = datetime(2026, 12, 24, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    assert [moment("2026-12-24T10:00:00Z", each) for each in ("en", "de", "fr", "am")] == [
        "December 24, 2026, 10:00 AM UTC", "24. Dezember 2026, 10:00 UTC", "24 décembre 2026, 10:00 UTC",
        "24 ዲሴምበር 2026፣ 10:00 ጥዋት UTC",
    ]  # fmt: skip
    assert moment(late, "de") == "25. Dezember 2026, 01:30 UTC"
    assert day("2026-12-24T23:59:59+00:00", "en") == day("2026-12-24", "en") == day(date(2026, 12, 24), "en")
    assert day(late, "fr") == "25 décembre 2026"
    assert day("2026-03-04", "am") == "4 ማርች 2026"


def test_countries() -> None:
    """Given a country, then it has its name; a code that nobody knows stays a code."""
    assert [country("ET", each) for each in ("en", "de", "am")] == ["Ethiopia", "Äthiopien", "ኢትዮጵያ"]
    assert country("QX", "en") == "QX"
