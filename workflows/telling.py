"""What an order says to the people who look at it in the Temporal UI, in their words."""

from datetime import datetime

import msgspec
from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from models import explanation
from models.attention import kind_of
from models.errors import Unavailable
from models.explanation import Whereabouts
from models.ids import OrderNumber
from models.order import OrderStatus
from models.payment import PaymentStatus, ProviderPayment, Standing
from workflows import visibility


class Board:
    """What an order shows of itself: its two statuses, searchable, and its state card."""

    def __init__(self, number: OrderNumber) -> None:
        self._number = number
        self.status, self.payment_status = visibility.BEGINNING
        self.told = Whereabouts("Beginning")

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

    def ask(self, attention: bool, step: str | None = None) -> None:
        """Put the order among those that need a person, by the step that could not be done; or take it out."""
        ask(attention, step)

    def tell(self, step: str, waiting_for: str | None = None, until: datetime | None = None) -> None:
        """Say what the order does now, what it waits for and until when."""
        self.told = Whereabouts(step, waiting_for, until)
        workflow.set_current_details(card(self._number, self.status, self.payment_status, step, waiting_for, until))

    def as_told(self) -> Whereabouts:
        """What was said last, and where the order stands by now."""
        return msgspec.structs.replace(self.told, status=self.status, payment_status=self.payment_status)


class Placard:
    """What a process beside an order, as a refund or a return is, shows of itself."""

    def __init__(self, title: str) -> None:
        self._title = title
        self.told = Whereabouts("Beginning")

    def name(self, title: str, order: OrderNumber) -> None:
        """It is known which it is."""
        self._title = title
        workflow.upsert_search_attributes([visibility.ORDER_NUMBER.value_set(order)])

    def ask(self, attention: bool, step: str | None = None) -> None:
        """Put it among what needs a person, by the step that could not be done; or take it out."""
        ask(attention, step)

    def tell(self, step: str, waiting_for: str | None = None, until: datetime | None = None) -> None:
        """Say what it does now, what it waits for and until when."""
        self.told = Whereabouts(step, waiting_for, until)
        workflow.set_current_details(f"### {step}\n\n**{self._title}**  \n{_wait(waiting_for, until)}\n")


def ask(attention: bool, step: str | None = None) -> None:
    """Put this workflow among those that need a person, by the step that could not be done; or take it out."""
    failed = visibility.FAILED_STEP.value_unset() if step is None else visibility.FAILED_STEP.value_set(kind_of(step))
    workflow.upsert_search_attributes([visibility.NEEDS_ATTENTION.value_set(attention), failed])


def card(
    number: str,
    status: OrderStatus,
    payment: PaymentStatus,
    step: str,
    waiting_for: str | None,
    until: datetime | None,
) -> str:
    """The state card, Markdown: where the order stands, what it waits for and until when."""
    wait = _wait(waiting_for, until)
    return f"### {step}\n\n**Order:** {number}  \n**Status:** {status}  \n**Payment:** {payment}  \n{wait}\n"


_TIMERS = {
    Standing.ACTION_REQUIRED: "Look whether the bank has confirmed",
    Standing.METHOD_REQUIRED: "Look whether the buyer has paid",
    Standing.PROCESSING: "Look how the payment stands",
    Standing.UNKNOWN: "Look how the payment stands",
}


def _wait(waiting_for: str | None, until: datetime | None) -> str:
    if not waiting_for:
        return "**Waits for:** nothing, it is done"
    deadline = f"{until:%Y-%m-%d %H:%M} UTC" if until else "no deadline"
    return f"**Waits for:** {waiting_for}  \n**Until:** {deadline}"


def waiting_for(seen: ProviderPayment) -> tuple[str, str]:
    """What an unpaid order waits for, and the name of the timer that ends the wait."""
    on_a_page = seen.redirect_url is not None
    timer = _TIMERS.get(seen.standing, "Payment window closes")
    if on_a_page and seen.standing is Standing.DECLINED:
        timer = _TIMERS[Standing.METHOD_REQUIRED]
    return explanation.payer(seen.standing, on_a_page), timer


def cause(error: BaseException) -> str:
    """The reason in plain words: that a neighbour does not answer, whatever its client calls it; else the innermost."""
    while isinstance(error, FailureError) and error.cause is not None and not _is_unavailable(error):
        error = error.cause
    return error.message if isinstance(error, ApplicationError) else str(error)


def kind(error: BaseException) -> str | None:
    """The innermost reason's code, when it has one."""
    inner = _innermost(error)
    return inner.type if isinstance(inner, ApplicationError) else None


def code(error: BaseException) -> str | None:
    """What the step itself says of its failure, whatever brought that about."""
    while isinstance(error, FailureError) and not isinstance(error, ApplicationError) and error.cause is not None:
        error = error.cause
    return error.type if isinstance(error, ApplicationError) else None


def _is_unavailable(error: BaseException) -> bool:
    return isinstance(error, ApplicationError) and error.type == Unavailable.__name__


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, FailureError) and error.cause is not None:
        error = error.cause
    return error
