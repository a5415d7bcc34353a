"""The provider's door: verify, store, tell the owner; 2xx only when all three are done."""

import re
from typing import Annotated, Any

import msgspec
import stripe
from litestar import Request, Response, post
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from api.access import Access
from api.context import House
from api.limits import Limit
from api.problems import refuses
from models import logs
from models.database import Reader
from models.dispute import is_reference
from models.dispute import workflow_id as dispute_workflow_id
from models.errors import Refusal, Unavailable
from models.order import is_workflow_id
from models.payment import SETTLED, STRIPE, PaymentStatus
from models.payment_method import is_saving_workflow_id
from models.refund import RefundStatus, named_by
from models.tables import inbox
from models.tables import payment as payments
from models.tables import refund as refunds
from workflows.dispute import FollowDispute, WatchDispute
from workflows.news import ProviderNews
from workflows.order import Order
from workflows.patience import ORDERS
from workflows.refund import Refund, RefundOrder
from workflows.save_payment_method import SavePaymentMethod

TOLERANCE = 300
"""Seconds a signature stays good; an older one may be a recording."""

NEWS = frozenset(
    {
        "payment_intent.amount_capturable_updated",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
        "payment_intent.canceled",
        "checkout.session.completed",
        "checkout.session.expired",
        "setup_intent.succeeded",
        "setup_intent.setup_failed",
        "setup_intent.canceled",
        "refund.updated",
        "refund.failed",
    }
)
"""Events that an order, a refund, or who saves a card, may be waiting for; all others are kept as evidence."""

DISPUTES = frozenset(
    {
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    }
)
"""Events about a dispute: whoever follows it is begun by them, because nobody waits for one."""

REFUSED = ("failed", "canceled")
"""What Stripe calls a refund that did not arrive, or came back."""


_NUMBER = re.compile(r"HF-[A-Z0-9-]{1,40}", re.ASCII).fullmatch
_CUSTOMER = re.compile(r"cus_[A-Za-z0-9_]{1,250}", re.ASCII).fullmatch

Printable = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,255}$(?!\n)")]


class StripeMetadata(msgspec.Struct):
    """What we wrote on it; everything else there is of no concern."""

    workflow: msgspec.Raw = msgspec.Raw(b"null")
    order: msgspec.Raw = msgspec.Raw(b"null")


class StripeObject(msgspec.Struct):
    """What an event is about."""

    id: str = ""
    metadata: StripeMetadata | None = None
    customer: msgspec.Raw = msgspec.Raw(b"null")
    status: msgspec.Raw = msgspec.Raw(b"null")


class StripeData(msgspec.Struct):
    object: StripeObject


class StripeEvent(msgspec.Struct):
    """As much of an event as we read; the whole of it is stored."""

    id: Printable
    type: Printable
    data: StripeData


class Received(msgspec.Struct):
    """Acknowledged; `note` says what became of it."""

    note: str
    received: bool = True


@post(
    "/webhooks/stripe", operation_id="receiveStripeEvent", access=Access.PUBLIC, limited=Limit.UNCOUNTED,
    tags=["Payment providers"], summary="Events from Stripe",
    status_code=200, responses=refuses("signature_invalid", "unavailable"),
)  # fmt: skip
async def stripe_webhook(request: Request[Any, Any, Any], house: House) -> Response[Received]:
    """The signature is checked; an event that came before, that nobody knows or that nobody waits for is harmless."""
    body = await request.body()
    signature = request.headers.get("stripe-signature", "")
    try:
        if not signature.isascii():  # the library compares letters only
            raise UnicodeError(signature)
        text = body.decode()
        stripe.WebhookSignature.verify_header(text, signature, house.settings.stripe_webhook_secret, TOLERANCE)
    except (stripe.SignatureVerificationError, UnicodeError) as error:
        raise Refusal("signature_invalid", "The signature is missing, wrong or too old.") from error
    try:
        event = msgspec.json.decode(body, type=StripeEvent)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refusal("malformed", "This is not an event.") from error
    return Response(Received(await _take_in(house, event, text)))


