"""Orders that credit pays for: wholly, without the provider, or in part, and what a cancel gives back."""

import asyncio

import pytest

from models.order import OrderStatus, workflow_id
from models.payment import PaymentStatus
from tests.flow import Flow
from tests.workflows import ledgers, stories
from tests.workflows.stories import MUG, Shelf
from tests.workflows.trouble import Trouble
from workflows.order import Order
from workflows.order_messages import CancelCheckout, PayOrder


async def balances(flow: Flow) -> list[int]:
    """Of all gift cards."""
    return [row["balance"] for row in await flow.database.fetch("SELECT balance FROM credit_accounts ORDER BY id")]


async def test_covered_by_credit_nobody_asks_the_provider(shelf: Shelf, trouble: Trouble) -> None:
    """Given credit for everything, then three steps make the order, even when a bank card was named."""
    handle, answer = await shelf.buy("pm_card_chargeDeclined", **await shelf.credit(MUG))
    assert (answer.status, answer.payment_status) == (OrderStatus.PENDING, PaymentStatus.AUTHORIZED)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)

    assert sorted(step for _, step in trouble.runs) == ["confirm_order", "place_order", "secure_order"]
    row = await shelf.row()
    assert (row["payment_status"], row["reference"], row["credit"]) == ("paid", None, MUG)
    assert await shelf.facts() == ["order_placed", "payment_authorized", "credit_spent", "order_confirmed"]
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_part_is_captured_and_no_more(shelf: Shelf) -> None:
    """Given 6.00 of credit, then the provider takes the other 10.00."""
    await stories.paid_partly_with_credit(shelf)
    assert await shelf.charged() == (MUG - 600, 0)
    assert await balances(shelf.flow) == [0]
    assert await ledgers.disagreements(shelf.flow) == []


async def test_another_card_pays_what_is_due(shelf: Shelf) -> None:
    """Given a declined bank card, when another one pays, then it is charged what is due, and the credit stays spent."""
    handle, answer = await shelf.buy("pm_card_chargeDeclined", **await shelf.credit(600))
    assert answer.payment_status is PaymentStatus.FAILED
    await shelf.ask(handle, Order.pay, PayOrder("again", "pm_card_visa"))
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await shelf.charged() == (MUG - 600, 0)
    assert await ledgers.disagreements(shelf.flow) == []


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("amount", [600, MUG])
async def test_called_off_before_the_point_of_no_return(shelf: Shelf, trouble: Trouble, amount: int) -> None:
    """Given a cancel that arrives while the order is placed, then the credit is back, and the provider took nothing."""
    told = await shelf.credit(amount)
    arrived, go_on = trouble.hold(workflow_id(shelf.cart, 1), "place_order")
    handle = await shelf.begin(**told)
    await arrived.wait()
    cancelling = asyncio.create_task(
        shelf.ask(handle, Order.cancel, CancelCheckout("never mind", "changed my mind", "buyer"))
    )
    await shelf.heard(handle, "cancel")
    go_on.set()
    if amount < MUG:
        # The provider was never asked, and its search is waited for.
        await shelf.flow.fast_forward(handle, stories.WINDOW)
    ended = await cancelling
    assert ended.status is OrderStatus.CANCELLED
    assert await balances(shelf.flow) == [amount]
    assert await ledgers.disagreements(shelf.flow) == []
    assert ("void_payment" in {step for _, step in trouble.runs}) == (amount < MUG)


async def test_what_is_covered_cannot_be_paid_and_is_cancelled_as_any_paid_order(shelf: Shelf) -> None:
    """Given an order that credit paid for, then paying is refused; cancelled, its gift card has its money again."""
    handle = await stories.covered_by_credit(shelf)
    with pytest.raises(Exception, match="Workflow update failed"):
        await shelf.ask(handle, Order.pay, PayOrder("d", "pm_card_visa"))
    assert await ledgers.disagreements(shelf.flow) == []

    ended = await shelf.ask(handle, Order.cancel, CancelCheckout("d", "why", "buyer"))

    assert ended.status is OrderStatus.CANCELLED
    async with asyncio.timeout(60):
        while (await shelf.row())["payment_status"] != "refunded":
            await asyncio.sleep(0.05)
    assert await shelf.flow.intents(shelf.number) == []
    assert await ledgers.disagreements(shelf.flow) == []
