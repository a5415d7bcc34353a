"""Store credit: what the shop owes an account, one balance a currency. Staff grant it and take it back."""

import msgspec

from models.credit import Entry, EntryType
from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.ids import UserId, new_id
from models.money import LARGEST, Money

_BALANCE = """
SELECT balance FROM credit_accounts WHERE kind = 'store_credit' AND user_id = $1 AND currency = $2
"""
_ACCOUNT = "SELECT erased_at IS NOT NULL AS erased FROM users WHERE id = $1"
_BALANCES = """
SELECT balance, currency FROM credit_accounts WHERE kind = 'store_credit' AND user_id = $1 ORDER BY currency
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
    SELECT $1::uuid, id, 'adjust/' || ($1::uuid)::text, $4, $5, $6 FROM adjusted RETURNING at
)
SELECT adjusted.balance, booked.at FROM adjusted, booked
"""


class Adjusted(msgspec.Struct, frozen=True):
    """A grant, or what was taken back."""

    entry: Entry
    balance: Money
    """What the account has now in this currency."""


async def must_exist(reader: Reader, user: UserId, *, living: bool = False) -> None:
    """Raises: Refusal `user_not_found`; with `living`, `account_erased` for one that was forgotten."""
    row = (await reader.exec_driver_sql(_ACCOUNT, (user,))).one_or_none()
    if row is None:
        raise Refusal("user_not_found", "There is no such account.")
    if living and row.erased:
        raise Refusal("account_erased", "This account was erased: nobody could spend it.")


async def balances(database: Database, user: UserId) -> list[Money]:
    """What an account has, one a currency it ever had credit in."""
    return [Money(row["balance"], row["currency"]) for row in await database.fetch(_BALANCES, user)]


async def balance(reader: Reader, user: UserId, currency: str) -> Money:
    """What an account can spend in this currency."""
    found = (await reader.exec_driver_sql(_BALANCE, (user, currency))).scalar()
    return Money(found or 0, currency)


async def open_account(writer: Writer, user: UserId, currency: str) -> None:
    """Let an account have store credit in this currency; again: changes nothing."""
    await writer.exec_driver_sql(_OPEN, (new_id(), user, currency))


async def adjust(writer: Writer, user: UserId, amount: Money, actor: str, reason: str) -> Adjusted:
    """Grant store credit, or take it back (`amount` negative).

    Raises: Refusal `credit_insufficient` when there is less to take back, `credit_too_much` past what a row can hold.
    """
    kind = amount.currency
    await open_account(writer, user, kind)
    entry = new_id()
    made = await writer.exec_driver_sql(_ADJUST, (entry, user, kind, amount.amount, actor, reason, LARGEST))
    row = made.one_or_none()
    if row is not None:
        return Adjusted(Entry(entry, EntryType.ADJUST, amount, None, row.at, actor, reason), Money(row.balance, kind))
    has = await balance(writer, user, kind)
    if amount.amount < 0:
        raise Refusal("credit_insufficient", f"There are only {has} to take back.", balance=has)
    raise Refusal("credit_too_much", "No balance may grow that large.", balance=has)
