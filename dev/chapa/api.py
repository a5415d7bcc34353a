"""Chapa's API under /v1: initialize, verify, cancel, refund; each as strict as the documentation lets one expect."""

import asyncio
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from dev.chapa.account import Account, Obj, Refused, refunded, shown
from dev.stripe.faults import Fault
from dev.stripe.router import Paths
from dev.stripe.server import Request, Response

AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?", re.ASCII)
TX_REF = re.compile(r"[A-Za-z0-9._-]{1,50}", re.ASCII)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
LINK = re.compile(r"https?://[^\s]+")
WORDS = re.compile(r"[A-Za-z0-9 ._-]*", re.ASCII)
CURRENCIES = ("ETB", "USD")


class Customization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str | None = None
    description: str | None = None
    logo: str | None = None


class Initialize(msgspec.Struct, forbid_unknown_fields=True):
    """More than Chapa's own API refuses: a field that it does not know is a mistake of the caller's."""

    amount: str
    currency: str
    tx_ref: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone_number: str | None = None
    callback_url: str | None = None
    return_url: str | None = None
    customization: Customization = Customization()
    meta: dict[str, Any] = {}


class Api:
    """Answers the merchant's calls."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.routes: Paths[Callable[..., Obj]] = Paths()
        self.routes.add("POST", "/v1/transaction/initialize", self.initialize)
        self.routes.add("GET", "/v1/transaction/verify/*", self.verify)
        self.routes.add("PUT", "/v1/transaction/cancel/*", self.cancel)
        self.routes.add("POST", "/v1/refund/*", self.refund)
        self.routes.add("GET", "/v1/refund/*/verify", self.verify_refund)

    async def handle(self, request: Request) -> Response | None:
        """One call, with whatever fault was ordered for it. None: the answer is lost on the way."""
        authenticate(request.headers.get("authorization", ""))
        found = self.routes.find(request.method, request.path)
        if found is None:
            raise Refused(404, f"The route {request.path} could not be found.")
        seconds, fault = self.account.faults.take(request.method, request.path, lambda: named(request))
        await asyncio.sleep(seconds)
        if fault is not None and fault.kind in ("error_before", "rate_limit"):
            raise ordered(fault)
        run, ids = found
        self.account.forget()  # whatever was read while this call waited is stale
        answer = run(request, *ids)
        self.account.commit()
        if fault is not None and fault.kind == "error_after":
            raise ordered(fault)
        return None if fault is not None and fault.kind == "answer_lost" else json(200, answer)

    def initialize(self, request: Request) -> Obj:
        """Open a page on which the buyer pays."""
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise Refused(400, "Incorrect header settings; content-type must be application/json")
        try:
            asked = msgspec.json.decode(request.body, type=Initialize)
        except msgspec.MsgspecError as error:
            raise Refused(400, {"request": [str(error)]}) from error
        if wrong := mistakes(asked):
            raise Refused(400, wrong)
        if asked.currency not in CURRENCIES:
            raise Refused(400, f"Invalid currency, {asked.currency} currency is not supported")
        if self.account.find(asked.tx_ref) is not None:
            raise Refused(400, "Transaction reference has been used before")
        wanted = msgspec.to_builtins(asked) | {"amount": f"{Decimal(asked.amount):.2f}"}
        opened = self.account.open(wanted.pop("tx_ref"), wanted)
        host = request.headers.get("host", "localhost")
        return said("Hosted Link", {"checkout_url": f"http://{host}/checkout/payment/{opened['token']}"})

    def verify(self, request: Request, tx_ref: str) -> Obj:
        """How a transaction stands; one that nobody has tried to pay yet is a 404, as it is at Chapa."""
        found = self.known(tx_ref)
        if found["status"] == "pending":
            raise Refused(404, "Payment not paid yet", said=None)
        return said("Payment details", shown(found))

    def cancel(self, request: Request, tx_ref: str) -> Obj:
        """Close the page of an active transaction."""
        found = self.known(tx_ref)
        if not found["open"]:
            raise Refused(400, "Payment link already expired")
        found["open"] = False
        self.account.store.put(found)
        seen = shown(found)
        names = ("tx_ref", "amount", "currency", "created_at", "updated_at")
        return said("Checkout link expired successfully", {name: seen[name] for name in names})

    def refund(self, request: Request, reference: str) -> Obj:
        """Give money back: all of it, or the amount that is named; never more than is left."""
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise Refused(400, "Incorrect header settings; content-type must be application/x-www-form-urlencoded")
        found = self.known(reference)
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        meta = {name[5:-1]: form.pop(name) for name in list(form) if re.fullmatch(r"meta\[\w+\]", name)}
        if unknown := sorted(set(form) - {"reason", "amount", "reference"}):
            raise Refused(400, {name: [f"The {name} field is not known."] for name in unknown})
        if form.get("reference") and self.account.refund_known(form["reference"]) is not None:
            raise Refused(400, "Refund reference has been used before")
        if not form.get("reason"):
            raise Refused(400, {"reason": ["validation.required"]})
        if found["status"] not in ("success", "refunded"):
            raise Refused(400, "Transaction is not successful and cannot be refunded")
        left = Decimal(found["paid"]) - refunded(found)
        wanted = form.get("amount", f"{left:.2f}")
        if not AMOUNT.fullmatch(wanted) or not 0 < Decimal(wanted) <= left:
            raise Refused(400, "The refund amount is more than is left of the transaction")
        made = self.account.refund(found, f"{Decimal(wanted):.2f}", form["reason"], meta, form.get("reference"))
        return said("Refund initiated", {**made, "tx_ref": found["id"], "currency": found["currency"]})

    def verify_refund(self, request: Request, reference: str) -> Obj:
        """How a refund stands, by the merchant's reference or Chapa's."""
        found = self.account.refund_known(reference)
        if found is None:
            raise Refused(404, "Refund not found")
        return said("Refund details", found)

    def known(self, tx_ref: str) -> Obj:
        found = self.account.find(tx_ref)
        if found is None:
            raise Refused(404, "Invalid transaction or Transaction not found")
        return found


def mistakes(asked: Initialize) -> dict[str, list[str]]:
    """What is wrong with the fields, in the words of Chapa's validation."""
    title, words = asked.customization.title or "", asked.customization.description or ""
    rules = {
        "amount": bool(AMOUNT.fullmatch(asked.amount)) and Decimal(asked.amount) > 0,
        "tx_ref": bool(TX_REF.fullmatch(asked.tx_ref)),
        "email": asked.email is None or bool(EMAIL.fullmatch(asked.email)),
        "phone_number": asked.phone_number is None or bool(re.fullmatch(r"0[97][0-9]{8}", asked.phone_number)),
        "callback_url": asked.callback_url is None or bool(LINK.fullmatch(asked.callback_url)),
        "return_url": asked.return_url is None or bool(LINK.fullmatch(asked.return_url)),
        "customization.title": len(title) <= 16,
        "customization.description": len(words) <= 50 and bool(WORDS.fullmatch(words)),
    }
    return {name: [f"The {name} is not valid."] for name, holds in rules.items() if not holds}


def authenticate(authorization: str) -> None:
    """A secret key of test mode as a bearer token."""
    scheme, _, key = authorization.partition(" ")
    if not authorization:
        raise Refused(401, "Authorization required")
    if scheme.lower() != "bearer" or not key.startswith("CHASECK_TEST-"):
        raise Refused(401, "Invalid API Key or User doesn't exist")


def named(request: Request) -> Mapping[str, str]:
    """What a fault may name a call by: the reference in its path or body."""
    last = request.path.rpartition("/")[2]
    if last == "initialize":
        try:
            last = msgspec.json.decode(request.body)["tx_ref"]
        except (msgspec.MsgspecError, KeyError, TypeError):
            last = ""
    return {"tx_ref": str(last)}


def ordered(fault: Fault) -> Refused:
    """The refusal of an ordered fault."""
    if fault.kind == "rate_limit" or fault.status == 429:
        return Refused(429, "Too Many Attempts.")
    return Refused(fault.status, "Server Error")


def said(message: str, data: Obj) -> Obj:
    """Yes, in Chapa's shape."""
    return {"message": message, "status": "success", "data": data}


def json(status: int, body: Any) -> Response:
    """An answer."""
    return Response(status, msgspec.json.encode(body), {"Content-Type": "application/json"})
