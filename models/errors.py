"""Three families of errors, kept apart because each asks for another answer.

ApplicationError (temporalio)
└── Refusal            the business says no; the code is public, the facts tell why; never retried, never pages
Unavailable            a neighbour is slow or down; activities retry, the API answers 503 + Retry-After
anything else          a defect: 500 and a trace; in a workflow it parks the order until a fix is deployed

A refusal derives from ApplicationError because any other exception raised in workflow code parks the workflow task.
"""

from collections.abc import Mapping
from typing import Any

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory


class Refusal(ApplicationError):
    """The business says no. `code` is public and never renamed; `facts` is what a client needs to react."""

    def __init__(self, code: str, detail: str, /, **facts: Any) -> None:
        super().__init__(detail, dict(facts), type=code, non_retryable=True, category=ApplicationErrorCategory.BENIGN)
        self.code = code
        self.detail = detail
        self.facts: Mapping[str, Any] = facts


class Unavailable(Exception):
    """A neighbour did not answer. `neighbour` names it as `/health/ready` does; nothing is known to have happened."""

    def __init__(self, neighbour: str, detail: str = "") -> None:
        super().__init__(f"{neighbour} is unavailable" + (f": {detail}" if detail else ""))
        self.neighbour = neighbour


def refusal_of(error: BaseException | None) -> Refusal | None:
    """The refusal behind an error that crossed Temporal, where its class is lost but type and facts are kept."""
    while error is not None:
        if isinstance(error, Refusal):
            return error
        if isinstance(error, ApplicationError) and error.non_retryable and error.type and error.details:
            facts = error.details[0]
            if isinstance(facts, dict):
                return Refusal(error.type, error.message, **facts)
        error = error.__cause__
    return None
