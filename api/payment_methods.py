"""The cards that an account keeps with the payment provider: shown by brand, last digits and expiry, never a number."""

import re
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody
from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from api import owners
from api.checkout import PaymentMethod
from api.context import Caller, House, IdempotencyKey, StrictRequest, digest, idempotency_key
from api.problems import refuses
from api.repeats import once, scope_of
from models.database import Writer
from models.errors import Refusal, Unavailable
from models.ids import new_id
from models.payment_method import SavedCard, SetupStanding, removal_workflow_id, saving_workflow_id
from models.roles import Scope
from models.tables import payment_method as wallets
from workflows.patience import ORDERS
from workflows.remove_payment_method import AwaitRemoval, MethodToRemove, RemovalState, RemovePaymentMethod
from workflows.save_payment_method import AwaitSaving, MethodToSave, SavePaymentMethod, SavingState

_REFERENCE = re.compile(r"[A-Za-z0-9_]{3,255}", re.ASCII)


class SaveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card to keep."""

    payment_method: Annotated[PaymentMethod | None, msgspec.Meta(examples=["pm_card_visa"])] = None
    """The provider's id of it, as Stripe.js gives it; never a card number. Left out: the answer's `client_secret` lets
    the browser send the card to the provider itself."""
    set_default: bool = False
    """Offer it first from now on. The first card is offered first anyway."""


class PaymentMethodReply(msgspec.Struct, frozen=True):
    """A card as people recognise it."""

    id: str
    """Give it to checkout as `payment.payment_method`."""
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool
    """Offer it first. It is never charged unless a checkout names it."""
    created_at: datetime


class PaymentMethodList(msgspec.Struct, frozen=True):
    """All of an account's cards, the default first, then the newest."""

    items: list[PaymentMethodReply]
    next_cursor: str | None
    """Null: at most 20 are kept, and one answer holds them all."""
    total: int


class UnfinishedReply(msgspec.Struct, frozen=True):
    """A card that is not saved yet."""

    status: str
    """`action_required`: confirm with `client_secret` (3-D Secure). `method_required`: send a card with
    `client_secret`, as Stripe.js does. `pending`: not known yet, send the same request again."""
    client_secret: str | None = None
    redirect_url: str | None = None


@get(
    "/payment-methods", operation_id="listPaymentMethods", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="Saved payment methods", responses=refuses("unavailable"),
)  # fmt: skip
async def list_payment_methods(house: House, caller: Caller) -> PaymentMethodList:
    """The default first, then the newest."""
    found = [_reply(card) for card in await wallets.saved(house.database, caller.account)]
    return PaymentMethodList(found, None, len(found))


@post(
    "/payment-methods", operation_id="savePaymentMethod", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="Save a payment method", status_code=201,
    responses={
        200: ResponseSpec(UnfinishedReply, description="The buyer's browser has to finish it"),
        202: ResponseSpec(UnfinishedReply, description="Begun, and not known yet what comes of it"),
        **refuses("payment_declined", "setup_ended", "payment_methods_full", "idempotency_key_reused",
                  "invalid", "unsupported_media_type", "unavailable"),
    },
)  # fmt: skip
async def save_payment_method(
    house: House, caller: Caller, data: JSONBody[SaveBody], idempotency: IdempotencyKey = None
) -> Response[PaymentMethodReply | UnfinishedReply]:
    """201: saved. 200: the buyer's browser finishes it within 24 hours; look for the card in the list then.

    At most 20 an account. The first one becomes the default.
    """
    key, meant = idempotency_key(idempotency) or str(new_id()), digest(data)
    wish = MethodToSave(caller.account, meant, data.payment_method, data.set_default)
    owner = saving_workflow_id(caller.account, key)
    start = WithStartWorkflowOperation(
        SavePaymentMethod.run, wish, id=owner, task_queue=ORDERS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary="Saves a card",
    )  # fmt: skip
    answer = await owners.ask(house, owner, start, SavePaymentMethod.await_saving, AwaitSaving(), key, SavingState)
    return _outcome(answer, meant)


