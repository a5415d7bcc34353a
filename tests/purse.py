"""Builders: gift cards and store credit, and the sums that must agree whatever befell them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from models import tokens
from models.database import Database, Writer
from models.ids import CartId, CreditAccountId, new_id
from models.money import Money
from models.tables import gift_card as gift_cards

KEY = b"0123456789abcdef0123456789abcdef"
"""The secret key of the APIs in tests/api."""


class Card(msgspec.Struct, frozen=True):
    """A gift card as its bearer holds it."""

    id: CreditAccountId
    code: str


async def gift_card(
    writer: Writer, amount: int, currency: str = "usd", *, key: bytes = KEY, expires_at: datetime | None = None
) -> Card:
    """A gift card worth `amount`."""
    card = CreditAccountId(new_id())
    code = tokens.gift_card_code(key, card)
    await gift_cards.issue(
        writer, card, tokens.gift_card_key(key, code), code[-4:], Money(amount, currency), expires_at, "test", "gift"
    )
    return Card(card, code)


async def card_in_cart(database: Database, cart: CartId, amount: int, **more: Any) -> Card:
    """A gift card that a cart is to be paid with."""
    async with database.writing() as writer:
        card = await gift_card(writer, amount, **more)
        await gift_cards.put_into_cart(writer, cart, tokens.gift_card_key(more.get("key", KEY), card.code))
    return card


async def balance(database: Database, account: UUID) -> int:
    """What is left, minor units."""
    rows = await database.fetch("SELECT balance FROM credit_accounts WHERE id = $1", account)
    return int(rows[0]["balance"])


async def entries(database: Database, account: UUID) -> list[tuple[str, int]]:
    """(kind of operation, amount), oldest first."""
    rows = await database.fetch(
        "SELECT split_part(operation, '/', 1) AS kind, amount FROM credit_entries WHERE account_id = $1 ORDER BY id",
        account,
    )
    return [(row["kind"], row["amount"]) for row in rows]
