"""Gift cards: given out by staff, put into carts by their code, which is stored as a keyed hash alone."""

from datetime import datetime

from models.cart import Cart
from models.credit import MOST_GIFT_CARDS
from models.database import Writer
from models.errors import Refusal
from models.ids import CartId, CreditAccountId, UserId
from models.money import Money
from models.tables import cart as carts

_ISSUE = """
WITH issued AS (
    INSERT INTO credit_accounts (id, kind, code_key, last4, currency, balance, expires_at)
    VALUES ($1::uuid, 'gift_card', $2, $3, $4, $5::bigint, $6)
)
INSERT INTO credit_entries (id, account_id, operation, amount, actor, reason)
VALUES (uuidv7(), $1, 'issue', $5, $7, $8)
"""
_FIND = """
SELECT id, balance, currency, coalesce(expires_at <= now(), false) AS expired
FROM credit_accounts WHERE code_key = $1 AND archived_at IS NULL
"""
_OPEN = "INSERT INTO carts (id, currency, user_id) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING"
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
) -> None:
    """Give a card out; `code_key` and `last4` are all that is kept of its code."""
    await writer.exec_driver_sql(
        _ISSUE, (card, code_key, last4, amount.currency, amount.amount, expires_at, actor, reason)
    )


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
