"""Refunds driven without HTTP, the books that must agree whatever befell them, and ways that one can go, told once."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, cast

from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from models.ids import OrderId, new_id
from models.money import Money
from models.order import OrderStatus
from models.refund import RefundedItem, RefundStatus, RefundWish, workflow_id
from models.tables import credit, inventory, refund_end
from models.tables import refund as refunds
from tests.flow import Flow
from tests.workflows.stories import Shelf
from workflows.news import ProviderNews
from workflows.patience import ORDERS
from workflows.refund import AwaitRefund, Refund, RefundOrder, RefundState
from workflows.steadfast import RetryStep

Refunding = WorkflowHandle[Refund, RefundState]

_SAID = """
SELECT o.number, p.captured, coalesce((SELECT sum(r.from_provider) FROM refunds r
        WHERE r.order_id = o.id AND r.status = 'succeeded' AND NOT (r.store_credit OR r.gift_card)), 0)::int AS refunded
FROM orders o JOIN payments p ON p.order_id = o.id WHERE p.provider <> 'chapa'
"""


def usd(amount: int) -> Money:
    """Dollars."""
    return Money(amount, "usd")


class Sold:
    """An order that is paid for, and its refunds."""

    def __init__(self, shelf: Shelf, order: OrderId) -> None:
        self.shelf = shelf
        self.flow: Flow = shelf.flow
        self.order = order

    @classmethod
    async def open(cls, flow: Flow, method: str = "pm_card_visa", credit: int = 0, **changes: Any) -> "Sold":
        """Somebody bought a mug."""
        shelf = await Shelf.open(flow)
        paid = await shelf.credit(credit) if credit else {}
        handle, _ = await shelf.buy(method, **paid, **changes)
        await flow.until(handle, OrderStatus.CONFIRMED)
        return cls(shelf, OrderId((await shelf.row())["id"]))

    def wish(self, some: int | None = None, **changes: Any) -> RefundWish:
        """What is to go back; everything when nothing is said."""
        values: dict[str, Any] = {"key": new_id().hex, "reason": "broken", "actor": "staff", "digest": "digest"}
        if some is not None:
            values["amount"] = usd(some)
        return RefundWish(**{**values, **changes})

    def handle(self, n: int = 1) -> Refunding:
        """The order's n-th refund, begun or not."""
        return self.flow.client.get_workflow_handle_for(Refund.run, workflow_id(self.order, n))

    async def refund(self, amount: int | None = None, n: int = 1, **changes: Any) -> RefundState:
        """Ask for a refund as the API does; its answer."""
        return await self.ask(self.wish(amount, **changes), n)

    async def ask(self, wish: RefundWish, n: int = 1) -> RefundState:
        """The same with this wish."""
        with self.flow.skipper.with_time_skipping_disabled():
            start = WithStartWorkflowOperation(
                Refund.run, RefundOrder(self.order, n, wish), id=workflow_id(self.order, n), task_queue=ORDERS,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            )  # fmt: skip
            answer = await self.flow.client.execute_update_with_start_workflow(
                Refund.await_refund, AwaitRefund(wish.key), start_workflow_operation=start, id=wish.key,
                rpc_timeout=timedelta(seconds=60),
            )  # fmt: skip
        return cast(RefundState, answer)

    async def news(self, n: int = 1, event: str = "evt_1") -> Refunding:
        """The provider's webhook, as the API passes it on: it begins a refund that is over again."""
        with self.flow.skipper.with_time_skipping_disabled():
            return await self.flow.client.start_workflow(
                Refund.run, RefundOrder(self.order, n), id=workflow_id(self.order, n), task_queue=ORDERS,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                start_signal="provider_news", start_signal_args=[ProviderNews(event, "refund.failed")],
            )  # fmt: skip

    async def retry(self, n: int = 1) -> None:
        """Somebody of staff says: try again. (The SDK's types say coroutine for an update with a description.)"""
        asked: Any = await self.handle(n).execute_update(Refund.retry, RetryStep("bob", "mended"))
        assert asked is not None

    async def end(self, n: int = 1) -> RefundState:
        """Wait until it is over."""
        return cast(RefundState, await asyncio.wait_for(self.handle(n).result(), 60))

    async def rows(self) -> list[tuple[int, str, int, int, int]]:
        """(n, status, amount, of the provider's, of credit) of all refunds."""
        return [
            (each.n, each.status.value, each.amount.amount, each.from_provider.amount, each.from_credit.amount)
            for each in await refunds.of_order(self.flow.database, self.order)
        ]

    async def payment(self) -> tuple[str, int, int]:
        """(status, captured, gone back or reserved for it)."""
        [row] = await self.flow.database.fetch(
            "SELECT status, captured, refunded FROM payments WHERE order_id = $1", self.order
        )
        return row["status"], row["captured"], row["refunded"]

    async def given_back(self) -> int:
        """What the provider has sent back."""
        return sum(each["refunded"] for each in await self.flow.intents(self.shelf.number))

    async def at_provider(self) -> list[str]:
        """Ids of the refunds that the provider made, newest first."""
        reference = (await self.shelf.row())["reference"]
        answer = await self.flow.stripe.http.get(
            "/v1/refunds", params={"payment_intent": reference}, headers={"Authorization": "Bearer sk_test_dashboard"}
        )
        return [each["id"] for each in answer.raise_for_status().json()["data"]]

    async def card(self, n: int = 1) -> str:
        """The refund's state card in the Temporal UI."""
        known: WorkflowMetadata = await self.handle(n).query(
            "__temporal_workflow_metadata", result_type=WorkflowMetadata
        )
        return known.current_details

    async def attention(self) -> str | None:
        """Why a person has to look at the order."""
        return cast("str | None", (await self.shelf.row())["attention"])

    async def attention_when(self, says: str, within: float = 60) -> None:
        """Wait until a person is asked for, in these words."""
        async with asyncio.timeout(within):
            while says not in (await self.attention() or ""):
                await asyncio.sleep(0.02)


