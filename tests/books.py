"""The shop's books: what tests compare before and after, and the sums that must agree whatever happened."""

from collections.abc import Collection, Mapping
from typing import Any

import anyio

from dev.stripe.remote import SimulatorControl
from models.database import Database
from models.tables import credit, inventory, redemption
from tests.premises import House

_COUNTED = (
    "carts", "cart_items", "checkouts", "orders", "order_lines", "order_events", "payments", "stock_holds",
    "stock_movements", "money_entries", "outbox", "webhook_events", "credit_holds", "credit_entries",
)  # fmt: skip
_COUNTS = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})::int AS {table}" for table in _COUNTED) + (
    ", (SELECT coalesce(sum(on_hand), 0) FROM stock)::int AS on_hand"
    ", (SELECT coalesce(sum(held), 0) FROM stock)::int AS held"
    ", (SELECT coalesce(sum(quantity), 0) FROM cart_items)::int AS units_in_carts"
    ", (SELECT coalesce(sum(balance), 0) FROM credit_accounts)::bigint AS credit"
)  # fmt: skip
_RESTLESS = """
SELECT count(*)::int AS orders FROM orders o JOIN payments p ON p.order_id = o.id
WHERE o.status = 'pending' AND p.status = 'authorized'
"""
_ORDERS = """
SELECT o.id, o.number, o.status, o.total, o.credit, p.status AS payment_status, p.reference,
       (SELECT array_agg(DISTINCT h.status) FROM credit_holds h WHERE h.order_id = o.id) AS credit_holds,
       (SELECT -coalesce(sum(e.amount), 0) FROM credit_entries e WHERE e.order_id = o.id)::int AS credit_taken,
       (SELECT coalesce(sum(e.amount), 0) FROM money_entries e
        WHERE e.order_id = o.id AND e.account IN ('gift_card', 'store_credit'))::int AS credit_booked,
       (SELECT coalesce(sum(e.amount), 0) FROM money_entries e WHERE e.order_id = o.id)::int AS balance,
       (SELECT count(*) FROM stock_holds h
        WHERE h.order_id = o.id AND h.open > 0 AND h.until IS NOT NULL)::int AS open_holds,
       (SELECT coalesce(sum(h.open + h.shipped), 0) FROM stock_holds h WHERE h.order_id = o.id)::int AS sold,
       (SELECT coalesce(sum(h.released), 0) FROM stock_holds h WHERE h.order_id = o.id)::int AS released,
       (SELECT coalesce(sum(e.amount), 0) FROM money_entries e
        WHERE e.order_id = o.id AND e.account = 'provider:stripe')::int AS booked
FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.number = ANY($1)
"""


class Books:
    """Reads the rows and the provider's journal of one house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.database: Database = house.database()
        self.stripe: SimulatorControl = house.stripe()

    async def close(self) -> None:
        """Hand the connections back."""
        await self.database.close()
        await self.stripe.close()

    async def until_paid(self) -> None:
        """Wait until nothing is left to take of what is authorized."""
        with anyio.fail_after(60):
            while (await self.database.fetch(_RESTLESS))[0]["orders"]:
                await anyio.sleep(0.05)

    async def count(self) -> dict[str, int]:
        """How much there is of everything, once nothing moves by itself any more."""
        await self.until_paid()
        with anyio.fail_after(60):
            while any(each["status"] == "pending" for each in await self.stripe.deliveries()):
                await anyio.sleep(0.05)
        rows = await self.database.fetch(_COUNTS)
        return {**dict(rows[0]), "intents": len(await self.stripe.ledger())}

    async def stock(self, sku: str) -> tuple[int, int]:
        """(on hand, held)."""
        rows = await self.database.fetch(
            "SELECT s.on_hand, s.held FROM stock s JOIN variants v ON v.id = s.variant_id WHERE v.sku = $1", sku
        )
        return rows[0]["on_hand"], rows[0]["held"]

    async def orders(self, numbers: Collection[str]) -> dict[str, dict[str, Any]]:
        """The rows of these orders with what was held, sold, given back and booked for each."""
        return {row["number"]: dict(row) for row in await self.database.fetch(_ORDERS, list(numbers))}

    async def orders_of(self, sku: str) -> list[str]:
        """Numbers of the orders that contain this SKU."""
        rows = await self.database.fetch(
            "SELECT o.number FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE l.sku = $1 ORDER BY o.id", sku
        )
        return [row["number"] for row in rows]

    async def intents(self, number: str) -> list[dict[str, Any]]:
        """What the provider holds for an order."""
        return await self.stripe.ledger(order=number)

    async def money(self, number: str) -> dict[str, int]:
        """What is booked for an order, by account, minor units."""
        rows = await self.database.fetch(
            "SELECT e.account, sum(e.amount)::int AS amount FROM money_entries e JOIN orders o ON o.id = e.order_id "
            "WHERE o.number = $1 GROUP BY 1", number,
        )  # fmt: skip
        return {row["account"]: row["amount"] for row in rows}

    async def agree(self, numbers: Collection[str]) -> Mapping[str, str]:
        """Check that each order ended sold and captured, or cancelled and released, and that all ledgers say the same.

        Returns each order's status. Raises: AssertionError naming the order that is between the chairs.
        """
        async with self.database.reading() as reader:
            assert await inventory.drift(reader) == []
            assert await credit.drift(reader) == []
            assert await redemption.drift(reader) == []
        orders = await self.orders(numbers)
        assert set(orders) == set(numbers)
        journal: dict[str, list[dict[str, Any]]] = {}
        for intent in await self.stripe.ledger():
            journal.setdefault(intent["metadata"].get("order", ""), []).append(intent)
        for number, order in orders.items():
            intents = journal.get(number, [])
            moved = (sum(each["captured"] for each in intents), sum(each["held"] for each in intents))
            seen = (order["status"], order["payment_status"], order["open_holds"], order["booked"], moved)
            if order["status"] == "cancelled":
                assert seen == ("cancelled", "voided", 0, 0, (0, 0)), (number, seen, intents)
                assert (order["sold"], order["released"] > 0) == (0, True), (number, order)
                assert (order["credit_taken"], order["credit_booked"]) == (0, 0), (number, order)
                assert order["credit_holds"] == (["released"] if order["credit"] else None), (number, order)
            else:
                due = order["total"] - order["credit"]
                assert seen == ("confirmed", "paid", 0, due, (due, 0)), (number, seen, intents)
                assert (order["sold"] > 0, order["released"]) == (True, 0), (number, order)
                assert (order["credit_taken"], order["credit_booked"]) == (order["credit"],) * 2, (number, order)
                assert order["credit_holds"] == (["committed"] if order["credit"] else None), (number, order)
                assert len(intents) == (1 if due else 0), (number, intents)
            assert order["balance"] == 0, (number, order)
        return {number: order["status"] for number, order in orders.items()}
