"""Stripe's API over HTTP: who asks, which endpoint, under which idempotency key, with which ordered fault."""

import base64
import contextlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from dev.stripe import (
    charges,
    customers,
    events,
    form,
    intents,
    payment_methods,
    refunds,
    sessions,
    setups,
    transfers,
)  # fmt: skip
from dev.stripe.answers import expanded
from dev.stripe.call import API_VERSION, Route
from dev.stripe.errors import Obj, StripeError, invalid, unauthorized
from dev.stripe.faults import Fault
from dev.stripe.idempotency import Stored, fingerprint
from dev.stripe.router import Paths
from dev.stripe.server import Request, Response
from dev.stripe.simulator import Simulator

ROOMS = (intents, payment_methods, customers, setups, charges, refunds, sessions, transfers, events)


class Asked(NamedTuple):
    """An API request understood: which endpoint, with what, under which key."""

    route: Route
    ids: list[str]
    text: str
    raw: Obj
    key: str | None
    used_for: str


class Api:
    """Everything under /v1 of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.routes: Paths[Route] = Paths()
        for room in ROOMS:
            for route in room.ROUTES:
                self.routes.add(route.method, route.path, route)

    async def handle(self, request: Request, request_id: str) -> Response | None:
        """One call of Stripe's API, with whatever fault was ordered for it."""
        asked = self.understand(request)
        keys = self.simulator.keys
        seconds, fault = self.simulator.faults.take(request.method, request.path, lambda: self.metadata_of(asked))
        if fault is not None and fault.kind in ("error_before", "rate_limit"):
            await self.simulator.faults.delay(seconds)
            raise ordered_error(fault)
        if asked.key is not None:
            stored = keys.acquire(asked.key, asked.used_for, self.simulator.now())
            if stored is not None:
                return await self.lossy(self.replay(request, request_id, stored), seconds, fault)
        try:
            if seconds:
                await self.simulator.faults.delay(seconds)
            stored = self.execute(request, request_id, asked, fault)
        finally:
            if asked.key is not None:
                keys.release(asked.key)
        return await self.lossy(self.answer(request, stored), 0, fault)

    async def lossy(self, response: Response, seconds: float, fault: Fault | None) -> Response | None:
        if seconds:
            await self.simulator.faults.delay(seconds)
        return None if fault is not None and fault.kind == "answer_lost" else response

    def understand(self, request: Request) -> Asked:
        """Who asks, and for what.

        Raises: StripeError 401 or 404, or 400 for a body that is no form.
        """
        authenticate(request.headers.get("authorization", ""))
        found = self.routes.find(request.method, request.path)
        if found is None:
            raise StripeError(
                404,
                f"Unrecognized request URL ({request.method}: {request.path}). Please see https://stripe.com/docs or "
                "we can help at https://support.stripe.com/.",
                executed=False,
            )
        text = request.query
        key = None
        if request.method == "POST":
            kind = request.headers.get("content-type", "application/x-www-form-urlencoded")
            if request.body and not kind.startswith("application/x-www-form-urlencoded"):
                raise invalid(
                    "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you "
                    "have any questions, we can help at https://support.stripe.com/."
                )
            text = request.body.decode("utf-8", "replace")
            key = request.headers.get("idempotency-key") or None
        account = request.headers.get("stripe-account", "")
        return Asked(
            route=found[0],
            ids=found[1],
            text=text,
            raw=form.parse(text) if text else {},
            key=None if key is None else f"{account}:{key}",
            used_for="" if key is None else fingerprint(request.method, request.path, text),
        )

    def metadata_of(self, asked: Asked) -> Mapping[str, str]:
        """The metadata a fault may be matched by: the request's own, and that of the object in its path."""
        found: dict[str, str] = {}
        if asked.ids:
            found |= (self.simulator.store.get(asked.ids[0]) or {}).get("metadata") or {}
        own = asked.raw.get("metadata")
        return found | own if isinstance(own, dict) else found

    def execute(self, request: Request, request_id: str, asked: Asked, fault: Fault | None) -> Stored:
        """Run the endpoint and make its effects durable, together with the answer its key remembers.

        Raises: StripeError for a refusal that no key remembers.
        """
        key = None if asked.key is None else asked.key.partition(":")[2]
        self.simulator.store.forget()  # whatever was read while this call waited is stale
        call = self.simulator.call(base_url(request), request_id, key)
        try:
            params = asked.route.params.read(asked.raw)
            answer = expanded(call, asked.route.run(call, params, *asked.ids), params.get("expand", []))
            stored = Stored(200, msgspec.json.encode(answer), request_id)
        except StripeError as error:
            if not error.commits:
                self.simulator.store.forget()
                call.emitted.clear()
            if not error.executed or (asked.key is None and not error.commits):
                raise
            stored = Stored(error.status, error_body(error, request_id), request_id)
        if fault is not None and fault.kind == "error_after":
            ordered = ordered_error(fault)
            stored = Stored(ordered.status, error_body(ordered, request_id), request_id)
        if asked.key is not None:
            self.simulator.keys.keep(asked.key, asked.used_for, call.now, stored)
        self.simulator.commit(call)
        return stored

    def answer(self, request: Request, stored: Stored) -> Response:
        headers = self.headers(request, stored.request_id)
        if stored.status >= 500:
            headers["Stripe-Should-Retry"] = "false"  # the key would only replay it
        return Response(stored.status, stored.body, headers)

    def replay(self, request: Request, request_id: str, stored: Stored) -> Response:
        headers = self.headers(request, request_id)
        headers |= {"Idempotent-Replayed": "true", "Original-Request": stored.request_id}
        return Response(stored.status, stored.body, headers)

    def refusal(self, request: Request, request_id: str, error: StripeError) -> Response:
        headers = self.headers(request, request_id)
        if error.retry is not None:
            headers["Stripe-Should-Retry"] = str(error.retry).lower()
        if error.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="Stripe"'
        return Response(error.status, error_body(error, request_id), headers)

    def headers(self, request: Request, request_id: str) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Request-Id": request_id,
            "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        }
        if "idempotency-key" in request.headers:
            headers["Idempotency-Key"] = request.headers["idempotency-key"]
        return headers


def authenticate(authorization: str) -> None:
    """Take a test secret key as a bearer token, or as the user of basic authentication."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            value = base64.b64decode(value).decode().partition(":")[0]
    if scheme.lower() not in ("bearer", "basic") or not value.startswith("sk_test_"):
        raise unauthorized(authorization)


def base_url(request: Request) -> str:
    return f"http://{request.headers.get('host', 'localhost')}"


def ordered_error(fault: Fault) -> StripeError:
    """The refusal of an ordered fault; one before the effect leaves the key unused."""
    if fault.kind == "rate_limit" or fault.status == 429:
        message = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
        return StripeError(429, message, code="rate_limit", executed=False)
    message = "An error occurred internally with the Stripe API. We have been notified of the problem."
    return StripeError(fault.status, message, type="api_error", executed=False)


def error_body(error: StripeError, request_id: str) -> bytes:
    url = f"https://dashboard.stripe.com/test/logs/{request_id}"
    return msgspec.json.encode({"error": error.error | {"request_log_url": url}})
