"""Checkout Sessions: the hosted page, paid, declined, authenticated, expired."""

from typing import Any

import httpx
import pytest
import stripe

from dev.stripe.call import DAY
from dev.stripe.remote import SimulatorControl

OPEN: Any = {
    "mode": "payment",
    "success_url": "http://shop.test/thanks?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "http://shop.test/cart",
    "customer_email": "ada@example.com",
    "client_reference_id": "cart-1",
    "line_items": [
        {"quantity": 2, "price_data": {"currency": "eur", "unit_amount": 1250, "product_data": {"name": "Tea <pot>"}}},
        {"price_data": {"currency": "eur", "unit_amount": 300, "product_data": {"name": "Post"}}, "quantity": 1},
    ],
    "payment_intent_data": {"capture_method": "manual", "metadata": {"order": "7"}},
}


async def test_paid_with_manual_capture(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """The buyer pays: session complete, intent held, paid once captured."""
    session = await client.v1.checkout.sessions.create_async(OPEN)
    assert (session.status, session.amount_total, session.payment_status) == ("open", 2800, "unpaid")
    assert (session.payment_intent, session.currency) == (None, "eur")
    await control.pay(session.id)
    done = await client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent", "line_items"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "unpaid", None)
    intent = done.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.status, intent.amount, intent.metadata.to_dict()) == ("requires_capture", 2800, {"order": "7"})
    assert done.line_items is not None and [item.amount_total for item in done.line_items.data] == [2500, 300]
    await client.v1.payment_intents.capture_async(intent.id)
    assert (await client.v1.checkout.sessions.retrieve_async(session.id)).payment_status == "paid"
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        await control.pay(session.id)
    events = await client.v1.events.list_async({"type": "checkout.session.completed"})
    assert len(events.data) == 1
    found = await client.v1.checkout.sessions.list_async({"payment_intent": intent.id})
    assert [item.id for item in found.data] == [session.id]


async def test_declined_then_authenticated(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """A declined card leaves the page open; one with 3-D Secure completes it after the bank's yes."""
    session = await client.v1.checkout.sessions.create_async(OPEN | {"payment_intent_data": {}})
    with pytest.raises(httpx.HTTPStatusError, match="402"):
        await control.pay(session.id, "pm_card_chargeDeclined")
    declined = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert declined.status == "open" and isinstance(declined.payment_intent, str)
    await control.pay(session.id, "pm_card_authenticationRequired")
    assert (await client.v1.checkout.sessions.retrieve_async(session.id)).status == "open"
    await control.authenticate(declined.payment_intent)
    paid = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert (paid.status, paid.payment_status, paid.payment_intent) == ("complete", "paid", declined.payment_intent)
    assert [line["charges"] for line in await control.ledger()] == [1]


async def test_the_page_works_for_a_person(client: stripe.StripeClient) -> None:
    """What is bought is shown, a bad card is told, a good one leads back to the shop."""
    session = await client.v1.checkout.sessions.create_async(OPEN)
    assert session.url is not None
    async with httpx.AsyncClient(timeout=60) as browser:
        page = await browser.get(session.url)
        assert "Tea &lt;pot&gt;" in page.text and "€28.00" in page.text
        declined = await browser.post(session.url, data={"number": "4000 0000 0000 0002", "email": "a@b.c"})
        assert declined.status_code == 200 and "Your card was declined." in declined.text
        asked = await browser.post(session.url, data={"payment_method": "pm_card_authenticationRequired"})
        bank = httpx.URL(session.url).join(asked.headers["location"])
        back = await browser.post(bank, data={"outcome": "success"})
    assert back.headers["location"] == f"http://shop.test/thanks?session={session.id}"
    assert (await client.v1.checkout.sessions.retrieve_async(session.id)).status == "complete"


async def test_expired_by_hand_and_by_time(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """A closed page takes no money."""
    by_hand, by_time = [await client.v1.checkout.sessions.create_async(OPEN) for _ in range(2)]
    assert (await client.v1.checkout.sessions.expire_async(by_hand.id)).status == "expired"
    await control.advance(DAY + 1)
    assert (await client.v1.checkout.sessions.retrieve_async(by_time.id)).status == "expired"
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.checkout.sessions.expire_async(by_time.id)
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        await control.pay(by_time.id)
    assert len((await client.v1.checkout.sessions.list_async({"status": "expired"})).data) == 2


async def test_setup_mode_saves_a_card(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """A session without money leaves the customer with a card."""
    customer = await client.v1.customers.create_async({})
    session = await client.v1.checkout.sessions.create_async(
        {"mode": "setup", "success_url": "http://shop.test/", "currency": "usd", "customer": customer.id}
    )
    assert session.payment_status == "no_payment_required"
    await control.pay(session.id)
    assert (await client.v1.checkout.sessions.retrieve_async(session.id)).status == "complete"
    assert len((await client.v1.payment_methods.list_async({"customer": customer.id})).data) == 1


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"line_items": []}, "line_items"),
        ({"mode": "setup"}, "line_items"),
        ({"mode": "subscription"}, "mode"),
        ({"success_url": ""}, "success_url"),
        ({"line_items": [{"quantity": 1}]}, "line_items[0][price_data]"),
        ({"line_items": [OPEN["line_items"][0] | {"quantity": 0}]}, "line_items[0][quantity]"),
        ({"expires_at": 1}, "expires_at"),
    ],
)
async def test_bad_sessions_are_refused(client: stripe.StripeClient, change: Any, param: str) -> None:
    """A bad parameter is named, nested ones by their full path."""
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await client.v1.checkout.sessions.create_async(OPEN | change)
    assert refusal.value.param == param
