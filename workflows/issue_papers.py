"""Invoices and credit notes: written when something happens to an order that asks for one, or when somebody asks."""

from datetime import timedelta
from uuid import UUID

import msgspec
from temporalio import workflow

from activities.papers import FindUnprinted, FollowOrders, PaperActivities, WritePapers
from models.ids import OrderId, PaperId
from workflows import attending, patience
from workflows.printing import printed

ISSUE_PAPERS_ID = "issue-papers"
BATCH = 50
"""News a transaction."""
SHEETS = 20
"""Papers that are printed at a time."""
ROUNDS = 300
"""Rounds before the workflow begins anew with a short history."""
COMPANY = timedelta(seconds=5)
"""How long the first of several papers waits for others: a process that prints one could as well print twenty. Whoever
asks for a paper gets it at once."""
NEWS = (
    "order_confirmed", "payment_captured", "order_edited", "refund_succeeded", "return_settled", "order_completed",
    "rest_cancelled",
)  # fmt: skip
"""What may ask for a paper. With `payment_captured` the last parcel is paid, where money is taken at shipment; with
`return_settled` goods are exchanged; with `order_completed` nothing is left to miss."""


class OrdersPapers(msgspec.Struct, frozen=True):
    """Whose papers."""

    order_id: OrderId


@workflow.defn
class IssuePapers:
    """Write the papers of all orders to which something happened, and print them when there is time; for ever.

    Id: `issue-papers`, one in a namespace. Waits: up to a minute for news of orders, then 5 s for more.
    """

    def __init__(self) -> None:
        self._spoiled: list[PaperId] = []
        self._sheets = SHEETS

    @workflow.run
    async def run(self) -> None:
        for _ in range(ROUNDS):
            workflow.set_current_details("### Waiting for news of orders")
            if await attending.news(ISSUE_PAPERS_ID, NEWS):
                await workflow.sleep(COMPANY, summary="There may be more")
                await self._write()
            await self._print()
            if workflow.info().is_continue_as_new_suggested():
                break
        workflow.continue_as_new()

    async def _write(self) -> None:
        workflow.set_current_details("### Writing papers")
        while True:
            done = await workflow.execute_local_activity_method(
                PaperActivities.follow_orders,
                FollowOrders(ISSUE_PAPERS_ID, NEWS, BATCH),
                summary="Write what papers are missing",
                **patience.DATABASE,
            )
            if done.news < BATCH:
                return

    async def _print(self) -> None:
        """All that can be printed now; fewer at a time where the press did not come to an end with so many."""
        while True:
            found = await workflow.execute_local_activity_method(
                PaperActivities.find_unprinted,
                FindUnprinted(self._sheets, tuple(self._spoiled)),
                summary="Papers without a file",
                **patience.DATABASE,
            )
            workflow.set_current_details(f"### Printing {len(found.papers)} papers")
            done = await printed(found.papers)
            self._spoiled += done.spoiled
            if not done.kept:
                self._sheets = max(self._sheets // 4, 1)
                return
            if len(found.papers) < self._sheets:
                self._sheets = SHEETS
                return


@workflow.defn
class PrintPapers:
    """Write and print the papers of one order, because somebody wants to see them.

    Id: `papers/<order>`. Waits: for the press and the storage, a minute at most.
    """

    @workflow.run
    async def run(self, request: OrdersPapers) -> bool:
        """Whether all of them are files now."""
        found = await workflow.execute_local_activity_method(
            PaperActivities.write_papers,
            WritePapers(request.order_id),
            summary="Write what papers are missing",
            **patience.DATABASE,
        )
        return (await printed(found.papers)).kept


def papers_id(order: UUID) -> str:
    """The id of the workflow that prints an order's papers: who asks twice meets the same one."""
    return f"papers/{order}"
