"""Goods of an order that are not where they should be: staff have them sent from elsewhere, or go without them."""

from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.params import JSONBody

from api.admin import four_eyes
from api.admin.changes import Reason
from api.admin.order_commands import MAY_SAY, ask, named
from api.admin.order_parcels import ParcelItem
from api.admin.orders import DeskOrder, actions_of, find
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, Identity, Premises, digest
from api.orders import Number
from models.address import Text
from models.approval import ApprovalStatus, Guarded
from models.audit import Author
from models.database import Writer
from models.money import Money
from models.order import Action, Order
from models.roles import Scope
from models.shipment import ShipItem, shortage
from models.tables import at_stake
from models.tables import order_desk as desk
from workflows.order import Order as Owner
from workflows.order_messages import AcceptShortage, SwitchLocation

Place = Annotated[Text, msgspec.Meta(description="Code of a location", examples=["main"])]


class Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From where to where."""

    source: Place = msgspec.field(name="from")
    target: Place = msgspec.field(name="to")
    reason: Reason
    sku: Text | None = None
    """Left out: all that the order holds there."""


class Shortage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is not there."""

    items: Annotated[list[ParcelItem], msgspec.Meta(min_length=1, max_length=1000)]
    reason: Reason
    """Its buyer is told."""
    gone: bool = True
    """They are taken off the stock as well. False: they are for sale again."""


@post(
    "/admin/orders/{number:str}/actions/switch_location", operation_id="switchLocationOfOrder",
    access=Scope.ORDERS_WRITE, tags=["Staff"], summary="Send an order from another location", status_code=200,
    responses=staff_refuses(*MAY_SAY, "archived", "location_unknown", "not_held", "out_of_stock", "unknown_sku"),
)  # fmt: skip
async def switch_location(
    house: House, caller: Caller, number: Number, data: JSONBody[Switch], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """What it holds at `from` and has not left yet is held at `to`, all of it or nothing; for sale again at `from`."""
    order, author = await find(house, number), caller.author
    wish = SwitchLocation(digest(data), author.actor, data.reason, data.source, data.target, data.sku, author)
    return await ask(
        house, caller, order, Owner.switch_location, wish, named(caller, Action.SWITCH_LOCATION, idempotency)
    )


@post(
    "/admin/orders/{number:str}/actions/accept_shortage", operation_id="acceptShortageOfOrder",
    access=Scope.ORDERS_WRITE, tags=["Staff"], summary="Go without what is not there", status_code=200,
    responses={
        **four_eyes.waiting(DeskOrder),
        **staff_refuses(*MAY_SAY, "approval_over", "edit_leaves_nothing", "not_held", "nothing_left", "unknown_sku"),
    },
)  # fmt: skip
async def accept_shortage(
    house: House, caller: Caller, number: Number, data: JSONBody[Shortage], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """These units are never sent, their money goes back by a refund of its own, and the rest of the order is sent.

    Its buyer is told. What has still to come in goes first. Nothing left to be sent is no shortage: cancel it.
    202: still under way; or, where much money would go back, a question to a second person.
    """
    order, id = await find(house, number), named(caller, Action.ACCEPT_SHORTAGE, idempotency)

    async def stake(writer: Writer) -> Money | None:
        if Action.ACCEPT_SHORTAGE not in actions_of(order, caller.roles):
            return None
        if await desk.did(writer, order.id, shortage(id)):
            return None  # its owner answers as before
        return await at_stake.of_shortage(writer, order.id, _units(data))

    guard = four_eyes.Guard(Guarded.ACCEPT_SHORTAGE, order.number, data, data.reason, stake, order.id)
    asked = await four_eyes.second(house, caller, guard, idempotency)
    if asked is not None and asked.status is ApprovalStatus.PENDING:
        return four_eyes.kept(asked)
    return await went_without(
        house, caller, order, data, caller.author, four_eyes.name_of(asked) if asked else id
    )  # fmt: skip


async def went_without(
    house: Premises, caller: Identity, order: Order, data: Shortage, author: Author, id: str
) -> Response[DeskOrder]:
    """Accept the shortage for its author, once an id; told to the caller."""
    items = tuple(ShipItem(sku, quantity) for sku, quantity in _units(data).items())
    wish = AcceptShortage(digest(data), author.actor, data.reason, items, data.gone, author)
    return await ask(house, caller, order, Owner.accept_shortage, wish, id)


def _units(data: Shortage) -> dict[str, int]:
    """By SKU, should one be named twice."""
    units: dict[str, int] = {}
    for item in data.items:
        units[item.sku] = units.get(item.sku, 0) + item.quantity
    return units


handlers = [switch_location, accept_shortage]
