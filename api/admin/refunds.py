"""Giving money of a paid order back: one message to the workflow that owns the refund, and its answer."""

from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.params import JSONBody
from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from api import owners
from api.admin import four_eyes
from api.admin.changes import Reason
from api.admin.order_commands import MAY_SAY, refuse
from api.admin.orders import actions_of, find
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, Identity, Premises, digest, idempotency_key
from api.orders import Number
from api.problems import FieldError, Invalid
from models.address import Text
from models.approval import ApprovalStatus, Guarded
from models.audit import Author
from models.database import Writer
from models.errors import Refusal, Unavailable
from models.ids import OrderNumber, new_id
from models.money import Money
from models.order import Action, Order
from models.refund import Refund as RefundRow
from models.refund import RefundedItem, RefundStatus, RefundWish, workflow_id
from models.roles import Scope
from models.tables import at_stake
from models.tables import refund as refunds
from workflows.patience import ORDERS
from workflows.refund import AwaitRefund, Refund, RefundOrder, RefundState

ATTEMPTS = 25
"""How many other refunds of one order may be begun before this one, all at the same time."""


class RefundItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of one position of the order."""

    sku: Text
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class RefundBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes back: an `amount`, or what `items` and `shipping` cost."""

    reason: Reason
    amount: Money | None = None
    items: Annotated[list[RefundItem], msgspec.Meta(max_length=100)] = []
    """Each at what was paid for it: less its discount, with its tax."""
    shipping: bool = False
    """What was paid for shipping, with its tax; it goes back once."""
    to: Annotated[str, msgspec.Meta(pattern="^(original|store_credit|gift_card)$(?!\n)")] = "original"
    """`original`: the way it was paid, the card first. `store_credit`: to the buyer's account here. `gift_card`: to
    a new one, whose code is mailed to the buyer, guest or not."""


class RefundMade(msgspec.Struct, frozen=True):
    """One refund of an order."""

    order_number: OrderNumber
    n: int
    """Counts the refunds of the order."""
    status: RefundStatus
    """`open`: reserved, and on its way."""
    amount: Money | None = None
    """Null: not reserved yet."""
    to_provider: Money | None = None
    """What the payment provider sends back."""
    to_credit: Money | None = None
    """What goes to gift cards or store credit."""


@post(
    "/admin/orders/{number:str}/actions/refund", operation_id="refundOrder", access=Scope.REFUNDS_WRITE,
    tags=["Staff"], summary="Give money of an order back", status_code=201,
    responses={
        **four_eyes.waiting(RefundMade),
        **staff_refuses(*MAY_SAY, "approval_over", "refund_exceeds", "refund_failed", "charge_disputed",
                        "currency_mismatch", "unknown_sku", "no_store_credit", "account_erased", "credit_too_much"),
    },
)  # fmt: skip
async def refund(
    house: House, caller: Caller, number: Number, data: JSONBody[RefundBody], idempotency: IdempotencyKey = None
) -> Response[RefundMade]:
    """To card, gift cards and store credit as they paid, and never more than that; also in parts.

    Send an `Idempotency-Key`: without one, twice sent is given back twice. 202: begun, and the provider or its bank
    needs longer; or, where it is much money, a question to a second person.
    """
    _must_say_what(data)
    order = await find(house, number)
    key = f"{caller.author.actor}/{idempotency_key(idempotency) or new_id()}"
    wish = _wish(data, caller.author, key)

    async def stake(writer: Writer) -> Money | None:
        if Action.REFUND not in actions_of(order, caller.roles):
            return None
        begun = await refunds.find_by_key(writer, order.id, wish.key)
        return None if begun else await at_stake.of_refund(writer, order.id, wish)

    guard = four_eyes.Guard(Guarded.REFUND, order.number, data, data.reason, stake, order.id)
    asked = await four_eyes.second(house, caller, guard, idempotency)
    if asked is not None and asked.status is ApprovalStatus.PENDING:
        return four_eyes.kept(asked)
    return await refunded(
        house, caller, order, data, caller.author, four_eyes.name_of(asked) if asked else wish.key
    )  # fmt: skip


