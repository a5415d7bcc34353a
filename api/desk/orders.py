"""Orders at the desk: found, and each on one page that says why it is where it is and what can be done."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.response import Redirect, Stream

from api.admin import explain as explaining
from api.admin import orders as listing
from api.admin.explain import Explanation
from api.admin.orders import DeskOrder
from api.context import Caller, House, StrictRequest
from api.desk import order_forms, return_forms
from api.desk.admission import PATH
from api.desk.calls import Desk
from api.desk.forms import Filled
from api.desk.questions import asked
from api.desk.rendering import page
from api.orders import Number
from models.order import FulfilmentStatus, OrderStatus
from models.payment import PaymentStatus
from models.roles import Scope
from models.tables import order as rows

Line = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]


class OrderSearch(msgspec.Struct, frozen=True):
    """What is looked for."""

    q: Line | None = None
    status: OrderStatus | None = None
    payment_status: PaymentStatus | None = None
    fulfilment_status: FulfilmentStatus | None = None
    attention: bool | None = None
    customer: UUID | None = None
    cursor: Annotated[str, msgspec.Meta(max_length=100)] | None = None


AXES = {
    "status": tuple(OrderStatus), "payment_status": tuple(PaymentStatus), "fulfilment_status": tuple(FulfilmentStatus),
}  # fmt: skip


OUTCOMES = {
    "done": "Done", "later": "Asked for, and still under way",
    "asked": "That is much money: a second person has to agree, and nothing was done yet",
}  # fmt: skip
"""What came of a form, by what the address says."""


def _title(form: str) -> str:
    kind = next((kind for action, kind in order_forms.KINDS.items() if action == form), None)
    return kind.title.lower() if kind else form.replace("-", " ")[:40]


@get(f"{PATH}/orders", include_in_schema=False, access=Scope.ORDERS_READ)
async def list_orders(request: StrictRequest, house: House, caller: Caller) -> Response[Any]:
    """Newest first, by words and states. The whole number of an order leads straight to it."""
    desk, sought = Desk(request, house, caller), asked(request, OrderSearch)
    found = await desk.ask(
        listing.list_orders, words=sought.q, status=sought.status, paid=sought.payment_status,
        sent=sought.fulfilment_status, attention=sought.attention, customer=sought.customer, place=sought.cursor,
        limit=50,
    )  # fmt: skip
    only = found.items[0].number if len(found.items) == 1 else None
    if only is not None and sought.q is not None and sought.q.upper() == only:
        return Redirect(f"{PATH}/orders/{only}", status_code=303)
    asks = {name: value for name, value in msgspec.to_builtins(sought).items() if value is not None}
    return page(desk, "orders.html", here="orders", found=found, sought=sought, asks=asks, axes=AXES)


@get(f"{PATH}/orders/{{number:str}}", include_in_schema=False, access=Scope.ORDERS_READ)
async def read_order(request: StrictRequest, house: House, caller: Caller, number: Number) -> Response[Any]:
    """Why it is where it is, what happened, and what can be done now."""
    asks = request.query_params
    outcome = next((f"{words}: {_title(asks[how])}." for how, words in OUTCOMES.items() if how in asks), None)
    return await show(Desk(request, house, caller), number, outcome=outcome, opened=asks.get("open"))


@get(f"{PATH}/orders/{{number:str}}/live", include_in_schema=False, access=Scope.ORDERS_READ)
async def refresh_order(request: StrictRequest, house: House, caller: Caller, number: Number) -> Response[Any]:
    """The parts of the page that change by themselves."""
    return await show(Desk(request, house, caller), number, template="live.html")


@get(f"{PATH}/orders/{{number:str}}/stream", include_in_schema=False, access=Scope.ORDERS_READ)
async def watch_order(request: StrictRequest, house: House, number: Number) -> Stream:
    """Server-sent events: `news` each time that something has happened, `end` when nothing more will by itself."""
    order = await listing.find(house, number)
    seen = request.query_params.get("seen", "")
    place = await house.streams.watch(order.id)
    told = house.streams.news(place, int(seen) if seen.isdecimal() and len(seen) < 7 else 0)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(told, media_type="text/event-stream", headers=headers)


async def show(
    desk: Desk, number: str, *, status: int = 200, template: str = "order.html", filled: Filled | None = None,
    outcome: str | None = None, opened: str | None = None,
) -> Response[str]:  # fmt: skip
    """The page of an order; `filled`: with the form that was sent and refused."""
    # Counted before the rest is read: what happens meanwhile is news to whoever watches.
    seen = len(await rows.timeline(desk.house.database, (await listing.find(desk.house, number)).id))
    order: DeskOrder
    told: Explanation
    order, told = await asyncio.gather(
        desk.ask(listing.read_order, number=number), desk.ask(explaining.explain, number=number)
    )
    offered = order_forms.forms(desk, order, told)
    for goods in order.returns:
        offered += return_forms.forms(desk, goods)
    return page(
        desk, template, status=status, here="orders", order=order, told=told, seen=seen, outcome=outcome,
        opened=opened, filled=filled, forms=offered,
    )  # fmt: skip


handlers = [list_orders, read_order, refresh_order, watch_order]
