"""One workflow a checkout: whoever asks, and however often, meets the same one."""

import asyncio

import pytest
from temporalio.exceptions import WorkflowAlreadyStartedError

from models.order import OrderStatus
from models.payment import PaymentStatus
from tests.workflows import ledgers
from tests.workflows.steps import tries_on_our_rows
from tests.workflows.stories import Shelf
from workflows.order_messages import OrderState


async def ask(shelf: Shelf, key: str) -> OrderState:
    """Check the shelf's cart out under a request key, as one of many."""
    return (await shelf.buy(key=key))[1]


async def test_five_at_once_get_one_answer(shelf: Shelf) -> None:
    """Three under one key and two under others: one order, one charge, five equal answers; a repeat gets it again."""
    handle = shelf.flow.handle(shelf.cart)

    answers = await asyncio.gather(*(ask(shelf, key) for key in ("key", "key", "key", "tab 2", "tab 3")))

    assert all(answer == answers[0] for answer in answers)
    assert answers[0].payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await ask(shelf, "key") == answers[0]
    assert (await ask(shelf, "much later")).status is OrderStatus.CONFIRMED
    assert await tries_on_our_rows(handle, "place_order") == 1
    assert await shelf.left() == (5, 1)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_an_ended_checkout_is_not_begun_again(shelf: Shelf) -> None:
    """The same key is answered from history; another one is told that this checkout is over."""
    handle, answer = await shelf.flow.buy(shelf.cart, 7, number=shelf.number)
    await handle.result()

    assert await ask(shelf, "key") == answer
    with pytest.raises(WorkflowAlreadyStartedError):
        await ask(shelf, "another")
