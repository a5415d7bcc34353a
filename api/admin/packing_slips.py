"""Packing slips: what lies in a parcel, for whoever packs it."""

import asyncio

from litestar import Response, get

from api.admin.orders import find
from api.admin.readings import write_down_reading
from api.admin.refusals import staff_refuses
from api.context import Caller, House
from api.orders import Number
from api.papers import FILE, PDF, Nth
from models.errors import Refusal
from models.papers.paper import Slip, SlipItem
from models.papers.press import draw_slip
from models.roles import Scope
from models.tables import shipment as shipments


@get(
    "/admin/orders/{number:str}/shipments/{n:int}/packing-slip", operation_id="readPackingSlip",
    access=Scope.ORDERS_READ, tags=["Staff"], summary="A parcel's packing slip", media_type=PDF,
    responses=FILE | staff_refuses("order_not_found", "shipment_not_found", "invalid"),
)  # fmt: skip
async def read_packing_slip(house: House, caller: Caller, number: Number, n: Nth) -> Response[bytes]:
    """A PDF without prices: what lies in the order's `n`-th parcel, of how many that were ordered."""
    order = await find(house, number)
    parcel = next((each for each in await shipments.of_order(house.database, order.id) if each.n == n), None)
    if parcel is None:
        raise Refusal("shipment_not_found", "This order has no such parcel.")
    await write_down_reading(house, caller, "order.read", [order.number])
    lines = {line.sku: line for line in order.lines}
    slip = Slip(
        order.number, order.placed_at, n, parcel.shipped_at, parcel.carrier, parcel.tracking, parcel.location,
        order.shipping_address, order.locale, house.settings.shop,
        tuple(SlipItem(item.sku, lines[item.sku].name, item.quantity, lines[item.sku].quantity)
              for item in parcel.items),
    )  # fmt: skip
    file = await asyncio.to_thread(draw_slip, slip)
    name = f'inline; filename="{order.number}-{n}.pdf"'
    return Response(file, media_type=PDF, headers={"Content-Disposition": name, "Cache-Control": "no-store"})


handlers = [read_packing_slip]
