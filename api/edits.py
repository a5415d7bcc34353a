"""A buyer changes an order before anything of it is sent: asks what it would cost, then says yes, or lets it go."""

from typing import Annotated

import msgspec
from litestar import Response, delete, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, Parameter

from api.access import Access
from api.addresses import AddressBody
from api.checkout import PaymentMethod
from api.commands import command
from api.context import Caller, House, IdempotencyKey, Identity, OrderToken, digest, idempotency_key
from api.orders import Number, find
from api.problems import FieldError, Invalid, refuses
from api.replies.edits import EditReply, edit_reply
from api.replies.orders import OrderReply, order_reply
from models.address import Text
from models.cart import MOST_A_LINE
from models.edit import EditItem, EditStatus, EditWish, OrderEdit
from models.errors import Refusal
from models.ids import new_id
from models.order import Order as OrderRow
from models.tables import order as orders
from models.tables import order_edit as edits
from workflows.order import Order
from workflows.order_messages import CommitEdit, DropEdit, ProposeEdit

MAY_SAY = (
    "order_not_found", "wrong_move", "on_backorder", "edit_open", "edit_changes_nothing", "edit_leaves_nothing",
    "unknown_sku", "out_of_stock", "not_sold_in_currency", "quantity_out_of_range", "cart_full", "no_shipping",
    "shipping_method_unknown", "refund_exceeds", "charge_impossible", "idempotency_key_reused", "invalid",
    "unsupported_media_type",
)  # fmt: skip
"""What asking for an edit can be refused with."""
MAY_SAY_OF_ONE = (
    "order_not_found", "edit_not_found", "edit_over", "payment_declined", "wrong_move", "charge_impossible",
    "charge_disputed", "not_held", "refund_exceeds", "idempotency_key_reused", "invalid", "unsupported_media_type",
)  # fmt: skip
"""What committing one can be refused with."""

LATER = {"Retry-After": "2"}
Nth = Annotated[int, Parameter(ge=1, le=1_000_000, description="Counts the edits of the order")]


class WantedItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many units of one thing the order shall have."""

    sku: Annotated[Text, msgspec.Meta(examples=["MUG-SAND"])]
    quantity: Annotated[int, msgspec.Meta(ge=0, le=MOST_A_LINE, description="0: none any more")]


Lines = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$",
        description="Lines of text without control characters", examples=["Ordered the wrong colour."],
    ),
]  # fmt: skip


class EditBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the order shall be like. Positions that are not named stay as they are."""

    items: Annotated[list[WantedItem], msgspec.Meta(max_length=100)] = []
    shipping_address: AddressBody | None = None
    """Where it shall go; left out: that stays."""
    reason: Lines | None = None


class CommitBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the difference is paid, where there is something to pay."""

    payment_method: PaymentMethod | None = None
    """The provider's id of a payment method; left out: what paid the order."""


@post(
    "/orders/{number:str}/edits", operation_id="editOrder", access=Access.ANYONE, tags=["Orders"],
    summary="What would a change of an order cost?", status_code=201,
    responses={202: ResponseSpec(None, description="Taken on; look at the order's `edits`"),
               **refuses(*MAY_SAY, "unavailable")},
)  # fmt: skip
async def propose(
    house: House,
    caller: Caller,
    number: Number,
    data: JSONBody[EditBody],
    order_token: OrderToken = None,
    idempotency: IdempotencyKey = None,
) -> Response[EditReply | None]:
    """Until something of it is sent: other units of its positions, new ones, another address.

    The order stays as it is until the edit is committed; what it adds is held so long. Positions keep the price that
    they were bought at; new ones cost what they cost today.
    """
    key = idempotency_key(idempotency)
    order = await find(house, caller, number, order_token)
    wish = EditWish(
        f"{_who(caller)}/{key or new_id()}", digest(data), "buyer", items_of(data.items), data.shipping_address,
        data.reason or "",
    )  # fmt: skip
    made = await asked(house, order, wish)
    return Response(edit_reply(made) if made else None, status_code=201 if made else 202, headers={} if made else LATER)


