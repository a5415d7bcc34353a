"""A receiver of webhooks on a port of this machine: it keeps what it gets, and answers well, badly or never."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from standardwebhooks.webhooks import Webhook

Mood = Callable[["Got"], str]
"""How it answers a request: `ok`, a status, `redirect`, `endless`, `hang`, `cut`, `slow <seconds>`."""


class Got(NamedTuple):
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Of the message."""
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        """The message."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def verified(self, secret: str) -> dict[str, Any]:
        """The message, as the scheme's own library lets it through."""
        found: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return found


class Receiver:
    """Listens until `down`; goes on at the same port with `up`."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.took: list[Got] = []
        """Those that it answered with 2xx."""
        self.mood: Mood = lambda _: "ok"
        self.arrived = asyncio.Event()
        self.let_go = asyncio.Event()
        """Ends every `hang`."""
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}/hook"

    async def up(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse every connection."""
        assert self._server is not None
        self._server.close()
        await asyncio.sleep(0)

    def ids(self) -> list[str]:
        """Of the messages that it took, in their order; each once."""
        return list(dict.fromkeys(each.id for each in self.took))

    def of_order(self, number: str) -> list[str]:
        """Topics that it took of one order, in their order; each message once."""
        seen = {each.id: each.told for each in self.took}
        return [told["type"] for told in seen.values() if told["data"]["order"]["number"] == number]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._answer(await _read(reader), writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(self, got: Got, writer: asyncio.StreamWriter) -> None:
        self.got.append(got)
        self.arrived.set()
        kind, _, how = self.mood(got).partition(" ")
        if kind == "cut":
            return
        if kind == "hang":
            await self.let_go.wait()
            return
        if kind == "slow":
            await asyncio.sleep(float(how))
        if kind == "redirect":
            await _write(writer, 302, b"", f"Location: http://127.0.0.1:{self._port}/elsewhere\r\n")
        elif kind == "endless":
            self.took.append(got)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                await writer.drain()
        else:
            status = int(kind) if kind.isdecimal() else 200
            if status < 300:
                self.took.append(got)
            await _write(writer, status, b"thank you" if status < 300 else b"no \x00\x1b[31mthanks")


async def _read(reader: asyncio.StreamReader) -> Got:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
    return Got(first.split(" ")[1], headers, await reader.readexactly(int(headers.get("content-length", "0"))))


async def _write(writer: asyncio.StreamWriter, status: int, body: bytes, more: str = "") -> None:
    writer.write(
        f"HTTP/1.1 {status} X\r\n{more}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
    )
    await writer.drain()


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    """A receiver that answers well until it is told otherwise."""
    receiver = Receiver()
    await receiver.up()
    yield receiver
    receiver.let_go.set()
    await receiver.down()
