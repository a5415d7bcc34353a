"""Orders driven without HTTP: our workflows and activities in the test's process, on time that can be skipped."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, cast

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper

import worker
from dev.chapa.remote import ChapaControl
from dev.stripe.remote import SimulatorControl
from models import clock, wire
from models.checkout import PaymentChoice
from models.database import Database
from models.ids import CartId
from models.money import Money
from models.order import OrderStatus, workflow_id
from models.settings import WorkerSettings
from tests import shop
from workflows import visibility
from workflows.order import Order
from workflows.order_messages import AwaitCheckout, OrderState
from workflows.patience import ORDERS

Handle = WorkflowHandle[Order, OrderState]
BUSY = 60
"""Seconds that a workflow may keep a busy machine waiting before it counts as stuck; usually it is two."""


class Flow:
    """A shop whose orders live in this process."""

    def __init__(self, skipper: TimeSkipper, database: Database, stripe: SimulatorControl, chapa: ChapaControl) -> None:
        self.skipper = skipper
        self.database = database
        self.stripe = stripe
        self.chapa = chapa
        self._handles: list[Handle] = []

    @property
    def client(self) -> Client:
        """Starts workflows whose time can be skipped."""
        return self.skipper.client

    async def cart(self, wanted: Mapping[str, int], currency: str = "usd") -> CartId:
        """A cart with these units."""
        return await shop.fill_cart(self.database, wanted, currency)

    async def begin(self, cart: CartId, total: int, method: str | None = "pm_card_visa", **changes: Any) -> Handle:
        """Start an order and do not wait for it. Time runs as usual until `fast_forward`."""
        bought = shop.purchase(cart, Money(total, "usd"), **{"payment": PaymentChoice(method=method), **changes})
        with self.skipper.with_time_skipping_disabled():
            handle = await self.client.start_workflow(
                Order.run, bought, id=workflow_id(cart, bought.attempt), task_queue=ORDERS,
                search_attributes=visibility.at_start(bought, clock.now()),
            )  # fmt: skip
        self._handles.append(handle)
        return handle

    async def buy(
        self, cart: CartId, total: int, method: str | None = "pm_card_visa", **changes: Any
    ) -> tuple[Handle, OrderState]:
        """Check out as the API does; the order and its answer."""
        bought = shop.purchase(cart, Money(total, "usd"), **{"payment": PaymentChoice(method=method), **changes})
        self._handles.append(self.handle(cart, bought.attempt))
        with self.skipper.with_time_skipping_disabled():
            start = WithStartWorkflowOperation(
                Order.run, bought, id=workflow_id(cart, bought.attempt), task_queue=ORDERS,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=visibility.at_start(bought, clock.now()),
            )  # fmt: skip
            answer = await self.client.execute_update_with_start_workflow(
                Order.await_checkout, AwaitCheckout(bought.digest), start_workflow_operation=start, id=bought.key,
                rpc_timeout=timedelta(seconds=60),
            )  # fmt: skip
            handle = await start.workflow_handle()
        return handle, cast(OrderState, answer)  # the SDK's types say coroutine

    def handle(self, cart: CartId, attempt: int = 1) -> Handle:
        """The order that came, or will come, of a cart."""
        found: Handle = self.client.get_workflow_handle_for(Order.run, workflow_id(cart, attempt))
        return found

    def watched(self, cart: CartId) -> Handle:
        """The order of a cart that others check out; it is ended with the test like our own."""
        self._handles.append(self.handle(cart))
        return self._handles[-1]

    async def fast_forward(self, handle: WorkflowHandle[Any, Any], by: timedelta) -> None:
        """Let this workflow's time pass: its timers and pauses end, its activities really run."""
        await self.skipper.fast_forward(handle, by)

    async def until(self, handle: Handle, status: OrderStatus, within: float = 60) -> OrderState:
        """Wait until the order says that it has `status`."""
        async with asyncio.timeout(within):
            while (seen := cast(OrderState, await handle.query(Order.state))).status is not status:
                await asyncio.sleep(0.02)
        return seen

    async def until_waiting(self, handle: Handle, within: float = 60) -> None:
        """Wait until the order is placed and waits for its buyer to pay."""
        async with asyncio.timeout(within):
            while True:
                with suppress(RPCError):  # it has not begun yet
                    if cast(OrderState, await handle.query(Order.state)).payment is not None:
                        return
                await asyncio.sleep(0.02)

    async def intents(self, number: str) -> list[dict[str, Any]]:
        """What the provider holds for one order."""
        return await self.stripe.ledger(order=number)

    async def close(self) -> None:
        """End what a test left open, so that the next one's worker does not take it up."""
        for handle in self._handles:
            with suppress(RPCError):  # it never began, or has ended by itself
                await handle.terminate("the test is over")


async def connected(settings: WorkerSettings) -> Client:
    """A client whose workflows' time runs as usual, as workers need it."""
    client = await Client.connect(
        settings.temporal_address, namespace=settings.temporal_namespace, plugins=[wire.plugin(settings.payload_keys)]
    )
    await worker.register_search_attributes(client, settings.temporal_namespace)
    return client


async def open_shop(client: Client, database: Database, stripe: SimulatorControl, chapa: ChapaControl) -> Flow:
    """An open shop in which nobody works yet."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
    return Flow(TimeSkipper(client), database, stripe, chapa)


@asynccontextmanager
async def at_work(
    client: Client, settings: WorkerSettings, database: Database, options: Mapping[str, Any]
) -> AsyncIterator[None]:
    """All workers, in this process."""
    payments = worker.payment_activities(settings)
    async with AsyncExitStack() as running:
        running.push_async_callback(payments.close)
        for each in worker.workers(
            client, settings, database, payments,
            grace=timedelta(0), **{"workflow_failure_exception_types": [Exception], **options},
        ):  # fmt: skip
            if each._workflow_worker:
                each._workflow_worker._deadlock_timeout_seconds = BUSY
            await running.enter_async_context(each)
        yield
