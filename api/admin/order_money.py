"""What moves the money of an order: calling it off, and taking what is reserved. Much of it takes two of the staff."""

from collections.abc import Awaitable, Callable

import msgspec
from litestar import Response, post
from litestar.params import JSONBody

from api.admin import four_eyes
from api.admin.changes import Reason
from api.admin.order_commands import MAY_SAY, ask, named
from api.admin.orders import DeskOrder, actions_of, find
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, Identity, Premises, digest
from api.orders import Number
from api.problems import FieldError, Invalid
from models.approval import ApprovalRecord, ApprovalStatus, Guarded
from models.audit import Author
from models.database import Writer
from models.money import Money
from models.order import Action, Order
from models.roles import Scope
from models.tables import at_stake
from workflows.order import Order as Owner
from workflows.order_messages import CancelCheckout, CaptureOrder


class CaptureBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much is taken."""

    amount: Money | None = None
    """Left out: all that is not taken yet."""
    reason: Reason | None = None


class CancelWhy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the order is cancelled; its buyer is told."""

    reason: Reason


@post(
    "/admin/orders/{number:str}/actions/cancel", operation_id="cancelAnyOrder", access=Scope.ORDERS_WRITE,
    tags=["Staff"], summary="Cancel an order", status_code=200,
    responses={**four_eyes.waiting(DeskOrder), **staff_refuses(*MAY_SAY, "approval_over", "capture_failed")},
)  # fmt: skip
async def cancel(
    house: House, caller: Caller, number: Number, data: JSONBody[CancelWhy], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """Stock, coupons and what was paid go back, and the buyer is told.

    Of an order that has left in part, what is not sent never will be: its stock and money go back, coupons stay used.
    The money goes back by a refund of its own. 202: asked for, and still under way; or, where much money would go
    back, a question to a second person.
    """
    order = await find(house, number)
    asked = await _second(
        house, caller, order, Guarded.CANCEL, data, data.reason,
        lambda writer: at_stake.of_cancel(writer, order.id), idempotency,
    )  # fmt: skip
    if asked is not None and asked.status is ApprovalStatus.PENDING:
        return four_eyes.kept(asked)
    id = four_eyes.name_of(asked) if asked else named(caller, Action.CANCEL, idempotency)
    return await cancelled(house, caller, order, data, caller.author, id)


async def cancelled(
    house: Premises, caller: Identity, order: Order, data: CancelWhy, author: Author, id: str
) -> Response[DeskOrder]:
    """Call the order off for its author, once an id; told to the caller."""
    wish = CancelCheckout(digest(data), data.reason, author.actor, author)
    return await ask(house, caller, order, Owner.cancel, wish, id)


@post(
    "/admin/orders/{number:str}/actions/capture", operation_id="captureOrder", access=Scope.ORDERS_WRITE,
    tags=["Staff"], summary="Take money that is reserved", status_code=200,
    responses={
        **four_eyes.waiting(DeskOrder),
        **staff_refuses(*MAY_SAY, "approval_over", "capture_exceeds", "capture_failed", "charge_impossible",
                        "currency_mismatch"),
    },
)  # fmt: skip
async def capture(
    house: House, caller: Caller, number: Number, data: JSONBody[CaptureBody], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """Of an order whose money is taken at shipment, before anything of it is sent: all of it, or a part.

    What is taken counts for its first parcels. After a part the rest is reserved anew, with the card that paid.
    202: under way; or, where it is much money, a question to a second person.
    """
    order = await find(house, number)
    if data.amount is not None and data.amount.amount <= 0:
        raise Invalid(FieldError("Expected more than nothing", pointer="/amount/amount"))
    asked = await _second(
        house, caller, order, Guarded.CAPTURE, data, data.reason or "captured by hand",
        lambda writer: at_stake.of_capture(writer, order.id, data.amount), idempotency,
    )  # fmt: skip
    if asked is not None and asked.status is ApprovalStatus.PENDING:
        return four_eyes.kept(asked)
    id = four_eyes.name_of(asked) if asked else named(caller, Action.CAPTURE, idempotency)
    return await captured(house, caller, order, data, caller.author, id)


async def captured(
    house: Premises, caller: Identity, order: Order, data: CaptureBody, author: Author, id: str
) -> Response[DeskOrder]:
    """Take the money for its author, once an id; told to the caller."""
    wish = CaptureOrder(author.actor, data.amount, digest(data), author, data.reason)
    return await ask(house, caller, order, Owner.capture, wish, id)


async def _second(
    house: Premises, caller: Identity, order: Order, action: Guarded, data: msgspec.Struct, reason: str,
    worth: Callable[[Writer], Awaitable[Money | None]], idempotency: str | None,
) -> ApprovalRecord | None:  # fmt: skip
    """The question to a second person, if it takes one. What cannot be done is refused, and nobody is asked first."""

    async def stake(writer: Writer) -> Money | None:
        return await worth(writer) if Action(action) in actions_of(order, caller.roles) else None

    guard = four_eyes.Guard(action, order.number, data, reason, stake, order.id)
    return await four_eyes.second(house, caller, guard, idempotency)


handlers = [cancel, capture]