async def disagreements(flow: Flow) -> list[str]:
    """Where rows, ledgers and Stripe differ, in words; none when all say the same. What Chapa has: see ledgers.py."""
    async with flow.database.reading() as reader:
        found = [f"refunds drift: {row}" for row in await refund_end.drift(reader)]
        found += [f"credit drifts: {row}" for row in await credit.drift(reader)]
        found += [f"stock drifts: {row}" for row in await inventory.drift(reader)]
    for row in await flow.database.fetch(_SAID):
        intents = await flow.intents(row["number"])
        seen = (sum(each["captured"] for each in intents), sum(each["refunded"] for each in intents))
        if seen != (row["captured"], row["refunded"]):
            found.append(f"{row['number']}: the provider says {seen}, we {row['captured'], row['refunded']}")
    return found


# Ways that a refund can go. Each leaves it over.


async def refunded(flow: Flow) -> Sold:
    """All of it, to the card that paid."""
    sold = await Sold.open(flow)
    answer = await sold.refund()
    assert (answer.status, answer.refusal) == (RefundStatus.SUCCEEDED, None)
    await sold.end()
    return sold


async def refunded_to_card_and_gift_card(flow: Flow) -> Sold:
    """A gift card and a bank card paid: the mug and its shipping go back, more than the bank card paid."""
    sold = await Sold.open(flow, credit=600)
    answer = await sold.refund(items=(RefundedItem(sold.shelf.sku, 1),), shipping=True)
    assert answer.status is RefundStatus.SUCCEEDED
    await sold.end()
    return sold


async def refund_pending(flow: Flow) -> Sold:
    """The bank takes its time, and then the money."""
    sold = await Sold.open(flow, "pm_card_pendingRefund")
    answer = await sold.refund(700)
    assert (answer.status, answer.attention) == (RefundStatus.OPEN, None)
    [reference] = await sold.at_provider()
    await flow.stripe.refund_becomes(reference, "succeeded")
    await sold.news()
    assert (await sold.end()).status is RefundStatus.SUCCEEDED
    return sold


async def refund_refused_by_provider(flow: Flow) -> Sold:
    """The buyer went to the bank: the provider says no for good."""
    sold = await Sold.open(flow)
    await flow.stripe.dispute((await sold.shelf.row())["reference"])
    answer = await sold.refund()
    assert answer.status is RefundStatus.FAILED
    await sold.end()
    return sold


async def refund_came_back(flow: Flow) -> Sold:
    """It had arrived, and the bank sends it back days later."""
    sold = await refunded(flow)
    [reference] = await sold.at_provider()
    await flow.stripe.refund_becomes(reference, "failed", "lost_or_stolen_card")
    await sold.news()
    assert (await sold.end()).status is RefundStatus.FAILED
    return sold


Story = Callable[[Flow], Coroutine[Any, Any, Sold]]
ALL: tuple[Story, ...] = (
    refunded, refunded_to_card_and_gift_card, refund_pending, refund_refused_by_provider, refund_came_back,
)  # fmt: skip
"""All of them."""
