"""Papers by themselves: written and printed when something happens to an order, also when a step is lost or fails."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from models.errors import Unavailable
from models.order import OrderStatus
from models.papers import apart
from models.papers.paper import Drawn, Paper
from tests.flow import Flow
from tests.workflows.papering import ask, bought, following, papers, until
from tests.workflows.stories import MUG
from tests.workflows.trouble import Kind, Trouble
from workflows import attending, issue_papers, patience
from workflows.issue_papers import ISSUE_PAPERS_ID
from workflows.order import Order
from workflows.order_messages import CancelCheckout

INVOICE = ("invoice", MUG)


@pytest.fixture(autouse=True)
def no_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """Papers hardly wait for each other: these tests are about one or two."""
    monkeypatch.setattr(issue_papers, "COMPANY", timedelta(milliseconds=50))


async def numbers(flow: Flow) -> list[int]:
    """Of all invoices."""
    rows = await flow.database.fetch("SELECT number FROM papers WHERE kind = 'invoice' ORDER BY number")
    return [row["number"] for row in rows]


async def test_orders_are_invoiced_by_themselves(flow: Flow) -> None:
    """Given orders from before the follower and since, then each has one invoice, printed, numbered from 1 on."""
    before = await asyncio.gather(bought(flow), bought(flow))
    async with following(flow):
        since = await bought(flow)
        for shelf in (*before, since):
            await until(shelf, INVOICE)
    assert await numbers(flow) == [1, 2, 3]


async def test_a_cancelled_order_is_credited_whole(flow: Flow) -> None:
    """Given an order that has its invoice and is cancelled, then a credit note of all of it follows its refund."""
    shelf = await bought(flow)
    assert await (await ask(flow, shelf)).result()
    async with following(flow):
        cancelled = CancelCheckout("never mind", "changed my mind", "buyer")
        await shelf.ask(flow.handle(shelf.cart), Order.cancel, cancelled)
        await until(shelf, INVOICE, ("credit_note", MUG))
    [left] = await flow.database.fetch(
        "SELECT sum(CASE kind WHEN 'invoice' THEN net ELSE -net END)::int AS net, "
        "sum(CASE kind WHEN 'invoice' THEN tax ELSE -tax END)::int AS tax FROM papers"
    )
    assert tuple(left) == (0, 0)


@pytest.mark.parametrize("kind", ["before", "after"])
@pytest.mark.parametrize("step", ["follow_orders", "find_unprinted", "read_papers", "print_papers", "file_papers"])
async def test_a_step_that_fails_is_done_once(flow: Flow, trouble: Trouble, step: str, kind: Kind) -> None:
    """Given any step that fails before or after its effect, then there is one invoice and one file all the same."""
    trouble.plan(ISSUE_PAPERS_ID, step, kind)
    shelf = await bought(flow)
    async with following(flow):
        await until(shelf, INVOICE)
    assert trouble.to_come() == []
    assert await numbers(flow) == [1]


async def test_ten_who_ask_at_once_share_one_invoice(flow: Flow) -> None:
    """Given the follower and somebody who asks, for several orders at once, then each has one invoice."""
    shelves = await asyncio.gather(*(bought(flow) for _ in range(5)))
    async with following(flow):
        asked = [await ask(flow, shelf) for shelf in shelves]
        assert all(await asyncio.gather(*(each.result() for each in asked)))
        for shelf in shelves:
            assert await papers(shelf) == [(*INVOICE, True)]
        later = await bought(flow)
        await until(later, INVOICE)
    assert await numbers(flow) == [1, 2, 3, 4, 5, 6]


async def test_a_press_that_is_too_slow_for_many_prints_fewer(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a press that draws one paper in time and no more, then all are printed, though all wait at once."""
    drawn = apart.drawn

    async def one(wanted: Sequence[Paper]) -> list[Drawn]:
        if len(wanted) > 1:
            raise Unavailable("press", "drawing took too long")
        return await drawn(wanted)

    monkeypatch.setattr(apart, "drawn", one)
    monkeypatch.setitem(patience.PRINTING, "schedule_to_close_timeout", timedelta(seconds=2))
    monkeypatch.setattr(attending, "LONGEST", timedelta(seconds=1))
    monkeypatch.setattr(issue_papers, "SHEETS", 3)
    shelves = await asyncio.gather(*(bought(flow) for _ in range(3)))
    async with following(flow):
        for shelf in shelves:
            await until(shelf, INVOICE)


async def test_an_order_waits_for_no_paper(flow: Flow, trouble: Trouble) -> None:
    """Given a press that is stuck, then orders go on and papers are written; when it is mended, they are printed."""
    first = await bought(flow)
    began, go_on = trouble.hold(ISSUE_PAPERS_ID, "print_papers")
    async with following(flow):
        async with asyncio.timeout(60):
            await began.wait()
        second = await bought(flow)
        await flow.until(flow.handle(second.cart), OrderStatus.CONFIRMED)
        assert await papers(first) == [(*INVOICE, False)]
        go_on.set()
        await until(first, INVOICE)
        await until(second, INVOICE)
