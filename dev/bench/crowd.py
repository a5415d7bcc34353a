"""Reading a shop of a hundred thousand products: lists narrowed and sorted, pages, search; after all other suites."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.parse import quote

import psutil

from dev.bench.books import Books
from dev.bench.figures import Findings
from dev.bench.load import Plan, request
from dev.bench.stand import Stand
from dev.stack import ROOT, Failed

CONNECTIONS = 16
DIFFERENT = 2000
"""Products and words that are asked for, in turn: so many pages lie ready nowhere."""
FOLLOWED_WITHIN = 900.0
"""Seconds for what follows the catalogue to be done with so many new products."""
NO_CACHE = {"Cache-Control": "no-cache"}
LISTS = {
    "newest": "/products",
    "cheapest first": "/products?sort=price",
    "best rated in a big category": "/products?category=crowd-0&sort=rating",
    "in stock in a small category": "/products?category=crowd-9-7-5&in_stock=true",
    "of a vendor, with a tag": "/products?vendor=crowd-vendor-7&tag=crowd-tag-7",
    "a price range, newest": "/products?min_price=1000&max_price=2000",
    "flash sales": "/products/flash-sales",
    "a category and below, counted": "/categories/crowd-3/products?count=true",
}


class Crowd:
    """A big shop, and how its reads do."""

    def __init__(self, stand: Stand, books: Books, products: int, seconds: float, say: Callable[[str], None]) -> None:
        self._stand = stand
        self._seconds = seconds
        self.notes: list[str] = []
        began = time.monotonic()
        say(f"making {products:,} products …")
        subprocess.run(
            [sys.executable, "-m", "dev.seed", "--products", str(products)], cwd=ROOT, check=True,
            env=os.environ | stand.environment, capture_output=True,
        )  # fmt: skip
        seeded = time.monotonic()
        say("waiting for what follows the catalogue …")
        while books.count("catalogue_changes"):
            if time.monotonic() > seeded + FOLLOWED_WITHIN:
                raise Failed("the catalogue is not followed")
            time.sleep(1)
        self.notes.append(
            f"{products:,} products, {3 * products:,} variants: made in {seeded - began:.0f} s, followed by cached "
            f"answers and search {time.monotonic() - seeded:.0f} s later."
        )
        books.sweep()
        some = "SELECT slug FROM products TABLESAMPLE SYSTEM (50) WHERE slug ~ '-[0-9]+$'"
        slugs = books.column(f"{some} LIMIT {DIFFERENT}")
        random.Random(1).shuffle(slugs)
        typed = "/search/suggestions?q="
        words = sorted({slug.split("-")[1] for slug in slugs})
        self._requests = {
            **{f"list, {name}": [_read(path, NO_CACHE)] for name, path in LISTS.items()},
            "list, newest, cached": [_read("/products")],
            "product pages": [_read(f"/products/{slug}", NO_CACHE) for slug in slugs],
            "product pages, cached": [_read(f"/products/{slug}") for slug in slugs],
            "search, one word": [_read(f"/search?q={quote(word)}", NO_CACHE) for word in words],
            "search, one word, cached": [_read(f"/search?q={quote(word)}") for word in words],
            "suggestions, three letters": [_read(typed + quote(word[:3]), NO_CACHE) for word in words],
            "suggestions, three letters, cached": [_read(typed + quote(word[:3])) for word in words],
        }

    def run(self, say: Callable[[str], None]) -> None:
        """Each of them once."""
        self._stand.lap()
        for name, messages in self._requests.items():
            tally = self._stand.load(Plan(self._stand.ports["api"], messages, CONNECTIONS, self._seconds, warm_up=0.5))
            if set(tally.statuses) != {200}:
                raise Failed(f"{name}: answers {tally.statuses}, {tally.complaints}")
            spent = self._stand.lap()
            line = (
                f"  {name:<36} {tally.rate:9,.0f} /s   p50 {1000 * tally.percentile(0.5):6.1f} ms   "
                f"p99 {1000 * tally.percentile(0.99):6.1f} ms   CPU ms each: api "
                f"{1000 * spent['api'] / tally.answers:.2f}, postgres {1000 * spent['postgres'] / tally.answers:.2f}"
            )
            say(line)
            self.notes.append(line)

    def report(self, findings: Findings) -> None:
        """Its lines, and the memory of the API's process."""
        root = psutil.Process(self._stand.stack.pid("api"))
        largest = max(process.memory_info().rss for process in [root, *root.children(recursive=True)])
        findings.notes += [
            *self.notes,
            f"The API's process has {largest / 2**20:.0f} MB after all that (≤ 250 wanted).",
        ]


def _read(path: str, headers: dict[str, str] | None = None) -> bytes:
    return request("GET", f"/api/v1{path}", headers)
