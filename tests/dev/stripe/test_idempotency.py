"""Idempotency keys: replay, mismatch, concurrent use, and forgetting after a day."""

import asyncio
from typing import Any

import httpx
import pytest
import stripe

from dev.stripe.call import API_VERSION, DAY
from dev.stripe.remote import SimulatorControl
from tests.dev.stripe.wire import HELD

KEY: Any = {"idempotency_key": "order-7-authorize"}


def test_the_version_is_the_sdks() -> None:
    """Events carry the API version the installed SDK was made for."""
    assert stripe.api_version == API_VERSION


async def test_the_same_call_again_is_replayed(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """One charge, two equal answers, the second marked as a replay."""
    first = await client.v1.payment_intents.create_async(HELD, KEY)
    backwards: Any = dict(reversed(HELD.items()))
    again = await client.v1.payment_intents.create_async(backwards, KEY)
    assert again.to_dict() == first.to_dict()
    assert again.last_response is not None and first.last_response is not None
    headers: Any = again.last_response.headers
    assert headers["idempotent-replayed"] == "true"
    assert headers["original-request"] == first.last_response.request_id
    assert "idempotent-replayed" not in dict(first.last_response.headers)
    assert len(await control.ledger()) == 1


async def test_a_replay_tells_of_then_not_of_now(client: stripe.StripeClient) -> None:
    """The stored answer stays as it was although the intent moved on."""
    intent = await client.v1.payment_intents.create_async(HELD, KEY)
    await client.v1.payment_intents.cancel_async(intent.id)
    assert (await client.v1.payment_intents.create_async(HELD, KEY)).status == "requires_capture"


async def test_other_parameters_or_another_endpoint_are_refused(
    client: stripe.StripeClient, control: SimulatorControl
) -> None:
    """A key belongs to one endpoint and one set of parameters."""
    intent = await client.v1.payment_intents.create_async(HELD, KEY)
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        await client.v1.payment_intents.create_async(HELD | {"amount": 2001}, KEY)
    with pytest.raises(stripe.IdempotencyError, match="same endpoint") as refusal:
        await client.v1.payment_intents.capture_async(intent.id, {}, KEY)
    assert refusal.value.http_status == 400
    assert (await control.ledger())[0]["captured"] == 0


async def test_a_decline_is_replayed(client: stripe.StripeClient) -> None:
    """402 is an answer like any other: the same key gives the same decline and makes no second charge."""
    charges = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as decline:
            await client.v1.payment_intents.create_async(HELD | {"payment_method": "pm_card_chargeDeclined"}, KEY)
        assert decline.value.error is not None
        charges.append(decline.value.error.charge)
    assert charges[0] == charges[1]
    assert len((await client.v1.charges.list_async()).data) == 1


async def test_a_bad_parameter_does_not_use_up_the_key(client: stripe.StripeClient) -> None:
    """What was refused before it began may be sent again, corrected, under the same key."""
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.payment_intents.create_async(HELD | {"amount": 1}, KEY)
    assert (await client.v1.payment_intents.create_async(HELD, KEY)).status == "requires_capture"


async def test_a_refused_move_is_replayed(client: stripe.StripeClient) -> None:
    """An unexpected state was found out by executing, so the key remembers it."""
    intent = await client.v1.payment_intents.create_async(HELD | {"confirm": False})
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await client.v1.payment_intents.capture_async(intent.id, {}, KEY)
    headers: Any = refusal.value.headers
    assert headers["idempotent-replayed"] == "true"


async def test_at_the_same_time_the_second_is_turned_away(
    client: stripe.StripeClient, control: SimulatorControl
) -> None:
    """While the first call runs, its key is in use: 409, and worth a retry."""
    await control.fault("latency", seconds=60)  # or until it is cleared
    first = asyncio.create_task(client.v1.payment_intents.create_async(HELD, KEY))
    while await control.faults():
        await asyncio.sleep(0.01)
    with pytest.raises(stripe.APIError) as refusal:
        await client.v1.payment_intents.create_async(HELD, KEY)
    assert refusal.value.error is not None
    assert (refusal.value.http_status, refusal.value.error.code) == (409, "idempotency_key_in_use")
    headers: Any = refusal.value.headers
    assert headers["stripe-should-retry"] == "true"
    await control.clear()
    intent = await first
    assert (await client.v1.payment_intents.create_async(HELD, KEY)).id == intent.id
    assert len(await control.ledger()) == 1


async def test_after_a_day_the_key_is_forgotten(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """The trap: a day later the same call charges a second time."""
    first = await client.v1.payment_intents.create_async(HELD, KEY)
    await control.advance(DAY - 60)
    assert (await client.v1.payment_intents.create_async(HELD, KEY)).id == first.id
    await control.advance(60)
    assert (await client.v1.payment_intents.create_async(HELD, KEY)).id != first.id
    assert len(await control.ledger()) == 2


async def test_accounts_do_not_share_keys(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """A key is scoped to its account; one too long is refused."""
    await client.v1.payment_intents.create_async(HELD, KEY)
    await client.v1.payment_intents.create_async(HELD | {"amount": 999}, KEY | {"stripe_account": "acct_other"})
    assert len(await control.ledger()) == 2
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        await client.v1.payment_intents.create_async(HELD, {"idempotency_key": "k" * 256})


async def test_plain_http_errors_have_stripes_shape(url: str) -> None:
    """No key, unknown path, wrong content type: Stripe's error object each time."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        nobody = await http.get("/v1/customers")
        assert (nobody.status_code, nobody.json()["error"]["type"]) == (401, "invalid_request_error")
        http.headers["Authorization"] = "Bearer sk_test_x"
        lost = await http.get("/v1/nothing")
        assert lost.status_code == 404 and "Unrecognized request URL" in lost.json()["error"]["message"]
        typed = await http.post("/v1/customers", json={"name": "Ada"})
        assert typed.status_code == 400 and "POST content type" in typed.json()["error"]["message"]
        basic = await http.get("/v1/customers", auth=("sk_test_x", ""))
        assert basic.json() == {"object": "list", "data": [], "has_more": False, "url": "/v1/customers"}
        chunked = await http.post("/v1/customers", content=iter_bytes())
        assert chunked.status_code == 411


async def iter_bytes() -> Any:
    yield b"name=Ada"
