"""Money taken at shipment, on paper: invoices less credit notes are what was taken and kept, in whatever order."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from models.capture import Capture
from models.edit import EditItem, EditWish
from models.invoice import PaperKind
from models.order import OrderStatus
from models.papers.paper import PaperOutline, Shop
from models.settings import WorkerSettings
from models.tables import paper as papers
from tests.flow import Flow
from tests.workflows.shipping import FIRST, SECOND, Reserved
from tests.workflows.stories import TWO_MUGS
from tests.workflows.test_calling_off_the_rest import MUG, call_off, settled
from tests.workflows.test_capturing_doubts import dashboard, goes_silent, lost, rare_tries
from tests.workflows.trouble import Kind, Trouble
from workflows.order import Order
from workflows.order_messages import CommitEdit, ProposeEdit

__all__ = ["rare_tries"]

SHOP = Shop("Holdfast Ltd", ("1 High Street",), "GB123456789")
THREE_MUGS = TWO_MUGS + MUG


@pytest.fixture
def settings(settings: WorkerSettings) -> WorkerSettings:
    """A shop that takes money at shipment."""
    return msgspec.structs.replace(settings, capture=Capture.AT_SHIPMENT)


async def write(bought: Reserved) -> Sequence[PaperOutline]:
    """Have what papers are missing written; all of them, oldest first."""
    order = await bought.order()
    async with bought.flow.database.writing() as writer:
        await papers.lock(writer, [order])
        await papers.issue(writer, order, SHOP)
    return await papers.of_order(bought.flow.database, order)


def told(found: Sequence[PaperOutline]) -> int:
    """What its buyer has paid in the end, as papers have it."""
    return sum(each.total.amount * (1 if each.kind is PaperKind.INVOICE else -1) for each in found)


async def kept(bought: Reserved) -> int:
    """What the provider took and did not send back."""
    return sum(each["captured"] - each["refunded"] for each in await bought.flow.intents(bought.shelf.number))


@pytest.mark.parametrize("asked", ["always", "at the end"])
@pytest.mark.parametrize("kind", ["before", "after"])
async def test_what_an_edit_costs_more_is_taken_before_a_rest_is_called_off(
    flow: Flow, trouble: Trouble, kind: Kind, asked: str
) -> None:
    """Given an edit whose money is still to be taken, when a parcel is sent and the rest is called off meanwhile, then
    both wait until it is booked; so nothing is credited as never taken, whenever papers are written."""
    bought = await Reserved.open(flow)
    shelf, handle = bought.shelf, bought.handle
    await bought.capture()
    if asked == "always":
        await write(bought)
    wish = EditWish("buyer/more", "more", "buyer", (EditItem(shelf.sku, 3),))
    await shelf.ask(handle, Order.propose_edit, ProposeEdit("more", wish))

    began, go_on = trouble.hold(handle.id, "capture_payment")
    trouble.plan(handle.id, "settle_charge", kind)
    yes = asyncio.create_task(shelf.ask(handle, Order.commit_edit, CommitEdit("yes", 1, "buyer", "pm_card_visa")))
    async with asyncio.timeout(60):
        await began.wait()
    sent = asyncio.create_task(bought.ship(1))
    await shelf.heard(handle, "ship")
    ended = asyncio.create_task(call_off(bought))
    await shelf.heard(handle, "cancel")
    if asked == "always":
        await write(bought)
    go_on.set()
    await asyncio.gather(yes, sent)
    assert (await ended).status is OrderStatus.SHIPPED
    if asked == "always":
        await write(bought)
    await settled(bought, THREE_MUGS - FIRST)

    found = await write(bought)
    assert await write(bought) == found
    assert [each.refund for each in found if each.kind is PaperKind.CREDIT_NOTE] == (
        [None, 1] if asked == "always" else [1]
    )
    assert told(found) == await kept(bought) == FIRST
    assert trouble.to_come() == []
    facts = [each for each in await shelf.facts() if each in ("payment_captured", "order_shipped", "rest_cancelled")]
    assert facts == ["payment_captured", "payment_captured", "order_shipped", "rest_cancelled"]


async def test_what_was_taken_ahead_is_credited_once_it_is_back(flow: Flow) -> None:
    """Given 20.00 of 27.00 taken, of which what was sent cost 16.00, then 7.00 never were and 4.00 come back."""
    bought = await Reserved.open(flow)
    await bought.capture(2000)
    await bought.ship(1)
    assert await write(bought) == []
    await call_off(bought)
    await write(bought)
    await settled(bought, 2000 - FIRST)

    found = await write(bought)

    assert [(each.total.amount, each.refund) for each in found] == [
        (TWO_MUGS, None), (TWO_MUGS - 2000, 0), (2000 - FIRST, 1),
    ]  # fmt: skip
    assert told(found) == await kept(bought) == FIRST


@pytest.mark.usefixtures("rare_tries")
async def test_what_was_taken_unheard_is_no_money_that_was_never_taken(flow: Flow) -> None:
    """Given a last parcel whose money was taken without an answer, and which did not leave, when the rest is called
    off, then that is found first and sent back."""
    bought = await Reserved.open(flow)
    await bought.ship(1)
    await goes_silent(bought)
    assert await lost(bought, asyncio.create_task(bought.ship()), 2) == "capture_failed"
    await write(bought)

    assert (await call_off(bought)).status is OrderStatus.SHIPPED

    await write(bought)
    await settled(bought, SECOND)
    found = await write(bought)
    assert [(each.total.amount, each.refund) for each in found] == [(TWO_MUGS, None), (SECOND, 1)]
    assert told(found) == await kept(bought) == FIRST


@pytest.mark.parametrize("taken", [SECOND, 500])
async def test_what_was_taken_by_hand_is_no_money_that_was_never_taken(flow: Flow, taken: int) -> None:
    """Given a rest, or 5.00 of it, that was taken in the dashboard and not told of, when it is called off, then that is
    found first and sent back."""
    bought = await Reserved.open(flow)
    await bought.ship(1)
    await dashboard(bought, taken)

    assert (await call_off(bought)).status is OrderStatus.SHIPPED

    await settled(bought, taken)
    found = await write(bought)
    never = [(SECOND - taken, 0)] if taken < SECOND else []
    assert [(each.total.amount, each.refund) for each in found] == [(TWO_MUGS, None), *never, (taken, 1)]
    assert told(found) == await kept(bought) == FIRST
    assert not await bought.needs_attention()


async def test_what_was_taken_by_hand_of_a_cancelled_order_goes_back(flow: Flow) -> None:
    """Given all of it taken in the dashboard and not told of, when its buyer cancels, then all of it is sent back."""
    bought = await Reserved.open(flow)
    await dashboard(bought)

    assert (await bought.cancel()).status is OrderStatus.CANCELLED

    await settled(bought, TWO_MUGS)
    assert (await kept(bought), told(await write(bought))) == (0, 0)
    assert not await bought.needs_attention()
