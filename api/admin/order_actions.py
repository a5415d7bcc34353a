"""What else staff do with an order: let it wait longer, have a step tried again, write a note."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.params import JSONBody

from api.admin import retries
from api.admin.changes import Reason
from api.admin.order_commands import MAY_SAY, answered, ask, named
from api.admin.orders import DeskOrder, desk_order, find
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, StrictRequest, digest, idempotency_key
from api.orders import Number
from api.problems import FieldError, Invalid
from api.repeats import once, scope_of
from models.database import Writer
from models.errors import Refusal
from models.ids import OrderNumber, new_id
from models.order import Action
from models.roles import Scope
from models.tables import order_desk as desk
from models.window import LONGEST
from workflows.order import Order as Owner
from workflows.order_messages import ExtendWait
from workflows.steadfast import RetryStep


class Again(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why now."""

    reason: Reason = "looked at"


Minutes = Annotated[
    int, msgspec.Meta(ge=1, le=LONGEST // timedelta(minutes=1), description="More than it has", examples=[60])
]
YEARS = range(2000, 2200)
"""In which an order can end."""


class Longer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much longer an unpaid order waits: `minutes`, or `until`."""

    reason: Reason
    minutes: Minutes | None = None
    until: Annotated[datetime, msgspec.Meta(tz=True, description="No later than a day from now")] | None = None


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that staff should know of the order. Its buyer is not told."""

    text: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$",
            description="Lines of text without control characters; never edited afterwards: name no person",
            examples=["Called: wants it left with the neighbour."],
        ),
    ]  # fmt: skip


class Noted(msgspec.Struct, frozen=True):
    """Which order it was; a repeat is answered with the order as it is by then."""

    number: OrderNumber


@post(
    "/admin/orders/{number:str}/actions/extend_hold", operation_id="extendHoldOfOrder", access=Scope.ORDERS_WRITE,
    tags=["Staff"], summary="Let an unpaid order wait longer", status_code=200,
    responses=staff_refuses(*MAY_SAY, "hold_out_of_bounds"),
)  # fmt: skip
async def extend_hold(
    house: House, caller: Caller, number: Number, data: JSONBody[Longer], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """Its buyer can pay until then, and its goods are kept as long: longer than now, and no later than a day from now.

    A provider's page that is open already closes when it would have; the buyer can ask for another one (`pay`).
    """
    if (data.minutes is None) is (data.until is None):
        raise Invalid(FieldError("Expected either minutes or until", pointer="/minutes"))
    if data.until is not None and data.until.year not in YEARS:
        raise Invalid(FieldError("Expected a time within a day from now", pointer="/until"))
    order, author = await find(house, number), caller.author
    until = data.until.astimezone(UTC) if data.until is not None else None
    wish = ExtendWait(digest(data), author.actor, data.reason, data.minutes, until, author)
    return await ask(house, caller, order, Owner.extend_hold, wish, named(caller, Action.EXTEND_HOLD, idempotency))


@post(
    "/admin/orders/{number:str}/actions/retry", operation_id="retryOrder", access=Scope.ORDERS_WRITE,
    tags=["Staff"], summary="Try the step that needs attention again", status_code=200,
    responses=staff_refuses(*MAY_SAY),
)  # fmt: skip
async def retry(
    request: StrictRequest, house: House, caller: Caller, number: Number, data: JSONBody[Again],
    idempotency: IdempotencyKey = None,
) -> Response[DeskOrder]:  # fmt: skip
    """Now, instead of when its pause ends; of the order, its refunds, and the watch for late money.

    Where nothing waits to be tried again, as after a refund that failed for good, it says that somebody has looked.
    """
    order, author, key = await find(house, number), caller.author, idempotency_key(idempotency)
    wish = RetryStep(author.actor, data.reason, digest(data), author)
    id = f"{Action.RETRY}:{caller.account}:{key or new_id()}"

    async def look(writer: Writer) -> Noted:
        await retries.looked(writer, order, wish, id)
        return Noted(order.number)

    async def asked() -> bool:
        try:
            return await retries.again(house, order, wish, id)
        except Refusal as refusal:
            if refusal.code != "wrong_move":
                raise
        await once(
            house, scope_of(request, caller, f"POST /admin/orders/{number}/actions/retry"), key, data, Noted, look
        )
        return True

    return await answered(house, caller, order, asked())


@post(
    "/admin/orders/{number:str}/actions/note", operation_id="noteOnOrder", access=Scope.ORDERS_WRITE,
    tags=["Staff"], summary="Write a note on an order", status_code=200,
    responses=staff_refuses("order_not_found", "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def note(
    request: StrictRequest, house: House, caller: Caller, number: Number, data: JSONBody[Note],
    idempotency: IdempotencyKey = None,
) -> DeskOrder:  # fmt: skip
    """It stands in the order's events, for staff alone; also of one that is long over."""
    order = await find(house, number)

    async def write(writer: Writer) -> Noted:
        await desk.staff_did(writer, order.id, f"note/{new_id()}", "note", caller.author, None, text=data.text)
        return Noted(order.number)

    scope = scope_of(request, caller, f"POST /admin/orders/{number}/actions/note")
    done = await once(house, scope, idempotency_key(idempotency), data, Noted, write)
    return await desk_order(house, caller, await find(house, done.number))


handlers = [extend_hold, retry, note]
