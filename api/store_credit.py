"""The store credit of who is signed in."""

from datetime import datetime
from uuid import UUID

import msgspec
from litestar import get

from api import pages
from api.context import Caller, House
from api.pages import PageSize, Place
from api.problems import refuses
from models.credit import Entry, EntryType
from models.cursor import Cursor
from models.money import Money
from models.roles import Scope
from models.tables import credit_history, store_credit


class CreditMovement(msgspec.Struct, frozen=True):
    """Why a balance moved. `type`: `adjust` by the shop, `hold` for an order, `release` by one that was cancelled."""

    id: UUID
    type: EntryType
    amount: Money
    """Positive: the balance gained."""
    order_number: str | None
    at: datetime


class StoreCredit(msgspec.Struct, frozen=True):
    """What can be spent at checkout, and one page of what moved it, newest first."""

    balances: list[Money]
    """One a currency."""
    items: list[CreditMovement]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/store-credit", operation_id="readStoreCredit", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="One's own store credit",
    responses=refuses("unauthorized", "token_expired", "forbidden", "cursor_unknown", "invalid", "unavailable"),
)  # fmt: skip
async def read_store_credit(house: House, caller: Caller, limit: PageSize = 20, place: Place = None) -> StoreCredit:
    """Spend it with `payment.store_credit` at checkout; gift cards of the cart go first."""
    found = await credit_history.of_account(house.database, caller.account, limit + 1, pages.begin(house, place))
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.at, last.id))
    balances = await store_credit.balances(house.database, caller.account)
    return StoreCredit(balances, [_shown(entry) for entry in shown], more)


def _shown(entry: Entry) -> CreditMovement:
    """Without who of staff did it, and what they noted for each other."""
    return CreditMovement(entry.id, entry.type, entry.amount, entry.order_number, entry.at)


handlers = [read_store_credit]
