"""A collector of traces on a port of this machine, as OpenTelemetry speaks to one: it keeps the spans it gets."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Span(msgspec.Struct, frozen=True):
    """One thing that took time."""

    service: str
    trace: str
    id: str
    parent: str
    """Empty: the trace begins with it."""
    name: str
    began: int
    ended: int
    attributes: dict[str, Any]
    failed: bool
    status: str
    events: int
    links: list[str]
    """Traces that it names."""


class Collected:
    """What has arrived so far."""

    def __init__(self, endpoint: str, keys: list[str | None]) -> None:
        self.endpoint = endpoint
        self.keys = keys
        """`api-key` of each request."""
        self.raw = b""
        """Everything as it came."""
        self._spans: dict[str, Span] = {}

    @property
    def spans(self) -> list[Span]:
        """In the order in which they began."""
        return sorted(self._spans.values(), key=lambda span: span.began)

    def trace_of(self, **attributes: Any) -> list[Span]:
        """The trace in which some span carries these; empty: there is none yet."""
        wanted = attributes.items()
        found = {each.trace for each in self.spans if wanted <= each.attributes.items()}
        return [each for each in self.spans if each.trace in found]

    def take(self, body: bytes) -> None:
        """One request's spans."""
        self.raw += body
        for told in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = {each.key: each.value.string_value for each in told.resource.attributes}["service.name"]
            for scope in told.scope_spans:
                for span in scope.spans:
                    attributes = {
                        each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in span.attributes
                    }
                    self._spans[span.span_id.hex()] = Span(
                        service, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), span.name,
                        span.start_time_unix_nano, span.end_time_unix_nano, attributes, span.status.code == 2,
                        span.status.message, len(span.events), [link.trace_id.hex() for link in span.links],
                    )  # fmt: skip


@contextmanager
def collecting() -> Iterator[Collected]:
    """Listen on a port of its own."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            collected.keys.append(self.headers.get("api-key"))
            collected.take(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    collected = Collected(f"http://127.0.0.1:{server.server_address[1]}", [])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collected
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
