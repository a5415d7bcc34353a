"""Papers by themselves: the follower beside an open shop, and what it has written and printed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio.client import WorkflowHandle

from models.ids import OrderId
from models.order import OrderStatus
from tests.flow import Flow
from tests.workflows.stories import Shelf
from workflows.issue_papers import ISSUE_PAPERS_ID, IssuePapers, OrdersPapers, PrintPapers, papers_id
from workflows.patience import ORDERS

_PAPERS = """
SELECT p.kind, p.total, p.sha256 IS NOT NULL AS printed FROM papers p JOIN orders o ON o.id = p.order_id
WHERE o.number = $1 ORDER BY p.issued_at, p.id
"""


@asynccontextmanager
async def following(flow: Flow) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    """The follower at work; no time is skipped."""
    with flow.skipper.with_time_skipping_disabled():
        handle = await flow.client.start_workflow(IssuePapers.run, id=ISSUE_PAPERS_ID, task_queue=ORDERS)
        try:
            yield handle
            await _at_rest(handle)
        finally:
            await handle.terminate("the test is over")


async def _at_rest(handle: WorkflowHandle[Any, Any], within: float = 60) -> None:
    """Wait until it waits for news: ended in the middle of a step of ours, the SDK's own thread complains."""
    async with asyncio.timeout(within):
        while not (await handle.describe()).raw_description.pending_activities:
            await asyncio.sleep(0.05)


async def bought(flow: Flow) -> Shelf:
    """A mug that is paid."""
    shelf = await Shelf.open(flow)
    handle, _ = await shelf.buy()
    await flow.until(handle, OrderStatus.CONFIRMED)
    return shelf


async def papers(shelf: Shelf) -> list[tuple[str, int, bool]]:
    """The order's papers: kind, total, whether it is printed."""
    return [tuple(row) for row in await shelf.flow.database.fetch(_PAPERS, shelf.number)]


async def until(shelf: Shelf, *wanted: tuple[str, int], printed: bool = True, within: float = 90) -> None:
    """Wait until the order has exactly these papers."""
    async with asyncio.timeout(within):
        while await papers(shelf) != [(*each, printed) for each in wanted]:
            await asyncio.sleep(0.05)


async def ask(flow: Flow, shelf: Shelf) -> WorkflowHandle[Any, Any]:
    """Somebody wants to see the order's papers."""
    [row] = await flow.database.fetch("SELECT id FROM orders WHERE number = $1", shelf.number)
    with flow.skipper.with_time_skipping_disabled():
        return await flow.client.start_workflow(
            PrintPapers.run, OrdersPapers(OrderId(row["id"])), id=papers_id(row["id"]), task_queue=ORDERS
        )


async def shown(flow: Flow) -> WorkflowHandle[Any, Any]:
    """To be recorded: one invoice, because somebody asked for it."""
    asked = await ask(flow, await bought(flow))
    assert await asked.result()
    return asked


async def invoiced(flow: Flow) -> WorkflowHandle[Any, Any]:
    """To be recorded: one invoice, written and printed."""
    shelf = await bought(flow)
    async with following(flow) as handle:
        await until(shelf, ("invoice", 1600))
        return flow.client.get_workflow_handle(ISSUE_PAPERS_ID, run_id=handle.result_run_id)
