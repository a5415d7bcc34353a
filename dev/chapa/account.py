"""What one Chapa account knows: its transactions, their money, and the webhooks that tell of them."""

import hashlib
import hmac
import random
import string
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from dev.stripe.faults import Faults
from dev.stripe.store import Store
from dev.stripe.webhooks import Policy, Webhooks

Obj = dict[str, Any]
LETTERS = string.ascii_letters + string.digits


class Refused(Exception):
    """Chapa says no, in the shape in which it says everything."""

    def __init__(self, status: int, message: Any, *, said: str | None = "failed") -> None:
        super().__init__(str(message))
        self.status = status
        self.body: Obj = {"message": message, "status": said, "data": None}


class ChapaWebhooks(Webhooks):
    """Webhooks in Chapa's manner: no id, no time, and a signature over the body alone."""

    def dressed(self, stored: bytes) -> tuple[bytes, dict[str, str]]:
        """The event, and both signatures: only `x-chapa-signature` is over what is sent."""
        body = msgspec.json.encode(msgspec.json.decode(stored)["payload"])
        secret = self.policy.secret.encode()
        return body, {
            "Content-Type": "application/json",
            "x-chapa-signature": hmac.new(secret, body, hashlib.sha256).hexdigest(),
            "chapa-signature": hmac.new(secret, secret, hashlib.sha256).hexdigest(),
        }


class Account:
    """One merchant in test mode."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self.store = store
        self.faults = Faults(store)
        self.webhooks = ChapaWebhooks(store, policy)
        self._told: list[Obj] = []

    def open(self, tx_ref: str, asked: Obj) -> Obj:
        """A transaction that waits for its buyer, and the token of its page."""
        transaction = {
            "id": tx_ref, "object": "transaction", "created": int(time.time()), "status": "pending", "open": True,
            "token": code(40), "reference": f"AP{code(12)}", "method": None, "paid": "0.00", "refunds": [], **asked,
        }  # fmt: skip
        self.store.put(transaction)
        self.store.put({"id": transaction["token"], "object": "page", "created": 0, "tx_ref": tx_ref})
        return transaction

    def find(self, tx_ref: str) -> Obj | None:
        """The transaction known by the merchant's reference, or by Chapa's own."""
        found = self.store.get(tx_ref)
        return found if found is not None and found["object"] == "transaction" else None

    def behind(self, token: str) -> Obj | None:
        """The transaction of a page."""
        page = self.store.get(token)
        return self.find(page["tx_ref"]) if page is not None and page["object"] == "page" else None

    def pay(self, transaction: Obj, amount: str | None = None) -> None:
        """The buyer's money is here, `amount` of it if it is another than was asked for."""
        transaction |= {
            "status": "success",
            "open": False,
            "method": "telebirr",
            "paid": amount or transaction["amount"],
        }
        self.change(transaction, "charge.success")

    def fail(self, transaction: Obj) -> None:
        """A try of the buyer's failed; the page stays open for another."""
        transaction |= {"status": "failed", "method": "telebirr"}
        self.change(transaction, "charge.failed/cancelled", "failed/cancelled")

    def refund(self, transaction: Obj, amount: str, reason: str, meta: Obj, reference: str | None = None) -> Obj:
        """Money goes back."""
        refund = {
            "ref_id": f"RF{code(12)}",
            "amount": amount,
            "reason": reason,
            "meta": meta,
            "status": "refunded",
            "reference": reference,
        }
        transaction["refunds"].append(refund)
        for name in {refund["ref_id"], reference or refund["ref_id"]}:
            self.store.put(
                {"id": name, "object": "refund", "created": 0, "tx_ref": transaction["id"], "refund": refund}
            )
        if refunded(transaction) == Decimal(transaction["paid"]):
            transaction["status"] = "refunded"
        self.change(transaction, "charge.refunded", "refunded")
        return refund

    def refund_known(self, name: str) -> Obj | None:
        """The refund of this reference; None: there is none."""
        found = self.store.get(name)
        return dict(found["refund"]) if found is not None and found["object"] == "refund" else None

    def change(self, transaction: Obj, event: str, status: str | None = None) -> None:
        """Keep a transaction as it is now, and tell the merchant."""
        self.store.put(transaction)
        payload = {"event": event, "type": "API", **shown(transaction), "status": status or transaction["status"]}
        told = {
            "id": f"ev_{code(24)}",
            "object": "event",
            "created": int(time.time()),
            "type": event,
            "payload": payload,
        }
        self._told.append(told)

    def commit(self) -> None:
        """Make it all durable, webhooks included."""
        planned = self.webhooks.plan(self._told)
        for event in self._told:
            self.store.put(event)
        self._told = []
        self.store.commit()
        self.webhooks.push(planned)

    def forget(self) -> None:
        """What was not committed never happened."""
        self._told = []
        self.store.forget()

    def ledger(self, prefix: str = "") -> list[Obj]:
        """What was really paid and given back, oldest first, of transactions whose reference begins like this."""
        found = [each for _, each in self.store.select("transaction", oldest_first=True)]
        return [
            {
                "tx_ref": each["id"], "status": each["status"], "open": each["open"], "amount": each["amount"],
                "currency": each["currency"], "paid": each["paid"], "refunded": f"{refunded(each):.2f}",
                "refunds": len(each["refunds"]), "checkout": each["token"], "email": each["email"],
                "return_url": each["return_url"],
            }
            for each in found if each["id"].startswith(prefix)
        ]  # fmt: skip

    def reset(self) -> None:
        """Forget everything but where webhooks go."""
        kept = self.webhooks.policy
        self.store.reset()
        self.faults.waiting = []
        self.webhooks.forget()
        self.webhooks.change(Policy(kept.url, kept.secret, retry_seconds=kept.retry_seconds))


def shown(transaction: Obj) -> Obj:
    """A transaction as Chapa shows it."""
    moment = datetime.fromtimestamp(transaction["created"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    return {
        "first_name": transaction["first_name"], "last_name": transaction["last_name"], "email": transaction["email"],
        "currency": transaction["currency"], "mode": "test", "method": transaction["method"],
        "amount": transaction["paid"] if transaction["status"] in ("success", "refunded") else transaction["amount"],
        "charge": "0.00", "status": transaction["status"], "reference": transaction["reference"],
        "tx_ref": transaction["id"], "customization": transaction["customization"], "meta": transaction["meta"],
        "created_at": moment, "updated_at": moment,
    }  # fmt: skip


def refunded(transaction: Obj) -> Decimal:
    """How much of it has gone back."""
    return sum((Decimal(each["amount"]) for each in transaction["refunds"]), Decimal(0))


def code(length: int) -> str:
    """Letters and digits."""
    return "".join(random.choices(LETTERS, k=length))
