"""What a vendor is owed, and was paid out."""

from datetime import date, datetime
from uuid import UUID

import msgspec
from litestar import get
from litestar.params import FromPath

from api import pages
from api.context import Caller, House
from api.pages import PageSize, Place
from api.vendor.refusals import vendor_refuses
from models.cursor import Cursor
from models.errors import Refusal
from models.ids import PayoutId
from models.money import Money
from models.roles import Scope
from models.tables import payout as payouts
from models.tables import payout_ledger as ledger
from models.tables import vendor_member as members
from models.vendor import Balance, Payout, PayoutStatus


class PayoutReply(msgspec.Struct, frozen=True):
    """Money that was paid out at once."""

    id: PayoutId
    amount: Money
    day: date
    status: PayoutStatus
    """`open`: on its way. `failed`: it is owed again, and in the next payout."""
    destination: str
    """The account at the payment provider."""
    reference: str | None
    """The provider's id of the transfer."""
    created_at: datetime
    settled_at: datetime | None


class PayoutList(msgspec.Struct, frozen=True):
    """What is owed, and one page of payouts, newest first."""

    balances: list[Balance]
    """One a currency."""
    items: list[PayoutReply]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/vendor/payouts", operation_id="listOwnPayouts", access=Scope.VENDOR, tags=["Vendors"],
    summary="What one is owed, and was paid out", responses=vendor_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_payouts(house: House, caller: Caller, limit: PageSize = 20, place: Place = None) -> PayoutList:
    """Newest first. Only what was taken of buyers is owed; what goes back to them is owed no more."""
    vendor = await members.vendor_of(house.database, caller.account)
    found = await payouts.page(house.database, vendor, limit + 1, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return PayoutList(await ledger.balances_of(house.database, vendor), [reply(each) for each in items], more)


@get(
    "/vendor/payouts/{payout_id:uuid}", operation_id="readOwnPayout", access=Scope.VENDOR, tags=["Vendors"],
    summary="A payout", responses=vendor_refuses("payout_not_found"),
)  # fmt: skip
async def read_payout(house: House, caller: Caller, payout_id: FromPath[UUID]) -> PayoutReply:
    """Where it stands."""
    vendor = await members.vendor_of(house.database, caller.account)
    found = await payouts.find(house.database, vendor, payout_id)
    if found is None:
        raise Refusal("payout_not_found", "There is no such payout, or it is not yours.")
    return reply(found)


def reply(payout: Payout) -> PayoutReply:
    """As it is told."""
    return PayoutReply(
        payout.id, payout.amount, payout.day, payout.status, payout.destination, payout.reference, payout.created_at,
        payout.settled_at,
    )  # fmt: skip


handlers = [list_payouts, read_payout]
