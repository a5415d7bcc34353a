"""Money that comes in the last moment: whoever holds the goods has them, and nobody pays for what is not theirs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from temporalio.service import RPCError

from models.ids import CartId
from models.order import OrderStatus, workflow_id
from tests.flow import Handle
from tests.workflows import ledgers
from tests.workflows.stories import WINDOW, Shelf
from tests.workflows.trouble import Trouble

ALL_FIVE = 5 * 1000 + 500 + 500
"""What the whole shelf costs."""
_EXPIRE = "UPDATE stock_holds SET until = now() - interval '1 second' WHERE until IS NOT NULL"
SHOP = {"Authorization": "Bearer sk_test_browser"}


class Rival:
    """Somebody else who wants all five."""

    def __init__(self, shelf: Shelf, carts: list[CartId]) -> None:
        self._flow = shelf.flow
        self._carts = carts

    @classmethod
    async def of(cls, shelf: Shelf) -> "Rival":
        """With carts for two tries."""
        return cls(shelf, [await shelf.flow.cart({shelf.sku: 5}) for _ in range(2)])

    async def tries(self) -> str:
        """To buy them; the order's status, or why it is refused."""
        handle, answer = await self._flow.buy(self._carts.pop(), ALL_FIVE)
        if answer.refusal is not None:
            return answer.refusal.code
        return (await self._flow.until(handle, OrderStatus.CONFIRMED)).status


async def pays(shelf: Shelf, reference: str) -> bool:
    """The buyer's browser confirms the payment with another card, past the shop. Whether the provider takes it."""
    answer = await shelf.flow.stripe.http.post(
        f"/v1/payment_intents/{reference}/confirm", data={"payment_method": "pm_card_visa"}, headers=SHOP
    )
    return answer.status_code == 200


@contextlib.asynccontextmanager
async def in_the_middle_of(step: str, shelf: Shelf, handle: Handle, trouble: Trouble) -> AsyncIterator[None]:
    """The window closes, and what follows stands still before this step."""
    arrived, go = trouble.hold(handle.id, step)
    passing = asyncio.create_task(shelf.flow.fast_forward(handle, WINDOW))
    await asyncio.wait_for(arrived.wait(), 60)
    yield
    go.set()
    with contextlib.suppress(RPCError):  # it ended first
        await passing


@pytest.mark.parametrize(
    ("step", "taken", "end", "left"),
    [
        ("read_payment", True, OrderStatus.CONFIRMED, (5, 1)),
        ("void_payment", True, OrderStatus.CANCELLED, (5, 0)),
        ("cancel_order", False, OrderStatus.CANCELLED, (5, 0)),
    ],
    ids=["before the last look", "after it", "after the payment was given up"],
)
async def test_a_payment_while_the_window_closes(
    shelf: Shelf, trouble: Trouble, step: str, taken: bool, end: OrderStatus, left: tuple[int, int]
) -> None:
    """Given goods that are held, when money comes as time runs out, then it is a sale, or it is the buyer's again.

    Until that is decided nobody else gets the goods; as soon as it is, they do.
    """
    rival = await Rival.of(shelf)
    handle, answer = await shelf.buy("pm_card_chargeDeclined")
    assert answer.payment is not None and answer.payment.reference is not None

    async with in_the_middle_of(step, shelf, handle, trouble):
        assert await shelf.left() == (5, 1)
        assert await rival.tries() == "out_of_stock"
        assert await pays(shelf, answer.payment.reference) is taken

    await shelf.flow.until(handle, end)
    assert await shelf.left() == left
    assert await rival.tries() == ("out_of_stock" if end is OrderStatus.CONFIRMED else "confirmed")
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_capture_that_takes_longer_than_the_hold(shelf: Shelf, trouble: Trouble) -> None:
    """Given authorized money, when the hold's time is over before it is taken, then the goods stay with the order."""
    arrived, go = trouble.hold(workflow_id(shelf.cart, 1), "capture_payment")
    rival = await Rival.of(shelf)
    handle, _ = await shelf.buy()
    await asyncio.wait_for(arrived.wait(), 60)

    await shelf.flow.database.fetch(_EXPIRE)
    assert await rival.tries() == "out_of_stock"
    go.set()

    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await shelf.left() == (5, 1)
    assert await rival.tries() == "out_of_stock"
    assert await ledgers.disagreements(shelf.flow) == []
