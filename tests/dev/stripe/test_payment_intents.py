"""PaymentIntents through the SDK: every move of the state machine, and every refused one."""

from typing import Any

import pytest
import stripe

from dev.stripe.call import DAY
from dev.stripe.remote import SimulatorControl
from tests.dev.stripe.wire import CARD, HELD, sdk


async def types(client: stripe.StripeClient) -> list[str]:
    """The event types so far, oldest first."""
    return [str(event.type) for event in (await client.v1.events.list_async({"limit": 100})).data][::-1]


async def test_an_automatic_payment_succeeds_at_once(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """Create and confirm takes the whole amount and says so in events and ledger."""
    intent = await client.v1.payment_intents.create_async(
        CARD
        | {
            "amount": 1999,
            "currency": "usd",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "metadata": {"order": "7"},
            "expand": ["latest_charge", "payment_method"],
        }
    )
    assert (intent.status, intent.amount_received, intent.capture_method) == ("succeeded", 1999, "automatic_async")
    assert intent.client_secret is not None and intent.client_secret.startswith(f"{intent.id}_secret_")
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.amount_captured, charge.captured, charge.paid, charge.refunded) == (1999, True, True, False)
    assert charge.metadata.to_dict() == {"order": "7"}
    method = intent.payment_method
    assert isinstance(method, stripe.PaymentMethod) and method.card is not None
    assert (method.id[:3], method.card.brand, method.card.last4) == ("pm_", "visa", "4242")
    assert await types(client) == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
    assert await control.ledger() == [
        {
            "payment_intent": intent.id,
            "status": "succeeded",
            "amount": 1999,
            "currency": "usd",
            "authorized": 1999,
            "captured": 1999,
            "refunded": 0,
            "disputed": 0,
            "canceled": 0,
            "held": 0,
            "charges": 1,
            "metadata": {"order": "7"},
        }
    ]


async def test_steps_one_by_one(client: stripe.StripeClient) -> None:
    """Without a method, with one, confirmed, captured: each status in its turn."""
    intent = await client.v1.payment_intents.create_async(
        CARD | {"amount": 500, "currency": "EUR", "capture_method": "manual"}
    )
    assert (intent.status, intent.currency) == ("requires_payment_method", "eur")
    intent = await client.v1.payment_intents.update_async(
        intent.id, {"payment_method": "pm_card_mastercard", "amount": 700, "metadata": {"a": "1", "b": "2"}}
    )
    assert (intent.status, intent.amount) == ("requires_confirmation", 700)
    intent = await client.v1.payment_intents.confirm_async(intent.id)
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 700, 0)
    intent = await client.v1.payment_intents.capture_async(intent.id, {"metadata": {"a": "", "c": "3"}})
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("succeeded", 0, 700)
    assert intent.metadata.to_dict() == {"b": "2", "c": "3"}
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"
    assert (await types(client))[1:] == [
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]


async def test_a_partial_capture_releases_the_rest(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """Half is taken, half goes back to the card; a second capture is refused."""
    held = await client.v1.payment_intents.create_async(HELD)
    intent = await client.v1.payment_intents.capture_async(
        held.id, {"amount_to_capture": 1200, "expand": ["latest_charge"]}
    )
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (intent.status, intent.amount, intent.amount_received) == ("succeeded", 2000, 1200)
    assert (charge.amount, charge.amount_captured, charge.amount_refunded) == (2000, 1200, 800)
    (line,) = await control.ledger()
    assert (line["authorized"], line["captured"], line["canceled"], line["held"]) == (2000, 1200, 800, 0)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await client.v1.payment_intents.capture_async(held.id)
    assert (refusal.value.code, refusal.value.http_status) == ("payment_intent_unexpected_state", 400)
    assert await control.ledger() == [line]


async def test_more_than_authorized_cannot_be_captured(client: stripe.StripeClient) -> None:
    """A capture above the hold is refused and the hold stays."""
    held = await client.v1.payment_intents.create_async(HELD)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 2001})
    assert (refusal.value.code, refusal.value.param) == ("amount_too_large", "amount_to_capture")
    assert (await client.v1.payment_intents.retrieve_async(held.id)).amount_capturable == 2000


