"""The simulator's control, as Python: what tests order over HTTP."""

from typing import Any

from dev.remote import Control, Obj


class ChapaControl(Control):
    """What Chapa's stand-in can be told."""

    async def buy(self, tx_ref: str, outcome: str = "success", **how: Any) -> None:
        """The buyer pays, or fails to; `amount`: another than was asked for; `late`: though the page is closed."""
        await self.ask("POST", f"transactions/{tx_ref}/pay", {"outcome": outcome, **how})

    async def fault(
        self, kind: str, *, method: str | None = None, path: str | None = None, tx_ref: str | None = None, **how: Any
    ) -> None:
        """Order a fault: latency, error_before, error_after, answer_lost or rate_limit."""
        await self.order_fault(kind, method, path, {"tx_ref": tx_ref} if tx_ref else None, how)

    async def ledger(self, prefix: str = "") -> list[Obj]:
        """What was really paid and given back, oldest first, of references that begin like this."""
        return list(await self.ask("GET", "ledger", params={"tx_ref": prefix} if prefix else None))

    async def webhooks(self, **policy: Any) -> Obj:
        """Change url, secret, lose, double, reorder, delay_seconds, hold or retry_seconds; returns all."""
        return dict(await self.ask("POST", "webhooks", policy))
