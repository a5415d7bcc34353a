"""What staff do with returns: find them, and steer each by commands to its owner, done once a key."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from api import pages
from api.admin import four_eyes
from api.admin.changes import Reason
from api.admin.readings import LIST, write_down_reading
from api.admin.refusals import staff_refuses
from api.admin.return_records import DeskReturn, desk_return
from api.commands import send
from api.context import Caller, House, IdempotencyKey, Identity, Premises, digest, idempotency_key
from api.pages import PageSize, Place
from models import logs
from models.address import Text
from models.approval import ApprovalStatus, Guarded
from models.audit import Author
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.ids import ReturnId, new_id
from models.money import Money
from models.returns import (
    InspectedItem,
    InspectionWish,
    Return,
    ReturnAction,
    ReturnItem,
    ReturnStatus,
    return_actions,
    workflow_id,
)
from models.roles import Scope
from models.tables import at_stake, returns
from workflows.return_goods import ApproveReturn, InspectReturn, ReceiveReturn, RejectReturn, ReturnGoods, ReturnState

MAY_SAY = ("return_not_found", "wrong_move", "idempotency_key_reused", "invalid", "unsupported_media_type")
"""What every action can be refused with."""

TO_COME = frozenset({ReturnStatus.REQUESTED, ReturnStatus.APPROVED, ReturnStatus.RECEIVED})
"""Nobody has looked into the parcel yet, and may."""

InStatus = Annotated[ReturnStatus | None, QueryParameter(name="status", description="Only returns that are in it now")]
OfOrder = Annotated[
    str | None,
    QueryParameter(
        name="order", min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$", description="Only of this number"
    ),
]  # fmt: skip
Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class ApproveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The buyer may send the goods."""

    reason: Reason = "as asked"


class RejectBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The buyer may not; they are told why."""

    reason: Reason


class CameItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of one thing in the parcel."""

    sku: Text
    quantity: Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class ReceiveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came."""

    items: Annotated[list[CameItem], msgspec.Meta(min_length=1, max_length=100)] | None = None
    """Left out: all that was asked for. What did not come is its buyer's, as if it had not been asked for."""


class FoundItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of the units of one thing."""

    sku: Text
    restock: Count = 0
    """For sale again."""
    write_off: Count = 0
    """Not."""


class InspectBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was in the parcel, and what is kept of the money."""

    reason: Reason
    items: Annotated[list[FoundItem], msgspec.Meta(min_length=1, max_length=100)] | None = None
    """Each unit that came; left out: all of it is for sale again."""
    fee: Money | None = None
    """Kept of what the goods cost, and never more than that."""
    location: Text | None = None
    """Code of where they are put. Left out: where they came from."""


class Inspection(msgspec.Struct, frozen=True):
    """What a second person is asked for: this, of the order's `n`-th return."""

    n: int
    body: InspectBody


class ReturnList(msgspec.Struct, frozen=True):
    """One page of returns, newest first."""

    items: list[DeskReturn]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/returns", operation_id="listReturns", access=Scope.RETURNS_READ, tags=["Staff"], summary="Returns",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_returns(
    house: House,
    caller: Caller,
    status: InStatus = None,
    order: OfOrder = None,
    limit: PageSize = 20,
    place: Place = None,
) -> ReturnList:
    """Newest first. Filters add up."""
    found = await returns.listed(house.database, limit + 1, status, order, pages.begin(house, place))
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.requested_at, last.id))
    await write_down_reading(house, caller, "return.read", [LIST])
    return ReturnList([desk_return(each) for each in shown], more)


@get(
    "/admin/returns/{return_id:uuid}", operation_id="readReturn", access=Scope.RETURNS_READ, tags=["Staff"],
    summary="A return", responses=staff_refuses("return_not_found", "invalid"),
)  # fmt: skip
async def read_return(house: House, caller: Caller, return_id: FromPath[UUID]) -> DeskReturn:
    """With what can be done with it now."""
    return await _shown(house, caller, return_id)


@post(
    "/admin/returns/{return_id:uuid}/actions/approve", operation_id="approveReturn", access=Scope.RETURNS_WRITE,
    tags=["Staff"], summary="Let a buyer send goods back", status_code=200, responses=staff_refuses(*MAY_SAY),
)  # fmt: skip
async def approve(
    house: House, caller: Caller, return_id: FromPath[UUID], data: JSONBody[ApproveBody],
    idempotency: IdempotencyKey = None,
) -> Response[DeskReturn]:  # fmt: skip
    """They are told until when the goods have to be there. 202: asked for, and still under way."""
    author = caller.author
    wish = ApproveReturn(author.actor, data.reason, digest(data), author)
    return await _ask(house, caller, return_id, ReturnAction.APPROVE, ReturnGoods.approve, wish, idempotency)


@post(
    "/admin/returns/{return_id:uuid}/actions/reject", operation_id="rejectReturn", access=Scope.RETURNS_WRITE,
    tags=["Staff"], summary="Do not take goods back", status_code=200, responses=staff_refuses(*MAY_SAY),
)  # fmt: skip
async def reject(
    house: House, caller: Caller, return_id: FromPath[UUID], data: JSONBody[RejectBody],
    idempotency: IdempotencyKey = None,
) -> Response[DeskReturn]:  # fmt: skip
    """The buyer is told why, and can ask again while there is time. 202: asked for, and still under way."""
    author = caller.author
    wish = RejectReturn(author.actor, data.reason, digest(data), author)
    return await _ask(house, caller, return_id, ReturnAction.REJECT, ReturnGoods.reject, wish, idempotency)


