"""Delivered orders are completed when they cannot be returned any more, each once, and none too early."""

import asyncio
from datetime import timedelta

import pytest

from models.order import OrderStatus, buyer_actions
from models.tables import order as orders
from tests.flow import Flow
from tests.workflows.returning import Gone
from workflows.complete_orders import COMPLETE_DELIVERED_ID, CompleteDelivered, Completing
from workflows.order import Order
from workflows.order_messages import DeliverOrder
from workflows.patience import ORDERS

_AGES_AGO = """
UPDATE shipments SET shipped_at = shipped_at - $2::interval, delivered_at = delivered_at - $2::interval
WHERE order_id = $1
"""
OLD = timedelta(days=31)


async def arrived(flow: Flow, ago: timedelta, *, deliver: bool = True) -> Gone:
    """An order whose parcel arrived, or left, so long ago."""
    gone = await Gone.open(flow)
    if deliver:
        await gone.shelf.ask(gone.owner, Order.deliver, DeliverOrder("carrier"))
    async with flow.database.writing() as writer:
        await writer.exec_driver_sql(_AGES_AGO, (gone.order, ago))
    return gone


async def complete(flow: Flow, name: str) -> int:
    """How many a run completes."""
    with flow.skipper.with_time_skipping_disabled():
        done: int = await flow.client.execute_workflow(
            CompleteDelivered.run, Completing(), id=f"{COMPLETE_DELIVERED_ID}-{name}", task_queue=ORDERS
        )
    return done


async def test_what_cannot_be_returned_any_more_is_completed(flow: Flow) -> None:
    """Given orders that arrived before and within the time for returns, then those before are completed, once."""
    old, older = await asyncio.gather(arrived(flow, OLD), arrived(flow, 2 * OLD))
    new, under_way = await asyncio.gather(arrived(flow, timedelta(days=29)), arrived(flow, OLD, deliver=False))
    assert await complete(flow, "first") == 2
    assert await complete(flow, "again") == 0
    stands = [(await gone.shelf.row())["status"] for gone in (old, older, new, under_way)]
    assert stands == ["completed", "completed", "delivered", "shipped"]
    told = [[event.type for event in await orders.timeline(flow.database, gone.order)] for gone in (old, new)]
    assert [events.count("order_completed") for events in told] == [1, 0]
    assert buyer_actions("completed", "paid", "fulfilled", returnable=True) == []


async def test_what_is_on_its_way_back_waits(flow: Flow) -> None:
    """Given an old order with a return going on, then it is left alone until the return is over."""
    gone = await arrived(flow, timedelta(days=29))
    await gone.ask()
    async with flow.database.writing() as writer:
        await writer.exec_driver_sql(_AGES_AGO, (gone.order, OLD))
    assert await complete(flow, "going") == 0
    await gone.reject()
    await gone.end()
    assert await complete(flow, "over") == 1
    assert (await gone.shelf.row())["status"] == OrderStatus.COMPLETED


async def test_many_are_completed_in_steps(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given more orders than a step takes, then the run goes on until none is left."""
    monkeypatch.setattr("workflows.complete_orders.ORDERS_A_STEP", 1)
    await asyncio.gather(arrived(flow, OLD), arrived(flow, OLD))
    assert await complete(flow, "steps") == 2


async def test_an_order_that_somebody_changes_is_left_for_the_next_run(flow: Flow) -> None:
    """Given an order that a transaction has in hand, then no run waits for it."""
    gone = await arrived(flow, OLD)
    async with flow.database.writing() as holder:
        await holder.exec_driver_sql("SELECT FROM orders WHERE id = $1 FOR NO KEY UPDATE", (gone.order,))
        assert await complete(flow, "busy") == 0
    assert await complete(flow, "free") == 1
