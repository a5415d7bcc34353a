"""What the bench makes of its measurements."""

import pytest

from dev.bench.books import Proof
from dev.bench.figures import Findings, Spread, compare, cost


def test_ratios_pair_the_rounds() -> None:
    """Given a round in which the whole machine was slow, then its ratio is like the others'."""
    found = compare("list", "1/s", [100.0, 10.0, 90.0], "hello", [200.0, 20.0, 200.0], 0.5)
    assert found.ratio == Spread(0.5, 0.45, 0.5)
    assert (found.ours, found.floor) == (Spread(90.0, 10.0, 100.0), Spread(200.0, 20.0, 200.0))


@pytest.mark.parametrize(
    ("unit", "ours", "target", "reached"),
    [
        ("1/s", 50.0, 0.5, True),
        ("1/s", 49.0, 0.5, False),
        ("ms", 400.0, 4.0, True),
        ("ms", 401.0, 4.0, False),
        ("ms", 401.0, None, None),
    ],
)
def test_more_a_second_is_better_and_fewer_milliseconds_are(
    unit: str, ours: float, target: float | None, reached: bool | None
) -> None:
    """Given a target, then a rate has to be at least, a latency at most that many times the floor's."""
    assert compare("x", unit, [ours], "floor", [100.0], target).reached is reached


def test_rounds_that_are_missing_are_an_error() -> None:
    """Given fewer rounds of one side, then nothing is compared."""
    with pytest.raises(ValueError, match="longer"):
        compare("x", "1/s", [1.0], "floor", [1.0, 2.0])
    with pytest.raises(ValueError, match="nothing was measured"):
        compare("x", "1/s", [], "floor", [])


def test_costs_are_milliseconds_each() -> None:
    """Given CPU seconds of three rounds of 100 orders, then the median of each process, for one order."""
    rounds = [
        ({"api": 1.0, "worker": 2.0}, 100),
        ({"api": 3.0, "worker": 2.0}, 100),
        ({"api": 2.0, "worker": 9.0}, 100),
    ]
    assert cost("order", rounds).each == {"api": 20.0, "worker": 20.0}


def test_the_report_says_what_was_reached_and_what_was_not() -> None:
    """Given one target reached and one missed, then both verdicts, the range and the orders' fate are printed."""
    lines = Findings(
        2,
        "2 cores",
        [compare("list", "1/s", [60.0, 80.0], "hello", [100.0, 100.0], 0.5),
         compare("answer p50", "ms", [50.0, 50.0], "bare", [10.0, 10.0], 4.0)],
        [cost("list", [({"api": 0.3, "postgres": 0.1}, 100)])],
        ["Load generator: idle."],
        Proof(7, 0, 0, 0, 0),
    ).lines()  # fmt: skip
    assert lines[0] == "Medians of 2 interleaved rounds (least – most), 2 cores"
    assert "0.70 (0.60 – 0.80)" in lines[2] and "reached" in lines[2] and "70.0 against 100 1/s of hello" in lines[2]
    assert "5.00 (5.00 – 5.00)" in lines[3] and "≤ 4" in lines[3] and "MISSED" in lines[3]
    assert "  list                                   4 = api 3, postgres 1" in lines
    assert lines[-2:] == [
        "Load generator: idle.",
        "7 orders confirmed and paid: 0 lost, 0 charged twice, 0 oversold, 0 where our ledger is not the provider's",
    ]


@pytest.mark.parametrize(
    "wrong", [Proof(7, 1, 0, 0, 0), Proof(7, 0, 1, 0, 0), Proof(7, 0, 0, 1, 0), Proof(7, 0, 0, 0, 1)]
)
def test_an_order_that_went_wrong_is_shouted(wrong: Proof) -> None:
    """Given anything but zeros, then the last line says so."""
    assert Findings(1, "2 cores", proof=wrong).lines()[-1].endswith("*** NOT CLEAN ***")
