"""Telling the outside, by its workflows: over failures of every step, several lives, and receivers that come and go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec
import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from models import clock
from models.database import fetching
from models.order import OrderStatus
from models.outgoing import secret
from models.settings import WorkerSettings
from models.shipment import ShipItem
from models.tables import cart as carts
from models.tables import webhook_delivery as deliveries
from models.tables import webhook_endpoint as endpoints
from tests import receiver as receivers
from tests.flow import Flow
from tests.receiver import Receiver
from tests.workflows.stories import TWO_MUGS, Shelf
from tests.workflows.trouble import Trouble
from workflows import outside
from workflows.order import Order
from workflows.order_messages import AcceptShortage
from workflows.outside import ENLIST_WEBHOOKS_ID, EnlistWebhooks, delivery_workflow_id
from workflows.patience import ORDERS

SOON = 60


@pytest.fixture
def settings(settings: WorkerSettings) -> WorkerSettings:
    """Receivers are on this machine."""
    return msgspec.structs.replace(settings, outgoing_private=True)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Listens, and answers well."""
    async with receivers.listening() as opened:
        yield opened


class Told:
    """The workflows that tell, and how far they are."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.senders: list[UUID] = []

    @property
    def filler(self) -> WorkflowHandle[Any, Any]:
        """Who fills the queues."""
        return self.flow.client.get_workflow_handle(ENLIST_WEBHOOKS_ID)

    async def start(self) -> None:
        """Begin to tell."""
        with self.flow.skipper.with_time_skipping_disabled():
            await self.flow.client.start_workflow(EnlistWebhooks.run, id=ENLIST_WEBHOOKS_ID, task_queue=ORDERS)

    async def subscribe(self, receiver: Receiver) -> UUID:
        """Another receiver."""
        async with self.flow.database.writing() as writer:
            endpoint = await endpoints.create(writer, receiver.url, None, ["*"])
        self.senders.append(endpoint)
        return endpoint

    async def until(self, status: str, count: int) -> None:
        """Wait until so many deliveries stand so."""
        async with asyncio.timeout(SOON):
            while len(await self.flow.database.fetch(
                "SELECT FROM webhook_deliveries WHERE status = $1", status)) < count:  # fmt: skip
                await asyncio.sleep(0.05)

    async def bought(self) -> Shelf:
        """An order that is confirmed."""
        shelf = await Shelf.open(self.flow)
        handle, _ = await shelf.buy()
        await self.flow.until(handle, OrderStatus.CONFIRMED)
        return shelf

    async def end(self) -> None:
        """Leave nobody who tells."""
        for name in (ENLIST_WEBHOOKS_ID, *map(delivery_workflow_id, self.senders)):
            with suppress(RPCError):  # it never began, or has ended by itself
                await self.flow.client.get_workflow_handle(name).terminate("the test is over")


@pytest.fixture
async def told(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Told]:
    """Nobody tells yet: `start` does. Rounds are short, and so are lives."""
    monkeypatch.setattr(outside, "LONGEST", 0.3)
    monkeypatch.setattr(outside, "FILL", 0.05)
    monkeypatch.setattr(outside, "EMPTY", 0.05)
    opened = Told(flow)
    yield opened
    await opened.end()


async def test_an_order_is_told_whatever_fails(
    told: Told, receiver: Receiver, settings: WorkerSettings, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given steps that fail before and after their effect, and lives of two rounds, then each fact comes, verified."""
    monkeypatch.setattr(outside, "ROUNDS", 2)
    endpoint = await told.subscribe(receiver)
    trouble.plan(ENLIST_WEBHOOKS_ID, "enlist_deliveries", "before", "after")
    trouble.plan(delivery_workflow_id(endpoint), "send_deliveries", "before", "after")
    await told.start()

    numbers = [(await told.bought()).number for _ in range(2)]
    await told.until("delivered", 4)

    assert [receiver.of_order(number) for number in numbers] == [["payment.captured", "order.confirmed"]] * 2
    assert len(receiver.got) == 4
    for got in receiver.got:
        message = got.verified(secret(settings.secret_key, endpoint, 1))
        assert message["data"]["order"]["status"] == "confirmed"
    assert trouble.to_come() == []
    async with asyncio.timeout(SOON):
        while (begun := await told.filler.describe()).raw_description.workflow_execution_info.first_run_id == (
            begun.run_id
        ):
            await asyncio.sleep(0.05)


async def test_a_shortage_is_told(told: Told, receiver: Receiver) -> None:
    """Given one mug of two that is not there, then who is told, once, hears of which, why, and what goes back; and
    after that of the money."""
    await told.subscribe(receiver)
    await told.start()
    shelf = await Shelf.open(told.flow)
    async with told.flow.database.writing() as writer:
        await carts.add(fetching(writer), shelf.cart, shelf.sku, 1, None, "usd")
    handle, _ = await told.flow.buy(shelf.cart, TWO_MUGS, number=shelf.number)
    await told.flow.until(handle, OrderStatus.CONFIRMED)
    one = AcceptShortage("d", "staff/bob", "broken", (ShipItem(shelf.sku, 1),))

    await asyncio.gather(*(shelf.ask(handle, Order.accept_shortage, one, "s-1") for _ in range(2)))
    await told.until("delivered", 4)

    assert receiver.of_order(shelf.number) == [
        "payment.captured", "order.confirmed", "order.shortage_accepted", "refund.succeeded"
    ]  # fmt: skip
    data = receiver.got[2].told["data"]
    [item] = data["order"]["items"]
    assert (item["quantity"], item["cancelled"], item["waiting"]) == (2, 1, 0)
    back = {"amount": 1100, "currency": "usd"}
    assert data["fact"] == {"reason": "broken", "items": [{"sku": shelf.sku, "quantity": 1}], "refund": back}
    assert data["actor"] == "staff"


async def test_receivers_come_pause_and_go(told: Told, receiver: Receiver) -> None:
    """Given receivers that are added, paused, resumed and archived meanwhile, then each is told while it is to be."""
    await told.start()
    first = await told.subscribe(receiver)
    await told.bought()
    await told.until("delivered", 2)
    async with receivers.listening() as other:
        second = await told.subscribe(other)
        async with told.flow.database.writing() as writer:
            await endpoints.pause(writer, first, "maintenance")
        await told.bought()
        await told.until("delivered", 4)
        assert (len(receiver.got), len(other.got)) == (2, 2)
        async with told.flow.database.writing() as writer:
            await endpoints.resume(writer, first)
            await deliveries.give_time(writer, first, clock.now())
            await endpoints.archive(writer, second)
            await deliveries.withdraw(writer, second)
        await told.until("delivered", 6)
        assert (len(receiver.got), len(other.got)) == (4, 2)
        sender = told.flow.client.get_workflow_handle(delivery_workflow_id(second))
        async with asyncio.timeout(SOON):
            while (await sender.describe()).status is not WorkflowExecutionStatus.COMPLETED:
                await asyncio.sleep(0.05)


async def test_nobody_waits_for_a_receiver(told: Told, receiver: Receiver) -> None:
    """Given a receiver that never answers, then orders are confirmed, and another receiver is told of them."""
    receiver.mood = lambda _: "hang"
    await told.subscribe(receiver)
    async with receivers.listening() as other:
        await told.subscribe(other)
        await told.start()
        shelf = await told.bought()
        await told.until("delivered", 2)
        assert other.of_order(shelf.number) == ["payment.captured", "order.confirmed"]
        async with asyncio.timeout(SOON):
            await receiver.arrived.wait()
        assert receiver.took == [] and len(receiver.got) == 1
        receiver.let_go.set()
