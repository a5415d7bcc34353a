"""`python -m dev.bench.versus FOLDER`: the bench of this tree and of another one, in turns: what a change has cost.

Both measure themselves against the same floors. What is compared are those ratios, turn by turn, so that a slow
moment of the machine, which slows a tree and its floor alike, is not taken for a change.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from dev.bench.figures import Comparison, Cost, Spread
from dev.stack import ROOT


class Turn(msgspec.Struct):
    """Of one tree's findings, what is compared."""

    comparisons: list[Comparison]
    costs: list[Cost]


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m dev.bench.versus", description=__doc__.partition("\n")[0])
    parser.add_argument("before", type=Path, metavar="FOLDER", help="another tree of the project, such as a worktree")
    parser.add_argument("--turns", type=int, default=3, metavar="N", help="how often each is measured (default 3)")
    parser.add_argument("--only", default="checkout", metavar="SUITES", help="suites of the bench (default checkout)")
    given = parser.parse_args()
    if not (given.before / "dev" / "bench" / "__main__.py").is_file():
        parser.error(f"there is no bench in {given.before}")
    if given.turns < 1:
        parser.error("at least one turn")
    return given


def measure(tree: Path, suites: str) -> Turn:
    """One round of a tree's bench. Raises: CalledProcessError when it could not be measured."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        subprocess.run(
            [sys.executable, "-m", "dev.bench", "--rounds", "1", "--only", suites, "--json", str(figures)],
            cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, check=True,
        )  # fmt: skip
        return msgspec.json.decode(figures.read_bytes(), type=Turn)


def report(before: Sequence[Turn], after: Sequence[Turn]) -> list[str]:
    """A line for each figure that both trees have: the ratio to the floor before, now, and of the two."""
    lines = ["ratio to the floor: before, now; now against before, turn by turn (median, least – most)"]
    for name in _names(before, after):
        old, new = ([_ratio(turn, name) for turn in turns] for turns in (before, after))
        change = Spread.of([mine / other for mine, other in zip(new, old, strict=True)])
        lines.append(
            f"{name:<44} {Spread.of(old).median:6.2f} {Spread.of(new).median:6.2f}"
            f"   × {change.median:.2f} ({change.least:.2f} – {change.most:.2f})"
        )
    lines.append("CPU milliseconds each: before, now")
    for name in {cost.name: None for cost in after[0].costs if cost.name in {one.name for one in before[0].costs}}:
        old, new = ([_cpu(turn, name) for turn in turns] for turns in (before, after))
        lines.append(f"{name:<44} {Spread.of(old).median:6.1f} {Spread.of(new).median:6.1f}")
    return lines


def _names(before: Sequence[Turn], after: Sequence[Turn]) -> list[str]:
    known = {one.name for one in before[0].comparisons}
    return [one.name for one in after[0].comparisons if one.name in known]


def _ratio(turn: Turn, name: str) -> float:
    return next(one.ratio.median for one in turn.comparisons if one.name == name)


def _cpu(turn: Turn, name: str) -> float:
    return sum(next(one.each for one in turn.costs if one.name == name).values())


def main() -> int:
    """Returns the exit code: 0, or 1 when one of them could not be measured."""
    given = options()
    before: list[Turn] = []
    after: list[Turn] = []
    try:
        for turn in range(given.turns):
            for tree, found in ((given.before.resolve(), before), (ROOT, after))[:: 1 if turn % 2 == 0 else -1]:
                print(f"turn {turn + 1} of {given.turns}: {tree}", flush=True)
                found.append(measure(tree, given.only))
    except subprocess.CalledProcessError:
        print("Could not measure.")
        return 1
    print("\n".join(["", *report(before, after)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
