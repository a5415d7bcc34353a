"""Being forgotten, from the click to the last late event: whatever fails on the way, nobody is half forgotten."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from models.attention import AttentionKind
from models.order import OrderStatus
from models.roles import Role
from models.tables import attention_queue as queue
from models.tables.user import users
from tests import people, seals, traces
from tests.flow import Flow
from tests.traces import ZERUBBABEL
from tests.workflows.leaving import Leaving
from tests.workflows.stories import MUG, Shelf
from tests.workflows.trouble import Trouble
from tests.workflows.wallets import Buyer
from workflows import visibility
from workflows.erase_account import Closing
from workflows.order import Order
from workflows.order_messages import CancelCheckout, DeliverOrder, ShipOrder

STEPS = ("close_account", "look_for_business", "forget_customer", "forget_account", "delete_histories", "blank_events")


@pytest.fixture
async def leaving(flow: Flow, shelf: Shelf) -> AsyncIterator[Leaving]:
    """Zerubbabel, who has not asked yet."""
    async with flow.database.writing() as writer:
        user = await traces.account(writer)
        await traces.leave(writer, user)
    one = Leaving(flow, shelf, user)
    yield one
    with suppress(RPCError):  # it has ended by itself, or never began
        await one.handle.terminate("the test is over")


async def gone(flow: Flow, handle: WorkflowHandle[Any, Any]) -> bool:
    """Whether Temporal knows nothing of a workflow any more."""
    try:
        await handle.describe()
    except RPCError as error:
        assert error.status is RPCStatusCode.NOT_FOUND
        return True
    return False


async def said(flow: Flow, handle: WorkflowHandle[Any, Any]) -> str:
    """A whole history, opened."""
    return seals.said(await handle.fetch_history())


async def test_who_has_nothing_open_is_forgotten_at_once(leaving: Leaving, flow: Flow) -> None:
    """Given nothing open, then the account is closed with the answer, and forgotten when its farewell has left."""
    cancelled = await leaving.order(None)
    await flow.until(cancelled, OrderStatus.PENDING)
    words = f"{ZERUBBABEL.first} of {ZERUBBABEL.street} has changed his mind"
    _: Any = await cancelled.execute_update(Order.cancel, CancelCheckout("d", words, "buyer"))
    await cancelled.result()
    assert ZERUBBABEL.street in await said(flow, cancelled)
    await leaving.letters_leave()

    assert await leaving.ask() == Closing(True)
    [row] = await flow.database.fetch("SELECT email, archived_at FROM users WHERE id = $1", leaving.user)
    assert (row["email"], row["archived_at"] is None) == (f"erased-{leaving.user}@invalid", False)
    card = await leaving.until("1 letters to be sent")
    assert f"erasure/{leaving.user}" == leaving.id
    assert "no deadline" in card
    assert not await leaving.is_erased()

    await leaving.letters_leave()
    await leaving.look()
    await leaving.until("histories to be gone")
    await leaving.look()
    await leaving.end()
    assert await leaving.is_erased()
    assert await traces.found(flow.database) == {}
    assert await gone(flow, cancelled)
    history = await said(flow, leaving.handle)
    assert [word for word in ZERUBBABEL.words if word in history.lower()] == []


async def test_open_orders_are_waited_for(leaving: Leaving, flow: Flow) -> None:
    """Given a parcel on its way, then nothing is forgotten before it arrived, however often is looked; then it is."""
    order = await leaving.order()
    await flow.until(order, OrderStatus.CONFIRMED)
    await leaving.ask()
    await leaving.letters_leave()
    [row] = await flow.database.fetch("SELECT number FROM orders")
    await leaving.until(f"orders {row['number']} to end")
    await flow.fast_forward(leaving.handle, timedelta(days=1))
    assert (await leaving.handle.describe()).status is WorkflowExecutionStatus.RUNNING
    rows = await flow.database.fetch("SELECT email FROM orders")
    assert [row["email"] for row in rows] == [ZERUBBABEL.email]

    _: Any = await order.execute_update(Order.ship, ShipOrder("bob", "UPS", "1Z"))
    _ = await order.execute_update(Order.deliver, DeliverOrder("bob"))
    await order.result()
    await leaving.letters_leave()
    await leaving.end()
    assert await traces.found(flow.database) == {}
    assert await gone(flow, order)
    sums = await flow.database.fetch("SELECT status, total, email FROM orders")
    assert [tuple(row) for row in sums] == [("delivered", MUG, f"erased-{leaving.user}@invalid")]


@pytest.mark.parametrize("kind", ["before", "after"])
async def test_each_step_may_fail_and_be_run_again(leaving: Leaving, flow: Flow, trouble: Trouble, kind: Any) -> None:
    """Given each step failing once before or after its effect, then the story ends as it would have."""
    for step in STEPS:
        trouble.plan(leaving.id, step, kind)
    assert await leaving.ask() == Closing(True)
    await leaving.until("letters to be sent")
    await leaving.letters_leave()
    await leaving.look()
    await leaving.end()
    assert trouble.to_come() == []
    assert await traces.found(flow.database) == {}
    assert await leaving.is_erased()
    rows = await flow.database.fetch("SELECT count(*) AS n FROM outbox WHERE cause LIKE 'farewell/%'")
    assert rows[0]["n"] == 0


@pytest.mark.usefixtures("unhurried")
async def test_a_checkout_that_comes_late_is_forgotten_too(leaving: Leaving, flow: Flow, trouble: Trouble) -> None:
    """Given a checkout under way while all is forgotten, then it finds no cart, and what it wrote goes as well."""
    arrived, go = trouble.hold(f"order/{leaving.user}/1", "place_order")
    checkout = asyncio.create_task(leaving.order())
    await asyncio.wait_for(arrived.wait(), 60)
    await leaving.ask()
    await leaving.letters_leave()
    await leaving.look()
    await leaving.until("histories to be gone")
    assert not await flow.database.fetch("SELECT 1 FROM checkouts")
    go.set()
    handle = await checkout
    refusal = (await handle.result()).refusal
    assert refusal is not None
    assert refusal.code == "cart_empty"
    await leaving.look()
    await leaving.end()
    assert len(await flow.database.fetch("SELECT 1 FROM checkouts WHERE digest = 'erased'")) == 1
    assert await traces.found(flow.database) == {}
    assert await gone(flow, handle)


async def test_the_provider_forgets_too(leaving: Leaving, flow: Flow) -> None:
    """Given a card kept at the provider, which is away for long, then a person is told; back again, it forgets them."""
    async with flow.database.writing() as writer:
        await writer.execute(sa.update(users).where(users.c.id == leaving.user).values(provider_customer=None))
    buyer = Buyer(flow, leaving.user)
    saving, _ = await buyer.save()
    await saving.result()
    assert len(await buyer.kept()) == 1
    await flow.stripe.fault("error_before", status=503, path="/v1/customers/*", method="DELETE", times=None)
    await leaving.ask()
    await leaving.letters_leave()
    await leaving.look()
    await leaving.until("Letting the payment provider forget")
    await flow.fast_forward(leaving.handle, timedelta(minutes=11))
    await leaving.until("Needs attention: the provider does not forget")
    attributes = (await leaving.handle.describe()).typed_search_attributes
    assert attributes[visibility.NEEDS_ATTENTION] is True
    assert attributes[visibility.FAILED_STEP] == "let the provider forget an account"
    [need] = (await queue.first(flow.database, 10))[AttentionKind.ERASURE_STUCK].first
    assert (need.workflow_id, need.step) == (leaving.handle.id, "let the provider forget an account")
    assert not await leaving.is_erased()
    await flow.stripe.clear()
    await leaving.end()
    assert await leaving.is_erased()
    assert (await buyer.customers(), await buyer.kept()) == ([], [])
    assert await gone(flow, saving)
    attributes = (await leaving.handle.describe()).typed_search_attributes
    assert attributes[visibility.NEEDS_ATTENTION] is False
    assert attributes.get(visibility.FAILED_STEP) is None
    assert AttentionKind.ERASURE_STUCK not in await queue.first(flow.database, 10)


async def test_events_that_come_late_are_forgotten(leaving: Leaving, flow: Flow) -> None:
    """Given an event of the provider's two days after, then nothing of it is left when the erasure ends."""
    await leaving.ask()
    await leaving.letters_leave()
    await leaving.look()
    await leaving.until("come late")
    async with flow.database.writing() as writer:
        await traces.event(writer, None, ZERUBBABEL.customer)
    assert list(await traces.found(flow.database)) == ["webhook_events"]
    await flow.fast_forward(leaving.handle, timedelta(days=3, hours=23))
    assert (await leaving.handle.describe()).status is WorkflowExecutionStatus.RUNNING
    await flow.fast_forward(leaving.handle, timedelta(hours=2))
    await asyncio.wait_for(leaving.handle.result(), 60)
    assert await traces.found(flow.database) == {}


