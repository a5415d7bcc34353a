"""Reports in the running house: asked for over HTTP, made by a workflow, there once, and anew only when wanted."""

import asyncio
from datetime import date, timedelta
from typing import Any

import anyio
import httpx

from models import clock
from models.roles import Role
from tests.desk import Clerk
from tests.premises import House, Shopper
from tests.recipes import Recipe

URL = "/admin/reports"
LONG_AGO = date(2019, 10, 27)
"""No other test has traded on it."""


async def test_a_report_is_made_when_it_is_asked_for(house: House, shopper: Shopper) -> None:
    """Given a day without a report, when two ask for it at once, then one is made; anew, it is another, once a key."""
    boss = await Clerk.hire(house, shopper.http, Role.ADMIN)

    async def ask(key: str | None = None, **wish: Any) -> httpx.Response:
        headers = boss.headers | ({"Idempotency-Key": key} if key else {})
        data = {"kind": "daily_sales", "day": str(LONG_AGO), **wish}
        return await shopper.http.post(URL, json=data, headers=headers)

    first = await asyncio.gather(ask(), ask())
    assert {answer.status_code for answer in first} <= {200, 201}, first[0].text
    [made] = {answer.json()["report"]["id"] for answer in first}
    assert (await ask()).status_code == 200
    anew = await asyncio.gather(*(ask("again", anew=True, reason="a late booking") for _ in range(3)))
    assert {answer.status_code for answer in anew} <= {200, 201}, anew[0].text
    [second] = {answer.json()["report"]["id"] for answer in anew}
    assert {answer.json()["report"]["revision"] for answer in anew} == {2}
    assert (await ask("again", anew=False)).json()["code"] == "idempotency_key_reused"
    listed = (await shopper.http.get(URL, params={"day": str(LONG_AGO)}, headers=boss.headers)).json()["items"]
    assert {each["id"] for each in listed} == {made, second} != {made}
    assert listed[0]["made_by"].startswith("staff/")
    file = await shopper.http.get(f"{URL}/{second}/download?format=csv", headers=boss.headers)
    assert (file.status_code, file.text[:15]) == (200, "currency,orders")


async def test_schedules_of_a_running_house_are_told(house: House, shopper: Shopper) -> None:
    """Given a house whose worker has started, then each report has its schedule, and today so far is no report."""
    boss = await Clerk.hire(house, shopper.http, Role.ADMIN)
    told = (await shopper.http.get("/admin/report-schedules", headers=boss.headers)).json()["items"]
    assert {each["kind"] for each in told} == {
        "daily_sales", "stock_and_reorder", "payments_reconciliation", "attention_digest",
    }  # fmt: skip
    assert all(each["next_at"] and each["timezone"] == "UTC" for each in told)
    tomorrow = clock.now().date() + timedelta(days=1)
    early = await shopper.http.post(URL, json={"kind": "daily_sales", "day": str(tomorrow)}, headers=boss.headers)
    assert (early.status_code, early.json()["code"]) == (409, "day_not_over")


async def test_days_are_back_filled_as_the_page_says(house: House, shopper: Shopper) -> None:
    """Given two runs of long ago, when somebody gives the command of docs/reports.md, then both days have a report."""
    boss = await Clerk.hire(house, shopper.http, Role.ADMIN)
    environment = {name: house.environment[name] for name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE")}
    recipe = Recipe("reports.md", "How a report comes to be", **environment)
    since, until = LONG_AGO + timedelta(days=31), LONG_AGO + timedelta(days=33)

    await recipe.next(SINCE=f"{since}T00:00:00Z", UNTIL=f"{until}T00:00:00Z")

    assert recipe.is_over()
    for day in (since - timedelta(days=1), since):
        listed: list[dict[str, Any]] = []
        with anyio.fail_after(120):
            while not listed:
                answer = await shopper.http.get(URL, params={"day": str(day)}, headers=boss.headers)
                listed = answer.json()["items"]
                await anyio.sleep(0.2)
        assert [(each["kind"], each["made_by"]) for each in listed] == [("daily_sales", "schedule")]
