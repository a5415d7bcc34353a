"""Webhooks: signed, retried, and lost, doubled, reordered or held on order."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import stripe

from dev.stripe.app import create_app, serving
from dev.stripe.remote import SimulatorControl
from tests.dev.stripe.wire import HELD, SECRET, Receiver, sdk


@pytest.fixture
async def url(receiver: Receiver) -> AsyncIterator[str]:
    """A simulator that tells the receiver everything, and retries fast."""
    app = create_app(webhook_url=receiver.url, webhook_secret=SECRET, webhook_retry_seconds=0.02)
    async with serving(app) as found:
        yield found


async def fates(control: SimulatorControl) -> list[str]:
    return [delivery["status"] for delivery in await control.deliveries()]


async def settled(control: SimulatorControl) -> list[str]:
    """The deliveries' fates once none is pending."""
    while "pending" in (found := await fates(control)):
        await asyncio.sleep(0.01)
    return found


async def test_every_event_arrives_signed(client: stripe.StripeClient, receiver: Receiver) -> None:
    """The SDK verifies the signature, and the event shows the intent as it was then."""
    intent = await client.v1.payment_intents.create_async(HELD | {"metadata": {"order": "7"}})
    created, charged, held = await receiver.take(3)
    assert [created.type, charged.type, held.type] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
    ]
    assert created.data.object["status"] == "requires_confirmation"
    assert (held.data.object["id"], held.data.object["metadata"]["order"]) == (intent.id, "7")
    assert held.request is not None and intent.last_response is not None
    assert held.request.id == intent.last_response.request_id
    stored = await client.v1.events.retrieve_async(held.id)
    assert (stored.type, stored.data.object["amount_capturable"]) == (held.type, 2000)


async def test_a_forged_signature_is_noticed(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """With another secret the SDK refuses, so the delivery is retried and stays undelivered."""
    await control.webhooks(secret="whsec_forged")
    await client.v1.customers.create_async({})
    while not any(delivery["attempts"] for delivery in await control.deliveries()):
        await asyncio.sleep(0.01)
    (delivery,) = await control.deliveries()
    assert (delivery["status"], delivery["answer"]) == ("pending", 400)


async def test_retried_until_accepted(
    client: stripe.StripeClient, control: SimulatorControl, receiver: Receiver
) -> None:
    """500, 404, then 200: the same event, three attempts."""
    receiver.answers = [500, 404]
    customer = await client.v1.customers.create_async({})
    event = await receiver.until("customer.created")
    assert event.data.object["id"] == customer.id
    assert await settled(control) == ["delivered"]
    (delivery,) = await control.deliveries()
    assert (delivery["attempts"], delivery["answer"], receiver.attempts) == (3, 200, 3)


async def test_a_receiver_that_is_away_does_not_slow_the_api(
    client: stripe.StripeClient, control: SimulatorControl, receiver: Receiver
) -> None:
    """Nobody listens: the API answers all the same, and delivery goes on once somebody does."""
    await control.webhooks(url="http://127.0.0.1:9/")
    await client.v1.customers.create_async({})
    while not any(delivery["error"] for delivery in await control.deliveries()):
        await asyncio.sleep(0.01)
    await control.webhooks(url=receiver.url)
    assert (await receiver.next()).type == "customer.created"


async def test_lost_and_doubled(client: stripe.StripeClient, control: SimulatorControl, receiver: Receiver) -> None:
    """A lost event is never sent yet stays in the event list; a doubled one comes twice."""
    await control.webhooks(lose=1.0)
    await client.v1.customers.create_async({"name": "lost"})
    await control.webhooks(lose=0.0, double=1.0)
    await client.v1.customers.create_async({"name": "twice"})
    first, second = await receiver.take(2)
    assert first.id == second.id and first.data.object["name"] == "twice"
    assert await settled(control) == ["lost", "delivered", "delivered"]
    assert len((await client.v1.events.list_async()).data) == 2


async def test_held_released_and_reordered(
    client: stripe.StripeClient, control: SimulatorControl, receiver: Receiver
) -> None:
    """Held events wait for release; with reorder the newest comes first."""
    await control.webhooks(hold=True, reorder=True)
    await client.v1.payment_intents.create_async(HELD)
    assert await fates(control) == ["held"] * 3 and receiver.attempts == 0
    assert await control.release() == 3
    assert [event.type for event in await receiver.take(3)] == [
        "payment_intent.amount_capturable_updated",
        "charge.succeeded",
        "payment_intent.created",
    ]
    assert (await control.webhooks())["hold"] is False


async def test_only_wanted_types(client: stripe.StripeClient, control: SimulatorControl, receiver: Receiver) -> None:
    """A restricted endpoint hears of its types only."""
    await control.webhooks(events=["payment_intent.succeeded"])
    intent = await client.v1.payment_intents.create_async(HELD)
    await client.v1.payment_intents.capture_async(intent.id)
    assert (await receiver.next()).type == "payment_intent.succeeded"
    assert await settled(control) == ["delivered"]


async def test_late_and_again(client: stripe.StripeClient, control: SimulatorControl, receiver: Receiver) -> None:
    """Delayed events come late; any event can be sent again, five times if need be."""
    await control.webhooks(delay_seconds=0.1)
    began = asyncio.get_running_loop().time()
    await client.v1.customers.create_async({})
    event = await receiver.next()
    assert asyncio.get_running_loop().time() - began >= 0.1
    await control.webhooks(delay_seconds=0.0)
    await control.resend(event.id, 5)
    assert {again.id for again in await receiver.take(5)} == {event.id}


async def test_three_d_secure_is_told_by_webhook(
    client: stripe.StripeClient, control: SimulatorControl, receiver: Receiver
) -> None:
    """requires_action, then the hold, each as an event."""
    intent = await client.v1.payment_intents.create_async(HELD | {"payment_method": "pm_card_authenticationRequired"})
    assert (await receiver.until("payment_intent.requires_action")).data.object["id"] == intent.id
    await control.authenticate(intent.id)
    assert (await receiver.until("payment_intent.amount_capturable_updated")).data.object["id"] == intent.id


async def test_a_decline_is_told_by_webhook(client: stripe.StripeClient, receiver: Receiver) -> None:
    """The failed charge and the failed payment are events although the call was a 402."""
    with pytest.raises(stripe.CardError):
        await client.v1.payment_intents.create_async(HELD | {"payment_method": "pm_card_chargeDeclined"})
    types = [event.type for event in await receiver.take(3)]
    assert types == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


async def test_many_at_once(url: str, control: SimulatorControl, receiver: Receiver) -> None:
    """Fifty payments at once: every event arrives exactly once."""
    async with sdk(url) as client:
        await asyncio.gather(*(client.v1.payment_intents.create_async(HELD) for _ in range(50)))
    events = await receiver.take(150)
    assert len({event.id for event in events}) == 150
    assert set(await settled(control)) == {"delivered"}
    assert len(await control.ledger()) == 50