@delete(
    "/payment-methods/{method_id:str}", operation_id="removePaymentMethod", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="Remove a payment method", status_code=204,
    responses=refuses("payment_method_not_found", "unavailable"),
)  # fmt: skip
async def remove_payment_method(house: House, caller: Caller, method_id: FromPath[str]) -> None:
    """Gone from the list at once, and from the provider soon after. The newest other one becomes the default."""
    user = caller.account
    if not _REFERENCE.fullmatch(method_id) or await wallets.find(house.database, user, method_id) is None:
        raise _no_such_method()
    owner = removal_workflow_id(user, method_id)
    start = WithStartWorkflowOperation(
        RemovePaymentMethod.run, MethodToRemove(user, method_id), id=owner, task_queue=ORDERS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary="Removes a card",
    )  # fmt: skip
    answer = await owners.ask(
        house, owner, start, RemovePaymentMethod.await_removal, AwaitRemoval(), "removal", RemovalState
    )
    if answer is None:
        raise Unavailable("temporal", "the removal has begun and is not done yet")
    if not answer.removed:
        raise _no_such_method()


@post(
    "/payment-methods/{method_id:str}/default", operation_id="makePaymentMethodDefault", access=Scope.ACCOUNT,
    tags=["Accounts"], summary="Make a payment method the default", status_code=200,
    responses=refuses("payment_method_not_found", "idempotency_key_reused", "invalid", "unavailable"),
)  # fmt: skip
async def make_default(
    request: StrictRequest, house: House, caller: Caller, method_id: FromPath[str], idempotency: IdempotencyKey = None
) -> PaymentMethodReply:
    """A storefront offers it first. It is never charged unless a checkout names it."""

    async def choose(writer: Writer) -> PaymentMethodReply:
        found = _REFERENCE.fullmatch(method_id)
        card = await wallets.make_default(writer, caller.account, method_id) if found else None
        if card is None:
            raise _no_such_method()
        return _reply(card)

    scope = scope_of(request, caller, "POST /payment-methods/default")
    return await once(house, scope, idempotency_key(idempotency), method_id, PaymentMethodReply, choose)


def _outcome(answer: SavingState | None, meant: str) -> Response[PaymentMethodReply | UnfinishedReply]:
    """What came of a card as a response. Raises: Refusal when it is not saved and never will be."""
    if answer is None:
        return Response(UnfinishedReply("pending"), status_code=202, headers={"Retry-After": "2"})
    if answer.digest != meant:
        raise Refusal("idempotency_key_reused", "This Idempotency-Key was used with another request.")
    if answer.refusal is not None:
        raise Refusal(answer.refusal.code, answer.refusal.detail, **answer.refusal.facts)
    if answer.card is not None:
        return Response(_reply(answer.card), status_code=201)
    setup = answer.setup
    if setup is not None and setup.standing is SetupStanding.DECLINED:
        detail = setup.detail or "The payment method was declined."
        raise Refusal("payment_declined", detail, decline_code=setup.code)
    if setup is not None and setup.standing in (SetupStanding.ACTION_REQUIRED, SetupStanding.METHOD_REQUIRED):
        unfinished = UnfinishedReply(setup.standing, setup.client_secret, setup.redirect_url)
        return Response(unfinished, status_code=200)
    raise Refusal("setup_ended", "This attempt has ended without a card. Begin another one, with another key.")


def _no_such_method() -> Refusal:
    return Refusal("payment_method_not_found", "There is no such payment method, or it is not yours.")


def _reply(card: SavedCard) -> PaymentMethodReply:
    return PaymentMethodReply(
        card.reference, card.brand, card.last4, card.exp_month, card.exp_year, card.is_default, card.saved_at
    )


handlers = [list_payment_methods, save_payment_method, remove_payment_method, make_default]
