"""The payment provider on bad days: answers lost, late, refused; one charge or none, whatever it does."""

from datetime import timedelta

import pytest
from temporalio.common import RetryPolicy

from activities.payments import intents, money
from models.order import OrderStatus, workflow_id
from models.payment import PaymentStatus
from tests.workflows import ledgers
from tests.workflows.stories import MUG, WINDOW, Shelf
from tests.workflows.trouble import Trouble
from workflows import patience
from workflows.order import Order
from workflows.order_messages import PayOrder

CREATE, CONFIRM, CAPTURE = (f"/v1/payment_intents{end}" for end in ("", "/*/confirm", "/*/capture"))


@pytest.fixture
def rare_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step at the provider is tried every quarter of an hour: each try costs a test a second."""
    monkeypatch.setattr(patience, "_RETRY_PROVIDER", RetryPolicy(timedelta(minutes=14), 1.0))


@pytest.mark.parametrize("kind", ["answer_lost", "error_before", "rate_limit"])
@pytest.mark.parametrize("path", [CREATE, CAPTURE])
async def test_a_call_that_goes_wrong_once_charges_once(shelf: Shelf, kind: str, path: str) -> None:
    """Lost after its effect, failed before it, or refused for now: the next try finds what there is."""
    await shelf.flow.stripe.fault(kind, method="POST", path=path)

    handle, answer = await shelf.buy()

    assert answer.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    [intent] = await shelf.flow.intents(shelf.number)
    assert (intent["captured"], intent["charges"]) == (MUG, 1)
    assert (await shelf.row())["attention"] is None
    assert await ledgers.disagreements(shelf.flow) == []


@pytest.mark.parametrize("kind", ["answer_lost", "error_before", "error_after"])
async def test_the_second_cards_answer_is_lost(shelf: Shelf, kind: str) -> None:
    """The confirmation of the next card is read before it is tried again."""
    handle, _ = await shelf.buy("pm_card_chargeDeclined")
    await shelf.flow.stripe.fault(kind, method="POST", path=CONFIRM)

    paid = await shelf.ask(handle, Order.pay, PayOrder("again", "pm_card_visa"))

    assert paid.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert (await shelf.flow.intents(shelf.number))[0]["charges"] == 1
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_failure_that_the_key_remembers_is_searched_for(
    shelf: Shelf, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider reserved the money, said 500, and says 500 again to every repeat: then we search what it did."""
    monkeypatch.setattr(intents, "SEARCHABLE_AFTER", timedelta(seconds=1))
    await shelf.flow.stripe.fault("error_after", method="POST", path=CREATE)

    handle, answer = await shelf.buy()

    assert answer.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert (await shelf.flow.intents(shelf.number))[0]["charges"] == 1
    assert trouble.runs[handle.id, "authorize_payment"] >= 1
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_slow_provider_is_waited_for_outside_the_buyers_first_task(
    shelf: Shelf, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the quick budget the patient try takes over, finds the first one still under way, and charges once."""
    monkeypatch.setattr(money, "QUICK_ANSWER", 0.2)
    await shelf.flow.stripe.fault("latency", seconds=0.8, method="POST", path=CREATE)

    handle, answer = await shelf.buy()

    assert answer.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert trouble.runs[handle.id, "authorize_payment_now"] == 1
    assert trouble.runs[handle.id, "authorize_payment"] >= 1
    assert (await shelf.flow.intents(shelf.number))[0]["charges"] == 1
    assert await ledgers.disagreements(shelf.flow) == []


@pytest.mark.usefixtures("rare_tries")
@pytest.mark.parametrize("reserved", [False, True])
async def test_a_provider_that_is_down_until_the_window_closes(shelf: Shelf, trouble: Trouble, reserved: bool) -> None:
    """Nobody knows whether money is reserved: it is searched for once the search has caught up, and given back."""
    if reserved:
        await shelf.flow.stripe.fault("answer_lost", method="POST", path=CREATE)
    await shelf.flow.stripe.fault("error_before", status=503, method="POST", path=CREATE, times=None)
    handle = await shelf.begin()

    await shelf.flow.fast_forward(handle, WINDOW)
    card = await shelf.until_card(handle, "Giving the payment up")
    assert "**Waits for:** the payment provider" in card
    assert "authorize the payment" in (await shelf.row())["attention"]
    assert await shelf.charged() == (0, MUG if reserved else 0)
    await shelf.flow.stripe.clear()
    await shelf.flow.fast_forward(handle, patience.SEARCH_LAG)

    ended = await handle.result()
    assert (ended.status, ended.attention) == (OrderStatus.CANCELLED, None)
    assert trouble.runs[handle.id, "void_payment"] == 1
    assert len(await shelf.flow.intents(shelf.number)) == int(reserved)
    assert await ledgers.disagreements(shelf.flow) == []


@pytest.mark.usefixtures("rare_tries")
async def test_a_provider_that_cannot_be_asked_at_the_end(shelf: Shelf) -> None:
    """The last look fails for as long as we are patient: the payment is voided by its id all the same."""
    handle, _ = await shelf.buy("pm_card_chargeDeclined")
    await shelf.flow.stripe.fault("error_before", status=503, method="GET", times=None)

    await shelf.flow.fast_forward(handle, WINDOW + patience.PROVIDER_ATTENTION)

    assert (await handle.result()).status is OrderStatus.CANCELLED
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_step_that_hangs_is_given_up_and_made_again(
    shelf: Shelf, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postgres takes the order's rows and never answers: the time limit ends the try, and the next one succeeds."""
    monkeypatch.setitem(patience.DATABASE, "start_to_close_timeout", timedelta(seconds=0.5))
    for step in ("place_order", "secure_order", "confirm_order"):
        trouble.hold(workflow_id(shelf.cart, 1), step)

    handle, _ = await shelf.buy()

    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    # On a busy machine another try may be too slow as well.
    assert min(trouble.runs[handle.id, step] for step in ("place_order", "secure_order", "confirm_order")) >= 2
    assert await ledgers.disagreements(shelf.flow) == []
