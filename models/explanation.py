"""Why an order is where it is, in words for people.

What an order waits for follows from its rows alone, so that it can be told also when its workflow cannot be asked, or
has been forgotten. Workflows say the same with the same words, and know more: when the next try is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from models.money import Money
from models.order import Order, OrderEvent, OrderStatus
from models.payment import TERMS, PaymentStatus, Standing

A_MOMENT = "a moment"
PAID = "Paid: confirming"
PROVIDER = "the payment provider"
TO_SHIP, TO_SHIP_REST, TO_ARRIVE = (
    "the warehouse to ship it", "the warehouse to ship the rest", "the parcel to arrive",
)  # fmt: skip
TO_RESERVE = "staff to look, and a card that is good for the rest"
PAID_AND_CONFIRMED, RESERVED = "Paid and confirmed", "Confirmed: its money is reserved, and taken as it is sent"
TO_CANCEL = "staff to cancel it, because all its money has gone back"
RETRY = "a retry by staff, or the next try by itself"
REVIEW = "staff to approve or reject it"
CAPTURE, VOID, NOT_SHIPPED = "capture the payment", "void the payment", "not shipped in time"
RESERVE = "reserve the rest of the money"
HELD = "held until somebody has looked at it"
"""What a person can be asked for, as an order's `attention` begins."""


class Whereabouts(msgspec.Struct, frozen=True):
    """What an order, or another process of one, does now."""

    step: str
    waiting_for: str | None = None
    """None: it is done."""
    until: datetime | None = None
    """None: there is no deadline."""
    status: str | None = None
    """Of the order, as its workflow knows it."""
    payment_status: str | None = None


def payer(standing: Standing, on_a_page: bool) -> str:
    """What an unpaid order waits for, after what was last seen of its payment."""
    if standing is Standing.ACTION_REQUIRED:
        return "the buyer to confirm with their bank (3-D Secure)"
    if on_a_page and standing in (Standing.METHOD_REQUIRED, Standing.DECLINED):
        return "the buyer to pay on the provider's page"
    if standing is Standing.METHOD_REQUIRED:
        return "the buyer to enter a card"
    if standing in (Standing.PROCESSING, Standing.UNKNOWN):
        return PROVIDER
    return "the buyer to pay with another card"


def held_for(score: object, limit: object) -> str:
    """Why an order does not go on by itself."""
    return f"Held: {score} points, from {limit} on a person looks"


_TRIES = {f"payment_{standing}": standing for standing in Standing}


def of_rows(order: Order, events: Sequence[OrderEvent], ship_within: timedelta | None, pause: timedelta) -> Whereabouts:
    """What the order does and waits for, as far as its rows tell. `pause`: before a failed step is tried again."""
    return msgspec.structs.replace(
        _of_rows(order, events, ship_within, pause), status=order.status, payment_status=order.payment_status
    )


def _of_rows(
    order: Order, events: Sequence[OrderEvent], ship_within: timedelta | None, pause: timedelta
) -> Whereabouts:
    if order.status is OrderStatus.CANCELLED:
        return Whereabouts(f"Cancelled: {order.cancel_reason}")
    if order.status is OrderStatus.DELIVERED:
        return Whereabouts("Delivered")
    if order.status is OrderStatus.COMPLETED:
        return Whereabouts("Delivered, and past the time for returns")
    if order.status is OrderStatus.SHIPPED:
        return Whereabouts(f"Shipped with {_carrier(events)}", TO_ARRIVE)
    if order.status in (OrderStatus.CONFIRMED, OrderStatus.PROCESSING):
        return _to_be_shipped(order, events, ship_within)
    if order.status is OrderStatus.ON_HOLD and not _is_being_voided(order):
        return _held(events)
    return _to_be_paid(order, events, pause)


def _is_being_voided(order: Order) -> bool:
    return order.attention is not None and order.attention.startswith(f"{VOID}: ")


def _held(events: Sequence[OrderEvent]) -> Whereabouts:
    screened, held = _last(events, "order_screened"), _last(events, "order_on_hold")
    facts = screened.facts if screened else {}
    until = held.facts.get("until") if held else None
    return Whereabouts(
        held_for(facts.get("score", "many"), facts.get("limit", "fewer")), REVIEW,
        datetime.fromisoformat(until) if isinstance(until, str) else None,
    )  # fmt: skip


