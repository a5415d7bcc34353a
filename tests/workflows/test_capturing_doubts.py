"""Money taken at shipment on the provider's bad days: nobody pays ahead, nobody pays twice, nothing waits for ever."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from temporalio.common import RetryPolicy

from models.capture import Capture
from models.order import OrderStatus
from models.payment import PaymentStatus
from models.settings import WorkerSettings
from tests.flow import Flow
from tests.workflows import shipping as stories
from tests.workflows.refunding import disagreements
from tests.workflows.shipping import FIRST, SECOND, Reserved, count, until
from tests.workflows.stories import MUG, TWO_MUGS, Shelf
from tests.workflows.test_attention import flagged, until_flagged
from tests.workflows.test_capturing import refused
from tests.workflows.test_reconcile import reconcile
from workflows import patience


@pytest.fixture
def settings(settings: WorkerSettings) -> WorkerSettings:
    """A shop that takes money at shipment."""
    return msgspec.structs.replace(settings, capture=Capture.AT_SHIPMENT)


@pytest.fixture
def rare_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step at the provider is tried twice a minute: each try costs a test a second."""
    monkeypatch.setattr(patience, "_RETRY_PROVIDER", RetryPolicy(timedelta(seconds=40), 1.0))


async def lost(bought: Reserved, asked: "asyncio.Task[object]", times: int = 1) -> str:
    """The provider takes the money, for the n-th time, and is away from then on; what came of it is not known. The code
    of the refusal."""
    await until(bought, lambda: _taken(bought, times))
    await bought.flow.fast_forward(bought.handle, timedelta(minutes=2))
    code = await refused(asked)
    await bought.flow.stripe.clear()
    return code


async def _calm(bought: Reserved) -> bool:
    return not await bought.needs_attention()


async def _taken(bought: Reserved, times: int) -> bool:
    return sum(captured > 0 for _, captured, _ in await bought.moved()) == times


async def goes_silent(bought: Reserved) -> None:
    """The answer to the next capture is lost, and nothing can be read afterwards."""
    about = {"order": str(bought.shelf.number)}
    await bought.flow.stripe.fault("answer_lost", path="/v1/payment_intents/*/capture", metadata=about)
    await bought.flow.stripe.fault(
        "error_before", status=503, method="GET", path="/v1/payment_intents/*", metadata=about, times=None
    )


async def dashboard(bought: Reserved, amount: int | None = None) -> None:
    """Somebody takes so much of what is reserved in the provider's dashboard; None: all of it."""
    [reference] = [
        each["payment_intent"] for each in await bought.flow.intents(bought.shelf.number)
        if each["status"] == "requires_capture"
    ]  # fmt: skip
    answer = await bought.flow.stripe.http.post(
        f"/v1/payment_intents/{reference}/capture", headers={"Authorization": "Bearer sk_test_dashboard"},
        data={"amount_to_capture": amount} if amount else {},
    )  # fmt: skip
    answer.raise_for_status()


@pytest.mark.usefixtures("rare_tries")
async def test_a_parcel_whose_money_was_taken_unheard_takes_no_more(flow: Flow) -> None:
    """Given a capture whose answer was lost, when the parcel is sent again, then it is paid already."""
    bought = await Reserved.open(flow)
    await goes_silent(bought)
    assert await lost(bought, asyncio.create_task(bought.ship(1))) == "capture_failed"

    assert (await bought.ship(1)).status is OrderStatus.PROCESSING

    assert await bought.payment() == ("authorized", FIRST)
    assert await bought.moved() == [("succeeded", FIRST, 0), ("requires_capture", 0, SECOND)]
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    assert await bought.booked() == {"provider:stripe": TWO_MUGS, "sales": -TWO_MUGS}
    assert await disagreements(flow) == []


