"""Returns as words: who can do what when, until when one can be asked for, and which units it takes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from models.errors import Refusal
from models.ids import VariantId, new_id
from models.position import Position
from models.returns import (
    RETURN_ACTIONS,
    RETURN_MOVES,
    ReturnAction,
    ReturnItem,
    ReturnStatus,
    choose,
    closes_at,
    return_actions,
    summed,
    workflow_id,
)
from models.shipment import Shipment

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


def goods(sku: str, left: int) -> Position:
    """A position."""
    return Position(new_id(), VariantId(new_id()), sku, left)


def parcel(shipped: datetime, delivered: datetime | None = None) -> Shipment:
    """One that left then."""
    return Shipment(1, "UPS", "1Z", (), shipped, delivered, "main")


def test_each_status_has_its_actions() -> None:
    """Given every status, then staff can do what its moves allow, and nothing where it is over."""
    assert {status: return_actions(status) for status in ReturnStatus} == {
        ReturnStatus.REQUESTED: [ReturnAction.APPROVE, ReturnAction.REJECT],
        ReturnStatus.APPROVED: [ReturnAction.RECEIVE],
        ReturnStatus.RECEIVED: [ReturnAction.INSPECT],
        ReturnStatus.INSPECTED: [], ReturnStatus.REJECTED: [], ReturnStatus.SETTLED: [], ReturnStatus.EXPIRED: [],
    }  # fmt: skip


def test_what_nobody_does_happens_by_itself() -> None:
    """Given the moves, then each is an action of staff's, or one of the two that the workflow makes alone."""
    by_staff = set(RETURN_ACTIONS.values())
    assert {end for ends in RETURN_MOVES.values() for end in ends} - by_staff == {
        ReturnStatus.SETTLED, ReturnStatus.EXPIRED,
    }  # fmt: skip
    assert set(RETURN_ACTIONS) == set(ReturnAction)


def test_time_runs_from_the_last_parcel() -> None:
    """Given parcels, then time runs from when the last arrived, or left where nobody said that it arrived."""
    assert closes_at([], MONTH) is None
    assert closes_at([parcel(NOON)], MONTH) == NOON + MONTH
    later = NOON + timedelta(days=5)
    assert closes_at([parcel(NOON, later)], MONTH) == later + MONTH
    assert closes_at([parcel(NOON, later), parcel(NOON + timedelta(days=6))], MONTH) == NOON + timedelta(days=36)


def test_units_are_taken_in_the_order_of_the_positions() -> None:
    """Given two positions of one SKU, then the first gives what it has, and the second the rest."""
    first, other, second = goods("MUG", 2), goods("CUP", 1), goods("MUG", 3)
    assert choose([first, other, second], {"MUG": 4}) == [(first, 2), (second, 2)]
    assert choose([goods("MUG", 0), second], {"MUG": 3}) == [(second, 3)]


def test_what_is_not_there_is_refused_with_what_is() -> None:
    """Given more than is left, or a SKU that is not there, then it is refused."""
    with pytest.raises(Refusal) as no:
        choose([goods("MUG", 1), goods("CUP", 2)], {"MUG": 2, "CUP": 2})
    assert (no.value.code, no.value.facts) == (
        "nothing_to_return", {"items": [{"sku": "MUG", "requested": 2, "left": 1}]},
    )  # fmt: skip
    with pytest.raises(Refusal) as unknown:
        choose([goods("MUG", 1)], {"MUG": 1, "TEE": 1})
    assert (unknown.value.code, unknown.value.facts) == ("unknown_sku", {"skus": ["TEE"]})


def test_a_sku_named_twice_is_one_wish() -> None:
    """Given one SKU in two items, then its units add up."""
    assert summed([ReturnItem("MUG", 1), ReturnItem("CUP", 1), ReturnItem("MUG", 2)]) == {"MUG": 3, "CUP": 1}


def test_the_owner_s_id() -> None:
    """Given order and number, then everybody computes the same workflow id."""
    order = UUID("0190a0a0-0000-7000-8000-000000000001")
    assert workflow_id(order, 2) == "return/0190a0a0-0000-7000-8000-000000000001/2"
