"""Checkout Sessions: Stripe's hosted payment page, and what paying on it sets in motion."""

from dev.stripe import intents, setups
from dev.stripe.answers import list_page, listing, retrieved
from dev.stripe.call import DAY, Call, Route, new_id
from dev.stripe.currencies import currency, require_chargeable
from dev.stripe.errors import Obj, StripeError, invalid
from dev.stripe.form import (
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
from dev.stripe.intent_params import PLAIN, TYPES

SHARED: dict[str, Check] = {"metadata": metadata, "expand": list_of(string())}
PRODUCT = nested(
    {"name": string(), "description": string(), "images": list_of(string()), "metadata": metadata}, required=("name",)
)
PRICE = nested(
    {
        "currency": currency,
        "unit_amount": integer(),
        "product_data": PRODUCT,
        "tax_behavior": one_of("exclusive", "inclusive", "unspecified"),
    },
    required=("currency", "unit_amount", "product_data"),
)
PAYMENT_DATA: dict[str, Check] = {
    name: PLAIN[name]
    for name in (
        "capture_method", "description", "receipt_email", "setup_future_usage", "shipping", "statement_descriptor",
        "statement_descriptor_suffix", "transfer_group",
    )
} | {"metadata": metadata}  # fmt: skip
CREATE = Schema(
    SHARED | {
        "mode": one_of("payment", "setup"),
        "line_items": list_of(nested({"price_data": PRICE, "quantity": integer(least=1)}, required=("price_data",))),
        "success_url": string(),
        "cancel_url": string(),
        "client_reference_id": string(longest=200),
        "customer": string(),
        "customer_email": string(),
        "customer_creation": one_of("always", "if_required"),
        "currency": currency,
        "expires_at": integer(),
        "locale": string(),
        "payment_method_types": list_of(TYPES),
        "payment_intent_data": nested(PAYMENT_DATA),
        "setup_intent_data": nested({"description": string(), "metadata": metadata}),
        "submit_type": one_of("auto", "book", "donate", "pay"),
        "ui_mode": one_of("hosted_page"),
    },
    required=("mode", "success_url"),
)  # fmt: skip


def line_item(call: Call, given: Obj) -> Obj:
    price = given["price_data"]
    total = price["unit_amount"] * given.get("quantity", 1)
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price["currency"],
        "description": price["product_data"]["name"],
        "metadata": {},
        "price": {
            "id": new_id("price"), "object": "price", "active": False, "billing_scheme": "per_unit",
            "created": call.now, "currency": price["currency"], "custom_unit_amount": None, "livemode": False,
            "lookup_key": None, "metadata": {}, "nickname": None, "product": new_id("prod", 14), "recurring": None,
            "tax_behavior": price.get("tax_behavior", "unspecified"), "tiers_mode": None, "transform_quantity": None,
            "type": "one_time", "unit_amount": price["unit_amount"], "unit_amount_decimal": str(price["unit_amount"]),
        },
        "quantity": given.get("quantity", 1),
    }  # fmt: skip


def require_payable(params: Obj, items: list[Obj]) -> None:
    if params["mode"] == "setup":
        if items:
            raise invalid("You can not pass `line_items` in `setup` mode.", param="line_items")
        return
    if not items:
        raise invalid("Missing required param: line_items.", param="line_items", code="parameter_missing")
    if len({item["currency"] for item in items}) > 1:
        raise invalid("All line items must have the same currency.", param="line_items")
    total = sum(item["amount_total"] for item in items)
    require_chargeable(total, items[0]["currency"], "line_items")