async def test_multicapture_keeps_the_rest_held(client: stripe.StripeClient) -> None:
    """With multicapture asked for, a capture that is not final leaves the rest capturable."""
    held = await client.v1.payment_intents.create_async(
        HELD | {"payment_method_options": {"card": {"request_multicapture": "if_available"}}}
    )
    part = await client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 500, "final_capture": False})
    assert (part.status, part.amount_capturable, part.amount_received) == ("requires_capture", 1500, 500)
    last = await client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 600})
    assert (last.status, last.amount_capturable, last.amount_received) == ("succeeded", 0, 1100)


async def test_cancel_releases_what_was_held(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """A canceled intent holds nothing, keeps its reason, and cannot be canceled or confirmed again."""
    held = await client.v1.payment_intents.create_async(HELD)
    intent = await client.v1.payment_intents.cancel_async(held.id, {"cancellation_reason": "abandoned"})
    assert (intent.status, intent.cancellation_reason, intent.amount_capturable) == ("canceled", "abandoned", 0)
    (line,) = await control.ledger()
    assert (line["authorized"], line["canceled"], line["captured"]) == (2000, 2000, 0)
    for again in (client.v1.payment_intents.cancel_async, client.v1.payment_intents.confirm_async):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await again(held.id)
        assert refusal.value.code == "payment_intent_unexpected_state"
        assert refusal.value.error is not None and refusal.value.error.payment_intent is not None
        assert refusal.value.error.payment_intent.status == "canceled"
    assert await control.ledger() == [line]


async def test_a_succeeded_payment_cannot_be_canceled(client: stripe.StripeClient) -> None:
    """Taken money goes back by refund only."""
    paid = await client.v1.payment_intents.create_async(HELD | {"capture_method": "automatic"})
    with pytest.raises(stripe.InvalidRequestError, match="status of succeeded"):
        await client.v1.payment_intents.cancel_async(paid.id)
    with pytest.raises(stripe.InvalidRequestError, match="already succeeded"):
        await client.v1.payment_intents.confirm_async(paid.id)
    with pytest.raises(stripe.InvalidRequestError, match="amount could not be updated"):
        await client.v1.payment_intents.update_async(paid.id, {"amount": 100})
    labelled = await client.v1.payment_intents.update_async(paid.id, {"description": "late"})
    assert labelled.description == "late"


async def test_an_authorization_runs_out_after_seven_days(
    client: stripe.StripeClient, control: SimulatorControl
) -> None:
    """Nobody captured: the hold is released and the intent canceled by itself."""
    held = await client.v1.payment_intents.create_async(HELD)
    await control.advance(7 * DAY - 60)
    assert (await client.v1.payment_intents.retrieve_async(held.id)).status == "requires_capture"
    await control.advance(120)
    expired = await client.v1.payment_intents.retrieve_async(held.id)
    assert (expired.status, expired.cancellation_reason) == ("canceled", "automatic")
    assert (await control.ledger())[0]["canceled"] == 2000
    assert (await types(client))[-2:] == ["charge.expired", "payment_intent.canceled"]


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"amount": None}, "parameter_missing", "amount"),
        ({"currency": None}, "parameter_missing", "currency"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": -1}, "parameter_invalid_integer", "amount"),
        ({"amount": "10.5"}, "parameter_invalid_integer", "amount"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 49, "currency": "jpy"}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": 1001, "currency": "kwd"}, "parameter_invalid_integer", "amount"),
        ({"currency": "xxx"}, None, "currency"),
        ({"capture_method": "later"}, None, "capture_method"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"shipping": {"name": "Ada", "planet": "x", "address": {}}}, "parameter_unknown", "shipping[planet]"),
        ({"description": ["x"]}, None, "description"),
        ({"payment_method": "pm_none"}, "resource_missing", "payment_method"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"payment_method_types": None}, None, None),  # no return_url for what the Dashboard may redirect to
        ({"confirm": False, "off_session": True}, None, "off_session"),
        ({"metadata": {"k" * 41: "v"}}, None, f"metadata[{'k' * 41}]"),
    ],
)
async def test_bad_parameters_are_named(
    client: stripe.StripeClient, change: dict[str, object], code: str | None, param: str | None
) -> None:
    """A bad parameter is a 400 that names it, and nothing is created."""
    params: Any = {name: value for name, value in (HELD | change).items() if value is not None}
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await client.v1.payment_intents.create_async(params)
    assert (refusal.value.http_status, refusal.value.code, refusal.value.param) == (400, code, param)
    assert (await client.v1.payment_intents.list_async()).data == []
    assert (await client.v1.events.list_async()).data == []


