"""Why is this order here? One answer: what happened, what it does now, what it waits for, and what can be done."""

import asyncio
from datetime import datetime

import msgspec
from litestar import get

from api import stripe_pages
from api.admin.attention import AttentionItem, item
from api.admin.orders import actions_of, find
from api.admin.readings import write_down_reading
from api.admin.refusals import staff_refuses
from api.context import Caller, House
from api.orders import Number
from api.processes import Process, ProcessState, look
from api.replies.orders import can_of, returned, sent
from models import explanation
from models.attention import AttentionKind, Need
from models.explanation import Whereabouts
from models.order import Action, Order, OrderEvent, OrderStatus
from models.payment import TERMS
from models.refund import RefundStatus
from models.refund import workflow_id as refund_id
from models.returns import workflow_id as return_id
from models.roles import Scope
from models.tables import attention_queue as queue
from models.tables import order as orders
from models.tables import order_ledger as ledger
from models.tables.attention_queue import Sought
from models.tables.order_ledger import Books
from workflows import patience
from workflows.late_payment import late_payment_id

OVER = frozenset({OrderStatus.DELIVERED, OrderStatus.COMPLETED, OrderStatus.CANCELLED})
"""No workflow owns such an order any more."""
MOST_NEEDS = 20
MOST_REFUNDS = 10
"""Of those under way, as of returns, how many are asked how they are."""


class Happened(msgspec.Struct, frozen=True):
    """One fact of the timeline."""

    at: datetime
    what: str
    """As a sentence."""
    who: str
    """Who did it, in words."""
    actor: str
    type: str
    facts: dict[str, object]


class Page(msgspec.Struct, frozen=True):
    """A page of somebody else's."""

    what: str
    """`payment`, `refund 1`, `dispute`."""
    url: str


class Explanation(msgspec.Struct, frozen=True):
    """Why an order is where it is."""

    number: str
    status: str
    payment_status: str
    fulfilment_status: str
    summary: str
    """All of it in a sentence or two."""
    step: str
    """What it does now."""
    waits_for: str | None
    """Null: for nothing, it is over."""
    until: datetime | None
    """When something else happens by itself; null: it waits without a deadline."""
    next_retry: datetime | None
    """When a step that failed is tried again; null: none has failed, or it is being tried."""
    last_error: str | None
    """Why the step before that failed, in plain words; null: nothing is wrong."""
    attention: str | None
    """Why a person has to look; null: nobody has to."""
    told_by: str
    """`workflow`: by the one that owns the order. `rows`: by the shop's own rows, which are true without it."""
    actions: list[Action]
    """What you can do now."""
    can: list[Action]
    """What its buyer can do now."""
    happened: list[Happened]
    """Oldest first, each once; with staff's notes."""
    books: Books
    """Each entry of the ledgers that is about the order, once."""
    processes: list[Process]
    """The workflows behind it, its owner first."""
    needs: list[AttentionItem]
    """All that a person is asked for about it, the most urgent first: what, since when, and what can be done."""
    pages: list[Page]
    """Where else it is shown: its payment, refunds and disputes in Stripe's dashboard."""


@get(
    "/admin/orders/{number:str}/explain", operation_id="explainOrder", access=Scope.ORDERS_READ, tags=["Staff"],
    summary="Why an order is where it is", responses=staff_refuses("order_not_found", "invalid"),
)  # fmt: skip
async def explain(house: House, caller: Caller, number: Number) -> Explanation:
    """What happened, what it does, what it waits for and until when, what failed, what can be done.

    From the rows of the shop, which are never forgotten; its workflow, while there is one that can be asked, adds
    which step is being tried again and when.
    """
    order = await find(house, number)
    await write_down_reading(house, caller, "order.read", [order.number])
    processes = await _processes(house, order)
    if _is_orphan(order, processes[0]):  # it may have ended between the two questions
        order = await find(house, number)
    events = await orders.timeline(house.database, order.id)
    within = await ledger.ship_within(house.database, order.number)
    rows = explanation.of_rows(order, events, within, patience.PAUSE_BEFORE_NEXT_TRY)
    owner = processes[0].told
    # A step is written down before its workflow hears that it is done: whoever is behind is not believed.
    believed = owner is not None and (owner.status, owner.payment_status) == (rows.status, rows.payment_status)
    told = _with_the_rest(order, owner if owner is not None and believed else rows, processes[1:])
    needs = await queue.listed(house.database, MOST_NEEDS, Sought(order=order.number))
    return Explanation(
        number=order.number, status=order.status, payment_status=order.payment_status,
        fulfilment_status=order.fulfilment_status, summary=explanation.summary(told), step=told.step,
        waits_for=told.waiting_for, until=told.until, next_retry=_next_retry(told, processes),
        last_error=_last_error(order, processes), attention=order.attention,
        told_by="workflow" if believed else "rows", actions=actions_of(order, caller.roles),
        can=can_of(house, order, await sent(house, order)),
        happened=[_happened(event) for event in events], books=await ledger.of_order(house.database, order.id),
        processes=processes, needs=[item(house, caller, each) for each in needs.items],
        pages=_pages(house, order, needs.items),
    )  # fmt: skip


