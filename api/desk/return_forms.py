"""What staff can do with goods that come back, as forms."""

from collections.abc import Callable, Mapping

import msgspec
from litestar.handlers import HTTPRouteHandler

from api.admin import returns
from api.admin.return_records import DeskReturn
from api.desk.admission import PATH
from api.desk.calls import Desk
from api.desk.forms import REASON, Body, Field, Form, Given, body, reason, units
from api.problems import FieldError, Invalid
from models.returns import ReturnAction

Fields = tuple[Field, ...]


class _Kind(msgspec.Struct, frozen=True):
    operation: HTTPRouteHandler
    title: str
    what: str
    fields: Callable[[DeskReturn], Fields]
    grave: bool = False


def _asked(goods: DeskReturn) -> Fields:
    return (
        Field("items", "What came", "units", filled=True,
              units=tuple((line.sku, line.name, line.quantity) for line in goods.items)),
    )  # fmt: skip


def _came(goods: DeskReturn) -> Fields:
    came = tuple((line.sku, line.name, line.received) for line in goods.items if line.received)
    return (
        Field("lost", "Not for sale any more", "units", units=came),
        Field("fee", "Kept of the price", "money", hint="Left empty: nothing."),
        reason("looked into"),
    )


KINDS: Mapping[ReturnAction, _Kind] = {
    ReturnAction.APPROVE: _Kind(
        returns.approve, "approve", "Its buyer is told until when the goods have to be here.",
        lambda goods: (reason("as asked"),),
    ),
    ReturnAction.REJECT: _Kind(
        returns.reject, "reject", "Its buyer is told why: the reason is for them, too.", lambda goods: (REASON,),
        grave=True,
    ),
    ReturnAction.RECEIVE: _Kind(
        returns.receive, "the parcel came", "Nobody has looked into it yet.", _asked,
    ),
    ReturnAction.INSPECT: _Kind(
        returns.inspect, "looked into", "What is good is for sale again, and its money goes back.", _came, grave=True,
    ),
}  # fmt: skip


def forms(desk: Desk, goods: DeskReturn) -> list[Form]:
    """What this person can do with it now."""
    return [
        Form(
            f"return-{goods.n}-{action}", f"{PATH}/orders/{goods.order_number}/returns/{goods.id}/{action}",
            f"Return {goods.n}: {kind.title}", kind.what, kind.fields(goods), kind.grave,
        )
        for action, kind in KINDS.items() if action in goods.actions and desk.can(kind.operation)
    ]  # fmt: skip


def body_of(action: ReturnAction, goods: DeskReturn, given: Given, currency: str) -> Body:
    """What the form says, as the body of the operation. Raises: Invalid."""
    said = body(given, currency)
    if action is ReturnAction.INSPECT:
        lost = units(given, "lost")
        came = {line.sku: line.received for line in goods.items if line.received}
        if any(quantity > came.get(sku, 0) for sku, quantity in lost.items()):
            raise Invalid(FieldError("No more than what came", pointer="/lost"))
        said["items"] = [
            {"sku": sku, "restock": quantity - lost.get(sku, 0), "write_off": lost.get(sku, 0)}
            for sku, quantity in came.items()
        ]
    return said
