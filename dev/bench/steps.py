"""What each step of an order takes, as the worker's own metrics tell it."""

from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import NamedTuple
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from dev.bench.figures import Findings, StepCost

PATIENCE = 10.0
"""Seconds within which the worker tells its metrics."""
_TIMES = {
    "temporal_local_activity_execution_latency": "in the workflow's own task",
    "temporal_activity_execution_latency": "by task queue",
}
"""Histograms of how long an activity took, and where such an activity runs."""
_WAITS = "temporal_activity_succeed_endtoend_latency"
"""The same with the way through the server and its queue: of activities that go by one."""
_WORKFLOW = "temporal_workflow_task_execution_latency"


class Mark(NamedTuple):
    """Of one histogram and one activity, up to a moment."""

    times: float
    seconds: float


Marks = Mapping[tuple[str, str], Mark]
"""By histogram and step."""


class Steps:
    """Laps around one buyer's orders."""

    def __init__(self, metrics: str) -> None:
        self._metrics = metrics
        self._before: Marks = {}
        self._laps: list[tuple[Marks, int]] = []

    def begin(self) -> None:
        """What was done up to now counts nothing."""
        self._before = read(self._metrics)

    def end(self, orders: int) -> None:
        """What was done since was done for so many orders."""
        after = read(self._metrics)
        nothing = Mark(0, 0)
        spent = {
            name: Mark(mark.times - before.times, mark.seconds - before.seconds)
            for name, mark in after.items()
            for before in [self._before.get(name, nothing)]
            if mark.times > before.times
        }
        self._laps.append((spent, orders))

    def report(self, findings: Findings) -> None:
        """Medians of the laps, in milliseconds; steps in the order of what they take of an order."""
        names = {name for spent, _ in self._laps for name in spent}
        found = [self._cost(*name) for name in names if name[0] != _WAITS]
        findings.steps = sorted(found, key=lambda step: -step.milliseconds * step.per_order)

    def _cost(self, histogram: str, step: str) -> StepCost:
        def middle(value: Callable[[Mark, int], float], name: tuple[str, str]) -> float:
            return median(value(spent[name], orders) for spent, orders in self._laps if name in spent)

        def each(mark: Mark, _: int) -> float:
            return 1000 * mark.seconds / mark.times

        way = (_WAITS, step)
        queued = histogram in _TIMES and any(way in spent for spent, _ in self._laps)
        return StepCost(
            step, _TIMES.get(histogram, "workflow tasks"),
            middle(lambda mark, orders: mark.times / orders, (histogram, step)),
            middle(each, (histogram, step)),
            middle(each, way) if queued else None,
        )  # fmt: skip


def read(metrics: str) -> Marks:
    """The worker's histograms of the workflow `Order`, as its metrics' address tells them now."""
    with urlopen(metrics, timeout=PATIENCE) as answer:
        return dict(marks(answer.read().decode()))


def marks(text: str) -> Iterator[tuple[tuple[str, str], Mark]]:
    """What a Prometheus text says of an order's steps, and of the tasks of its workflow."""
    for family in text_string_to_metric_families(text):
        if family.name not in (*_TIMES, _WAITS, _WORKFLOW):
            continue
        found: dict[str, dict[str, float]] = {}
        for sample in family.samples:
            if sample.labels.get("workflow_type") == "Order":
                step = sample.labels.get("activity_type", "Order")
                found.setdefault(step, {})[sample.name.removeprefix(family.name)] = sample.value
        for step, values in found.items():
            yield (family.name, step), Mark(values["_count"], values["_sum"])
