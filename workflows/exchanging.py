"""How goods that came back become others: an ordinary order, paid by what they are worth, or their money after all."""

import asyncio
import contextlib
from typing import Any

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.exchanges import EndExchange, ExchangeActivities, ExchangeSeen, ExchangeStep
from models.checkout import Purchase
from models.exchange import ExchangeStanding
from models.ids import OrderId
from models.order import workflow_id
from models.returns import Return
from workflows import patience, visibility
from workflows.order import Order
from workflows.telling import Placard


class Exchanging:
    """The order that one return makes. It is nobody's but its own owner's; this one looks how far it is."""

    def __init__(self, order: OrderId, n: int, board: Placard) -> None:
        self._step = ExchangeStep(order, n)
        self._board = board
        self._order: asyncio.Task[Any] | None = None
        self._heard = False

    def hear(self) -> None:
        """There is news of the order."""
        self._heard = True

    async def follow(self) -> Return:
        """Until the buyer has the other goods for sure, or it is known that they do not get them."""
        purchase = await workflow.execute_local_activity_method(
            ExchangeActivities.prepare_exchange, self._step, summary="What is wanted instead", **patience.DATABASE
        )
        seen = ExchangeSeen(ExchangeStanding.ENDED, "not_sold") if purchase is None else await self._outcome(purchase)
        return await workflow.execute_local_activity_method(
            ExchangeActivities.end_exchange,
            EndExchange(self._step.order_id, self._step.n, seen.why),
            summary="Exchanged" if seen.why is None else "The money goes back instead",
            **patience.DATABASE,
        )

    async def _outcome(self, purchase: Purchase) -> ExchangeSeen:
        """Looks when the order says that it is sold or ends; of its own after 1, 2, 4 … seconds, and then each hour."""
        self._order = await self._begin(purchase)
        look = patience.FIRST_LOOK_AT_EXCHANGE
        while True:
            self._heard = False
            seen = await workflow.execute_local_activity_method(
                ExchangeActivities.read_exchange, self._step, summary="How far the exchange is", **patience.DATABASE
            )
            if seen.standing is ExchangeStanding.SOLD:
                return ExchangeSeen(seen.standing)
            if seen.standing is ExchangeStanding.ENDED:
                return ExchangeSeen(seen.standing, seen.why or "cancelled")
            self._board.tell("Exchanging", f"order {purchase.number} to be paid")
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._heard or self._is_over(),
                    timeout=look,
                    timeout_summary="Look how far the exchange is",
                )
            if self._is_over():
                self._order = None  # it is looked at once more, and then when it is time
            look = min(look * 2, patience.LOOK_AT_EXCHANGE)

    def _is_over(self) -> bool:
        """Whether its order has ended since we looked."""
        return self._order is not None and self._order.done()

    async def _begin(self, purchase: Purchase) -> asyncio.Task[Any] | None:
        """An order like any, which outlives the return. None: it was begun before."""
        instead_of = purchase.exchange.order if purchase.exchange else None
        try:
            return await workflow.start_child_workflow(
                Order.run,
                purchase,
                id=workflow_id(purchase.cart_id, purchase.attempt),
                task_queue=patience.ORDERS,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                search_attributes=visibility.at_start(purchase, workflow.now()),
                static_summary=f"{purchase.number} · instead of goods of {instead_of}",
            )
        except WorkflowAlreadyStartedError:
            return None
