"""An unpaid order that staff let wait longer: it can be paid until then, ends then, and nobody loses what is theirs."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from models.checkout import PaymentChoice
from models.errors import refusal_of
from models.order import OrderStatus
from models.payment import PaymentStatus, Standing
from tests.flow import Flow
from tests.workflows import ledgers
from tests.workflows.stories import WINDOW, Shelf, given_longer, longer
from tests.workflows.trouble import Trouble
from workflows.order import Order
from workflows.order_messages import CancelCheckout, OrderState, PayOrder

DECLINED = "pm_card_chargeDeclined"
NEVER_MIND = CancelCheckout("never mind", "changed my mind", "buyer")


async def ends(shelf: Shelf) -> tuple[datetime, list[datetime | None]]:
    """Until when the order may be paid, and until when each of its holds is its own."""
    rows = await shelf.flow.database.fetch(
        "SELECT h.until FROM stock_holds h JOIN orders o ON o.id = h.order_id WHERE o.number = $1", shelf.number
    )
    return (await shelf.row())["pay_until"], [row["until"] for row in rows]


async def refused(asked: Any) -> str:
    """The code of the refusal that an update is answered with."""
    with pytest.raises(WorkflowUpdateFailedError) as no:
        await asked
    assert isinstance(no.value.cause, ApplicationError | Exception)
    refusal = refusal_of(no.value.cause)
    assert refusal is not None, no.value.cause
    return refusal.code


async def test_it_takes_the_payment_after_the_old_end(shelf: Shelf) -> None:
    """Given two hours more, when a good card comes after the window would have closed, then it is a sale like any."""
    handle = await given_longer(shelf)
    assert await shelf.left() == (5, 1)
    assert (await ends(shelf))[1] == [None]
    facts = await shelf.facts()
    assert facts[:3] == ["order_placed", "payment_declined", "hold_extended"]
    assert (facts.count("hold_extended"), facts[-1]) == (1, "order_confirmed")
    assert (await shelf.row())["status"] == "confirmed"
    assert await ledgers.disagreements(shelf.flow) == []
    assert await refused(shelf.ask(handle, Order.extend_hold, longer(5))) == "wrong_move"


async def test_it_ends_at_the_new_end(shelf: Shelf) -> None:
    """Given two hours more, when nobody pays, then it waits past the old end, and is undone after the new one."""
    handle, _ = await shelf.buy(DECLINED)
    was, _ = await ends(shelf)
    await shelf.ask(handle, Order.extend_hold, longer(120))
    end = was + timedelta(hours=2)
    assert await ends(shelf) == (end, [end])
    assert f"**Until:** {end:%Y-%m-%d %H:%M} UTC" in await shelf.card(handle)

    await shelf.flow.fast_forward(handle, WINDOW)
    seen = await handle.query(Order.state)
    assert (seen.status, await shelf.left()) == (OrderStatus.PENDING, (5, 1))
    await shelf.flow.fast_forward(handle, timedelta(hours=2))

    ended = await asyncio.wait_for(handle.result(), 60)
    assert (ended.status, ended.payment_status) == (OrderStatus.CANCELLED, PaymentStatus.VOIDED)
    assert ((await shelf.row())["cancel_reason"], await shelf.left()) == ("payment_window_closed", (5, 0))
    assert await shelf.charged() == (0, 0)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_once_a_key_and_minutes_add_up(shelf: Shelf) -> None:
    """Given an hour asked for three times under one key, then it is one hour; under another key it is one more."""
    handle, _ = await shelf.buy(DECLINED)
    was, _ = await ends(shelf)
    for key in ("one", "one", "one", "two"):
        answer = await shelf.ask(handle, Order.extend_hold, longer(60), key)
        assert (answer.status, answer.digest) == (OrderStatus.PENDING, "longer")
    assert (await shelf.facts()).count("hold_extended") == 2
    end = was + timedelta(hours=2)
    assert await ends(shelf) == (end, [end])
    await asyncio.gather(*(shelf.ask(handle, Order.extend_hold, longer(60), key) for key in ("three", "four", "two")))
    assert await ends(shelf) == (was + timedelta(hours=4), [was + timedelta(hours=4)])
    audited = await shelf.flow.database.fetch("SELECT action, reason FROM audit_log WHERE subject = $1", shelf.number)
    assert [tuple(row) for row in audited] == [("order.extend_hold", "will call again")] * 4


async def test_a_refusal_moves_nothing(shelf: Shelf) -> None:
    """Given an end before the one it has, or later than a day from now, then it is refused, and it waits as it did."""
    handle, _ = await shelf.buy(DECLINED)
    before, facts = await ends(shelf), await shelf.facts()
    until = longer(1)
    for wanted in (
        before[0], before[0] - timedelta(minutes=1), datetime(2001, 1, 1, tzinfo=UTC),
        datetime.now(UTC) + timedelta(hours=25),
    ):  # fmt: skip
        wish = type(until)("until", until.actor, "too much", until=wanted, author=until.author)
        assert await refused(shelf.ask(handle, Order.extend_hold, wish)) == "hold_out_of_bounds"
    assert await refused(shelf.ask(handle, Order.extend_hold, longer(24 * 60))) == "hold_out_of_bounds"
    assert (await ends(shelf), await shelf.facts()) == (before, facts)
    assert await shelf.flow.database.fetch("SELECT FROM audit_log WHERE subject = $1", shelf.number) == []


async def test_of_longer_and_never_mind_at_once_it_is_called_off(flow: Flow) -> None:
    """Given staff who give it longer while its buyer calls it off, then it ends, and nobody is told otherwise."""
    for first in ("longer", "never mind") * 2:
        shelf = await Shelf.open(flow)
        handle, _ = await shelf.buy(DECLINED)
        asked = [shelf.ask(handle, Order.extend_hold, longer(60)), shelf.ask(handle, Order.cancel, NEVER_MIND)]
        answers = await asyncio.gather(*(asked if first == "longer" else asked[::-1]), return_exceptions=True)
        given, ended = answers if first == "longer" else answers[::-1]
        assert isinstance(ended, OrderState), ended
        assert ended.status is OrderStatus.CANCELLED
        assert isinstance(given, OrderState | WorkflowUpdateFailedError | RPCError), given
        assert (await asyncio.wait_for(handle.result(), 60)).status is OrderStatus.CANCELLED
        assert ("hold_extended" in await shelf.facts()) is isinstance(given, OrderState)
        assert (await shelf.left(), await shelf.charged()) == ((5, 0), (0, 0))
    assert await ledgers.disagreements(flow) == []


async def test_longer_in_the_last_moment(shelf: Shelf, trouble: Trouble) -> None:
    """Given the last look at the provider, when staff give it longer meanwhile, then it does not end by the old end."""
    handle, _ = await shelf.buy(DECLINED)
    arrived, go = trouble.hold(handle.id, "read_payment")
    passing = asyncio.create_task(shelf.flow.fast_forward(handle, WINDOW))
    await asyncio.wait_for(arrived.wait(), 60)
    given = await shelf.ask(handle, Order.extend_hold, longer(120))
    assert given.status is OrderStatus.PENDING
    go.set()
    with contextlib.suppress(RPCError):
        await passing

    paid = await shelf.ask(handle, Order.pay, PayOrder("again", "pm_card_visa"))

    assert paid.payment_status is PaymentStatus.AUTHORIZED
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await ledgers.disagreements(shelf.flow) == []


async def test_a_page_closes_when_it_would_have_and_another_one_opens(shelf: Shelf) -> None:
    """Given Stripe's page, when its own end has come, then the order still waits, and is paid on another page."""
    handle, answer = await shelf.buy(None, payment=PaymentChoice(hosted=True))
    assert answer.payment is not None and answer.payment.reference is not None
    await shelf.ask(handle, Order.extend_hold, longer(180))
    await shelf.flow.stripe.http.post(
        f"/v1/checkout/sessions/{answer.payment.reference}/expire", headers={"Authorization": "Bearer sk_test_desk"}
    )
    await shelf.flow.fast_forward(handle, WINDOW)
    assert (await handle.query(Order.state)).status is OrderStatus.PENDING

    again = await shelf.ask(handle, Order.pay, PayOrder("again", None, hosted=True))

    assert again.payment is not None and again.payment.reference is not None
    assert again.payment.standing is Standing.METHOD_REQUIRED
    assert again.payment.reference != answer.payment.reference
    await shelf.flow.stripe.pay(again.payment.reference)
    await shelf.news(handle)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await ledgers.disagreements(shelf.flow) == []
