"""Numbers for Prometheus: requests by route and status, how long they took, how many are in the house."""

from collections.abc import Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: from an answer out of memory to a checkout at the end of its budget."""


class Meter:
    """Counts requests. What a route's count needs is looked up once, not at every request."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.in_flight = 0
        self.answers: Mapping[str, int] = {}
        """Catalogue answers given, by where they came from: counted by who gives them."""
        self._count = Counter(
            "holdfast_http_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self._time = Histogram(
            "holdfast_http_request_duration_seconds", "Time from request to the end of its answer.",
            ("route", "method"), buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        Gauge("holdfast_http_requests_in_flight", "Requests being answered.", registry=self.registry).set_function(
            lambda: self.in_flight
        )
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.registry.register(_Answers(self))
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request of `route`, a template such as `/api/v1/products/{slug}`."""
        children = self._children.get((route, method, status))
        if children is None:
            known = method if method in METHODS else "other"
            children = self._count.labels(route, known, str(status)), self._time.labels(route, known)
            if known == method:
                self._children[route, method, status] = children
        children[0].inc()
        children[1].observe(seconds)

    def text(self) -> bytes:
        """All numbers, as Prometheus reads them."""
        return generate_latest(self.registry)


class _Answers(Collector):
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(
            "holdfast_catalogue_answers", "Catalogue answers given, by where they came from.",
            labels=("source",),
        )  # fmt: skip
        for source, count in self._meter.answers.items():
            family.add_metric((source,), count)
        yield family
