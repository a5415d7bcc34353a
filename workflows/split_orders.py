"""Divides orders between vendors. One workflow for all orders, behind them: no order waits for it."""

from datetime import timedelta

import msgspec
from temporalio import workflow

from activities.vendor_parts import DivideAgain, DivideOrders, NotDivided, VendorPartActivities
from models.ids import OrderId
from workflows import attending, patience
from workflows.calling import Calling

SPLIT_ORDERS_ID = "split-orders"
READER = "split-orders"
TYPES = (
    "order_confirmed", "payment_captured", "order_shipped", "order_edited", "order_cancelled", "refund_succeeded",
    "refund_failed", "refund_returned", "dispute_opened", "dispute_won", "dispute_lost", "exchange_done",
    "return_settled", "rest_cancelled",
)  # fmt: skip
"""What changes whose an order's money is. What moves money and is told of nowhere is found before vendors are paid."""
BATCH = 50
"""News a step: milliseconds each, and no row of an order is locked."""
ROUNDS = 500
"""Waits before the workflow begins anew with a short history."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""After which what could not be done is tried again; each time twice as long."""


class Splitting(msgspec.Struct, frozen=True):
    """What is still to be tried again, and how long the last pause was."""

    failed: tuple[NotDivided, ...] = ()
    pause: timedelta = FIRST_PAUSE


@workflow.defn
class SplitOrders:
    """Wait for news of orders, divide those they are of; for ever.

    Id: `split-orders`, one in a namespace. Waits: up to a minute for news, then asks again. An order that cannot be
    divided does not hold up the others: a person is told, and it is tried again after 1, 2, 4 … minutes, up to an hour.
    """

    @workflow.init
    def __init__(self, request: Splitting | None = None) -> None:
        request = request or Splitting()
        self._failed = {each.order: each for each in request.failed}
        self._pause = request.pause
        self._calling = Calling("parts", is_calling=bool(request.failed))
        self._again_at = workflow.now() + request.pause

    @workflow.run
    async def run(self, request: Splitting | None = None) -> None:
        for _ in range(ROUNDS):
            self._tell()
            if await attending.news(READER, TYPES):
                await self._divide()
            if self._failed and workflow.now() >= self._again_at:
                await self._try_again()
            if workflow.info().is_continue_as_new_suggested():
                break
        workflow.continue_as_new(Splitting(tuple(self._failed.values()), self._pause))

    async def _divide(self) -> None:
        taken = BATCH
        while taken == BATCH:
            done = await workflow.execute_local_activity_method(
                VendorPartActivities.divide_orders, DivideOrders(READER, TYPES, BATCH),
                summary="Divide orders between vendors", **patience.DATABASE,
            )  # fmt: skip
            taken = done.taken
            if done.failed:
                await self._note({**self._failed, **{each.order: each for each in done.failed}})

    async def _try_again(self) -> None:
        tried, failed = list(self._failed.values()), dict[OrderId, NotDivided]()
        for first in range(0, len(tried), BATCH):
            some = tuple(tried[first : first + BATCH])
            done = await workflow.execute_local_activity_method(
                VendorPartActivities.divide_again, DivideAgain(some), summary=f"Try {len(some)} orders again",
                **patience.DATABASE,
            )  # fmt: skip
            failed |= {each.order: each for each in done.failed}
        self._pause = min(self._pause * 2, LONGEST_PAUSE) if failed else FIRST_PAUSE
        await self._note(failed)

    async def _note(self, failed: dict[OrderId, NotDivided]) -> None:
        """These are to be tried again; a person is told as long as there are any."""
        was, self._failed = self._failed, failed
        if failed and failed.keys() != was.keys():
            await self._calling.call("divide orders between vendors", next(iter(failed.values())).why)
        elif not failed:
            await self._calling.settle()
        self._again_at = workflow.now() + self._pause

    def _tell(self) -> None:
        if not self._failed:
            workflow.set_current_details("### Waiting for news of orders")
            return
        listed = "".join(f"- `{each.order}`, {each.cause}: {each.why}\n" for each in list(self._failed.values())[:10])
        workflow.set_current_details(f"### Needs attention: {len(self._failed)} orders cannot be divided\n\n{listed}")
