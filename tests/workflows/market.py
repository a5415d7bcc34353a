"""Vendors at work without HTTP: goods of theirs that are bought, orders divided, payouts begun, transfers counted."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle

from models.commission import Terms
from models.ids import OrderId, new_id
from models.order import OrderStatus
from models.vendor import PayoutStatus, workflow_id
from tests import sellers
from tests.flow import Flow
from tests.sellers import Seller
from tests.workflows.refunding import Sold
from tests.workflows.stories import Shelf
from workflows.patience import ORDERS
from workflows.pay_out import PayOut
from workflows.pay_vendors import PAY_VENDORS_ID, Paying, PayVendors
from workflows.split_orders import SPLIT_ORDERS_ID, SplitOrders, Splitting

TENTH = Terms(100_000)
_DASHBOARD = {"Authorization": "Bearer sk_test_dashboard"}
_PAYOUTS = "SELECT vendor_id, currency, day FROM payouts ORDER BY id"
Following = WorkflowHandle[SplitOrders, None]


class Market:
    """A vendor with an account at the provider."""

    def __init__(self, flow: Flow, anna: Seller) -> None:
        self.flow = flow
        self.anna = anna

    @classmethod
    async def open(cls, flow: Flow, account: str | None = None) -> "Market":
        """Anna keeps nine tenths of what her mugs cost."""
        slug = f"anna-{new_id().hex[-12:]}"
        async with flow.database.writing() as writer:
            anna = await sellers.seller(writer, slug, terms=TENTH)
            await writer.exec_driver_sql(
                "UPDATE vendors SET payout_account = $2 WHERE id = $1", (anna.id, account or f"acct_{new_id().hex}")
            )
        return cls(flow, anna)

    async def sell(self) -> Sold:
        """Somebody bought a mug of hers, which was hers before: a follower may divide the order at once."""
        shelf = await Shelf.open(self.flow)
        async with self.flow.database.writing() as writer:
            await sellers.give(writer, self.anna.id, shelf.mug)
        handle, _ = await shelf.buy()
        await self.flow.until(handle, OrderStatus.CONFIRMED)
        return Sold(shelf, OrderId((await shelf.row())["id"]))

    async def divided(self) -> Sold:
        """The same, and it is divided."""
        sold = await self.sell()
        async with self.flow.database.writing() as writer:
            await sellers.divide(writer, sold.order)
        return sold

    async def follow(self, request: Splitting | None = None) -> Following:
        """Have all orders followed; end it with `terminate`."""
        with self.flow.skipper.with_time_skipping_disabled():
            return await self.flow.client.start_workflow(
                SplitOrders.run, request or Splitting(), id=f"{SPLIT_ORDERS_ID}-{new_id()}", task_queue=ORDERS
            )

    async def said(self) -> dict[str, int]:
        """What the payout ledger says of everything, Anna called by her first name."""
        found = await sellers.said(self.flow.database)
        return {name.replace(self.anna.slug, "anna"): amount for name, amount in found.items()}

    async def until_said(self, wanted: dict[str, int], within: float = 60) -> None:
        """Wait until the ledger says this."""
        seen: dict[str, int] = {}
        try:
            async with asyncio.timeout(within):
                while (seen := await self.said()) != wanted:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            assert seen == wanted

    async def pay(self) -> list[PayoutStatus | None]:
        """One run of the schedule; how each payout that it began, or went on with, ended."""
        with self.flow.skipper.with_time_skipping_disabled():
            begun = await self.flow.client.execute_workflow(
                PayVendors.run, Paying(timedelta(days=7)), id=f"{PAY_VENDORS_ID}-{new_id()}", task_queue=ORDERS
            )
        async with asyncio.timeout(60):
            while len(rows := await self.flow.database.fetch(_PAYOUTS)) < begun:
                await asyncio.sleep(0.02)
        handles: list[WorkflowHandle[Any, Any]] = [
            self.flow.client.get_workflow_handle_for(
                PayOut.run, workflow_id(row["vendor_id"], row["currency"], row["day"])
            )
            for row in rows
        ]  # fmt: skip
        return [await asyncio.wait_for(handle.result(), 60) for handle in handles]

    async def payout(self) -> WorkflowHandle[Any, Any]:
        """The owner of her last payout."""
        [*_, last] = await self.flow.database.fetch(_PAYOUTS)
        owner = workflow_id(last["vendor_id"], last["currency"], last["day"])
        return self.flow.client.get_workflow_handle(owner)

    async def payouts(self) -> list[tuple[str, int]]:
        """(status, amount) of hers, oldest first."""
        rows = await self.flow.database.fetch(
            "SELECT status, amount FROM payouts WHERE vendor_id = $1 ORDER BY id", self.anna.id
        )
        return [(row["status"], row["amount"]) for row in rows]

    async def transfers(self) -> list[int]:
        """What the provider sent to her account."""
        [row] = await self.flow.database.fetch("SELECT payout_account FROM vendors WHERE id = $1", self.anna.id)
        answer = await self.flow.stripe.http.get(
            "/v1/transfers", params={"destination": row["payout_account"], "limit": 100}, headers=_DASHBOARD
        )
        return [each["amount"] for each in answer.raise_for_status().json()["data"]]


# Ways that each can go, told once.


async def orders_divided(flow: Flow) -> WorkflowHandle[Any, Any]:
    """An order of a vendor's goods is divided; its follower is left waiting."""
    market = await Market.open(flow)
    await market.sell()
    following = await market.follow()
    async with asyncio.timeout(60):
        while not await market.said():
            await asyncio.sleep(0.02)
    return following


async def vendors_paid(flow: Flow) -> WorkflowHandle[Any, Any]:
    """One vendor is owed something, and is paid out."""
    market = await Market.open(flow)
    await market.divided()
    with flow.skipper.with_time_skipping_disabled():
        paying: WorkflowHandle[Any, Any] = await flow.client.start_workflow(
            PayVendors.run, Paying(timedelta(days=7)), id=f"{PAY_VENDORS_ID}-{new_id()}", task_queue=ORDERS
        )
    await asyncio.wait_for(paying.result(), 60)
    return paying


async def paid_out(flow: Flow) -> WorkflowHandle[Any, Any]:
    """A payout that is sent."""
    market = await Market.open(flow)
    await market.divided()
    assert await market.pay() == [PayoutStatus.PAID]
    return await market.payout()


async def payout_refused(flow: Flow) -> WorkflowHandle[Any, Any]:
    """A payout to an account that the provider does not know."""
    market = await Market.open(flow, account="nobody")
    await market.divided()
    assert (await market.pay())[-1] is PayoutStatus.FAILED
    return await market.payout()


ALL: tuple[Callable[[Flow], Coroutine[Any, Any, WorkflowHandle[Any, Any]]], ...] = (
    orders_divided, vendors_paid, paid_out, payout_refused,
)  # fmt: skip
"""All of them."""
