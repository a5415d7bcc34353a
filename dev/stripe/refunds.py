"""Refunds: captured money goes back, in parts if need be, never more than was taken."""

from dev.stripe.answers import listed, retrieved
from dev.stripe.call import Call, Route, new_id
from dev.stripe.charging import card_of
from dev.stripe.currencies import shown
from dev.stripe.errors import Obj, StripeError, invalid
from dev.stripe.form import PAGE, Schema, integer, list_of, merged_metadata, metadata, one_of, string

STATUSES = ("pending", "succeeded", "failed", "canceled", "requires_action")
CREATE = Schema(
    {
        "charge": string(),
        "payment_intent": string(),
        "amount": integer(least=1),
        "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
        "metadata": metadata,
        "expand": list_of(string()),
    }
)


def refundable_charge(call: Call, params: Obj) -> Obj:
    if "charge" not in params and "payment_intent" not in params:
        raise invalid(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
        )
    if "charge" in params:
        charge = call.get("charge", params["charge"], param="charge")
        if params.get("payment_intent", charge["payment_intent"]) != charge["payment_intent"]:
            raise invalid("The charge and payment_intent do not belong together.", param="payment_intent")
    else:
        intent = call.get("payment_intent", params["payment_intent"], param="payment_intent")
        found = call.find("charge", intent["latest_charge"]) if intent["latest_charge"] else None
        if found is None or not found["captured"]:
            raise no_successful_charge(intent["id"])
        charge = found
    if not charge["captured"]:
        raise no_successful_charge(charge["payment_intent"])
    return charge


def no_successful_charge(intent: str) -> StripeError:
    return StripeError(400, f"This PaymentIntent ({intent}) does not have a successful charge to refund.")


def require_refundable(charge: Obj, amount: int | None) -> int:
    """The amount to refund, all that is left if none was asked for.

    Raises: StripeError charge_disputed, charge_already_refunded, or the amount is more than is left.
    """
    if charge["disputed"]:
        raise StripeError(
            400, f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    left: int = charge["amount"] - charge["amount_refunded"]
    if not left:
        raise StripeError(400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if amount is not None and amount > left:
        raise StripeError(
            400,
            f"Refund amount ({shown(amount, charge['currency'])}) is greater than unrefunded amount on charge "
            f"({shown(left, charge['currency'])})",
            param="amount",
        )
    return left if amount is None else amount


def create(call: Call, params: Obj) -> Obj:
    """Give captured money back to the card it came from."""
    charge = refundable_charge(call, params)
    amount = require_refundable(charge, params.get("amount"))
    method = call.store.get(charge["payment_method"])
    card = card_of(method) if method else None
    status = card.refund if card else "succeeded"
    refund: Obj = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": new_id("txn"),
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "destination_details": {
            "card": {"reference": "7", "reference_status": "available", "reference_type": "acquirer_reference_number",
                     "type": "refund"},
            "type": "card",
        },
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }  # fmt: skip
    if status == "pending":
        refund["pending_reason"] = "processing"
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    call.enter("refunded", charge, amount)
    call.emit("refund.created", call.put(refund))
    call.emit("charge.refunded", call.put(charge))
    return refund


def move(call: Call, refund: Obj, status: str, reason: str | None = None) -> Obj:
    """The bank answers later: the refund arrived after all, or came back.

    Raises: StripeError when the refund has failed already.
    """
    if refund["status"] in ("failed", "canceled"):
        raise StripeError(400, f"Refund {refund['id']} has a status of {refund['status']} and cannot change.")
    refund["status"] = status
    refund.pop("pending_reason", None)
    if status == "pending":
        refund["pending_reason"] = "processing"
    if status in ("failed", "canceled"):
        charge = call.get("charge", refund["charge"])
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        call.enter("refund_failed", charge, refund["amount"])
        call.put(charge)
        refund["failure_reason"] = reason or "expired_or_canceled_card"
        refund["failure_balance_transaction"] = new_id("txn")
    call.emit("refund.updated", call.put(refund))
    call.emit("charge.refund.updated", refund)
    if status == "failed":
        call.emit("refund.failed", refund)
    return refund


def update(call: Call, params: Obj, id: str) -> Obj:
    refund = call.get("refund", id)
    if "metadata" in params:
        refund["metadata"] = merged_metadata(refund["metadata"], params["metadata"])
    call.emit("refund.updated", call.put(refund))
    return refund


PARENTS = {"charge": string(), "payment_intent": string()}
ROUTES = (
    Route("POST", "/v1/refunds", CREATE, create),
    Route("GET", "/v1/refunds", Schema(PAGE | PARENTS), listed("refund", "/v1/refunds", *PARENTS)),
    Route("GET", "/v1/refunds/*", Schema({"expand": list_of(string())}), retrieved("refund")),
    Route("POST", "/v1/refunds/*", Schema({"expand": list_of(string()), "metadata": metadata}), update),
)
