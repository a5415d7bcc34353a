"""Every step fails once, before its effect and after it, in every story: the ledgers agree all the same."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from models.order import OrderStatus, workflow_id
from tests.flow import Flow
from tests.workflows import ledgers, refunding, screened, stories, test_goods
from tests.workflows.steps import asked_by
from tests.workflows.trouble import Kind, Trouble
from workflows.late_payment import late_payment_id
from workflows.telling import Board

KINDS: tuple[Kind, ...] = ("before", "after")
STEPS: dict[stories.Story, tuple[str, ...]] = {
    stories.delivered: (
        "place_order", "authorize_payment_now", "secure_order", "capture_payment", "confirm_order", "send_parcel",
        "note_arrival",
    ),
    stories.cancelled_after_payment: ("confirm_order", "cancel_paid_order"),
    stories.sent_in_two_parcels: ("send_parcel", "note_arrival"),
    stories.rest_called_off: ("cancel_rest",),
    stories.paid_with_another_card: (
        "place_order", "authorize_payment_now", "record_payment_attempt", "authorize_payment", "secure_order",
        "capture_payment", "confirm_order",
    ),
    stories.window_closed: (
        "place_order", "authorize_payment_now", "record_payment_attempt", "read_payment", "void_payment",
        "cancel_order",
    ),
    stories.given_longer: ("extend_hold", "record_payment_attempt", "authorize_payment"),
    stories.cancelled_by_buyer: (
        "place_order", "authorize_payment_now", "record_payment_attempt", "void_payment",
        "cancel_order",
    ),
    stories.confirmed_at_the_bank: ("record_payment_attempt", "read_payment", "secure_order"),
    stories.captured_late: ("flag_order", "record_command"),
    stories.paid_partly_with_credit: (
        "place_order", "authorize_payment_now", "secure_order", "capture_payment", "confirm_order",
    ),
    stories.covered_by_credit: ("place_order", "secure_order", "confirm_order"),
    stories.credit_given_back: ("place_order", "void_payment", "cancel_order"),
    stories.paid_on_a_page: (
        "place_order", "authorize_payment_now", "record_payment_attempt", "read_payment", "secure_order",
        "confirm_order",
    ),
    stories.paid_on_stripes_page: ("authorize_payment_now", "record_payment_attempt", "read_payment", "secure_order"),
    stories.turned_from_page_to_card: ("authorize_payment_now", "authorize_payment", "record_payment_attempt"),
    stories.left_stripes_page: ("authorize_payment_now", "read_payment", "void_payment", "cancel_order"),
    stories.paid_while_cancelled: ("void_payment", "cancel_order", "return_payment", "record_late_payment"),
    stories.edited: ("open_edit", "commit_edit"),
    stories.edited_dearer: (
        "open_edit", "authorize_further", "record_charge", "commit_edit", "settle_charge",
    ),
    stories.edit_refused_late: ("void_payment", "drop_charge"),
    stories.edit_expired: ("open_edit", "end_edit"),
    stories.card_kept: ("authorize_payment_now", "secure_order"),
}  # fmt: skip
"""What can fail in each story."""
LATE = ("return_payment", "record_late_payment")
"""Steps of the workflow that sends late money back."""
MATRIX = sum(len(steps) for steps in STEPS.values()) * len(KINDS)


def test_the_matrix_knows_every_step_of_an_order(record_property: Callable[[str, object], None]) -> None:
    """An activity that comes into an order's path needs its place here."""
    known = {step for steps in (STEPS | screened.STEPS).values() for step in steps}  # those have a shop of their own
    # So have those of money that is taken at shipment: test_capturing.py.
    known |= (asked_by("capturing") - asked_by("collecting")) | {"weigh_parcel"}
    known |= test_goods.STEPS
    assert known == asked_by("order") - (asked_by("refund") - known)  # which has a matrix of its own
    record_property("measured", f"fault matrix: {MATRIX} cases in {len(STEPS)} stories")


@pytest.mark.parametrize("story", STEPS)
async def test_a_step_that_fails_once_harms_nothing(flow: Flow, trouble: Trouble, story: stories.Story) -> None:
    """The story ends as it should, each order is wholly sold or wholly undone, and every planned failure came."""
    cases = [(step, kind) for step in STEPS[story] for kind in KINDS]
    shelves = [await stories.Shelf.open(flow) for _ in cases]
    for shelf, (step, kind) in zip(shelves, cases, strict=True):
        owner = workflow_id(shelf.cart, 1)
        trouble.plan(late_payment_id(owner) if step in LATE else owner, step, kind)

    await asyncio.gather(*(story(shelf) for shelf in shelves))

    agree = refunding if story is stories.rest_called_off else ledgers  # of which a part goes back
    assert await agree.disagreements(flow) == []
    assert trouble.to_come() == []


@pytest.mark.parametrize("worker_options", [{"workflow_failure_exception_types": ()}])
@pytest.mark.parametrize("moment", ["Authorizing the payment", "Taking the authorized money"])
async def test_a_first_task_that_is_lost_is_run_again(
    shelf: stories.Shelf, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Nothing of the order is in history yet, but Postgres and the provider know it: it is met again, not doubled."""
    tell, deaths = Board.tell, [RuntimeError("as if the worker had died")]

    def tell_once_too_often(board: Board, step: str, *more: Any) -> None:
        if step == moment and deaths:
            raise deaths.pop()
        tell(board, step, *more)

    monkeypatch.setattr(Board, "tell", tell_once_too_often)

    handle, _ = await shelf.buy()

    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert not deaths
    assert (await shelf.flow.intents(shelf.number))[0]["charges"] == 1
    assert await ledgers.disagreements(shelf.flow) == []
