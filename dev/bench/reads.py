"""Reading the catalogue, against the two floors of a read."""

from collections.abc import Callable

from dev.bench.books import Books
from dev.bench.figures import Findings, compare, cost
from dev.bench.load import Plan, Tally, request
from dev.bench.stand import Stand
from dev.stack import Failed

CONNECTIONS = 16
LIST = "/api/v1/products"
AGAINST: dict[str, tuple[str, float | None]] = {
    "list, cached": ("hello", 0.5),
    "list, not cached": ("select", 0.5),
    "product page, cached": ("hello", 0.5),
    "product page, not cached": ("select", 0.5),
    "list of what is in stock, not cached": ("select", None),
}
"""Each read, its floor, and the ratio that is asked for."""


class Reads:
    """Rounds of reads, and what they add up to."""

    def __init__(self, stand: Stand, books: Books, seconds: float) -> None:
        self._stand = stand
        self._seconds = seconds
        self._found: dict[str, list[tuple[Tally, dict[str, float]]]] = {}
        page = f"{LIST}/{books.a_product()}"
        no_cache = {"Cache-Control": "no-cache"}
        self._requests = {
            "hello": ("hello", request("GET", "/hello")),
            "select": ("select", request("GET", "/products")),
            "list, cached": ("api", request("GET", LIST)),
            "list, not cached": ("api", request("GET", LIST, no_cache)),
            "list of what is in stock, not cached": ("api", request("GET", f"{LIST}?in_stock=true", no_cache)),
            "product page, cached": ("api", request("GET", page)),
            "product page, not cached": ("api", request("GET", page, no_cache)),
        }

    def round(self, number: int, say: Callable[[str], None]) -> None:
        """Each of them once, every other round in the opposite order."""
        names = list(self._requests)
        for name in names if number % 2 == 0 else reversed(names):
            where, message = self._requests[name]
            plan = Plan(self._stand.ports[where], [message], CONNECTIONS, self._seconds, warm_up=0.5)
            self._stand.lap()
            tally = self._stand.load(plan)
            spent = self._stand.lap() | {"load generator": tally.cpu_seconds}
            if set(tally.statuses) != {200}:
                raise Failed(f"{name}: answers {tally.statuses}, {tally.complaints}")
            say(f"  {name:<36} {tally.rate:9,.0f} /s")
            self._found.setdefault(name, []).append((tally, spent))

    def report(self, findings: Findings) -> None:
        """Ratios, costs, and how far the load generator is from being the bottleneck."""
        rates = {name: [tally.rate for tally, _ in found] for name, found in self._found.items()}
        for name, (floor, target) in AGAINST.items():
            findings.comparisons.append(compare(name, "1/s", rates[name], floor, rates[floor], target))
        for name, found in self._found.items():
            findings.costs.append(cost(name, [(spent, tally.answers) for tally, spent in found]))
        each, rate = min((tally.cpu_seconds / tally.answers, tally.rate) for tally, _ in self._found["hello"])
        findings.notes.append(
            f"Load generator: {1e6 * each:.0f} µs of CPU a request, so it could send some {1 / each:,.0f} a second "
            f"with a core of its own; it used {100 * each * rate:.0f} % of one at the hello floor."
        )
