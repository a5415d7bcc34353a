"""Cards: what declines, what asks for the buyer's bank, and what a customer keeps."""

from typing import Any

import httpx
import pytest
import stripe

from dev.stripe.remote import SimulatorControl
from tests.dev.stripe.wire import CARD, HELD


@pytest.mark.parametrize(
    ("token", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    ],
)
async def test_a_decline_leaves_the_intent_payable(
    client: stripe.StripeClient, control: SimulatorControl, token: str, code: str, decline_code: str | None
) -> None:
    """402 with the bank's reason; no money moved; another card pays the same intent."""
    with pytest.raises(stripe.CardError) as decline:
        await client.v1.payment_intents.create_async(HELD | {"payment_method": token})
    error = decline.value.error
    assert error is not None and error.payment_intent is not None
    assert (decline.value.http_status, error.code, error.decline_code) == (402, code, decline_code)
    assert error.charge == error.payment_intent.latest_charge
    intent = await client.v1.payment_intents.retrieve_async(error.payment_intent.id)
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error is not None and intent.last_payment_error.code == code
    assert intent.last_payment_error.payment_method is not None
    assert (await control.ledger())[0]["authorized"] == 0
    paid = await client.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.last_payment_error) == ("requires_capture", None)
    charges = await client.v1.charges.list_async({"payment_intent": intent.id})
    assert [charge.status for charge in charges.data] == ["succeeded", "failed"]
    assert (await control.ledger())[0]["charges"] == 1


async def test_three_d_secure_passed(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """The bank asks, the buyer answers, the amount is held."""
    intent = await client.v1.payment_intents.create_async(HELD | {"payment_method": "pm_card_authenticationRequired"})
    assert intent.status == "requires_action" and intent.next_action is not None
    assert intent.next_action.type == "use_stripe_sdk"
    assert (await control.authenticate(intent.id))["status"] == "requires_capture"
    done = await client.v1.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    assert (done.status, done.next_action, done.amount_capturable) == ("requires_capture", None, 2000)
    charge = done.latest_charge
    assert isinstance(charge, stripe.Charge) and charge.payment_method_details is not None
    card = charge.payment_method_details.card
    assert card is not None and card.three_d_secure is not None and card.three_d_secure.result == "authenticated"
    with pytest.raises(httpx.HTTPStatusError):
        await control.authenticate(intent.id)


async def test_three_d_secure_failed(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """The buyer fails at the bank: payable again, with the reason."""
    intent = await client.v1.payment_intents.create_async(HELD | {"payment_method": "pm_card_threeDSecure2Required"})
    await control.authenticate(intent.id, "failure")
    failed = await client.v1.payment_intents.retrieve_async(intent.id)
    assert failed.status == "requires_payment_method" and failed.last_payment_error is not None
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    assert (await control.ledger())[0]["authorized"] == 0


async def test_authenticated_but_declined(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """Passing 3-D Secure is no promise of money."""
    token = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"
    intent = await client.v1.payment_intents.create_async(HELD | {"payment_method": token})
    failed = await control.authenticate(intent.id)
    assert failed["status"] == "requires_payment_method"
    assert failed["last_payment_error"]["decline_code"] == "insufficient_funds"


async def test_off_session_cannot_ask_the_buyer(client: stripe.StripeClient) -> None:
    """With the buyer away, a card that needs them is declined."""
    with pytest.raises(stripe.CardError) as decline:
        await client.v1.payment_intents.create_async(
            HELD | {"payment_method": "pm_card_authenticationRequired", "off_session": True}
        )
    assert (decline.value.code, decline.value.error and decline.value.error.decline_code) == (
        "authentication_required",
        "authentication_required",
    )


async def test_optional_three_d_secure_is_asked_for(client: stripe.StripeClient) -> None:
    """A card that can do 3-D Secure does it only when the shop wants it."""
    held = HELD | {"payment_method": "pm_card_threeDSecureOptional"}
    asked = held | {"payment_method_options": {"card": {"request_three_d_secure": "any"}}}
    assert (await client.v1.payment_intents.create_async(held)).status == "requires_capture"
    assert (await client.v1.payment_intents.create_async(asked)).status == "requires_action"


async def test_manual_confirmation_goes_back_to_the_server(
    client: stripe.StripeClient, control: SimulatorControl
) -> None:
    """With confirmation_method=manual the server confirms again after 3-D Secure."""
    intent = await client.v1.payment_intents.create_async(
        HELD | {"payment_method": "pm_card_authenticationRequired", "confirmation_method": "manual"}
    )
    assert (await control.authenticate(intent.id))["status"] == "requires_confirmation"
    assert (await client.v1.payment_intents.confirm_async(intent.id)).status == "requires_capture"


async def test_the_banks_page_works_for_a_person(client: stripe.StripeClient) -> None:
    """With a return url there is a page with two buttons that leads back to the shop."""
    intent = await client.v1.payment_intents.create_async(
        HELD | {"payment_method": "pm_card_authenticationRequired", "return_url": "http://shop.test/done?cart=1"}
    )
    assert intent.next_action is not None and intent.next_action.redirect_to_url is not None
    url = intent.next_action.redirect_to_url.url
    assert url is not None
    async with httpx.AsyncClient(timeout=60) as browser:
        page = await browser.get(url)
        assert "Complete authentication" in page.text and "$20.00" in page.text
        answer = await browser.post(url, data={"outcome": "success"})
    assert answer.status_code == 303
    assert answer.headers["location"] == (
        f"http://shop.test/done?cart=1&payment_intent={intent.id}"
        f"&payment_intent_client_secret={intent.client_secret}&redirect_status=succeeded"
    )
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).status == "requires_capture"


async def test_card_numbers_and_tokens(client: stripe.StripeClient) -> None:
    """Test numbers and tok_ tokens become payment methods; other numbers are refused."""
    card: Any = {"number": "4242 4242 4242 4242", "exp_month": 4, "exp_year": 2040, "cvc": "123"}
    typed = await client.v1.payment_methods.create_async({"type": "card", "card": card})
    assert typed.card is not None and (typed.card.last4, typed.card.exp_year) == ("4242", 2040)
    amex = await client.v1.payment_methods.create_async({"type": "card", "card": {"token": "tok_amex"}})
    assert amex.card is not None and amex.card.brand == "amex"
    for change, code in (
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"number": "4111111111111111"}, "card_declined"),
        ({"exp_month": 13}, "invalid_expiry_month"),
        ({"exp_year": 2020}, "invalid_expiry_year"),
    ):
        with pytest.raises(stripe.CardError) as refusal:
            await client.v1.payment_methods.create_async({"type": "card", "card": card | change})
        assert refusal.value.code == code


