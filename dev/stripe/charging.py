"""What happens to a card: authentication, authorization, decline, capture, release. The only writer of charges."""

from dev.stripe.call import DAY, Call, new_id, visible
from dev.stripe.cards import BY_TOKEN, TRY_AGAIN, TestCard, decline_error, needs_authentication
from dev.stripe.errors import Obj, StripeError, invalid
from dev.stripe.payment_methods import attached, require_owner, require_reusable

AUTHORIZATION_DAYS = 7
PAYABLE = ("requires_confirmation", "requires_action", "requires_payment_method")


def card_of(method: Obj) -> TestCard | None:
    return BY_TOKEN.get(f"pm_card_{method['_token']}")


def attempt(call: Call, intent: Obj, method: Obj, *, off_session: bool = False, no_action: bool = False) -> None:
    """Try to take the intent's amount with this payment method.

    Raises: StripeError card_error (402) when declined; the intent is then payable with another method.
    """
    if method["type"] not in intent["payment_method_types"]:
        raise invalid(
            f"The payment method type {method['type']} is not allowed for this PaymentIntent.",
            param="payment_method",
            code="payment_intent_incompatible_payment_method",
        )
    require_reusable(method, intent["id"])
    require_owner(call, intent, method)
    intent |= {"payment_method": method["id"], "last_payment_error": None, "next_action": None}
    card = card_of(method)
    if card is None:
        process(call, intent, method)
        return
    requested = ((intent["payment_method_options"] or {}).get("card") or {}).get("request_three_d_secure", "automatic")
    if needs_authentication(card, set_up=method["_set_up"], off_session=off_session, requested=requested):
        if off_session or no_action:
            raise decline(call, intent, method, "authentication_required")
        require_action(call, intent)
        return
    charge_card(call, intent, method, card)


def charge_card(call: Call, intent: Obj, method: Obj, card: TestCard, *, authenticated: bool = False) -> None:
    if card.decline:
        raise decline(call, intent, method, card.decline)
    authorize(call, intent, method, authenticated=authenticated)


def require_action(call: Call, intent: Obj) -> None:
    """The buyer's bank wants to see the buyer first."""
    url = f"{call.base_url}/_sim/3ds/{intent['id']}"
    return_url = intent.get("_return_url")
    if return_url:
        action: Obj = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}
    else:
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url}}
    intent |= {"status": "requires_action", "next_action": action}
    call.emit(f"{intent['object']}.requires_action", call.put(intent))


def new_charge(call: Call, intent: Obj, method: Obj) -> Obj:
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "HOLDFAST TEST",
        "captured": False,
        "created": call.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": None,
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"type": method["type"], method["type"]: dict(method[method["type"]])},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }


def authorize(call: Call, intent: Obj, method: Obj, *, authenticated: bool = False) -> None:
    """The bank says yes: the amount is held, and taken at once unless capture is manual."""
    charge = new_charge(call, intent, method)
    manual = intent["capture_method"] == "manual"
    charge["outcome"] = {
        "advice_code": None, "network_advice_code": None, "network_decline_code": None,
        "network_status": "approved_by_network", "reason": None, "risk_level": "normal", "risk_score": 20,
        "seller_message": "Payment complete.", "type": "authorized",
    }  # fmt: skip
    card = charge["payment_method_details"]["card"] | {"amount_authorized": intent["amount"]}
    if manual:
        card["capture_before"] = call.now + AUTHORIZATION_DAYS * DAY
        call.due(intent["id"], card["capture_before"])
    if authenticated:
        card["three_d_secure"] = {
            "authentication_flow": "challenge", "electronic_commerce_indicator": "05", "result": "authenticated",
            "result_reason": None, "transaction_id": new_id("tx"), "version": "2.2.0",
        }  # fmt: skip
    charge["payment_method_details"] = {"type": "card", "card": card}
    intent |= {"latest_charge": charge["id"], "next_action": None}
    call.enter("authorized", charge, intent["amount"])
    keep_method(call, intent, method)
    if manual:
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        call.emit("charge.succeeded", call.put(charge))
        call.emit("payment_intent.amount_capturable_updated", call.put(intent))
    else:
        take(call, charge, intent["amount"])
        intent |= {"status": "succeeded", "amount_received": intent["amount"]}
        call.emit("charge.succeeded", call.put(charge))
        call.emit("payment_intent.succeeded", call.put(intent))


def keep_method(call: Call, intent: Obj, method: Obj) -> None:
    """A method used without a customer is spent; one set up for later is saved with the customer."""
    if method["customer"] is None:
        method["_used_by"] = intent["id"]
    if intent["setup_future_usage"]:
        method["_set_up"] = True
        if intent["customer"] and method["customer"] is None:
            attached(call, method, intent["customer"])
    call.put(method)


def take(call: Call, charge: Obj, amount: int) -> None:
    charge |= {"captured": True, "amount_captured": charge["amount_captured"] + amount}
    charge["balance_transaction"] = charge["balance_transaction"] or new_id("txn")
    call.enter("captured", charge, amount)


