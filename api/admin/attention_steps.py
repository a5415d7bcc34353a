"""What can be done about a thing that waits for a person, and where else it is shown."""

from collections.abc import Iterable

import msgspec

from api import stripe_pages
from api.context import House, Identity
from api.processes import page_of
from models.attention import AttentionKind, Need, Stands
from models.order import Action, staff_actions
from models.returns import ReturnAction, ReturnStatus, return_actions
from models.roles import Scope, may

_K, _A = AttentionKind, Action


class NextStep(msgspec.Struct, frozen=True):
    """Something that can be done about it now."""

    action: str
    method: str
    path: str
    """Below `/api/v1`."""
    scope: Scope
    """What it needs."""
    yours: bool
    """Whether you have that."""


class NeedLinks(msgspec.Struct, frozen=True):
    """Where else it is shown."""

    order: str | None
    """Why its order is where it is, below `/api/v1`; null: it is of no order."""
    temporal: str | None
    """In the Temporal UI; null: nothing of it waits there, or there is no UI."""
    stripe: str | None
    """In Stripe's dashboard; null: it is nothing of Stripe's."""


_OF_ORDERS = {
    _K.UNDO_FAILED: (_A.RETRY,),
    _K.STUCK: (_A.RETRY, _A.CANCEL, _A.REFUND),
    _K.REFUND_FAILED: (_A.REFUND, _A.RETRY),
    _K.NOT_SHIPPED: (_A.SHIP, _A.CANCEL, _A.RETRY),
    _K.PROMISE_PASSED: (_A.SHIP, _A.ACCEPT_SHORTAGE, _A.CANCEL),
    _K.HELD: (_A.APPROVE, _A.REJECT),
    _K.DISPUTE: (_A.REFUND,),
    _K.PAPERS_UNWRITTEN: (_A.RETRY,),
}
"""What of an order's actions helps, the likeliest first."""
_SCOPES = {Action.REFUND: Scope.REFUNDS_WRITE}


def next_steps(need: Need, caller: Identity) -> list[NextStep]:
    """What can be done now, the likeliest first; beside it, that it is resolved can always be said."""
    return [
        NextStep(action, method, path, scope, may(caller.roles, scope))
        for action, method, path, scope in _steps(need)
    ]  # fmt: skip


def _steps(need: Need) -> Iterable[tuple[str, str, str, Scope]]:
    facts = need.facts
    match need.kind:
        case _K.RETURN_WAITING:
            for step in return_actions(ReturnStatus(facts["status"])):
                if step is not ReturnAction.RECEIVE:
                    yield step, "POST", f"/admin/returns/{facts['id']}/actions/{step}", Scope.RETURNS_WRITE
        case _K.CASE:
            yield "close", "POST", f"/admin/cases/{facts['id']}/close", Scope.CASES_WRITE
        case _K.APPROVAL_WAITING:
            for answer in ("approve", "reject"):
                yield answer, "POST", f"/admin/approvals/{facts['id']}/{answer}", Scope.APPROVALS_WRITE
        case _K.LETTER_UNSENT:
            yield "retry", "POST", f"/admin/letters/{facts['id']}/retry", Scope.LETTERS_WRITE
        case _K.TEMPLATE_FAILING:
            path = f"/admin/mail-templates/{facts['template']}/{facts['language']}"
            yield "reword", "PUT", path, Scope.LETTERS_WORD
            yield "drop", "DELETE", path, Scope.LETTERS_WORD
        case _K.RECEIVER_PAUSED:
            yield "resume", "POST", f"/admin/webhook-endpoints/{facts['id']}/resume", Scope.WEBHOOKS_WRITE
        case _K.PAYOUT_FAILED:
            path = f"/admin/vendors/{facts['vendor']}/payout-account"
            yield "change_account", "PATCH", path, Scope.PAYOUTS_WRITE
        case kind if need.order is not None and kind in _OF_ORDERS:
            legal = _legal(need.order)
            for action in _OF_ORDERS[kind]:
                if action in legal:
                    yield _of_order(need.order, action)


def _of_order(order: Stands, action: Action) -> tuple[str, str, str, Scope]:
    if action is Action.EDIT:
        return action, "POST", f"/admin/orders/{order.number}/edits", Scope.ORDERS_WRITE
    return (
        action, "POST", f"/admin/orders/{order.number}/actions/{action}", _SCOPES.get(action, Scope.ORDERS_WRITE)
    )  # fmt: skip


def _legal(order: Stands) -> list[Action]:
    return staff_actions(order.status, order.payment_status, order.fulfilment_status, order.asks)


def links(house: House, need: Need) -> NeedLinks:
    """Where else it is shown."""
    order, facts = need.order, need.facts
    provider, reference = (order.provider, order.payment_reference) if order is not None else (None, None)
    if need.kind is _K.DISPUTE and "reference" in facts:
        provider, reference = facts["provider"], facts["reference"]
    elif need.kind is _K.CASE:
        provider, reference = facts["provider"], facts["object"]
    elif need.kind is _K.PAYOUT_FAILED:
        provider, reference = "stripe", facts["destination"]
    return NeedLinks(
        f"/admin/orders/{order.number}/explain" if order is not None else None,
        page_of(house, need.workflow_id) if need.workflow_id is not None else None,
        stripe_pages.page_of(house, provider, reference),
    )  # fmt: skip
