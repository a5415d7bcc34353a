"""The buyer's orders: read from Postgres, steered by messages to their workflow."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, Parameter, QueryParameter
from litestar.response import Stream

from api import pages
from api.access import Access
from api.checkout import PaymentMethod, Provider, ReturnUrl, must_suit, no_wallet
from api.commands import command
from api.context import (
    BODILESS,
    Caller,
    House,
    IdempotencyKey,
    Identity,
    OrderToken,
    StrictRequest,
    digest,
    idempotency_key,
)
from api.pages import PageSize, Place
from api.problems import SIGNED_IN, FieldError, Invalid, refuses
from api.replies.checkout import CheckoutReply, reply_to
from api.replies.orders import OrderList, OrderReply, nothing_yet, order_list_item, order_reply
from models import logs, timeline, tokens
from models.cursor import Cursor
from models.errors import Refusal
from models.ids import OrderNumber, new_id
from models.order import Order as OrderRow
from models.order import OrderEvent, OrderStatus, told_to_buyer, workflow_id
from models.payment import TERMS
from models.roles import Scope
from models.tables import cart as carts
from models.tables import checkout as checkouts
from models.tables import order as orders
from models.tables import order_history
from models.tables.checkout import PastCheckout
from workflows import visibility
from workflows.order import Order
from workflows.order_messages import CancelCheckout, OrderState, PayOrder

Number = Annotated[str, Parameter(pattern=r"^HF-[2-9A-HJ-NP-Z]{5}-[2-9A-HJ-NP-Z]{5}$", description="HF-XXXXX-XXXXX")]
InStatus = Annotated[OrderStatus | None, QueryParameter(name="status", description="Only orders that are in it now")]


LastEventId = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", description="The `id` of the last event that arrived")
]


class AnotherMethod(msgspec.Struct, forbid_unknown_fields=True):
    """Another method for the same payment, or a new page of the same provider's."""

    payment_method: PaymentMethod | None = None
    """Required, unless the buyer pays on a page of the provider's."""
    provider: Provider | None = None
    """Left out: the one that the order was placed with. Another one is refused."""
    return_url: ReturnUrl | None = None
    """Where the provider's page sends the buyer afterwards; left out: to the shop."""
    hosted: bool = False
    """Pay on Stripe's own page."""
    save: bool = False
    """Keep the method for later purchases; for the buyer, signed in."""


class PayBody(msgspec.Struct, forbid_unknown_fields=True):
    """How to pay an order that waits for its payment."""

    payment: AnotherMethod


class CancelBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why the buyer does not want it any more."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$")] = (
        "changed my mind"
    )
    """Lines of text without control characters."""


class EventReply(msgspec.Struct):
    """The timeline, oldest first."""

    items: list[OrderEvent]
    next_cursor: str | None = None
    total: int | None = None


@get(
    "/orders", operation_id="listOrders", access=Scope.ACCOUNT, tags=["Orders"], summary="One's own orders",
    responses=refuses(*SIGNED_IN, "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_orders(
    house: House, caller: Caller, status: InStatus = None, limit: PageSize = 20, place: Place = None
) -> OrderList:
    """Newest first; with `status`: only those that stand there now."""
    found = await order_history.page(house.database, caller.account, limit + 1, status, pages.begin(house, place))
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.placed_at, last.id))
    return OrderList([order_list_item(house, order) for order in shown], more)


@get(
    "/orders/{number:str}", operation_id="readOrder", access=Access.ANYONE, tags=["Orders"], summary="An order",
    responses=refuses("order_not_found", "unavailable"),
)  # fmt: skip
async def read_order(house: House, caller: Caller, number: Number, order_token: OrderToken = None) -> OrderReply:
    """Whoever bought it signed in, or sends the `Order-Token` from checkout."""
    holder = _admit(house, caller, number, order_token)
    order = await orders.find(house.database, OrderNumber(number))
    if order is not None:
        _must_own(caller, order, holder)
        return await order_reply(house, order)
    past = await checkouts.by_number(house.database, number)
    if not (holder or await _is_own_checkout(house, caller, number, past)):
        raise _no_such_order()
    if past is not None and past.refusal:
        return nothing_yet(number, OrderStatus.CANCELLED, past.refusal["code"])
    return nothing_yet(number, OrderStatus.PENDING, None)


@get(
    "/orders/{number:str}/events", operation_id="readOrderEvents", access=Access.ANYONE, tags=["Orders"],
    summary="What happened to an order", responses=refuses("order_not_found", "unavailable"),
)  # fmt: skip
async def read_events(house: House, caller: Caller, number: Number, order_token: OrderToken = None) -> EventReply:
    """Each fact once, oldest first."""
    order = await find(house, caller, number, order_token)
    return EventReply(told_to_buyer(await orders.timeline(house.database, order.id)))


