"""Tells whoever watches the shop how it stands, beside what the worker tells of its own work.

Not activities: every worker looks for itself, every so often, and tells the same of the whole shop. A neighbour that
is away costs its own numbers alone: `holdfast_gauges_read_at_seconds` then stands still, and so do they.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from itertools import product

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.common import MetricGaugeFloat, MetricMeter

from models.attention import AttentionKind, Urgency
from models.database import Database
from models.tables import attention_queue, gauges

log = structlog.get_logger()

EVERY = 15.0
"""Seconds between two looks: about as often as Prometheus comes."""
SELDOM = 4
"""Every so many looks, what waits for people is counted: that is dearer, and they come more slowly."""
PATIENCE = timedelta(seconds=5)

FROM_THE_START = (
    "order_placed", "order_confirmed", "order_cancelled", "order_completed", "order_shipped", "order_delivered",
    "payment_captured", "payment_declined", "refund_started", "refund_succeeded", "refund_failed", "dispute_opened",
    "return_requested",
)  # fmt: skip
"""Facts that are told from the first look on, as none: whoever looks at what is added misses not even the first."""
QUEUES = ("letters", "incoming_webhooks", "outgoing_webhooks", "catalogue_answers", "catalogue_search")
_KINDS = {
    "workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


class Gauges:
    """The numbers of one worker process. `task_queues`: all there are, of which the first has workflows too."""

    def __init__(
        self,
        database: Database,
        client: Client,
        meter: MetricMeter,
        followers: Mapping[str, Sequence[str]],
        task_queues: Sequence[str],
    ) -> None:
        self._database, self._client, self._followers = database, client, followers
        self._polled = [(task_queues[0], "workflow"), *((queue, "activity") for queue in task_queues)]
        self._place: int | None = None
        self._orders = meter.create_gauge("holdfast_orders_open", "Orders not delivered and not ended, by status")
        self._facts = meter.create_counter("holdfast_order_facts_total", "What happened to orders, by type of fact")
        self._money = meter.create_counter(
            "holdfast_order_money_total", "Minor units that were asked for, taken, or given back"
        )
        self._held = meter.create_gauge("holdfast_stock_held_units", "Units promised to orders, not yet sent")
        self._awaited = meter.create_gauge("holdfast_stock_backordered_units", "Units that orders wait for")
        self._refunds = meter.create_gauge("holdfast_refunds_open", "Refunds whose money is on its way")
        self._drift = meter.create_gauge(
            "holdfast_reconciliation_drift", "What payment providers and we told differently when last compared"
        )
        self._reconciled = meter.create_gauge_float(
            "holdfast_reconciled_at_seconds", "When they were last compared, since 1970"
        )
        self._attention = meter.create_gauge("holdfast_attention", "What waits for a person, by kind and urgency")
        self._needing = meter.create_gauge(
            "holdfast_workflows_need_attention", "Running workflows that wait for a person"
        )
        self._waiting = meter.create_gauge("holdfast_queue_waiting", "What is due in our own queues")
        self._oldest = meter.create_gauge_float("holdfast_queue_oldest_seconds", "How long the first of it has waited")
        self._backlog = meter.create_gauge("holdfast_task_queue_backlog", "Tasks that no worker has taken up")
        self._age = meter.create_gauge_float(
            "holdfast_task_queue_backlog_age_seconds", "How long the first of them has waited"
        )
        self._pollers = meter.create_gauge("holdfast_task_queue_pollers", "Who asks for such tasks, in all workers")
        self._read_at = meter.create_gauge_float(
            "holdfast_gauges_read_at_seconds", "When these numbers were last read, since 1970, by who was asked"
        )
        for type in FROM_THE_START:
            self._facts.add(0, {"type": type})

    async def tell_for_ever(self) -> None:
        """Look and tell, until cancelled."""
        looks = 0
        while True:
            asked: dict[str, Callable[[], Awaitable[None]]] = {"books": self.tell_books, "temporal": self.tell_temporal}
            if looks % SELDOM == 0:
                asked["attention"] = self.tell_attention
            for name, tell in asked.items():
                try:
                    await tell()
                except Exception as error:  # noqa: BLE001 whatever is wrong with a number, orders go on
                    log.warning("numbers cannot be told", asked=name, error=f"{type(error).__name__}: {error}"[:300])
            looks += 1
            await asyncio.sleep(EVERY)

    async def tell_books(self) -> None:
        """What Postgres knows: what is open, and what happened since the last look."""
        if self._place is None:
            self._place = await gauges.now(self._database)
        standing = await gauges.look(self._database, self._followers)
        self._place, happened = await gauges.since(self._database, self._place)
        for status, count in standing.orders.items():
            self._orders.set(count, {"status": status})
        self._held.set(standing.units_held)
        self._awaited.set(standing.units_backordered)
        self._refunds.set(standing.refunds)
        self._drift.set(standing.drift)
        self._reconciled.set(standing.reconciled_at)
        for name in {*QUEUES, *standing.queues}:
            queue = standing.queues.get(name, gauges.NOTHING)
            self._waiting.set(queue.waiting, {"queue": name})
            self._oldest.set(queue.oldest, {"queue": name})
        for fact in happened:
            self._facts.add(fact.count, {"type": fact.type})
            if fact.currency:
                self._money.add(fact.amount, {"type": fact.type, "currency": fact.currency})
        _now(self._read_at, "books")

    async def tell_attention(self) -> None:
        """What waits for the shop's own people."""
        found = await attention_queue.counted(self._database)
        for kind, urgency in product(AttentionKind, Urgency):
            self._attention.set(found.get((kind, urgency), 0), {"kind": kind, "urgency": urgency})
        _now(self._read_at, "attention")

    async def tell_temporal(self) -> None:
        """What Temporal knows: tasks nobody takes up, and workflows that wait for a person."""
        found = await self._client.count_workflows(
            'NeedsAttention = true AND ExecutionStatus = "Running"', rpc_timeout=PATIENCE
        )
        self._needing.set(found.count)
        for queue, kind in self._polled:
            told = await self._client.workflow_service.describe_task_queue(
                DescribeTaskQueueRequest(
                    namespace=self._client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=_KINDS[kind],
                    report_stats=True,
                ),
                timeout=PATIENCE,
            )  # fmt: skip
            where = {"queue": queue, "kind": kind}
            self._backlog.set(told.stats.approximate_backlog_count, where)
            self._age.set(told.stats.approximate_backlog_age.ToTimedelta().total_seconds(), where)
            self._pollers.set(len(told.pollers), where)
        _now(self._read_at, "temporal")


def _now(gauge: MetricGaugeFloat, asked: str) -> None:
    gauge.set(time.time(), {"asked": asked})
