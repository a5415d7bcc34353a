"""SetupIntents: a card saved for later, authenticated now if its bank asks for it."""

from dev.stripe.answers import listed, retrieved
from dev.stripe.call import Call, Route, new_id, visible
from dev.stripe.cards import decline_error, needs_authentication
from dev.stripe.charging import PAYABLE, card_of, require_action
from dev.stripe.errors import Obj, StripeError, invalid, unexpected_state
from dev.stripe.form import (
    PAGE,
    Check,
    Schema,
    boolean,
    list_of,
    merged_metadata,
    metadata,
    nested,
    one_of,
    string,
)  # fmt: skip
from dev.stripe.intent_params import CONFIRMING, TYPES
from dev.stripe.intents import chosen_method, require_return_url
from dev.stripe.payment_methods import attached, require_owner, require_reusable

SHARED: dict[str, Check] = {"metadata": metadata, "expand": list_of(string())}
CONFIRM = {name: CONFIRMING[name] for name in CONFIRMING if name not in ("off_session", "error_on_requires_action")}
CREATE: dict[str, Check] = CONFIRM | SHARED | {
    "confirm": boolean,
    "customer": string(),
    "description": string(unset=True),
    "usage": one_of("off_session", "on_session"),
    "payment_method_types": list_of(TYPES),
    "automatic_payment_methods": nested(
        {"enabled": boolean, "allow_redirects": one_of("always", "never")}, required=("enabled",)
    ),
}  # fmt: skip
UPDATE = Schema({name: CREATE[name] for name in (
    "customer", "description", "payment_method", "payment_method_types", "metadata", "expand"
)})  # fmt: skip
REASONS = one_of("abandoned", "duplicate", "requested_by_customer")


def create(call: Call, params: Obj) -> Obj:
    """Open a setup; with `confirm` also try to save the card in the same call."""
    if "customer" in params:
        call.get("customer", params["customer"], param="customer")
    automatic = params.get("automatic_payment_methods")
    if automatic is None and "payment_method_types" not in params:
        automatic = {"enabled": True}
    if automatic is not None:
        automatic = {"allow_redirects": "always"} | automatic if automatic["enabled"] else None
    id = new_id("seti")
    intent: Obj = {
        "id": id,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": automatic,
        "cancellation_reason": None,
        "client_secret": f"{id}_secret_{new_id('s', 25)[2:]}",
        "created": call.now,
        "customer": params.get("customer"),
        "customer_account": None,
        "description": params.get("description"),
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": params.get("payment_method_types") or ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
        "_return_url": None,
    }
    choose_method(call, intent, params)
    confirming = params.get("confirm", False)
    if confirming and intent["payment_method"]:
        require_return_url(intent, params)
    call.emit("setup_intent.created", call.put(intent))
    return confirm_intent(call, intent, params) if confirming else intent


def choose_method(call: Call, intent: Obj, params: Obj) -> None:
    method = chosen_method(call, params)
    if method is not None:
        if method["type"] not in intent["payment_method_types"]:
            raise invalid(
                f"The payment method type {method['type']} is not allowed for this SetupIntent.",
                param="payment_method",
                code="setup_intent_incompatible_payment_method",
            )
        require_owner(call, intent, method)
        require_reusable(method, None)
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}


def confirm(call: Call, params: Obj, id: str) -> Obj:
    intent = call.get("setup_intent", id)
    if intent["status"] not in PAYABLE:
        raise unexpected_state(
            f"You cannot confirm this SetupIntent because it has a status of {intent['status']}. Only a SetupIntent "
            "with one of the following statuses may be confirmed: requires_confirmation, requires_action.",
            intent,
        )
    return confirm_intent(call, intent, params)


