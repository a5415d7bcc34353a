"""What staff do with an order: each a command to its owner, done once a key, in the audit log with who and why."""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn

import msgspec
from litestar import Response, post
from litestar.params import JSONBody

from api.admin import retries
from api.admin.changes import Reason
from api.admin.orders import DeskOrder, actions_of, desk_order, find
from api.admin.refusals import staff_refuses
from api.commands import Command, command
from api.context import Caller, House, IdempotencyKey, Identity, StrictRequest, digest, idempotency_key
from api.orders import Number
from api.problems import FieldError, Invalid
from api.repeats import once, scope_of
from models import logs
from models.address import Text
from models.audit import Author
from models.database import Writer
from models.errors import Refusal
from models.ids import OrderNumber, new_id
from models.money import Money
from models.order import Action, Order
from models.roles import Scope
from models.shipment import ShipItem
from models.tables import order as orders
from models.tables import order_desk as desk
from models.window import LONGEST
from workflows.order import Order as Owner
from workflows.order_messages import (
    ApproveOrder,
    CancelCheckout,
    CaptureOrder,
    DeliverOrder,
    ExtendWait,
    RejectOrder,
    ShipOrder,
)
from workflows.steadfast import RetryStep

MAY_SAY = ("order_not_found", "wrong_move", "idempotency_key_reused", "invalid", "unsupported_media_type")
"""What every one of them can be refused with."""


class Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is done."""

    reason: Reason


class OrderApproval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is good."""

    reason: Reason = "looked at, and good"


