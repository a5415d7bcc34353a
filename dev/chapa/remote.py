"""The simulator's control, as Python: what tests order over HTTP."""

from types import TracebackType
from typing import Any, Self

import httpx

Obj = dict[str, Any]


class ChapaControl:
    """Talks to `/_sim` of a running simulator.

    Raises: httpx.HTTPStatusError when the simulator refuses an order.
    """

    def __init__(self, base_url: str) -> None:
        self.http = httpx.AsyncClient(base_url=base_url, timeout=30, trust_env=False)

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

    async def reset(self) -> None:
        """Forget all state but where webhooks go."""
        await self.ask("POST", "reset")

    async def buy(self, tx_ref: str, outcome: str = "success", **how: Any) -> None:
        """The buyer pays, or fails to; `amount`: another than was asked for; `late`: though the page is closed."""
        await self.ask("POST", f"transactions/{tx_ref}/pay", {"outcome": outcome, **how})

    async def fault(self, kind: str, *, method: str | None = None, path: str | None = None, **how: Any) -> None:
        """Order a fault: latency, error_before, error_after, answer_lost or rate_limit."""
        tx_ref = how.pop("tx_ref", None)
        named = {"tx_ref": tx_ref} if tx_ref else None
        await self.ask(
            "POST", "faults", [{"kind": kind, "match": {"method": method, "path": path, "metadata": named}, **how}]
        )

    async def clear(self) -> None:
        """Forget all ordered faults."""
        await self.ask("DELETE", "faults")

    async def ledger(self, prefix: str = "") -> list[Obj]:
        """What was really paid and given back, oldest first, of references that begin like this."""
        return list(await self.ask("GET", "ledger", params={"tx_ref": prefix} if prefix else None))

    async def webhooks(self, **policy: Any) -> Obj:
        """Change url, secret, lose, double, reorder, delay_seconds, hold or retry_seconds; returns all."""
        return dict(await self.ask("POST", "webhooks", policy))

    async def release(self) -> int:
        """Send the webhooks that were held back; returns how many."""
        return int((await self.ask("POST", "webhooks/release"))["released"])

    async def deliveries(self) -> list[Obj]:
        """Every webhook delivery and its fate, oldest first."""
        return list(await self.ask("GET", "webhooks/deliveries"))
