"""Buying, against the barest workflow that answers an update: latency of the answer, and orders a second."""

from collections.abc import Callable

from dev.bench.books import Books
from dev.bench.figures import Findings, compare, cost
from dev.bench.goods import Basket, checkout
from dev.bench.load import Plan, Tally
from dev.bench.stand import Stand
from dev.bench.steps import Steps
from dev.stack import Failed

BUYERS = (1, 8, 32)
SETTLING = 90.0
"""Seconds that the last orders have to be confirmed after the last answer."""


class Checkouts:
    """Rounds of buying, and what they add up to."""

    def __init__(self, stand: Stand, books: Books, baskets: list[Basket], secret_key: bytes, scale: float) -> None:
        self._stand = stand
        self._books = books
        self._baskets = baskets
        self._key = secret_key
        self._orders = {buyers: max(int(scale * (30 + 6 * buyers)), buyers) for buyers in BUYERS}
        self._bare: dict[int, list[tuple[Tally, dict[str, float]]]] = {}
        self._ours: dict[int, list[tuple[Tally, dict[str, float]]]] = {}
        self._confirmed: dict[int, list[float]] = {}
        self._steps = Steps(stand.stack.urls["worker_metrics"])
        self.accepted = 0
        """Orders promised to a buyer by a 2xx answer."""

    def warm_up(self) -> None:
        """A few orders that nobody counts: caches, connections, prepared statements."""
        self._stand.place_bare_orders(32, 8)
        self._buy(8, 32)

    def round(self, number: int, say: Callable[[str], None]) -> None:
        """Each crowd of buyers once, bare and ours, every other round in the opposite order."""
        steps: list[Callable[[int, Callable[[str], None]], None]] = [self._round_bare, self._round_ours]
        for buyers in BUYERS if number % 2 == 0 else reversed(BUYERS):
            for step in steps if number % 2 == 0 else reversed(steps):
                step(buyers, say)

    def report(self, findings: Findings) -> None:
        """Ratios to the bare workflow, and costs."""
        self._steps.report(findings)
        for buyers in self._ours:
            bare, ours = self._bare[buyers], self._ours[buyers]
            who = f"{buyers} buyer{'s' if buyers > 1 else ''}"
            for share, word in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
                target = 4.0 if buyers == 1 and word == "p50" else None
                mine, floor = ([1000 * tally.percentile(share) for tally, _ in found] for found in (ours, bare))
                findings.comparisons.append(
                    compare(f"checkout's answer {word}, {who}", "ms", mine, "bare", floor, target)
                )
            rates = [tally.rate for tally, _ in bare]
            target = 0.4 if buyers == max(BUYERS) else None
            findings.comparisons.append(
                compare(f"orders confirmed, {who}", "1/s", self._confirmed[buyers], "bare", rates, target)
            )
            if late := sum(tally.statuses.get(202, 0) for tally, _ in ours):
                findings.notes.append(f"{late} of {who}'s orders outlasted the answer budget (202) and were confirmed.")
            findings.costs.append(cost(f"bare order, {who}", [(spent, tally.answers) for tally, spent in bare]))
            findings.costs.append(cost(f"order, {who}", [(spent, tally.answers) for tally, spent in ours]))

    def _round_bare(self, buyers: int, say: Callable[[str], None]) -> None:
        self._stand.lap()
        tally = self._stand.place_bare_orders(self._orders[buyers], buyers)
        spent = self._stand.lap() | {"load generator": tally.cpu_seconds}
        say(f"  bare order, {buyers:>2} buyers   {tally.rate:7.1f} /s   p50 {1000 * tally.percentile(0.5):6.1f} ms")
        self._bare.setdefault(buyers, []).append((tally, spent))

    def _round_ours(self, buyers: int, say: Callable[[str], None]) -> None:
        alone = buyers == min(BUYERS)
        if alone:
            self._steps.begin()
        tally, rate, spent = self._buy(buyers, self._orders[buyers])
        if alone:
            self._steps.end(tally.good)
        say(f"  order, {buyers:>2} buyers        {rate:7.1f} /s   p50 {1000 * tally.percentile(0.5):6.1f} ms")
        self._ours.setdefault(buyers, []).append((tally, spent))
        self._confirmed.setdefault(buyers, []).append(rate)

    def _buy(self, buyers: int, orders: int) -> tuple[Tally, float, dict[str, float]]:
        """Returns the answers, orders confirmed a second up to the last one, and the CPU seconds of all of it."""
        carts = self._books.carts(self._baskets, orders)
        requests = [
            checkout(self._key, cart, self._baskets[index % len(self._baskets)]) for index, cart in enumerate(carts)
        ]
        self._stand.lap()
        tally = self._stand.load(Plan(self._stand.ports["api"], requests, buyers))
        self.accepted += tally.good
        confirmed, last = self._books.await_confirmed(carts, tally.good, SETTLING)
        spent = self._stand.lap() | {"load generator": tally.cpu_seconds}
        if tally.good < orders:
            raise Failed(f"only {tally.good} of {orders} checkouts went well: {tally.statuses}, {tally.complaints}")
        return tally, confirmed / (last - tally.began_at), spent
