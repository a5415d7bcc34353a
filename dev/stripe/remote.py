"""The simulator's control, as Python: what tests and the bench order over HTTP."""

from types import TracebackType
from typing import Any, Literal, Self

import httpx

Obj = dict[str, Any]
Outcome = Literal["success", "failure"]


class SimulatorControl:
    """Talks to `/_sim` of a running simulator.

    Raises: httpx.HTTPStatusError when the simulator refuses an order.
    """

    def __init__(self, base_url: str) -> None:
        self.http = httpx.AsyncClient(base_url=base_url, timeout=30)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self.http.aclose()

    async def ask(self, method: str, path: str, body: Any = None, params: dict[str, str] | None = None) -> Any:
        content = {} if body is None else {"json": body}
        response = await self.http.request(method, f"/_sim/{path}", params=params, **content)
        response.raise_for_status()
        return response.json()

    async def health(self) -> Obj:
        return dict(await self.ask("GET", "health"))

    async def reset(self) -> None:
        """Forget all state but where webhooks go."""
        await self.ask("POST", "reset")

    async def authenticate(self, intent_id: str, outcome: Outcome = "success") -> Obj:
        """The buyer finishes 3-D Secure of a payment or setup intent; returns the intent."""
        kind = "setup_intents" if intent_id.startswith("seti_") else "payment_intents"
        return dict(await self.ask("POST", f"{kind}/{intent_id}/authenticate", {"outcome": outcome}))

    async def settle(self, intent_id: str, outcome: Outcome = "success") -> Obj:
        """A bank debit in `processing` arrives or comes back; returns the intent."""
        return dict(await self.ask("POST", f"payment_intents/{intent_id}/settle", {"outcome": outcome}))

    async def pay(self, session_id: str, payment_method: str = "pm_card_visa", email: str | None = None) -> Obj:
        """The buyer pays a Checkout Session; returns the session."""
        body = {"payment_method": payment_method, "email": email}
        return dict(await self.ask("POST", f"checkout/sessions/{session_id}/pay", body))

    async def fault(
        self,
        kind: str,
        *,
        method: str | None = None,
        path: str | None = None,
        metadata: dict[str, str] | None = None,
        **how: Any,
    ) -> None:
        """Order a fault: latency, error_before, error_after, answer_lost or rate_limit.

        `how`: status, seconds, times (None: until cleared), probability.
        """
        match = {"method": method, "path": path, "metadata": metadata}
        await self.ask("POST", "faults", [{"kind": kind, "match": match, **how}])

    async def faults(self) -> list[Obj]:
        """The faults still to come."""
        return list(await self.ask("GET", "faults"))

    async def clear(self) -> None:
        """Forget all ordered faults; calls that are being delayed go on."""
        await self.ask("DELETE", "faults")

    async def ledger(self, **metadata: str) -> list[Obj]:
        """What was really moved per payment intent, oldest first, of those with this metadata."""
        params = {f"metadata[{key}]": value for key, value in metadata.items()}
        return list(await self.ask("GET", "ledger", params=params))

    async def webhooks(self, **policy: Any) -> Obj:
        """Change url, secret, events, lose, double, reorder, delay_seconds, hold or retry_seconds; returns all."""
        if not policy:
            return dict(await self.ask("GET", "webhooks"))
        return dict(await self.ask("POST", "webhooks", policy))

    async def release(self) -> int:
        """Send the webhooks that were held back; returns how many."""
        return int((await self.ask("POST", "webhooks/release"))["released"])

    async def resend(self, event_id: str, times: int = 1) -> None:
        """Deliver an event again."""
        await self.ask("POST", "webhooks/resend", {"event": event_id, "times": times})

    async def deliveries(self) -> list[Obj]:
        """Every webhook delivery and its fate, oldest first."""
        return list(await self.ask("GET", "webhooks/deliveries"))

    async def advance(self, seconds: int) -> int:
        """Let the simulator's clock run ahead; returns its time."""
        return int((await self.ask("POST", "clock", {"advance_seconds": seconds}))["now"])

    async def dispute(self, intent_id: str, *, reason: str = "fraudulent", amount: int | None = None) -> Obj:
        """The buyer disputes the payment at their bank; returns the dispute."""
        body = {"payment_intent": intent_id, "reason": reason, "amount": amount}
        return dict(await self.ask("POST", "disputes", body))

    async def close_dispute(self, dispute_id: str, outcome: Literal["won", "lost"]) -> Obj:
        return dict(await self.ask("POST", f"disputes/{dispute_id}/close", {"outcome": outcome}))

    async def refund_becomes(self, refund_id: str, status: str, failure_reason: str | None = None) -> Obj:
        """The bank's late word on a refund: pending, succeeded, failed or canceled."""
        body = {"status": status, "failure_reason": failure_reason}
        return dict(await self.ask("POST", f"refunds/{refund_id}", body))

    async def search_lag(self, seconds: int) -> None:
        """Let search results lag behind, as Stripe's do."""
        await self.ask("POST", "search", {"lag_seconds": seconds})
