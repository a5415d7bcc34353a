"""What vendors are owed and were paid out, and where to: finance sees it, and says where."""

from datetime import date, datetime
from uuid import UUID

import msgspec
from litestar import get, patch
from litestar.params import JSONBody

from api import pages
from api.admin.changes import Reason, write_down
from api.admin.refusals import staff_refuses
from api.admin.shelving import SlugInPath
from api.context import Caller, House
from api.pages import PageSize, Place
from models.cursor import Cursor
from models.database import Reader
from models.errors import Refusal
from models.ids import PayoutId
from models.money import Money
from models.roles import Scope
from models.tables import payout as payouts
from models.tables import payout_ledger as ledger
from models.tables import vendor as vendors
from models.vendor import Balance, Payout, PayoutAccount, PayoutStatus


class AccountChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a vendor is paid out to from now on."""

    payout_account: PayoutAccount | None
    """Null: nowhere; what is owed waits."""
    reason: Reason | None = None


class VendorAccount(msgspec.Struct, frozen=True):
    """Where a vendor is paid out to, and what they are owed."""

    payout_account: str | None
    """Null: nowhere yet; what is owed waits."""
    balances: list[Balance]
    """One a currency."""


class DeskPayout(msgspec.Struct, frozen=True):
    """A payout, as staff see it."""

    id: PayoutId
    amount: Money
    day: date
    status: PayoutStatus
    destination: str
    """The vendor's account at the payment provider, as it was then."""
    reference: str | None
    """The provider's id of the transfer."""
    error: str | None
    """Why it failed, in the provider's words."""
    created_at: datetime
    settled_at: datetime | None
    workflow_id: str
    """Its owner, as the Temporal UI knows it."""


class DeskPayoutList(msgspec.Struct, frozen=True):
    """One page of a vendor's payouts, newest first."""

    items: list[DeskPayout]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/vendors/{slug:str}/payouts", operation_id="listPayoutsOfVendor", access=Scope.PAYOUTS_READ, tags=["Staff"],
    summary="A vendor's payouts", responses=staff_refuses("vendor_not_found", "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_payouts(house: House, slug: SlugInPath, limit: PageSize = 20, place: Place = None) -> DeskPayoutList:
    """Newest first."""
    after = pages.begin(house, place)
    async with house.database.reading() as reader:
        vendor = await _vendor(reader, slug)
    found = await payouts.page(house.database, vendor, limit + 1, after)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return DeskPayoutList([_desk_payout(each) for each in items], more)


@get(
    "/admin/vendors/{slug:str}/payout-account", operation_id="readPayoutAccount", access=Scope.PAYOUTS_READ,
    tags=["Staff"], summary="Where a vendor is paid out to, and what they are owed",
    responses=staff_refuses("vendor_not_found"),
)  # fmt: skip
async def read_account(house: House, slug: SlugInPath) -> VendorAccount:
    """By currency."""
    async with house.database.reading() as reader:
        vendor = await _vendor(reader, slug)
        return VendorAccount(await vendors.payout_account(reader, vendor), await ledger.balances(reader, vendor))


@patch(
    "/admin/vendors/{slug:str}/payout-account", operation_id="changePayoutAccount", access=Scope.PAYOUTS_WRITE,
    tags=["Staff"], summary="Say where a vendor is paid out to",
    responses=staff_refuses("vendor_not_found", "payout_account_taken", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_account(
    house: House, caller: Caller, slug: SlugInPath, data: JSONBody[AccountChange]
) -> VendorAccount:  # fmt: skip
    """From the next payout on; one that is on its way goes where it was to go."""
    async with house.database.writing() as writer:
        vendor = await _vendor(writer, slug)
        was = await vendors.lock_payout_account(writer, vendor)
        if was != data.payout_account:
            await vendors.put_payout_account(writer, vendor, data.payout_account)
            await write_down(
                writer, caller, "vendor.payout_account", slug, before={"payout_account": was},
                after={"payout_account": data.payout_account}, reason=data.reason,
            )  # fmt: skip
        return VendorAccount(data.payout_account, await ledger.balances(writer, vendor))


def _desk_payout(payout: Payout) -> DeskPayout:
    return DeskPayout(
        payout.id, payout.amount, payout.day, payout.status, payout.destination, payout.reference, payout.error,
        payout.created_at, payout.settled_at, payout.workflow_id,
    )  # fmt: skip


async def _vendor(reader: Reader, slug: str) -> UUID:
    found = await vendors.id_of(reader, slug)
    if found is None:
        raise Refusal("vendor_not_found", f"There is no vendor {slug!r}.", slug=slug)
    return found


handlers = [list_payouts, read_account, change_account]
