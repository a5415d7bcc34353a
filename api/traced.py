"""The API with every request in a trace of its own; loaded when somebody collects them."""

from typing import Any

from litestar.types import ASGIApp, Receive, Send
from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from api.metrics import METHODS

UNTOLD = ("/health", "/metrics", "/docs", "/media")
"""Beginnings of paths of which nobody needs a trace."""


class Traced:
    """Stands outside the door."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tracer = trace.get_tracer("holdfast.api")
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request. Its route is known when it is over."""
        if scope["type"] != "http" or scope["path"].startswith(UNTOLD):
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        status = 499

        async def watch(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        # Whoever asks is not trusted to say what is traced, nor as part of what: their trace is named, ours begins.
        with self._tracer.start_as_current_span(
            method, kind=SpanKind.SERVER, links=self._callers(scope["headers"]),
            attributes={"http.request.method": method}, record_exception=False,
        ) as span:  # fmt: skip
            try:
                await self._app(scope, receive, watch)
            finally:
                route = scope.get("path_template") or "unmatched"
                span.update_name(f"{method} {route}")
                span.set_attributes({"http.route": route, "http.response.status_code": status})
                if status >= 500:
                    span.set_status(Status(StatusCode.ERROR))

    def _callers(self, headers: Any) -> list[Link]:
        named = [value.decode("latin-1") for name, value in headers if name == b"traceparent"]
        if not named:
            return []
        caller = trace.get_current_span(self._propagator.extract({"traceparent": named[0]})).get_span_context()
        return [Link(caller)] if caller.is_valid else []
