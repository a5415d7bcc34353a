"""Every object has the fields the SDK's typed classes promise, and none they do not know."""

from typing import Any, get_args

import pytest
import stripe

from dev.stripe.remote import SimulatorControl
from tests.dev.stripe.wire import HELD

# Typed in the SDK as always there, yet left out by Stripe unless expanded or only sent for some accounts.
SOMETIMES = {"deleted", "total_count"}


def promised(shape: type) -> tuple[set[str], set[str]]:
    """The field names of a typed object: all of them, and those that may not be null."""
    fields = {name: kind for name, kind in shape.__annotations__.items() if name != "OBJECT_NAME"}
    required = {name for name, kind in fields.items() if type(None) not in get_args(kind)}
    return set(fields), required - SOMETIMES


async def shop(client: stripe.StripeClient, control: SimulatorControl) -> dict[type, Any]:
    """One of everything."""
    customer = await client.v1.customers.create_async({"email": "ada@example.com"})
    held = await client.v1.payment_intents.create_async(HELD | {"customer": customer.id})
    intent = await client.v1.payment_intents.capture_async(held.id)
    refund = await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 100})
    transfer = await client.v1.transfers.create_async({"amount": 5, "currency": "usd", "destination": "acct_1"})
    session = await client.v1.checkout.sessions.create_async(
        {
            "mode": "payment",
            "success_url": "http://shop.test/",
            "line_items": [
                {"price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Tea"}}, "quantity": 1}
            ],
        }
    )
    items = await client.v1.checkout.sessions.line_items.list_async(session.id)
    dispute = await control.dispute(intent.id)
    events = await client.v1.events.list_async()
    return {
        stripe.Customer: customer,
        stripe.PaymentIntent: intent,
        stripe.Charge: await client.v1.charges.retrieve_async(str(intent.latest_charge)),
        stripe.PaymentMethod: await client.v1.payment_methods.retrieve_async(str(intent.payment_method)),
        stripe.Refund: refund,
        stripe.Transfer: transfer,
        stripe.TransferReversal: await client.v1.transfers.reversals.create_async(transfer.id),
        stripe.checkout.Session: session,
        stripe.LineItem: items.data[0],
        stripe.Price: items.data[0].price,
        stripe.SetupIntent: await client.v1.setup_intents.create_async(),
        stripe.Dispute: await client.v1.disputes.retrieve_async(dispute["id"]),
        stripe.Event: events.data[0],
        stripe.Balance: await client.v1.balance.retrieve_async(),
        stripe.ListObject: events,
    }


async def test_objects_have_the_sdks_shape(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """No promised field is missing, no field is invented, and each is an instance of its class."""
    for shape, obj in (await shop(client, control)).items():
        known, required = promised(shape)
        sent = set(obj.to_dict()) - {"object"}
        assert isinstance(obj, shape)
        assert sent - known == set(), shape.__name__
        assert required - sent - {"object"} == set(), shape.__name__


async def test_event_types_are_stripes(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """Every event type sent is one the SDK lists."""
    await shop(client, control)
    listed = set(get_args(stripe.Event.__annotations__["type"]))
    events = [event async for event in (await client.v1.events.list_async({"limit": 5})).auto_paging_iter()]
    assert {event.type for event in events} <= listed
    assert len(events) > 10


@pytest.mark.parametrize("expand", ["nothing", "amount", "latest_charge.customer.x.y.z"])
async def test_what_cannot_be_expanded(client: stripe.StripeClient, expand: str) -> None:
    """An expand path that leads nowhere is a 400, and nothing is created."""
    with pytest.raises(stripe.InvalidRequestError, match="expand"):
        await client.v1.payment_intents.create_async(HELD | {"expand": [expand]})
    assert (await client.v1.payment_intents.list_async()).data == []


async def test_lists_expand_their_items(client: stripe.StripeClient) -> None:
    """`data.latest_charge.payment_intent` reaches through a list."""
    made = await client.v1.payment_intents.create_async(HELD)
    page = await client.v1.payment_intents.list_async({"expand": ["data.latest_charge.payment_intent"]})
    charge = page.data[0].latest_charge
    assert isinstance(charge, stripe.Charge) and isinstance(charge.payment_intent, stripe.PaymentIntent)
    assert charge.payment_intent.id == made.id
