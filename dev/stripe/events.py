"""The event log: everything that happened, newest first, whether or not a webhook arrived."""

from dev.stripe.answers import list_page, retrieved
from dev.stripe.call import Call, Route
from dev.stripe.errors import Obj, invalid
from dev.stripe.form import PAGE, Schema, boolean, list_of, string

LIST = Schema(PAGE | {"type": string(), "types": list_of(string()), "delivery_success": boolean})


def list_events(call: Call, params: Obj) -> Obj:
    if "type" in params and "types" in params:
        raise invalid("You may only specify one of these parameters: type, types.", code="parameters_exclusive")
    types: str | list[str] | None = params.get("type") or params.get("types")
    return list_page(call, "event", params, "/v1/events", {"type": types} if types else None)


ROUTES = (
    Route("GET", "/v1/events", LIST, list_events),
    Route("GET", "/v1/events/*", Schema({"expand": list_of(string())}), retrieved("event")),
)
