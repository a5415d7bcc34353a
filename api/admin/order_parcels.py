"""Parcels of an order: they leave, and they arrive."""

from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.params import JSONBody

from api.admin.changes import Reason
from api.admin.order_commands import MAY_SAY, ask, named
from api.admin.orders import DeskOrder, find
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, digest
from api.orders import Number
from models.address import Text
from models.order import Action
from models.roles import Scope
from models.shipment import ShipItem
from workflows.order import Order as Owner
from workflows.order_messages import DeliverOrder, ShipOrder

Carrier = Annotated[Text, msgspec.Meta(examples=["UPS"])]
Tracking = Annotated[Text, msgspec.Meta(examples=["1Z999AA10123456784"])]
Units = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


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
    reason: Reason | None = None


class Arrival(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What arrived."""

    shipment: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    """The parcel's number. Left out: all that are on their way."""
    reason: Reason | None = None


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
    order, author = await find(house, number), caller.author
    units: dict[str, int] = {}
    for item in data.items or ():
        units[item.sku] = units.get(item.sku, 0) + item.quantity
    items = tuple(ShipItem(sku, quantity) for sku, quantity in units.items())
    wish = ShipOrder(author.actor, data.carrier, data.tracking, items, data.location, digest(data), author, data.reason)
    return await ask(house, caller, order, Owner.ship, wish, named(caller, Action.SHIP, idempotency))


@post(
    "/admin/orders/{number:str}/actions/deliver", operation_id="deliverOrder", access=Scope.ORDERS_WRITE,
    tags=["Staff"], summary="A parcel arrived", status_code=200, responses=staff_refuses(*MAY_SAY),
)  # fmt: skip
async def deliver(
    house: House, caller: Caller, number: Number, data: JSONBody[Arrival], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """One, or all that are on their way. The order is delivered when all of it was sent, and all of that arrived."""
    order, author = await find(house, number), caller.author
    wish = DeliverOrder(author.actor, data.shipment, digest(data), author, data.reason)
    return await ask(house, caller, order, Owner.deliver, wish, named(caller, Action.DELIVER, idempotency))


handlers = [ship, deliver]
