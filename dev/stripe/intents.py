"""PaymentIntents: the endpoints, and which move is allowed from which status."""

from dev.stripe import charging
from dev.stripe.answers import listed, retrieved
from dev.stripe.call import Call, Route, new_id
from dev.stripe.charging import PAYABLE
from dev.stripe.currencies import amount_error, require_chargeable, shown
from dev.stripe.errors import Obj, invalid, unexpected_state
from dev.stripe.form import PAGE, Schema, merged_metadata, string
from dev.stripe.intent_params import CANCEL, CAPTURE, CONFIRM, CREATE, PLAIN, SHARED, UPDATE
from dev.stripe.payment_methods import from_data, require_owner, resolve
from dev.stripe.search import SEARCH, search

CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing")


def new_intent(call: Call, params: Obj) -> Obj:
    """An intent nobody has paid yet."""
    id = new_id("pi")
    by_dashboard = params.get("automatic_payment_methods")
    if by_dashboard is None and "payment_method_types" not in params:
        by_dashboard = {"enabled": True}
    if by_dashboard is not None:
        by_dashboard = {"allow_redirects": "always"} | by_dashboard if by_dashboard["enabled"] else None
    types = params.get("payment_method_types") or (["card", "link", "us_bank_account"] if by_dashboard else ["card"])
    intent: Obj = {
        "id": id,
        "object": "payment_intent",
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": by_dashboard,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": f"{id}_secret_{new_id('s', 25)[2:]}",
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": call.now,
        "currency": params["currency"],
        "customer": params.get("customer"),
        "customer_account": None,
        "description": params.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": types,
        "processing": None,
        "receipt_email": params.get("receipt_email"),
        "review": None,
        "setup_future_usage": params.get("setup_future_usage"),
        "shipping": params.get("shipping"),
        "source": None,
        "statement_descriptor": params.get("statement_descriptor"),
        "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": params.get("transfer_group"),
        "_return_url": None,
    }
    set_options(intent, params)
    return intent


def set_options(intent: Obj, params: Obj) -> None:
    if "card" not in intent["payment_method_types"]:
        return
    before = intent["payment_method_options"].get("card") or {
        "installments": None, "mandate_options": None, "network": None, "request_three_d_secure": "automatic",
    }  # fmt: skip
    given = (params.get("payment_method_options") or {}).get("card", {})
    intent["payment_method_options"] = {"card": before | given}
    if "capture_method" in given:
        intent["capture_method"] = given["capture_method"]


def create(call: Call, params: Obj) -> Obj:
    """Open an intent; with `confirm` also try to take the money in the same call."""
    require_chargeable(params["amount"], params["currency"])
    if params.get("payment_method_types") and params.get("automatic_payment_methods", {}).get("enabled"):
        raise invalid(
            "You may only specify one of these parameters: automatic_payment_methods, payment_method_types.",
            code="parameters_exclusive",
        )
    confirming = params.get("confirm", False)
    for name in ("return_url", "off_session", "error_on_requires_action"):
        if name in params and not confirming:
            raise invalid(f"You cannot set `{name}` when creating a PaymentIntent without confirming it.", param=name)
    if "customer" in params:
        call.get("customer", params["customer"], param="customer")
    intent = new_intent(call, params)
    choose_method(call, intent, params)
    if confirming and intent["payment_method"]:
        require_return_url(intent, params)
    call.emit("payment_intent.created", call.put(intent))
    return confirm_intent(call, intent, params) if confirming else intent


def choose_method(call: Call, intent: Obj, params: Obj) -> None:
    method = chosen_method(call, params)
    if method is not None:
        require_owner(call, intent, method)
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}


def chosen_method(call: Call, params: Obj) -> Obj | None:
    if "payment_method_data" in params:
        return from_data(call, params["payment_method_data"], "payment_method_data")
    if "payment_method" in params:
        return resolve(call, params["payment_method"])
    return None


def require_return_url(intent: Obj, params: Obj) -> None:
    """Methods enabled in the Dashboard may redirect the buyer, so Stripe wants to know where back to."""
    automatic = intent["automatic_payment_methods"]
    if (
        automatic
        and automatic["allow_redirects"] == "always"
        and not (params.get("return_url") or intent["_return_url"])
    ):
        raise invalid(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. "
            "If you don't want to accept redirect-based payment methods, set "
            "`automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to "
            "`never` when creating Setup Intents and Payment Intents."
        )


def confirm(call: Call, params: Obj, id: str) -> Obj:
    """Try to take the money with the given payment method, or the one already chosen."""
    intent = call.get("payment_intent", id)
    if intent["status"] not in PAYABLE:
        if intent["status"] == "succeeded":
            why = "it has already succeeded after being previously confirmed."
        else:
            why = (
                f"it has a status of {intent['status']}. Only a PaymentIntent with one of the following statuses may "
                "be confirmed: requires_confirmation, requires_action."
            )
        raise unexpected_state(f"You cannot confirm this PaymentIntent because {why}", intent)
    return confirm_intent(call, intent, params)