def confirm_intent(call: Call, intent: Obj, params: Obj) -> Obj:
    """Save the card.

    Raises: StripeError card_error when the bank refuses it.
    """
    choose_method(call, intent, params)
    if intent["payment_method"] is None:
        raise unexpected_state(
            "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a "
            "payment method and then confirm it again.",
            intent,
        )
    require_return_url(intent, params)
    intent["_return_url"] = params.get("return_url", intent["_return_url"])
    intent |= {"last_setup_error": None, "next_action": None}
    method = call.get("payment_method", intent["payment_method"])
    card = card_of(method)
    if card is not None and card.decline and not card.attachable:
        raise refuse(call, intent, method, decline_error(card.decline))
    if card is not None and needs_authentication(card, set_up=False, off_session=False, requested="automatic"):
        require_action(call, intent)
        return intent
    return succeed(call, intent, method)


def succeed(call: Call, intent: Obj, method: Obj) -> Obj:
    method["_set_up"] = True
    if intent["customer"] and method["customer"] is None:
        attached(call, method, intent["customer"])
    call.put(method)
    intent |= {"status": "succeeded", "next_action": None, "latest_attempt": new_id("setatt")}
    call.emit("setup_intent.succeeded", call.put(intent))
    return intent


def refuse(call: Call, intent: Obj, method: Obj, error: Obj) -> StripeError:
    """Put the setup back to where another card can be tried, and make the error to raise."""
    error["payment_method"] = visible(method)
    intent |= {
        "status": "requires_payment_method", "payment_method": None, "next_action": None, "last_setup_error": error,
        "latest_attempt": new_id("setatt"),
    }  # fmt: skip
    call.emit("setup_intent.setup_failed", call.put(intent))
    facts = error | {"setup_intent": visible(intent)}
    message, kind = facts.pop("message"), facts.pop("type")
    return StripeError(402, message, type=kind, commits=True, facts=facts)


def authenticate(call: Call, intent: Obj, *, success: bool) -> None:
    """The buyer comes back from the bank's 3-D Secure page."""
    method = call.get("payment_method", intent["payment_method"])
    if success:
        succeed(call, intent, method)
        return
    message = (
        "We are unable to authenticate your payment method. Please choose a different payment method and try again."
    )
    error = {"code": "setup_intent_authentication_failure", "message": message, "type": "invalid_request_error"}
    refuse(call, intent, method, error)


def update(call: Call, params: Obj, id: str) -> Obj:
    intent = call.get("setup_intent", id)
    if intent["status"] not in PAYABLE and set(params) - {"metadata", "description", "expand"}:
        raise unexpected_state(
            f"You cannot update this SetupIntent because it has a status of {intent['status']}.", intent
        )
    if "customer" in params:
        call.get("customer", params["customer"], param="customer")
    intent |= {name: params[name] for name in ("customer", "description", "payment_method_types") if name in params}
    if "metadata" in params:
        intent["metadata"] = merged_metadata(intent["metadata"], params["metadata"])
    choose_method(call, intent, params)
    return call.put(intent)


def cancel(call: Call, params: Obj, id: str) -> Obj:
    intent = call.get("setup_intent", id)
    if intent["status"] not in PAYABLE:
        raise unexpected_state(
            f"You cannot cancel this SetupIntent because it has a status of {intent['status']}. Only a SetupIntent "
            "with one of the following statuses may be canceled: requires_payment_method, requires_confirmation, "
            "requires_action.",
            intent,
        )
    intent |= {"status": "canceled", "cancellation_reason": params.get("cancellation_reason"), "next_action": None}
    call.emit("setup_intent.canceled", call.put(intent))
    return intent


FILTERS = {"customer": string(), "payment_method": string()}
ROUTES = (
    Route("POST", "/v1/setup_intents", Schema(CREATE), create),
    Route("GET", "/v1/setup_intents", Schema(PAGE | FILTERS), listed("setup_intent", "/v1/setup_intents", *FILTERS)),
    Route("GET", "/v1/setup_intents/*", Schema(SHARED | {"client_secret": string()}), retrieved("setup_intent")),
    Route("POST", "/v1/setup_intents/*", UPDATE, update),
    Route("POST", "/v1/setup_intents/*/confirm", Schema(CONFIRM | SHARED), confirm),
    Route("POST", "/v1/setup_intents/*/cancel", Schema(SHARED | {"cancellation_reason": REASONS}), cancel),
)
