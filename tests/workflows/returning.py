"""Returns driven without HTTP, and ways that one can go, told once."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any, cast

from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from models.database import fetching
from models.exchange import Exchange
from models.ids import CartId, OrderId, VariantId, new_id
from models.inventory import MAIN
from models.money import Money
from models.order import OrderStatus
from models.returns import InspectedItem, InspectionWish, Return, ReturnItem, ReturnStatus, ReturnWish, workflow_id
from models.shipment import ShipItem
from models.tables import cart as carts
from models.tables import returns
from tests import shop
from tests.flow import Flow, Handle
from tests.workflows.stories import MUG, TWO_MUGS, Shelf, paid_on_a_page
from workflows.order import Order
from workflows.order_messages import ShipOrder
from workflows.patience import ORDERS
from workflows.return_goods import (
    ApproveReturn,
    AwaitReturn,
    InspectReturn,
    ReceiveReturn,
    RejectReturn,
    ReturnGoods,
    ReturnOrder,
    ReturnState,
)

Returning = WorkflowHandle[ReturnGoods, ReturnState]


def usd(amount: int) -> Money:
    """Dollars."""
    return Money(amount, "usd")


class Gone:
    """An order that left the house, and its returns."""

    def __init__(self, shelf: Shelf, owner: Handle, order: OrderId) -> None:
        self.shelf = shelf
        self.flow: Flow = shelf.flow
        self.owner = owner
        self.order = order
        self.other: VariantId | None = None
        """What is wanted instead."""

    @classmethod
    async def open(cls, flow: Flow, units: int = 1, sent: int | None = None, method: str = "pm_card_visa") -> "Gone":
        """Somebody bought one mug or two, and all of them were sent, or some."""
        shelf = await Shelf.open(flow)
        if units == 2:
            async with flow.database.writing() as writer:
                await carts.add(fetching(writer), shelf.cart, shelf.sku, 1, None, "usd")
        total = TWO_MUGS if units == 2 else MUG
        handle, _ = await flow.buy(shelf.cart, total, method, number=shelf.number)
        await flow.until(handle, OrderStatus.CONFIRMED)
        return await cls._send(shelf, handle, sent)

    @classmethod
    async def open_by_chapa(cls, flow: Flow) -> "Gone":
        """Somebody paid one mug on a page of Chapa's, and it was sent."""
        shelf = await Shelf.open(flow)
        return await cls._send(shelf, await paid_on_a_page(shelf))

    @classmethod
    async def _send(cls, shelf: Shelf, handle: Handle, units: int | None = None) -> "Gone":
        items = (ShipItem(shelf.sku, units),) if units else ()
        await shelf.ask(handle, Order.ship, ShipOrder("warehouse", "UPS", "1Z", items))
        return cls(shelf, handle, OrderId((await shelf.row())["id"]))

    def wish(self, units: int = 1, **changes: Any) -> ReturnWish:
        """What is to go back."""
        values: dict[str, Any] = {
            "key": new_id().hex, "reason": "too small", "actor": "buyer", "digest": "digest",
            "items": (ReturnItem(self.shelf.sku, units),),
        }  # fmt: skip
        return ReturnWish(**{**values, **changes})

    def handle(self, n: int = 1) -> Returning:
        """The order's n-th return, begun or not."""
        return self.flow.client.get_workflow_handle_for(ReturnGoods.run, workflow_id(self.order, n))

    async def ask(self, wish: ReturnWish | None = None, n: int = 1) -> ReturnState:
        """Ask for a return as the API does; its answer."""
        wish = wish or self.wish()
        with self.flow.skipper.with_time_skipping_disabled():
            start = WithStartWorkflowOperation(
                ReturnGoods.run, ReturnOrder(self.order, n, wish), id=workflow_id(self.order, n), task_queue=ORDERS,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            )  # fmt: skip
            answer = await self.flow.client.execute_update_with_start_workflow(
                ReturnGoods.await_return, AwaitReturn(wish.key), start_workflow_operation=start, id=wish.key,
                rpc_timeout=timedelta(seconds=60),
            )  # fmt: skip
        return cast(ReturnState, answer)

    async def wants(self, name: str, price: int = 1000, left: int = 3, units: int = 1, n: int = 1) -> Handle:
        """Send units back for others of a product of this price, of which so many are left; the order of those."""
        sku = f"{name}-{new_id().hex[-12:]}"
        async with self.flow.database.writing() as writer:
            self.other = await shop.stock_product(writer, sku, left, {"usd": price})
        return await self.swaps(sku, units, n)

    async def swaps(self, sku: str, units: int = 1, n: int = 1) -> Handle:
        """Send units back for others of this SKU; the order of those."""
        answer = await self.ask(self.wish(items=(ReturnItem(self.shelf.sku, units, sku),)), n)
        assert answer.goods is not None, answer.refusal
        await self.approve(n)
        await self.receive(n=n)
        await self.inspect(n=n)
        return await self.sent_instead(n)

    async def sent_instead(self, n: int = 1) -> Handle:
        """The order that an exchange made; begun or not. A cart of nobody's where it made none."""
        rows = await self.flow.database.fetch(
            "SELECT e.cart_id FROM exchanges e JOIN returns r ON r.id = e.return_id WHERE r.order_id = $1 AND r.n = $2",
            self.order, n,
        )  # fmt: skip
        return self.flow.watched(CartId(rows[0]["cart_id"] or new_id()))

    async def exchange(self, status: str, n: int = 1) -> Exchange:
        """What became of the wish, which has come to this."""
        found = (await self.row(n)).exchange
        assert found is not None
        assert found.status == status, found
        return found

    async def do(self, command: Any, request: Any, n: int = 1) -> ReturnState:
        """Send a command to the return's owner. (The SDK's types say coroutine for one that has a description.)"""
        return cast(ReturnState, await self.handle(n).execute_update(command, request))

    async def approve(self, n: int = 1) -> ReturnState:
        """Staff let the buyer send the goods."""
        return await self.do(ReturnGoods.approve, ApproveReturn("bob", "as asked", "approve"), n)

    async def reject(self, n: int = 1) -> ReturnState:
        """Staff do not."""
        return await self.do(ReturnGoods.reject, RejectReturn("bob", "worn", "reject"), n)

    async def receive(self, units: int | None = None, n: int = 1) -> ReturnState:
        """All of it comes, or so many units."""
        items = (ReturnItem(self.shelf.sku, units),) if units is not None else ()
        return await self.do(ReturnGoods.receive, ReceiveReturn("bob", "receive", items), n)

    async def inspect(self, good: int | None = None, bad: int = 0, n: int = 1, **changes: Any) -> ReturnState:
        """All of it is good, or so many units are, and so many not."""
        items = (InspectedItem(self.shelf.sku, good, bad),) if good is not None else ()
        wish = InspectionWish(**{"actor": "bob", "items": items, **changes})
        return await self.do(ReturnGoods.inspect, InspectReturn("inspect", wish), n)

    async def end(self, n: int = 1) -> Return:
        """Wait until it is over."""
        ended = cast(ReturnState, await asyncio.wait_for(self.handle(n).result(), 60))
        assert ended.goods is not None
        return ended.goods

    async def row(self, n: int = 1) -> Return:
        """The return as Postgres has it."""
        found = await returns.by_number(self.flow.database, self.order, n)
        assert found is not None
        return found

    async def line(self) -> tuple[int, int]:
        """(shipped, set apart or back) of the order's only position."""
        [row] = await self.flow.database.fetch(
            "SELECT shipped, returned FROM order_lines WHERE order_id = $1", self.order
        )
        return row["shipped"], row["returned"]

    async def moved(self) -> list[tuple[str, int]]:
        """(kind, change of on hand) of what moved goods of the order since they left."""
        rows = await self.flow.database.fetch(
            "SELECT kind, on_hand FROM stock_movements WHERE order_id = $1 AND location_id = $2 "
            "AND kind IN ('return', 'adjust') ORDER BY id", self.order, MAIN,
        )  # fmt: skip
        return [(row["kind"], row["on_hand"]) for row in rows]

    async def refunds(self) -> list[tuple[int, str, int]]:
        """(n, status, amount) of the order's refunds."""
        rows = await self.flow.database.fetch(
            "SELECT n, status, amount FROM refunds WHERE order_id = $1 ORDER BY n", self.order
        )
        return [tuple(row) for row in rows]

    async def card(self, n: int = 1) -> str:
        """The return's state card in the Temporal UI."""
        known: WorkflowMetadata = await self.handle(n).query(
            "__temporal_workflow_metadata", result_type=WorkflowMetadata
        )
        return known.current_details

    async def until_card(self, says: str, n: int = 1, within: float = 60) -> str:
        """Wait until the state card says this; the card."""
        async with asyncio.timeout(within):
            while says not in (card := await self.card(n)):
                await asyncio.sleep(0.02)
        return card

    async def facts(self) -> Mapping[str, int]:
        """How often each type of fact about returns stands in the order's timeline."""
        rows = await self.flow.database.fetch(
            "SELECT type, count(*)::int AS times FROM order_events WHERE order_id = $1 AND type LIKE 'return_%' "
            "GROUP BY type", self.order,
        )  # fmt: skip
        return {row["type"]: row["times"] for row in rows}


