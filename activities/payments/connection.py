"""The one connection to Stripe, and its bad days in our words: worth another try, or a mistake of ours."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, TypeVar

import stripe
from temporalio.exceptions import ApplicationError

from models import spans
from models.errors import Unavailable

T = TypeVar("T")

CALL_TIMEOUT = 12.0
"""Seconds for one call; longer than any answer of the provider that is still worth having."""
_STRIPE = {"peer.service": "stripe"}


class Connection:
    """Holds the secret key; nobody else does."""

    def __init__(self, secret_key: str, base: str | None = None) -> None:
        addresses: Any = {"api": base} if base else None
        self._http = stripe.HTTPXClient(timeout=CALL_TIMEOUT)
        self.v1 = stripe.StripeClient(
            secret_key,
            base_addresses=addresses,
            max_network_retries=0,  # Temporal is the one who retries
            http_client=self._http,
        ).v1

    async def close(self) -> None:
        """Hand the connections back."""
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def ask(self, call: Awaitable[T]) -> T:
        """The answer to one call of `v1`.

        Raises: stripe.CardError and stripe.InvalidRequestError, which are answers too; Unavailable to be retried;
        ApplicationError `provider_denied` when our key is no good.
        """
        try:
            with spans.span(f"stripe {getattr(call, '__qualname__', 'call')}", _STRIPE):
                return await call
        except (stripe.CardError, stripe.InvalidRequestError):
            raise
        except stripe.AuthenticationError as denied:
            raise ApplicationError(
                "the provider does not accept our key: check STRIPE_SECRET_KEY", type="provider_denied",
                next_retry_delay=timedelta(seconds=30),
            ) from denied  # fmt: skip
        except stripe.StripeError as error:
            raise _unavailable(error) from error


def rejected(refused: stripe.InvalidRequestError) -> ApplicationError:
    """A mistake of ours: asking again would not help."""
    return ApplicationError(
        f"the provider rejected our request: {refused.user_message}",
        {"code": refused.code, "param": refused.param, "provider_request": refused.request_id},
        type="provider_rejected",
        non_retryable=True,
    )


def is_about_the_method(refused: stripe.InvalidRequestError) -> bool:
    """Whether the buyer's payment method is what is wrong: unknown, somebody else's, or spent.

    Stripe names another parameter for a saved method that is used without its customer, and none for a spent one.
    """
    return refused.param in ("payment_method", "source") or (
        refused.param is None and "PaymentMethod" in (refused.user_message or "")
    )


def _unavailable(error: stripe.StripeError) -> Exception:
    """Worth another try; when the provider says how long to wait, that long."""
    wait = (error.headers or {}).get("retry-after", "")
    if wait.isdigit():
        return ApplicationError(
            f"stripe asks us to wait {wait} s", type="Unavailable", next_retry_delay=timedelta(seconds=int(wait))
        )
    return Unavailable("stripe", f"{type(error).__name__}: {error.user_message or error}")
