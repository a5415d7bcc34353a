"""`/_sim`: what a test or a developer does to the simulator that no Stripe customer could."""

from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec

from dev.stripe import charges, charging, refunds, sessions, setups
from dev.stripe.call import Call, visible
from dev.stripe.errors import Obj, StripeError
from dev.stripe.faults import Fault
from dev.stripe.payment_methods import from_data
from dev.stripe.simulator import Simulator
from dev.stripe.webhooks import Policy


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Outcome(Strict):
    outcome: Literal["success", "failure"]


class Pay(Strict):
    payment_method: str | None = None
    number: str | None = None
    email: str | None = None


class RefundMove(Strict):
    status: Literal["pending", "succeeded", "failed", "canceled"]
    failure_reason: str | None = None


class OpenDispute(Strict):
    charge: str | None = None
    payment_intent: str | None = None
    reason: str = "fraudulent"
    amount: int | None = None


class CloseDispute(Strict):
    outcome: Literal["won", "lost"]


class Advance(Strict):
    advance_seconds: int


class Resend(Strict):
    event: str
    times: int = 1


class Lag(Strict):
    lag_seconds: int


class Nothing(Strict):
    pass


def authenticate(sim: Simulator, call: Call, body: Outcome, intent: str) -> Obj:
    """The buyer finishes 3-D Secure, well or badly."""
    kind, room = ("setup_intent", setups) if intent.startswith("seti_") else ("payment_intent", charging)
    found = call.get(kind, intent)
    require_status(found, "requires_action")
    try:
        room.authenticate(call, found, success=body.outcome == "success")
    except StripeError as error:
        if not error.commits:
            raise
    return found


def settle(sim: Simulator, call: Call, body: Outcome, intent: str) -> Obj:
    """A bank debit in `processing` arrives or comes back."""
    found = call.get("payment_intent", intent)
    require_status(found, "processing")
    charging.settle(call, found, success=body.outcome == "success")
    return found


def require_status(intent: Obj, status: str) -> None:
    if intent["status"] != status:
        raise StripeError(400, f"{intent['id']} has a status of {intent['status']}, not {status}.")


def pay(sim: Simulator, call: Call, body: Pay, session: str) -> Obj:
    """The buyer pays on the hosted page: with a test payment method, or a test card's number."""
    found = call.get("checkout.session", session)
    method = body.payment_method or "pm_card_visa"
    if body.number is not None:
        card = {"number": body.number, "exp_month": 12, "exp_year": 2034}
        method = from_data(call, {"type": "card", "card": card})["id"]
    return sessions.pay(call, found, method, body.email)


def move_refund(sim: Simulator, call: Call, body: RefundMove, refund: str) -> Obj:
    return refunds.move(call, call.get("refund", refund), body.status, body.failure_reason)


def open_dispute(sim: Simulator, call: Call, body: OpenDispute) -> Obj:
    """The buyer disputes a charge at their bank."""
    charge = body.charge
    if charge is None and body.payment_intent is not None:
        charge = call.get("payment_intent", body.payment_intent)["latest_charge"]
    return charges.open_dispute(call, call.get("charge", charge or ""), body.reason, body.amount)


def close_dispute(sim: Simulator, call: Call, body: CloseDispute, dispute: str) -> Obj:
    return charges.close_dispute(call, call.get("dispute", dispute), won=body.outcome == "won")


def clock(sim: Simulator, call: Call, body: Nothing) -> Obj:
    return {"now": sim.now(), "advanced_seconds": sim.offset}


def advance(sim: Simulator, call: Call, body: Advance) -> Obj:
    sim.advance(body.advance_seconds)
    return clock(sim, call, Nothing())


def faults(sim: Simulator, call: Call, body: Nothing) -> list[Fault]:
    return sim.faults.waiting


def order_faults(sim: Simulator, call: Call, body: list[Fault]) -> list[Fault]:
    sim.faults.order(body)
    return sim.faults.waiting


def clear_faults(sim: Simulator, call: Call, body: Nothing) -> list[Fault]:
    sim.faults.clear()
    return []