async def _processes(house: House, order: Order) -> list[Process]:
    """The order's owner, and whatever else is under way for it."""
    asked = [look(house, "order", order.workflow_id)]
    underway = [refund.n for refund in order.refunds if refund.status is RefundStatus.OPEN]
    asked += [look(house, "refund", refund_id(order.id, n), n) for n in underway[:MOST_REFUNDS]]
    back = [goods.n for goods in await returned(house, order) if goods.settled_at is None]
    asked += [look(house, "return", return_id(order.id, n), n) for n in back[:MOST_REFUNDS]]
    terms = TERMS.get(order.provider)
    if order.status is OrderStatus.CANCELLED and terms is not None and not terms.captures_apart:
        asked.append(look(house, "late_payment", late_payment_id(order.workflow_id)))
    found = await asyncio.gather(*asked)
    # Money that could have come late is not watched for when the order was paid, or any more.
    return [each for each in found if each.kind != "late_payment" or each.state is not ProcessState.GONE]


def _pages(house: House, order: Order, needs: list[Need]) -> list[Page]:
    """What Stripe's dashboard shows of it; nothing of what another provider has."""
    named = [("payment", order.payment_reference)]
    named += [(f"refund {refund.n}", refund.reference) for refund in order.refunds]
    named += [("dispute", need.facts.get("reference")) for need in needs if need.kind is AttentionKind.DISPUTE]
    found = [(what, stripe_pages.page_of(house, order.provider, reference)) for what, reference in named]
    return [Page(what, url) for what, url in found if url is not None]


def _is_orphan(order: Order, owner: Process) -> bool:
    return order.status not in OVER and owner.state in (ProcessState.ENDED, ProcessState.GONE)


def _with_the_rest(order: Order, told: Whereabouts, others: list[Process]) -> Whereabouts:
    """An order that is over itself may still wait for its refund, or for goods to come back."""
    if told.waiting_for is not None:
        return told
    for each in others:
        if each.told is not None and each.told.waiting_for is not None:
            return msgspec.structs.replace(each.told, step=f"{told.step}. {_name(each)}: {each.told.step}")
        if each.kind == "refund" and each.told is None and _is_open(order, each.n):
            return Whereabouts(f"{told.step}. {_name(each)} is reserved", explanation.PROVIDER)
    return told


def _is_open(order: Order, n: int | None) -> bool:
    return any(refund.n == n and refund.status is RefundStatus.OPEN for refund in order.refunds)


def _name(process: Process) -> str:
    return f"{process.kind.capitalize()} {process.n}" if process.n is not None else "Late money"


def _next_retry(told: Whereabouts, processes: list[Process]) -> datetime | None:
    nexts = [each.next_at for process in processes for each in process.tries if each.next_at is not None]
    pauses = [each.until for each in (told, *(process.told for process in processes))
              if each is not None and each.waiting_for == explanation.RETRY and each.until is not None]  # fmt: skip
    return min(nexts or pauses, default=None)


def _last_error(order: Order, processes: list[Process]) -> str | None:
    if _is_orphan(order, processes[0]):
        return "No workflow owns this order, though it is not over: tell the engineers."
    for process in processes:
        for each in process.tries:
            if each.error is not None:
                return each.error
    if order.attention is not None:
        return explanation.problem(order.attention)
    if order.status is OrderStatus.PENDING and order.payment_error is not None:
        return f"The payment was declined: {explanation.decline(order.payment_error)}"
    return None


def _happened(event: OrderEvent) -> Happened:
    what, who = explanation.happened(event), explanation.who(event.actor)
    return Happened(event.at, what, who, event.actor, event.type, event.facts)


handlers = [explain]
