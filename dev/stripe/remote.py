"""The simulator's control, as Python: what tests and the bench order over HTTP."""

from typing import Any, Literal

from dev.remote import Control, Obj

Outcome = Literal["success", "failure"]


class SimulatorControl(Control):
    """What Stripe's stand-in can be told."""

    async def health(self) -> Obj:
        return dict(await self.ask("GET", "health"))

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
        await self.order_fault(kind, method, path, metadata, how)

    async def faults(self) -> list[Obj]:
        """The faults still to come."""
        return list(await self.ask("GET", "faults"))

    async def ledger(self, **metadata: str) -> list[Obj]:
        """What was really moved per payment intent, oldest first, of those with this metadata."""
        params = {f"metadata[{key}]": value for key, value in metadata.items()}
        return list(await self.ask("GET", "ledger", params=params))

    async def webhooks(self, **policy: Any) -> Obj:
        """Change url, secret, events, lose, double, reorder, delay_seconds, hold or retry_seconds; returns all."""
        if not policy:
            return dict(await self.ask("GET", "webhooks"))
        return dict(await self.ask("POST", "webhooks", policy))

    async def resend(self, event_id: str, times: int = 1) -> None:
        """Deliver an event again."""
        await self.ask("POST", "webhooks/resend", {"event": event_id, "times": times})

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
