"""Signing in, against one password compared. Nearly all of it is Argon2id, which is slow on purpose."""

from collections.abc import Callable

import httpx

from dev.bench.bare_login import PASSWORD
from dev.bench.figures import Findings, compare, cost
from dev.bench.load import Plan, Tally, request
from dev.bench.stand import Stand
from dev.stack import Failed

PEOPLE = 16
CONNECTIONS = 4
"""People who sign in side by side: two cores compare two passwords at a time, the others wait."""


class Logins:
    """Rounds of sign-ins, and what they add up to."""

    def __init__(self, stand: Stand, each: int) -> None:
        """`each`: how often everybody signs in, a round."""
        self._stand = stand
        self._each = each
        self._found: dict[str, list[tuple[Tally, dict[str, float]]]] = {"password": [], "login": []}
        bodies = [{"email": f"bench-{index}@example.com", "password": PASSWORD} for index in range(PEOPLE)]
        with httpx.Client(base_url=stand.stack.urls["api"], trust_env=False, timeout=30) as shop:
            for body in bodies:
                shop.post("/api/v1/auth/register", json=body).raise_for_status()
        self._requests = {
            "password": ("login", [request("POST", "/login", {}, body) for body in bodies]),
            "login": ("api", [request("POST", "/api/v1/auth/login", {}, body) for body in bodies]),
        }

    def round(self, number: int, say: Callable[[str], None]) -> None:
        """Each of them once, every other round in the opposite order."""
        names = list(self._requests)
        for name in names if number % 2 == 0 else reversed(names):
            where, messages = self._requests[name]
            self._stand.lap()
            # Counted, not timed: an answer takes so long that a short time holds only a few.
            tally = self._stand.load(Plan(self._stand.ports[where], messages * self._each, CONNECTIONS))
            spent = self._stand.lap() | {"load generator": tally.cpu_seconds}
            if tally.good != sum(tally.statuses.values()):
                raise Failed(f"{name}: answers {tally.statuses}, {tally.complaints}")
            say(f"  {name:<28} {tally.rate:9,.1f} /s")
            self._found[name].append((tally, spent))

    def report(self, findings: Findings) -> None:
        """Ratio, latency and costs."""
        rates = {name: [tally.rate for tally, _ in found] for name, found in self._found.items()}
        findings.comparisons.append(compare("login", "1/s", rates["login"], "password", rates["password"]))
        for name, found in self._found.items():
            findings.costs.append(cost(name, [(spent, tally.answers) for tally, spent in found]))
