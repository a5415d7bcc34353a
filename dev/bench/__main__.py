"""`python -m dev.bench`: measure and print. Slowness is never an error; not being able to measure is."""

import argparse
import platform
import signal
import sys
from pathlib import Path
from types import FrameType

import msgspec
import psutil

from dev import postgres, temporal
from dev.bench.books import Books
from dev.bench.carts import Carts
from dev.bench.checkouts import Checkouts
from dev.bench.crowd import Crowd
from dev.bench.figures import Findings
from dev.bench.logins import Logins
from dev.bench.reads import Reads
from dev.bench.stand import Stand, standing
from dev.stack import Failed

SUITES = ("reads", "carts", "logins", "checkout", "crowd")
ROUNDS = 5
MANY, FEW = 100_000, 3_000
"""Products of the suite `crowd`; the few with --quick."""


def say(line: str = "") -> None:
    """One line, at once."""
    print(line, flush=True)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m dev.bench", description="Measures the shop against bare floors.")
    parser.add_argument("--quick", action="store_true", help="one short round: does it run, and roughly how fast")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"interleaved rounds (default {ROUNDS})")
    parser.add_argument("--only", default=",".join(SUITES), metavar=",".join(SUITES), help="just these suites")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="given",
        help="measure a shop with this variable, such as PAYLOAD_KEYS=none: nothing that Temporal keeps is encrypted",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    given = parser.parse_args()
    given.suites = given.only.split(",")
    if unknown := set(given.suites) - set(SUITES):
        parser.error(f"unknown suite {', '.join(sorted(unknown))}: choose from {', '.join(SUITES)}")
    given.rounds = given.rounds or (1 if given.quick else ROUNDS)
    if odd := [each for each in given.given if "=" not in each]:
        parser.error(f"no variable and value: {', '.join(odd)}")
    if given.rounds < 1:
        parser.error("at least one round")
    return given


def measure(stand: Stand, given: argparse.Namespace) -> Findings:
    """All rounds of all suites."""
    findings = Findings(given.rounds, machine())
    key = stand.environment["SECRET_KEY"].encode()
    with Books(stand.environment["DATABASE_URL"]) as books:
        baskets = books.baskets(stand.stack.urls["api"], key)
        seconds = 1.0 if given.quick else 4.0
        reads = Reads(stand, books, seconds) if "reads" in given.suites else None
        carts = Carts(stand, books, baskets, key, seconds) if "carts" in given.suites else None
        logins = Logins(stand, 1 if given.quick else 4) if "logins" in given.suites else None
        checkouts = None
        if "checkout" in given.suites:
            checkouts = Checkouts(stand, books, baskets, key, 0.3 if given.quick else 1.0)
            checkouts.warm_up()
        for number in range(given.rounds):
            say(f"round {number + 1} of {given.rounds}")
            for suite in (reads, carts, logins, checkouts):
                if suite is not None:
                    suite.round(number, say)
        for suite in (reads, carts, logins, checkouts):
            if suite is not None:
                suite.report(findings)
        if checkouts is not None:
            findings.proof = books.prove(stand.stack.urls["stripe"], checkouts.accepted)
        if "crowd" in given.suites:
            crowd = Crowd(stand, books, FEW if given.quick else MANY, seconds, say)
            crowd.run(say)
            crowd.report(findings)
    return findings


def machine() -> str:
    """What it ran on."""
    return f"{psutil.cpu_count()} cores shared with load and servers, Python {platform.python_version()}"


def main() -> int:
    """Returns the exit code: 0, or 1 when it could not be measured."""
    given = options()
    # Ctrl-C too: asyncio's own way of hearing it cancels a task, and a step that is just done may swallow that.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        with standing(say, dict(each.split("=", 1) for each in given.given)) as stand:
            findings = measure(stand, given)
    except (Failed, postgres.Failed, temporal.Failed) as failure:
        say(f"Could not measure: {failure}")
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    say()
    for line in findings.lines():
        say(line)
    if given.json is not None:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(findings)))
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
