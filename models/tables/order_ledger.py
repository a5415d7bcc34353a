"""What the books say of one order: each entry of money, credit and stock, once, and how long it may wait to be sent."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from models.database import Database
from models.ids import OrderId, OrderNumber
from models.money import Money


class MoneyEntry(msgspec.Struct, frozen=True):
    """One line of the money ledger. The lines of one operation sum to zero."""

    operation: str
    account: str
    amount: Money
    """Positive: the account gains."""
    at: datetime


class CreditEntry(msgspec.Struct, frozen=True):
    """What moved a gift card's or an account's credit because of the order."""

    operation: str
    amount: Money
    """Positive: the balance gains."""
    actor: str
    reason: str
    at: datetime


class StockEntry(msgspec.Struct, frozen=True):
    """One movement of the order's goods."""

    operation: str
    kind: str
    sku: str
    location: str
    on_hand: int
    """Change of what lies there."""
    held: int
    """Change of what is kept for orders."""
    actor: str
    reason: str
    at: datetime


class Books(msgspec.Struct, frozen=True):
    """Everything that the ledgers have of one order, oldest first."""

    money: list[MoneyEntry]
    credit: list[CreditEntry]
    stock: list[StockEntry]


_MONEY = "SELECT operation, account, amount, currency, at FROM money_entries WHERE order_id = $1 ORDER BY at, id"
_CREDIT = """
SELECT e.operation, e.amount, a.currency, e.actor, e.reason, e.at
FROM credit_entries e JOIN credit_accounts a ON a.id = e.account_id WHERE e.order_id = $1 ORDER BY e.at, e.id
"""
_STOCK = """
SELECT m.operation, m.kind, v.sku, l.code AS location, m.on_hand, m.held, m.actor, m.reason, m.at
FROM stock_movements m JOIN variants v ON v.id = m.variant_id JOIN locations l ON l.id = m.location_id
WHERE m.order_id = $1 ORDER BY m.at, m.id
"""
_SHIP_WITHIN = "SELECT outcome -> 'placed' ->> 'ship_within' AS within FROM checkouts WHERE number = $1"


async def of_order(database: Database, order: OrderId) -> Books:
    """The order's books."""
    money, credit, stock = [await database.fetch(query, order) for query in (_MONEY, _CREDIT, _STOCK)]
    return Books(
        [MoneyEntry(row["operation"], row["account"], _money(row), row["at"]) for row in money],
        [CreditEntry(row["operation"], _money(row), row["actor"], row["reason"], row["at"]) for row in credit],
        [StockEntry(**dict(row)) for row in stock],
    )


async def ship_within(database: Database, number: OrderNumber) -> timedelta | None:
    """How long the order may wait, once paid, to be shipped before a person is told, as it was said when it was placed.

    None: its checkout said nothing of it.
    """
    rows = await database.fetch(_SHIP_WITHIN, number)
    within = rows[0]["within"] if rows else None
    return None if within is None else msgspec.convert(within, timedelta, strict=False)


def _money(row: Any) -> Money:
    return Money(row["amount"], row["currency"])
