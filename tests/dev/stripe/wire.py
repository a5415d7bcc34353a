"""What the simulator's tests share: the real SDK, an endpoint for webhooks, and the usual parameters."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import stripe

from dev.stripe.server import Request, Response

SECRET = "whsec_simulator"
# Any, because the SDK types its parameters by endpoint and these are merged and broken on purpose.
CARD: Any = {"payment_method_types": ["card"]}
HELD: Any = CARD | {
    "amount": 2000,
    "currency": "usd",
    "capture_method": "manual",
    "confirm": True,
    "payment_method": "pm_card_visa",
}


@asynccontextmanager
async def sdk(url: str, key: str = "sk_test_simulator") -> AsyncIterator[stripe.StripeClient]:
    """The real SDK, without retries of its own."""
    # Loopback speaks plain HTTP; loading the certificate store would cost each test 30 ms.
    http = stripe.HTTPXClient(verify_ssl_certs=False)
    yield stripe.StripeClient(key, base_addresses={"api": url}, max_network_retries=0, http_client=http)
    await http.close_async()  # type: ignore[no-untyped-call]


@dataclass
class Receiver:
    """An endpoint that verifies and keeps every webhook; `answers` are given first, then 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    arrived: asyncio.Queue[stripe.Event] = field(default_factory=asyncio.Queue)
    attempts: int = 0

    async def handle(self, request: Request) -> Response:
        self.attempts += 1
        try:
            event = stripe.Webhook.construct_event(request.body, request.headers["stripe-signature"], SECRET)
        except stripe.SignatureVerificationError:
            return Response(400, b"", {})
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.arrived.put_nowait(event)
        return Response(status, b"", {})

    async def next(self) -> stripe.Event:
        return await asyncio.wait_for(self.arrived.get(), 60)

    async def take(self, count: int) -> list[stripe.Event]:
        return [await self.next() for _ in range(count)]

    async def until(self, type: str) -> stripe.Event:
        while True:
            event = await self.next()
            if event.type == type:
                return event
