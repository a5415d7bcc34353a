"""What makes a price, wherever it is written: by staff one by one, or in a catalogue's rows."""

from datetime import UTC, datetime

import msgspec
import pytest

from api.admin.product_terms import PriceTerms
from models.money import Money
from models.product_csv import PriceCells, Unfit
from models.records import DEAREST, PriceRecord, SaleWindow, Unpriceable, must_be_a_price

FROM, TO = datetime(2026, 11, 27, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def usd(amount: int) -> Money:
    """So many cents."""
    return Money(amount, "usd")


@pytest.mark.parametrize(
    "price",
    [
        PriceRecord(usd(0)), PriceRecord(usd(DEAREST)), PriceRecord(usd(0), usd(1)),
        PriceRecord(usd(DEAREST - 1), usd(DEAREST)), PriceRecord(usd(1), None, SaleWindow(usd(0), FROM, TO)),
        PriceRecord(usd(10), usd(11), SaleWindow(usd(9), FROM, TO)),
    ],
)  # fmt: skip
def test_prices(price: PriceRecord) -> None:
    """Given a price at its bounds, then it is one."""
    must_be_a_price(price)


WRONG = [
    (PriceRecord(usd(-1)), "price"),
    (PriceRecord(usd(DEAREST + 1)), "price"),
    (PriceRecord(usd(10), Money(11, "eur")), "price"),
    (PriceRecord(usd(10), None, SaleWindow(Money(9, "eur"), FROM, TO)), "price"),
    (PriceRecord(usd(10), usd(10)), "compare_at"),
    (PriceRecord(usd(10), usd(DEAREST + 1)), "compare_at"),
    (PriceRecord(usd(10), None, SaleWindow(usd(10), FROM, TO)), "sale"),
    (PriceRecord(usd(10), None, SaleWindow(usd(-1), FROM, TO)), "sale"),
]


@pytest.mark.parametrize(("price", "part"), WRONG)
def test_what_is_no_price(price: PriceRecord, part: str) -> None:
    """Given what cannot be a price, then the part that is wrong is named, and staff are told the same."""
    with pytest.raises(Unpriceable) as refused:
        must_be_a_price(price)
    assert refused.value.part == part
    with pytest.raises(msgspec.ValidationError) as told:
        msgspec.convert(msgspec.to_builtins(price), PriceTerms)
    assert str(refused.value) in str(told.value)


def test_a_row_is_told_by_its_column() -> None:
    """Given rows with such prices, then the column is named, and why in the same words."""
    for cells, column, reason in (
        (PriceCells(10, 10), "compare_at_usd", f"compare_at is more than the price, and at most {DEAREST} minor units"),
        (PriceCells(10, None, (10, FROM, TO)), "sale_usd", "in a sale the price is lower than else"),
    ):
        with pytest.raises(Unfit) as unfit:
            cells.record("usd", None)
        assert (unfit.value.column, unfit.value.reason) == (column, reason)
