"""Customers: who a saved card belongs to."""

from dev.stripe.answers import listed
from dev.stripe.call import Call, Route, new_id
from dev.stripe.errors import Obj
from dev.stripe.form import (
    ADDRESS,
    PAGE,
    SHIPPING,
    Check,
    Schema,
    list_of,
    merged_metadata,
    metadata,
    nested,
    string,
)  # fmt: skip
from dev.stripe.payment_methods import attach
from dev.stripe.search import SEARCH, search

TEXTS = ("email", "name", "phone", "description")
FIELDS: dict[str, Check] = {name: string(unset=True) for name in TEXTS} | {
    "address": ADDRESS,
    "shipping": SHIPPING,
    "metadata": metadata,
    "expand": list_of(string()),
    "preferred_locales": list_of(string()),
    "invoice_settings": nested({"default_payment_method": string(unset=True)}),
}
INVOICES = {"custom_fields": None, "default_payment_method": None, "footer": None, "rendering_options": None}


def create(call: Call, params: Obj) -> Obj:
    customer: Obj = {
        "id": new_id("cus", 14),
        "object": "customer",
        "address": params.get("address"),
        "balance": 0,
        "created": call.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": params.get("description"),
        "discount": None,
        "email": params.get("email"),
        "invoice_prefix": new_id("x", 8)[2:].upper(),
        "invoice_settings": INVOICES | params.get("invoice_settings", {}),
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "name": params.get("name"),
        "next_invoice_sequence": 1,
        "phone": params.get("phone"),
        "preferred_locales": params.get("preferred_locales", []),
        "shipping": params.get("shipping"),
        "tax_exempt": "none",
        "test_clock": None,
    }
    call.put(customer)
    if "payment_method" in params:
        attach(call, {"customer": customer["id"]}, params["payment_method"])
    call.emit("customer.created", customer)
    return customer


def update(call: Call, params: Obj, id: str) -> Obj:
    customer = call.get("customer", id)
    previous = {name: customer[name] for name in params if name in customer}
    customer |= {name: params[name] for name in (*TEXTS, "address", "shipping", "preferred_locales") if name in params}
    if "metadata" in params:
        customer["metadata"] = merged_metadata(customer["metadata"], params["metadata"])
    if "invoice_settings" in params:
        customer["invoice_settings"] = customer["invoice_settings"] | params["invoice_settings"]
    call.emit("customer.updated", call.put(customer), previous)
    return customer


def retrieve(call: Call, params: Obj, id: str) -> Obj:
    """A customer; a deleted one is shown as the stub Stripe leaves."""
    gone = call.find("deleted_customer", id)
    return stub(id) if gone else call.get("customer", id)


def delete(call: Call, params: Obj, id: str) -> Obj:
    customer = call.get("customer", id)
    call.emit("customer.deleted", customer)
    for _, method in call.store.select("payment_method", {"customer": id}):
        method |= {"customer": None, "_used_by": "detached"}
        call.put(method)
    call.store.write("UPDATE objects SET kind = 'deleted_customer' WHERE id = ?", id)
    call.store.write("DELETE FROM facets WHERE kind = 'customer' AND seq = (SELECT seq FROM objects WHERE id = ?)", id)
    customer["object"] = "deleted_customer"
    call.put(customer)
    return stub(id)


def stub(id: str) -> Obj:
    return {"id": id, "object": "customer", "deleted": True}


ROUTES = (
    Route("POST", "/v1/customers", Schema(FIELDS | {"payment_method": string()}), create),
    Route("GET", "/v1/customers", Schema(PAGE | {"email": string()}), listed("customer", "/v1/customers", "email")),
    Route("GET", "/v1/customers/search", SEARCH, search("customer", "/v1/customers/search")),
    Route("GET", "/v1/customers/*", Schema({"expand": list_of(string())}), retrieve),
    Route("POST", "/v1/customers/*", Schema(FIELDS), update),
    Route("DELETE", "/v1/customers/*", Schema(), delete),
)
