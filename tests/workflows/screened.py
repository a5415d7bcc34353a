"""Ways an order can go that looks like fraud. Each takes a `Shelf` of a shop that screens, and leaves it at rest."""

from datetime import timedelta
from typing import Any

from models.audit import Author
from models.checkout import PaymentChoice
from models.ids import UserId, new_id
from models.money import Money
from models.order import OrderStatus
from models.payment import CHAPA, PaymentStatus, Returned, Standing
from models.screening import Screening
from tests.flow import Handle
from tests.shop import BERLIN
from tests.workflows.stories import MUG, Shelf, Story
from workflows.late_payment import late_payment_id
from workflows.order import Order
from workflows.order_messages import ApproveOrder, CancelCheckout, OrderState, PayOrder, RejectOrder

LIMIT = Screening(60, timedelta(days=1))
"""What these stories need of a shop: an address that is thrown away and a bill to another country are 60 points."""


def suspicious() -> dict[str, Any]:
    """What to say at a checkout so that somebody looks at it; nobody else has this address."""
    return {"email": f"{new_id().hex}@mailinator.com", "billing_address": BERLIN}


async def held(shelf: Shelf, method: str | None = "pm_card_visa", **changes: Any) -> tuple[Handle, OrderState]:
    """Bought, and held until somebody has looked."""
    handle, answer = await shelf.buy(method, **{**suspicious(), **changes})
    assert (answer.status, answer.payment_status) == (OrderStatus.ON_HOLD, PaymentStatus.AUTHORIZED)
    return handle, answer


def approve(key: str = "good") -> ApproveOrder:
    """One of the staff has looked: it is a good one."""
    bob = Author(UserId(new_id()))
    return ApproveOrder(key, bob.actor, "called the buyer", bob)


def reject(key: str = "bad") -> RejectOrder:
    """One of the staff has looked: it is fraud."""
    bob = Author(UserId(new_id()))
    return RejectOrder(key, bob.actor, "a stolen card", bob)


async def approved_in_review(shelf: Shelf) -> Handle:
    """Staff look, and it goes on."""
    handle, _ = await held(shelf)
    answer = await shelf.ask(handle, Order.approve, approve())
    assert answer.status is OrderStatus.CONFIRMED
    return handle


async def rejected_in_review(shelf: Shelf) -> Handle:
    """Staff look, and it ends; a gift card that paid a part has its money again."""
    handle, _ = await held(shelf, **await shelf.credit(600))
    answer = await shelf.ask(handle, Order.reject, reject())
    assert answer.status is OrderStatus.CANCELLED
    await handle.result()
    return handle


async def nobody_reviewed(shelf: Shelf) -> Handle:
    """Nobody looks within a day."""
    handle, _ = await held(shelf)
    await shelf.flow.fast_forward(handle, timedelta(hours=25))
    assert (await handle.result()).status is OrderStatus.CANCELLED
    return handle


async def lapsed_in_review(shelf: Shelf) -> Handle:
    """The provider gives the reservation up while the order waits for somebody to look."""
    handle, answer = await held(shelf)
    assert answer.payment is not None and answer.payment.reference is not None
    await shelf.cancel_at_provider(answer.payment.reference)
    await shelf.news(handle)
    assert (await handle.result()).status is OrderStatus.CANCELLED
    return handle


async def called_off_in_review(shelf: Shelf) -> Handle:
    """The buyer does not want to wait."""
    handle, _ = await held(shelf)
    ended = await shelf.ask(handle, Order.cancel, CancelCheckout("never mind", "it takes too long", "buyer"))
    assert ended.status is OrderStatus.CANCELLED
    await handle.result()
    return handle


async def rejected_after_it_was_paid(shelf: Shelf) -> Handle:
    """Paid on a page of the provider's, which takes the money at once: it is sent back."""
    changes = {**suspicious(), "payment": PaymentChoice(CHAPA)}
    handle, answer = await shelf.buy(None, **changes)
    assert answer.payment is not None
    assert answer.payment.reference is not None
    await shelf.flow.chapa.buy(answer.payment.reference)
    await shelf.news(handle)
    await shelf.flow.until(handle, OrderStatus.ON_HOLD)
    ended = await shelf.ask(handle, Order.reject, reject())
    assert ended.status is OrderStatus.CANCELLED
    await handle.result()
    late = shelf.flow.client.get_workflow_handle(late_payment_id(handle.id), result_type=Returned)
    returned = await late.result()
    assert isinstance(returned, Returned)
    assert returned.amount == Money(MUG, "usd")
    return handle


async def held_for_many_cards(shelf: Shelf) -> Handle:
    """Three cards are declined and the fourth is good: that and a bill to another country are enough."""
    email = f"{new_id().hex}@example.com"
    handle, answer = await shelf.buy("pm_card_chargeDeclined", email=email, billing_address=BERLIN)
    for n in (2, 3):
        assert answer.payment is not None and answer.payment.standing is Standing.DECLINED
        answer = await shelf.ask(handle, Order.pay, PayOrder(f"card {n}", "pm_card_chargeDeclined"))
    answer = await shelf.ask(handle, Order.pay, PayOrder("card 4", "pm_card_visa"))
    assert answer.status is OrderStatus.ON_HOLD
    answer = await shelf.ask(handle, Order.approve, approve())
    assert answer.status is OrderStatus.CONFIRMED
    return handle


ALL: tuple[Story, ...] = (
    approved_in_review, rejected_in_review, nobody_reviewed, lapsed_in_review, called_off_in_review,
    rejected_after_it_was_paid, held_for_many_cards,
)  # fmt: skip
"""All of them."""

STEPS: dict[Story, tuple[str, ...]] = {
    approved_in_review: (
        "place_order", "hold_order", "flag_order", "read_payment", "decide_review", "secure_order", "capture_payment",
        "confirm_order",
    ),
    rejected_in_review: ("place_order", "hold_order", "decide_review", "void_payment", "cancel_order"),
    nobody_reviewed: ("decide_review", "void_payment", "cancel_order"),
    lapsed_in_review: ("read_payment", "decide_review", "void_payment", "cancel_order"),
    called_off_in_review: ("decide_review", "void_payment", "cancel_order"),
    rejected_after_it_was_paid: ("hold_order", "decide_review", "void_payment", "cancel_order"),
}  # fmt: skip
"""What can fail in each story."""
