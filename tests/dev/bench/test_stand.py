"""What stands on the bench: real processes, counted, and gone afterwards."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from dev.bench.cpu import Meter
from dev.stack import ROOT


def test_cpu_time_of_a_process_and_its_children_is_seen() -> None:
    """Given an idle process whose child computes, then the time is the parent's account, and an idle one has none."""
    busy = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    with (
        subprocess.Popen([sys.executable, "-c", busy]) as parent,
        subprocess.Popen(
            [sys.executable, "-c", "print('up', flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as idle,
    ):
        try:
            assert idle.stdout is not None
            assert idle.stdout.readline() == b"up\n"  # its own start costs time as well
            meter = Meter({"busy": parent.pid, "idle": idle.pid})
            deadline, spent = time.monotonic() + 60, 0.0
            while spent < 0.2 and time.monotonic() < deadline:
                time.sleep(0.05)
                lap = meter.lap()
                spent += lap["busy"]
            assert spent >= 0.2
            assert meter.lap()["idle"] < 0.05
        finally:
            for child in psutil.Process(parent.pid).children():
                child.kill()
            idle.kill()


def test_an_unknown_suite_is_refused_before_anything_starts() -> None:
    """Given a misspelt suite, then the command line says which there are."""
    done = subprocess.run(
        [sys.executable, "-m", "dev.bench", "--only", "reads,chekout"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "unknown suite chekout: choose from reads, carts, logins, checkout, crowd" in done.stderr


def test_ctrl_c_leaves_nothing_behind() -> None:
    """Given a bench whose servers are running, when it is interrupted, then it ends and so do they."""
    with subprocess.Popen(
        [sys.executable, "-m", "dev.bench", "--only", "checkout"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as bench:
        assert bench.stdout is not None
        assert "starting a shop" in bench.stdout.readline()
        deadline, family = time.monotonic() + 120, list[psutil.Process]()
        while len(family) < 5 and time.monotonic() < deadline:
            time.sleep(0.05)
            family = psutil.Process(bench.pid).children(recursive=True)
        bench.send_signal(signal.SIGINT)
        assert bench.wait(120) == 130
        assert "Stopped." in bench.stdout.read()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


def test_a_short_run_writes_its_figures(tmp_path: Path) -> None:
    """Given the quickest run of the reads, then it succeeds, and the file has a ratio for every read."""
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "dev.bench", "--quick", "--only", "reads", "--json", str(file)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = {one["name"]: one["ratio"]["median"] for one in json.loads(file.read_text())["comparisons"]}
    assert set(found) == {
        "list, cached", "list, not cached", "product page, cached", "product page, not cached",
        "list of what is in stock, not cached",
    }  # fmt: skip
    assert all(ratio > 0 for ratio in found.values())
