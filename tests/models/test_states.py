"""The axes of an order as data: everything reachable, every end an end, and what the buyer may do."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import pytest

from models.approval import APPROVAL_MOVES, ApprovalStatus
from models.edit import EDIT_MOVES, EditStatus
from models.order import (
    BUYER_ACTIONS,
    FULFILMENT_MOVES,
    ORDER_MOVES,
    STAFF_ACTIONS,
    Action,
    FulfilmentStatus,
    OrderStatus,
    buyer_actions,
    may_move,
    staff_actions,
    workflow_id,
)
from models.payment import PAYMENT_MOVES, SETTLED, PaymentStatus
from models.returns import RETURN_MOVES, ReturnStatus

S = TypeVar("S", bound=StrEnum)
Moves = Mapping[StrEnum, frozenset[StrEnum]]
AXES = [
    pytest.param(OrderStatus, ORDER_MOVES, OrderStatus.PENDING, {"completed", "cancelled"}, id="order"),
    pytest.param(PaymentStatus, PAYMENT_MOVES, PaymentStatus.PENDING, {"refunded", "voided"}, id="payment"),
    pytest.param(
        FulfilmentStatus, FULFILMENT_MOVES, FulfilmentStatus.UNFULFILLED, {"returned"}, id="fulfilment"
    ),
    pytest.param(
        ReturnStatus, RETURN_MOVES, ReturnStatus.REQUESTED, {"rejected", "settled", "expired"}, id="return"
    ),
    pytest.param(
        ApprovalStatus, APPROVAL_MOVES, ApprovalStatus.PENDING, {"done", "refused", "rejected", "expired"},
        id="approval",
    ),
    pytest.param(
        EditStatus, EDIT_MOVES, EditStatus.PROPOSED, {"committed", "dropped", "expired"}, id="edit"
    ),
]  # fmt: skip


def reachable(moves: Mapping[S, frozenset[S]], start: S) -> set[S]:
    """Every status that some way leads to."""
    found, edge = {start}, [start]
    while edge:
        for end in moves[edge.pop()] - found:
            found.add(end)
            edge.append(end)
    return found


@pytest.mark.parametrize(("axis", "moves", "start", "ends"), AXES)
def test_every_status_says_where_it_may_go(axis: type[StrEnum], moves: Moves, start: StrEnum, ends: set[str]) -> None:
    """Given all words of an axis, then each has its moves, and no move leads to an unknown word or to itself."""
    assert set(moves) == set(axis)
    for status, goals in moves.items():
        assert goals <= set(axis) - {status}


@pytest.mark.parametrize(("axis", "moves", "start", "ends"), AXES)
def test_every_status_is_reachable_and_leads_to_an_end(
    axis: type[StrEnum], moves: Moves, start: StrEnum, ends: set[str]
) -> None:
    """Given the start, then every status can be reached, the ends are the known ones, and each status reaches one."""
    assert reachable(moves, start) == set(axis)
    assert {status.value for status, goals in moves.items() if not goals} == ends
    for status in axis:
        assert {found.value for found in reachable(moves, status)} & ends


def test_money_that_moved_never_unmoves() -> None:
    """Given a paid payment, then no way leads back to where it could be charged or given up."""
    assert reachable(PAYMENT_MOVES, PaymentStatus.PAID) == {
        PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED,
    }  # fmt: skip
    assert reachable(PAYMENT_MOVES, PaymentStatus.VOIDED) == {PaymentStatus.VOIDED}


def test_settled_payments_cannot_be_authorized_again() -> None:
    """Given the statuses called settled, then they are exactly those from which no authorization can come."""
    assert {status for status in PaymentStatus if PaymentStatus.AUTHORIZED not in PAYMENT_MOVES[status]} == SETTLED


def test_shipped_goods_cannot_be_cancelled() -> None:
    """Given an order that left the house, then it can only be delivered; before that, it can be cancelled."""
    cancellable = {status for status in OrderStatus if may_move(status, OrderStatus.CANCELLED)}
    assert cancellable == {OrderStatus.PENDING, OrderStatus.ON_HOLD, OrderStatus.CONFIRMED, OrderStatus.PROCESSING}
    assert not may_move(OrderStatus.CANCELLED, OrderStatus.PENDING)


MONEY_CAME = (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)


@pytest.mark.parametrize("status", OrderStatus)
@pytest.mark.parametrize("payment", PaymentStatus)
@pytest.mark.parametrize("fulfilment", FulfilmentStatus)
def test_a_buyer_can_pay_what_is_unpaid_and_cancel_what_is_here(
    status: OrderStatus, payment: PaymentStatus, fulfilment: FulfilmentStatus
) -> None:
    """Given every standing, then buyers pay and cancel what is unpaid, cancel and edit what is here, return others."""
    unpaid = status is OrderStatus.PENDING and payment in (PaymentStatus.PENDING, PaymentStatus.FAILED)
    not_sent = status is OrderStatus.CONFIRMED and fulfilment is FulfilmentStatus.UNFULFILLED
    here = not_sent and payment in MONEY_CAME
    reserved = not_sent and payment is PaymentStatus.AUTHORIZED
    gone = status in (OrderStatus.PROCESSING, OrderStatus.SHIPPED, OrderStatus.DELIVERED) and payment in MONEY_CAME
    theirs = gone and fulfilment in (FulfilmentStatus.PARTIAL, FulfilmentStatus.FULFILLED)
    parcel_by_parcel = (OrderStatus.PROCESSING, PaymentStatus.AUTHORIZED, FulfilmentStatus.PARTIAL)
    theirs = theirs or (status, payment, fulfilment) == parcel_by_parcel
    held = status is OrderStatus.ON_HOLD and payment is PaymentStatus.AUTHORIZED
    left = here and payment is not PaymentStatus.REFUNDED
    wanted = ["cancel", "pay"] if unpaid else ["cancel", *["edit"] * left] if here or held or reserved else []
    assert buyer_actions(status, payment, fulfilment, returnable=False) == wanted
    assert buyer_actions(status, payment, fulfilment, returnable=True) == [*wanted, *["return"] * theirs]


STAFF_CAN: Mapping[tuple[OrderStatus, PaymentStatus, FulfilmentStatus], set[str]] = {
    (OrderStatus.PENDING, PaymentStatus.PENDING, FulfilmentStatus.UNFULFILLED): {"cancel", "extend_hold"},
    (OrderStatus.PENDING, PaymentStatus.FAILED, FulfilmentStatus.UNFULFILLED): {"cancel", "extend_hold"},
    (OrderStatus.ON_HOLD, PaymentStatus.AUTHORIZED, FulfilmentStatus.UNFULFILLED): {"cancel", "approve", "reject"},
    (OrderStatus.CONFIRMED, PaymentStatus.AUTHORIZED, FulfilmentStatus.UNFULFILLED): {
        "cancel", "ship", "capture", "switch_location",
    },
    (OrderStatus.PROCESSING, PaymentStatus.AUTHORIZED, FulfilmentStatus.PARTIAL): {
        "ship", "deliver", "refund", "cancel", "switch_location",
    },
    (OrderStatus.PROCESSING, PaymentStatus.REFUNDED, FulfilmentStatus.PARTIAL): {"deliver", "cancel"},
    (OrderStatus.CONFIRMED, PaymentStatus.PAID, FulfilmentStatus.UNFULFILLED): {
        "cancel", "edit", "ship", "refund", "switch_location", "accept_shortage",
    },
    (OrderStatus.PROCESSING, PaymentStatus.PAID, FulfilmentStatus.PARTIAL): {
        "ship", "deliver", "refund", "cancel", "switch_location", "accept_shortage",
    },
    (OrderStatus.SHIPPED, PaymentStatus.PAID, FulfilmentStatus.FULFILLED): {"deliver", "refund"},
    (OrderStatus.SHIPPED, PaymentStatus.REFUNDED, FulfilmentStatus.RETURNED): {"deliver"},
}  # fmt: skip
"""What staff can do where an order really stands, beside a note, and another try of what needs attention."""


@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("stands", STAFF_CAN)
def test_staff_can_do_what_the_order_allows(
    stands: tuple[OrderStatus, PaymentStatus, FulfilmentStatus], attention: bool
) -> None:
    """Given where an order stands, then staff have just these actions, always a note, and retry when asked to look."""
    wanted = STAFF_CAN[stands] | {"note"} | ({"retry"} if attention else set())
    assert set(staff_actions(*stands, attention)) == wanted


@pytest.mark.parametrize("payment", PaymentStatus)
@pytest.mark.parametrize("fulfilment", FulfilmentStatus)
def test_what_is_over_is_only_written_about(payment: PaymentStatus, fulfilment: FulfilmentStatus) -> None:
    """Given an order at one of its ends, then no action of anybody's moves it."""
    for end in (status for status, goals in ORDER_MOVES.items() if not goals):
        assert buyer_actions(end, payment, fulfilment, returnable=True) == []
        assert set(staff_actions(end, payment, fulfilment, False)) <= {"note", "refund"}


def test_every_action_leads_somewhere() -> None:
    """Given the tables of actions, then each is possible somewhere, and every action is in one of them."""
    for table in (BUYER_ACTIONS, STAFF_ACTIONS):
        assert all(whens for whens in table.values())
    assert {*BUYER_ACTIONS, *STAFF_ACTIONS} == set(Action)


def test_the_owner_s_id_follows_from_cart_and_attempt() -> None:
    """Given a cart and an attempt, then everybody computes the same workflow id, and another attempt has another."""
    cart = UUID("0190a0a0-0000-7000-8000-000000000001")
    assert workflow_id(cart, 1) == "order/0190a0a0-0000-7000-8000-000000000001/1"
    assert workflow_id(cart, 2) != workflow_id(cart, 1)