async def test_nobody_is_half_forgotten(leaving: Leaving, flow: Flow) -> None:
    """Given an operator's cancel in the middle, then the erasure goes on to its end all the same."""
    await leaving.ask()
    await leaving.until("letters to be sent")
    await leaving.handle.cancel()
    await leaving.letters_leave()
    await leaving.look()
    await leaving.end()
    assert await leaving.is_erased()


async def test_the_last_admin_is_refused_and_may_ask_again(leaving: Leaving, flow: Flow) -> None:
    """Given the last admin, then the answer says so and nothing moves; once there is another one they may go."""
    async with flow.database.writing() as writer:
        boss = await people.account(writer, Role.ADMIN)
    one = Leaving(flow, leaving.shelf, boss)
    assert await one.ask() == Closing(False)
    await one.handle.result()
    rows = await flow.database.fetch("SELECT archived_at FROM users WHERE id = $1", boss)
    assert rows[0]["archived_at"] is None
    async with flow.database.writing() as writer:
        await people.account(writer, Role.ADMIN)
    assert await one.ask() == Closing(True)
    await one.handle.terminate("the test is over")


async def test_asking_twice_is_asking_once(leaving: Leaving, flow: Flow) -> None:
    """Given two tabs, then both are answered alike, and there is one erasure and one farewell."""
    answers = await asyncio.gather(leaving.ask(), leaving.ask())
    assert list(answers) == [Closing(True), Closing(True)]
    rows = await flow.database.fetch("SELECT count(*) AS n FROM outbox WHERE cause LIKE 'farewell/%'")
    assert rows[0]["n"] == 1