class Again(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why now."""

    reason: Reason = "looked at"


Carrier = Annotated[Text, msgspec.Meta(examples=["UPS"])]
Tracking = Annotated[Text, msgspec.Meta(examples=["1Z999AA10123456784"])]
Units = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Minutes = Annotated[
    int, msgspec.Meta(ge=1, le=LONGEST // timedelta(minutes=1), description="More than it has", examples=[60])
]
YEARS = range(2000, 2200)
"""In which an order can end."""


class ParcelItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of one thing in the parcel."""

    sku: Annotated[Text, msgspec.Meta(examples=["MUG-SAND"])]
    quantity: Units


class Parcel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parcel that was handed to its carrier."""

    carrier: Carrier
    tracking: Tracking
    items: Annotated[list[ParcelItem], msgspec.Meta(min_length=1, max_length=1000)] | None = None
    """Left out: all that is left of the order, at `location` where that is given."""
    location: Text | None = None
    """Code of where it came from. Left out: from where all of it lies, if that is one location."""


class CaptureBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much is taken."""

    amount: Money | None = None
    """Left out: all that is not taken yet."""


class Arrival(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What arrived."""

    shipment: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    """The parcel's number. Left out: all that are on their way."""


class CancelWhy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the order is cancelled; its buyer is told."""

    reason: Reason


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
            description="Lines of text without control characters; never edited afterwards",
            examples=["Called: wants it left with the neighbour."],
        ),
    ]  # fmt: skip


class Noted(msgspec.Struct, frozen=True):
    """Which order it was; a repeat is answered with the order as it is by then."""

    number: OrderNumber


@post(
    "/admin/orders/{number:str}/actions/cancel", operation_id="cancelAnyOrder", access=Scope.ORDERS_WRITE,
    tags=["Staff"], summary="Cancel an order", status_code=200, responses=staff_refuses(*MAY_SAY, "capture_failed"),
)  # fmt: skip
async def cancel(
    house: House, caller: Caller, number: Number, data: JSONBody[CancelWhy], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """Until something of it is sent. Stock, coupons and what was paid go back, and the buyer is told.

    The money goes back by a refund of its own. 202: asked for, and still under way.
    """
    order, author = await find(house, number), author_of(caller)
    wish = CancelCheckout(digest(data), data.reason, author.actor, author)
    return await ask(house, caller, order, Action.CANCEL, Owner.cancel, wish, idempotency)


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
    order, author = await find(house, number), author_of(caller)
    until = data.until.astimezone(UTC) if data.until is not None else None
    wish = ExtendWait(digest(data), author.actor, data.reason, data.minutes, until, author)
    return await ask(house, caller, order, Action.EXTEND_HOLD, Owner.extend_hold, wish, idempotency)


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
    order, author = await find(house, number), author_of(caller)
    wish = ApproveOrder(digest(data), author.actor, data.reason, author)
    return await ask(house, caller, order, Action.APPROVE, Owner.approve, wish, idempotency)


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
    order, author = await find(house, number), author_of(caller)
    wish = RejectOrder(digest(data), author.actor, data.reason, author)
    return await ask(house, caller, order, Action.REJECT, Owner.reject, wish, idempotency)


@post(
    "/admin/orders/{number:str}/actions/ship", operation_id="shipOrder", access=Scope.ORDERS_WRITE, tags=["Staff"],
    summary="A parcel leaves", status_code=200,
    responses=staff_refuses(*MAY_SAY, "nothing_left", "on_backorder", "location_needed", "not_held", "location_unknown",
                            "unknown_sku", "capture_failed"),
)  # fmt: skip
async def ship(
    house: House, caller: Caller, number: Number, data: JSONBody[Parcel], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """With some of the order, or with all that is left. No unit is sent twice; the buyer gets a letter."""
    order, author = await find(house, number), author_of(caller)
    units: dict[str, int] = {}
    for item in data.items or ():
        units[item.sku] = units.get(item.sku, 0) + item.quantity
    items = tuple(ShipItem(sku, quantity) for sku, quantity in units.items())
    wish = ShipOrder(author.actor, data.carrier, data.tracking, items, data.location, digest(data), author)
    return await ask(house, caller, order, Action.SHIP, Owner.ship, wish, idempotency)


@post(
    "/admin/orders/{number:str}/actions/capture", operation_id="captureOrder", access=Scope.ORDERS_WRITE,
    tags=["Staff"], summary="Take money that is reserved", status_code=200,
    responses=staff_refuses(*MAY_SAY, "capture_exceeds", "capture_failed", "charge_impossible", "currency_mismatch"),
)  # fmt: skip
async def capture(
    house: House, caller: Caller, number: Number, data: JSONBody[CaptureBody], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """Of an order whose money is taken at shipment, before anything of it is sent: all of it, or a part.

    What is taken counts for its first parcels. After a part the rest is reserved anew, with the card that paid.
    """
    order, author = await find(house, number), author_of(caller)
    if data.amount is not None and data.amount.amount <= 0:
        raise Invalid(FieldError("Expected more than nothing", pointer="/amount/amount"))
    wish = CaptureOrder(author.actor, data.amount, digest(data), author)
    return await ask(house, caller, order, Action.CAPTURE, Owner.capture, wish, idempotency)


@post(
    "/admin/orders/{number:str}/actions/deliver", operation_id="deliverOrder", access=Scope.ORDERS_WRITE,
    tags=["Staff"], summary="A parcel arrived", status_code=200, responses=staff_refuses(*MAY_SAY),
)  # fmt: skip
async def deliver(
    house: House, caller: Caller, number: Number, data: JSONBody[Arrival], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """One, or all that are on their way. The order is delivered when all of it was sent, and all of that arrived."""
    order, author = await find(house, number), author_of(caller)
    wish = DeliverOrder(author.actor, data.shipment, digest(data), author)
    return await ask(house, caller, order, Action.DELIVER, Owner.deliver, wish, idempotency)


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
    order, author, key = await find(house, number), author_of(caller), idempotency_key(idempotency)
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

    return await answered(house, order, asked())


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
        await desk.staff_did(writer, order.id, f"note/{new_id()}", "note", author_of(caller), None, text=data.text)
        return Noted(order.number)

    scope = scope_of(request, caller, f"POST /admin/orders/{number}/actions/note")
    done = await once(house, scope, idempotency_key(idempotency), data, Noted, write)
    return await desk_order(house, await find(house, done.number))


def author_of(caller: Identity) -> Author:
    """Who asks, for the transaction that does it."""
    return Author(caller.account, logs.bound("request_id"))


async def ask(
    house: House, caller: Identity, order: Order, action: Action, update: Any, wish: Command, idempotency: str | None
) -> Response[DeskOrder]:
    """Send a command to the order's owner, once a key of this person's; the order as it stands then.

    202: the owner took it and is still at it. Raises: Refusal; `wrong_move` with the `actions` that are possible.
    """
    key = idempotency_key(idempotency) or new_id()
    return await answered(house, order, command(house, order, update, wish, f"{action}:{caller.account}:{key}"))


async def answered(house: House, order: Order, asked: Awaitable[object]) -> Response[DeskOrder]:
    """The order after what was asked; 202 when that is still under way."""
    try:
        done = await asked
    except Refusal as refusal:
        if refusal.code != "wrong_move":
            raise
        refuse(await find(house, order.number), refusal)
    now = await orders.find(house.database, order.number)
    return Response(await desk_order(house, now or order), status_code=200 if done else 202)


def refuse(order: Order, refusal: Refusal) -> NoReturn:
    """Raises: Refusal, the same with where the order stands and what can be done with it instead."""
    facts = {"status": order.status, **refusal.facts, "actions": actions_of(order)}
    raise Refusal(refusal.code, refusal.detail, **facts) from refusal


handlers = [cancel, extend_hold, approve, reject, ship, capture, deliver, retry, note]
