"""A neighbour is away for a while: what can go on goes on, what cannot says so, and nothing is half done afterwards."""

import time
from datetime import datetime, timedelta
from typing import Any

import anyio
import httpx
from temporalio.client import (
    ScheduleCalendarSpec,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from dev.stripe.remote import SimulatorControl
from models import clock
from models.reports.report import ReportKind
from tests.books import Books
from tests.faults.rush import BANK, insist, start
from tests.premises import House, Shopper
from workflows.reports import schedule_id

LONGEST = 50
"""Seconds after which a buyer's browser has an answer, whatever is away; a sixth of it where no other tests run."""


async def readiness(house: House) -> tuple[int, set[str]]:
    """The status of /health/ready, and who is down."""
    async with house.client() as client:
        answer = await client.get(house.root + "/health/ready")
    down = {name for name, seen in answer.json()["neighbours"].items() if seen["state"] == "down"}
    return answer.status_code, down


async def ready_as(house: House, status: int, down: set[str]) -> None:
    """Wait until /health/ready says so; to a busy machine, a neighbour that is up may be late for a while too."""
    with anyio.fail_after(60):
        while await readiness(house) != (status, down):
            await anyio.sleep(0.2)


def unavailable(answer: httpx.Response) -> None:
    """Check that it is a 503 in the contract's words."""
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["X-Request-Id"]


async def test_without_redis_the_shop_sells(house: House, shopper: Shopper, books: Books) -> None:
    """Redis only saves time: catalogue, cart and checkout go on, and readiness says what is missing."""
    sku = await house.stock(5)

    house.stack.kill("redis")

    assert (await shopper.http.get("/products")).status_code == 200
    assert (await shopper.http.get(f"/products/{sku.lower()}")).json()["variants"][0]["sku"] == sku
    placed = (await shopper.buy(sku)).json()["order"]
    await shopper.order_when(placed, "confirmed")
    await ready_as(house, 200, {"redis"})
    await start(house, "redis")
    await ready_as(house, 200, set())
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}


async def test_without_postgres_nothing_is_half_done(
    house: House, shopper: Shopper, books: Books, provider: SimulatorControl
) -> None:
    """What was read is shown on, everything else is 503; a payment that arrives meanwhile is not lost."""
    sku = await house.stock(5)
    waiting = (await shopper.buy(sku, 1, BANK)).json()["order"]
    [intent] = await provider.ledger(order=waiting["number"])
    async with house.client() as client:
        other = Shopper(house, client)
        await other.put(sku)
        form = other.order_form(await other.quote())
        assert (await client.get("/products")).status_code == 200
        before = await books.count()

        house.stack.kill("postgres")
        began = time.monotonic()
        await provider.authenticate(intent["payment_intent"])

        assert (await client.get("/products")).status_code == 200
        asked = [
            await client.get(f"/products/{sku.lower()}"), await client.get("/cart", headers=_cart(other)),
            await client.post("/cart/items", json={"sku": sku, "quantity": 1}, headers=_cart(other)),
            await other.check_out(form, "the same"),
            await client.get(f"/orders/{waiting['number']}", headers=_of(waiting)),
        ]  # fmt: skip
        for answer in asked:
            unavailable(answer)
        assert (await client.get(house.root + "/health")).status_code == 200
        assert time.monotonic() - began < LONGEST
        await ready_as(house, 503, {"postgres"})
        await start(house, "postgres")

        assert (await insist(lambda: other.check_out(form, "the same"))).status_code in (201, 202)
        await shopper.order_when(waiting, "confirmed")
    numbers = await books.orders_of(sku)
    await shopper.order_when(waiting, "confirmed")
    with anyio.fail_after(60):
        while {order["status"] for order in (await books.orders(numbers)).values()} != {"confirmed"}:
            await anyio.sleep(0.05)
    assert await books.agree(numbers) == dict.fromkeys(numbers, "confirmed")
    after = await books.count()
    assert {name: after[name] - before[name] for name in ("carts", "orders", "intents", "units_in_carts")} == {
        "carts": 0, "orders": 1, "intents": 1, "units_in_carts": -2,
    }  # fmt: skip


async def test_a_report_that_was_due_while_temporal_was_away_is_made(house: House) -> None:
    """Given Temporal away at the time of a schedule, when it is back, then the report of the day before is made."""
    temporal = await house.temporal()
    schedule = temporal.get_schedule_handle(schedule_id(ReportKind.DAILY_SALES))
    with anyio.fail_after(60):  # the worker, just started, makes it
        while not [each async for each in await temporal.list_schedules() if each.id == schedule.id]:
            await anyio.sleep(0.2)

    async def due_in(seconds: int) -> datetime:
        """Have it due once a day, next so soon from now; Temporal has understood it."""
        due = clock.now().replace(microsecond=0) + timedelta(seconds=seconds)

        def soon(known: ScheduleUpdateInput) -> ScheduleUpdate:
            changed = known.description.schedule
            hour, minute, second = ([ScheduleRange(part)] for part in (due.hour, due.minute, due.second))
            changed.spec = ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=hour, minute=minute, second=second)])
            return ScheduleUpdate(changed)

        await schedule.update(soon)
        # An update is taken note of later than it is answered, and then only what is due after that counts.
        with anyio.move_on_after(seconds):
            while due not in (await schedule.describe()).info.next_action_times:
                await anyio.sleep(0.1)
        return due

    due = await due_in(20)
    while (due - clock.now()).total_seconds() < 5:  # a machine too slow to take Temporal away in time
        due = await due_in(60)
    house.stack.kill("temporal")
    assert clock.now() < due
    await anyio.sleep((due - clock.now()).total_seconds() + 2)
    await start(house, "temporal")

    made: list[str] = []
    database, day = house.database(), due.date() - timedelta(days=1)
    try:
        with anyio.fail_after(120):
            while not made:
                rows = await database.fetch("SELECT made_by FROM reports WHERE kind = 'daily_sales' AND day = $1", day)
                made = [row["made_by"] for row in rows]
                await anyio.sleep(0.2)
    finally:
        await database.close()
    assert made == ["schedule"]


