"""Traces by OpenTelemetry: from a request through workflows and activities to SQL and providers. Loaded when wanted.

What leaves the house is names, times and ids, never data of people: statements without their parameters, errors by
their kind alone. A trace begins with a request or a scheduled run; workflows that never end, which ask for news twice a
second, are in none.
"""

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin, ReplaySafeTracerProvider, create_tracer_provider
from temporalio.plugin import SimplePlugin

from models import logs, spans
from models.settings import Shared

LONGEST_STATEMENT = 2000
"""Characters of a statement that a span shows."""
IDS = {"order": "holdfast.order", "request_id": "holdfast.request_id", "activity": "holdfast.activity"}
"""Ids of log lines that the spans they are written in carry, too: traces are found by them."""

_VERB = re.compile(r"\s*(\w+)")
_TABLE = re.compile(r"\b(?:(INSERT) INTO ([a-z_]+)|(UPDATE|DELETE FROM|FROM) ([a-z_]+)\b(?!\())")


def start(service: str, settings: Shared, untold: Collection[str] = ()) -> "Tracing":
    """Collect spans of this process from now on, before it connects to anything; close what is returned.

    `untold`: types of workflows that never end.
    """
    assert settings.otlp_endpoint
    exporter = OTLPSpanExporter(f"{settings.otlp_endpoint}/v1/traces", headers=dict(settings.otlp_headers))
    provider = create_tracer_provider(
        sampler=ParentBased(_Begun(frozenset(untold), settings.trace_share)),
        resource=Resource.create({"service.name": service, "service.namespace": "holdfast"}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(Discreet(exporter)))
    trace.set_tracer_provider(provider)
    logs.configure(settings.log_level, settings.log_format, (name_trace,))
    tracing = Tracing(provider)
    spans.collector = tracing
    return tracing


class Tracing:
    """Who collects spans: see `models/spans.py`."""

    def __init__(self, provider: ReplaySafeTracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("holdfast")

    def close(self) -> None:
        """Send what there is, within some seconds."""
        self._provider.shutdown()

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Any]) -> Iterator[Any]:
        """Something that this process waits for."""
        if not trace.get_current_span().is_recording():
            yield None
            return
        with self._tracer.start_as_current_span(
            name, kind=SpanKind.CLIENT, attributes=dict(attributes), record_exception=False
        ) as span:
            yield span

    def watch_engine(self, engine: AsyncEngine) -> None:
        """Statements of the engine become spans."""

        def before(_: Any, __: Any, statement: str, ___: Any, context: Any, ____: Any) -> None:
            context.holdfast_span = self._statement(statement, None)

        def after(_: Any, __: Any, ___: str, ____: Any, context: Any, _____: Any) -> None:
            if (span := getattr(context, "holdfast_span", None)) is not None:
                span.end()

        def failed(context: Any) -> None:
            if (span := getattr(context.execution_context, "holdfast_span", None)) is not None:
                span.set_status(Status(StatusCode.ERROR, type(context.original_exception).__name__))
                span.end()

        event.listen(engine.sync_engine, "before_cursor_execute", before)
        event.listen(engine.sync_engine, "after_cursor_execute", after)
        event.listen(engine.sync_engine, "handle_error", failed)

    async def watch_connection(self, connection: Any) -> None:
        """Statements of a connection of the bare driver become spans."""
        connection.add_query_logger(self._logged)

    def _logged(self, record: Any) -> None:
        ended = time.time_ns()
        span = self._statement(record.query, ended - int(record.elapsed * 1e9))
        if span is not None:
            if record.exception is not None:
                span.set_status(Status(StatusCode.ERROR, type(record.exception).__name__))
            span.end(ended)

    def _statement(self, statement: str, began: int | None) -> trace.Span | None:
        """Only within something that is traced: what a process asks by itself is nobody's trace."""
        if not trace.get_current_span().is_recording():
            return None
        attributes = {"db.system.name": "postgresql", "db.query.text": statement.strip()[:LONGEST_STATEMENT]}
        return self._tracer.start_span(named(statement), kind=SpanKind.CLIENT, attributes=attributes, start_time=began)

    def plugin(self) -> SimplePlugin:
        """What lets a trace travel through Temporal, with a span for each workflow, update, signal and activity."""
        return OpenTelemetryPlugin(add_temporal_spans=True)


class Discreet(SpanExporter):
    """Sends spans without what exceptions say: that can name people, or hold what they sent."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Errors by their kind alone."""
        return self._exporter.export(
            [_discreet(span) if span.events or span.status.description else span for span in spans]
        )

    def shutdown(self) -> None:
        """Nothing more comes."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what there is."""
        return self._exporter.force_flush(timeout_millis)


class _Begun(Sampler):
    """Whether a trace begins here."""

    def __init__(self, untold: frozenset[str], share: float) -> None:
        self._untold = untold
        self._share = TraceIdRatioBased(share)

    def should_sample(
        self, parent_context: Context | None, trace_id: int, name: str, kind: SpanKind | None = None,
        attributes: Attributes = None, links: Sequence[Link] | None = None, trace_state: TraceState | None = None,
    ) -> SamplingResult:  # fmt: skip
        """A share of all; none of what belongs to a workflow that never ends."""
        if name.partition(":")[2] in self._untold:
            return SamplingResult(Decision.DROP)
        return self._share.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """For people."""
        return f"{self._share.get_description()}, but {', '.join(sorted(self._untold))}"


def name_trace(_: Any, __: str, line: dict[str, Any]) -> dict[str, Any]:
    """A log line names the trace it is written in, and the span what the line knows."""
    span = trace.get_current_span()
    context = span.get_span_context()
    if context.is_valid:
        line["trace_id"] = f"{context.trace_id:032x}"
        if span.is_recording():
            span.set_attributes({IDS[name]: str(line[name]) for name in IDS if name in line})
    return line


@lru_cache(maxsize=1024)
def named(statement: str) -> str:
    """`INSERT orders`: what it does first, and to which table."""
    if found := _TABLE.search(statement):
        verb, table = found[1] or found[3].partition(" ")[0], found[2] or found[4]
        return f"{'SELECT' if verb == 'FROM' else verb} {table}"
    return first[1].upper() if (first := _VERB.match(statement)) else "SQL"


def _discreet(span: ReadableSpan) -> ReadableSpan:
    kind = (span.status.description or "").partition(":")[0] or None
    return ReadableSpan(
        name=span.name, context=span.context, parent=span.parent, resource=span.resource, attributes=span.attributes,
        links=span.links, kind=span.kind, instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code, kind), start_time=span.start_time, end_time=span.end_time,
    )  # fmt: skip
