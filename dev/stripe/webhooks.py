"""Signed webhooks: delivered at least once, retried with patience, and as unreliable as a test asks for."""

import asyncio
import hashlib
import heapq
import hmac
import random
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from dev.stripe.errors import Obj
from dev.stripe.poster import Poster
from dev.stripe.store import Store

AT_ONCE = 16
ATTEMPTS = 200
LONGEST_WAIT = 30.0
REORDER_SECONDS = 0.25
TIMEOUT = 10.0


class Policy(msgspec.Struct, forbid_unknown_fields=True):
    """Where webhooks go and how badly; kept across restarts. Probabilities are in [0, 1]."""

    url: str = ""
    secret: str = ""
    events: list[str] | None = None  # None sends all types
    lose: float = 0.0
    double: float = 0.0
    reorder: bool = False
    delay_seconds: float = 0.0
    hold: bool = False
    retry_seconds: float = 1.0  # the first wait after a failure; doubled each time


def signature(payload: bytes, secret: str, moment: int) -> str:
    """The `Stripe-Signature` header of a payload sent at that second."""
    mac = hmac.new(secret.encode(), b"%d.%s" % (moment, payload), hashlib.sha256)
    return f"t={moment},v1={mac.hexdigest()}"


class Webhooks:
    """The queue of deliveries: planned with the events' transaction, sent by one task."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self.store = store
        self.policy = policy
        self.queue: list[tuple[float, int, str]] = []
        self.wake = asyncio.Event()
        self.sending: set[asyncio.Task[None]] = set()
        self.next_id = self.last_id() + 1
        rows = store.rows("SELECT next_at, id, event FROM deliveries WHERE status = 'pending'")
        self.push([(next_at, id, event) for next_at, id, event in rows])

    def last_id(self) -> int:
        return next((int(row[0] or 0) for row in self.store.rows("SELECT max(id) FROM deliveries")), 0)

    def change(self, policy: Policy) -> None:
        self.policy = policy
        self.store.keep("webhooks", policy)

    def wanted(self, type: str) -> bool:
        return bool(self.policy.url) and (self.policy.events is None or type in self.policy.events)

    def plan(self, events: Sequence[Obj]) -> list[tuple[float, int, str]]:
        """Add the deliveries of these events to the open transaction; hand the result to `push` after the commit."""
        planned = []
        for event in events:
            if not self.wanted(event["type"]):
                continue
            event["pending_webhooks"] = 1
            lost = random.random() < self.policy.lose
            status = "lost" if lost else "held" if self.policy.hold else "pending"
            copies = 2 if not lost and random.random() < self.policy.double else 1
            planned += [self.add(event["id"], event["type"], status) for _ in range(copies)]
        return [item for item in planned if item is not None]

    def add(self, event: str, type: str, status: str) -> tuple[float, int, str] | None:
        jitter = random.uniform(0, REORDER_SECONDS) if self.policy.reorder else 0.0
        next_at = time.time() + self.policy.delay_seconds + jitter
        id, self.next_id = self.next_id, self.next_id + 1
        self.store.write(
            "INSERT INTO deliveries (id, event, type, status, attempts, next_at) VALUES (?, ?, ?, ?, 0, ?)",
            *(id, event, type, status, next_at),
        )
        return (next_at, id, event) if status == "pending" else None

    def push(self, planned: Sequence[tuple[float, int, str]]) -> None:
        for item in planned:
            heapq.heappush(self.queue, item)
        if planned:
            self.wake.set()

    def release(self) -> int:
        """End the holding back: send what was held, newest first under `reorder`. Returns how many."""
        rows = list(self.store.rows("SELECT id, event FROM deliveries WHERE status = 'held' ORDER BY id"))
        now = time.time()
        ordered = rows[::-1] if self.policy.reorder else rows
        self.store.db.execute("UPDATE deliveries SET status = 'pending', next_at = ? WHERE status = 'held'", (now,))
        self.change(msgspec.structs.replace(self.policy, hold=False))
        # A microsecond apart keeps the order in the queue.
        self.push([(now + place * 1e-6, id, event) for place, (id, event) in enumerate(ordered)])
        return len(rows)

    def resend(self, event: Obj, times: int) -> None:
        """Deliver an event again, that many times."""
        planned = [self.add(event["id"], event["type"], "pending") for _ in range(times)]
        self.store.commit()
        self.push([item for item in planned if item is not None])

    def forget(self) -> None:
        self.queue.clear()

    async def run(self) -> None:
        """Deliver what is due until cancelled."""
        async with Poster(TIMEOUT) as poster:
            try:
                while True:
                    pause = self.start_due(poster)
                    self.wake.clear()
                    try:
                        await asyncio.wait_for(self.wake.wait(), pause)
                    except TimeoutError:
                        continue
            finally:
                for task in self.sending:
                    task.cancel()
                await asyncio.gather(*self.sending, return_exceptions=True)

    def start_due(self, poster: Poster) -> float | None:
        """Start the deliveries that are due; how long until the next one is (None: none waits)."""
        while self.queue and len(self.sending) < AT_ONCE:
            wait = self.queue[0][0] - time.time()
            if wait > 0:
                return wait
            _, id, event = heapq.heappop(self.queue)
            task = asyncio.create_task(self.deliver(poster, id, event))
            self.sending.add(task)
            task.add_done_callback(self.delivered)
        return None

    def delivered(self, task: "asyncio.Task[None]") -> None:
        self.sending.discard(task)
        self.wake.set()

    def dressed(self, stored: bytes) -> tuple[bytes, dict[str, str]]:
        """What is posted of a stored event, and its headers: signed, and in the provider's own manner."""
        # The receiver checks the signature's age by its own clock, so this is real time, not the simulator's.
        return stored, {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(stored, self.policy.secret, int(time.time())),
        }

    async def deliver(self, poster: Poster, id: int, event: str) -> None:
        rows = list(self.store.rows("SELECT body FROM objects WHERE id = ?", event))
        if not rows:
            return
        payload, headers = self.dressed(rows[0][0])
        answer, error = None, None
        try:
            answer = await poster.post(self.policy.url, payload, headers)
        except (OSError, EOFError, ValueError, IndexError, asyncio.LimitOverrunError) as failure:
            error = repr(failure)
        self.record(id, event, answer, error)

    def record(self, id: int, event: str, answer: int | None, error: str | None) -> None:
        attempts = next((row[0] for row in self.store.rows("SELECT attempts FROM deliveries WHERE id = ?", id)), None)
        if attempts is None:
            return  # state was reset meanwhile
        done = answer is not None and 200 <= answer < 300
        status = "delivered" if done else "failed" if attempts + 1 >= ATTEMPTS else "pending"
        next_at = time.time() + min(self.policy.retry_seconds * 2 ** min(attempts, 16), LONGEST_WAIT)
        self.store.db.execute(
            "UPDATE deliveries SET status = ?, attempts = ?, next_at = ?, answer = ?, error = ? WHERE id = ?",
            (status, attempts + 1, next_at, answer, error, id),
        )
        if status == "pending":
            self.push([(next_at, id, event)])

    def deliveries(self) -> list[Obj]:
        """Every delivery with its fate, oldest first."""
        names = ("id", "event", "type", "status", "attempts", "answer", "error")
        rows = self.store.rows(f"SELECT {', '.join(names)} FROM deliveries ORDER BY id")
        return [dict[str, Any](zip(names, row, strict=True)) for row in rows]
