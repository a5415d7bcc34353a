"""An order's invoices and credit notes: PDF files that are written once, and served unchanged."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.openapi import ResponseSpec
from litestar.params import Parameter, QueryParameter
from litestar.response import Stream
from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from api import orders as buyers
from api.access import Access
from api.admin import orders as desk
from api.admin.readings import write_down_reading
from api.context import Caller, House, Identity, OrderToken, StrictRequest
from api.media import known
from api.orders import Number
from api.problems import refuses
from models.errors import Refusal, Unavailable
from models.invoice import PaperKind
from models.money import Money
from models.order import SOLD, Order
from models.papers.paper import PaperOutline, named
from models.roles import Scope, may
from models.storage import Unchanged
from models.tables import paper as papers
from models.tables.refund import REFUNDABLE
from workflows.issue_papers import OrdersPapers, PrintPapers, papers_id
from workflows.patience import ORDERS

PDF = "application/pdf"
FILE = {200: ResponseSpec(bytes, description="A file", media_type=PDF, generate_examples=False)}
NthInvoice = Annotated[
    int | None, QueryParameter(name="n", ge=1, le=10_000, description="Which of them, from 1; left out: the last one")
]
Nth = Annotated[int, Parameter(ge=1, le=10_000, description="Which of them, from 1")]


class PaperReply(msgspec.Struct):
    """An invoice or a credit note."""

    kind: PaperKind
    n: int
    """Counts the order's papers of this kind, from 1."""
    number: str
    issued_at: datetime
    net: Money
    tax: Money
    total: Money
    credits: str | None
    """Of a credit note: number of its invoice."""
    refund: int | None
    """Of a credit note: number of the order's refund; null: the order was changed, or a rest called off."""
    url: str
    """Where its file is."""


class PaperList(msgspec.Struct):
    """All papers of an order, oldest first."""

    items: list[PaperReply]
    next_cursor: str | None = None
    total: int | None = None


@get(
    "/orders/{number:str}/papers", operation_id="listPapers", access=Access.ANYONE, tags=["Orders"],
    summary="An order's invoices and credit notes", responses=refuses("order_not_found", "unavailable"),
)  # fmt: skip
async def list_papers(house: House, caller: Caller, number: Number, order_token: OrderToken = None) -> PaperList:
    """For its buyer, whoever holds its token, and staff. A moment after an order is paid its invoice is there."""
    order = await _find(house, caller, number, order_token)
    found = await papers.of_order(house.database, order.id)
    return PaperList([_reply(house, order, paper) for paper in found], None, len(found))


@get(
    "/orders/{number:str}/invoice", operation_id="readInvoice", access=Access.ANYONE, tags=["Orders"],
    summary="An order's invoice", media_type=PDF,
    responses=FILE | refuses("order_not_found", "invoice_not_found", "unavailable", "invalid"),
)  # fmt: skip
async def read_invoice(
    request: StrictRequest, house: House, caller: Caller, number: Number, n: NthInvoice = None,
    order_token: OrderToken = None,
) -> Response[Any]:  # fmt: skip
    """A PDF, once the order is paid; where money is taken at shipment, once the last parcel is.

    An order that was changed has another one, and the last is the one that counts. It is printed when it is asked for
    first, and the same file ever after. 304 for whoever has it already.
    """
    order = await _find(house, caller, number, order_token)
    found = await papers.of_order(house.database, order.id)
    if _lacks(order, found):
        await _have_printed(house, order)
        found = await papers.of_order(house.database, order.id)
    paper = _pick(found, PaperKind.INVOICE, n)
    await _write_down(house, caller, order)
    return await _file(request, house, paper)


