"""Transfers to connected accounts, their reversals, and the balance they are paid from."""

from dev.stripe.answers import list_page, listed, listing, retrieved
from dev.stripe.call import Call, Route, new_id, visible
from dev.stripe.currencies import currency
from dev.stripe.errors import Obj, StripeError, missing
from dev.stripe.form import PAGE, Schema, boolean, integer, list_of, merged_metadata, metadata, string

SHARED = {"metadata": metadata, "description": string(unset=True), "expand": list_of(string())}
CREATE = Schema(
    SHARED | {
        "amount": integer(least=1),
        "currency": currency,
        "destination": string(),
        "source_transaction": string(),
        "transfer_group": string(),
    },
    required=("currency", "destination"),
)  # fmt: skip
REVERSE = Schema(SHARED | {"amount": integer(least=1), "refund_application_fee": boolean})


def create(call: Call, params: Obj) -> Obj:
    """Send money to a connected account; out of one charge if `source_transaction` names it."""
    if not params["destination"].startswith("acct_"):
        raise missing("destination", params["destination"], param="destination")
    source = None
    if "source_transaction" in params:
        source = call.get("charge", params["source_transaction"], param="source_transaction")
    amount = params.get("amount") or (source["amount_captured"] if source else None)
    if amount is None:
        raise StripeError(
            400, "Missing required param: amount.", param="amount", code="parameter_missing", executed=False
        )
    if source is not None:
        require_covered(call, source, amount, params["currency"])
    id = new_id("tr")
    transfer: Obj = {
        "id": id,
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "balance_transaction": new_id("txn"),
        "created": call.now,
        "currency": params["currency"],
        "description": params.get("description"),
        "destination": params["destination"],
        "destination_payment": new_id("py"),
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "reversals": listing([], f"/v1/transfers/{id}/reversals"),
        "reversed": False,
        "source_transaction": source["id"] if source else None,
        "source_type": "card",
        "transfer_group": params.get("transfer_group") or (f"group_{source['payment_intent']}" if source else None),
    }
    call.emit("transfer.created", call.put(transfer))
    return transfer


def require_covered(call: Call, source: Obj, amount: int, code: str) -> None:
    """A transfer out of a charge may not exceed what the charge took, earlier transfers included."""
    if code != source["currency"]:
        raise StripeError(400, "The currency of source_transaction's balance transaction differs.", param="currency")
    if not source["captured"]:
        raise StripeError(400, "Cannot use an uncaptured charge as a source_transaction", param="source_transaction")
    spent = source.get("_transferred", 0) + amount
    if spent > source["amount_captured"]:
        raise StripeError(
            400,
            f"The amount of source_transaction would be exceeded: {source['amount_captured']} were captured.",
            param="amount",
        )
    source["_transferred"] = spent
    call.put(source)


def update(call: Call, params: Obj, id: str) -> Obj:
    transfer = call.get("transfer", id)
    if "metadata" in params:
        transfer["metadata"] = merged_metadata(transfer["metadata"], params["metadata"])
    if "description" in params:
        transfer["description"] = params["description"]
    call.emit("transfer.updated", call.put(transfer))
    return transfer


def reverse(call: Call, params: Obj, id: str) -> Obj:
    """Take transferred money back, in parts if need be."""
    transfer = call.get("transfer", id)
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = params.get("amount", left)
    if amount > left or not left:
        raise StripeError(
            400,
            f"Requested reversal amount ({amount}) is greater than unreversed transfer amount ({left}).",
            param="amount",
        )
    reversal: Obj = {
        "id": new_id("trr"),
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": new_id("txn"),
        "created": call.now,
        "currency": transfer["currency"],
        "destination_payment_refund": new_id("pyr"),
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "source_refund": None,
        "transfer": id,
    }
    call.put(reversal)
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    transfer["reversals"] = listing([visible(reversal), *transfer["reversals"]["data"]], transfer["reversals"]["url"])
    call.emit("transfer.reversed", call.put(transfer))
    return reversal


def reversals(call: Call, params: Obj, id: str) -> Obj:
    call.get("transfer", id)
    return list_page(call, "transfer_reversal", params, f"/v1/transfers/{id}/reversals", {"transfer": id})


def reversal(call: Call, params: Obj, transfer: str, id: str) -> Obj:
    call.get("transfer", transfer)
    return call.get("transfer_reversal", id)


def balance(call: Call, params: Obj) -> Obj:
    """What the account holds: captured less refunded less transferred, per currency."""
    sums: dict[str, int] = {}
    for code, what, amount in call.store.rows(
        "SELECT currency, what, sum(amount) FROM journal GROUP BY currency, what"
    ):
        sums[code] = sums.get(code, 0) + SIGNS.get(what, 0) * amount
    for _, transfer in call.store.select("transfer"):
        code = transfer["currency"]
        sums[code] = sums.get(code, 0) - transfer["amount"] + transfer["amount_reversed"]
    available = [
        {"amount": sums[code], "currency": code, "source_types": {"card": sums[code]}} for code in sorted(sums)
    ]
    pending = [{"amount": 0, "currency": code, "source_types": {"card": 0}} for code in sorted(sums)]
    return {"object": "balance", "available": available, "livemode": False, "pending": pending}


SIGNS = {
    "captured": 1, "refunded": -1, "refund_failed": 1, "disputed": -1, "dispute_fee": -1, "dispute_won": 1,
}  # fmt: skip
EXPAND = Schema({"expand": list_of(string())})
FILTERS = {"destination": string(), "transfer_group": string()}
ROUTES = (
    Route("POST", "/v1/transfers", CREATE, create),
    Route("GET", "/v1/transfers", Schema(PAGE | FILTERS), listed("transfer", "/v1/transfers", *FILTERS)),
    Route("GET", "/v1/transfers/*", EXPAND, retrieved("transfer")),
    Route("POST", "/v1/transfers/*", Schema(SHARED), update),
    Route("POST", "/v1/transfers/*/reversals", REVERSE, reverse),
    Route("GET", "/v1/transfers/*/reversals", Schema(PAGE), reversals),
    Route("GET", "/v1/transfers/*/reversals/*", EXPAND, reversal),
    Route("GET", "/v1/balance", EXPAND, balance),
)
