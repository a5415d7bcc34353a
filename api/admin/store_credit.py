"""Store credit of somebody's account: staff grant it, take it back, and see what became of it."""

from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from api import pages
from api.admin import four_eyes
from api.admin.changes import Reason
from api.admin.readings import write_down_reading
from api.context import Caller, House, IdempotencyKey, Premises, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.problems import FieldError, Invalid, refuses
from api.repeats import once, scope_of
from models.approval import ApprovalRecord, ApprovalStatus, Guarded
from models.audit import Author
from models.credit import Entry
from models.cursor import Cursor
from models.database import Writer
from models.ids import UserId
from models.money import Money
from models.roles import Scope
from models.tables import approval as approvals
from models.tables import audit, credit_history, store_credit
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
    house: House, caller: Caller, user_id: FromPath[UUID], limit: PageSize = 20, place: Place = None
) -> CreditLedger:
    """Also of an account that is closed."""
    user, after = UserId(user_id), pages.begin(house, place)
    async with house.database.reading() as reader:
        await store_credit.must_exist(reader, user)
    found = await credit_history.of_account(house.database, user, limit + 1, after)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.at, last.id))
    await write_down_reading(house, caller, "store_credit.read", [user])
    return CreditLedger(await store_credit.balances(house.database, user), items, more)


@post(
    "/admin/users/{user_id:uuid}/store-credit", operation_id="adjustStoreCredit", access=Scope.CREDIT_WRITE,
    tags=["Staff"], summary="Grant store credit, or take it back",
    responses=refuses("unauthorized", "token_expired", "forbidden", "user_not_found", "account_erased",
                      "credit_insufficient", "credit_too_much", "approval_over", "idempotency_key_reused", "invalid",
                      "unsupported_media_type", "unavailable") | four_eyes.WAITING,
)  # fmt: skip
async def adjust_store_credit(
    request: StrictRequest,
    house: House,
    caller: Caller,
    user_id: FromPath[UUID],
    data: JSONBody[CreditAdjustment],
    idempotency: IdempotencyKey = None,
) -> Response[Adjusted]:
    """No more is taken back than there is. Send an `Idempotency-Key`: without one, twice sent is twice granted.

    202: a question to a second person, because it is much money.
    """
    if not data.amount.amount:
        raise Invalid(FieldError("Expected more than nothing, or less", pointer="/amount/amount"))
    user = UserId(user_id)

    async def stake(writer: Writer) -> Money | None:
        await store_credit.must_exist(writer, user, living=True)
        return data.amount if data.amount.amount > 0 else None

    guard = four_eyes.Guard(Guarded.STORE_CREDIT, str(user), data, data.reason, stake)
    asked = await four_eyes.second(house, caller, guard, idempotency)
    if asked is not None and asked.status is ApprovalStatus.PENDING:
        return four_eyes.kept(asked)
    if asked is not None:
        return Response(await granted(house, user, data, asked, caller.author), status_code=201)

    async def adjust(writer: Writer) -> Adjusted:
        return await _adjust(writer, user, data, caller.author)

    scope = scope_of(request, caller, f"POST /admin/users/{user}/store-credit")
    return Response(await once(house, scope, idempotency_key(idempotency), data, Adjusted, adjust), status_code=201)


async def granted(
    house: Premises, user: UserId, data: CreditAdjustment, agreed: ApprovalRecord, author: Author
) -> Adjusted:
    """Grant what two people agreed to, once, for its `author`: whoever asked."""

    async def grant(writer: Writer) -> Adjusted:
        made = await _adjust(writer, user, data, author)
        await approvals.settle(writer, agreed.id, ApprovalStatus.DONE)
        return made

    return await once(house, four_eyes.name_of(agreed), "granted", data, Adjusted, grant)


async def _adjust(writer: Writer, user: UserId, data: CreditAdjustment, author: Author) -> Adjusted:
    await store_credit.must_exist(writer, user, living=True)
    made = await store_credit.adjust(writer, user, data.amount, str(author.user), data.reason)
    after = {"amount": data.amount, "balance": made.balance}
    await audit.append(writer, author, "store_credit.adjust", user, after=after, reason=data.reason)
    return made


handlers = [read_store_credit, adjust_store_credit]