async def refunded(
    house: Premises, caller: Identity, order: Order, data: RefundBody, author: Author, key: str
) -> Response[RefundMade]:
    """Give money back for its author, once a key; told to the caller."""
    try:
        return await _give_back(house, order, _wish(data, author, key))
    except Refusal as refusal:
        if refusal.code != "wrong_move":
            raise
        refuse(caller, await find(house, order.number), refusal)


def _wish(data: RefundBody, author: Author, key: str) -> RefundWish:
    return RefundWish(
        key=key, reason=data.reason, actor=author.actor, digest=digest(data), amount=data.amount,
        items=tuple(RefundedItem(each.sku, each.quantity) for each in data.items), shipping=data.shipping,
        store_credit=data.to == "store_credit", gift_card=data.to == "gift_card", author=author,
    )  # fmt: skip


def _must_say_what(data: RefundBody) -> None:
    """Raises: Invalid."""
    if (data.amount is None) is not (bool(data.items) or data.shipping):
        raise Invalid(FieldError("Expected either `amount`, or `items` and `shipping`", pointer=""))
    if data.amount is not None and data.amount.amount <= 0:
        raise Invalid(FieldError("Expected more than nothing", pointer="/amount/amount"))


async def _give_back(house: House, order: Order, wish: RefundWish) -> Response[RefundMade]:
    """Begin the order's next refund, or meet the one that this request began before; its answer."""
    for _ in range(ATTEMPTS):
        known = await refunds.by_key(house.database, order.id, wish.key)
        if known is not None and known.digest != wish.digest:
            raise Refusal("idempotency_key_reused", "This Idempotency-Key was used with another refund.")
        if known is not None and known.status is not RefundStatus.OPEN:
            return _answer(known)
        n = known.n if known else await refunds.next_number(house.database, order.id)
        answer = await _ask_owner(house, order, n, wish)
        mine = await refunds.by_key(house.database, order.id, wish.key)
        if mine is not None and mine.digest == wish.digest:
            return _answer(mine)
        if answer is None:
            return Response(RefundMade(order.number, n, RefundStatus.OPEN), status_code=202, headers=_LATER)
        if answer.refusal is not None and answer.refusal.code != "refund_superseded":
            raise Refusal(answer.refusal.code, answer.refusal.detail, **answer.refusal.facts)
    raise Unavailable("refunds", "this order is being refunded by others; try again")


async def _ask_owner(house: House, order: Order, n: int, wish: RefundWish) -> RefundState | None:
    """One update-with-start; None: it has begun, and it is not known how far it is."""
    owner = workflow_id(order.id, n)
    start = WithStartWorkflowOperation(
        Refund.run, RefundOrder(order.id, n, wish), id=owner, task_queue=ORDERS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        # One that was refused, or whose number came too late, leaves its id to the next.
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary=f"{order.number} · refund {n}",
    )  # fmt: skip
    try:
        return await owners.ask(house, owner, start, Refund.await_refund, AwaitRefund(wish.key), wish.key, RefundState)
    except Unavailable:
        if await refunds.by_key(house.database, order.id, wish.key) is None:
            raise
        return None


def _answer(refund: RefundRow) -> Response[RefundMade]:
    """Where it stands. Raises: Refusal `refund_failed` when the provider said no."""
    if refund.status is RefundStatus.FAILED:
        raise Refusal(
            "refund_failed", f"The payment provider refused it: {refund.error}. The money can go back another way.",
            n=refund.n, amount=refund.amount,
        )  # fmt: skip
    made = RefundMade(
        refund.order_number, refund.n, refund.status, refund.amount, refund.to_provider,
        refund.amount - refund.to_provider,
    )  # fmt: skip
    open_still = refund.status is RefundStatus.OPEN
    return Response(made, status_code=202 if open_still else 201, headers=_LATER if open_still else {})


_LATER = {"Retry-After": "2"}

handlers = [refund]
