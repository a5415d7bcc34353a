"""What people are told of a failure."""

from temporalio.exceptions import ApplicationError

from models import explanation
from workflows import telling


def test_a_neighbour_that_does_not_answer_is_named_in_our_words() -> None:
    """Given an error of the provider's client behind ours, then ours is told, and a person reads a sentence."""
    ours = ApplicationError("stripe is unavailable: APIError: no answer", type="Unavailable")
    ours.__cause__ = ApplicationError("Request req_1: no answer", type="APIError")

    assert telling.cause(ours) == "stripe is unavailable: APIError: no answer"
    assert telling.kind(ours) == "APIError"
    assert explanation.problem(f"capture the payment: {telling.cause(ours)}") == (
        "Could not capture the payment: Stripe does not answer (APIError: no answer)"
    )


def test_of_other_failures_the_innermost_reason_is_told() -> None:
    """Given a failure that another one brought about, then that one is told."""
    outer = ApplicationError("a step failed")
    outer.__cause__ = ApplicationError("no such method", type="provider_rejected")

    assert telling.cause(outer) == "no such method"
    assert telling.kind(outer) == "provider_rejected"