def webhooks(sim: Simulator, call: Call, body: Nothing) -> Policy:
    return sim.webhooks.policy


def change_webhooks(sim: Simulator, call: Call, body: dict[str, Any]) -> Policy:
    """Change the given parts of the webhook policy."""
    merged = msgspec.to_builtins(sim.webhooks.policy) | body
    sim.webhooks.change(msgspec.convert(merged, Policy))
    return sim.webhooks.policy


def release(sim: Simulator, call: Call, body: Nothing) -> Obj:
    return {"released": sim.webhooks.release()}


def resend(sim: Simulator, call: Call, body: Resend) -> Obj:
    event = call.get("event", body.event)
    sim.webhooks.resend(event, body.times)
    return {"event": body.event, "times": body.times}


def deliveries(sim: Simulator, call: Call, body: Nothing) -> list[Obj]:
    return sim.webhooks.deliveries()


def search_lag(sim: Simulator, call: Call, body: Lag) -> Obj:
    """Let search results lag behind, as Stripe's do by up to a minute."""
    sim.store.keep("search_lag", body.lag_seconds)
    return {"lag_seconds": body.lag_seconds}


def health(sim: Simulator, call: Call, body: Nothing) -> Obj:
    return {"status": "ok", "now": sim.now()}


def reset(sim: Simulator, call: Call, body: Nothing) -> Obj:
    sim.reset()
    return {"status": "ok"}


Action = Callable[..., Any]
ACTIONS: tuple[tuple[str, str, Any, Action], ...] = (
    ("POST", "/_sim/payment_intents/*/authenticate", Outcome, authenticate),
    ("POST", "/_sim/setup_intents/*/authenticate", Outcome, authenticate),
    ("POST", "/_sim/payment_intents/*/settle", Outcome, settle),
    ("POST", "/_sim/checkout/sessions/*/pay", Pay, pay),
    ("POST", "/_sim/refunds/*", RefundMove, move_refund),
    ("POST", "/_sim/disputes", OpenDispute, open_dispute),
    ("POST", "/_sim/disputes/*/close", CloseDispute, close_dispute),
    ("GET", "/_sim/clock", Nothing, clock),
    ("POST", "/_sim/clock", Advance, advance),
    ("GET", "/_sim/faults", Nothing, faults),
    ("POST", "/_sim/faults", list[Fault], order_faults),
    ("DELETE", "/_sim/faults", Nothing, clear_faults),
    ("GET", "/_sim/webhooks", Nothing, webhooks),
    ("POST", "/_sim/webhooks", dict[str, Any], change_webhooks),
    ("POST", "/_sim/webhooks/release", Nothing, release),
    ("POST", "/_sim/webhooks/resend", Resend, resend),
    ("GET", "/_sim/webhooks/deliveries", Nothing, deliveries),
    ("POST", "/_sim/search", Lag, search_lag),
    ("GET", "/_sim/health", Nothing, health),
    ("POST", "/_sim/reset", Nothing, reset),
)


def ledger(sim: Simulator, query: str) -> list[Obj]:
    """What was really moved per payment intent; `?metadata[order]=42` picks by metadata."""
    facets = {}
    for name, value in parse_qsl(query):
        if not name.startswith("metadata[") or not name.endswith("]"):
            raise ValueError(f"unknown filter {name}: use metadata[key]=value")
        facets[f"metadata.{name[9:-1]}"] = value
    return sim.ledger(facets)


def act(sim: Simulator, call: Call, action: Action, takes: Any, body: bytes, ids: list[str]) -> bytes:
    """Run one control action and commit what it did.

    Raises: StripeError, msgspec.ValidationError for a body of the wrong shape.
    """
    known = msgspec.json.decode(body or b"{}", type=takes)
    try:
        answer = action(sim, call, known, *ids)
    except StripeError as error:
        if error.commits:
            sim.commit(call)
        raise
    sim.commit(call)
    return msgspec.json.encode(visible(answer) if isinstance(answer, dict) else answer)
