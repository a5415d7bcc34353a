"""What each kind of report is made of: its tables and the figures that tell most of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from models.database import Fetch
from models.money import Money
from models.reports.days import Span
from models.reports.report import Column, Figure, Made, ReportKind, Sheet, Unit
from models.tables import sales
from models.tables.report_attention import attention_digest
from models.tables.report_money import payments_reconciliation
from models.tables.report_stock import stock_and_reorder
from models.tables.sales import Seller

_MONEY, _COUNT = Unit.MONEY, Unit.COUNT
_SALES = ("gross", "discounts", "shipping", "tax", "tax_on_top", "total", "cancelled", "refunds", "net", "average")
"""Of a currency, beside how many orders there were."""


def _columns(texts: str, counts: str = "", amounts: Sequence[str] = ()) -> tuple[Column, ...]:
    return (
        *(Column(name) for name in texts.split()),
        *(Column(name, _COUNT) for name in counts.split()),
        *(Column(name, _MONEY) for name in amounts),
    )


async def daily_sales(fetch: Fetch, day: Span) -> Made:
    """By currency; and which products and categories brought most."""
    sums = await sales.sums(fetch, [day])
    products, categories = await sales.products(fetch, day), await sales.categories(fetch, day)
    totals = Sheet(
        "totals", _columns("currency", "orders", _SALES),
        [[each.currency, each.orders, *(getattr(each, name) for name in _SALES)] for each in sums],
    )  # fmt: skip
    figures = [
        figure
        for each in sums
        for figure in (
            Figure("orders", each.orders, of=each.currency),
            Figure("net", amount=Money(each.net, each.currency), of=each.currency),
        )
    ]
    return Made((totals, _sellers("products", products), _sellers("categories", categories)), tuple(figures))


def _sellers(name: str, found: Sequence[Seller]) -> Sheet:
    columns = (
        Column("currency"), Column("place", _COUNT), Column("slug"), Column("name"), Column("units", _COUNT),
        *(Column(each, _MONEY) for each in ("gross", "discounts", "revenue")),
    )  # fmt: skip
    return Sheet(name, columns, [[getattr(each, column.name) for column in columns] for each in found])


MAKERS: Mapping[ReportKind, Callable[[Fetch, Span], Awaitable[Made]]] = {
    ReportKind.DAILY_SALES: daily_sales,
    ReportKind.STOCK_AND_REORDER: stock_and_reorder,
    ReportKind.PAYMENTS_RECONCILIATION: payments_reconciliation,
    ReportKind.ATTENTION_DIGEST: attention_digest,
}
"""By kind."""
