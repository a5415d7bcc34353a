"""One API call in progress: what its handler may read, write, announce and enter in the journal."""

import random
import string as letters
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dev.stripe.errors import Obj, missing
from dev.stripe.form import Schema
from dev.stripe.store import Store

API_VERSION = "2026-10-28.endive"
ALPHABET = letters.ascii_letters + letters.digits
DAY = 86_400


def new_id(prefix: str, length: int = 24) -> str:
    return f"{prefix}_{''.join(random.choices(ALPHABET, k=length))}"


def visible(obj: Obj) -> Obj:
    """An object as Stripe shows it: fields with a leading underscore are the simulator's own."""
    return {key: value for key, value in obj.items() if key[0] != "_"}


Listener = Callable[["Call", str, Obj], None]


class Call:
    """A unit of work over the store, at one moment of the simulator's clock."""

    def __init__(
        self,
        store: Store,
        now: int,
        *,
        base_url: str = "",
        request_id: str | None = None,
        idempotency_key: str | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.store = store
        self.now = now
        self.base_url = base_url
        self.request_id = request_id
        self.idempotency_key = idempotency_key
        self.listeners = listeners
        self.emitted: list[Obj] = []

    def find(self, kind: str, id: str) -> Obj | None:
        obj = self.store.get(id)
        return obj if obj is not None and obj["object"] == kind else None

    def get(self, kind: str, id: str, *, param: str | None = None, noun: str | None = None) -> Obj:
        """The object of this id.

        Raises: StripeError resource_missing, 404 when the URL named it, 400 when `param` did.
        """
        obj = self.find(kind, id)
        if obj is None:
            error = missing(noun or kind, id, param=param)
            if param is None:
                error.error["param"] = URL_PARAMS.get(kind, "id")
            raise error
        return obj

    def put(self, obj: Obj) -> Obj:
        self.store.put(obj)
        return obj

    def emit(self, type: str, obj: Obj, previous: Obj | None = None) -> None:
        """Record an event about the object as it is now; webhooks carry it after the commit."""
        data: Obj = {"object": visible(obj)}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Obj = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": type,
        }
        self.emitted.append(event)
        for listener in self.listeners:
            listener(self, type, obj)

    def enter(self, what: str, charge: Obj, amount: int) -> None:
        """Journal a movement of money: authorized, captured, released, refunded, refund_failed, disputed, failed …"""
        self.store.write(
            "INSERT INTO journal (at, payment_intent, charge, what, amount, currency) VALUES (?, ?, ?, ?, ?, ?)",
            *(self.now, charge["payment_intent"], charge["id"], what, amount, charge["currency"]),
        )

    def due(self, id: str, moment: int) -> None:
        """Have the simulator look at this object again at that moment of its clock."""
        self.store.write("INSERT OR REPLACE INTO deadlines VALUES (?, ?)", id, moment)

    def settled(self, id: str) -> None:
        self.store.write("DELETE FROM deadlines WHERE id = ?", id)


URL_PARAMS = {"payment_intent": "intent", "setup_intent": "intent", "checkout.session": "session"}

Handler = Callable[..., Any]


class Route(NamedTuple):
    """An endpoint: `*` in the path stands for an id, handed to `run` after the parameters."""

    method: str
    path: str
    params: Schema
    run: Handler