async def test_without_temporal_nobody_buys_and_everybody_looks(house: House, shopper: Shopper, books: Books) -> None:
    """Checkout is 503 until it is back, and is then done once; reads and carts go on."""
    sku = await house.stock(5)
    open_order = (await shopper.buy(sku, 1, "pm_card_chargeDeclined")).json()["facts"]["order"]
    async with house.client() as client:
        other = Shopper(house, client)
        await other.put(sku)
        form = other.order_form(await other.quote())

        house.stack.kill("temporal")

        for answer in (
            await other.check_out(form, "the same"), await other.check_out(form),
            await shopper.pay(open_order, "pm_card_visa"), await shopper.cancel(open_order),
        ):  # fmt: skip
            unavailable(answer)
            assert answer.elapsed.total_seconds() < LONGEST
        await other.put(await house.stock(1))
        assert (await client.get("/products")).status_code == 200
        assert (await shopper.order(open_order))["can"] == ["cancel", "pay"]
        await ready_as(house, 503, {"temporal", "worker"})
        await start(house, "temporal")

        paid = await insist(lambda: shopper.pay(open_order, "pm_card_visa"))
        assert paid.status_code in (200, 202), paid.text
        form = other.order_form(await other.quote())
        done = await insist(lambda: other.check_out(form, "another"))
        assert done.status_code in (201, 202), done.text
        await other.order_when(done.json()["order"], "confirmed")
        await shopper.order_when(open_order, "confirmed")
    numbers = await books.orders_of(sku)
    assert len(numbers) == 2
    assert await books.agree(numbers) == dict.fromkeys(numbers, "confirmed")


async def test_without_a_worker_orders_wait_for_one(house: House, shopper: Shopper, books: Books) -> None:
    """202 within the budget, and the order is made when a worker comes; the same request meets the same order."""
    sku = await house.stock(5)
    await shopper.put(sku)
    form = shopper.order_form(await shopper.quote())

    house.stack.kill("worker")

    answers = [await shopper.check_out(form, "the same")]
    assert (answers[0].status_code, answers[0].elapsed.total_seconds() < LONGEST) == (202, True), answers[0].text
    placed = answers[0].json()["order"]
    assert (await shopper.order(placed))["status"] == "pending"
    assert (await shopper.http.get("/products")).status_code == 200
    await start(house, "worker")
    await shopper.order_when(placed, "confirmed")
    answers.append(await shopper.check_out(form, "the same"))
    assert [answer.json()["order"]["number"] for answer in answers] == [placed["number"]] * 2
    assert await books.orders_of(sku) == [placed["number"]]
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}


async def test_without_the_provider_orders_wait_for_it(house: House, shopper: Shopper, books: Books) -> None:
    """202: stock is held, the money is taken when the provider is back, once."""
    sku = await house.stock(5)

    house.stack.kill("stripe")

    answer = await shopper.buy(sku)
    assert (answer.status_code, answer.json()["payment"]["status"]) == (202, "unknown"), answer.text
    assert answer.elapsed.total_seconds() < LONGEST
    assert await books.stock(sku) == (5, 1)
    await ready_as(house, 200, set())
    await start(house, "stripe")
    placed = answer.json()["order"]
    await shopper.order_when(placed, "confirmed", within=60)
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}


async def test_mail_never_holds_an_order_up(house: House, shopper: Shopper) -> None:
    """The mail server is away, then refuses, then is slow: orders are confirmed at once, each letter comes later."""
    orders: list[dict[str, Any]] = []

    async def buy() -> None:
        placed = (await shopper.buy(await house.stock(1))).json()["order"]
        await shopper.order_when(placed, "confirmed")
        orders.append(placed)

    house.stack.kill("mail")
    await buy()
    await anyio.sleep(1)  # long enough for a first try in vain
    await start(house, "mail")
    await _weather(house, mode="refuse")
    await buy()
    await anyio.sleep(1)
    assert await house.letters(orders[1]["number"]) == []
    await _weather(house, mode="slow", seconds=1)
    await buy()

    for placed in orders:  # letters of the tests before may be under way too, each as slowly
        letters = await house.letters_when(placed["number"], 1, within=150)
        assert [letter["subject"] for letter in letters] == [f"Your order {placed['number']} is confirmed"]
    await _weather(house, mode="ok")


async def _weather(house: House, **how: object) -> None:
    async with httpx.AsyncClient(base_url=house.stack.urls["mails"], timeout=60) as client:
        (await client.post("/_sim/faults", json=how)).raise_for_status()


def _cart(shopper: Shopper) -> dict[str, str]:
    return {"Cart-Token": shopper.cart_token}


def _of(placed: dict[str, Any]) -> dict[str, str]:
    return {"Order-Token": placed["order_token"]}
