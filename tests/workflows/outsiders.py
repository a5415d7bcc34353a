"""A story about a receiver outside, told to its end: its histories are replayed by every build."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from models.order import OrderStatus
from models.tables import webhook_delivery as deliveries
from models.tables import webhook_endpoint as endpoints
from tests.flow import Flow
from tests.workflows.stories import Shelf
from workflows import outside
from workflows.outside import ENLIST_WEBHOOKS_ID, EnlistWebhooks, delivery_workflow_id
from workflows.patience import ORDERS

Handle = WorkflowHandle[Any, Any]


async def told_outside(flow: Flow) -> dict[str, Handle]:
    """An order is put into the queue of a receiver, which is archived in the end; who fills queues goes on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outside, "LONGEST", 0.5)
        async with flow.database.writing() as writer:
            endpoint = await endpoints.create(writer, "https://127.0.0.1/hook", None, ["*"])
        with flow.skipper.with_time_skipping_disabled():
            filler = await flow.client.start_workflow(EnlistWebhooks.run, id=ENLIST_WEBHOOKS_ID, task_queue=ORDERS)
        handle, _ = await (await Shelf.open(flow)).buy()
        await flow.until(handle, OrderStatus.CONFIRMED)
        async with asyncio.timeout(60):
            while not await flow.database.fetch("SELECT FROM webhook_deliveries WHERE error IS NOT NULL"):
                await asyncio.sleep(0.05)
        async with flow.database.writing() as writer:
            await endpoints.archive(writer, endpoint)
            await deliveries.withdraw(writer, endpoint)
        sender = flow.client.get_workflow_handle(delivery_workflow_id(endpoint))
        await sender.result()
        async with asyncio.timeout(60):
            while not any(
                event.HasField("child_workflow_execution_completed_event_attributes")
                for event in (await filler.fetch_history()).events
            ):
                await asyncio.sleep(0.1)
        await filler.terminate("told")
    return {"queues_filled": filler, "queue_emptied": sender}


NAMES = ("queues_filled", "queue_emptied")