# Ways that a return can go. Each leaves it over.


async def return_settled(flow: Flow) -> Gone:
    """Asked for, approved, received, good as new: the money of the mug goes back."""
    gone = await Gone.open(flow)
    await gone.ask()
    await gone.approve()
    await gone.receive()
    await gone.inspect()
    assert (await gone.end()).status is ReturnStatus.SETTLED
    return gone


async def return_without_money(flow: Flow) -> Gone:
    """A broken mug: it is written off, and its whole price is kept."""
    gone = await Gone.open(flow)
    await gone.ask()
    await gone.approve()
    await gone.receive()
    await gone.inspect(0, 1, fee=usd(1100))
    assert (await gone.end()).refund is None
    return gone


async def return_rejected(flow: Flow) -> Gone:
    """Staff say no."""
    gone = await Gone.open(flow)
    await gone.ask()
    await gone.reject()
    assert (await gone.end()).status is ReturnStatus.REJECTED
    return gone


async def return_expired(flow: Flow) -> Gone:
    """The goods never come."""
    gone = await Gone.open(flow)
    await gone.ask()
    await gone.approve()
    await gone.until_card("the goods to come back")
    await flow.fast_forward(gone.handle(), timedelta(days=31))
    assert (await gone.end()).status is ReturnStatus.EXPIRED
    return gone


