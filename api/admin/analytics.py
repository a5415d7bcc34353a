"""What was sold: today so far, and in any range, by day, week or month of the shop's own."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter

from api.admin.refusals import staff_refuses
from api.context import House
from api.problems import FieldError, Invalid
from models import clock
from models.attention import Urgency
from models.money import Money
from models.reports.days import FIRST_DAY, LAST_DAY, Span, Step, day_of, span, spans
from models.roles import Scope
from models.tables import attention_queue as queue
from models.tables import gauges, sales
from models.tables.attention_queue import Sought
from models.tables.sales import Sales

LONGEST = timedelta(days=1100)
MOST = 400
"""Parts of a range."""
From = Annotated[
    date | None, QueryParameter(name="from", description="The first day; left out: 29 days before the last one")
]
To = Annotated[date | None, QueryParameter(name="to", description="The last day, counted in; left out: today")]
By = Annotated[Step, QueryParameter(name="by", description="How long each part is; the first and last may be shorter")]
InCurrency = Annotated[
    str | None, QueryParameter(name="currency", pattern="^[a-z]{3}$", description="Only this one; left out: all")
]


class SalesFigures(msgspec.Struct, frozen=True):
    """What was sold in one currency; docs/reports.md says of each figure what it counts."""

    currency: str
    orders: int
    gross: Money
    discounts: Money
    shipping: Money
    tax: Money
    tax_on_top: Money
    total: Money
    cancelled: Money
    refunds: Money
    net: Money
    average: Money | None
    """Null: there was no order."""


class SalesPart(msgspec.Struct, frozen=True):
    """A part of a range."""

    first: date
    last: date
    """Counted in."""
    starts_at: datetime
    ends_at: datetime
    """The first moment that is no longer of it."""
    sales: list[SalesFigures]
    """A currency each, also those of which there was nothing in this part."""


class SalesInRange(msgspec.Struct, frozen=True):
    """What was sold in a range."""

    timezone: str
    by: Step
    items: list[SalesPart]
    """Oldest first."""
    sales: list[SalesFigures]
    """All of them together, a currency each."""


class Dashboard(msgspec.Struct, frozen=True):
    """How the shop does."""

    timezone: str
    as_of: datetime
    today: SalesPart
    """So far."""
    yesterday: SalesPart
    last_7_days: SalesPart
    """Today among them."""
    last_30_days: SalesPart
    open_orders: dict[str, int]
    """By status."""
    attention: dict[str, int]
    """What waits for a person, by urgency."""


@get(
    "/admin/analytics/sales", operation_id="readSales", access=Scope.ANALYTICS_READ, tags=["Staff"],
    summary="What was sold", responses=staff_refuses("invalid"),
)  # fmt: skip
async def read_sales(
    house: House, first: From = None, last: To = None, by: By = Step.DAY, currency: InCurrency = None
) -> SalesInRange:
    """In any range of days of the shop's own, up to today: each part, and all together. Currencies stay apart."""
    zone = house.settings.timezone
    parts = list(spans(*_range(first, last, day_of(clock.now(), zone)), by, zone))
    if len(parts) > MOST:
        raise Invalid(FieldError(f"At most {MOST} parts: ask for weeks or months", parameter="by"))
    found = [each for each in await _sold(house, parts) if currency in (None, each.currency)]
    return SalesInRange(zone.key, by, _parts(parts, found), [_figures(each) for each in _together(found)])


@get(
    "/admin/analytics/dashboard", operation_id="readDashboard", access=Scope.ANALYTICS_READ, tags=["Staff"],
    summary="How the shop does", responses=staff_refuses(),
)  # fmt: skip
async def read_dashboard(house: House) -> Dashboard:
    """What was sold today so far, yesterday, and lately; what is open, and what waits for people."""
    now, zone = clock.now(), house.settings.timezone
    today = day_of(now, zone)
    days = [(today, today), (today - timedelta(days=1),) * 2, *((today - timedelta(days=n), today) for n in (6, 29))]
    asked = [span(first, last, zone) for first, last in days]
    so_far, yesterday, week, month = _parts(asked, await _sold(house, asked))
    waiting = {
        urgency.value: (await queue.listed(house.database, 1, Sought(urgency=urgency))).total for urgency in Urgency
    }
    open_orders = await gauges.open_orders(house.database)
    return Dashboard(zone.key, now, so_far, yesterday, week, month, open_orders, waiting)


def _range(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """Raises: Invalid."""
    if last is not None and not FIRST_DAY <= last <= LAST_DAY:
        raise Invalid(FieldError(f"From {FIRST_DAY} to {LAST_DAY}", parameter="to"))
    end = last or today
    begin = first or max(end - timedelta(days=29), FIRST_DAY)
    if begin < FIRST_DAY or not timedelta(0) <= end - begin < LONGEST:
        raise Invalid(
            FieldError(f"At most {LONGEST.days} days, from {FIRST_DAY} on, and not after `to`", parameter="from")
        )
    return begin, end


async def _sold(house: House, asked: Sequence[Span]) -> list[Sales]:
    async with house.database.surveying() as fetch:
        return await sales.sums(fetch, asked)


def _parts(asked: Sequence[Span], found: Sequence[Sales]) -> list[SalesPart]:
    """Each span with a row for every currency that any of them has."""
    currencies = sorted({each.currency for each in found})
    known = {(each.nth, each.currency): each for each in found}
    return [
        SalesPart(
            each.first, each.last, each.starts_at, each.ends_at,
            [_figures(known.get((nth, currency)) or sales.nothing(currency)) for currency in currencies],
        )
        for nth, each in enumerate(asked, 1)
    ]  # fmt: skip


def _together(found: Sequence[Sales]) -> list[Sales]:
    """All parts' sums, a currency each."""
    return [
        sales.added([each for each in found if each.currency == currency])
        for currency in sorted({each.currency for each in found})
    ]


def _figures(sold: Sales) -> SalesFigures:
    def money(amount: int) -> Money:
        return Money(amount, sold.currency)

    return SalesFigures(
        sold.currency, sold.orders, money(sold.gross), money(sold.discounts), money(sold.shipping), money(sold.tax),
        money(sold.tax_on_top), money(sold.total), money(sold.cancelled), money(sold.refunds), money(sold.net),
        None if sold.average is None else money(sold.average),
    )  # fmt: skip


handlers = [read_dashboard, read_sales]
