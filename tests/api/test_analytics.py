"""What was sold, as staff read it: of any range, by days of the shop's own, to the cent."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from models import clock
from models.database import Database
from models.reports.days import Step, day_of, midnight, span, spans
from models.roles import Role
from tests import takings
from tests.api.conftest import Api, StartApi

URL = "/api/v1/admin/analytics"
BERLIN = ZoneInfo("Europe/Berlin")
FIRST, LAST = date(2026, 3, 27), date(2026, 4, 2)


@pytest.fixture
async def api(start_api: StartApi) -> Api:
    """A shop in Berlin."""
    return await start_api(SHOP_TIMEZONE="Europe/Berlin")


@pytest.fixture
async def traded(database: Database) -> Database:
    """A trade around the day of 23 hours."""
    moments = [each.starts_at for each in spans(FIRST, LAST, Step.DAY, BERLIN)]
    async with database.writing() as writer:
        await takings.trade(writer, await takings.stock_shelves(writer), moments, seed=3, many=120)
    return database


def plain(sales: list[dict[str, Any]]) -> dict[str, takings.Sums]:
    """Figures by currency, as the rows give them; those of which there was nothing are left out."""
    found = {}
    for each in sales:
        known = {name: each[name] if name == "orders" else each[name]["amount"] for name in takings.FIGURES}
        assert each["net"]["amount"] == known["total"] - known["cancelled"] - known["refunds"]
        if any(known.values()):
            found[each["currency"]] = known
    return found


@pytest.mark.parametrize("by", list(Step))
async def test_a_range_is_told_part_by_part(api: Api, traded: Database, by: Step) -> None:
    """Given a range, then each part and the whole are what the rows say, of days of 23 hours too."""
    staff = await api.sign_in(Role.FINANCE)
    query = {"from": str(FIRST), "to": str(LAST), "by": by}
    told = (await api.get(f"{URL}/sales", params=query, headers=staff)).json()
    wanted = list(spans(FIRST, LAST, by, BERLIN))
    assert [(each["first"], each["last"]) for each in told["items"]] == [(str(x.first), str(x.last)) for x in wanted]
    for part, known in zip(told["items"], wanted, strict=True):
        assert plain(part["sales"]) == (await takings.computed(traded, known.starts_at, known.ends_at))[0]
        assert {each["currency"] for each in part["sales"]} == set(takings.CURRENCIES)
    whole = span(FIRST, LAST, BERLIN)
    assert plain(told["sales"]) == (await takings.computed(traded, whole.starts_at, whole.ends_at))[0]
    assert (told["timezone"], told["by"]) == ("Europe/Berlin", by)
    only = (await api.get(f"{URL}/sales", params={**query, "currency": "jpy"}, headers=staff)).json()
    assert only["sales"] == [each for each in told["sales"] if each["currency"] == "jpy"] != []


async def test_the_dashboard_has_today_so_far(api: Api, database: Database) -> None:
    """Given orders of now, of yesterday and of last month, then each stands where it belongs."""
    now = clock.now()
    today = day_of(now, BERLIN)
    moments = [now, *(midnight(today - timedelta(days=n), BERLIN) for n in (0, 1, 5, 6, 7, 29, 30))]
    async with database.writing() as writer:
        await takings.trade(writer, await takings.stock_shelves(writer), moments, seed=9, many=60)
    staff = await api.sign_in(Role.ADMIN)
    told = (await api.get(f"{URL}/dashboard", headers=staff)).json()
    today = date.fromisoformat(told["today"]["first"])  # should it be midnight just now
    for name, first, last in (
        ("today", 0, 0), ("yesterday", 1, 1), ("last_7_days", 6, 0), ("last_30_days", 29, 0),
    ):  # fmt: skip
        days = span(today - timedelta(days=first), today - timedelta(days=last), BERLIN)
        expected, _ = await takings.computed(database, days.starts_at, days.ends_at)
        assert plain(told[name]["sales"]) == expected, name
    confirmed = await database.fetch("SELECT count(*) AS n FROM orders WHERE status = 'confirmed'")
    assert told["open_orders"]["confirmed"] == confirmed[0]["n"] > 0
    assert told["attention"] == {"critical": 0, "high": 0, "normal": 0}


async def test_a_shop_that_has_sold_nothing_says_so(api: Api) -> None:
    """Given no order, then there are days without currencies, and no figure is missing."""
    staff = await api.sign_in(Role.FINANCE)
    told = (await api.get(f"{URL}/sales", headers=staff)).json()
    assert len(told["items"]) == 30
    assert all(part["sales"] == [] for part in told["items"])
    assert told["sales"] == []
    assert (await api.get(f"{URL}/dashboard", headers=staff)).json()["today"]["sales"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-03-02", "to": "2026-03-01"}, {"from": "2020-01-01", "to": "2026-01-01"},
        {"from": "2024-01-01", "to": "2026-01-01", "by": "day"}, {"from": "0001-01-01"}, {"to": "9999-12-31"},
        {"to": "0001-01-01"}, {"from": "1999-12-31", "to": "2000-01-05"}, {"from": "2026-02-30"}, {"by": "hour"},
        {"currency": "USD"}, {"currency": "us\x00"},
    ],
)  # fmt: skip
async def test_what_is_no_range_is_refused(api: Api, query: dict[str, str]) -> None:
    """Given days that are none, ranges that are upside down or too long, then 422 or 400."""
    staff = await api.sign_in(Role.ADMIN)
    answer = await api.get(f"{URL}/sales", params=query, headers=staff)
    assert (answer.status_code, answer.json()["code"]) in {(422, "invalid"), (400, "malformed")}, answer.text


async def test_the_longest_range_is_answered(api: Api, traded: Database) -> None:
    """Given three years by month, and the first day of all, then they are answered."""
    staff = await api.sign_in(Role.ADMIN)
    query = {"from": "2023-04-01", "to": "2026-04-02", "by": "month"}
    told = (await api.get(f"{URL}/sales", params=query, headers=staff)).json()
    assert len(told["items"]) == 37
    [whole] = [span(date(2023, 4, 1), date(2026, 4, 2), BERLIN)]
    assert plain(told["sales"]) == (await takings.computed(traded, whole.starts_at, whole.ends_at))[0]
    assert (await api.get(f"{URL}/sales", params={"to": "2000-01-01"}, headers=staff)).status_code == 200
