"""The shop's own books, read by SQL and from the provider: what really became of the orders that were placed."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import asyncpg
import httpx
import msgspec

from dev.bench.goods import Basket, fill_carts, prepare
from models.database import Database
from models.ids import CartId
from models.tables import inventory

_POLL = 0.1
_CONFIRMED = """
SELECT count(*) AS orders, extract(epoch FROM max(e.at))::float AS last
FROM orders o JOIN payments p ON p.order_id = o.id
JOIN order_events e ON e.order_id = o.id AND e.key = 'confirmed'
WHERE o.cart_id = ANY ($1) AND o.status = 'confirmed' AND p.status = 'paid'
"""
_MONEY = """
SELECT p.reference, o.total, coalesce(sum(e.amount) FILTER (WHERE e.account = 'provider:stripe'), 0)::bigint AS booked
FROM orders o JOIN payments p ON p.order_id = o.id LEFT JOIN money_entries e ON e.order_id = o.id
GROUP BY 1, 2
"""


class Proof(msgspec.Struct, frozen=True):
    """Zeros, if all is well."""

    orders: int
    """Confirmed and paid."""
    lost: int
    """Accepted by an answer, and not confirmed and paid."""
    charged_twice: int
    """Payments that took more than their order's total, and second payments of one order."""
    books_differ: int
    """Payments whose sum in the money ledger is not what the provider took."""
    oversold: int
    """Stock numbers below zero or not explained by their movements."""

    @property
    def clean(self) -> bool:
        """Nothing is wrong."""
        return not (self.lost or self.charged_twice or self.books_differ or self.oversold)


class Books:
    """A plain, blocking view of them. Use as a context."""

    def __init__(self, database_url: str) -> None:
        self._runner = asyncio.Runner()
        self._url = database_url
        self.database = Database(database_url, size=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self.database.close())
        self._runner.close()

    def baskets(self, api: str, secret_key: bytes) -> list[Basket]:
        """Stock up and price what the buyers will buy."""
        return self._runner.run(prepare(self.database, api, secret_key))

    def carts(self, baskets: Sequence[Basket], count: int) -> list[CartId]:
        """Filled carts."""
        return self._runner.run(fill_carts(self.database, baskets, count))

    def a_product(self) -> str:
        """The slug of something on sale."""
        rows = self._runner.run(self.database.fetch("SELECT slug FROM products WHERE archived_at IS NULL LIMIT 1"))
        return str(rows[0]["slug"])

    def column(self, sql: str) -> list[str]:
        """The first column of what a statement finds."""
        return [str(row[0]) for row in self._runner.run(self.database.fetch(sql))]

    def count(self, table: str) -> int:
        """Rows of a table."""
        return int(self.column(f"SELECT count(*) FROM {table}")[0])

    def sweep(self) -> None:
        """Do now what autovacuum does within minutes, so that no measurement shares its time with it."""
        self._runner.run(self._sweep())

    def await_confirmed(self, carts: Sequence[CartId], wanted: int, patience: float) -> tuple[int, float]:
        """Wait until `wanted` orders of these carts are confirmed and paid; how many are, and when the last was."""
        return self._runner.run(self._await_confirmed(carts, wanted, patience))

    def prove(self, stripe: str, accepted: int) -> Proof:
        """Hold our ledgers against the provider's. `accepted`: orders that were promised to a buyer."""
        return self._runner.run(self._prove(stripe, accepted))

    async def _sweep(self) -> None:
        connection = await asyncpg.connect(self._url.replace("+asyncpg", ""))
        try:
            await connection.execute("VACUUM (ANALYZE)")
        finally:
            await connection.close()

    async def _await_confirmed(self, carts: Sequence[CartId], wanted: int, patience: float) -> tuple[int, float]:
        deadline = time.monotonic() + patience
        while True:
            (row,) = await self.database.fetch(_CONFIRMED, carts)
            if row["orders"] >= wanted or time.monotonic() > deadline:
                return row["orders"], row["last"] or time.time()
            await asyncio.sleep(_POLL)

    async def _prove(self, stripe: str, accepted: int) -> Proof:
        confirmed = "SELECT count(*) AS orders FROM orders o JOIN payments p ON p.order_id = o.id"
        (row,) = await self.database.fetch(f"{confirmed} WHERE o.status = 'confirmed' AND p.status = 'paid'")
        ours = {row["reference"]: row for row in await self.database.fetch(_MONEY)}
        async with httpx.AsyncClient(base_url=stripe, trust_env=False, timeout=60) as simulator:
            theirs = (await simulator.get("/_sim/ledger")).raise_for_status().json()
        taken = {line["payment_intent"]: line["captured"] for line in theirs}
        payments = Counter(line["metadata"].get("order") for line in theirs if line["captured"])
        async with self.database.reading() as reader:
            drift = await inventory.drift(reader)
        below = await self.database.fetch("SELECT FROM stock WHERE on_hand < 0 OR held < 0 OR held > on_hand")
        return Proof(
            orders=row["orders"],
            lost=max(accepted - row["orders"], 0),
            charged_twice=sum(taken.get(reference, 0) > mine["total"] for reference, mine in ours.items())
            + sum(count - 1 for count in payments.values()),
            books_differ=sum(taken.get(reference, 0) != mine["booked"] for reference, mine in ours.items())
            + sum(1 for reference, amount in taken.items() if amount and reference not in ours),
            oversold=len(drift) + len(below),
        )