async def test_a_card_used_without_a_customer_is_spent(client: stripe.StripeClient) -> None:
    """Only a card attached to a customer can be used twice."""
    method = await client.v1.payment_methods.create_async({"type": "card", "card": {"token": "tok_visa"}})
    await client.v1.payment_intents.create_async(HELD | {"payment_method": method.id})
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await client.v1.payment_intents.create_async(HELD | {"payment_method": method.id})


async def test_attach_list_detach(client: stripe.StripeClient) -> None:
    """A customer's cards: kept, listed, reused, let go."""
    customer = await client.v1.customers.create_async({"name": "Ada", "metadata": {"shopper": "1"}})
    method = await client.v1.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    assert method.customer == customer.id
    for _ in range(2):
        paid = await client.v1.payment_intents.create_async(
            HELD | {"payment_method": method.id, "customer": customer.id, "off_session": True}
        )
        assert paid.status == "requires_capture"
    listed = await client.v1.payment_methods.list_async({"customer": customer.id, "type": "card"})
    assert [item.id for item in listed.data] == [method.id]
    assert [item.id for item in (await client.v1.customers.payment_methods.list_async(customer.id)).data] == [method.id]
    assert (await client.v1.payment_methods.detach_async(method.id)).customer is None
    assert (await client.v1.payment_methods.list_async({"customer": customer.id})).data == []
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await client.v1.payment_methods.attach_async(method.id, {"customer": customer.id})
    with pytest.raises(stripe.CardError):
        await client.v1.payment_methods.attach_async("pm_card_chargeDeclined", {"customer": customer.id})


async def test_customers(client: stripe.StripeClient) -> None:
    """Customers are made, found, changed and deleted."""
    ada = await client.v1.customers.create_async({"email": "ada@example.com", "address": {"country": "GB"}})
    await client.v1.customers.create_async({"email": "bob@example.com"})
    assert [c.id for c in (await client.v1.customers.list_async({"email": "ada@example.com"})).data] == [ada.id]
    found = await client.v1.customers.search_async({"query": "email~'ADA'"})
    assert [c.id for c in found.data] == [ada.id]
    changed = await client.v1.customers.update_async(ada.id, {"name": "Ada", "email": ""})
    assert (changed.name, changed.email) == ("Ada", None)
    assert (await client.v1.customers.delete_async(ada.id)).deleted is True
    assert (await client.v1.customers.retrieve_async(ada.id)).deleted is True
    assert len((await client.v1.customers.list_async()).data) == 1
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        await client.v1.payment_intents.create_async(HELD | {"customer": ada.id})


