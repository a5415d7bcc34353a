"""Who of the staff may do which of the actions on an order: an action needs a scope, and roles have scopes."""

from collections.abc import Iterable, Mapping

from models.order import Action
from models.roles import Role, Scope, may

SCOPES: Mapping[Action, Scope] = {
    Action.CANCEL: Scope.ORDERS_WRITE,
    Action.EXTEND_HOLD: Scope.ORDERS_WRITE,
    Action.APPROVE: Scope.ORDERS_WRITE,
    Action.REJECT: Scope.ORDERS_WRITE,
    Action.EDIT: Scope.ORDERS_WRITE,
    Action.SHIP: Scope.ORDERS_WRITE,
    Action.SWITCH_LOCATION: Scope.ORDERS_WRITE,
    Action.ACCEPT_SHORTAGE: Scope.ORDERS_WRITE,
    Action.CAPTURE: Scope.ORDERS_WRITE,
    Action.DELIVER: Scope.ORDERS_WRITE,
    Action.REFUND: Scope.REFUNDS_WRITE,
    Action.RETRY: Scope.ORDERS_WRITE,
    Action.NOTE: Scope.ORDERS_WRITE,
}
"""What each of staff's actions needs; its operation asks for the same."""


def open_to(actions: Iterable[Action], roles: Iterable[Role]) -> list[Action]:
    """Those of the actions that somebody with these roles may do."""
    mine = frozenset(roles)
    return [action for action in actions if may(mine, SCOPES[action])]
