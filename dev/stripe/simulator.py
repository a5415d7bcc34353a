"""The simulator's one state: store, clock, faults and webhooks, and the commit that ties them together."""

import time
from collections.abc import Mapping

from dev.stripe import charges, charging, sessions
from dev.stripe.call import Call
from dev.stripe.errors import Obj
from dev.stripe.faults import Faults
from dev.stripe.idempotency import IdempotencyKeys
from dev.stripe.store import Store
from dev.stripe.webhooks import Policy, Webhooks

LISTENERS = (sessions.follow, charges.follow)
WHATS = ("authorized", "captured", "released", "refunded", "refund_failed", "disputed", "dispute_fee", "dispute_won")


class Simulator:
    """One Stripe account in test mode."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self.store = store
        self.offset = int(store.setting("clock", 0))
        self.faults = Faults(store)
        self.webhooks = Webhooks(store, policy)
        self.keys = IdempotencyKeys(store)
        self.keys.forget_old(self.now())

    def now(self) -> int:
        """Seconds since 1970 on the simulator's clock."""
        return int(time.time()) + self.offset

    def advance(self, seconds: int) -> None:
        """Let time pass: keys are forgotten, authorizations and sessions run out."""
        self.offset += seconds
        self.store.keep("clock", self.offset)
        self.sweep()

    def call(self, base_url: str = "", request_id: str | None = None, key: str | None = None) -> Call:
        return Call(
            self.store,
            self.now(),
            base_url=base_url,
            request_id=request_id,
            idempotency_key=key,
            listeners=LISTENERS,
        )

    def commit(self, call: Call) -> None:
        """Make a call's effects, events and planned webhooks durable, all at once."""
        planned = self.webhooks.plan(call.emitted)
        for event in call.emitted:
            self.store.put(event)
        self.store.commit()
        self.webhooks.push(planned)

    def sweep(self) -> None:
        """End what ran out: authorizations nobody captured, sessions nobody paid."""
        for (id,) in self.store.rows("SELECT id FROM deadlines WHERE due <= ?", self.now()):
            call = self.call()
            intent = call.find("payment_intent", id)
            session = call.find("checkout.session", id)
            if intent is not None and intent["status"] == "requires_capture":
                charging.cancel(call, intent, "automatic")
            elif session is not None and session["status"] == "open":
                sessions.expire(call, {}, id)
            call.settled(id)
            self.commit(call)

    def ledger(self, facets: Mapping[str, str] | None = None) -> list[Obj]:
        """Per payment intent what was really moved, counted from the journal and not from the objects."""
        sums: dict[str, dict[str, int]] = {}
        counts: dict[str, int] = {}
        sql = "SELECT payment_intent, what, sum(amount), count(*) FROM journal GROUP BY payment_intent, what"
        for intent, what, amount, count in self.store.rows(sql):
            sums.setdefault(intent, {})[what] = amount
            if what == "authorized":
                counts[intent] = count
        intents = self.store.select("payment_intent", facets, oldest_first=True)
        lines = [ledger_line(intent, sums.get(intent["id"], {}), counts) for _, intent in intents]
        self.store.forget()
        return lines

    def reset(self) -> None:
        """Forget everything but where webhooks go."""
        self.store.reset()
        self.offset = 0
        self.faults.waiting = []
        self.webhooks.forget()
        kept = self.webhooks.policy
        self.webhooks.change(Policy(kept.url, kept.secret, kept.events, retry_seconds=kept.retry_seconds))


def ledger_line(intent: Obj, moved: Mapping[str, int], counts: Mapping[str, int]) -> Obj:
    amounts = {what: moved.get(what, 0) for what in WHATS}
    return {
        "payment_intent": intent["id"],
        "status": intent["status"],
        "amount": intent["amount"],
        "currency": intent["currency"],
        "authorized": amounts["authorized"],
        "captured": amounts["captured"],
        "refunded": amounts["refunded"] - amounts["refund_failed"],
        "disputed": amounts["disputed"] + amounts["dispute_fee"] - amounts["dispute_won"],
        "canceled": amounts["released"],
        "held": amounts["authorized"] - amounts["captured"] - amounts["released"],
        "charges": counts.get(intent["id"], 0),
        "metadata": intent["metadata"],
    }