def create(call: Call, params: Obj) -> Obj:
    """Open a payment page; the buyer is sent to its `url`."""
    items = [line_item(call, given) for given in params.get("line_items", [])]
    require_payable(params, items)
    if "customer" in params:
        call.get("customer", params["customer"], param="customer")
    expires_at = params.get("expires_at", call.now + DAY)
    if not call.now + 30 * 60 <= expires_at <= call.now + DAY:
        raise invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    payment = params["mode"] == "payment"
    total = sum(item["amount_total"] for item in items) if payment else None
    id = new_id("cs_test", 58)
    session: Obj = {
        "id": id,
        "object": "checkout.session",
        "adaptive_pricing": None,
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "created": call.now,
        "currency": items[0]["currency"] if payment else params.get("currency"),
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer": params.get("customer"),
        "customer_creation": params.get("customer_creation", "if_required" if payment else None),
        "customer_details": None,
        "customer_email": params.get("customer_email"),
        "expires_at": expires_at,
        "invoice": None,
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "mode": params["mode"],
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required" if payment else "always",
        "payment_method_options": {},
        "payment_method_types": params.get("payment_method_types") or ["card"],
        "payment_status": "unpaid" if payment else "no_payment_required",
        "phone_number_collection": {"enabled": False},
        "setup_intent": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "subscription": None,
        "success_url": params["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0} if payment else None,
        "ui_mode": "hosted_page",
        "url": f"{call.base_url}/_sim/checkout/{id}",
        "_line_items": items,
        "_data": params.get("payment_intent_data" if payment else "setup_intent_data", {}),
    }  # fmt: skip
    call.due(id, expires_at)
    return call.put(session)


def pay(call: Call, session: Obj, payment_method: str, email: str | None = None) -> Obj:
    """The buyer fills in the page: the intent made or tried again, the session complete once it is paid.

    Raises: StripeError card_error when declined; the session stays open for another card.
    """
    require_open(session)
    email = email or session["customer_email"] or "buyer@example.com"
    session["customer_details"] = {
        "address": None, "business_name": None, "email": email, "individual_name": None, "name": None, "phone": None,
        "tax_exempt": "none", "tax_ids": [],
    }  # fmt: skip
    call.put(session)
    choice = {"payment_method": payment_method, "return_url": session["success_url"]}
    room = intents if session["mode"] == "payment" else setups
    field = "payment_intent" if session["mode"] == "payment" else "setup_intent"
    if session[field] is None:
        shared = {"payment_method_types": session["payment_method_types"], **session["_data"]}
        if session["customer"]:
            shared["customer"] = session["customer"]
        if session["mode"] == "payment":
            shared |= {"amount": session["amount_total"], "currency": session["currency"]}
        intent = room.create(call, shared)
        intent["_session"] = session["id"]
        session[field] = intent["id"]
    room.confirm(call, choice, session[field])
    return session


def require_open(session: Obj) -> None:
    if session["status"] != "open":
        raise StripeError(
            400, f"This Checkout Session has a status of {session['status']} and cannot be paid or expired."
        )


def follow(call: Call, type: str, obj: Obj) -> None:
    """A session is complete as soon as the intent behind it is paid, held, on its way or set up."""
    if type not in COMPLETING or "_session" not in obj:
        return
    session = call.get("checkout.session", obj["_session"])
    if session["status"] == "open":
        session |= {"status": "complete", "url": None}
        if type == "payment_intent.succeeded":
            session["payment_status"] = "paid"
        call.settled(session["id"])
        call.emit("checkout.session.completed", call.put(session))
    elif type == "payment_intent.succeeded" and session["payment_status"] == "unpaid":
        session["payment_status"] = "paid"
        call.put(session)


COMPLETING = frozenset(
    {
        "payment_intent.succeeded", "payment_intent.amount_capturable_updated", "payment_intent.processing",
        "setup_intent.succeeded",
    }
)  # fmt: skip


def expire(call: Call, params: Obj, id: str) -> Obj:
    """Close the page; the buyer can no longer pay on it."""
    session = call.get("checkout.session", id)
    require_open(session)
    session |= {"status": "expired", "url": None}
    call.settled(id)
    if session["payment_intent"]:
        intent = call.get("payment_intent", session["payment_intent"])
        intent.pop("_session", None)
        if intent["status"] in intents.CANCELABLE:
            intents.cancel(call, {}, intent["id"])
    call.emit("checkout.session.expired", call.put(session))
    return session


def update(call: Call, params: Obj, id: str) -> Obj:
    session = call.get("checkout.session", id)
    if "metadata" in params:
        session["metadata"] = merged_metadata(session["metadata"], params["metadata"])
    return call.put(session)


def list_sessions(call: Call, params: Obj) -> Obj:
    facets = {name: params[name] for name in FILTERS if name in params}
    return list_page(call, "checkout.session", params, "/v1/checkout/sessions", facets)


def line_items(call: Call, params: Obj, id: str) -> Obj:
    session = call.get("checkout.session", id)
    return listing(session["_line_items"], f"/v1/checkout/sessions/{id}/line_items")


FILTERS: dict[str, Check] = {
    "customer": string(), "payment_intent": string(), "status": one_of("complete", "expired", "open"),
}  # fmt: skip
ROUTES = (
    Route("POST", "/v1/checkout/sessions", CREATE, create),
    Route("GET", "/v1/checkout/sessions", Schema(PAGE | FILTERS), list_sessions),
    Route("GET", "/v1/checkout/sessions/*", Schema(SHARED), retrieved("checkout.session")),
    Route("POST", "/v1/checkout/sessions/*", Schema(SHARED), update),
    Route("POST", "/v1/checkout/sessions/*/expire", Schema(SHARED), expire),
    Route("GET", "/v1/checkout/sessions/*/line_items", Schema(PAGE), line_items),
)
