"""Filling a cart and looking at it, against one bare row written and the bare lines read."""

from collections.abc import Callable, Sequence

from dev.bench.books import Books
from dev.bench.figures import Findings, compare, cost
from dev.bench.goods import Basket
from dev.bench.load import Plan, Tally, request
from dev.bench.stand import Stand
from dev.stack import Failed
from models import tokens
from models.ids import CartId

CONNECTIONS = 16
CARTS = 64
AGAINST: dict[str, tuple[str, float | None]] = {
    "cart add": ("one row", 0.4),
    "cart read": ("its lines", 0.5),
}
"""Each of ours, its floor, and the ratio that is asked for."""


class Carts:
    """Rounds of carts, and what they add up to."""

    def __init__(self, stand: Stand, books: Books, baskets: list[Basket], secret_key: bytes, seconds: float) -> None:
        self._stand = stand
        self._seconds = seconds
        self._found: dict[str, list[tuple[Tally, dict[str, float]]]] = {}
        filled = books.carts(baskets, CARTS)
        headers = {cart: {"Cart-Token": tokens.cart_token(secret_key, cart)} for cart in filled}
        skus = [sku for basket in baskets for _, sku, _ in basket.goods]
        self._requests: dict[str, tuple[str, list[bytes]]] = {
            "one row": ("carts", [request("POST", "/rows", {}, {"sku": sku, "quantity": 1}) for sku in skus]),
            "its lines": ("carts", [request("GET", f"/carts/{cart}") for cart in filled]),
            "cart add": ("api", _adds(filled, headers, skus)),
            "cart read": ("api", [request("GET", "/api/v1/cart", headers[cart]) for cart in filled]),
        }

    def round(self, number: int, say: Callable[[str], None]) -> None:
        """Each of them once, every other round in the opposite order."""
        names = list(self._requests)
        for name in names if number % 2 == 0 else reversed(names):
            where, messages = self._requests[name]
            plan = Plan(self._stand.ports[where], messages, CONNECTIONS, self._seconds, warm_up=0.5)
            self._stand.lap()
            tally = self._stand.load(plan)
            spent = self._stand.lap() | {"load generator": tally.cpu_seconds}
            if tally.good != sum(tally.statuses.values()):
                raise Failed(f"{name}: answers {tally.statuses}, {tally.complaints}")
            say(f"  {name:<28} {tally.rate:9,.0f} /s")
            self._found.setdefault(name, []).append((tally, spent))

    def report(self, findings: Findings) -> None:
        """Ratios and costs."""
        rates = {name: [tally.rate for tally, _ in found] for name, found in self._found.items()}
        for name, (floor, target) in AGAINST.items():
            findings.comparisons.append(compare(name, "1/s", rates[name], floor, rates[floor], target))
        for name, found in self._found.items():
            findings.costs.append(cost(name, [(spent, tally.answers) for tally, spent in found]))


def _adds(carts: Sequence[CartId], headers: dict[CartId, dict[str, str]], skus: Sequence[str]) -> list[bytes]:
    """One more unit of each of a few goods, cart after cart, so that no cart is asked for twice at a time."""
    return [
        request("POST", "/api/v1/cart/items", headers[cart], {"sku": skus[index % len(skus)], "quantity": 1})
        for index in range(6)
        for cart in carts
    ]
