"""A vendor's part of orders: what to send, to whom, and what it comes to; and the one command, that a parcel left."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, NoReturn

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody, QueryParameter

from api import pages
from api.admin.order_parcels import Carrier, ParcelItem, Tracking
from api.admin.readings import write_down_reading
from api.commands import command
from api.context import Caller, House, IdempotencyKey, Identity, StrictRequest, digest, idempotency_key
from api.orders import Number
from api.pages import PageSize, Place
from api.vendor.refusals import vendor_refuses
from models.address import Address, Text
from models.cursor import Cursor
from models.errors import Refusal
from models.ids import VendorId, new_id
from models.order import Order, OrderStatus, Shipping
from models.roles import Scope
from models.shipment import ShipItem
from models.tables import order as orders
from models.tables import vendor_member as members
from models.tables import vendor_order as vendor_orders
from models.vendor import Earning, VendorOrder, VendorOrderItem, VendorParcel
from workflows.order import Order as Owner
from workflows.order_messages import ShipOrder

ToSend = Annotated[
    bool | None, QueryParameter(name="open", description="True: only with something to send; false: the others")
]


class VendorOrderLine(msgspec.Struct, frozen=True):
    """An order in a vendor's list."""

    number: str
    status: OrderStatus
    """Of the order as a whole."""
    units: int
    """Of one's own goods."""
    open_units: int
    """Of these, still to be sent."""
    earning: Earning
    placed_at: datetime


class VendorOrderList(msgspec.Struct, frozen=True):
    """One page of a vendor's orders, newest first."""

    items: list[VendorOrderLine]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class VendorOrderReply(msgspec.Struct, frozen=True):
    """A vendor's part of an order."""

    number: str
    status: OrderStatus
    """Of the order as a whole."""
    items: list[VendorOrderItem]
    shipments: list[VendorParcel]
    """Parcels with something of one's own in them."""
    shipping_address: Address
    shipping_method: Shipping
    earning: Earning
    placed_at: datetime


class VendorShipment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parcel of one's own goods that was handed to its carrier."""

    items: Annotated[list[ParcelItem], msgspec.Meta(min_length=1, max_length=1000)]
    carrier: Carrier
    tracking: Tracking
    location: Text | None = None
    """Code of where it came from. Left out: from where all of it lies, if that is one location."""


@get(
    "/vendor/orders", operation_id="listVendorOrders", access=Scope.VENDOR, tags=["Vendors"],
    summary="Orders with something of one's own", responses=vendor_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_orders(
    house: House, caller: Caller, to_send: ToSend = None, limit: PageSize = 20, place: Place = None
) -> VendorOrderList:
    """Newest first. An order is here a moment after it is confirmed."""
    vendor = await members.vendor_of(house.database, caller.account)
    found = await vendor_orders.page(house.database, vendor, limit + 1, to_send, pages.begin(house, place))
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return VendorOrderList(
        [
            VendorOrderLine(
                card.number, card.status, card.units, card.open_units, card.earning, card.placed_at
            )
            for card in shown
        ],
        more,
    )  # fmt: skip


@get(
    "/vendor/orders/{number:str}", operation_id="readVendorOrder", access=Scope.VENDOR, tags=["Vendors"],
    summary="One's part of an order", responses=vendor_refuses("order_not_found", "invalid"),
)  # fmt: skip
async def read_order(house: House, caller: Caller, number: Number) -> VendorOrderReply:
    """One's own positions, where they go, and what they come to."""
    return await _shown(house, caller, await members.vendor_of(house.database, caller.account), number)


@post(
    "/vendor/orders/{number:str}/ship", operation_id="shipVendorOrder", access=Scope.VENDOR, tags=["Vendors"],
    summary="A parcel of one's own goods leaves", status_code=200,
    responses=vendor_refuses("order_not_found", "wrong_move", "nothing_left", "on_backorder", "location_needed",
                             "not_held", "location_unknown", "unknown_sku", "capture_failed",
                             "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def ship(
    request: StrictRequest, house: House, caller: Caller, number: Number, data: JSONBody[VendorShipment],
    idempotency: IdempotencyKey = None,
) -> Response[VendorOrderReply]:  # fmt: skip
    """No unit is sent twice; the buyer gets a letter. 202: the order's owner took it, and is still at it."""
    vendor = await members.vendor_of(house.database, caller.account)
    mine = await _find(house, vendor, number)
    units: dict[str, int] = {}
    for item in data.items:
        units[item.sku] = units.get(item.sku, 0) + item.quantity
    own = {item.sku for item in mine.items}
    for sku in units:
        if sku not in own:
            raise Refusal("unknown_sku", f"You have no {sku} in this order.", sku=sku)
    author = caller.author
    wish = ShipOrder(
        f"vendor/{caller.account}", data.carrier, data.tracking,
        tuple(ShipItem(sku, quantity) for sku, quantity in units.items()), data.location, digest(data), author,
    )  # fmt: skip
    key = idempotency_key(idempotency) or new_id()
    order = await orders.find(house.database, mine.number)
    assert order is not None
    done = await _asked(house, order, wish, f"ship:{caller.account}:{key}", own)
    return Response(await _shown(house, caller, vendor, number), status_code=200 if done else 202)


async def _asked(house: House, order: Order, wish: ShipOrder, id: str, own: set[str]) -> bool:
    """Whether it is done; else it is still under way. Raises: Refusal, with nothing of others' goods in its facts."""
    try:
        return await command(house, order, Owner.ship, wish, id) is not None
    except Refusal as refusal:
        _refuse(refusal, own)


def _refuse(refusal: Refusal, own: set[str]) -> NoReturn:
    """Raises: Refusal, the same without a word of what is not the vendor's."""
    facts: dict[str, Any] = {name: _own(value, own) for name, value in refusal.facts.items()}
    raise Refusal(refusal.code, refusal.detail, **facts) from refusal


def _own(value: Any, own: set[str]) -> Any:
    if not isinstance(value, list):
        return value
    return [each for each in value if not isinstance(each, Mapping) or each.get("sku", "") in own or "sku" not in each]


async def _find(house: House, vendor: VendorId, number: str) -> VendorOrder:
    found = await vendor_orders.find(house.database, vendor, number)
    if found is None:
        raise Refusal("order_not_found", "There is no such order with something of yours in it.")
    return found


async def _shown(house: House, caller: Identity, vendor: VendorId, number: str) -> VendorOrderReply:
    """It says who gets the goods: that a vendor reads it is written down as it is of staff."""
    order = await _find(house, vendor, number)
    await write_down_reading(house, caller, "order.read", [order.number])
    return VendorOrderReply(
        order.number, order.status, list(order.items), list(order.shipments), order.shipping_address,
        order.shipping_method, order.earning, order.placed_at,
    )  # fmt: skip


handlers = [list_orders, read_order, ship]
