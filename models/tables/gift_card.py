"""Gift cards: given out by staff, put into carts by their code, which is stored as a keyed hash alone."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from models.cart import Cart
from models.credit import MOST_GIFT_CARDS, CreditKind, IssuedCard
from models.cursor import Cursor
from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.ids import CartId, CreditAccountId, UserId
from models.money import Money
from models.tables import cart as carts
from models.tables.base import newest_first, plain_uuid
from models.tables.credit import credit_accounts as accounts

_COLUMNS = (
    accounts.c.id, accounts.c.last4, accounts.c.balance, accounts.c.currency, accounts.c.expires_at,
    accounts.c.created_at, accounts.c.archived_at,
)  # fmt: skip
_is_card = accounts.c.kind == CreditKind.GIFT_CARD
_living = accounts.c.archived_at.is_(None)

_ISSUE = """
WITH booked AS (
    INSERT INTO credit_entries (id, account_id, operation, amount, actor, reason)
    VALUES (uuidv7(), $1::uuid, 'issue', $5::bigint, $7, $8)
)
INSERT INTO credit_accounts (id, kind, code_key, last4, currency, balance, expires_at)
VALUES ($1, 'gift_card', $2, $3, $4, $5, $6) RETURNING *
"""
_FIND = """
SELECT id, balance, currency, coalesce(expires_at <= now(), false) AS expired
FROM credit_accounts WHERE code_key = $1 AND archived_at IS NULL
"""
_OPEN = f"""
INSERT INTO carts (id, currency, user_id, attempt) VALUES ($1, $2, $3, {carts.NEXT_ATTEMPT}) ON CONFLICT (id) DO NOTHING
"""  # noqa: S608
_PUT = """
WITH put AS (INSERT INTO cart_gift_cards (cart_id, account_id, added_at) VALUES ($1, $2, clock_timestamp()))
UPDATE carts SET updated_at = now() WHERE id = $1
"""
_TAKE_OUT = """
WITH gone AS (DELETE FROM cart_gift_cards WHERE cart_id = $1 AND account_id = $2 RETURNING cart_id)
UPDATE carts SET updated_at = now() FROM gone WHERE carts.id = gone.cart_id
"""


async def issue(
    writer: Writer,
    card: CreditAccountId,
    code_key: str,
    last4: str,
    amount: Money,
    expires_at: datetime | None,
    actor: str,
    reason: str,
) -> IssuedCard:
    """Give a card out; `code_key` and `last4` are all that is kept of its code."""
    made = await writer.exec_driver_sql(
        _ISSUE, (card, code_key, last4, amount.currency, amount.amount, expires_at, actor, reason)
    )
    return _card(made.mappings().one())


async def listed(
    database: Database, limit: int, last4: str | None, archived: bool, after: Cursor | None
) -> list[IssuedCard]:
    """Newest first; those whose code ends in `last4` where given; those that are good, or those withdrawn."""
    query = sa.select(*_COLUMNS).where(_is_card, _living if not archived else ~_living)
    if last4 is not None:
        query = query.where(accounts.c.last4 == last4)
    async with database.reading() as reader:
        rows = await reader.execute(newest_first(query, accounts.c.created_at, accounts.c.id, limit, after))
        return [_card(row) for row in rows.mappings()]


async def find(database: Database, card: CreditAccountId) -> IssuedCard | None:
    """One card, also a withdrawn one."""
    async with database.reading() as reader:
        return await _one(reader, sa.select(*_COLUMNS).where(_is_card, accounts.c.id == card))


async def lock(writer: Writer, card: CreditAccountId) -> IssuedCard | None:
    """One card, which nobody else changes to the end of the transaction."""
    return await _one(
        writer, sa.select(*_COLUMNS).where(_is_card, accounts.c.id == card).with_for_update(key_share=True)
    )


async def archive(writer: Writer, card: CreditAccountId) -> IssuedCard | None:
    """Withdraw it: what is on it stays, and cannot be spent. None: it was withdrawn before."""
    gone = sa.update(accounts).where(_is_card, accounts.c.id == card, _living).values(archived_at=sa.func.now())
    return await _one(writer, gone.returning(*_COLUMNS))


async def put_into_cart(writer: Writer, cart: CartId, code_key: str, user: UserId | None = None) -> Cart:
    """Pay with a card at the next checkout; again: changes nothing. A new cart takes the card's currency.

    Raises: Refusal `gift_card_unknown` (never given out, or withdrawn: nobody can tell which), `gift_card_expired`,
    `gift_card_empty`, `currency_mismatch`, `cart_full`.
    """
    card = (await writer.exec_driver_sql(_FIND, (code_key,))).one_or_none()
    if card is None:
        raise Refusal("gift_card_unknown", "There is no gift card with this code.")
    if card.expired:
        raise Refusal("gift_card_expired", "This gift card has expired.")
    if not card.balance:
        raise Refusal("gift_card_empty", "There is nothing left on this gift card.")
    await writer.exec_driver_sql(_OPEN, (cart, card.currency, user))
    held = await carts.lock(writer, cart)
    assert held is not None
    if held.currency != card.currency:
        raise Refusal("currency_mismatch", f"This cart is in {held.currency}.", currency=held.currency)
    if any(each.id == card.id for each in held.gift_cards):
        return held
    if len(held.gift_cards) >= MOST_GIFT_CARDS:
        raise Refusal("cart_full", f"A cart holds at most {MOST_GIFT_CARDS} gift cards.", most=MOST_GIFT_CARDS)
    await writer.exec_driver_sql(_PUT, (cart, card.id))
    changed = await carts.lock(writer, cart)
    assert changed is not None
    return changed


async def take_out_of_cart(writer: Writer, cart: CartId, card: CreditAccountId) -> Cart | None:
    """Do not pay with a card after all; again: changes nothing. None: there is no such cart."""
    await carts.lock(writer, cart)
    await writer.exec_driver_sql(_TAKE_OUT, (cart, card))
    return await carts.lock(writer, cart)


async def _one(reader: Reader, query: sa.Executable) -> IssuedCard | None:
    row = (await reader.execute(query)).mappings().one_or_none()
    return None if row is None else _card(row)


def _card(row: Any) -> IssuedCard:
    return IssuedCard(
        CreditAccountId(plain_uuid(row["id"])), row["last4"], Money(row["balance"], row["currency"]),
        row["expires_at"], row["created_at"], row["archived_at"],
    )  # fmt: skip
