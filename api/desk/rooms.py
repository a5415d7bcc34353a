"""All of the desk as one router: its own admission, its own words for what went wrong."""

from litestar import Router

from api.desk import approvals, attention, order_actions, orders, reports, signing_in, stock
from api.desk.admission import admit
from api.desk.mistakes import HANDLERS

ROOMS = (signing_in, approvals, attention, orders, order_actions, stock, reports)


def router() -> Router:
    """Everything below /desk."""
    found = [handler for room in ROOMS for handler in room.handlers]
    return Router("/", route_handlers=found, guards=[admit], exception_handlers=HANDLERS, include_in_schema=False)