@post(
    "/admin/returns/{return_id:uuid}/actions/receive", operation_id="receiveReturn", access=Scope.RETURNS_WRITE,
    tags=["Staff"], summary="Goods came back", status_code=200,
    responses=staff_refuses(*MAY_SAY, "nothing_to_return", "unknown_sku"),
)  # fmt: skip
async def receive(
    house: House, caller: Caller, return_id: FromPath[UUID], data: JSONBody[ReceiveBody],
    idempotency: IdempotencyKey = None,
) -> Response[DeskReturn]:  # fmt: skip
    """All of them or some, before anybody looks into the parcel. 202: asked for, and still under way."""
    author = caller.author
    items = tuple(ReturnItem(each.sku, each.quantity) for each in data.items or ())
    wish = ReceiveReturn(author.actor, digest(data), items, author)
    return await _ask(house, caller, return_id, ReturnAction.RECEIVE, ReturnGoods.receive, wish, idempotency)


@post(
    "/admin/returns/{return_id:uuid}/actions/inspect", operation_id="inspectReturn", access=Scope.RETURNS_WRITE,
    tags=["Staff"], summary="Say what became of goods that came back", status_code=200,
    responses={
        **four_eyes.waiting(DeskReturn),
        **staff_refuses(*MAY_SAY, "approval_over", "return_mismatch", "fee_exceeds", "currency_mismatch",
                        "location_unknown"),
    },
)  # fmt: skip
async def inspect(
    house: House, caller: Caller, return_id: FromPath[UUID], data: JSONBody[InspectBody],
    idempotency: IdempotencyKey = None,
) -> Response[DeskReturn]:  # fmt: skip
    """For sale again, or written off; and what they cost, less a fee, goes back by a refund, to where it came from.

    202: asked for, and still under way; or, where much money would go back, a question to a second person.
    """
    goods = await _find(house, return_id)

    async def stake(writer: Writer) -> Money | None:
        now = await returns.find(writer, goods.order_id, goods.n)
        if now is None or now.status not in TO_COME:
            return None  # over, or done under this key: its owner answers
        if now.status is not ReturnStatus.RECEIVED:
            refusal = Refusal("wrong_move", f"This return cannot be asked to inspect now: it is {now.status}.")
            raise _with_actions(refusal, now)
        return await at_stake.of_return(writer, now, _wish(data, caller.author))

    asked_for = Inspection(goods.n, data)
    guard = four_eyes.Guard(Guarded.RETURN, goods.order_number, asked_for, data.reason, stake, goods.order_id)
    asked = await four_eyes.second(house, caller, guard, idempotency)
    if asked is not None and asked.status is ApprovalStatus.PENDING:
        return four_eyes.kept(asked)
    id = four_eyes.name_of(asked) if asked else _named(caller, ReturnAction.INSPECT, idempotency)
    return await inspected(house, caller, goods, data, caller.author, id)


async def inspected(
    house: Premises, caller: Identity, goods: Return, data: InspectBody, author: Author, id: str
) -> Response[DeskReturn]:
    """Say what became of the goods for its author, once an id; told to the caller."""
    wish = InspectReturn(digest(data), _wish(data, author))
    return await _tell_owner(house, caller, goods, ReturnGoods.inspect, wish, id)


def _wish(data: InspectBody, author: Author) -> InspectionWish:
    items = tuple(InspectedItem(each.sku, each.restock, each.write_off) for each in data.items or ())
    return InspectionWish(author.actor, items, data.fee, data.location, data.reason, author)


async def _find(house: House, id: UUID) -> Return:
    """Raises: Refusal `return_not_found`."""
    goods = await returns.by_id(house.database, ReturnId(id))
    if goods is None:
        raise Refusal("return_not_found", "There is no such return.")
    logs.bind(order=goods.order_number)
    return goods


async def _shown(house: House, caller: Identity, id: UUID) -> DeskReturn:
    """It has the buyer's own words: that they are read is written down, by the number of the order."""
    goods = await _find(house, id)
    await write_down_reading(house, caller, "return.read", [goods.order_number])
    return desk_return(goods)


async def _ask(
    house: House, caller: Identity, id: UUID, action: ReturnAction, update: Any, wish: Any, idempotency: str | None
) -> Response[DeskReturn]:
    """Send a command to the return's owner, once a key of this person's; the return as it stands then."""
    goods = await _find(house, id)
    return await _tell_owner(house, caller, goods, update, wish, _named(caller, action, idempotency))


async def _tell_owner(
    house: Premises, caller: Identity, goods: Return, update: Any, wish: Any, id: str
) -> Response[DeskReturn]:
    """The same, once an id."""
    over = Refusal("wrong_move", f"This return is {goods.status}.", status=goods.status)
    owner = workflow_id(goods.order_id, goods.n)
    try:
        done: ReturnState | None = await send(house, owner, update, wish, id, over)
    except Refusal as refusal:
        if refusal.code != "wrong_move":
            raise
        raise _with_actions(refusal, await _find(house, goods.id)) from refusal
    if done is not None and done.digest != wish.digest:
        raise Refusal("idempotency_key_reused", "This Idempotency-Key was used with another request.")
    return Response(await _shown(house, caller, goods.id), status_code=200 if done else 202)


def _named(caller: Identity, action: ReturnAction, idempotency: str | None) -> str:
    """The id under which this person's command is done once."""
    return f"{action}:{caller.account}:{idempotency_key(idempotency) or new_id()}"


def _with_actions(refusal: Refusal, goods: Return) -> Refusal:
    """The same, and where the return stands and what can be done with it instead."""
    facts = {**refusal.facts, "status": goods.status, "actions": return_actions(goods.status)}
    return Refusal(refusal.code, refusal.detail, **facts)


handlers = [list_returns, read_return, approve, reject, receive, inspect]