@pytest.mark.usefixtures("rare_tries")
async def test_what_staff_took_unheard_counts(flow: Flow) -> None:
    """Given 20.00 that staff asked for, taken without an answer, when they ask again, then they are taken already."""
    bought = await Reserved.open(flow)
    await goes_silent(bought)
    assert await lost(bought, asyncio.create_task(bought.capture(2000))) == "capture_failed"

    assert (await bought.capture(2000)).payment_status is PaymentStatus.AUTHORIZED

    assert await bought.payment() == ("authorized", 2000)
    assert await bought.moved() == [("succeeded", 2000, 0), ("requires_capture", 0, TWO_MUGS - 2000)]
    assert await disagreements(flow) == []


@pytest.mark.parametrize("told", [False, True])
async def test_what_was_taken_in_the_dashboard_is_not_taken_again(flow: Flow, told: bool) -> None:
    """Given all of it taken by hand, then a parcel takes nothing more, whether a reconciliation told of it or not."""
    await flow.stripe.reset()
    bought = await Reserved.open(flow)
    await dashboard(bought)
    if told:
        assert (await reconcile(flow, settle=60)).drift == 0
        assert await bought.payment() == ("paid", TWO_MUGS)

    assert (await bought.ship(1)).payment_status is PaymentStatus.PAID

    assert await bought.moved() == [("succeeded", TWO_MUGS, 0)]
    assert await bought.payment() == ("paid", TWO_MUGS)
    assert (await bought.ship()).status is OrderStatus.SHIPPED
    assert await bought.moved() == [("succeeded", TWO_MUGS, 0)]
    assert await bought.booked() == {"provider:stripe": TWO_MUGS, "sales": -TWO_MUGS}
    assert await disagreements(flow) == []


async def test_a_cancelled_order_asks_for_nobody(flow: Flow) -> None:
    """Given a rest that could not be reserved, when the order is cancelled, then nobody has to look any more."""
    bought = await Reserved.open(flow)
    about = {"order": str(bought.shelf.number)}
    await flow.stripe.fault("error_before", status=400, method="POST", path="/v1/payment_intents", metadata=about)
    await bought.capture(2000)
    assert await bought.needs_attention()

    await bought.cancel()
    await bought.handle.result()

    row = await bought.shelf.row()
    assert (row["status"], row["attention"]) == ("cancelled", None)


async def test_a_parcel_of_which_credit_left_cents_takes_what_a_card_takes(flow: Flow) -> None:
    """Given a first mug of which 0.20 are left to pay, then 0.50 are taken, and that much less with the second."""
    bought = await Reserved.open(flow, credit=FIRST - 20)
    await bought.ship(1)
    assert await bought.moved() == [("succeeded", 50, 0), ("requires_capture", 0, SECOND - 30)]
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    assert await bought.payment() == ("paid", SECOND + 20)
    assert await disagreements(flow) == []


async def test_taken_by_hand_before_we_heard_of_it(flow: Flow) -> None:
    """Given a buyer who was at their bank, and money taken by hand before we looked, then the order is paid."""
    await flow.stripe.reset()
    shelf = await Shelf.open(flow)
    handle, answer = await shelf.buy("pm_card_authenticationRequired")
    assert answer.payment is not None and answer.payment.reference is not None
    await flow.stripe.authenticate(answer.payment.reference)
    bought = Reserved(shelf, handle)
    await dashboard(bought)
    await shelf.news(handle)

    seen = await flow.until(handle, OrderStatus.CONFIRMED)

    assert seen.payment_status is PaymentStatus.PAID
    assert await bought.payment() == ("paid", MUG)
    assert (await bought.ship()).status is OrderStatus.SHIPPED
    assert await bought.moved() == [("succeeded", MUG, 0)]
    assert await disagreements(flow) == []


async def test_what_is_missing_of_a_part_that_was_taken_by_hand_is_taken_of_the_rest(flow: Flow) -> None:
    """Given 5.00 taken by hand, which lets the rest go, then a parcel of 16.00 takes 11.00 more before it leaves."""
    bought = await Reserved.open(flow)
    await dashboard(bought, 500)
    assert (await bought.ship(1)).payment_status is PaymentStatus.AUTHORIZED
    assert await bought.payment() == ("authorized", FIRST)
    assert [(status, taken) for status, taken, _ in await bought.moved()] == [
        ("succeeded", 500), ("succeeded", FIRST - 500), ("requires_capture", 0),
    ]  # fmt: skip
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    assert await bought.booked() == {"provider:stripe": TWO_MUGS, "sales": -TWO_MUGS}
    assert await disagreements(flow) == []


