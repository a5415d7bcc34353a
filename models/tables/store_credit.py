"""Store credit: what the shop owes an account, one balance a currency. Staff grant it and take it back."""

from models.database import Reader, Writer
from models.errors import Refusal
from models.ids import UserId, new_id
from models.money import LARGEST, Money

_BALANCE = """
SELECT balance FROM credit_accounts WHERE kind = 'store_credit' AND user_id = $1 AND currency = $2
"""
_OPEN = """
INSERT INTO credit_accounts (id, kind, user_id, currency) VALUES ($1, 'store_credit', $2, $3)
ON CONFLICT (user_id, currency) WHERE kind = 'store_credit' DO NOTHING
"""
_ADJUST = """
WITH adjusted AS (
    UPDATE credit_accounts SET balance = balance + $4::bigint
    WHERE kind = 'store_credit' AND user_id = $2 AND currency = $3 AND balance + $4 BETWEEN 0 AND $7::bigint
    RETURNING id, balance
), booked AS (
    INSERT INTO credit_entries (id, account_id, operation, amount, actor, reason)
    SELECT $1::uuid, id, 'adjust/' || ($1::uuid)::text, $4, $5, $6 FROM adjusted
)
SELECT balance FROM adjusted
"""


async def balance(reader: Reader, user: UserId, currency: str) -> Money:
    """What an account can spend in this currency."""
    found = (await reader.exec_driver_sql(_BALANCE, (user, currency))).scalar()
    return Money(found or 0, currency)


async def adjust(writer: Writer, user: UserId, amount: Money, actor: str, reason: str) -> Money:
    """Grant store credit, or take it back (`amount` negative). Returns the new balance.

    Raises: Refusal `credit_insufficient` when there is less to take back, `credit_too_much` past what a row can hold.
    """
    kind = amount.currency
    await writer.exec_driver_sql(_OPEN, (new_id(), user, kind))
    adjusted = await writer.exec_driver_sql(_ADJUST, (new_id(), user, kind, amount.amount, actor, reason, LARGEST))
    left = adjusted.scalar()
    if left is not None:
        return Money(left, kind)
    has = await balance(writer, user, kind)
    if amount.amount < 0:
        raise Refusal("credit_insufficient", f"There are only {has} to take back.", balance=has)
    raise Refusal("credit_too_much", "No balance may grow that large.", balance=has)
