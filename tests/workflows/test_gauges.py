"""How the shop stands, told to Prometheus: what is open, what happened, what waits, and for how long."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.request import urlopen
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

import worker
from activities.gauges import Gauges
from dev.ports import HOST, Ports
from models.database import Database
from models.refund import RefundStatus
from models.tables import attention
from tests.flow import Flow
from tests.workflows.refunding import Sold
from workflows import visibility
from workflows.patience import CATALOGUE, MAIL, ORDERS, OUTSIDE, PAYMENTS

SOON = 60
"""Seconds in which the oldest transaction of the whole cluster ends, other tests' own among them."""


class Told:
    """Somebody who tells, and what a Prometheus reads of it."""

    def __init__(self, flow: Flow, database: Database, *queues: str) -> None:
        self._address = f"{HOST}:{Ports.free().worker_metrics}"
        self._runtime = Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=self._address)))
        self.meter = self._runtime.metric_meter
        self.gauges = Gauges(database, flow.client, self.meter, worker.FOLLOWERS, queues)

    async def value(self, name: str, **labels: str) -> float | None:
        """One number; None: it is not told."""
        text = await asyncio.to_thread(lambda: urlopen(f"http://{self._address}/metrics", timeout=60).read().decode())
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        return None

    async def until(self, tell: Callable[[], Awaitable[None]], wanted: float, name: str, **labels: str) -> None:
        """Tell until this number is told."""
        async with asyncio.timeout(SOON):
            while await self.value(name, **labels) != wanted:
                await tell()
                await asyncio.sleep(0.05)


@pytest.fixture
async def told(flow: Flow) -> AsyncIterator[Told]:
    """The shop's own numbers."""
    yield Told(flow, flow.database, ORDERS, PAYMENTS, MAIL, CATALOGUE, OUTSIDE)


async def test_what_happens_is_counted_once(flow: Flow, told: Told) -> None:
    """Given an order that is bought and half refunded between looks, then it is open, its unit held, its money told."""
    tell = told.gauges.tell_books
    await tell()
    assert await told.value("holdfast_order_facts_total", type="order_confirmed") == 0
    assert await told.value("holdfast_orders_open", status="confirmed") == 0

    sold = await Sold.open(flow)
    await told.until(tell, 1, "holdfast_order_facts_total", type="order_confirmed")
    assert await told.value("holdfast_order_facts_total", type="order_placed") == 1
    assert await told.value("holdfast_order_money_total", type="order_placed", currency="usd") == 1600
    assert await told.value("holdfast_order_money_total", type="payment_captured", currency="usd") == 1600
    assert await told.value("holdfast_orders_open", status="confirmed") == 1
    assert await told.value("holdfast_orders_open", status="pending") == 0
    assert await told.value("holdfast_stock_held_units") == 1
    assert await told.value("holdfast_refunds_open") == 0

    assert (await sold.refund(800)).status is RefundStatus.SUCCEEDED
    await told.until(tell, 1, "holdfast_order_facts_total", type="refund_succeeded")
    await tell()
    assert await told.value("holdfast_order_money_total", type="refund_succeeded", currency="usd") == 800
    assert await told.value("holdfast_order_facts_total", type="order_confirmed") == 1
    assert await told.value("holdfast_order_money_total", type="payment_captured", currency="usd") == 1600


