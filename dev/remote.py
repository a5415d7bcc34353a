"""What tests and the bench order of any simulator over HTTP: its `/_sim`."""

from types import TracebackType
from typing import Any, Self

import httpx

Obj = dict[str, Any]


class Control:
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

    async def order_fault(
        self, kind: str, method: str | None, path: str | None, metadata: dict[str, str] | None, how: dict[str, Any]
    ) -> None:
        """Order a fault of the calls that match."""
        match = {"method": method, "path": path, "metadata": metadata}
        await self.ask("POST", "faults", [{"kind": kind, "match": match, **how}])

    async def clear(self) -> None:
        """Forget all ordered faults; calls that are being delayed go on."""
        await self.ask("DELETE", "faults")

    async def release(self) -> int:
        """Send the webhooks that were held back; returns how many."""
        return int((await self.ask("POST", "webhooks/release"))["released"])

    async def deliveries(self) -> list[Obj]:
        """Every webhook delivery and its fate, oldest first."""
        return list(await self.ask("GET", "webhooks/deliveries"))