def _to_be_paid(order: Order, events: Sequence[OrderEvent], pause: timedelta) -> Whereabouts:
    if order.attention and order.attention.startswith((f"{CAPTURE}: ", f"{VOID}: ")):
        asked = _last(events, "attention_needed")
        return Whereabouts(f"Needs attention: could not {order.attention}", RETRY, asked.at + pause if asked else None)
    if order.payment_status == PaymentStatus.AUTHORIZED:
        terms = TERMS.get(order.provider)
        if terms is None:
            return Whereabouts("Nothing is left to pay: confirming", A_MOMENT)
        if not terms.captures_apart:
            return Whereabouts(PAID, A_MOMENT)
        return Whereabouts("Taking the authorized money", PROVIDER)
    tried = next((event for event in reversed(events) if event.type in _TRIES), None)
    if tried is None:
        return Whereabouts("Authorizing the payment", PROVIDER, order.pay_until)
    standing = _TRIES[tried.type]
    waits = payer(standing, order.redirect_url is not None)
    return Whereabouts(f"Not paid: {order.payment_error or standing}", waits, order.pay_until)


def _to_be_shipped(order: Order, events: Sequence[OrderEvent], ship_within: timedelta | None) -> Whereabouts:
    waits = TO_SHIP if order.status is OrderStatus.CONFIRMED else TO_SHIP_REST
    if order.payment_status == PaymentStatus.REFUNDED:
        return Whereabouts("All its money has gone back", TO_CANCEL)
    if order.attention and order.attention.startswith((f"{RESERVE}: ", f"{CAPTURE}: ", f"{VOID}: ")):
        return Whereabouts(f"Needs attention: {order.attention}", TO_RESERVE)
    if order.attention == NOT_SHIPPED:
        return Whereabouts(f"Needs attention: {NOT_SHIPPED}", waits)
    # The time begins anew when staff say that they have looked, or accept a shortage.
    begun = [event.at for event in events if event.type in ("order_confirmed", "retry_asked", "shortage_accepted")]
    until = max(begun) + ship_within if begun and ship_within else None
    promises = [line.promised_at for line in order.lines if line.promised_at is not None]
    if promises and until is not None:
        until = max(until, *promises)
    if order.status is OrderStatus.CONFIRMED:
        reserved = order.payment_status == PaymentStatus.AUTHORIZED
        return Whereabouts(RESERVED if reserved else PAID_AND_CONFIRMED, waits, until)
    return Whereabouts("Partly shipped", waits, until)


def _last(events: Sequence[OrderEvent], type: str) -> OrderEvent | None:
    return next((event for event in reversed(events) if event.type == type), None)


def _carrier(events: Sequence[OrderEvent]) -> object:
    sent = _last(events, "order_shipped")
    return sent.facts.get("carrier") if sent else "its carrier"


# What happened, and who did it.

_WHO = {
    "buyer": "the buyer", "provider": "the payment provider", "order": "the shop, by itself",
    "operator": "an operator, in Temporal", "staff": "one of the staff", "mail": "the mail server",
}  # fmt: skip

_HAPPENED = {
    "order_placed": "The order was placed for {total}; its stock is held",
    "payment_authorized": "The payment of the order is guaranteed",
    "payment_declined": "The payment was declined: {decline}",
    "payment_action_required": "The buyer's bank wants a confirmation (3-D Secure)",
    "payment_method_required": "The buyer was asked for a way to pay",
    "payment_processing": "The provider is at work on the payment",
    "payment_unknown": "The provider did not say what became of the payment",
    "payment_canceled": "The payment was called off at the provider",
    "payment_captured": "{amount} was taken",
    "charge_authorized": "{amount} was reserved beside what the order began with ({purpose})",
    "charge_declined": "{amount} could not be reserved on the card that paid: {decline}",
    "credit_spent": "{amount} was paid with gift cards and store credit",
    "payment_returned": "{amount} came after the order had ended, and was sent back",
    "hold_extended": "The order was given longer to be paid: until {until}, instead of {was}",
    "goods_awaited": "Some of it has still to come in, and is promised until {promised_at}: {skus}",
    "goods_came": "{quantity} of {sku} came in, and are held for it",
    "order_screened": "It has {score} points where {limit} are enough for a person to look: {signs}",
    "order_on_hold": "The order is held until somebody has looked at it",
    "order_approved": "It was looked at and approved",
    "order_rejected": "It was looked at and rejected",
    "review_expired": "Nobody has looked at it in time",
    "order_confirmed": "The order is confirmed: its goods are promised to the buyer",
    "order_cancelled": "The order was cancelled: {reason}",
    "rest_cancelled": "What was not sent by then never will be: {reason}",
    "location_switched": "What was to leave from {from} leaves from {to}",
    "shortage_accepted": "Some of it will not come, the rest will: {reason}",
    "order_shipped": "Parcel {shipment} left with {carrier}, {tracking}",
    "parcel_delivered": "Parcel {shipment} arrived",
    "order_delivered": "All of the order has arrived",
    "refund_started": "Refund {n} of {amount} began: the money is reserved to go back",
    "refund_succeeded": "Refund {n}: {amount} went back",
    "refund_failed": "Refund {n} of {amount} did not arrive; the money can be given back another way",
    "refund_returned": "Refund {n} of {amount} came back from the buyer's bank",
    "return_requested": "The buyer asked to send goods back (return {n})",
    "return_approved": "Return {n}: the goods may come until {until}",
    "return_rejected": "Return {n} was rejected: {reason}",
    "return_received": "Return {n}: a parcel came",
    "return_inspected": "Return {n}: its goods were looked at, and are for sale again or written off",
    "return_settled": "Return {n} is over",
    "return_expired": "Return {n}: the goods never came, and are the buyer's",
    "edit_proposed": "A change of the order was asked for (edit {n}): {difference} against what it costs",
    "order_edited": "The order was changed (edit {n}); it costs {total} now",
    "edit_dropped": "Edit {n} was let go: the order stays as it is",
    "edit_expired": "Nobody said yes to edit {n} in time: the order stays as it is",
    "order_completed": "The order is over: the time for returns is past",
    "dispute_opened": "The buyer's bank wants {amount} back ({reason}): dispute {dispute}",
    "dispute_won": "Dispute {dispute} was won: {amount} stay with the shop",
    "dispute_lost": "Dispute {dispute} was lost: {amount} are the buyer's",
    "letter_refused": "A mail about it ({template}) reached nobody: {error}",
    "attention_needed": "A person was asked to look: {reason}",
    "attention_settled": "Nobody has to look any more",
    "retry_asked": "Another try was asked for",
    "approval_asked": "A second person was asked to agree: {action}, {amount}",
    "approval_given": "A second person agreed: {action}, {amount}",
    "approval_rejected": "It was not agreed to: {action}, {amount}",
    "note": "Note: {text}",
}

