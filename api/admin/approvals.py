"""Questions to a second person: staff see them, say yes or no, and a yes has done what was asked for, once."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter

from api import pages
from api.admin import four_eyes
from api.admin.changes import Reason, write_down
from api.admin.gift_cards import NewGiftCard, issued
from api.admin.order_edits import Commit, edited
from api.admin.order_goods import Shortage, went_without
from api.admin.order_money import CancelWhy, CaptureBody, cancelled, captured
from api.admin.orders import find
from api.admin.refunds import RefundBody, refunded
from api.admin.refusals import staff_refuses
from api.admin.return_records import DeskReturn
from api.admin.returns import Inspection, inspected
from api.admin.store_credit import CreditAdjustment, granted
from api.context import Caller, House, IdempotencyKey, Identity, Premises, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models import logs
from models.approval import NEEDS, ApprovalRecord, ApprovalStatus, Guarded
from models.audit import Author
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.ids import UserId
from models.order import Order
from models.roles import Scope, may
from models.tables import approval as approvals
from models.tables import returns
from models.tables import user as users

_W = TypeVar("_W")
_Deed = Callable[[Premises, Identity, ApprovalRecord, Author], Awaitable[bool]]
"""Does what two people agreed to, for whoever asked; whether it is done by now."""

InStatus = Annotated[
    ApprovalStatus | None, QueryParameter(name="status", description="Only those that stand there: `pending` ones wait")
]
About = Annotated[
    str | None,
    QueryParameter(
        name="subject", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Only those about this order's number, or this account's id",
    ),
]  # fmt: skip


class Yes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is good."""

    reason: Reason = "looked at, and good"


