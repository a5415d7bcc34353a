"""Stripe's refusals, in the exact shape its API sends them."""

from typing import Any

Obj = dict[str, Any]


class StripeError(Exception):
    """One refusal: HTTP status and Stripe's error object.

    `executed` says that the endpoint began its work, so an idempotency key remembers the answer;
    `commits` says that the refusal itself changed state (a declined charge is a fact worth keeping).
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        executed: bool = True,
        commits: bool = False,
        retry: bool | None = None,
        facts: Obj | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.commits = commits
        self.retry = retry
        error: Obj = {"message": message, "type": type}
        if code is not None:
            error["code"] = code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
        if param is not None:
            error["param"] = param
        self.error = error | (facts or {})


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    """A parameter Stripe refuses before it does anything; no idempotency key remembers it."""
    return StripeError(400, message, param=param, code=code, executed=False)


def unexpected_state(message: str, intent: Obj) -> StripeError:
    """The payment or setup intent is not in a status that allows the move."""
    kind = intent["object"]
    shown = {key: value for key, value in intent.items() if not key.startswith("_")}
    return StripeError(400, message, code=f"{kind}_unexpected_state", facts={kind: shown})


def missing(noun: str, id: str, *, param: str | None = None) -> StripeError:
    """No such thing: 404 when the URL names it, 400 when a parameter does."""
    return StripeError(
        404 if param is None else 400, f"No such {noun}: '{id}'", code="resource_missing", param=param or "id"
    )


def unauthorized(authorization: str) -> StripeError:
    """No key, or one that is not a test secret key."""
    if not authorization:
        return StripeError(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            executed=False,
        )
    key = authorization.split()[-1]
    return StripeError(401, f"Invalid API Key provided: {key[:8]}{'*' * 8}{key[-4:]}", executed=False)