async def test_zero_decimal_currencies_count_whole_units(client: stripe.StripeClient) -> None:
    """500 yen are 500."""
    intent = await client.v1.payment_intents.create_async(HELD | {"amount": 500, "currency": "jpy"})
    assert (intent.amount, intent.amount_capturable) == (500, 500)


async def test_unknown_things_and_keys_are_refused(url: str, client: stripe.StripeClient) -> None:
    """404 for what is not there, 401 for a key that is not a test secret key."""
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await client.v1.payment_intents.retrieve_async("pi_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    async with sdk(url, "pk_test_public") as stranger:
        with pytest.raises(stripe.AuthenticationError, match="Invalid API Key provided") as refused:
            await stranger.v1.payment_intents.list_async()
    assert refused.value.http_status == 401
    assert refused.value.request_id is not None and refused.value.request_id.startswith("req_")


async def test_list_pages_both_ways(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """Cursors walk forth and back; created ranges and customers filter."""
    customer = await client.v1.customers.create_async({"email": "ada@example.com"})
    made: list[stripe.PaymentIntent] = []
    for place in range(5):
        owner = {"customer": customer.id} if place % 2 else {}
        made.append(await client.v1.payment_intents.create_async(HELD | owner | {"confirm": False}))
        await control.advance(10)
    newest_first = [intent.id for intent in made][::-1]
    page = await client.v1.payment_intents.list_async({"limit": 2})
    assert ([intent.id for intent in page.data], page.has_more) == (newest_first[:2], True)
    everything = [intent.id async for intent in page.auto_paging_iter()]
    assert everything == newest_first
    back = await client.v1.payment_intents.list_async({"limit": 2, "ending_before": newest_first[4]})
    assert ([intent.id for intent in back.data], back.has_more) == (newest_first[2:4], True)
    hers = await client.v1.payment_intents.list_async({"customer": customer.id})
    assert [intent.id for intent in hers.data] == [made[3].id, made[1].id]
    late = await client.v1.payment_intents.list_async({"created": {"gte": made[3].created}})
    assert [intent.id for intent in late.data] == newest_first[:2]


async def test_search_by_metadata_and_status(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """Stripe's search language finds by metadata, status and amount, page by page."""
    for order in ("a", "a", "a", "b"):
        await client.v1.payment_intents.create_async(HELD | {"metadata": {"order": order}})
    last = await client.v1.payment_intents.create_async(HELD | {"amount": 900, "metadata": {"order": "a"}})
    await client.v1.payment_intents.cancel_async(last.id)
    held = "metadata['order']:'a' AND status:'requires_capture'"
    page = await client.v1.payment_intents.search_async({"query": held, "limit": 2})
    assert (len(page.data), page.has_more) == (2, True)
    assert len([intent async for intent in page.auto_paging_iter()]) == 3
    for query, count in (
        ('metadata["order"]:"b"', 1),
        ("metadata['order']:'b' OR amount<1000", 2),
        ("-status:'canceled' amount>=2000", 4),
        ("metadata['order']:null", 0),
    ):
        assert len((await client.v1.payment_intents.search_async({"query": query})).data) == count, query
    for query in ("colour:'red'", "status:", "status:'a' AND amount>1 OR amount<2"):
        with pytest.raises(stripe.InvalidRequestError):
            await client.v1.payment_intents.search_async({"query": query})
    await control.search_lag(60)
    assert (await client.v1.payment_intents.search_async({"query": held})).data == []
    await control.advance(61)
    assert len((await client.v1.payment_intents.search_async({"query": held})).data) == 3


async def test_a_bank_debit_is_processing_until_it_settles(
    client: stripe.StripeClient, control: SimulatorControl
) -> None:
    """Days later the debit arrives, or comes back and the intent is payable again."""
    params = HELD | {
        "capture_method": "automatic",
        "payment_method_types": ["us_bank_account"],
        "payment_method": "pm_usBankAccount_processing",
    }
    good, bad = [await client.v1.payment_intents.create_async(params) for _ in range(2)]
    assert (good.status, good.amount_received) == ("processing", 0)
    await control.settle(good.id)
    await control.settle(bad.id, "failure")
    assert (await client.v1.payment_intents.retrieve_async(good.id)).amount_received == 2000
    assert (await client.v1.payment_intents.retrieve_async(bad.id)).status == "requires_payment_method"
    assert [line["captured"] for line in await control.ledger()] == [2000, 0]
