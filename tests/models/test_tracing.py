"""Spans of statements have names by which one knows them; errors leave the house by their kind alone."""

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

from models import spans
from models.tracing import Discreet, named


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("SELECT status FROM orders WHERE id = $1", "SELECT orders"),
        ("\nINSERT INTO order_lines (id, order_id)\nSELECT line.id FROM unnest($1::uuid[]) line", "INSERT order_lines"),
        ("WITH made AS (\n    INSERT INTO orders (id) VALUES ($1)\n) SELECT 1", "INSERT orders"),
        ("UPDATE payments p SET status = $1", "UPDATE payments"),
        ("DELETE FROM cart_items WHERE id = $1", "DELETE cart_items"),
        ("SELECT x FROM unnest($1::text[]) AS x (y) JOIN orders o ON true", "SELECT"),
        ("INSERT INTO stock (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2", "INSERT stock"),
        ("BEGIN;", "BEGIN"),
        ("", "SQL"),
    ],
)
def test_statements_are_named_by_what_they_do(statement: str, name: str) -> None:
    """Given a statement, then its span says what it does first, and to which table."""
    assert named(statement) == name


def test_errors_leave_by_their_kind_alone() -> None:
    """Given a span whose error names somebody, then what is sent says that it failed and how, and nothing they said."""
    kept = InMemorySpanExporter()
    told = ReadableSpan("RunActivity:x", status=Status(StatusCode.ERROR, "Refusal: ada@example.com is known: really"))
    fine = ReadableSpan("SELECT orders")

    assert Discreet(kept).export([told, fine]) is SpanExportResult.SUCCESS

    sent = kept.get_finished_spans()
    assert [(span.name, span.status.status_code, span.status.description) for span in sent] == [
        ("RunActivity:x", StatusCode.ERROR, "Refusal"), ("SELECT orders", StatusCode.UNSET, None),
    ]  # fmt: skip


def test_nothing_is_made_of_spans_when_nobody_collects() -> None:
    """Given no exporter, then a span is one and the same nothing."""
    assert spans.collector is None
    assert spans.span("a", {}) is spans.span("b", {})
    assert spans.plugins() == []
