"""What every request passes on its way in and out: its id, log line and count, and the headers that guard a browser.

Answers that lie ready go out from here, before the framework has looked at the request.
"""

import asyncio
import re
from collections.abc import MutableSequence
from contextlib import suppress
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from uuid_utils.compat import uuid7

from api.context import BODILESS
from api.limits import HEADERS_IN_SCOPE
from api.metrics import Meter
from api.shelf import Shelf

log = structlog.get_logger("access")

Header = tuple[bytes, bytes]

_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{8,128}").fullmatch
_GUARDS: list[Header] = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
_NO_PAGE: Header = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""An API answer is not a page: whatever a browser takes it for, it may load and frame nothing."""
_DOCS_PAGE: Header = (
    b"content-security-policy",
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    b"font-src 'self' data:; connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'",
)
"""Swagger UI and Redoc load their own files and ask this API; they write styles into elements."""
_DESK_PAGE: list[Header] = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
]
"""Staff's pages: nothing inline, nothing from elsewhere, in nobody's frame. Their forms say where they come from, which
browsers leave out where a page names no referrer at all."""
_PICTURE: Header = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
)
"""An SVG may style itself; opened as a page it may run nothing."""
_ANY_ORIGIN: list[Header] = [
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"ETag, Location, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, Retry-After, "
        b"X-Request-Id",
    ),
    (b"cross-origin-resource-policy", b"cross-origin"),
]
"""A storefront usually lives on another origin. Any may call: what a caller may do follows from tokens in headers,
which a foreign page does not have, never from cookies, which its browser would send along."""
_PREFLIGHT: list[Header] = [
    (b"access-control-allow-methods", b"GET, POST, PATCH, PUT, DELETE"),
    (b"access-control-allow-headers",
     b"Authorization, Cart-Token, Content-Type, Idempotency-Key, If-None-Match, Order-Token, X-Request-Id"),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]  # fmt: skip
_CODEC = "/api/v1/admin/codec/"
_CODEC_PREFLIGHT: list[Header] = [
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"Authorization, Authorization-Extras, Content-Type, X-Namespace"),
    (b"access-control-max-age", b"600"),
    (b"content-length", b"0"),
]
"""What the Temporal UI asks before it sends a payload here."""
_VARY: Header = (b"vary", b"Origin")
_NO_STORE: Header = (b"cache-control", b"no-store")
_YEAR = b"max-age=31536000"
_BODILESS = frozenset(("GET", "HEAD", "OPTIONS"))
_MOST_DRAINED = 16 * 1024 * 1024
"""Bytes of a refused body that are still read: a connection closed on a sender often takes the answer with it."""
_DRAINED_WITHIN = 2.0
"""Seconds for that."""


class Door:
    """The outermost layer of the API, around the whole framework."""

    def __init__(self, app: ASGIApp, meter: Meter, *, https: bool, ui: str | None) -> None:
        self._app = app
        self.shelf: Shelf
        """Opened with the process's other connections, before the first request."""
        self._meter = meter
        only_https = [(b"strict-transport-security", _YEAR)] if https else []
        guards = [*_GUARDS, *only_https]
        self._guards = [*guards, _NO_PAGE]
        self._guards_docs = [*guards, _DOCS_PAGE]
        self._guards_open = [*guards, _NO_PAGE, *_ANY_ORIGIN]
        self._guards_desk = [*_DESK_PAGE, *only_https]
        self._ui = _origin(ui) if ui else None
        self._guards_codec = [*guards, _NO_PAGE, _VARY]
        self._guards_ui = [
            *self._guards_codec, (b"access-control-allow-origin", self._ui or b""),
            (b"access-control-allow-credentials", b"true"), (b"cross-origin-resource-policy", b"same-site"),
        ]  # fmt: skip
        self._guards_pictures = [*guards, _PICTURE, *_ANY_ORIGIN]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        method: str = scope["method"]
        path = scope["path"]
        given = if_none_match = origin = None
        fresh = preflight = False
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given = value
            elif name == b"if-none-match":
                if_none_match = value
            elif name == b"origin":
                origin = value
            elif name == b"cache-control":
                fresh = b"no-cache" in value
            elif name == b"access-control-request-method":
                preflight = method == "OPTIONS"
        request_id = given if given and _SANE_ID(given) else uuid7().hex.encode()

        ready = self.shelf.ready(path, scope["query_string"]) if method == "GET" and not fresh else None
        if ready is not None:
            answer, route = ready
            status, body = (304, b"") if _has(if_none_match, answer) else (200, answer.body)
            kept = answer.headers if status == 200 else answer.headers[2:]
            headers: list[Header] = [*kept, *self._guards_open, (b"x-request-id", request_id)]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body, "more_body": False})
            self._tell(request_id, route, method, path, status, began)
        elif preflight:
            asks = _CODEC_PREFLIGHT if path.startswith(_CODEC) else _PREFLIGHT
            guards = self._guards_for(path, origin) if path.startswith(_CODEC) else self._guards_open
            headers = [*guards, *asks, (b"x-request-id", request_id)]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            self._tell(request_id, "preflight", method, path, 204, began)
        else:
            await self._inside(scope, receive, send, request_id, began, origin)

    async def _inside(
        self, scope: Any, receive: Receive, send: Send, request_id: bytes, began: float, origin: bytes | None
    ) -> None:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        method, path = scope["method"], scope["path"]
        status = 499  # nginx's word for a client that left before its answer
        if bodiless := method == "HEAD":
            scope["method"] = "GET"
            scope[BODILESS] = True
        personal = path.startswith(("/api/", "/desk"))
        guards = self._guards_for(path, origin)

        ended = method in _BODILESS

        async def listen() -> Any:
            nonlocal ended
            message = await receive()
            ended = not message.get("more_body", False)
            return message

        async def dress(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status >= 400 and not ended:
                    await _drain(listen)
                limits = scope.get(HEADERS_IN_SCOPE, ())
                headers: MutableSequence[Header] = [
                    *message["headers"],
                    *guards,
                    *limits,
                    (b"x-request-id", request_id),
                ]
                if personal and not any(name.lower() == b"cache-control" for name, _ in message["headers"]):
                    headers.append(_NO_STORE)
                message["headers"] = headers
            elif bodiless and message["type"] == "http.response.body":
                message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
            await send(message)

        self._meter.in_flight += 1
        try:
            await self._app(scope, listen, dress)
        except Exception as error:
            log.error("defect after the answer began", exc_info=error)
            raise
        finally:
            self._meter.in_flight -= 1
            route = scope.get("path_template") or "unmatched"
            self._tell(None, route, method, path, status, began)

    def _guards_for(self, path: str, origin: bytes | None) -> list[Header]:
        if path.startswith(_CODEC):  # whom a browser's cookie signs in is for the UI's own pages to ask
            return self._guards_ui if origin is not None and origin == self._ui else self._guards_codec
        if path.startswith("/api/"):
            return self._guards_open
        if path.startswith("/media/"):
            return self._guards_pictures
        if path == "/desk" or path.startswith("/desk/"):
            return self._guards_desk
        return self._guards_docs if path.startswith("/docs") else self._guards

    def _tell(self, request_id: bytes | None, route: str, method: str, path: str, status: int, began: float) -> None:
        seconds = perf_counter() - began
        self._meter.count(route, method, status, seconds)
        ids = {"request_id": request_id.decode()} if request_id else {}
        log.info("request", method=method, path=path, status=status, ms=round(seconds * 1000, 2), **ids)


def _origin(url: str) -> bytes:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower().encode()


async def _drain(receive: Receive) -> None:
    """Let a refused request finish its body, so that its sender comes to read the answer."""
    left = _MOST_DRAINED
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAINED_WITHIN):
            while left > 0:
                message: Any = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _has(if_none_match: bytes | None, answer: Any) -> bool:
    return if_none_match is not None and answer.matches(if_none_match.decode("latin-1"))
