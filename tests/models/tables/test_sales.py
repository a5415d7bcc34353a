"""What was sold: each figure is what the rows themselves say, to the cent, whatever became of the orders later."""

from datetime import date, timedelta
from random import Random
from zoneinfo import ZoneInfo

import msgspec
import pytest

from models.database import Database
from models.reports.days import Span, Step, span, spans
from models.tables import sales
from tests import takings

BERLIN = ZoneInfo("Europe/Berlin")
FIRST, LAST = date(2026, 3, 27), date(2026, 4, 2)
"""Some days around the one that has 23 hours."""


async def figures(database: Database, asked: list[Span]) -> dict[int, dict[str, dict[str, int]]]:
    """By place and currency."""
    found: dict[int, dict[str, dict[str, int]]] = {}
    async with database.surveying() as fetch:
        for each in await sales.sums(fetch, asked):
            known = {name: getattr(each, name) for name in takings.FIGURES}
            found.setdefault(each.nth, {})[each.currency] = known
            assert each.total == each.gross - each.discounts + each.shipping + each.tax_on_top
            assert each.net == each.total - each.cancelled - each.refunds
    return found


@pytest.fixture
async def traded(database: Database) -> Database:
    """Two hundred orders of all fates, most of them on a midnight or a moment beside it."""
    moments = [each.starts_at for each in spans(FIRST, LAST, Step.DAY, BERLIN)]
    async with database.writing() as writer:
        shelves = await takings.stock_shelves(writer)
        await takings.trade(writer, shelves, moments, seed=7, many=200)
    return database


async def test_each_day_is_what_its_rows_say(traded: Database) -> None:
    """Given a trade, then each day's figures, by currency, are those that are computed row by row."""
    days = list(spans(FIRST - timedelta(days=1), LAST, Step.DAY, BERLIN))
    found = await figures(traded, days)
    for nth, day in enumerate(days, 1):
        expected, _ = await takings.computed(traded, day.starts_at, day.ends_at)
        assert found.get(nth, {}) == expected, day.first
    assert found[3]["eur"]["orders"] > 0


async def test_days_add_up_to_weeks_and_to_all(traded: Database) -> None:
    """Given a trade, then the days of a range add up to its weeks, and to the range as a whole."""
    days = await figures(traded, list(spans(FIRST - timedelta(days=1), LAST, Step.DAY, BERLIN)))
    weeks = await figures(traded, list(spans(FIRST - timedelta(days=1), LAST, Step.WEEK, BERLIN)))
    whole = await figures(traded, [span(FIRST - timedelta(days=1), LAST, BERLIN)])
    for currency, sums in whole[1].items():
        for name, value in sums.items():
            assert value == sum(each.get(currency, {}).get(name, 0) for each in days.values())
            assert value == sum(each.get(currency, {}).get(name, 0) for each in weeks.values())


async def test_products_and_categories_are_what_their_lines_say(traded: Database) -> None:
    """Given a trade, then products' units and amounts are those of the lines, dearest first; they add up to the day."""
    for day in spans(FIRST, LAST, Step.WEEK, BERLIN):
        _, goods = await takings.computed(traded, day.starts_at, day.ends_at)
        async with traded.surveying() as fetch:
            [*totals] = await sales.sums(fetch, [day])
            products, categories = await sales.products(fetch, day), await sales.categories(fetch, day)
            [best, *_] = await sales.products(fetch, day, 1)
        known = {each.currency: {} for each in products}  # type: dict[str, dict[str, tuple[int, int, int]]]
        for each in products:
            known[each.currency][each.slug] = (each.units, each.gross, each.discounts)
            assert each.revenue == each.gross - each.discounts
        assert known == {currency: things for currency, things in goods.items() if things}
        for total in totals:
            for some in (products, categories):
                mine = [each for each in some if each.currency == total.currency]
                assert sum(each.gross for each in mine) == total.gross
                assert sum(each.discounts for each in mine) == total.discounts
                assert [each.place for each in mine] == list(range(1, len(mine) + 1))
                assert mine == sorted(mine, key=lambda each: (-each.revenue, each.slug))
        assert msgspec.structs.replace(best) == products[0]


async def test_what_happens_later_changes_no_day_that_is_over(traded: Database) -> None:
    """Given a day, when its orders are edited, cancelled and refunded after it, then its figures stay."""
    day = span(FIRST, FIRST, BERLIN)
    before, products = await figures(traded, [day]), await _products(traded, day)
    later = day.ends_at + timedelta(days=30)
    async with traded.writing() as writer:
        shelves = [row["id"] for row in await traded.fetch("SELECT id FROM variants ORDER BY sku")]
        untouched = await traded.fetch(
            """SELECT e.order_id FROM order_events e WHERE e.key = 'confirmed' AND e.at >= $1 AND e.at < $2
               AND NOT EXISTS (SELECT FROM order_edits x WHERE x.order_id = e.order_id)""",
            day.starts_at, day.ends_at,
        )  # fmt: skip
        assert len(untouched) > 5
        for row in untouched:
            [order] = await traded.fetch("SELECT * FROM orders WHERE id = $1", row["order_id"])
            lines = await traded.fetch(
                "SELECT * FROM order_lines WHERE order_id = $1 ORDER BY position", row["order_id"]
            )
            was = takings.as_it_is(dict(order), [dict(line) for line in lines])
            after = takings.content(Random(3), shelves, order["currency"], False)
            await writer.exec_driver_sql("UPDATE orders SET credit = 0 WHERE id = $1", (order["id"],))
            await takings.edited(writer, order["id"], 1, was, after, later)
    assert await figures(traded, [day]) == before
    assert await _products(traded, day) == products


async def _products(database: Database, day: Span) -> list[sales.Seller]:
    async with database.surveying() as fetch:
        return await sales.products(fetch, day)
