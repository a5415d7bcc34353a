"""The credit ledger as people read it: of one gift card, or of all store credit of an account."""

from typing import Any

import sqlalchemy as sa

from models.credit import CreditKind, Entry, EntryType
from models.cursor import Cursor
from models.database import Database
from models.ids import CreditAccountId, UserId
from models.money import Money
from models.tables.base import newest_first, plain_uuid
from models.tables.credit import credit_accounts as accounts
from models.tables.credit import credit_entries as entries
from models.tables.order import orders

_ENTRIES = (
    sa.select(
        entries.c.id, sa.func.split_part(entries.c.operation, "/", 1).label("type"), entries.c.amount,
        accounts.c.currency, entries.c.actor, entries.c.reason, entries.c.at, orders.c.number,
    )
    .join(accounts, accounts.c.id == entries.c.account_id)
    .outerjoin(orders, orders.c.id == entries.c.order_id)
)  # fmt: skip


async def of_card(database: Database, card: CreditAccountId, limit: int, after: Cursor | None) -> list[Entry]:
    """Newest first."""
    return await _page(database, _ENTRIES.where(accounts.c.id == card), limit, after)


async def of_account(database: Database, user: UserId, limit: int, after: Cursor | None) -> list[Entry]:
    """All store credit of an account, in whatever currency, newest first."""
    mine = _ENTRIES.where(accounts.c.kind == CreditKind.STORE_CREDIT, accounts.c.user_id == user)
    return await _page(database, mine, limit, after)


async def _page(database: Database, query: sa.Select[Any], limit: int, after: Cursor | None) -> list[Entry]:
    async with database.reading() as reader:
        rows = await reader.execute(newest_first(query, entries.c.at, entries.c.id, limit, after))
        return [_entry(row) for row in rows]


def _entry(row: Any) -> Entry:
    amount = Money(row.amount, row.currency)
    return Entry(plain_uuid(row.id), EntryType(row.type), amount, row.number, row.at, row.actor, row.reason)