@post(
    "/orders/{number:str}/edits/{n:int}/commit", operation_id="commitEdit", access=Access.ANYONE, tags=["Orders"],
    summary="Change the order as proposed", status_code=200, responses=refuses(*MAY_SAY_OF_ONE, "unavailable"),
)  # fmt: skip
async def commit(
    house: House,
    caller: Caller,
    number: Number,
    n: Nth,
    data: JSONBody[CommitBody],
    order_token: OrderToken = None,
    idempotency: IdempotencyKey = None,
) -> Response[OrderReply]:
    """All of it, or nothing. 202: still under way.

    What the order costs more is charged first: 402 says that the card is declined, and the edit still waits for a yes.
    What it costs less goes back the way it was paid.
    """
    key = idempotency_key(idempotency)
    order = await find(house, caller, number, order_token)
    customer = caller.customer if caller.user is not None and order.customer_id == caller.user else None
    wish = CommitEdit(digest(data), n, "buyer", data.payment_method, customer)
    done = await committed(house, order, wish, f"{_who(caller)}:{key or new_id()}")
    now = await orders.find(house.database, order.number) or order
    return Response(await order_reply(house, now), status_code=200 if done else 202)


@delete(
    "/orders/{number:str}/edits/{n:int}", operation_id="dropEdit", access=Access.ANYONE, tags=["Orders"],
    summary="Let a proposed change go", status_code=204,
    responses=refuses("order_not_found", "edit_not_found", "edit_over", "invalid", "unavailable"),
)  # fmt: skip
async def drop(house: House, caller: Caller, number: Number, n: Nth, order_token: OrderToken = None) -> None:
    """The order stays as it is, and what the edit held is for sale again."""
    order = await find(house, caller, number, order_token)
    await dropped(house, order, DropEdit(digest([n]), n, "buyer"))


def items_of(items: list[WantedItem]) -> tuple[EditItem, ...]:
    """Raises: Invalid when one SKU is named twice: which number would be meant?"""
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item.sku in seen:
            raise Invalid(FieldError("Named twice", pointer=f"/items/{index}/sku"))
        seen.add(item.sku)
    return tuple(EditItem(item.sku, item.quantity) for item in items)


async def asked(house: House, order: OrderRow, wish: EditWish) -> OrderEdit | None:
    """The edit that this request asks for; None: its owner took it on, and needs longer than the budget.

    Raises: Refusal.
    """
    made = await edits.by_key(house.database, order.id, wish.key)
    if made is None:
        message = ProposeEdit(wish.digest, wish)
        await command(house, order, Order.propose_edit, message, f"edit:{wish.key}")
        made = await edits.by_key(house.database, order.id, wish.key)
    if made is not None and made.digest != wish.digest:
        raise Refusal("idempotency_key_reused", "This Idempotency-Key was used with another edit.")
    return made


async def committed(house: House, order: OrderRow, wish: CommitEdit, key: str) -> bool:
    """Whether it is done; False: still under way. Again: it is done. Raises: Refusal."""
    await one(house, order, wish.n)
    try:
        return await command(house, order, Order.commit_edit, wish, f"commit:{wish.n}:{key}") is not None
    except Refusal as refusal:
        if refusal.code != "wrong_move" or (await one(house, order, wish.n)).status is not EditStatus.COMMITTED:
            raise
        return True  # and its owner is gone by now


async def dropped(house: House, order: OrderRow, wish: DropEdit) -> None:
    """Again, or when it is over without a yes: nothing. Raises: Refusal `edit_not_found`, `edit_over`."""
    edit = await one(house, order, wish.n)
    if edit.status is EditStatus.COMMITTED:
        raise Refusal("edit_over", "This edit is committed: ask for another one.", status=edit.status)
    if edit.status is EditStatus.PROPOSED:
        await command(house, order, Order.drop_edit, wish, f"drop:{wish.n}:{new_id()}")


async def one(house: House, order: OrderRow, n: int) -> OrderEdit:
    """An order's `n`-th edit. Raises: Refusal `edit_not_found`."""
    edit = await edits.by_number(house.database, order.id, n)
    if edit is None:
        raise Refusal("edit_not_found", "This order has no such edit.")
    return edit


def _who(caller: Identity) -> str:
    """Keys are a person's own; whoever holds the order's token is one."""
    return f"user/{caller.user}" if caller.user is not None else "guest"


handlers = [propose, commit, drop]
