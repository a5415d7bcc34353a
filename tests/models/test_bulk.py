"""Percentages on prices: exact, rounded half up, and never a price before that is lower than the price."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models.bulk import PriceShift, SaleOff, without_sale
from models.money import Money
from models.records import DEAREST, PriceRecord, SaleWindow

FROM, TO = datetime(2026, 11, 27, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def price(amount: int, before: int | None = None, sale: int | None = None) -> PriceRecord:
    """A price in dollars."""
    return PriceRecord(
        Money(amount, "usd"), None if before is None else Money(before, "usd"),
        None if sale is None else SaleWindow(Money(sale, "usd"), FROM, TO),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("was", "ppm", "now"),
    [
        (price(1000), 100_000, price(1100)), (price(1999), -100_000, price(1799)), (price(5), 100_000, price(6)),
        (price(4), 100_000, price(4)), (price(1), -500_000, price(1)), (price(0), 10_000_000, price(0)),
        (price(1000), -990_000, price(10)), (price(333), 333_333, price(444)),
        (price(1000, before=1200), -100_000, price(900, before=1200)),
        (price(1000, before=1200), 100_000, price(1100, before=1200)),
        (price(1000, before=1200), 200_000, price(1200)), (price(1000, before=1200), 300_000, price(1300)),
        (price(1000, sale=800), 100_000, price(1100, sale=880)), (price(2, sale=1), -500_000, price(1)),
        (price(3636363636), 99_999, price(3999996363)),
    ],
)  # fmt: skip
def test_a_shift(was: PriceRecord, ppm: int, now: PriceRecord) -> None:
    """Given a price, then its share is added or taken away, of the sale's too; what makes no sense any more goes."""
    assert PriceShift(ppm).of(was) == now


def test_nothing_gets_dearer_than_anything_may_be() -> None:
    """Given the highest price, then it goes down and not up."""
    assert PriceShift(-1).of(price(DEAREST)) == price(DEAREST - 4000)
    with pytest.raises(OverflowError):
        PriceShift(1).of(price(DEAREST))


@pytest.mark.parametrize(
    ("was", "ppm", "now"),
    [
        (price(1000), 200_000, price(1000, sale=800)), (price(1000, sale=1), 200_000, price(1000, sale=800)),
        (price(1999, before=2500), 333_333, price(1999, before=2500, sale=1333)),
        (price(7), 1_000_000, price(7, sale=0)),
        (price(1), 500_000, price(1)), (price(0), 500_000, price(0)), (price(3), 100_000, price(3)),
    ],
)  # fmt: skip
def test_a_sale(was: PriceRecord, ppm: int, now: PriceRecord) -> None:
    """Given a price, then it is lower for some time; one that is too low to be lower stays as it is."""
    sale = SaleOff(ppm, FROM, TO)
    assert sale.of(was) == now
    assert without_sale(now) == PriceRecord(now.price, now.compare_at_price)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PriceShift(0), lambda: SaleOff(1, TO, FROM), lambda: SaleOff(1, FROM, FROM),
        lambda: SaleOff(1, datetime(1999, 12, 31, tzinfo=UTC), TO), lambda: SaleOff(1, FROM, TO.replace(year=9001)),
    ],
)  # fmt: skip
def test_what_is_none(make: Any) -> None:
    """Given nothing to change, or a window that is none, then it cannot be said."""
    with pytest.raises(ValueError, match=r"more or less|ends_at|year"):
        make()
