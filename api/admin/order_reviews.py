"""Staff have looked at an order that is held: it goes on, or it ends."""

import msgspec
from litestar import Response, post
from litestar.params import JSONBody

from api.admin.changes import Reason
from api.admin.order_commands import MAY_SAY, Why, ask, named
from api.admin.orders import DeskOrder, find
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, digest
from api.orders import Number
from models.order import Action
from models.roles import Scope
from workflows.order import Order as Owner
from workflows.order_messages import ApproveOrder, RejectOrder


class OrderApproval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is good."""

    reason: Reason = "looked at, and good"


@post(
    "/admin/orders/{number:str}/actions/approve", operation_id="approveOrder", access=Scope.ORDERS_WRITE,
    tags=["Staff"], summary="Let an order that is held go on", status_code=200, responses=staff_refuses(*MAY_SAY),
)  # fmt: skip
async def approve(
    house: House, caller: Caller, number: Number, data: JSONBody[OrderApproval], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """It was held because it looked like fraud, and is none: its money is taken, its buyer told. Once it is decided.

    202: asked for, and still under way.
    """
    order, author = await find(house, number), caller.author
    wish = ApproveOrder(digest(data), author.actor, data.reason, author)
    return await ask(house, caller, order, Owner.approve, wish, named(caller, Action.APPROVE, idempotency))


@post(
    "/admin/orders/{number:str}/actions/reject", operation_id="rejectOrder", access=Scope.ORDERS_WRITE,
    tags=["Staff"], summary="End an order that is held", status_code=200, responses=staff_refuses(*MAY_SAY),
)  # fmt: skip
async def reject(
    house: House, caller: Caller, number: Number, data: JSONBody[Why], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """A reservation is given back, or what was paid; the buyer is told that it is not accepted, and not why.

    202: asked for, and still under way.
    """
    order, author = await find(house, number), caller.author
    wish = RejectOrder(digest(data), author.actor, data.reason, author)
    return await ask(house, caller, order, Owner.reject, wish, named(caller, Action.REJECT, idempotency))


handlers = [approve, reject]
