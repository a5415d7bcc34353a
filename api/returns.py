"""A buyer sends goods back: one message to the workflow that owns the return, and its answer."""

from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody
from temporalio.client import WithStartWorkflowOperation
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from api import owners
from api.access import Access
from api.context import Caller, House, IdempotencyKey, Identity, OrderToken, digest, idempotency_key
from api.orders import Number, find
from api.problems import FieldError, Invalid, refuses
from api.replies.returns import ReturnReply, return_reply
from models.address import Text
from models.errors import Refusal, Unavailable
from models.ids import new_id
from models.order import Order
from models.returns import Return, ReturnItem, ReturnWish, workflow_id
from models.tables import returns
from workflows import visibility
from workflows.patience import ORDERS
from workflows.return_goods import AwaitReturn, ReturnGoods, ReturnOrder, ReturnState

ATTEMPTS = 25
"""How many other returns of one order may be asked for before this one, all at the same time."""


class UnwantedItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of one position of the order."""

    sku: Annotated[Text, msgspec.Meta(examples=["MUG-SAND"])]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    exchange_sku: Annotated[Text, msgspec.Meta(examples=["MUG-BLUE"])] | None = None
    """Wanted instead of the money, at its price of the day on which the goods have been looked into. All items of a
    return name one, or none does."""


class ReturnBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to go back, and why."""

    items: Annotated[list[UnwantedItem], msgspec.Meta(min_length=1, max_length=100)]
    reason: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$",
            description="Lines of text without control characters", examples=["Too small."],
        ),
    ]  # fmt: skip


@post(
    "/orders/{number:str}/returns", operation_id="returnGoods", access=Access.ANYONE, tags=["Orders"],
    summary="Ask to send goods back", status_code=201,
    responses={
        202: ResponseSpec(None, description="Taken on; look at the order's `returns`"),
        **refuses("order_not_found", "wrong_move", "nothing_to_return", "return_window_closed", "unknown_sku",
                  "not_sold_in_currency",
                  "idempotency_key_reused", "invalid", "unsupported_media_type", "unavailable"),
    },
)  # fmt: skip
async def return_goods(
    house: House,
    caller: Caller,
    number: Number,
    data: JSONBody[ReturnBody],
    order_token: OrderToken = None,
    idempotency: IdempotencyKey = None,
) -> Response[ReturnReply | None]:
    """Of what was sent, while there is time; staff look at it first, and the money goes back when the goods came.

    Send an `Idempotency-Key`: without one, twice sent is asked for twice.
    """
    key = idempotency_key(idempotency)
    order = await find(house, caller, number, order_token)
    _must_be_clear(data.items)
    items = tuple(ReturnItem(each.sku, each.quantity, each.exchange_sku) for each in data.items)
    wish = ReturnWish(f"{_who(caller)}/{key or new_id()}", data.reason, "buyer", items, digest(data))
    for _ in range(ATTEMPTS):
        known = await returns.by_key(house.database, order.id, wish.key)
        if known is not None:
            return _answer(house, known, wish)
        answer = await _ask_owner(house, order, await returns.upcoming(house.database, order.id), wish)
        if answer is None:
            return Response(None, status_code=202, headers={"Retry-After": "2"})
        if answer.goods is not None and answer.goods.key == wish.key:
            return _answer(house, answer.goods, wish)
        if answer.refusal is not None and answer.digest == wish.digest and answer.refusal.code != "return_superseded":
            raise Refusal(answer.refusal.code, answer.refusal.detail, **answer.refusal.facts)
    raise Unavailable("returns", "others return goods of this order; try again")


def _must_be_clear(items: list[UnwantedItem]) -> None:
    """Raises: Invalid when some items are to be exchanged and others not, or one for two things."""
    wanted = [number for number, each in enumerate(items) if each.exchange_sku is not None]
    if not wanted:
        return
    if len(wanted) < len(items):
        other = next(number for number in range(len(items)) if number not in wanted)
        raise Invalid(FieldError("Required, as the others name one: or ask for two returns",
                                 pointer=f"/items/{other}/exchange_sku"))  # fmt: skip
    seen: set[str] = set()
    for number, each in enumerate(items):
        if each.sku in seen:
            raise Invalid(FieldError("Named twice: ask for two returns", pointer=f"/items/{number}/sku"))
        seen.add(each.sku)


def _who(caller: Identity) -> str:
    """Keys are a person's own; whoever holds the order's token is one."""
    return f"user/{caller.user}" if caller.user is not None else "guest"


async def _ask_owner(house: House, order: Order, n: int, wish: ReturnWish) -> ReturnState | None:
    """One update-with-start; None: it has begun, and it is not known how far it is."""
    owner = workflow_id(order.id, n)
    start = WithStartWorkflowOperation(
        ReturnGoods.run, ReturnOrder(order.id, n, wish), id=owner, task_queue=ORDERS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        # One that was refused leaves its id to the next.
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary=f"{order.number} · return {n}",
        # Whoever is forgotten takes the histories of their cart's orders along: a buyer's words are in this one.
        search_attributes=TypedSearchAttributes([SearchAttributePair(visibility.CART_ID, str(order.cart_id))]),
    )  # fmt: skip
    return await owners.ask(house, owner, start, ReturnGoods.await_return, AwaitReturn(wish.key), wish.key, ReturnState)


def _answer(house: House, goods: Return, wish: ReturnWish) -> Response[ReturnReply | None]:
    """Raises: Refusal when another return was asked for under this key."""
    if goods.digest != wish.digest:
        raise Refusal("idempotency_key_reused", "This Idempotency-Key was used with another return.")
    return Response(return_reply(house, goods), status_code=201)


handlers = [return_goods]
