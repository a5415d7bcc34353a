"""Ordered faults: slow, refused, broken, and done without an answer."""

import asyncio
import time
from typing import Any

import httpx
import pytest
import stripe

from dev.stripe.remote import SimulatorControl
from tests.dev.stripe.wire import HELD

KEY: Any = {"idempotency_key": "order-9"}
CAPTURE = "/v1/payment_intents/*/capture"


async def test_the_answer_is_lost_but_the_charge_was_made(
    client: stripe.StripeClient, control: SimulatorControl
) -> None:
    """The connection breaks after the effect; the same key then tells of the one charge."""
    await control.fault("answer_lost", method="POST", path="/v1/payment_intents")
    with pytest.raises(stripe.APIConnectionError):
        await client.v1.payment_intents.create_async(HELD, KEY)
    (line,) = await control.ledger()
    assert (line["authorized"], line["charges"]) == (2000, 1)
    again = await client.v1.payment_intents.create_async(HELD, KEY)
    assert (again.id, again.status) == (line["payment_intent"], "requires_capture")
    assert await control.ledger() == [line]


async def test_a_lost_capture_is_found_by_reading(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """Without the key, reading the intent shows that the money was taken."""
    intent = await client.v1.payment_intents.create_async(HELD)
    await control.fault("answer_lost", path=CAPTURE)
    with pytest.raises(stripe.APIConnectionError):
        await client.v1.payment_intents.capture_async(intent.id)
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).amount_received == 2000


async def test_broken_before_the_effect(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """Nothing happened and no key remembers: the retry does it."""
    await control.fault("error_before", status=503, path="/v1/payment_intents")
    with pytest.raises(stripe.APIError) as failure:
        await client.v1.payment_intents.create_async(HELD, KEY)
    assert failure.value.http_status == 503
    assert await control.ledger() == []
    assert (await client.v1.payment_intents.create_async(HELD, KEY)).status == "requires_capture"


async def test_broken_after_the_effect(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """The effect is done, and the key replays the 500 for good: only reading helps."""
    intent = await client.v1.payment_intents.create_async(HELD)
    await control.fault("error_after", path=CAPTURE)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failure:
            await client.v1.payment_intents.capture_async(intent.id, {}, KEY)
        assert failure.value.http_status == 500
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"


async def test_rate_limited(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """429, nothing stored, twice as ordered and then no more."""
    await control.fault("rate_limit", times=2)
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            await client.v1.payment_intents.create_async(HELD, KEY)
    assert (await client.v1.payment_intents.create_async(HELD, KEY)).status == "requires_capture"
    assert await control.faults() == []


async def test_latency(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """A slow call is slow; the next one has nothing to fear."""
    await control.fault("latency", seconds=0.2, path="/v1/balance")
    began = time.monotonic()
    await client.v1.balance.retrieve_async()
    slow = time.monotonic() - began
    assert slow >= 0.2
    assert await control.faults() == []


async def test_clearing_ends_a_delay(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """A call that is being delayed goes on as soon as all is clear."""
    await control.fault("latency", seconds=60, path="/v1/balance")
    waiting = asyncio.create_task(client.v1.balance.retrieve_async())
    while await control.faults():
        await asyncio.sleep(0.01)
    assert not waiting.done()
    await control.clear()
    await asyncio.wait_for(waiting, 30)


async def test_a_fault_picks_its_call_by_metadata(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """Only the order it is meant for is hit: by the request's metadata, or the intent's."""
    mine, other = HELD | {"metadata": {"order": "mine"}}, HELD | {"metadata": {"order": "other"}}
    held = await client.v1.payment_intents.create_async(mine)
    await control.fault("error_before", metadata={"order": "mine"}, times=None)
    passed = await client.v1.payment_intents.create_async(other)
    await client.v1.payment_intents.capture_async(passed.id)
    with pytest.raises(stripe.APIError):
        await client.v1.payment_intents.create_async(mine)
    with pytest.raises(stripe.APIError):
        await client.v1.payment_intents.capture_async(held.id)
    assert len(await control.faults()) == 1
    await control.clear()
    assert (await client.v1.payment_intents.capture_async(held.id)).status == "succeeded"


async def test_an_order_nobody_can_mean_is_refused(control: SimulatorControl) -> None:
    """A misspelled fault is a 400, not a silent nothing."""
    orders: Any = (("explode", {}), ("latency", {}), ("answer_lost", {"tmies": 2}), ("latency", {"seconds": -1}))
    for kind, how in orders:
        with pytest.raises(httpx.HTTPStatusError, match="400"):
            await control.fault(kind, **how)
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        await control.webhooks(loose=0.5)
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        await control.ask("GET", "nothing")
    assert await control.faults() == []


async def test_reset_forgets_all(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """A fresh account: no intents, no keys, no faults, the real time."""
    await client.v1.payment_intents.create_async(HELD, KEY)
    await control.fault("latency", seconds=9, times=None)
    await control.advance(1000)
    await control.reset()
    assert await control.ledger() == [] == await control.faults()
    assert abs((await control.health())["now"] - time.time()) < 60
    await client.v1.payment_intents.create_async(HELD | {"amount": 777}, KEY)
