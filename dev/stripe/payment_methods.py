"""PaymentMethods: test tokens become real `pm_…` objects, cards attach to customers."""

from typing import Any

from dev.stripe.answers import listed
from dev.stripe.call import Call, Route, new_id, visible
from dev.stripe.cards import BY_NUMBER, BY_TOKEN, TestCard, card_facts, decline_error, luhn_valid
from dev.stripe.errors import Obj, StripeError, invalid, missing
from dev.stripe.form import (
    BILLING,
    PAGE,
    Check,
    Schema,
    integer,
    list_of,
    merged_metadata,
    metadata,
    nested,
    one_of,
    string,
)  # fmt: skip

BANK_TOKENS = ("pm_usBankAccount_success", "pm_usBankAccount_processing", "pm_usBankAccount")
EMPTY_BILLING: Obj = {
    "address": {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None},
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}
CARD = {
    "number": string(),
    "exp_month": integer(least=1),
    "exp_year": integer(least=1),
    "cvc": string(),
    "token": string(),
}
DATA: dict[str, Check] = {
    "type": one_of("card", "us_bank_account"),
    "card": nested(CARD),
    "billing_details": BILLING,
    "metadata": metadata,
    "allow_redisplay": one_of("always", "limited", "unspecified"),
}


def new_payment_method(call: Call, kind: str, facts: Obj, **known: Any) -> Obj:
    return call.put(
        {
            "id": new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": EMPTY_BILLING,
            kind: facts,
            "created": call.now,
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": kind,
            "_token": None,
            "_set_up": False,
            "_used_by": None,
        }
        | known
    )


def from_card(call: Call, card: TestCard, exp_month: int = 12, exp_year: int = 2034, **known: Any) -> Obj:
    facts = card_facts(card, exp_month, exp_year)
    return new_payment_method(call, "card", facts, _token=card.token, _set_up=card.set_up, **known)


def resolve(call: Call, id: str, *, param: str = "payment_method") -> Obj:
    """The payment method of this id; a test token makes a new one each time, as on Stripe.

    Raises: StripeError resource_missing.
    """
    if card := BY_TOKEN.get(id):
        return from_card(call, card)
    if id in BANK_TOKENS:
        bank = {"account_holder_type": "individual", "account_type": "checking", "bank_name": "STRIPE TEST BANK"}
        bank |= {"last4": "6789", "routing_number": "110000000"}
        return new_payment_method(call, "us_bank_account", bank, _token=id)
    found = call.find("payment_method", id)
    if found is None:
        raise missing("PaymentMethod", id, param=param)
    return found


def from_data(call: Call, params: Obj, prefix: str = "") -> Obj:
    """A payment method from typed-in card details or a `tok_…` token.

    Raises: StripeError incorrect_number, invalid_expiry_*, parameter_missing.
    """
    name = f"{prefix}[card]" if prefix else "card"
    if params.get("type", "card") != "card":
        return resolve(call, "pm_usBankAccount")
    details = params.get("card") or {}
    known: Obj = {key: params[key] for key in ("metadata", "allow_redisplay") if key in params}
    if "billing_details" in params:
        known["billing_details"] = EMPTY_BILLING | params["billing_details"]
    if token := details.get("token"):
        if token not in BY_TOKEN or not token.startswith("tok_"):
            raise missing("token", token, param=f"{name}[token]")
        return from_card(call, BY_TOKEN[token], **known)
    for field in ("number", "exp_month", "exp_year"):
        if field not in details:
            raise invalid(
                f"Missing required param: {name}[{field}].", param=f"{name}[{field}]", code="parameter_missing"
            )
    card = known_card(details["number"])
    require_not_expired(call, details)
    return from_card(call, card, details["exp_month"], details["exp_year"], **known)


def known_card(number: str) -> TestCard:
    digits = number.replace(" ", "").replace("-", "")
    if not digits.isdigit() or not luhn_valid(digits):
        raise card_error("incorrect_number", "Your card number is incorrect.", "number")
    card = BY_NUMBER.get(digits)
    if card is None:
        raise card_error(
            "card_declined",
            "Your card was declined. Your request was in test mode, but used a non test card. "
            "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
            "number",
        )
    return card


def require_not_expired(call: Call, details: Obj) -> None:
    if details["exp_month"] > 12:
        raise card_error("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month")
    # Months since year 0 suffice: a card is good through the last day of its month.
    months = (1970 + call.now / 31_556_952) * 12
    if details["exp_year"] * 12 + details["exp_month"] < int(months):
        raise card_error("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year")


def card_error(code: str, message: str, param: str) -> StripeError:
    return StripeError(402, message, type="card_error", code=code, param=param)


def create(call: Call, params: Obj) -> Obj:
    return from_data(call, params)


def retrieve(call: Call, params: Obj, id: str) -> Obj:
    if id in BY_TOKEN or id in BANK_TOKENS:
        return resolve(call, id)
    return call.get("payment_method", id, noun="PaymentMethod")