async def test_what_our_own_readers_are_behind(flow: Flow, told: Told) -> None:
    """Given news that nobody follows here, then each queue says how many wait and how long; what is empty says so."""
    await told.gauges.tell_books()
    assert await told.value("holdfast_queue_waiting", queue="orders_issue_papers") == 0
    assert await told.value("holdfast_queue_oldest_seconds", queue="orders_issue_papers") == 0

    sold = await Sold.open(flow)
    async with flow.database.writing() as writer:
        await writer.exec_driver_sql(
            "INSERT INTO order_events (id, order_id, key, type, actor, facts, at) "
            "VALUES (uuidv7(), $1, 'old', 'order_completed', 'order', '{}', now() - interval '1 hour')",
            (sold.order,),
        )
        await writer.exec_driver_sql(
            "INSERT INTO webhook_events (provider, event_id, type, body, received_at) "
            "VALUES ('stripe', 'evt_1', 'refund.failed', '', now() - interval '10 minutes')"
        )
    await told.gauges.tell_books()

    # Papers are asked for by `order_confirmed`, `payment_captured` and `order_completed`.
    assert await told.value("holdfast_queue_waiting", queue="orders_issue_papers") == 3
    assert 3600 <= (await told.value("holdfast_queue_oldest_seconds", queue="orders_issue_papers") or 0) < 7200
    assert await told.value("holdfast_queue_waiting", queue="orders_split_orders") == 2
    assert await told.value("holdfast_queue_waiting", queue="orders_webhooks") == 3
    assert await told.value("holdfast_queue_waiting", queue="incoming_webhooks") == 1
    assert 600 <= (await told.value("holdfast_queue_oldest_seconds", queue="incoming_webhooks") or 0) < 3600
    assert await told.value("holdfast_queue_waiting", queue="outgoing_webhooks") == 0
    assert (await told.value("holdfast_queue_waiting", queue="catalogue_answers") or 0) > 0


async def test_what_waits_for_people(flow: Flow, told: Told) -> None:
    """Given an order that needs attention, then it is counted, and what there is none of is counted as none."""
    sold = await Sold.open(flow)
    async with flow.database.writing() as writer:
        await attention.ask(writer, sold.order, "attention", "capture the payment: nobody knows")

    await told.gauges.tell_attention()

    assert await told.value("holdfast_attention", kind="stuck", urgency="high") == 1
    assert await told.value("holdfast_attention", kind="stuck", urgency="normal") == 0
    assert await told.value("holdfast_attention", kind="dispute", urgency="high") == 0


async def test_tasks_that_nobody_takes(flow: Flow) -> None:
    """Given a workflow on a queue that no worker polls, then its task is told as waiting; elsewhere are pollers."""
    idle = f"idle-{uuid4()}"
    told = Told(flow, flow.database, ORDERS, idle)
    with flow.skipper.with_time_skipping_disabled():
        stuck = await flow.client.start_workflow(
            "Order", id=idle, task_queue=idle,
            search_attributes=TypedSearchAttributes([SearchAttributePair(visibility.NEEDS_ATTENTION, True)]),
        )  # fmt: skip
    lonely = Gauges(flow.database, flow.client, told.meter, worker.FOLLOWERS, [idle])
    await told.until(lonely.tell_temporal, 1, "holdfast_task_queue_backlog", queue=idle, kind="workflow")
    await told.gauges.tell_temporal()

    assert await told.value("holdfast_task_queue_pollers", queue=idle, kind="workflow") == 0
    assert (await told.value("holdfast_task_queue_pollers", queue=ORDERS, kind="workflow") or 0) > 0
    assert await told.value("holdfast_task_queue_backlog", queue=idle, kind="activity") == 0
    async with asyncio.timeout(SOON):  # the server lists what it was told within a second or so
        while not await told.value("holdfast_workflows_need_attention"):
            await told.gauges.tell_temporal()
            await asyncio.sleep(0.1)
    await stuck.terminate("the test is over")


async def test_who_is_away_costs_its_own_numbers_alone(flow: Flow) -> None:
    """Given no Postgres, then what Temporal knows is told all the same, and of the books nothing."""
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    told = Told(flow, nowhere, ORDERS)
    telling = asyncio.create_task(told.gauges.tell_for_ever())
    try:
        async with asyncio.timeout(SOON):
            while await told.value("holdfast_gauges_read_at_seconds", asked="temporal") is None:
                await asyncio.sleep(0.05)
    finally:
        telling.cancel()
        await nowhere.close()

    assert (await told.value("holdfast_task_queue_pollers", queue=ORDERS, kind="activity") or 0) > 0
    assert await told.value("holdfast_gauges_read_at_seconds", asked="books") is None
    assert await told.value("holdfast_orders_open", status="confirmed") is None