class No(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why not."""

    reason: Reason


class ApprovalList(msgspec.Struct, frozen=True):
    """One page of questions, newest first."""

    items: list[ApprovalRecord]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/approvals", operation_id="listApprovals", access=Scope.APPROVALS_READ, tags=["Staff"],
    summary="What waits for a second person, and what became of it",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_approvals(
    house: House, status: InStatus = None, subject: About = None, limit: PageSize = 20, place: Place = None
) -> ApprovalList:
    """Newest first."""
    found = await approvals.listed(house.database, limit + 1, status, subject, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.asked_at, last.id))
    return ApprovalList(items, more)


@get(
    "/admin/approvals/{approval_id:uuid}", operation_id="readApproval", access=Scope.APPROVALS_READ, tags=["Staff"],
    summary="A question to a second person", responses=staff_refuses("approval_not_found"),
)  # fmt: skip
async def read_approval(house: House, approval_id: FromPath[UUID]) -> ApprovalRecord:
    """Who wants what and why, how much money it is about, and what became of it."""
    return await _read(house, approval_id)


@post(
    "/admin/approvals/{approval_id:uuid}/approve", operation_id="approveApproval", access=Scope.APPROVALS_WRITE,
    tags=["Staff"], summary="Agree, as the second person", status_code=200,
    responses={
        202: ResponseSpec(
            ApprovalRecord, generate_examples=False,
            description="Agreed, and still under way: the same request again tells the end",
        ),
        **staff_refuses("approval_not_found", "approval_over", "second_person_needed", "wrong_move", "order_not_found",
                        "capture_exceeds", "capture_failed", "charge_impossible", "currency_mismatch",
                        "refund_exceeds", "refund_failed", "charge_disputed", "unknown_sku", "no_store_credit",
                        "account_erased", "user_not_found", "credit_too_much", "credit_insufficient",
                        "edit_not_found", "edit_over", "edit_leaves_nothing", "payment_declined", "not_held",
                        "nothing_left", "return_not_found", "return_mismatch", "fee_exceeds", "location_unknown",
                        "idempotency_key_reused", "invalid", "unsupported_media_type"),
    },
)  # fmt: skip
async def approve(
    request: StrictRequest, house: House, caller: Caller, approval_id: FromPath[UUID], data: JSONBody[Yes],
    idempotency: IdempotencyKey = None,
) -> Response[ApprovalRecord]:  # fmt: skip
    """It is done now, once, for whoever asked; nobody agrees with themselves. Again: what became of it.

    What cannot be done any more is refused as its own operation would refuse it, and nothing has moved.
    """

    async def agree(writer: Writer) -> ApprovalRecord:
        return await _decide(writer, caller, approval_id, ApprovalStatus.APPROVED, data.reason)

    scope = scope_of(request, caller, f"POST /admin/approvals/{approval_id}/approve")
    await once(house, scope, idempotency_key(idempotency), data, ApprovalRecord, agree)
    agreed = await _read(house, approval_id)  # a repeat is told where it stands by now
    if agreed.status is ApprovalStatus.APPROVED:
        await _carry_out(house, caller, agreed)
        agreed = await _read(house, approval_id)
    return Response(agreed, status_code=202 if agreed.status is ApprovalStatus.APPROVED else 200)


@post(
    "/admin/approvals/{approval_id:uuid}/reject", operation_id="rejectApproval", access=Scope.APPROVALS_WRITE,
    tags=["Staff"], summary="Say no; or, as whoever asked, think better of it", status_code=200,
    responses=staff_refuses("approval_not_found", "approval_over", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def reject(
    request: StrictRequest, house: House, caller: Caller, approval_id: FromPath[UUID], data: JSONBody[No],
    idempotency: IdempotencyKey = None,
) -> ApprovalRecord:  # fmt: skip
    """Nothing was done, and nothing will be."""

    async def refuse(writer: Writer) -> ApprovalRecord:
        return await _decide(writer, caller, approval_id, ApprovalStatus.REJECTED, data.reason)

    scope = scope_of(request, caller, f"POST /admin/approvals/{approval_id}/reject")
    return await once(house, scope, idempotency_key(idempotency), data, ApprovalRecord, refuse)


async def _read(house: Premises, approval: UUID) -> ApprovalRecord:
    """Raises: Refusal `approval_not_found`."""
    async with house.database.reading() as reader:
        found = await approvals.find(reader, approval)
    if found is None:
        raise _unknown()
    return found


async def _decide(writer: Writer, caller: Identity, id: UUID, to: ApprovalStatus, why: str) -> ApprovalRecord:
    """Say yes or no to a pending question; to one that has its yes, again: changes nothing. Raises: Refusal."""
    known = await approvals.lock(writer, id)
    if known is None:
        raise _unknown()
    was = known.approval
    if not may(caller.roles, NEEDS[was.action]):
        raise Refusal("forbidden", f"This needs the scope {NEEDS[was.action]} too.", scope=NEEDS[was.action])
    if to is ApprovalStatus.APPROVED and was.asked_by.id == caller.account:
        raise Refusal("second_person_needed", "Whoever asks cannot agree: somebody else has to.")
    if to is ApprovalStatus.APPROVED and was.status in (to, ApprovalStatus.DONE, ApprovalStatus.REFUSED):
        return was
    if was.status is not ApprovalStatus.PENDING:
        raise four_eyes.over(was)
    await approvals.decide(writer, id, to, caller.account, why)
    before, after = {"status": was.status}, {"status": to, "action": was.action, "amount": was.amount, "approval": id}
    await write_down(writer, caller, f"approval.{_DID[to]}", was.subject, before=before, after=after, reason=why)
    if known.order is not None:
        await four_eyes.tell(writer, known.order, was, "given" if to is ApprovalStatus.APPROVED else "rejected", caller)
    now = await approvals.find(writer, id)
    assert now is not None
    return now


_DID = {ApprovalStatus.APPROVED: "approve", ApprovalStatus.REJECTED: "reject"}


async def _carry_out(house: Premises, caller: Identity, agreed: ApprovalRecord) -> None:
    """Do what was agreed to; whoever does it again meets the first. Raises: Refusal; then it is written down as such.

    When nobody knows whether it was done, it stays agreed: the same request again carries it out.
    """
    try:
        done = await _DO[agreed.action](house, caller, agreed, await _asker(house, agreed))
    except Refusal as refusal:
        async with house.database.writing() as writer:
            await approvals.settle(writer, agreed.id, ApprovalStatus.REFUSED, f"{refusal.code}: {refusal.detail}")
        raise
    if done:
        async with house.database.writing() as writer:
            await approvals.settle(writer, agreed.id, ApprovalStatus.DONE)


async def _asker(house: Premises, agreed: ApprovalRecord) -> Author:
    """Whoever asked, as what they are by now; where they are nobody knows."""
    who = agreed.asked_by.id
    async with house.database.reading() as reader:
        return Author(who, logs.bound("request_id"), roles=await users.roles_of(reader, who))


def _of_order(
    wish: type[_W],
    deed: Callable[[Premises, Identity, Order, _W, Author, str], Awaitable[Response[Any]]],
    done: int = 200,
) -> _Deed:
    """What is done with an order; `done` is the status that says so, any other that it is still under way."""

    async def do(house: Premises, caller: Identity, agreed: ApprovalRecord, author: Author) -> bool:
        order = await find(house, agreed.subject)
        answer = await deed(house, caller, order, msgspec.convert(agreed.wish, wish), author, four_eyes.name_of(agreed))
        return answer.status_code == done

    return do


async def _inspected(
    house: Premises, caller: Identity, order: Order, said: Inspection, author: Author, name: str
) -> Response[DeskReturn]:
    goods = await returns.by_number(house.database, order.id, said.n)
    if goods is None:
        raise Refusal("return_not_found", "There is no such return.")
    return await inspected(house, caller, goods, said.body, author, name)


async def _store_credit(house: Premises, _: Identity, agreed: ApprovalRecord, author: Author) -> bool:
    wish = msgspec.convert(agreed.wish, CreditAdjustment)
    await granted(house, UserId(UUID(agreed.subject)), wish, agreed, author)
    return True


async def _gift_card(house: Premises, _: Identity, agreed: ApprovalRecord, author: Author) -> bool:
    await issued(house, msgspec.convert(agreed.wish, NewGiftCard), agreed, author)
    return True


_DO: Mapping[Guarded, _Deed] = {
    Guarded.ACCEPT_SHORTAGE: _of_order(Shortage, went_without),
    Guarded.CANCEL: _of_order(CancelWhy, cancelled),
    Guarded.CAPTURE: _of_order(CaptureBody, captured),
    Guarded.EDIT: _of_order(Commit, edited),
    Guarded.REFUND: _of_order(RefundBody, refunded, done=201),
    Guarded.RETURN: _of_order(Inspection, _inspected),
    Guarded.STORE_CREDIT: _store_credit,
    Guarded.GIFT_CARD: _gift_card,
}
"""How each is done that two people have agreed to."""


def _unknown() -> Refusal:
    return Refusal("approval_not_found", "There is no such question.")


handlers = [list_approvals, read_approval, approve, reject]