async def _take_in(house: House, event: StripeEvent, body: str) -> str:
    subject = event.data.object
    owner = _owner(event)
    logs.bind(event_id=event.id, event_type=event.type, workflow_id=owner, order=_order(subject))
    async with house.database.writing() as writer:
        if not await inbox.receive(writer, "stripe", event.id, event.type, body, owner, _customer(subject)):
            return "known"
        known = None
        if owner is None or event.type not in NEWS | DISPUTES:
            known = "kept: nobody waits for such an event"
        else:
            known = await _known(writer, owner, event)
        if known:
            await inbox.settle(writer, "stripe", event.id, known)
            return known
    assert owner is not None
    note = await _tell(house, owner, event)
    async with house.database.writing() as writer:
        await inbox.settle(writer, "stripe", event.id, note)
    return note


async def _known(reader: Reader, owner: str, event: StripeEvent) -> str | None:
    """Why the owner need not be told; None: it has to be."""
    subject = event.data.object
    if owner.startswith("dispute/"):
        return None
    refund = named_by(owner)
    if refund is None:
        status = await payments.status_by_reference(reader, subject.id)
        lapsed = status is PaymentStatus.AUTHORIZED and event.type == "payment_intent.canceled"
        return "kept: tells nothing new" if status in SETTLED and not lapsed else None
    made = await refunds.find(reader, *refund)
    if made is None:
        return "kept: no such refund"
    if made.status is RefundStatus.FAILED:
        return "kept: tells nothing new"
    came_back = msgspec.json.decode(subject.status) in REFUSED
    return None if made.status is RefundStatus.OPEN or came_back else "kept: tells nothing new"


def _owner(event: StripeEvent) -> str | None:
    """The workflow that we named when we asked for what it is about; None: it is somebody else's."""
    subject = event.data.object
    if event.type in DISPUTES:  # opened by a bank, which names none
        return dispute_workflow_id(STRIPE, subject.id) if is_reference(subject.id) else None
    if subject.metadata is None:
        return None
    named = msgspec.json.decode(subject.metadata.workflow)
    if not isinstance(named, str):
        return None
    return named if is_workflow_id(named) or is_saving_workflow_id(named) or named_by(named) else None


def _order(subject: StripeObject) -> str | None:
    """The number of the order it is about, for those who follow it through the logs."""
    named = msgspec.json.decode(subject.metadata.order) if subject.metadata else None
    return named if isinstance(named, str) and _NUMBER(named) else None


def _customer(subject: StripeObject) -> str | None:
    """The provider's id of the buyer that it is about; None: of nobody it knows by an id."""
    named = subject.id if subject.id.startswith("cus_") else msgspec.json.decode(subject.customer)
    return named if isinstance(named, str) and _CUSTOMER(named) else None


async def _tell(house: House, owner: str, event: StripeEvent) -> str:
    """Signal the owner. It reads the truth from the provider itself, so that order and duplicates do not matter."""
    if event.type in DISPUTES:
        return await _tell_dispute(house, owner, event)
    refund = named_by(owner)
    if refund is not None:
        return await _tell_refund(house, owner, RefundOrder(*refund), ProviderNews(event.id, event.type))
    saving = is_saving_workflow_id(owner)
    hear = SavePaymentMethod.provider_news if saving else Order.provider_news
    noun = "saving of a card" if saving else "order"
    try:
        await house.temporal.get_workflow_handle(owner).signal(hear, ProviderNews(event.id, event.type))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return f"kept: no such {noun} is open"
        raise Unavailable("temporal", error.message) from error
    return f"told the {noun}"


async def _tell_refund(house: House, owner: str, refund: RefundOrder, news: ProviderNews) -> str:
    """A refund that is over is begun again: its bank may send it back weeks after it took it."""
    try:
        await house.temporal.start_workflow(
            Refund.run, refund, id=owner, task_queue=ORDERS, start_signal="provider_news", start_signal_args=[news],
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )  # fmt: skip
    except RPCError as error:
        raise Unavailable("temporal", error.message) from error
    return "told the refund"


async def _tell_dispute(house: House, owner: str, event: StripeEvent) -> str:
    """Each news begins whoever looks at it, or meets them while they look."""
    watch, news = WatchDispute(STRIPE, event.data.object.id), ProviderNews(event.id, event.type)
    try:
        await house.temporal.start_workflow(
            FollowDispute.run, watch, id=owner, task_queue=ORDERS, start_signal="provider_news",
            start_signal_args=[news],
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            static_summary=f"Dispute {watch.reference}",
        )  # fmt: skip
    except RPCError as error:
        raise Unavailable("temporal", error.message) from error
    return "told who follows the dispute"


handlers = [stripe_webhook]