@get(
    "/orders/{number:str}/credit-notes/{n:int}", operation_id="readCreditNote", access=Access.ANYONE, tags=["Orders"],
    summary="A credit note of an order", media_type=PDF,
    responses=FILE | refuses("order_not_found", "credit_note_not_found", "unavailable", "invalid"),
)  # fmt: skip
async def read_credit_note(
    request: StrictRequest, house: House, caller: Caller, number: Number, n: Nth, order_token: OrderToken = None
) -> Response[Any]:
    """A PDF of what went back: a refund of it, or the rest of an invoice that another one takes the place of."""
    order = await _find(house, caller, number, order_token)
    found = await papers.of_order(house.database, order.id)
    paper = _pick(found, PaperKind.CREDIT_NOTE, n)
    if paper.sha256 is None:
        await _have_printed(house, order)
        paper = _pick(await papers.of_order(house.database, order.id), PaperKind.CREDIT_NOTE, n)
    await _write_down(house, caller, order)
    return await _file(request, house, paper)


async def _find(house: House, caller: Identity, number: str, token: str | None) -> Order:
    """The order, for those who may see it. Raises: Refusal `order_not_found`."""
    if not may(caller.roles, Scope.ORDERS_READ):
        return await buyers.find(house, caller, number, token)
    return await desk.find(house, number)


async def _write_down(house: House, caller: Identity, order: Order) -> None:
    """A paper names its buyer: of staff it is written down that they read it, unless it is their own."""
    if may(caller.roles, Scope.ORDERS_READ) and caller.user != order.customer_id:
        await write_down_reading(house, caller, "order.read", [order.number])


def _lacks(order: Order, found: list[PaperOutline]) -> bool:
    """Whether the order is to have an invoice that is not there, or not printed."""
    invoices = [paper for paper in found if paper.kind is PaperKind.INVOICE]
    if any(paper.sha256 is None for paper in invoices):
        return True
    is_sold = order.status in SOLD and order.payment_status in REFUNDABLE
    return is_sold and (not invoices or invoices[-1].total != order.totals.total)


async def _have_printed(house: House, order: Order) -> None:
    """Ask for the order's papers, and wait a moment for them. Raises: Unavailable when that is not enough."""
    budget = house.settings.answer_budget
    try:
        async with asyncio.timeout(2 * budget.total_seconds()):
            handle = await house.temporal.start_workflow(
                PrintPapers.run, OrdersPapers(order.id), id=papers_id(order.id), task_queue=ORDERS,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE, static_summary=f"Papers of {order.number}",
                rpc_timeout=budget,
            )  # fmt: skip
            await handle.result(rpc_timeout=budget)
    except (RPCError, WorkflowFailureError, TimeoutError) as error:
        raise Unavailable("papers", "they are being printed: ask again") from error


def _pick(found: list[PaperOutline], kind: PaperKind, n: int | None) -> PaperOutline:
    """Raises: Refusal `invoice_not_found`, `credit_note_not_found`."""
    fitting = [paper for paper in found if paper.kind is kind and n in (None, paper.n)]
    if not fitting:
        what = "invoice" if kind is PaperKind.INVOICE else "credit note"
        raise Refusal(f"{kind}_not_found", f"This order has no such {what}, or not yet.")
    return fitting[-1]


async def _file(request: StrictRequest, house: House, paper: PaperOutline) -> Response[Any]:
    if paper.sha256 is None:
        raise Unavailable("papers", "it is being printed: ask again")
    headers = {"ETag": f'"{paper.sha256}"', "Cache-Control": "private, max-age=0, must-revalidate"}
    if known(request) == headers["ETag"]:
        return Response(b"", status_code=304, headers=headers)
    found = await house.storage.get(named(paper.number, paper.sha256))
    if found is None or isinstance(found, Unchanged):
        raise Unavailable("storage", "the file is not where it was kept")
    headers |= {
        "Content-Length": str(found.size), "Content-Disposition": f'inline; filename="{paper.number}.pdf"',
    }  # fmt: skip
    return Stream(found.body, media_type=PDF, headers=headers)


def _reply(house: House, order: Order, paper: PaperOutline) -> PaperReply:
    where = f"{house.settings.public_url}/api/v1/orders/{order.number}"
    file = f"invoice?n={paper.n}" if paper.kind is PaperKind.INVOICE else f"credit-notes/{paper.n}"
    return PaperReply(
        paper.kind, paper.n, paper.number, paper.issued_at, paper.net, paper.tax,
        paper.total, paper.of, paper.refund or None, f"{where}/{file}",
    )  # fmt: skip


handlers = [list_papers, read_invoice, read_credit_note]