def confirm_intent(call: Call, intent: Obj, params: Obj) -> Obj:
    choose_method(call, intent, params)
    if intent["payment_method"] is None:
        raise unexpected_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken.",
            intent,
        )
    require_return_url(intent, params)
    intent["_return_url"] = params.get("return_url", intent["_return_url"])
    for name in ("capture_method", "payment_method_types", "receipt_email", "setup_future_usage", "shipping"):
        if name in params:
            intent[name] = params[name]
    set_options(intent, params)
    method = call.get("payment_method", intent["payment_method"])
    if intent.pop("_authenticated", None) == method["id"]:
        charging.finish_authenticated(call, intent, method)
    else:
        off_session, no_action = params.get("off_session", False), params.get("error_on_requires_action", False)
        charging.attempt(call, intent, method, off_session=off_session, no_action=no_action)
    return intent


def update(call: Call, params: Obj, id: str) -> Obj:
    """Change an intent; once money is held or taken only its labels may change."""
    intent = call.get("payment_intent", id)
    always = {"metadata", "description", "receipt_email", "shipping", "transfer_group", "expand"}
    fixed = [name for name in params if name not in always]
    if fixed and intent["status"] not in PAYABLE:
        raise unexpected_state(
            f"This PaymentIntent's {fixed[0]} could not be updated because it has a status of {intent['status']}. You "
            f"may only update the {fixed[0]} of a PaymentIntent with one of the following statuses: "
            "requires_payment_method, requires_confirmation, requires_action.",
            intent,
        )
    wanted = intent | params
    require_chargeable(wanted["amount"], wanted["currency"])
    if "customer" in params:
        call.get("customer", params["customer"], param="customer")
    intent |= {
        name: value for name, value in params.items() if name in PLAIN or name in ("amount", "currency", "customer")
    }
    if "metadata" in params:
        intent["metadata"] = merged_metadata(intent["metadata"], params["metadata"])
    set_options(intent, params)
    choose_method(call, intent, params)
    return call.put(intent)


def capture(call: Call, params: Obj, id: str) -> Obj:
    """Take the held money, all or part of it; what is not taken goes back to the buyer."""
    intent = call.get("payment_intent", id)
    if intent["status"] != "requires_capture":
        raise unexpected_state(
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture.",
            intent,
        )
    amount: int = params["amount_to_capture"] if "amount_to_capture" in params else intent["amount_capturable"]
    if amount > intent["amount_capturable"]:
        error = amount_error(
            "amount_too_large",
            f"The requested capture amount ({shown(amount, intent['currency'])}) is greater than the amount you can "
            f"capture for this charge ({shown(intent['amount_capturable'], intent['currency'])}).",
            "amount_to_capture",
        )
        error.executed = True
        raise error
    final = params.get("final_capture", True)
    if not final and intent["payment_method_options"].get("card", {}).get("request_multicapture") != "if_available":
        raise invalid("This PaymentIntent is not eligible for multicapture.", param="final_capture")
    intent |= {name: params[name] for name in ("statement_descriptor", "statement_descriptor_suffix") if name in params}
    if "metadata" in params:
        intent["metadata"] = merged_metadata(intent["metadata"], params["metadata"])
    charging.capture(call, intent, amount, final=final)
    return intent


def cancel(call: Call, params: Obj, id: str) -> Obj:
    """Give the intent up and release what it holds."""
    intent = call.get("payment_intent", id)
    if intent["status"] not in CANCELABLE:
        raise unexpected_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            "with one of the following statuses may be canceled: requires_payment_method, requires_capture, "
            "requires_confirmation, requires_action, processing.",
            intent,
        )
    charging.cancel(call, intent, params.get("cancellation_reason"))
    return intent


ROUTES = (
    Route("POST", "/v1/payment_intents", CREATE, create),
    Route(
        "GET", "/v1/payment_intents", Schema(PAGE | {"customer": string()}),
        listed("payment_intent", "/v1/payment_intents", "customer"),
    ),
    Route("GET", "/v1/payment_intents/search", SEARCH, search("payment_intent", "/v1/payment_intents/search")),
    Route("GET", "/v1/payment_intents/*", Schema(SHARED | {"client_secret": string()}), retrieved("payment_intent")),
    Route("POST", "/v1/payment_intents/*", UPDATE, update),
    Route("POST", "/v1/payment_intents/*/confirm", CONFIRM, confirm),
    Route("POST", "/v1/payment_intents/*/capture", CAPTURE, capture),
    Route("POST", "/v1/payment_intents/*/cancel", CANCEL, cancel),
)  # fmt: skip
