"""The load generator, a process of its own: `python -m dev.bench.load` reads a plan, prints a tally.

Speaks just enough HTTP/1.1 to be many times cheaper than what it measures: requests are bytes made beforehand,
connections are kept, an answer is found by its Content-Length.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from typing import cast

import msgspec
import uvloop

from dev.ports import HOST

KEPT_COMPLAINTS = 3


class Plan(msgspec.Struct, frozen=True):
    """What to send where. Without `seconds` each request is sent once, else they are repeated until the time is up."""

    port: int
    requests: list[bytes]
    connections: int
    seconds: float | None = None
    warm_up: float = 0.0
    """Seconds before the counting begins."""


class Tally(msgspec.Struct, frozen=True):
    """What came of it."""

    seconds: float
    began_at: float
    """Unix seconds."""
    statuses: dict[int, int]
    latencies: list[float]
    """Seconds, in the order of the answers; of 2xx answers alone."""
    cpu_seconds: float
    """Of the load generator itself."""
    answers: int
    """All answers, those of the warm-up among them: what the CPU time was spent on."""
    complaints: list[str] = []
    """The first answers that were no 2xx."""

    @property
    def good(self) -> int:
        """Answers that were a 2xx."""
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds

    def percentile(self, share: float) -> float:
        """Seconds within which this share of the good answers came."""
        ordered = sorted(self.latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def request(method: str, path: str, headers: dict[str, str] | None = None, body: object = None) -> bytes:
    """A request as it goes over the wire."""
    content = b"" if body is None else msgspec.json.encode(body)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


class _Run:
    """What all connections share."""

    def __init__(self, plan: Plan) -> None:
        self.source: Iterator[bytes] = iter(plan.requests) if plan.seconds is None else cycle(plan.requests)
        self.counting = plan.warm_up == 0
        self.stopping = False
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.complaints: list[str] = []
        self.answers = 0
        self.left = 0
        self.done = asyncio.Event()

    def begin_counting(self) -> None:
        self.counting = True

    def stop(self) -> None:
        self.stopping = True
        self.counting = False

    def count(self, status: int, seconds: float, answer: bytes) -> None:
        self.answers += 1
        if not self.counting:
            return
        self.statuses[status] += 1
        if 200 <= status < 300:
            self.latencies.append(seconds)
        elif len(self.complaints) < KEPT_COMPLAINTS:
            self.complaints.append(answer[:1000].decode(errors="replace"))


class _Connection(asyncio.Protocol):
    """One kept connection with one request on its way."""

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.received = b""
        self.sent_at = 0.0
        self.over = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self.run.left += 1

    def send(self) -> None:
        message = None if self.run.stopping else next(self.run.source, None)
        if message is None:
            self.finish()
            return
        self.sent_at = time.perf_counter()
        self.transport.write(message)

    def data_received(self, data: bytes) -> None:
        self.received = self.received + data if self.received else data
        end = self.received.find(b"\r\n\r\n")
        if end < 0 or len(self.received) < end + 4 + _length(self.received[:end]):
            return
        answer, self.received = self.received, b""
        self.run.count(int(answer[9:12]), time.perf_counter() - self.sent_at, answer)
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over:
            self.run.count(0, 0.0, f"connection lost: {error or 'closed by the server'}".encode())
            self.finish()

    def finish(self) -> None:
        if self.over:
            return
        self.over = True
        self.transport.close()
        self.run.left -= 1
        if not self.run.left:
            self.run.done.set()


def _length(head: bytes) -> int:
    """The answer's Content-Length; the servers here write it in lower case."""
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    end = head.find(b"\r\n", at + 2)
    return int(head[at + 17 : end if end > 0 else len(head)])


async def drive(plan: Plan) -> Tally:
    """Carry out a plan."""
    loop = asyncio.get_running_loop()
    run = _Run(plan)
    connections = [
        (await loop.create_connection(lambda: _Connection(run), HOST, plan.port))[1] for _ in range(plan.connections)
    ]
    cpu = time.process_time()
    for connection in connections:
        connection.send()
    if plan.warm_up:
        await asyncio.sleep(plan.warm_up)
    run.begin_counting()
    began_at, began = time.time(), time.perf_counter()
    if plan.seconds is not None:
        await asyncio.sleep(plan.seconds)
        run.stop()
    else:
        await run.done.wait()
    seconds = time.perf_counter() - began
    await run.done.wait()
    cpu_seconds = time.process_time() - cpu
    return Tally(seconds, began_at, dict(run.statuses), run.latencies, cpu_seconds, run.answers, run.complaints)


def print_tally(tally: Tally) -> None:
    """As JSON on standard output, all of it: unbuffered (PYTHONUNBUFFERED) one write to a pipe may end half-way."""
    with open(sys.stdout.fileno(), "wb", closefd=False) as out:
        out.write(msgspec.json.encode(tally))


def main() -> None:
    """Plan on standard input, tally on standard output, both JSON."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    print_tally(uvloop.run(drive(plan)))


if __name__ == "__main__":
    main()