def update(call: Call, params: Obj, id: str) -> Obj:
    method = call.get("payment_method", id, noun="PaymentMethod")
    if method["customer"] is None:
        raise StripeError(400, "You must save this PaymentMethod to a customer before you can update it.")
    if "metadata" in params:
        method["metadata"] = merged_metadata(method["metadata"], params["metadata"])
    if "billing_details" in params:
        method["billing_details"] = method["billing_details"] | params["billing_details"]
    if "card" in params:
        method["card"] = method["card"] | params["card"]
    call.emit("payment_method.updated", method)
    return call.put(method)


def attach(call: Call, params: Obj, id: str) -> Obj:
    """Save a card with a customer; cards that always decline are refused here already."""
    call.get("customer", params["customer"], param="customer")
    method = resolve(call, id)
    if method["customer"] not in (None, params["customer"]):
        raise StripeError(
            400, "The payment method you provided has already been attached to a customer.", param="payment_method"
        )
    card = BY_TOKEN.get(f"pm_card_{method['_token']}")
    if card is not None and card.decline and not card.attachable:
        error = decline_error(card.decline)
        raise StripeError(402, error.pop("message"), type=error.pop("type"), facts=error)
    require_reusable(method, None)
    return attached(call, method, params["customer"])


def attached(call: Call, method: Obj, customer: str) -> Obj:
    method["customer"] = customer
    call.emit("payment_method.attached", call.put(method))
    return method


def require_reusable(method: Obj, intent: str | None) -> None:
    """A card used once without a customer, or detached, cannot be used again."""
    if method["customer"] is None and method["_used_by"] not in (None, intent):
        raise StripeError(
            400,
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared "
            "with a connected account without Customer attachment, or was detached from a Customer. It may not be "
            "used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.",
            param="payment_method",
        )


def require_owner(call: Call, intent: Obj, method: Obj) -> None:
    """A card kept for a customer is good with that customer alone; the parameter that Stripe names is as odd there."""
    if method["customer"] in (None, intent["customer"]):
        return
    setup = intent["object"] == "setup_intent"
    code, param = None, "payment_method"
    if intent["customer"]:
        message = (
            f"The PaymentMethod {method['id']} does not belong to the Customer you supplied {intent['customer']}. "
            "Please use this PaymentMethod with the Customer that it belongs to instead."
        )
    else:
        supplied = f"The payment method supplied ({method['id']})"
        if not setup:
            code, param = "parameter_missing", "source"
            supplied = f"The `payment_method` parameter supplied {method['id']}"
        message = (
            f"{supplied} belongs to the Customer {method['customer']}. Please include the Customer in the `customer` "
            f"parameter on the {'SetupIntent' if setup else 'PaymentIntent'}."
        )
    known = call.find(intent["object"], intent["id"])
    raise StripeError(400, message, code=code, param=param, facts={intent["object"]: visible(known)} if known else None)


def detach(call: Call, params: Obj, id: str) -> Obj:
    method = call.get("payment_method", id, noun="PaymentMethod")
    if method["customer"] is None:
        raise StripeError(
            400, "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    previous = {"customer": method["customer"]}
    method |= {"customer": None, "_used_by": "detached"}
    call.emit("payment_method.detached", call.put(method), previous)
    return method


def of_customer(call: Call, params: Obj, customer: str) -> Obj:
    call.get("customer", customer)
    wanted = {key: value for key, value in params.items() if key != "customer"} | {"customer": customer}
    return listed("payment_method", f"/v1/customers/{customer}/payment_methods", "customer", "type")(call, wanted)


EXPAND: dict[str, Check] = {"expand": list_of(string())}
UPDATE = Schema(EXPAND | {
    "metadata": metadata,
    "billing_details": BILLING,
    "card": nested({"exp_month": integer(least=1), "exp_year": integer(least=1)}),
})  # fmt: skip
ATTACH = Schema(EXPAND | {"customer": string()}, required=("customer",))
KIND = one_of("card", "us_bank_account")
ROUTES = (
    Route("POST", "/v1/payment_methods", Schema(DATA | EXPAND, required=("type",)), create),
    Route(
        "GET", "/v1/payment_methods", Schema(PAGE | {"customer": string(), "type": KIND}),
        listed("payment_method", "/v1/payment_methods", "customer", "type"),
    ),
    Route("GET", "/v1/payment_methods/*", Schema(EXPAND), retrieve),
    Route("POST", "/v1/payment_methods/*", UPDATE, update),
    Route("POST", "/v1/payment_methods/*/attach", ATTACH, attach),
    Route("POST", "/v1/payment_methods/*/detach", Schema(EXPAND), detach),
    Route("GET", "/v1/customers/*/payment_methods", Schema(PAGE | {"type": KIND}), of_customer),
)  # fmt: skip