async def return_decided_late(flow: Flow) -> Gone:
    """Nobody answers in time; a person is told, and says no."""
    gone = await Gone.open(flow)
    await gone.ask()
    await gone.until_card("staff to approve or reject it")
    await flow.fast_forward(gone.handle(), timedelta(days=4))
    await gone.until_card("Needs attention")
    await gone.reject()
    assert (await gone.end()).status is ReturnStatus.REJECTED
    return gone


async def exchanged(flow: Flow) -> Gone:
    """A cup instead of the mug, at the same price: it is on its way to being sent."""
    gone = await Gone.open(flow)
    await gone.wants("CUP")
    assert (await gone.end()).exchange == await gone.exchange("done")
    return gone


async def exchange_not_paid(flow: Flow) -> Gone:
    """A dearer jug instead of the mug; the rest of its price is not paid in time, and the money goes back."""
    gone = await Gone.open(flow)
    other = await gone.wants("JUG", 1500)
    await flow.until_waiting(other)
    await flow.fast_forward(other, timedelta(days=4))
    await flow.fast_forward(gone.handle(), timedelta(hours=3))
    assert (await gone.end()).exchange == await gone.exchange("refunded")
    return gone


Story = Callable[[Flow], Coroutine[Any, Any, Gone]]
ALL: tuple[Story, ...] = (
    return_settled, return_without_money, return_rejected, return_expired, return_decided_late, exchanged,
    exchange_not_paid,
)  # fmt: skip
"""All of them."""