_DECLINES = {
    "card_declined": "the bank declines the card", "generic_decline": "the bank declines the card",
    "insufficient_funds": "there is not enough money on the card", "expired_card": "the card has expired",
    "incorrect_cvc": "the security code is wrong", "lost_card": "the card was reported lost",
    "stolen_card": "the card was reported stolen", "processing_error": "the bank had an error, another try may do",
    "authentication_required": "the bank wants the buyer to confirm",
    "payment_intent_authentication_failure": "the buyer did not confirm with their bank",
    "do_not_honor": "the bank declines the card and does not say why", "fraudulent": "the bank suspects fraud",
}  # fmt: skip

_NEIGHBOURS = {
    "stripe": "Stripe", "chapa": "Chapa", "postgres": "the database", "temporal": "Temporal", "mail": "the mail server",
}  # fmt: skip


class _Facts(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return "?"


def happened(event: OrderEvent) -> str:
    """A fact of the timeline as a sentence. One of a kind that is not known here is told by its name."""
    facts = _Facts({name: _shown(value) for name, value in event.facts.items()})
    facts["decline"] = decline(str(event.facts.get("code") or "no reason given"))
    if event.type not in _HAPPENED:
        return event.type.replace("_", " ").capitalize()
    return _HAPPENED[event.type].format_map(facts)


def who(actor: str) -> str:
    """Who it was, in words."""
    return _WHO.get(actor.partition("/")[0], actor)


def decline(code: str) -> str:
    """Why a payment was declined."""
    return _DECLINES.get(code, code)


def failure(kind: str | None, message: str) -> str:
    """Why a step failed, for who has not written the program."""
    neighbour, _, rest = message.partition(" is unavailable")
    if neighbour in _NEIGHBOURS:
        return f"{_NEIGHBOURS[neighbour].capitalize()} does not answer{f' ({rest[2:]})' if rest[2:] else ''}"
    if kind == "provider_rejected":
        return f"The payment provider refuses what we ask for: {message}"
    if kind == "timeout":
        return "There was no answer in time"
    return message


def problem(attention: str) -> str:
    """Why a person has to look, as a sentence."""
    step, colon, why = attention.partition(": ")
    if not colon or step.startswith(_SAID):
        return f"{attention[0].upper()}{attention[1:]}"
    return f"Could not {step}: {failure(None, why)}"


_SAID = ("refund ", "papers ", "dispute ", "return ")
"""How what is asked for begins where it is no step that could not be done."""


def _shown(value: object) -> object:
    if isinstance(value, Mapping) and value.keys() == {"amount", "currency"}:
        return str(msgspec.convert(value, Money))
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    if isinstance(value, list) and all(isinstance(each, Mapping) and "why" in each for each in value):
        return ", ".join(f"{each['why']} ({each.get('weight')})" for each in value)
    return value


def summary(told: Whereabouts) -> str:
    """One sentence or two."""
    if told.waiting_for is None:
        return f"{told.step}. Nothing more is to come."
    until = f", until {told.until:%Y-%m-%d %H:%M} UTC" if told.until else ""
    return f"{told.step}. It waits for {told.waiting_for}{until}."
