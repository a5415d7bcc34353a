"""Ids of a request follow its order into every activity, so that one search in the logs shows all of it."""

from datetime import timedelta
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from activities.payments import money
from models.order import OrderStatus
from tests import shop
from tests.flow import Flow
from workflows import patience
from workflows.order import Order
from workflows.order_messages import PayOrder


@pytest.fixture
async def flow(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> Flow:
    """A shop with one product, and nobody's ids around; a buyer waits for the provider for as long as it takes."""
    monkeypatch.setattr(money, "QUICK_ANSWER", 60)
    monkeypatch.setitem(patience.PROVIDER_NOW, "start_to_close_timeout", timedelta(minutes=1))
    structlog.contextvars.clear_contextvars()
    async with flow.database.writing() as writer:
        await shop.stock_product(writer, "MUG", 5)
    return flow


def of(lines: list[Any], workflow_id: str) -> list[dict[str, Any]]:
    """Lines of the activities of one order."""
    return [line for line in lines if line.get("workflow_id") == workflow_id]


async def test_an_order_s_activities_carry_the_ids_of_its_request(flow: Flow) -> None:
    """Given a checkout with request and order id, then each activity's line has both."""
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        with structlog.contextvars.bound_contextvars(request_id="r-1", order="HF-ABCDE-FGHJK", secret="never"):
            handle, _ = await flow.buy(await flow.cart({"MUG": 1}), 1600)
        await flow.until(handle, OrderStatus.CONFIRMED)

    done = of(lines, handle.id)
    assert [line["activity"] for line in done] == [
        "place_order", "authorize_payment_now", "secure_order", "capture_payment", "confirm_order",
    ]  # fmt: skip
    for line in done:
        assert (line["event"], line["request_id"], line["order"], line["attempt"]) == (
            "activity done", "r-1", "HF-ABCDE-FGHJK", 1,
        )  # fmt: skip
        assert line["ms"] > 0
        assert "secret" not in line


async def test_a_later_message_brings_its_own_request(flow: Flow) -> None:
    """Given an order that is paid by a later request, then what follows carries that request's id."""
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        with structlog.contextvars.bound_contextvars(request_id="first"):
            handle, _ = await flow.buy(await flow.cart({"MUG": 1}), 1600, "pm_card_chargeDeclined")
        with structlog.contextvars.bound_contextvars(request_id="second"):
            await pay(handle)
        await flow.until(handle, OrderStatus.CONFIRMED)
    by_activity = {line["activity"]: line["request_id"] for line in of(lines, handle.id)}
    assert (by_activity["record_payment_attempt"], by_activity["confirm_order"]) == ("first", "second")


async def test_a_failing_activity_says_so_with_its_ids(flow: Flow) -> None:
    """Given a provider in trouble, then the failed attempt is a warning with ids and reason, and without a trace."""
    await flow.stripe.fault("error_before", path="/v1/payment_intents/*/capture")
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        with structlog.contextvars.bound_contextvars(request_id="r-2"):
            handle, _ = await flow.buy(await flow.cart({"MUG": 1}), 1600)
        await flow.until(handle, OrderStatus.CONFIRMED)
    [failed] = [line for line in of(lines, handle.id) if line["log_level"] == "warning"]
    assert (failed["event"], failed["activity"], failed["attempt"], failed["request_id"], failed["exc_info"]) == (
        "activity failed", "capture_payment", 1, "r-2", False,
    )  # fmt: skip
    assert failed["error"].startswith("Unavailable: stripe is unavailable")


async def pay(handle: Any) -> None:
    """The buyer tries a good card."""
    await handle.execute_update(Order.pay, PayOrder("digest-2", "pm_card_visa"))
