"""What the bench reads from the worker's metrics."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dev.bench.figures import Comparison, Cost, Findings, Spread, StepCost
from dev.bench.steps import Mark, Steps, marks
from dev.bench.versus import Turn, report

LOCAL = "temporal_local_activity_execution_latency"
QUEUED = "temporal_activity_execution_latency"
WAY = "temporal_activity_succeed_endtoend_latency"


def _histogram(name: str, of: dict[tuple[str, str], tuple[int, float]]) -> str:
    lines = [f"# TYPE {name} histogram"]
    for (workflow, step), (count, seconds) in of.items():
        labels = f'activity_type="{step}",workflow_type="{workflow}"'
        lines += [f'{name}_bucket{{{labels},le="+Inf"}} {count}', f"{name}_sum{{{labels}}} {seconds}"]
        lines += [f"{name}_count{{{labels}}} {count}"]
    return "\n".join(lines) + "\n"


class _Worker:
    text = ""


@contextmanager
def _serving(worker: _Worker) -> Iterator[str]:
    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(worker.text.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            return None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/metrics"
    finally:
        server.shutdown()
        server.server_close()


def test_only_orders_are_counted() -> None:
    """Given metrics of orders and of other work, then those of orders are read, and of other histograms none."""
    text = _histogram(LOCAL, {("Order", "place_order"): (4, 0.02), ("Notify", "send"): (9, 9.0)})
    text += _histogram("temporal_request_latency", {("Order", "place_order"): (1, 1.0)})
    assert dict(marks(text)) == {(LOCAL, "place_order"): Mark(4, 0.02)}


def test_a_lap_counts_what_was_done_in_it() -> None:
    """Given work before a lap and in it, then a step's milliseconds and times an order are those of the lap."""
    worker = _Worker()
    findings = Findings(1, "2 cores")
    with _serving(worker) as metrics:
        steps = Steps(metrics)
        worker.text = _histogram(LOCAL, {("Order", "place_order"): (100, 60.0)})
        steps.begin()
        worker.text = (
            _histogram(LOCAL, {("Order", "place_order"): (110, 60.05)})
            + _histogram(QUEUED, {("Order", "capture_payment"): (20, 0.1)})
            + _histogram(WAY, {("Order", "capture_payment"): (20, 0.4)})
        )
        steps.end(10)
    steps.report(findings)
    capture, place = findings.steps
    assert capture == StepCost("capture_payment", "by task queue", 2.0, 5.0, 20.0)
    assert (place.step, place.runs, place.per_order) == ("place_order", "in the workflow's own task", 1.0)
    assert place.milliseconds == pytest.approx(5.0)
    assert place.with_queue is None
    assert any("capture_payment" in line and "20.0 with its queue" in line for line in findings.lines())


def _turn(ratio: float, cpu: float, *more: str) -> Turn:
    one = Spread(ratio, ratio, ratio)
    return Turn(
        [Comparison(name, "ms", one, "bare", one, one) for name in ("answer", *more)], [Cost("order", {"api": cpu})]
    )


def test_two_trees_are_compared_turn_by_turn() -> None:
    """Given two turns of two trees, then the change is that of the ratios; what only one has is left out."""
    lines = report([_turn(2.0, 10.0), _turn(4.0, 12.0)], [_turn(3.0, 20.0, "new"), _turn(4.0, 22.0, "new")])
    answer, order = (next(line for line in lines if line.startswith(name)) for name in ("answer", "order"))
    assert answer.split() == ["answer", "3.00", "3.50", "×", "1.25", "(1.00", "–", "1.50)"]
    assert order.split() == ["order", "11.0", "21.0"]
    assert not any(line.startswith("new") for line in lines)
