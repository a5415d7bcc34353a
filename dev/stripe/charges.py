"""Charges and disputes as Stripe shows them; money moves only through intents and refunds."""

from dev.stripe.answers import listed, refunds_of, retrieved
from dev.stripe.call import DAY, Call, Route, new_id
from dev.stripe.charging import card_of
from dev.stripe.errors import Obj, StripeError
from dev.stripe.form import PAGE, Schema, list_of, merged_metadata, metadata, string
from dev.stripe.search import SEARCH, search

EXPAND = list_of(string())
DISPUTE_FEE = 1500
"""What the provider takes for a dispute, whoever wins it."""
REASONS = (
    "fraudulent", "product_not_received", "general", "duplicate", "product_unacceptable", "unrecognized",
    "subscription_canceled", "credit_not_processed",
)  # fmt: skip


def update(call: Call, params: Obj, id: str) -> Obj:
    charge = call.get("charge", id)
    if "metadata" in params:
        charge["metadata"] = merged_metadata(charge["metadata"], params["metadata"])
    if "description" in params:
        charge["description"] = params["description"]
    call.emit("charge.updated", call.put(charge))
    return charge


def refunds(call: Call, params: Obj, charge: str) -> Obj:
    call.get("charge", charge)
    return refunds_of(call, charge)


def open_dispute(call: Call, charge: Obj, reason: str = "fraudulent", amount: int | None = None) -> Obj:
    """The buyer's bank takes the money back until the dispute is decided.

    Raises: StripeError when the charge was not captured, or is disputed already.
    """
    if not charge["captured"] or charge["disputed"]:
        raise StripeError(400, f"Charge {charge['id']} cannot be disputed.", code="charge_disputed")
    dispute: Obj = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount or charge["amount_captured"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": call.now + 9 * DAY, "has_evidence": False, "past_due": False, "submission_count": 0,
            "enhanced_eligibility": {},
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "type": "card", "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
        },
        "reason": reason,
        "status": "needs_response",
    }  # fmt: skip
    dispute["balance_transactions"].append(transaction(call, dispute, "dispute", -dispute["amount"], DISPUTE_FEE))
    charge["disputed"] = True
    call.put(charge)
    call.enter("disputed", charge, dispute["amount"])
    call.enter("dispute_fee", charge, DISPUTE_FEE)
    call.emit("charge.dispute.created", call.put(dispute))
    call.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def transaction(call: Call, dispute: Obj, category: str, amount: int, fee: int) -> Obj:
    """A movement of the shop's balance at the provider, as a dispute shows it."""
    details = [{"amount": fee, "application": None, "currency": dispute["currency"], "description": "Dispute fee",
                "type": "stripe_fee"}]  # fmt: skip
    return {
        "id": new_id("txn"), "object": "balance_transaction", "amount": amount, "available_on": call.now,
        "balance_type": "payments", "created": call.now, "currency": dispute["currency"], "description": None,
        "exchange_rate": None, "fee": fee, "fee_details": details if fee else [], "net": amount - fee,
        "reporting_category": category, "source": dispute["id"], "status": "available", "type": "adjustment",
    }  # fmt: skip


def close_dispute(call: Call, dispute: Obj, *, won: bool) -> Obj:
    """The bank has decided; a won dispute gives the money back, not its fee."""
    if dispute["status"] in ("won", "lost"):
        raise StripeError(400, f"Dispute {dispute['id']} is closed already.")
    dispute["status"] = "won" if won else "lost"
    if won:
        back = transaction(call, dispute, "dispute_reversal", dispute["amount"], 0)
        dispute["balance_transactions"].append(back)
        call.enter("dispute_won", call.get("charge", dispute["charge"]), dispute["amount"])
    call.emit("charge.dispute.closed", call.put(dispute))
    if won:
        call.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def follow(call: Call, type: str, obj: Obj) -> None:
    """Some test cards are disputed the moment they are captured."""
    if type in ("charge.succeeded", "charge.captured") and obj["captured"] and not obj["disputed"]:
        method = call.store.get(obj["payment_method"])
        card = card_of(method) if method else None
        if card is not None and card.dispute:
            open_dispute(call, obj, card.dispute)


def close(call: Call, params: Obj, id: str) -> Obj:
    """Accept the dispute: the money is lost."""
    return close_dispute(call, call.get("dispute", id), won=False)


PARENTS = {"payment_intent": string(), "customer": string(), "transfer_group": string()}
ROUTES = (
    Route("GET", "/v1/charges", Schema(PAGE | PARENTS), listed("charge", "/v1/charges", *PARENTS)),
    Route("GET", "/v1/charges/search", SEARCH, search("charge", "/v1/charges/search")),
    Route("GET", "/v1/charges/*", Schema({"expand": EXPAND}), retrieved("charge")),
    Route("POST", "/v1/charges/*", Schema({"expand": EXPAND, "metadata": metadata, "description": string()}), update),
    Route("GET", "/v1/charges/*/refunds", Schema(PAGE), refunds),
    Route(
        "GET", "/v1/disputes", Schema(PAGE | {"charge": string(), "payment_intent": string()}),
        listed("dispute", "/v1/disputes", "charge", "payment_intent"),
    ),
    Route("GET", "/v1/disputes/*", Schema({"expand": EXPAND}), retrieved("dispute")),
    Route("POST", "/v1/disputes/*/close", Schema({"expand": EXPAND}), close),
)  # fmt: skip
