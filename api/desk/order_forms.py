"""What staff can do with an order, as forms."""

from collections.abc import Callable, Mapping

import msgspec
from litestar.handlers import HTTPRouteHandler

from api.admin import order_actions, order_goods, order_money, order_parcels, order_reviews, refunds
from api.admin.explain import Explanation
from api.admin.orders import DeskOrder, DeskPosition
from api.desk.admission import PATH
from api.desk.calls import Desk
from api.desk.forms import REASON, Body, Field, Form, Given, body, reason
from api.problems import FieldError, Invalid
from models.order import Action


def _left(line: DeskPosition) -> int:
    return line.quantity - line.shipped - line.cancelled - line.waiting


def _ship(order: DeskOrder, told: Explanation) -> tuple[Field, ...]:
    held: dict[str, int] = {}
    for each in told.books.stock:
        held[each.location] = held.get(each.location, 0) + each.held
    places = tuple((code, code) for code in sorted(code for code, units in held.items() if units > 0))
    where = Field("location", "From", "choice", choices=(("", "where all of it lies"), *places))
    return (
        Field("carrier", "Carrier", required=True, hint="UPS, DHL …"),
        Field("tracking", "Tracking number", required=True),
        Field("items", "In the parcel", "units", filled=True,
              units=tuple((line.sku, line.name, _left(line)) for line in order.items if _left(line) > 0)),
        *([where] if len(places) > 1 else []),
    )  # fmt: skip


def _switch(_: DeskOrder, told: Explanation) -> tuple[Field, ...]:
    places = sorted({each.location for each in told.books.stock})
    return (
        Field("from", "From", "choice", choices=tuple((code, code) for code in places)),
        Field("to", "To", required=True, hint="Code of a location that has enough of it."),
        REASON,
    )


def _shortage(order: DeskOrder, _: Explanation) -> tuple[Field, ...]:
    left = tuple((line.sku, line.name, line.quantity - line.shipped - line.cancelled) for line in order.items)
    return (
        Field("items", "What is not there", "units", units=tuple(each for each in left if each[2] > 0)),
        msgspec.structs.replace(REASON, hint="Its buyer is told. For the audit log, too: name no person."),
    )


def _deliver(order: DeskOrder, _: Explanation) -> tuple[Field, ...]:
    away = tuple((str(each.n), f"{each.n}: {each.carrier} {each.tracking}")
                 for each in order.shipments if each.delivered_at is None)  # fmt: skip
    return (Field("shipment", "Parcel", "choice", choices=(("", "all that are on their way"), *away)),)


def _refund(order: DeskOrder, _: Explanation) -> tuple[Field, ...]:
    currency = order.totals.total.currency.upper()
    return (
        Field("amount", f"Amount in {currency}", "money", hint="Or name below what it is for."),
        Field("items", "What was bought", "units",
              units=tuple((line.sku, line.name, line.quantity) for line in order.items)),
        Field("shipping", "Shipping too", "tick"),
        Field("to", "To", "choice", choices=(("original", "the way it was paid"), ("store_credit", "store credit"),
                                             ("gift_card", "a new gift card"))),
        REASON,
    )  # fmt: skip


def _capture(order: DeskOrder, _: Explanation) -> tuple[Field, ...]:
    currency = order.totals.total.currency.upper()
    return (Field("amount", f"Amount in {currency}", "money", hint="Left empty: all that is not taken yet."),)


class _Kind(msgspec.Struct, frozen=True):
    operation: HTTPRouteHandler
    title: str
    what: str
    fields: Callable[[DeskOrder, Explanation], tuple[Field, ...]]
    grave: bool = False


def _say(*fields: Field) -> Callable[[DeskOrder, Explanation], tuple[Field, ...]]:
    return lambda order, told: fields


KINDS: Mapping[Action, _Kind] = {
    Action.RETRY: _Kind(
        order_actions.retry, "Try again now", "The step that needs attention is tried at once, instead of after its "
        "pause. Where nothing can be tried, it says that you have looked.", _say(reason("looked at")),
    ),
    Action.APPROVE: _Kind(
        order_reviews.approve, "Approve", "It is no fraud: its money is taken, and its buyer told.",
        _say(reason("looked at, and good")),
    ),
    Action.REJECT: _Kind(
        order_reviews.reject, "Reject", "It ends, and what was reserved or paid goes back. The buyer is not told why.",
        _say(REASON), grave=True,
    ),
    Action.SHIP: _Kind(
        order_parcels.ship, "Ship", "A parcel leaves; the buyer gets a letter.", _ship,
    ),
    Action.SWITCH_LOCATION: _Kind(
        order_goods.switch_location, "Send from elsewhere", "What it holds at one location leaves from another.",
        _switch,
    ),
    Action.ACCEPT_SHORTAGE: _Kind(
        order_goods.accept_shortage, "Go without", "What is not there is never sent, and taken off the stock; its "
        "money goes back, the rest leaves. The buyer is told.", _shortage, grave=True,
    ),
    Action.DELIVER: _Kind(
        order_parcels.deliver, "Delivered", "A parcel arrived.", _deliver,
    ),
    Action.CAPTURE: _Kind(
        order_money.capture, "Take the money", "What is reserved is taken before anything is sent.", _capture,
    ),
    Action.EXTEND_HOLD: _Kind(
        order_actions.extend_hold, "Wait longer", "Its buyer can pay that much longer, its goods are kept.",
        _say(Field("minutes", "Minutes more", "number", value="60", required=True), REASON),
    ),
    Action.REFUND: _Kind(
        refunds.refund, "Refund", "Money goes back: an amount, or what some of it cost.", _refund, grave=True,
    ),
    Action.CANCEL: _Kind(
        order_money.cancel, "Cancel", "What was not sent never will be; its goods and money go back, the buyer is "
        "told.", _say(REASON), grave=True,
    ),
    Action.NOTE: _Kind(
        order_actions.note, "Note", "For staff alone; it stands in the timeline and is never edited.",
        _say(Field("text", "Note", "lines", required=True)),
    ),
}  # fmt: skip
"""In the order in which they are offered."""


def forms(desk: Desk, order: DeskOrder, told: Explanation) -> list[Form]:
    """What this person can do with it now."""
    return [
        Form(
            action, f"{PATH}/orders/{order.number}/{action}", kind.title, kind.what, kind.fields(order, told),
            kind.grave,
        )
        for action, kind in KINDS.items()
        if action in told.actions and desk.can(kind.operation)
    ]  # fmt: skip


def body_of(action: Action, given: Given, currency: str) -> Body:
    """What the form of an action says, as the body of its operation. Raises: Invalid."""
    said = body(given, currency)
    if action is Action.SHIP and "items" not in said:
        raise Invalid(FieldError("Say what is in the parcel", pointer="/items"))
    return said
