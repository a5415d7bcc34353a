"""Store credit of somebody's account: staff grant it, take it back, and see what became of it."""

from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody

from api import pages
from api.admin.changes import Reason, write_down
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.problems import FieldError, Invalid, refuses
from api.repeats import once, scope_of
from models.credit import Entry
from models.cursor import Cursor
from models.database import Writer
from models.ids import UserId
from models.money import Money
from models.roles import Scope
from models.tables import credit_history, store_credit
from models.tables.store_credit import Adjusted


class CreditAdjustment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grant, or with a negative amount what is taken back."""

    amount: Money
    reason: Reason


class CreditLedger(msgspec.Struct, frozen=True):
    """An account's store credit, and one page of its ledger, newest first."""

    balances: list[Money]
    """One a currency."""
    items: list[Entry]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/users/{user_id:uuid}/store-credit", operation_id="readStoreCreditOf", access=Scope.CREDIT_READ,
    tags=["Staff"], summary="Somebody's store credit and its ledger",
    responses=refuses("unauthorized", "token_expired", "forbidden", "user_not_found", "cursor_unknown", "invalid",
                      "unavailable"),
)  # fmt: skip
async def read_store_credit(
    house: House, user_id: FromPath[UUID], limit: PageSize = 20, place: Place = None
) -> CreditLedger:
    """Also of an account that is closed."""
    user, after = UserId(user_id), pages.begin(house, place)
    async with house.database.reading() as reader:
        await store_credit.must_exist(reader, user)
    found = await credit_history.of_account(house.database, user, limit + 1, after)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.at, last.id))
    return CreditLedger(await store_credit.balances(house.database, user), items, more)


@post(
    "/admin/users/{user_id:uuid}/store-credit", operation_id="adjustStoreCredit", access=Scope.CREDIT_WRITE,
    tags=["Staff"], summary="Grant store credit, or take it back",
    responses=refuses("unauthorized", "token_expired", "forbidden", "user_not_found", "account_erased",
                      "credit_insufficient", "credit_too_much", "idempotency_key_reused", "invalid",
                      "unsupported_media_type", "unavailable"),
)  # fmt: skip
async def adjust_store_credit(
    request: StrictRequest,
    house: House,
    caller: Caller,
    user_id: FromPath[UUID],
    data: JSONBody[CreditAdjustment],
    idempotency: IdempotencyKey = None,
) -> Adjusted:
    """No more is taken back than there is. Send an `Idempotency-Key`: without one, twice sent is twice granted."""
    if not data.amount.amount:
        raise Invalid(FieldError("Expected more than nothing, or less", pointer="/amount/amount"))
    user = UserId(user_id)

    async def adjust(writer: Writer) -> Adjusted:
        await store_credit.must_exist(writer, user, living=True)
        made = await store_credit.adjust(writer, user, data.amount, str(caller.account), data.reason)
        after = {"amount": data.amount, "balance": made.balance}
        await write_down(writer, caller, "store_credit.adjust", user, after=after, reason=data.reason)
        return made

    scope = scope_of(request, caller, f"POST /admin/users/{user}/store-credit")
    return await once(house, scope, idempotency_key(idempotency), data, Adjusted, adjust)


handlers = [read_store_credit, adjust_store_credit]
