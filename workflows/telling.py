"""What an order says to the people who look at it in the Temporal UI, in their words."""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from models.ids import OrderNumber
from models.order import OrderStatus
from models.payment import PaymentStatus, ProviderPayment, Standing
from workflows import visibility


class Board:
    """What an order shows of itself: its two statuses, searchable, and its state card."""

    def __init__(self, number: OrderNumber) -> None:
        self._number = number
        self.status, self.payment_status = visibility.BEGINNING

    def move(self, status: OrderStatus | None, payment: PaymentStatus | None) -> None:
        """Change one status or both; None leaves it."""
        self.status = status or self.status
        self.payment_status = payment or self.payment_status
        workflow.upsert_search_attributes(
            [
                visibility.ORDER_STATUS.value_set(self.status),
                visibility.PAYMENT_STATUS.value_set(self.payment_status),
            ]
        )

    def ask(self, attention: bool) -> None:
        """Put the order among those that need a person, or take it out."""
        workflow.upsert_search_attributes([visibility.NEEDS_ATTENTION.value_set(attention)])

    def tell(self, step: str, waiting_for: str | None = None, until: datetime | None = None) -> None:
        """Say what the order does now, what it waits for and until when."""
        workflow.set_current_details(card(self._number, self.status, self.payment_status, step, waiting_for, until))


def card(
    number: str,
    status: OrderStatus,
    payment: PaymentStatus,
    step: str,
    waiting_for: str | None,
    until: datetime | None,
) -> str:
    """The state card, Markdown: where the order stands, what it waits for and until when."""
    deadline = f"{until:%Y-%m-%d %H:%M} UTC" if until else "no deadline"
    wait = "**Waits for:** nothing, it is done"
    if waiting_for:
        wait = f"**Waits for:** {waiting_for}  \n**Until:** {deadline}"
    return f"### {step}\n\n**Order:** {number}  \n**Status:** {status}  \n**Payment:** {payment}  \n{wait}\n"


def waiting_for(seen: ProviderPayment) -> tuple[str, str]:
    """What an unpaid order waits for, and the name of the timer that ends the wait."""
    if seen.standing is Standing.ACTION_REQUIRED:
        return "the buyer to confirm with their bank (3-D Secure)", "Look whether the bank has confirmed"
    if seen.redirect_url and seen.standing in (Standing.METHOD_REQUIRED, Standing.DECLINED):
        return "the buyer to pay on the provider's page", "Look whether the buyer has paid"
    if seen.standing is Standing.METHOD_REQUIRED:
        return "the buyer to enter a card", "Look whether the buyer has paid"
    if seen.standing in (Standing.PROCESSING, Standing.UNKNOWN):
        return "the payment provider", "Look how the payment stands"
    return "the buyer to pay with another card", "Payment window closes"


def cause(error: BaseException) -> str:
    """The innermost reason in plain words."""
    inner = _innermost(error)
    return inner.message if isinstance(inner, ApplicationError) else str(inner)


def kind(error: BaseException) -> str | None:
    """The innermost reason's code, when it has one."""
    inner = _innermost(error)
    return inner.type if isinstance(inner, ApplicationError) else None


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, FailureError) and error.cause is not None:
        error = error.cause
    return error