@get(
    "/orders/{number:str}/stream", operation_id="watchOrder", access=Access.ANYONE, tags=["Orders"],
    summary="What happens to an order, as it happens", media_type="text/event-stream",
    responses=refuses("order_not_found", "too_many_requests", "unavailable")
    | {204: ResponseSpec(None, description="It is over, and you know all of it")},
)  # fmt: skip
async def watch_order(
    request: StrictRequest, house: House, caller: Caller, number: Number, order_token: OrderToken = None,
    last_event_id: LastEventId = None,
) -> Response[Any]:  # fmt: skip
    """The order's events as server-sent events: those so far, then each within about a second, none of them twice.

    Its last one is named `end`: the order is over. A client that comes back sends `Last-Event-ID`, as browsers do.
    """
    order = await find(house, caller, number, order_token)
    mark = timeline.read(last_event_id)
    place = await house.streams.watch(order.id)
    known = place.watch.is_over and all(mark.has(id) for id, _ in place.watch.log)
    if known or request.scope.get(BODILESS):
        place.free()
        return Response(None, status_code=204 if known else 200, media_type="text/event-stream")
    return Stream(house.streams.tell(place, mark), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@post(
    "/orders/{number:str}/pay", operation_id="payOrder", access=Access.ANYONE,
    tags=["Orders"], summary="Pay with another method",
    status_code=200,
    responses=refuses("payment_declined", "order_not_found", "wrong_move", "idempotency_key_reused", "invalid",
                      "unsupported_media_type", "unavailable"),
)  # fmt: skip
async def pay_order(
    house: House,
    caller: Caller,
    number: Number,
    data: JSONBody[PayBody],
    order_token: OrderToken = None,
    idempotency: IdempotencyKey = None,
) -> Response[CheckoutReply]:
    """For an order that waits for its payment: answers as checkout does."""
    key = idempotency_key(idempotency)
    order = await find(house, caller, number, order_token)
    is_buyer = caller.user is not None and order.customer_id == caller.user
    if data.payment.save and not is_buyer:
        raise no_wallet()
    _must_go_with(house, order, data.payment)
    customer = caller.customer if is_buyer else None
    wish = PayOrder(
        digest(data), data.payment.payment_method, data.payment.save, customer, data.payment.return_url,
        data.payment.hosted,
    )  # fmt: skip
    answer = await command(house, order, Order.pay, wish, f"pay:{key or new_id()}")
    if answer is None:
        answer = OrderState(order.number, wish.digest, *visibility.BEGINNING, order.totals.total, credit=order.credit)
    return reply_to(house, order.number, answer, done=200)


@post(
    "/orders/{number:str}/cancel", operation_id="cancelOrder", access=Access.ANYONE,
    tags=["Orders"], summary="Cancel an order",
    status_code=200,
    responses=refuses("order_not_found", "wrong_move", "capture_failed", "idempotency_key_reused", "invalid",
                      "unsupported_media_type", "unavailable"),
)  # fmt: skip
async def cancel_order(
    house: House,
    caller: Caller,
    number: Number,
    data: JSONBody[CancelBody],
    order_token: OrderToken = None,
    idempotency: IdempotencyKey = None,
) -> Response[OrderReply]:
    """Until something of it is sent; what was paid goes back. 202: asked for, and still under way."""
    key = idempotency_key(idempotency)
    order = await find(house, caller, number, order_token)
    wish = CancelCheckout(digest(data), data.reason, "buyer")
    answer = await command(house, order, Order.cancel, wish, f"cancel:{key or new_id()}")
    now = await orders.find(house.database, order.number) or order
    return Response(await order_reply(house, now), status_code=200 if answer else 202)


def _must_go_with(house: House, order: OrderRow, choice: AnotherMethod) -> None:
    """Raises: Invalid when an order that was placed with its provider is not paid like that."""
    if choice.provider not in (None, order.provider):
        raise Invalid(FieldError(f"This order is paid with {order.provider}", pointer="/payment/provider"))
    if order.provider in TERMS:
        must_suit(house, order.provider, choice, order.totals.total.currency)
        if choice.payment_method is None and not (choice.hosted or TERMS[order.provider].hosted):
            raise Invalid(FieldError("Required", pointer="/payment/payment_method"))


async def find(house: House, caller: Identity, number: str, token: str | None) -> OrderRow:
    """An order that the caller may see. Raises: Refusal `order_not_found`."""
    holder = _admit(house, caller, number, token)
    order = await orders.find(house.database, OrderNumber(number))
    if order is None:
        raise _no_such_order()
    _must_own(caller, order, holder)
    return order


def _admit(house: House, caller: Identity, number: str, token: str | None) -> bool:
    """Whether the caller holds the order's token. Raises: Refusal when they neither do nor could own it."""
    logs.bind(order=number)
    holder = token is not None and tokens.opens_order(house.settings.secret_key, OrderNumber(number), token)
    if not holder and caller.user is None:
        raise _no_such_order()
    return holder


def _must_own(caller: Identity, order: OrderRow, holder: bool) -> None:
    """Who may see an order: its buyer, and whoever holds its token. To others it does not exist."""
    if not holder and (caller.user is None or order.customer_id != caller.user):
        raise _no_such_order()


async def _is_own_checkout(house: House, caller: Identity, number: str, past: PastCheckout | None) -> bool:
    """Whether a checkout without an order, refused or not begun yet, is of the caller's cart."""
    if past is not None or caller.cart is None:
        return past is not None and past.cart_id == caller.cart
    cart = await carts.read(house.database, caller.cart)
    next_one = workflow_id(caller.cart, cart.attempt if cart else 1)
    return tokens.order_number(house.settings.secret_key, next_one) == number


def _no_such_order() -> Refusal:
    return Refusal("order_not_found", "There is no such order, or it is not yours to see.")


handlers = [list_orders, read_order, read_events, watch_order, pay_order, cancel_order]
