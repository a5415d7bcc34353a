"""Refusals keep their code and facts on every way through Temporal; other errors never turn into one."""

from typing import Any

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.client import WorkflowUpdateFailedError
from temporalio.converter import DefaultFailureConverter, create_payload_validation_error
from temporalio.exceptions import ActivityError, ApplicationError, ApplicationErrorCategory, RetryState

from models import wire
from models.errors import Refusal, Unavailable, refusal_of
from models.money import Money


def across(error: BaseException) -> BaseException:
    """The error as it comes out at the other end of Temporal."""
    failure, converter = Failure(), wire.HoldfastConverter()
    DefaultFailureConverter().to_failure(error, converter, failure)
    return DefaultFailureConverter().from_failure(failure, converter)


def caused(outer: BaseException, inner: BaseException) -> BaseException:
    """`outer`, raised from `inner`."""
    outer.__cause__ = inner
    return outer


def activity_error(inner: BaseException) -> BaseException:
    """What a workflow catches when an activity raised `inner`."""
    return caused(
        ActivityError(
            "failed", scheduled_event_id=1, started_event_id=2, identity="w", activity_type="a", activity_id="1",
            retry_state=RetryState.NON_RETRYABLE_FAILURE,
        ), inner,
    )  # fmt: skip


def test_a_refusal_is_never_retried_and_pages_nobody() -> None:
    """Given a refusal, then Temporal knows its code as type, does not retry it and counts it as benign."""
    refusal = Refusal("out_of_stock", "Gone.", items=[{"sku": "A"}])
    assert (refusal.type, refusal.message, refusal.non_retryable) == ("out_of_stock", "Gone.", True)
    assert refusal.category is ApplicationErrorCategory.BENIGN
    assert (refusal.code, refusal.detail, refusal.facts) == ("out_of_stock", "Gone.", {"items": [{"sku": "A"}]})


@pytest.mark.parametrize(
    "facts",
    [{}, {"total": {"amount": 1, "currency": "usd"}}, {"code": "x", "detail": "y", "self": "z", "param": None}],
)
def test_a_refusal_crosses_temporal_by_its_code(facts: dict[str, Any]) -> None:
    """Given a refusal behind an activity and an update, then its code, words and facts come out, whatever they are."""
    for way in (lambda error: error, activity_error, lambda error: WorkflowUpdateFailedError(activity_error(error))):
        error: BaseException = way(across(Refusal("price_changed", "It is more now.", **facts)))
        found = refusal_of(error)
        assert found is not None
        assert (found.code, found.detail, dict(found.facts)) == ("price_changed", "It is more now.", facts)


def test_facts_with_money_arrive_as_json() -> None:
    """Given money among the facts, then it arrives in its one JSON shape."""
    found = refusal_of(across(Refusal("price_changed", "", total=Money(5, "usd"))))
    assert found is not None
    assert found.facts == {"total": {"amount": 5, "currency": "usd"}}


@pytest.mark.parametrize(
    "error",
    [
        None,
        ValueError("bug"),
        Unavailable("postgres"),
        ApplicationError("retry me", {"a": 1}, type="later"),
        ApplicationError("no details", type="odd", non_retryable=True),
        ApplicationError("no type", {"a": 1}, non_retryable=True),
        ApplicationError("a list", [1], type="odd", non_retryable=True),
        create_payload_validation_error("bad field"),
    ],
    ids=str,
)
def test_other_errors_are_not_refusals(error: BaseException | None) -> None:
    """Given a defect, an absent neighbour, or an error that may be retried, then there is no refusal in it."""
    assert refusal_of(error) is None
    if error is not None:
        assert refusal_of(across(error)) is None


def test_unavailable_names_its_neighbour() -> None:
    """Given an absent neighbour, then the error says which, and why when that is known."""
    assert str(Unavailable("postgres")) == "postgres is unavailable"
    assert str(Unavailable("stripe", "timeout")) == "stripe is unavailable: timeout"
    assert Unavailable("redis").neighbour == "redis"
