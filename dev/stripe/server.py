"""A small HTTP/1.1 server that can do what no ASGI server allows: hang up without an answer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple, cast
from urllib.parse import unquote

log = logging.getLogger(__name__)
LARGEST_HEAD = 65_536
LARGEST_BODY = 1_048_576
PHRASES = {
    200: "OK", 303: "See Other", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 411: "Length Required", 413: "Content Too Large",
    429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
}  # fmt: skip


class Request(NamedTuple):
    """A request read whole; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Response(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str]


Handler = Callable[[Request], Awaitable[Response | None]]


class Refused(Exception):
    """The bytes on the wire are no request this server takes."""

    def __init__(self, status: int) -> None:
        super().__init__(PHRASES[status])
        self.status = status


class Connection(asyncio.Protocol):
    """One connection: requests answered one after another; a handler's None closes it unanswered."""

    def __init__(self, handler: Handler, tasks: set["asyncio.Task[None]"], open: set["Connection"]) -> None:
        self.handler = handler
        self.tasks = tasks
        self.open = open
        self.buffer = b""
        self.busy = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.open.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.busy:
            self.next()

    def next(self) -> None:
        """Start on the next request as soon as all of it is here."""
        try:
            request = self.read()
        except Refused as refusal:
            self.write(Response(refusal.status, b"", {}), close=True)
            return
        if request is not None:
            self.busy = True
            task = asyncio.get_running_loop().create_task(self.answer(request))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def read(self) -> Request | None:
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            if len(head) > LARGEST_HEAD:
                raise Refused(413)
            return None
        line, *lines = head.decode("latin-1").split("\r\n")
        words = line.split(" ")
        if len(words) != 3:
            raise Refused(400)
        headers = {}
        for item in lines:
            name, _, value = item.partition(":")
            headers[name.strip().lower()] = value.strip()
        if "transfer-encoding" in headers:
            raise Refused(411)
        length = headers.get("content-length", "0")
        if not length.isdigit():
            raise Refused(400)
        if int(length) > LARGEST_BODY:
            raise Refused(413)
        if len(rest) < int(length):
            if headers.get("expect", "").lower() == "100-continue" and not rest:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        self.buffer = rest[int(length) :]
        path, _, query = words[1].partition("?")
        return Request(words[0], unquote(path), query, headers, rest[: int(length)])

    async def answer(self, request: Request) -> None:
        try:
            response = await self.handler(request)
        except asyncio.CancelledError:
            self.transport.abort()
            raise
        except Exception:
            log.exception("no answer for %s %s", request.method, request.path)
            response = Response(500, b"", {})
        if response is None:
            self.transport.abort()
            return
        self.busy = False
        self.write(response, close=request.headers.get("connection", "").lower() == "close")
        if self.buffer and not self.transport.is_closing():
            self.next()

    def write(self, response: Response, *, close: bool) -> None:
        if self.transport.is_closing():
            return
        lines = [f"HTTP/1.1 {response.status} {PHRASES.get(response.status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        lines += [f"Content-Length: {len(response.body)}", f"Connection: {'close' if close else 'keep-alive'}", "", ""]
        self.transport.write("\r\n".join(lines).encode("latin-1") + response.body)
        if close:
            self.transport.close()


@asynccontextmanager
async def listening(handler: Handler, host: str, port: int) -> AsyncIterator[str]:
    """Serve until the block ends; port 0 takes a free one. Yields the base url."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    connections: set[Connection] = set()
    server = await loop.create_server(lambda: Connection(handler, tasks, connections), host, port, backlog=1024)
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # an aborted transport closes its socket in the loop's next turn
        await server.wait_closed()
