"""From tallies to sentences: medians of ratios with their range, targets, and who used the processor."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec

from dev.bench.books import Proof


class Spread(msgspec.Struct, frozen=True):
    """Several measurements of one thing."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Raises: ValueError without values."""
        if not values:
            raise ValueError("nothing was measured")
        return cls(median(values), min(values), max(values))


class Comparison(msgspec.Struct, frozen=True):
    """Ours against a floor, both measured in the same rounds."""

    name: str
    unit: str
    """`1/s`: more is better. `ms`: less is better."""
    ours: Spread
    floor_name: str
    floor: Spread
    ratio: Spread
    """Of ours to the floor, round by round."""
    target: float | None = None
    """What the ratio should be at least (`1/s`) or at most (`ms`)."""

    @property
    def reached(self) -> bool | None:
        """Whether the median meets the target; None without one."""
        if self.target is None:
            return None
        return self.ratio.median >= self.target if self.unit == "1/s" else self.ratio.median <= self.target


def compare(
    name: str, unit: str, ours: Sequence[float], floor_name: str, floor: Sequence[float], target: float | None = None
) -> Comparison:
    """Pair the rounds: a slow moment of the machine then slows both sides of a ratio."""
    ratios = [mine / bare for mine, bare in zip(ours, floor, strict=True)]
    return Comparison(name, unit, Spread.of(ours), floor_name, Spread.of(floor), Spread.of(ratios), target)


class Cost(msgspec.Struct, frozen=True):
    """CPU milliseconds of each process for one request or order, medians of the rounds."""

    name: str
    each: dict[str, float]


def cost(name: str, rounds: Iterable[tuple[Mapping[str, float], int]]) -> Cost:
    """`rounds`: CPU seconds by process, and how many requests or orders they were spent on."""
    found: dict[str, list[float]] = {}
    for spent, count in rounds:
        for process, seconds in spent.items():
            found.setdefault(process, []).append(1000 * seconds / max(count, 1))
    return Cost(name, {process: median(values) for process, values in found.items()})


class StepCost(msgspec.Struct, frozen=True):
    """What one step of an order takes when nothing else goes on."""

    step: str
    runs: str
    """Where: in the workflow's own task, or by a task queue."""
    per_order: float
    milliseconds: float
    """From its start to its end."""
    with_queue: float | None = None
    """The same with the way through the server and its queue; None: there is no such way."""


class Findings(msgspec.Struct):
    """Everything one run found out; what `--json` writes."""

    rounds: int
    machine: str
    comparisons: list[Comparison] = []
    costs: list[Cost] = []
    notes: list[str] = []
    proof: Proof | None = None
    """What became of the orders; None when none were placed."""
    steps: list[StepCost] = []

    def lines(self) -> list[str]:
        """The report."""
        return [
            f"Medians of {self.rounds} interleaved rounds (least – most), {self.machine}",
            "",
            *(_line(one) for one in self.comparisons),
            "",
            "CPU milliseconds each, by process:",
            *(_cost_line(one) for one in self.costs),
            "",
            *(
                ["Steps of an order, one buyer, in milliseconds:", *map(_step_line, self.steps), ""]
                if self.steps
                else []
            ),
            *self.notes,
            *([_proof_line(self.proof)] if self.proof else []),
        ]


def _line(one: Comparison) -> str:
    verdict = "" if one.reached is None else "reached" if one.reached else "MISSED"
    sign = "≥" if one.unit == "1/s" else "≤"
    target = "" if one.target is None else f"{sign} {one.target:g}"
    ratio = f"{one.ratio.median:.2f} ({one.ratio.least:.2f} – {one.ratio.most:.2f})"
    figures = f"{_number(one.ours.median)} against {_number(one.floor.median)} {one.unit} of {one.floor_name}"
    return f"{one.name:<44} {ratio:<22} {target:<6} {verdict:<8} {figures}"


def _cost_line(one: Cost) -> str:
    shown = sorted(((ms, process) for process, ms in one.each.items()), reverse=True)
    parts = ", ".join(f"{process} {_number(ms)}" for ms, process in shown if ms >= 0.01 * sum(one.each.values()))
    return f"  {one.name:<32} {_number(sum(one.each.values())):>7} = {parts}"


def _step_line(one: StepCost) -> str:
    queue = "" if one.with_queue is None else f", {_number(one.with_queue)} with its queue"
    return f"  {one.step:<32} {_number(one.milliseconds):>7}{queue}   × {_number(one.per_order)}, {one.runs}"


def _proof_line(proof: Proof) -> str:
    return (
        f"{proof.orders} orders confirmed and paid: {proof.lost} lost, {proof.charged_twice} charged twice, "
        f"{proof.oversold} oversold, {proof.books_differ} where our ledger is not the provider's"
        f"{'' if proof.clean else '   *** NOT CLEAN ***'}"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"
