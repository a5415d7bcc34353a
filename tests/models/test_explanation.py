"""What is said of an order: walked through every state that one can be in, it is never empty and always true."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from models import clock, explanation
from models.attention import judge, kind_of
from models.explanation import CAPTURE, HELD, NOT_SHIPPED, RESERVE, VOID, of_rows, problem, summary
from models.ids import CartId, OrderId, new_id
from models.money import Money
from models.order import (
    FULFILMENT_MOVES,
    ORDER_MOVES,
    Action,
    FulfilmentStatus,
    Order,
    OrderEvent,
    OrderStatus,
    Shipping,
    buyer_actions,
    staff_actions,
)
from models.outgoing import TOLD
from models.payment import PAYMENT_MOVES, PaymentStatus, Standing
from models.totals import Totals
from tests import shop

S, P, F = OrderStatus, PaymentStatus, FulfilmentStatus
State = tuple[OrderStatus, PaymentStatus, FulfilmentStatus]
BOUGHT = {P.PAID, P.PARTIALLY_REFUNDED, P.REFUNDED}
CAN_BE: dict[OrderStatus, tuple[set[PaymentStatus], set[FulfilmentStatus]]] = {
    S.PENDING: ({P.PENDING, P.FAILED, P.AUTHORIZED}, {F.UNFULFILLED}),
    S.ON_HOLD: ({P.AUTHORIZED}, {F.UNFULFILLED}),
    S.CONFIRMED: ({P.AUTHORIZED, *BOUGHT}, {F.UNFULFILLED}),
    S.PROCESSING: ({P.AUTHORIZED, *BOUGHT}, {F.PARTIAL}),
    S.SHIPPED: (BOUGHT, {F.FULFILLED, F.RETURNED}),
    S.DELIVERED: (BOUGHT, {F.FULFILLED, F.RETURNED}),
    S.COMPLETED: (BOUGHT, {F.FULFILLED, F.RETURNED}),
    S.CANCELLED: ({P.VOIDED, *BOUGHT}, {F.UNFULFILLED}),
}
"""Of each status, how its money and its goods can stand beside it."""
OVER = {S.DELIVERED, S.COMPLETED, S.CANCELLED}
ASKED = (
    None, f"{CAPTURE}: stripe is unavailable: 503", f"{VOID}: stripe is unavailable", f"{RESERVE}: no",
    NOT_SHIPPED, HELD, "refund 1 of 5.00 USD did not arrive: closed", "papers cannot be written: ValueError: x",
    "dispute dp_1 of 5.00 USD (fraudulent): answer it at the provider", "return 1 waits for staff to approve it",
)  # fmt: skip
FITS: dict[Action, str] = {
    Action.SHIP: "the warehouse", Action.DELIVER: "the parcel", Action.APPROVE: "staff to approve",
    Action.CANCEL: "staff to cancel", Action.RETRY: "a retry",
}  # fmt: skip
"""What an order waits for, by what staff can do about it."""
WITHIN, PAUSE = timedelta(days=3), timedelta(hours=1)


def states() -> Iterator[State]:
    """Every state that an order can be in."""
    for status, (payments, fulfilments) in CAN_BE.items():
        yield from product([status], sorted(payments), sorted(fulfilments))


def order(state: State, **changes: Any) -> Order:
    """One that stands there."""
    now, zero, cart = clock.now(), Money(0, "usd"), CartId(new_id())
    values: dict[str, Any] = {
        "id": OrderId(new_id()), "number": "HF-7KQ2M-4XWPD", "workflow_id": f"order/{cart}/1", "cart_id": cart,
        "attempt": 1, "customer_id": None, "email": "ada@example.com", "status": state[0], "payment_status": state[1],
        "fulfilment_status": state[2], "totals": Totals(zero, zero, zero, zero, zero), "placed_at": now,
        "shipping": Shipping("standard", "Standard", "2-4 days"), "shipping_address": shop.NEW_YORK,
        "billing_address": shop.NEW_YORK, "lines": (), "pay_until": now + timedelta(minutes=30),
        "cancel_reason": "cancelled_by_buyer" if state[0] is S.CANCELLED else None,
    }  # fmt: skip
    return Order(**{**values, **changes})


def events(state: State, asked: str | None, tried: Standing | None) -> list[OrderEvent]:
    """What the timeline of such an order says."""
    types: list[tuple[str, dict[str, object]]] = [("order_placed", {})]
    if tried is not None:
        types.append((f"payment_{tried}", {}))
    if state[0] is S.ON_HOLD:
        types += [("order_screened", {"score": 90, "limit": 60}), ("order_on_hold", {"until": clock.now().isoformat()})]
    if state[0] not in (S.PENDING, S.ON_HOLD, S.CANCELLED):
        types.append(("order_confirmed", {}))
    if state[2] is not F.UNFULFILLED:
        types.append(("order_shipped", {"carrier": "UPS"}))
    if asked is not None:
        types.append(("attention_needed", {"reason": asked}))
    return [OrderEvent(type, "order", clock.now(), facts) for type, facts in types]


def test_every_status_can_be_reached_by_its_moves() -> None:
    """Given the moves of each axis, then the states that are walked have every status there is, and no other."""
    axes: tuple[tuple[int, Mapping[Any, frozenset[Any]], Any], ...] = (
        (0, ORDER_MOVES, S.PENDING), (1, PAYMENT_MOVES, P.PENDING), (2, FULFILMENT_MOVES, F.UNFULFILLED),
    )  # fmt: skip
    for of, moves, first in axes:
        reached, left = {first}, [first]
        while left:
            new = moves[left.pop()] - reached
            reached |= new
            left += new
        assert {state[of] for state in states()} == reached


def test_what_an_order_does_is_never_empty_and_always_true() -> None:
    """Given every state, whatever is asked for, whoever takes the money and however a try to pay ended, then it is told
    what the order does, and what it waits for is what somebody can do; only what is over waits for nothing."""
    told = 0
    for state, asked, provider, tried, page in product(
        states(), ASKED, ("stripe", "chapa", "credit"), (None, *Standing), (None, "https://pay.example")
    ):
        if state[0] is not S.PENDING and (tried is not None or page is not None):
            continue
        stands = order(state, attention=asked, provider=provider, redirect_url=page)
        where = (state, asked, provider, tried, page)
        said = of_rows(stands, events(state, asked, tried), WITHIN, PAUSE)
        words = summary(said)
        told += 1
        assert said.step.strip(), where
        assert (said.status, said.payment_status) == state[:2], where
        assert (said.waiting_for is None) == (state[0] in OVER), where
        assert words.startswith(said.step) and (said.waiting_for or "Nothing more is to come.") in words, where
        legal = staff_actions(*state, asked is not None)
        for action, beginning in FITS.items():
            if (said.waiting_for or "").startswith(beginning):
                assert action in legal, where
        if (said.waiting_for or "").startswith("the buyer"):
            assert Action.PAY in buyer_actions(*state, returnable=False), where
        assert Action.NOTE in legal, where
        assert (Action.RETRY in legal) == (asked is not None), where
    assert told > 1000


@pytest.mark.parametrize("asked", [each for each in ASKED if each is not None])
def test_what_a_person_is_asked_for_is_a_sentence(asked: str) -> None:
    """Given everything that can be asked for, then it is told as a sentence, and what kind of thing it is."""
    words = problem(asked)
    assert words[0].isupper() and "is unavailable" not in words
    assert judge("attention", asked).kind


def test_every_fact_that_others_are_told_has_a_sentence() -> None:
    """Given each type of fact that somebody is told about, then there are words for it, and not its name alone."""
    for type in TOLD:
        said = explanation.happened(OrderEvent(type, "order", clock.now(), {}))
        assert said != type.replace("_", " ").capitalize(), type


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("capture the payment", "capture the payment"), ("send refund 2 of 5.00 USD", "send refund"),
        ("ask how refund 12 stands", "ask how refund stands"), ("send a payout", "send a payout"),
    ],
)  # fmt: skip
def test_a_step_is_found_by_its_kind(step: str, kind: str) -> None:
    """Given steps that name numbers and sums, then those of one kind are found by the same words."""
    assert kind_of(step) == kind
