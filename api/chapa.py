"""Chapa's two doors: its signed webhook, and the callback that anybody can forge. Both only make the owner look.

What has happened to the money is read from Chapa itself, so that order, duplicates and lies do not matter.
"""

from hashlib import sha256
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import QueryParameter
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from api.access import Access
from api.context import House
from api.limits import Limit
from api.problems import refuses
from api.webhooks import Received
from models import chapa, logs
from models.errors import Refusal, Unavailable
from models.order import OrderStatus
from models.payment import CHAPA, SETTLED, PaymentStatus
from models.tables import inbox
from models.tables import payment as payments
from workflows.late_payment import LatePayment, WatchPayment, late_payment_id
from workflows.news import ProviderNews
from workflows.order import Order
from workflows.patience import ORDERS

SUCCESS = "charge.success"
NEWS = frozenset({SUCCESS, "charge.failed/cancelled"})
"""Events that an order may be waiting for; all others are kept as evidence."""
CALLBACK = "callback"
Said = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,255}$(?!\n)")]
TransactionReference = Annotated[str, QueryParameter(name="trx_ref", description="Our reference of the transaction")]


class ChapaEvent(msgspec.Struct):
    """As much of an event as we read; the whole of it is stored."""

    event: Said
    tx_ref: Said | None = None


@post(
    "/webhooks/chapa", operation_id="receiveChapaEvent", access=Access.PUBLIC, limited=Limit.UNCOUNTED,
    tags=["Payment providers"], summary="Events from Chapa",
    status_code=200, responses=refuses("signature_invalid", "unavailable"),
)  # fmt: skip
async def chapa_webhook(request: Request[Any, Any, Any], house: House) -> Response[Received]:
    """The signature is checked; an event that came before, that nobody knows or that nobody waits for is harmless."""
    body, secret = await request.body(), house.settings.chapa_webhook_secret
    signatures = [request.headers.get(name, "") for name in ("x-chapa-signature", "chapa-signature")]
    if secret is None or not any(chapa.is_signed(body, each, secret) for each in signatures):
        raise Refusal("signature_invalid", "The signature is missing or wrong.")
    try:
        event, text = msgspec.json.decode(body, type=ChapaEvent), body.decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refusal("malformed", "This is not an event.") from error
    # Chapa numbers no events: the same words are the same event.
    return Response(Received(await _take_in(house, event, sha256(body).hexdigest(), text)))


@get(
    "/webhooks/chapa", operation_id="receiveChapaCallback", access=Access.PUBLIC,
    tags=["Payment providers"], summary="Chapa's callback", responses=refuses("unavailable"),
)  # fmt: skip
async def chapa_callback(house: House, trx_ref: TransactionReference = "") -> Received:
    """Unsigned, so nothing it says is believed: the order looks at its payment itself, once for each page."""
    event = ChapaEvent(CALLBACK, trx_ref)
    named = chapa.named_by(trx_ref)
    if named is not None and house.settings.chapa_webhook_secret is not None:
        async with house.database.writing() as writer:
            owner = await payments.owner_of(writer, named[0])
        if owner is not None and owner.provider == CHAPA and owner.status not in SETTLED:
            await _take_in(house, event, f"{CALLBACK}/{trx_ref}", "")
    return Received("thank you")  # whether there is such a payment is nobody's business


async def _take_in(house: House, event: ChapaEvent, event_id: str, body: str) -> str:
    """Store it, tell the owner, and say what became of it."""
    named = chapa.named_by(event.tx_ref or "")
    logs.bind(event_id=event_id, event_type=event.event)
    async with house.database.writing() as writer:
        owner = await payments.owner_of(writer, named[0]) if named else None
        owner = owner if owner is not None and owner.provider == CHAPA else None
        waiting = owner.workflow_id if owner else None
        logs.bind(workflow_id=waiting, order=owner.number if owner else None)
        if not await inbox.receive(writer, CHAPA, event_id, event.event, body, waiting):
            return "known"
        known = None
        if named is None or owner is None or event.event not in (*NEWS, CALLBACK):
            known = "kept: nobody waits for such an event"
        elif owner.status in SETTLED and owner.status is not PaymentStatus.VOIDED:
            known = "kept: tells nothing new"
        if known:
            await inbox.settle(writer, CHAPA, event_id, known)
            return known
    assert named is not None
    assert owner is not None
    note = await _tell(house, owner, WatchPayment(owner.order, named[0], owner.number, CHAPA, owner.reference), event,
                       ProviderNews(event_id, event.event))  # fmt: skip
    async with house.database.writing() as writer:
        await inbox.settle(writer, CHAPA, event_id, note)
    return note


async def _tell(house: House, owner: payments.Owner, watch: WatchPayment, event: ChapaEvent, news: ProviderNews) -> str:
    """Signal the order; when it has ended without money, whoever waits for money that comes late."""
    try:
        await house.temporal.get_workflow_handle(owner.workflow_id).signal(Order.provider_news, news)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise Unavailable("temporal", error.message) from error
    else:
        return "told the order"
    if event.event != SUCCESS or owner.order_status is not OrderStatus.CANCELLED:
        return "kept: no such order is open"
    try:
        await house.temporal.start_workflow(
            LatePayment.run, watch, id=late_payment_id(owner.workflow_id), task_queue=ORDERS,
            start_signal="provider_news", start_signal_args=[news],
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            static_summary=f"{watch.number} · late money goes back",
        )  # fmt: skip
    except RPCError as error:
        raise Unavailable("temporal", error.message) from error
    return "told who waits for late money"


handlers = [chapa_webhook, chapa_callback]