async def test_setup_then_pay_off_session(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """A card that asks at set-up is authenticated once and then pays while the buyer is away."""
    customer = await client.v1.customers.create_async({})
    token = "pm_card_authenticationRequiredOnSetup"
    setup = await client.v1.setup_intents.create_async(
        CARD | {"customer": customer.id, "payment_method": token, "confirm": True}
    )
    assert setup.status == "requires_action"
    assert (await control.authenticate(setup.id))["status"] == "succeeded"
    saved = (await client.v1.setup_intents.retrieve_async(setup.id)).payment_method
    assert isinstance(saved, str)
    paid = await client.v1.payment_intents.create_async(
        HELD | {"customer": customer.id, "payment_method": saved, "off_session": True}
    )
    assert paid.status == "requires_capture"


async def test_a_kept_card_is_good_with_its_customer_alone(client: stripe.StripeClient) -> None:
    """Used as a guest or by another customer it is refused, at create and at confirm, with Stripe's odd parameters."""
    ada = await client.v1.customers.create_async({})
    bob = await client.v1.customers.create_async({})
    card = await client.v1.payment_methods.attach_async("pm_card_visa", {"customer": ada.id})

    async def refused(call: Any) -> stripe.InvalidRequestError:
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await call
        return refusal.value

    guest = await client.v1.payment_intents.create_async(CARD | {"amount": 500, "currency": "usd"})
    bobs = await client.v1.payment_intents.create_async(CARD | {"amount": 500, "currency": "usd", "customer": bob.id})
    for call in (
        client.v1.payment_intents.create_async(HELD | {"payment_method": card.id}),
        client.v1.payment_intents.confirm_async(guest.id, {"payment_method": card.id}),
    ):
        no = await refused(call)
        assert (no.code, no.param) == ("parameter_missing", "source")
        assert f"{card.id} belongs to the Customer {ada.id}" in str(no)
    strangers: list[Any] = [
        client.v1.payment_intents.create_async(HELD | {"payment_method": card.id, "customer": bob.id}),
        client.v1.payment_intents.confirm_async(bobs.id, {"payment_method": card.id}),
        client.v1.setup_intents.create_async(CARD | {"payment_method": card.id, "customer": bob.id}),
    ]
    for stranger in strangers:
        no = await refused(stranger)
        assert (no.code, no.param) == (None, "payment_method")
        assert f"does not belong to the Customer you supplied {bob.id}" in str(no)
    no = await refused(client.v1.setup_intents.create_async(CARD | {"payment_method": card.id, "confirm": True}))
    assert (no.code, no.param) == (None, "payment_method")
    assert (await client.v1.payment_intents.retrieve_async(guest.id)).status == "requires_payment_method"
    assert (await client.v1.payment_intents.update_async(guest.id, {"customer": ada.id})).customer == ada.id
    paid = await client.v1.payment_intents.confirm_async(guest.id, {"payment_method": card.id})
    assert paid.status == "succeeded"


async def test_a_setup_takes_no_bank_debit_and_no_spent_card(client: stripe.StripeClient) -> None:
    """What the intent does not list, and what was used up without a customer, is refused."""
    ada = await client.v1.customers.create_async({})
    setup: Any = CARD | {"customer": ada.id, "confirm": True}
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await client.v1.setup_intents.create_async(setup | {"payment_method": "pm_usBankAccount_success"})
    assert refusal.value.param == "payment_method"
    spent = await client.v1.payment_methods.create_async({"type": "card", "card": {"token": "tok_visa"}})
    await client.v1.payment_intents.create_async(HELD | {"payment_method": spent.id})
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await client.v1.setup_intents.create_async(setup | {"payment_method": spent.id})


async def test_a_card_is_kept_only_by_who_asks_at_the_end(client: stripe.StripeClient) -> None:
    """`setup_future_usage` keeps the card that pays; taken back at the confirm, it keeps none."""
    ada = await client.v1.customers.create_async({})
    keeping = HELD | {"customer": ada.id, "setup_future_usage": "off_session"}
    kept = await client.v1.payment_intents.create_async(keeping | {"expand": ["payment_method"]})
    assert isinstance(kept.payment_method, stripe.PaymentMethod) and kept.payment_method.customer == ada.id
    with pytest.raises(stripe.CardError) as decline:
        await client.v1.payment_intents.create_async(keeping | {"payment_method": "pm_card_chargeDeclined"})
    assert decline.value.error is not None and decline.value.error.payment_intent is not None
    unkept = await client.v1.payment_intents.confirm_async(
        decline.value.error.payment_intent.id,
        {"payment_method": "pm_card_visa", "setup_future_usage": "", "expand": ["payment_method"]},
    )
    assert (unkept.status, unkept.setup_future_usage) == ("requires_capture", None)
    assert isinstance(unkept.payment_method, stripe.PaymentMethod) and unkept.payment_method.customer is None


async def test_setup_refused_and_canceled(client: stripe.StripeClient, control: SimulatorControl) -> None:
    """A declined card, a failed 3-D Secure and a canceled setup."""
    setup = await client.v1.setup_intents.create_async(CARD)
    with pytest.raises(stripe.CardError) as decline:
        await client.v1.setup_intents.confirm_async(setup.id, {"payment_method": "pm_card_chargeDeclined"})
    assert decline.value.error is not None and decline.value.error.setup_intent is not None
    assert decline.value.error.setup_intent.status == "requires_payment_method"
    await client.v1.setup_intents.confirm_async(setup.id, {"payment_method": "pm_card_authenticationRequired"})
    failed = await control.authenticate(setup.id, "failure")
    assert failed["last_setup_error"]["code"] == "setup_intent_authentication_failure"
    assert (await client.v1.setup_intents.cancel_async(setup.id)).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await client.v1.setup_intents.confirm_async(setup.id, {"payment_method": "pm_card_visa"})
    assert refusal.value.code == "setup_intent_unexpected_state"