async def test_nobody_leaves_a_rest_that_no_card_takes(flow: Flow) -> None:
    """Given staff who would leave 0.20, or take no more, then they are told that this could never be taken."""
    bought = await Reserved.open(flow)
    assert await refused(bought.capture(TWO_MUGS - 20)) == "charge_impossible"
    assert await refused(bought.capture(20)) == "charge_impossible"
    assert await bought.moved() == [("requires_capture", 0, TWO_MUGS)]
    assert (await bought.capture(TWO_MUGS)).payment_status is PaymentStatus.PAID


@pytest.mark.usefixtures("rare_tries")
async def test_a_provider_that_is_away_is_no_fault_of_the_card(flow: Flow) -> None:
    """Given a provider that is away when the rest is reserved, then its buyer hears nothing, and it is soon had."""
    bought = await Reserved.open(flow)
    await flow.stripe.fault("error_before", status=503, method="POST", path="/v1/payment_intents", times=None)
    sent = asyncio.create_task(bought.ship(1))
    async with asyncio.timeout(60):
        while "order_shipped" not in await bought.shelf.facts():
            await asyncio.sleep(0.02)
    await flow.fast_forward(bought.handle, timedelta(minutes=2))
    await flow.stripe.clear()
    await flow.fast_forward(bought.handle, timedelta(minutes=3))
    assert (await sent).status is OrderStatus.PROCESSING
    assert await bought.shelf.letters() == ["order_confirmed", "shipped"]
    await flow.fast_forward(bought.handle, timedelta(hours=2))
    await until(bought, lambda: count(bought, 2))
    await until(bought, lambda: _calm(bought))
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    assert await disagreements(flow) == []


async def test_a_retry_tries_a_renewal_again(flow: Flow) -> None:
    """Given a renewal that was declined, when staff say retry, then it is reserved anew, not forgotten."""
    bought = await Reserved.open(flow)
    about = {"order": str(bought.shelf.number)}
    await flow.stripe.fault("error_before", status=400, method="POST", path="/v1/payment_intents", metadata=about)
    await flow.fast_forward(bought.handle, stories.LIFE + timedelta(hours=1))
    await until(bought, bought.needs_attention)

    await bought.retry()

    await until(bought, lambda: count(bought, 2))
    await until(bought, lambda: _calm(bought))


async def test_an_order_that_lacks_two_things_asks_until_it_has_both(flow: Flow) -> None:
    """Given an order that is late, and whose rest cannot be reserved, then having the one settled leaves the other."""
    bought = await Reserved.open(flow)
    about = {"order": str(bought.shelf.number)}
    await flow.fast_forward(bought.handle, timedelta(days=3, minutes=1))
    await until(bought, lambda: _asks(bought, "not shipped in time"))
    await flow.stripe.fault("error_before", status=400, method="POST", path="/v1/payment_intents", metadata=about)
    await bought.capture(2000)
    await until(bought, lambda: _asks(bought, "reserve the rest of the money: "))

    await bought.ship(1)  # which has it reserved

    await until(bought, lambda: _asks(bought, "not shipped in time"))
    assert await flagged(bought.shelf, bought.handle)
    assert "Needs attention: not shipped in time" in await bought.shelf.card(bought.handle)
    assert (await bought.ship()).payment_status is PaymentStatus.PAID
    await until(bought, lambda: _calm(bought))
    await until_flagged(bought.shelf, bought.handle, False)
    assert await disagreements(flow) == []


async def _asks(bought: Reserved, why: str) -> bool:
    return str((await bought.shelf.row())["attention"]).startswith(why)