def decline(call: Call, intent: Obj, method: Obj, decline_code: str) -> StripeError:
    """The bank says no: a failed charge, the intent payable again, and the error to raise."""
    error = decline_error(decline_code)
    charge = new_charge(call, intent, method)
    charge |= {"status": "failed", "paid": False, "failure_code": error["code"], "failure_message": error["message"]}
    blocked = decline_code == "fraudulent"
    charge["outcome"] = {
        "advice_code": error["advice_code"], "network_advice_code": "02" if decline_code in TRY_AGAIN else None,
        "network_decline_code": "05", "network_status": "not_sent_to_network" if blocked else "declined_by_network",
        "reason": decline_code, "risk_level": "highest" if blocked else "normal", "risk_score": 90 if blocked else 20,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "blocked" if blocked else "issuer_declined",
    }  # fmt: skip
    call.enter("failed", charge, intent["amount"])
    call.emit("charge.failed", call.put(charge))
    intent["latest_charge"] = charge["id"]
    fail(call, intent, error | {"charge": charge["id"], "payment_method": visible(method)})
    facts = {**error, "charge": charge["id"], "payment_intent": visible(intent), "payment_method": visible(method)}
    message, kind = facts.pop("message"), facts.pop("type")
    return StripeError(402, message, type=kind, commits=True, facts=facts)


def fail(call: Call, intent: Obj, error: Obj) -> None:
    intent |= {
        "status": "requires_payment_method", "payment_method": None, "next_action": None, "last_payment_error": error,
    }  # fmt: skip
    call.emit("payment_intent.payment_failed", call.put(intent))


def process(call: Call, intent: Obj, method: Obj) -> None:
    """A bank debit is on its way: days pass before it is known whether it worked."""
    charge = new_charge(call, intent, method) | {"status": "pending", "paid": False}
    call.emit("charge.pending", call.put(charge))
    intent |= {"status": "processing", "latest_charge": charge["id"]}
    keep_method(call, intent, method)
    call.emit("payment_intent.processing", call.put(intent))


def settle(call: Call, intent: Obj, *, success: bool) -> None:
    """The bank debit arrived, or came back."""
    charge = call.get("charge", intent["latest_charge"])
    if success:
        charge |= {"status": "succeeded", "paid": True}
        call.enter("authorized", charge, charge["amount"])
        take(call, charge, charge["amount"])
        intent |= {"status": "succeeded", "amount_received": intent["amount"]}
        call.emit("charge.succeeded", call.put(charge))
        call.emit("payment_intent.succeeded", call.put(intent))
        return
    charge |= {"status": "failed", "failure_code": "debit_not_authorized", "failure_message": "The debit came back."}
    call.emit("charge.failed", call.put(charge))
    error = {"type": "invalid_request_error", "code": "debit_not_authorized", "message": "The debit came back."}
    fail(call, intent, error | {"charge": charge["id"]})


def authenticate(call: Call, intent: Obj, *, success: bool) -> None:
    """The buyer comes back from the bank's 3-D Secure page.

    Raises: StripeError card_error when the card declines although the buyer was authenticated.
    """
    method = call.get("payment_method", intent["payment_method"])
    if not success:
        message = (
            "We are unable to authenticate your payment method. Please choose a different payment method and try again."
        )
        code = "payment_intent_authentication_failure"
        error = {"code": code, "message": message, "payment_method": visible(method), "type": "invalid_request_error"}
        fail(call, intent, error | {"doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"})
        return
    if intent["confirmation_method"] == "manual":
        intent |= {"status": "requires_confirmation", "next_action": None, "_authenticated": method["id"]}
        call.put(intent)
        return
    finish_authenticated(call, intent, method)


def finish_authenticated(call: Call, intent: Obj, method: Obj) -> None:
    card = card_of(method)
    if card is not None:
        charge_card(call, intent, method, card, authenticated=True)


def capture(call: Call, intent: Obj, amount: int, *, final: bool) -> None:
    """Take part or all of what was authorized; a final capture releases the rest."""
    charge = call.get("charge", intent["latest_charge"])
    take(call, charge, amount)
    intent["amount_received"] += amount
    intent["amount_capturable"] -= amount
    if not final and intent["amount_capturable"]:
        call.emit("charge.captured", call.put(charge))
        call.emit("payment_intent.amount_capturable_updated", call.put(intent))
        return
    release(call, charge, intent["amount_capturable"])
    intent |= {"status": "succeeded", "amount_capturable": 0}
    call.settled(intent["id"])
    call.emit("charge.captured", call.put(charge))
    call.emit("payment_intent.succeeded", call.put(intent))


def release(call: Call, charge: Obj, amount: int) -> None:
    """Give held money back to the buyer's card; Stripe shows it as refunded on the charge."""
    if amount:
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        call.enter("released", charge, amount)
        call.put(charge)


def cancel(call: Call, intent: Obj, reason: str | None) -> None:
    """End the intent; money held for it is released."""
    held = intent["amount_capturable"]
    if held:
        charge = call.get("charge", intent["latest_charge"])
        release(call, charge, held)
        call.settled(intent["id"])
        call.emit("charge.expired" if reason == "automatic" else "charge.refunded", charge)
    if held and intent["amount_received"]:
        intent |= {"status": "succeeded", "amount_capturable": 0}
        call.emit("payment_intent.succeeded", call.put(intent))
        return
    intent |= {
        "status": "canceled", "canceled_at": call.now, "cancellation_reason": reason, "amount_capturable": 0,
        "next_action": None,
    }  # fmt: skip
    call.emit("payment_intent.canceled", call.put(intent))
